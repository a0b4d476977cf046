//! What the servers' refusals mean to us.

use std::fmt;

use async_nats::jetstream::{ErrorCode, response::Response};
use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    error::{Error, ErrorKind, Result},
    fabric::AskError,
};

/// What is told to whoever is cut off by the end of the fabric.
pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Unavailable, "the fabric was closed")
}

/// What is told to whoever needs a connection.
pub(super) fn disconnected(what: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("cannot {what}: there is no connection to NATS"))
}

/// Why a server did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The stream does not exist.
    NoStream,
    /// The consumer does not exist.
    NoConsumer,
    /// What was asked for does not exist in the stream.
    NoMessage,
    /// The stream, or the subject in it, ends elsewhere.
    WrongLast,
    /// There is no room.
    Full,
    /// It is larger than the stream takes.
    TooLarge,
    /// `JetStream` is off, for this server or for this account.
    NoJetStream(String),
    /// Nobody answers for the stream: it has no leader, or does not exist. Surely not done.
    NoOne,
    /// No answer came, or one that says nothing about whether it was done.
    Unclear(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStream => f.write_str("the stream does not exist"),
            Self::NoConsumer => f.write_str("the consumer does not exist"),
            Self::NoMessage => f.write_str("there is no such message"),
            Self::WrongLast => f.write_str("it was changed meanwhile"),
            Self::Full => f.write_str("there is no room"),
            Self::TooLarge => f.write_str("it is too large"),
            Self::NoJetStream(why) => write!(f, "JetStream is not enabled: {why}"),
            Self::NoOne => f.write_str("nobody answers for the stream"),
            Self::Unclear(why) => f.write_str(why),
        }
    }
}

impl Refusal {
    /// The error of something that may be tried again, or cannot work.
    pub(super) fn into_error(self, what: &str) -> Error {
        let kind = match &self {
            Self::NoStream | Self::NoConsumer | Self::NoMessage => ErrorKind::NotFound,
            Self::WrongLast => ErrorKind::Conflict,
            Self::Full => ErrorKind::Full,
            Self::TooLarge | Self::NoJetStream(_) => ErrorKind::Invalid,
            Self::NoOne | Self::Unclear(_) => ErrorKind::Unavailable,
        };
        Error::new(kind, format!("cannot {what}: {self}"))
    }
}

impl From<AskError> for Refusal {
    fn from(error: AskError) -> Self {
        match error {
            AskError::NoOne => Self::NoOne,
            AskError::NoAnswer => Self::Unclear("no answer came in time".to_owned()),
            AskError::TooLarge => Self::TooLarge,
            AskError::Unreadable => Self::Unclear("the answer cannot be read".to_owned()),
        }
    }
}

impl From<&async_nats::jetstream::Error> for Refusal {
    fn from(error: &async_nats::jetstream::Error) -> Self {
        let text = error.to_string();
        match error.error_code() {
            ErrorCode::STREAM_NOT_FOUND => Self::NoStream,
            ErrorCode::CONSUMER_NOT_FOUND => Self::NoConsumer,
            ErrorCode::NO_MESSAGE_FOUND => Self::NoMessage,
            ErrorCode::STREAM_WRONG_LAST_SEQUENCE
            | ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT => Self::WrongLast,
            ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
            | ErrorCode::INSUFFICIENT_RESOURCES
            | ErrorCode::MEMORY_RESOURCES_EXCEEDED
            | ErrorCode::STORAGE_RESOURCES_EXCEEDED
            | ErrorCode::STREAM_MAX_STREAM_BYTES_EXCEEDED => Self::Full,
            // One code for all that a store may say: only its limits are surely "not done".
            ErrorCode::STREAM_STORE_FAILED if text.contains("maximum") => Self::Full,
            ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM
            | ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM => Self::TooLarge,
            ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => {
                Self::NoJetStream(text)
            }
            _ => Self::Unclear(text),
        }
    }
}

/// Reads what a server answered.
pub(super) fn read<T: DeserializeOwned>(answer: &Bytes) -> Result<T, Refusal> {
    match serde_json::from_slice(answer) {
        Ok(Response::Ok(value)) => Ok(value),
        Ok(Response::Err { error }) => Err(Refusal::from(&error)),
        Err(_) => Err(Refusal::Unclear("the server's answer cannot be read".to_owned())),
    }
}

/// The word of a stream that it keeps a message.
#[derive(Debug, Deserialize)]
pub(super) struct Ack {
    pub(super) stream: String,
    #[serde(rename = "seq")]
    pub(super) sequence: u64,
    #[serde(default)]
    pub(super) duplicate: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: u64, text: &str) -> Refusal {
        let answer =
            format!(r#"{{"error":{{"code":400,"err_code":{code},"description":"{text}"}}}}"#);
        read::<Ack>(&answer.into()).unwrap_err()
    }

    #[test]
    fn only_what_is_surely_not_done_is_told_as_such() {
        assert_eq!(refusal(10071, "wrong last sequence: 7"), Refusal::WrongLast);
        assert_eq!(refusal(10077, "maximum bytes exceeded"), Refusal::Full);
        assert!(matches!(refusal(10077, "disk on fire"), Refusal::Unclear(_)));
        assert_eq!(refusal(10023, "insufficient resources"), Refusal::Full);
        assert_eq!(refusal(10054, "message size exceeds maximum allowed"), Refusal::TooLarge);
        assert!(matches!(refusal(99_999, "something new"), Refusal::Unclear(_)));
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_unclear() {
        for junk in ["", "{}", "[]", "{\"stream\":7}", "\u{0}"] {
            let read = read::<Ack>(&Bytes::copy_from_slice(junk.as_bytes()));
            assert!(matches!(read, Err(Refusal::Unclear(_))), "{junk:?}");
        }
    }
}
