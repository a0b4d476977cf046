//! What can be asked of councils at the door.

use orkestra_runtime::id::AgentId;
use serde::{Deserialize, Serialize};

use crate::council::{CouncilQuery, DeliberationRequest, NewCouncil, Registration};

/// Something that is asked of councils.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CouncilAsk {
    /// Makes a council; answered by [`CouncilView`](crate::council::view::CouncilView).
    Create {
        /// Which.
        council: Box<NewCouncil>,
    },
    /// Gives an agent a seat; answered by `{"council_id"}`.
    Register {
        /// Whom, and where.
        registration: Box<Registration>,
    },
    /// Takes a seat away; answered by `{"agent_id"}`.
    Unregister {
        /// Whose council.
        namespace: String,
        /// Of which role.
        role: String,
        /// Which seat.
        agent: AgentId,
    },
    /// Ends a council; answered by `{"agents_removed"}`.
    Delete {
        /// Whose.
        namespace: String,
        /// Of which role.
        role: String,
        /// Whether what it deliberates about is cancelled; else it is refused while it does.
        #[serde(default)]
        force: bool,
    },
    /// Gives a council something to think about; answered by [`Begun`](crate::council::Begun).
    Deliberate {
        /// What.
        request: Box<DeliberationRequest>,
    },
    /// Ends a deliberation without a winner; answered by `{"changed"}`.
    Cancel {
        /// Whose.
        namespace: String,
        /// Which.
        id: String,
        /// Why, for the record.
        #[serde(default)]
        why: String,
    },
    /// Asks something that changes nothing; answered by
    /// [`CouncilAnswer`](crate::council::CouncilAnswer).
    Look(CouncilQuery),
}
