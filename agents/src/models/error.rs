//! Why a call of a model failed: sorted once, where the provider's answer is read.

use std::{fmt, time::Duration};

use orkestra_runtime::protocol::task::{Failure, FailureKind};
use serde::{Deserialize, Serialize};

use super::words::Usage;

/// The longest sentence that is kept of what a provider says of an error, in bytes.
const SAID_BYTES_MAX: usize = 512;

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// The same again may work: too many calls, a server's fault, the network, time.
    Retry {
        /// Not before this has passed, if the provider says so.
        after: Option<Duration>,
    },
    /// The request is wrong: the same again fails again.
    FixTheRequest,
    /// The key is missing or wrong, or may not do this, or its account is empty.
    NoAccess,
    /// The provider or the model does not want to answer this.
    Refused,
    /// The conversation is longer than the model takes.
    TooLong,
}

impl Sort {
    /// Its name, as reports spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry { .. } => "retry",
            Self::FixTheRequest => "fix_the_request",
            Self::NoAccess => "no_access",
            Self::Refused => "refused",
            Self::TooLong => "too_long",
        }
    }
}

/// What a failed call took: what a budget has to settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spent {
    /// The model never saw it.
    Nothing,
    /// The model may have answered and may be paid for, but nobody heard how much.
    Unknown,
    /// So much.
    Known(Usage),
}

/// Why a call of a model failed. It never shows a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelError {
    /// What to do about it.
    pub sort: Sort,
    /// What a person should read: what, why, what to do.
    pub message: String,
    /// What it took.
    pub spent: Spent,
    /// The status that the provider answered with, if it answered.
    #[serde(default)]
    pub status: Option<u16>,
}

impl ModelError {
    /// An error of a call that the model never saw.
    pub fn new(sort: Sort, message: impl Into<String>) -> Self {
        Self { sort, message: message.into(), spent: Spent::Nothing, status: None }
    }

    /// The same error of a call that took this.
    #[must_use]
    pub const fn having_spent(mut self, spent: Spent) -> Self {
        self.spent = spent;
        self
    }

    /// An answer that came, at least in part, and cannot be used: another may be better.
    pub(super) fn spoiled(why: impl Into<String>) -> Self {
        Self::new(Sort::Retry { after: None }, why).having_spent(Spent::Unknown)
    }

    /// Whether the same again may work.
    pub const fn is_retryable(&self) -> bool {
        matches!(self.sort, Sort::Retry { .. })
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ModelError {}

impl From<ModelError> for Failure {
    /// What a model agent reports. No access is no failure of the task: the agent cannot work.
    fn from(error: ModelError) -> Self {
        match error.sort {
            Sort::Retry { .. } => Self::error(error.message),
            Sort::NoAccess => Self::new(FailureKind::Unavailable, error.message),
            Sort::FixTheRequest | Sort::Refused | Sort::TooLong => {
                Self::error(error.message).for_good()
            }
        }
    }
}

/// What a provider says of an error, fit to be shown: in one line, and not for ever.
pub(super) fn said(text: &str) -> String {
    let mut said = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if said.len() + word.len() >= SAID_BYTES_MAX {
            said.push('…');
            break;
        }
        if !said.is_empty() {
            said.push(' ');
        }
        said.push_str(word);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_an_error_fits_in_a_line() {
        assert_eq!(said(" a\n\n b\u{1b}[31mc\t"), "a b [31mc");
        assert!(said(&"word ".repeat(1_000)).len() <= SAID_BYTES_MAX + '…'.len_utf8());
        assert_eq!(said(&"x".repeat(1_000)), "…");
    }

    #[test]
    fn only_what_may_work_again_is_tried_again() {
        let failure = |sort| Failure::from(ModelError::new(sort, "why"));
        assert!(failure(Sort::Retry { after: None }).retryable);
        for sort in [Sort::FixTheRequest, Sort::Refused, Sort::TooLong] {
            assert!(!failure(sort).retryable, "{sort:?}");
        }
        assert!(!failure(Sort::NoAccess).kind.counts());
    }
}
