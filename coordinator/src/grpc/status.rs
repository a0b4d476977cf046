//! How a refusal is told: a status with details that a program can read.
//!
//! Every refusal has an `ErrorInfo` with a stable reason; what is wrong with a request names the
//! field; what may work later says when.

use std::{collections::HashMap, time::Duration};

use orkestra_runtime::{Error, ErrorKind};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::public::Trouble;

/// Whose reasons these are.
pub(super) const DOMAIN: &str = "orkestra";
/// After how long what was refused for want of room may be asked again.
const FULL_AGAIN: Duration = Duration::from_secs(1);
/// After how long what nobody answered may be asked again.
const SILENT_AGAIN: Duration = Duration::from_millis(200);
/// The longest message of a status: longer ones fit no header.
const MESSAGE_BYTES_MAX: usize = 2_048;

/// Why a call was refused. The names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Something that was given is not allowed.
    Invalid,
    /// What was named is not there.
    NotFound,
    /// The role has no council.
    NoCouncil,
    /// There is a council, or could be one, and nobody who would do its work.
    NoAgents,
    /// It is there already.
    Exists,
    /// Something else has the name, or is in the way.
    Conflict,
    /// It is at work, and must end first.
    Busy,
    /// A limit is reached.
    Full,
    /// Too many streams go on.
    TooManyStreams,
    /// A message is larger than is read.
    TooLarge,
    /// The time that was given for it is over.
    DeadlineExceeded,
    /// It was cancelled by somebody else.
    Cancelled,
    /// All of the agents failed.
    AllAgentsFailed,
    /// The position was never reached.
    OutOfRange,
    /// Nobody answered: it may or may not have been done.
    Unavailable,
    /// The door is being shut.
    Stopping,
    /// Nobody knows who calls.
    Unauthenticated,
    /// Nothing here does that.
    Unsupported,
    /// The program is wrong, or what it stands on.
    Internal,
}

impl Reason {
    const fn code(self) -> Code {
        match self {
            Self::Invalid => Code::InvalidArgument,
            Self::NotFound | Self::NoCouncil => Code::NotFound,
            Self::NoAgents | Self::Busy => Code::FailedPrecondition,
            Self::Exists => Code::AlreadyExists,
            Self::Conflict | Self::Cancelled | Self::AllAgentsFailed => Code::Aborted,
            Self::Full | Self::TooManyStreams | Self::TooLarge => Code::ResourceExhausted,
            Self::DeadlineExceeded => Code::DeadlineExceeded,
            Self::OutOfRange => Code::OutOfRange,
            Self::Unavailable | Self::Stopping => Code::Unavailable,
            Self::Unauthenticated => Code::Unauthenticated,
            Self::Unsupported => Code::Unimplemented,
            Self::Internal => Code::Internal,
        }
    }

    /// As programs read it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "INVALID",
            Self::NotFound => "NOT_FOUND",
            Self::NoCouncil => "NO_COUNCIL",
            Self::NoAgents => "NO_AGENTS",
            Self::Exists => "EXISTS",
            Self::Conflict => "CONFLICT",
            Self::Busy => "BUSY",
            Self::Full => "FULL",
            Self::TooManyStreams => "TOO_MANY_STREAMS",
            Self::TooLarge => "MESSAGE_TOO_LARGE",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::Cancelled => "CANCELLED",
            Self::AllAgentsFailed => "ALL_AGENTS_FAILED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unavailable => "UNAVAILABLE",
            Self::Stopping => "STOPPING",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Unsupported => "UNSUPPORTED",
            Self::Internal => "INTERNAL",
        }
    }

    const fn again(self) -> Option<Duration> {
        match self {
            Self::Full | Self::TooManyStreams | Self::Busy | Self::Stopping => Some(FULL_AGAIN),
            Self::Unavailable => Some(SILENT_AGAIN),
            Self::Invalid
            | Self::NotFound
            | Self::NoCouncil
            | Self::NoAgents
            | Self::Exists
            | Self::TooLarge
            | Self::Conflict
            | Self::DeadlineExceeded
            | Self::Cancelled
            | Self::AllAgentsFailed
            | Self::OutOfRange
            | Self::Unauthenticated
            | Self::Unsupported
            | Self::Internal => None,
        }
    }
}

