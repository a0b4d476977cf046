//! The words of the door: one JSON object a line, both ways.

use orkestra_runtime::{Error, ErrorKind, Result, id::AgentId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::request::Request;

/// The version of what is said at the door.
pub const VERSION: u64 = 1;

/// The longest `id`, in bytes.
const ID_BYTES_MAX: usize = 128;

/// Why nothing came of a request, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum Code {
    /// The line is no JSON object, or ends in its middle.
    Unreadable,
    /// The line is longer than is allowed; the connection is closed.
    TooLong,
    /// The node speaks another version.
    UnknownVersion,
    /// The node knows no such command.
    UnknownCommand,
    /// Too many connections are open; this one is closed.
    Busy,
    /// The asker is another user; the connection is closed.
    Forbidden,
    /// What was given is not allowed.
    Invalid,
    /// What was named does not exist.
    NotFound,
    /// It exists already, or is held by somebody else.
    Conflict,
    /// A queue, a disk or a limit is full.
    Full,
    /// No answer came in time; it may or may not have happened.
    Unavailable,
    /// What was read is damaged.
    Corrupt,
    /// The operating system refused or failed.
    Io,
    /// The program itself is wrong.
    Fault,
    /// A code of a later version.
    #[serde(other)]
    Unknown,
}

impl From<ErrorKind> for Code {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Invalid => Self::Invalid,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::Full => Self::Full,
            ErrorKind::Unavailable => Self::Unavailable,
            ErrorKind::Corrupt => Self::Corrupt,
            ErrorKind::Io => Self::Io,
            _ => Self::Fault,
        }
    }
}

impl Code {
    pub(crate) const fn kind(self) -> ErrorKind {
        match self {
            Self::Unreadable
            | Self::TooLong
            | Self::UnknownVersion
            | Self::UnknownCommand
            | Self::Forbidden
            | Self::Invalid => ErrorKind::Invalid,
            Self::NotFound => ErrorKind::NotFound,
            Self::Conflict => ErrorKind::Conflict,
            Self::Busy | Self::Full => ErrorKind::Full,
            Self::Unavailable => ErrorKind::Unavailable,
            Self::Corrupt => ErrorKind::Corrupt,
            Self::Io => ErrorKind::Io,
            Self::Fault | Self::Unknown => ErrorKind::Fault,
        }
    }
}

/// Why nothing came of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trouble {
    pub(super) code: Code,
    pub(super) message: String,
}

impl Trouble {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::new(error.kind().into(), error.to_string())
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        Self::new(trouble.code.kind(), trouble.message)
    }
}

/// A request as it is written.
#[derive(Debug, Serialize)]
pub(super) struct Asking<'a> {
    pub(super) v: u64,
    pub(super) id: u64,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a AgentId>,
    #[serde(flatten)]
    pub(super) request: &'a Request,
}

/// A request as it is read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) name: Option<AgentId>,
    pub(super) command: String,
    pub(super) request: Request,
}

/// An answer: exactly one of the two.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answered {
    pub(super) v: u64,
    /// The id of the request; null where none could be read.
    pub(super) id: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ok: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<Trouble>,
}

impl Answered {
    pub(super) fn new(id: Value, answer: Result<Value, Trouble>) -> Self {
        let (ok, error) = match answer {
            Ok(answer) => (Some(answer), None),
            Err(trouble) => (None, Some(trouble)),
        };
        Self { v: VERSION, id, ok, error }
    }

    /// The line, with its end.
    pub(super) fn line(&self) -> Vec<u8> {
        // What is made of JSON values can be written as JSON.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// Reads a line: its id, as far as there is one, and what is asked.
pub(super) fn read(line: &[u8]) -> (Value, Result<Asked, Trouble>) {
    let mut fields = match serde_json::from_slice::<Map<String, Value>>(line) {
        Ok(fields) => fields,
        Err(error) => {
            let message = format!("cannot read the line as a JSON object: {error}");
            return (Value::Null, Err(Trouble::new(Code::Unreadable, message)));
        }
    };
    let id = match fields.remove("id") {
        Some(id) if is_id(&id) => id,
        _ => {
            let message =
                format!("id must be a whole number, or a text of at most {ID_BYTES_MAX} bytes");
            return (Value::Null, Err(Trouble::new(Code::Invalid, message)));
        }
    };
    (id, asked(fields))
}

fn is_id(id: &Value) -> bool {
    id.is_u64() || id.as_str().is_some_and(|text| text.len() <= ID_BYTES_MAX)
}

fn asked(mut fields: Map<String, Value>) -> Result<Asked, Trouble> {
    let version = fields.remove("v").unwrap_or_default();
    if version.as_u64() != Some(VERSION) {
        let message = format!(
            "this node is orkestra {} and speaks version {VERSION} at its door, not {version}: \
             ask with an orkestra of its version",
            env!("CARGO_PKG_VERSION")
        );
        return Err(Trouble::new(Code::UnknownVersion, message));
    }
    let invalid = |message: String| Trouble::new(Code::Invalid, message);
    let name = match fields.remove("as") {
        None => None,
        Some(name) => Some(
            serde_json::from_value(name)
                .map_err(|error| invalid(format!("cannot speak for whom `as` names: {error}")))?,
        ),
    };
    let command = fields.get("command").and_then(Value::as_str).map(str::to_owned);
    let command = command.ok_or_else(|| invalid("command must be a text".to_owned()))?;
    match serde_json::from_value(Value::Object(fields)) {
        Ok(request) => Ok(Asked { name, command, request }),
        Err(error) => Err(unasked(&command, &error.to_string())),
    }
}

/// Tells a command that there is not from one that is asked in a wrong way.
fn unasked(command: &str, error: &str) -> Trouble {
    let shown: String = command.chars().take(40).collect();
    let known = error.strip_prefix("unknown variant ").and_then(|rest| {
        let (_, known) = rest.split_once("expected ")?;
        Some(known.trim_start_matches("one of "))
    });
    match known {
        Some(known) => Trouble::new(
            Code::UnknownCommand,
            format!(
                "this node is orkestra {} and knows no command {shown:?}, but {known}: \
                 ask with an orkestra of its version, or stop it and ask again",
                env!("CARGO_PKG_VERSION")
            ),
        ),
        None => Trouble::new(Code::Invalid, format!("cannot read the command {shown:?}: {error}")),
    }
}

#[cfg(test)]
mod tests;
