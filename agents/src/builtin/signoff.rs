//! Sign-off: one perspective's ballot on a synthesis; and the tally of all ballots.
//!
//! | perspective | votes against |
//! |---|---|
//! | `security` | any finding on secrets that is medium or graver; a high one on dependencies; no review of secrets or dependencies |
//! | `quality` | a score below `score_min` (60); a high finding on documentation or unfinished work; three placeholders or more; code without tests; no review of documentation or unfinished work |
//! | `legal` | any finding on licences that is medium or graver; no review of licences |
//! | `operations` | a file too large by far; a compiled program; a lock file that is missing, broken or stale; a version that was tagged already; no review of large files, dependencies or history |
//!
//! Whatever is critical makes all four vote against. The tally is `ready` when strictly more than
//! half of the ballots that were cast approve, and the synthesis, if it is among the results, proposes
//! it: a majority cannot vote a blocker away.

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

/// How many reasons a ballot gives.
const REASONS_MAX: usize = 20;

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
}

const fn score_min() -> u64 {
    60
}

/// One vote.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Ballot {
    pub(super) voter: String,
    pub(super) approve: bool,
    pub(super) reasons: Vec<String>,
}

/// All votes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Verdict {
    pub(super) ready: bool,
    pub(super) approve: usize,
    pub(super) reject: usize,
    pub(super) ballots: Vec<Ballot>,
    pub(super) score: Option<u64>,
}

/// Votes on the synthesis among the results.
pub(super) fn run(work: &Work, context: &Context) -> Result<Json, Failure> {
    let Options { perspective, score_min } = work.input()?;
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
    let approve = against.is_empty();
    if approve {
        against.push(format!("nothing speaks against it for {}", perspective.as_str()));
    }
    let more = against.len().saturating_sub(REASONS_MAX);
    against.truncate(REASONS_MAX);
    if more > 0 {
        against.push(format!("{more} more"));
    }
    let voter = perspective.as_str().to_owned();
    answer(&Ballot { voter, approve, reasons: against })
}

fn told(it: &Finding) -> String {
    let place = match (&it.file, it.line) {
        (Some(file), Some(line)) => format!(" ({file}:{line})"),
        (Some(file), None) => format!(" ({file})"),
        (None, _) => String::new(),
    };
    format!("{}: {}{place}", it.rule, it.message)
}

/// Counts the ballots among the results.
pub(super) fn tally(work: &Work, context: &Context) -> Result<Json, Failure> {
    go_on(context)?;
    let read = |json: &Json| json.read::<Ballot>().ok();
    let mut ballots: Vec<Ballot> = work.results.iter().filter_map(|(_, json)| read(json)).collect();
    ballots.sort_by(|a, b| a.voter.cmp(&b.voter));
    let approve = ballots.iter().filter(|ballot| ballot.approve).count();
    let reject = ballots.len() - approve;
    let synthesis = Synthesis::among(&work.results).ok();
    let blocked = synthesis.as_ref().is_some_and(|it| it.verdict_proposal != "ready");
    let score = synthesis.map(|synthesis| synthesis.score);
    answer(&Verdict { ready: approve > reject && !blocked, approve, reject, ballots, score })
}
