//! What councils answer.

use serde::{Deserialize, Serialize};

use super::{refusal::CouncilRefusal, view::CouncilView, words::Begun};

/// What a command is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CouncilReply {
    /// The council is there.
    Created(Box<CouncilView>),
    /// The agent has a seat.
    Registered {
        /// In which council.
        council_id: String,
    },
    /// It has none any more.
    Unregistered,
    /// The council is gone.
    Deleted {
        /// With how many seats.
        agents_removed: u32,
    },
    /// The deliberation goes on, or has ended.
    Begun(Begun),
    /// The deliberation is over.
    Cancelled {
        /// Whether it went on before.
        changed: bool,
    },
    /// Nothing was done, for this reason.
    Refused(CouncilRefusal),
}
