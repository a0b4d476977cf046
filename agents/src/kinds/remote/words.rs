//! The words between an agent in any language and whoever hosts it: JSON, strict and bounded.

use std::{collections::BTreeSet, fmt, sync::Arc};

use orkestra_runtime::{
    Error, ErrorKind,
    id::{AgentId, Attempt, Capability, TaskId, TaskNo},
    limits::{FRAME_BYTES_MAX, NAME_BYTES_MAX},
    protocol::{agent::AgentProfile, agent::Availability, payload::Json},
};
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned, ser::SerializeMap as _};
use serde_json::value::RawValue;

use crate::kinds::tokens::Tokens;

/// The longest word that is read from an agent or sent to one, in bytes.
pub const WORD_BYTES_MAX: usize = FRAME_BYTES_MAX - 4 * 1024;
/// How many attempts one agent may hold at once.
pub const CAPACITY_MAX: u32 = 1_000;
/// How many capabilities, and how many specialties, an agent may name.
pub const QUALITIES_MAX: usize = 64;
/// The longest description, in bytes.
const DESCRIPTION_BYTES_MAX: usize = 1_024;
/// The longest session and the longest key, in bytes.
const TOKEN_BYTES_MAX: usize = 64;
/// The kind that an agent has if it says nothing else.
pub const KIND: &str = "remote";
/// Kinds of agents that come in another way.
const RESERVED: [&str; 4] = ["command", "function", "model", "person"];

/// One attempt, as an agent knows it. It says nothing to the agent but which one it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub(crate) struct Key(Arc<str>);

impl Key {
    pub(crate) fn of(task: TaskNo, attempt: Attempt) -> Self {
        Self(format!("{task}-{attempt}").into())
    }

    pub(super) fn read(text: &str) -> Result<Self, Trouble> {
        check_token("a key", text).map(|()| Self(text.into()))
    }

    #[cfg(test)]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why nothing came of a word, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum Code {
    /// It is no JSON object.
    Unreadable,
    /// It has too many bytes.
    TooLarge,
    /// A field is missing, unknown, or not allowed.
    Invalid,
    /// Nobody here knows this session: join again.
    UnknownSession,
    /// Another session of this agent has joined since: end.
    Replaced,
    /// The name belongs to an agent of another kind.
    Conflict,
    /// Whoever was asked cannot take it now: ask again later.
    Unavailable,
}

impl Code {
    /// Its name, as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "UNREADABLE",
            Self::TooLarge => "TOO_LARGE",
            Self::Invalid => "INVALID",
            Self::UnknownSession => "UNKNOWN_SESSION",
            Self::Replaced => "REPLACED",
            Self::Conflict => "CONFLICT",
            Self::Unavailable => "UNAVAILABLE",
        }
    }

    /// Its number, after those of HTTP.
    pub const fn number(self) -> u16 {
        match self {
            Self::Unreadable | Self::Invalid => 400,
            Self::UnknownSession => 404,
            Self::Conflict => 409,
            Self::Replaced => 410,
            Self::TooLarge => 413,
            Self::Unavailable => 503,
        }
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::Unreadable => "send one JSON object",
            Self::TooLarge => "keep large things elsewhere, and send where they are",
            Self::Invalid => "see docs/nats.md for what is allowed",
            Self::UnknownSession => "join again",
            Self::Replaced => "end: another process works under this name",
            Self::Conflict => "take another name",
            Self::Unavailable => "ask again in a second",
        }
    }
}

/// Why nothing came of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// For programs.
    pub code: Code,
    /// For people.
    pub message: String,
}

impl Trouble {
    /// With a sentence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The answer that tells of it.
    pub fn answer(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Refused<'a> {
            ok: bool,
            code: Code,
            message: &'a str,
            advice: &'static str,
        }
        let Self { code, message } = self;
        written(&Refused { ok: false, code: *code, message, advice: code.advice() })
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let code = match error.kind() {
            ErrorKind::Invalid | ErrorKind::NotFound => Code::Invalid,
            ErrorKind::Conflict => Code::Conflict,
            _ => Code::Unavailable,
        };
        Self::new(code, error.to_string())
    }
}

/// An agent wants to work.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// Its name.
    pub name: AgentId,
    /// One life of the process behind the name: drawn by chance when it starts.
    pub session: String,
    /// What kind of agent it is, for people.
    #[serde(default = "kind")]
    pub kind: String,
    /// One line for people.
    #[serde(default)]
    pub description: String,
    /// What it can do.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// What it is good at.
    #[serde(default)]
    pub specialties: Vec<String>,
    /// How many attempts it can hold at once.
    #[serde(default = "one")]
    pub capacity: u32,
}

fn kind() -> String {
    KIND.to_owned()
}

const fn one() -> u32 {
    1
}