/// A refusal.
pub(super) fn refused(reason: Reason, message: impl Into<String>) -> Status {
    refused_of(reason, message, [])
}

/// A refusal with what a program may want to know of it, such as the name of a deliberation.
pub(super) fn refused_of<const N: usize>(
    reason: Reason,
    message: impl Into<String>,
    known: [(&str, String); N],
) -> Status {
    let mut details = ErrorDetails::new();
    let known: HashMap<String, String> =
        known.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    details.set_error_info(reason.as_str(), DOMAIN, known);
    if let Some(again) = reason.again() {
        details.set_retry_info(Some(again));
    }
    Status::with_error_details(reason.code(), shortened(message.into()), details)
}

/// What is wrong with fields of a request: each with why. There is at least one.
pub(super) fn invalid(fields: Vec<(String, String)>) -> Status {
    let told: Vec<String> = fields.iter().map(|(field, why)| format!("{field}: {why}")).collect();
    let mut details = ErrorDetails::new();
    details.set_error_info(Reason::Invalid.as_str(), DOMAIN, HashMap::new());
    for (field, why) in fields {
        details.add_bad_request_violation(field, shortened(why));
    }
    let message = shortened(told.join("; "));
    Status::with_error_details(Reason::Invalid.code(), message, details)
}

/// What is wrong with one field.
pub(super) fn invalid_field(field: &str, why: impl Into<String>) -> Status {
    invalid(vec![(field.to_owned(), why.into())])
}

/// What went wrong beyond the door.
pub(super) fn failed(error: &Error) -> Status {
    let reason = match error.kind() {
        ErrorKind::Invalid => Reason::Invalid,
        ErrorKind::NotFound => Reason::NotFound,
        ErrorKind::Conflict => Reason::Conflict,
        ErrorKind::Full => Reason::Full,
        ErrorKind::Unavailable => Reason::Unavailable,
        _ => {
            // Whoever calls is not told what the disk said; the log is.
            tracing::warn!(%error, "a call over gRPC failed");
            Reason::Internal
        }
    };
    refused(reason, error.to_string())
}

/// The same, where a conflict means that the name is taken.
pub(super) fn taken(error: &Error) -> Status {
    match error.kind() {
        ErrorKind::Conflict => refused(Reason::Exists, error.to_string()),
        _ => failed(error),
    }
}

/// What was wrong with something that is read as public requests are.
pub(super) fn troubled(trouble: Trouble) -> Status {
    taken(&Error::from(trouble))
}

fn shortened(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES_MAX {
        let mut end = MESSAGE_BYTES_MAX;
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
        message.push('…');
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_why_in_words_and_for_programs() {
        let status = refused_of(
            Reason::NoAgents,
            "no agent of this team has capability \"dev\"",
            [("role", "DEV".to_owned())],
        );
        assert_eq!(status.code(), Code::FailedPrecondition);
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("NO_AGENTS", "orkestra"));
        assert_eq!(info.metadata.get("role").map(String::as_str), Some("DEV"));
        assert!(details.retry_info().is_none());
    }

    #[test]
    fn every_field_that_is_wrong_is_named() {
        let status = invalid(vec![
            ("role".into(), "is empty".into()),
            ("rounds".into(), "is less than 0".into()),
        ]);
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let fields = &details.bad_request().unwrap().field_violations;
        let named: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
        assert_eq!(named, ["role", "rounds"]);
        assert!(status.message().contains("rounds: is less than 0"));
    }

    #[test]
    fn what_may_work_later_says_when_and_a_long_message_is_cut() {
        let full = failed(&Error::new(ErrorKind::Full, "ü".repeat(4_000)));
        assert_eq!(full.code(), Code::ResourceExhausted);
        assert!(full.get_error_details().retry_info().unwrap().retry_delay.is_some());
        assert!(full.message().len() <= MESSAGE_BYTES_MAX + 3);
        let taken = taken(&Error::new(ErrorKind::Conflict, "x"));
        assert_eq!(taken.code(), Code::AlreadyExists);
    }
}
