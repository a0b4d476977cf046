//! Locks of tasks as they are written, in scenarios and in submissions.

use orkestra_runtime::protocol::lock::Mode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A lock that a task holds while it runs: by name alone, nobody else holds it meanwhile.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum LockWritten {
    /// Exclusively.
    Name(String),
    /// In full.
    Full(LockFull),
}

/// A lock that a task holds while it runs.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockFull {
    /// What it is called; in a scenario a template.
    key: String,
    /// How it is held; by default by this task alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<ModeWritten>,
    /// For a lock with permits: how many of them; by default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    permits: Option<u32>,
    /// For a lock with permits: how many there are; all who use it at the same time say the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    of: Option<u32>,
}

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum ModeWritten {
    /// By one alone.
    Exclusive,
    /// By any number together, and nobody exclusively.
    Shared,
}

impl LockWritten {
    /// What it is called.
    pub fn key(&self) -> &str {
        match self {
            Self::Name(key) => key,
            Self::Full(full) => &full.key,
        }
    }

    /// How it is held; otherwise at which key of it something is wrong, what, and what to do.
    pub fn mode(&self) -> Result<Mode, (&'static str, &'static str, &'static str)> {
        let Self::Full(LockFull { mode, permits, of, .. }) = self else {
            return Ok(Mode::Exclusive);
        };
        match (mode, permits, of) {
            (None | Some(ModeWritten::Exclusive), None, None) => Ok(Mode::Exclusive),
            (Some(ModeWritten::Shared), None, None) => Ok(Mode::Shared),
            (Some(_), _, _) => {
                Err(("mode", "a lock with permits has no mode", "remove it, or permits and of"))
            }
            (None, Some(_), None) => {
                Err(("permits", "permits of how many?", "say how many there are: of = 4"))
            }
            (None, permits, Some(of)) => {
                let permits = permits.unwrap_or(1);
                if permits == 0 || permits > *of {
                    let why = "so many permits there are not";
                    return Err(("permits", why, "say 1 up to as many as there are in of"));
                }
                Ok(Mode::Permits { permits, of: *of })
            }
        }
    }
}
