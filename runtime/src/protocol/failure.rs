//! Why an attempt ended without a result.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Why an attempt ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The agent said so.
    Error,
    /// The agent's code panicked.
    Panicked,
    /// It took longer than the attempt may.
    TimedOut,
    /// It gave no sign of life for longer than it may.
    Hung,
    /// Its process was killed by a signal.
    Killed,
    /// Its process ended with a code other than 0.
    ExitCode,
    /// What it put out breaks the protocol or a bound.
    BadOutput,
    /// Its worker went away, or its lease ran out.
    Lost,
    /// Its worker stopped in order and handed it back; does not count as a failure.
    HandedBack,
    /// The agent cannot work at all (program missing, say); does not count as a failure.
    Unavailable,
}

impl FailureKind {
    /// Its name, as events and metrics spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Panicked => "panicked",
            Self::TimedOut => "timed_out",
            Self::Hung => "hung",
            Self::Killed => "killed",
            Self::ExitCode => "exit_code",
            Self::BadOutput => "bad_output",
            Self::Lost => "lost",
            Self::HandedBack => "handed_back",
            Self::Unavailable => "unavailable",
        }
    }

    /// Whether it uses up one of the task's tries.
    pub const fn counts(self) -> bool {
        match self {
            Self::HandedBack | Self::Unavailable => false,
            Self::Error
            | Self::Panicked
            | Self::TimedOut
            | Self::Hung
            | Self::Killed
            | Self::ExitCode
            | Self::BadOutput
            | Self::Lost => true,
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An attempt that ended without a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Why.
    pub kind: FailureKind,
    /// What a person should read; at most [`FAILURE_MESSAGE_BYTES_MAX`] bytes.
    pub message: String,
    /// Whether another attempt may do better.
    pub retryable: bool,
}

/// The longest message of a failure; longer ones are cut.
pub const FAILURE_MESSAGE_BYTES_MAX: usize = 4 * 1024;

/// The text, or its beginning if it has more bytes: cut at a character's end, with a sign that there
/// was more.
pub(super) fn cut(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        let mut end = bytes_max.saturating_sub("…".len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

impl Failure {
    /// A failure that another attempt may mend. The message is cut at a character's end.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        let message = cut(message.into(), FAILURE_MESSAGE_BYTES_MAX);
        Self { kind, message, retryable: true }
    }

    /// A failure that the agent reports.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Error, message)
    }

    /// The same failure, and no attempt will do better.
    #[must_use]
    pub fn for_good(mut self) -> Self {
        self.retryable = false;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    /// What an agent met at work becomes what it reports, so that `?` works there.
    fn from(error: Error) -> Self {
        Self::error(error.to_string())
    }
}