impl Join {
    /// Reads and checks what an agent sent.
    pub fn read(body: &[u8]) -> Result<Self, Trouble> {
        let join: Self = read(body)?;
        check_token("a session", &join.session)?;
        let fault = if !(1..=CAPACITY_MAX).contains(&join.capacity) {
            format!("a capacity of {} is not allowed: use 1 to {CAPACITY_MAX}", join.capacity)
        } else if join.capabilities.len().max(join.specialties.len()) > QUALITIES_MAX {
            format!("more than {QUALITIES_MAX} capabilities or specialties are not kept")
        } else if join.specialties.iter().any(|one| one.is_empty() || one.len() > NAME_BYTES_MAX) {
            format!("a specialty has 1 to {NAME_BYTES_MAX} bytes")
        } else if join.description.len() > DESCRIPTION_BYTES_MAX {
            format!("the description has more than {DESCRIPTION_BYTES_MAX} bytes")
        } else if check_token("a kind", &join.kind).is_err()
            || RESERVED.contains(&join.kind.as_str())
        {
            format!(
                "{:?} is no kind of an agent that joins",
                join.kind.chars().take(40).collect::<String>()
            )
        } else {
            return Ok(join);
        };
        Err(Trouble::new(Code::Invalid, fault))
    }

    /// What its worker says of it.
    pub fn profile(&self) -> AgentProfile {
        AgentProfile {
            id: self.name.clone(),
            kind: self.kind.clone(),
            description: self.description.clone(),
            capabilities: self.capabilities.clone(),
            specialties: self.specialties.clone(),
            capacity: self.capacity,
            availability: Availability::Available,
        }
    }

    /// Whether another join tells of the same abilities.
    pub fn is_like(&self, other: &Self) -> bool {
        self.profile() == other.profile()
    }
}

/// A sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beat {
    pub(crate) session: String,
    /// What it works on, and what it has ended and was not heard about yet.
    pub(crate) held: BTreeSet<Key>,
}

impl Beat {
    pub(crate) fn read(body: &[u8]) -> Result<Self, Trouble> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            session: String,
            #[serde(default)]
            held: Vec<String>,
        }
        let Written { session, held } = read(body)?;
        check_token("a session", &session)?;
        if held.len() > CAPACITY_MAX as usize {
            let message = format!("an agent holds at most {CAPACITY_MAX} attempts");
            return Err(Trouble::new(Code::Invalid, message));
        }
        let held = held.iter().map(|key| Key::read(key)).collect::<Result<_, _>>()?;
        Ok(Self { session, held })
    }
}

/// An attempt, as an agent gets it.
#[derive(Serialize)]
pub(super) struct Assign<'a> {
    pub(super) r#type: &'static str,
    pub(super) key: &'a Key,
    pub(super) run: &'a str,
    pub(super) task: &'a str,
    pub(super) attempt: u32,
    pub(super) title: &'a str,
    pub(super) instructions: &'a str,
    pub(super) input: &'a RawValue,
    #[serde(serialize_with = "as_map")]
    pub(super) results: &'a [(TaskId, Json)],
    pub(super) effect_key: &'a str,
    #[serde(skip_serializing_if = "Tokens::is_empty")]
    pub(super) locks: Tokens<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timeout_ms: Option<u64>,
}

fn as_map<S: Serializer>(results: &&[(TaskId, Json)], to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(results.len()))?;
    for (task, json) in *results {
        let raw: &RawValue =
            serde_json::from_str(json.as_str()).map_err(serde::ser::Error::custom)?;
        map.serialize_entry(task.as_str(), raw)?;
    }
    map.end()
}

pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Trouble> {
    read_borrowed(body)
}

pub(super) fn read_borrowed<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Trouble> {
    if body.len() > WORD_BYTES_MAX {
        let message = format!("it has {} bytes, and at most {WORD_BYTES_MAX} are read", body.len());
        return Err(Trouble::new(Code::TooLarge, message));
    }
    serde_json::from_slice(body).map_err(|error| {
        let code = if error.is_data() { Code::Invalid } else { Code::Unreadable };
        Trouble::new(code, error.to_string())
    })
}

pub(super) fn written<T: Serialize>(word: &T) -> Vec<u8> {
    // What is made of texts and numbers can be written as JSON.
    serde_json::to_vec(word).unwrap_or_default()
}

pub(super) fn check_token(what: &str, text: &str) -> Result<(), Trouble> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=TOKEN_BYTES_MAX).contains(&text.len()) && text.bytes().all(fits) {
        return Ok(());
    }
    let message = format!(
        "{:?} is not {what}: use 1 to {TOKEN_BYTES_MAX} letters, digits, _ and -",
        short(text)
    );
    Err(Trouble::new(Code::Invalid, message))
}

pub(super) fn short(text: &str) -> String {
    text.chars().take(40).collect()
}
