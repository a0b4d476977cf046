//! Proposal checks: whether a council's proposal keeps the policy, and how it is built.
//!
//! The input is `{"v": 1, "step": "check", "checks": {"policy": …, "lint": …}}`, the proposal is the
//! result of the one task that it depends on, and the answer is a [`ChecksFound`]. The same proposal and
//! checks give the same answer.
//!
//! | check | fails on |
//! |---|---|
//! | policy | a required pattern that is nowhere, a forbidden one that is somewhere |
//! | lint | a length out of its bounds, a line or sentence too long, control characters, what is empty |
//! | lint of Markdown | headings that are missing, out of order, empty or skip a level, links to nowhere, a fence that is not closed |
//! | lint of JSON, TOML | what does not parse |
//!
//! What has no text, and what is too long, fails both. A pattern that is no pattern is the fault of
//! whoever wrote the checks: the attempt fails for good and says so.
//!
//! They do not judge whether a proposal is right. Patterns take time in proportion to the text,
//! whatever they are.

mod lines;
mod lint;
mod markdown;
mod policy;
mod sentences;
#[cfg(test)]
mod tests;

use orkestra_runtime::{
    Result,
    protocol::{
        council::{CONTENT_BYTES_MAX, ChecksFound, ChecksSpec, LintFound, PolicyFound, content_of},
        payload::Json,
        task::Failure,
    },
};
use serde::Deserialize;

use super::{finding::answer, workspace::go_on};
use crate::{Context, Work};

/// How many findings of one kind are listed; the rest is counted.
const LISTED_MAX: usize = 50;
/// How much of a text from outside a finding shows, in characters.
const SHOWN_CHARS_MAX: usize = 80;

#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    checks: ChecksSpec,
}

/// Checks the proposal among the results.
pub(super) fn run(work: &Work, context: &Context) -> Result<Json, Failure> {
    let Input { checks } = work.input()?;
    go_on(context)?;
    let wrong = |why: String| Failure::error(format!("cannot check by these checks: {why}"));
    if let Some(why) = fault(&checks) {
        return Err(wrong(why).for_good());
    }
    let Some((_, output)) = work.results.last() else {
        let why = "it depends on no task whose result could be checked".to_owned();
        return Err(wrong(why).for_good());
    };
    let text = match content_of(output) {
        None => {
            return answer(&unchecked(
                "the proposal has no text: neither is it one, nor has it a `content`",
            ));
        }
        Some(text) if text.len() > CONTENT_BYTES_MAX => {
            let bytes = text.len();
            let why = format!(
                "too long to be checked: {bytes} bytes, and at most {CONTENT_BYTES_MAX} are"
            );
            return answer(&unchecked(&why));
        }
        Some(text) => text,
    };
    let policy = policy::check(&text, &checks.policy).map_err(|why| wrong(why).for_good())?;
    go_on(context)?;
    answer(&ChecksFound { policy, lint: lint::check(&text, &checks.lint) })
}

/// What is wrong with checks, if something is: out of bounds, or no regular expression.
pub fn fault(checks: &ChecksSpec) -> Option<String> {
    checks.fault().or_else(|| policy::fault(&checks.policy))
}

/// What is said of what cannot be checked: that it passed nothing, and why.
fn unchecked(why: &str) -> ChecksFound {
    ChecksFound {
        policy: PolicyFound {
            passed: false,
            violations: vec![why.to_owned()],
            message: why.to_owned(),
        },
        lint: LintFound {
            passed: false,
            error_count: 1,
            warning_count: 0,
            errors: vec![why.to_owned()],
        },
    }
}
