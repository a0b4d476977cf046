//! Sign-off: one perspective's ballot on a synthesis, as a committee reads it.
//!
//! | perspective | votes against |
//! |---|---|
//! | `security` | any finding on secrets that is medium or graver; a high one on dependencies; no review of secrets or dependencies |
//! | `quality` | a score below `score_min` (60); a high finding on documentation or unfinished work; three placeholders or more; code without tests; no review of documentation or unfinished work |
//! | `legal` | any finding on licences that is medium or graver; no review of licences |
//! | `operations` | a file too large by far; a compiled program; a lock file that is missing, broken or stale; a version that was tagged already; no review of large files, dependencies or history |
//!
//! Whatever is critical makes all four vote against. Against is `no`, or with `veto = true` a `veto`:
//! whether that blocks is for the rule of the vote to say. Where nothing speaks against it and the
//! synthesis does not propose it all the same, a perspective abstains: nobody says yes to what is
//! blocked, so a majority cannot vote a blocker away.

use std::fmt::Write as _;

use orkestra_runtime::{
    Result,
    protocol::{payload::Json, task::Failure},
};
use serde::{Deserialize, Serialize};

use super::{
    finding::{Finding, Severity, answer, count},
    synthesis::Synthesis,
    workspace::go_on,
};
use crate::{Context, Work};

/// How many reasons are given.
const REASONS_MAX: usize = 20;
/// How much of them the ballot itself repeats: what minutes tell of one.
const REASON_CHARS_MAX: usize = 300;
/// Room for the word that there are more.
const MORE_CHARS: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Perspective {
    Security,
    Quality,
    Legal,
    Operations,
}

impl Perspective {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Quality => "quality",
            Self::Legal => "legal",
            Self::Operations => "operations",
        }
    }

    /// Whose reviews it cannot do without.
    const fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Security => &["secrets", "dependencies"],
            Self::Quality => &["documentation", "unfinished"],
            Self::Legal => &["licences"],
            Self::Operations => &["large", "dependencies", "history"],
        }
    }

    /// Whether a finding alone is enough to vote against.
    fn rejects(self, it: &Finding) -> bool {
        let of = |reviewer: &str| it.rule.split('.').next() == Some(reviewer);
        let (medium, high) = (it.severity >= Severity::Medium, it.severity >= Severity::High);
        let rule = it.rule.as_str();
        it.severity == Severity::Critical
            || match self {
                Self::Security => (of("secrets") && medium) || (of("dependencies") && high),
                Self::Quality => {
                    ((of("documentation") || of("unfinished")) && high)
                        || rule == "inventory.no_tests"
                }
                Self::Legal => of("licences") && medium,
                Self::Operations => {
                    (of("large") && high)
                        || matches!(
                            rule,
                            "large.program"
                                | "dependencies.no_lock"
                                | "dependencies.stale_lock"
                                | "dependencies.bad_lock"
                                | "history.version_not_raised"
                        )
                }
            }
    }
}

#[derive(Deserialize)]
struct Options {
    perspective: Perspective,
    #[serde(default = "score_min")]
    score_min: u64,
    #[serde(default)]
    veto: bool,
}

const fn score_min() -> u64 {
    60
}

/// What one perspective says.
#[derive(Serialize)]
struct Signed {
    voter: &'static str,
    ballot: Ballot,
    reasons: Vec<String>,
}

/// A ballot as a committee reads it.
#[derive(Serialize)]
struct Ballot {
    content: &'static str,
    reason: String,
}

/// Votes on the synthesis among the results.
pub(super) fn run(work: &Work, context: &Context) -> Result<Json, Failure> {
    let Options { perspective, score_min, veto } = work.input()?;
    go_on(context)?;
    let synthesis = Synthesis::among(&work.results)?;
    let mut against: Vec<String> = Vec::new();
    for name in perspective.needs() {
        let reviewed = synthesis.reviewers.iter().any(|it| it.name == *name);
        if !reviewed {
            against.push(format!("no review by {name}"));
        }
    }
    let reasons = synthesis.findings.iter().filter(|it| perspective.rejects(it)).map(told);
    against.extend(reasons);
    if perspective == Perspective::Quality {
        if synthesis.score < score_min {
            against.push(format!("the score is {}, below {score_min}", synthesis.score));
        }
        let placeholder = |it: &&Finding| it.rule == "unfinished.placeholder";
        let placeholders = synthesis.findings.iter().filter(placeholder).count();
        if placeholders >= 3 {
            against.push(format!("{} in the code", count(placeholders, "placeholder")));
        }
    }
    let said = match (against.is_empty(), veto) {
        (false, true) => "veto",
        (false, false) => "no",
        (true, _) if synthesis.proposes() => "yes",
        (true, _) => "abstain",
    };
    if against.is_empty() {
        against.push(format!("nothing speaks against it for {}", perspective.as_str()));
        if !synthesis.proposes() {
            against.push(format!("the synthesis does not propose it ({})", synthesis.why));
        }
    }
    let more = against.len().saturating_sub(REASONS_MAX);
    against.truncate(REASONS_MAX);
    if more > 0 {
        against.push(format!("{more} more"));
    }
    let ballot = Ballot { content: said, reason: reason(&against) };
    answer(&Signed { voter: perspective.as_str(), ballot, reasons: against })
}

/// The reasons as those of a ballot: as many as there is room for, and at least the first.
fn reason(reasons: &[String]) -> String {
    let mut text = String::new();
    for (index, reason) in reasons.iter().enumerate() {
        let left = REASON_CHARS_MAX.saturating_sub(text.chars().count());
        if index > 0 && reason.chars().count() + MORE_CHARS > left {
            let _ = write!(text, "; {} more", reasons.len() - index);
            break;
        }
        text.push_str(if index == 0 { "" } else { "; " });
        text.extend(reason.chars().take(left));
    }
    text
}

fn told(it: &Finding) -> String {
    let place = match (&it.file, it.line) {
        (Some(file), Some(line)) => format!(" ({file}:{line})"),
        (Some(file), None) => format!(" ({file})"),
        (None, _) => String::new(),
    };
    format!("{}: {}{place}", it.rule, it.message)
}
