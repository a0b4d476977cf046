//! The small words of planning: roles, identifiers, fingerprints, what a piece of work is held to.

use std::{collections::BTreeMap, fmt::Write as _};

use orkestra_runtime::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The longest name of a role.
pub const ROLE_BYTES_MAX: usize = 64;
/// The longest identifier of a plan, a case, a story: what is made of it has to fit a name.
pub const ID_BYTES_MAX: usize = 48;
/// The longest text that a council is given, in bytes; with what it is held to it has to fit a brief.
pub const TASK_BYTES_MAX: usize = 8 * 1024;
/// The most attempts that a step of a deliberation is given, and how many there are by default.
pub const ITERATIONS: (u32, u32) = (100, 10);
/// The longest time that work may be given, and how long it is given by default, in seconds.
pub const TIMEOUT_S: (u32, u32) = (86_400, 300);

/// A role as somebody wrote it. Two are the same whatever the case of their letters.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleName(String);

impl RoleName {
    /// Checks and keeps a role: 1 to 64 letters, digits, `_` and `-`.
    pub fn new(text: &str) -> Result<Self> {
        let fits = (1..=ROLE_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if fits {
            return Ok(Self(text.to_owned()));
        }
        Err(invalid(format!(
            "{:?} is no role: use 1 to {ROLE_BYTES_MAX} letters, digits, _ and -",
            shown(text)
        )))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In small letters: what it is compared by and called by in names.
    pub fn lower(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl PartialEq for RoleName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for RoleName {}

impl TryFrom<String> for RoleName {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        Self::new(&text)
    }
}

impl From<RoleName> for String {
    fn from(role: RoleName) -> Self {
        role.0
    }
}

/// Checks what somebody calls a plan, a case, a story or a task: it becomes a part of names.
pub fn check_id(what: &str, text: &str) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    let fits = (1..=ID_BYTES_MAX).contains(&text.len())
        && text.chars().all(is_plain)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if fits {
        return Ok(());
    }
    let why = if text.is_empty() { "it is empty".to_owned() } else { format!("{:?}", shown(text)) };
    Err(invalid(format!(
        "{what} cannot be used ({why}): write 1 to {ID_BYTES_MAX} letters, digits and _ - . : that \
         begin with a letter, a digit or _"
    )))
}

/// The same where it may be left out.
pub fn check_id_or_none(what: &str, text: &str) -> Result<()> {
    if text.is_empty() { Ok(()) } else { check_id(what, text) }
}

/// What a piece of work is held to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraints {
    /// By what it is judged.
    #[serde(default)]
    pub rubric: String,
    /// What it must do.
    #[serde(default)]
    pub requirements: Vec<String>,
    /// Anything else.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// How many attempts a step may have.
    #[serde(default = "iterations")]
    pub max_iterations: u32,
    /// How long it may take.
    #[serde(default = "timeout_seconds")]
    pub timeout_seconds: u32,
}

const fn iterations() -> u32 {
    ITERATIONS.1
}

const fn timeout_seconds() -> u32 {
    TIMEOUT_S.1
}

impl Default for Constraints {
    fn default() -> Self {
        Self {
            rubric: String::new(),
            requirements: Vec::new(),
            metadata: BTreeMap::new(),
            max_iterations: iterations(),
            timeout_seconds: timeout_seconds(),
        }
    }
}

/// The SHA-256 of some texts, in hexadecimal. Where one ends and the next begins counts.
pub fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        // Writing to text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The first 16 hexadecimal digits of it: enough for a name.
pub fn short<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = fingerprint(parts);
    text.truncate(16);
    text
}

pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

/// The beginning of what somebody wrote.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}
