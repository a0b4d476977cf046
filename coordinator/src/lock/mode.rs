//! In which ways a lock is held, and how long one waits for it.

pub use orkestra_runtime::protocol::lock::{Kind, Mode, Want};
use serde::{Deserialize, Serialize};

/// How long whoever asks is ready to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Patience {
    /// Not at all: now, or it is refused.
    #[default]
    Try,
    /// So long, as the leader's own clock measures; a new leader begins anew.
    For {
        /// In milliseconds.
        ms: u64,
    },
    /// For as long as the session lives.
    Endless,
}
