//! What councils can be told.

use orkestra_runtime::{id::TaskNo, machine::ReplyTo};
use serde::{Deserialize, Serialize};

use super::words::{DeliberationRequest, NewCouncil, Registration};

/// A deliberation within its shard: the number of the event that opened it.
pub type DeliberationNo = u64;

/// A command. What carries a [`ReplyTo`] is answered once, when its effects are durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CouncilCommand {
    /// Makes a council.
    Create {
        /// Who asks.
        to: ReplyTo,
        /// Which.
        council: Box<NewCouncil>,
    },
    /// Gives an agent a seat in a council, which is made if it is missing.
    Register {
        /// Who asks.
        to: ReplyTo,
        /// Which agent, and where.
        registration: Box<Registration>,
    },
    /// Takes a seat away; what it is at goes on.
    Unregister {
        /// Who asks.
        to: ReplyTo,
        /// Whose council.
        namespace: String,
        /// Of which role.
        role: String,
        /// Which seat.
        agent: String,
    },
    /// Ends a council with all its seats.
    Delete {
        /// Who asks.
        to: ReplyTo,
        /// Whose council.
        namespace: String,
        /// Of which role.
        role: String,
        /// Whether what it deliberates about is cancelled; else it is refused while it does.
        force: bool,
    },
    /// Gives a council something to think about; the same again finds it.
    Deliberate {
        /// Who asks.
        to: ReplyTo,
        /// What.
        request: Box<DeliberationRequest>,
    },
    /// Ends a deliberation without a winner.
    Cancel {
        /// Who asks.
        to: ReplyTo,
        /// Whose.
        namespace: String,
        /// Which.
        id: String,
        /// Who, for the record.
        by: String,
        /// Why, for the record.
        why: String,
    },
    /// The same as [`Deliberate`](Self::Deliberate) for a task.
    #[serde(skip)]
    DeliberateFor {
        /// Which task waits for it.
        task: TaskNo,
        /// What.
        request: Box<DeliberationRequest>,
    },
    /// The task that waited for a deliberation waits no more.
    #[serde(skip)]
    WithdrawFor {
        /// Which.
        task: TaskNo,
    },
    /// Internal: compares what a deliberation waits for with how its tasks stand, and goes on.
    #[serde(skip)]
    Look(DeliberationNo),
    /// Internal: forgets deliberations whose run is forgotten.
    #[serde(skip)]
    Tidy,
    /// Internal: nothing may be written now, so what is due is left for later.
    #[serde(skip)]
    Later,
}

impl CouncilCommand {
    /// The token of whoever asks; none in what nobody asks for.
    pub const fn asker(&mut self) -> Option<&mut ReplyTo> {
        match self {
            Self::Create { to, .. }
            | Self::Register { to, .. }
            | Self::Unregister { to, .. }
            | Self::Delete { to, .. }
            | Self::Deliberate { to, .. }
            | Self::Cancel { to, .. } => Some(to),
            Self::DeliberateFor { .. }
            | Self::WithdrawFor { .. }
            | Self::Look(_)
            | Self::Tidy
            | Self::Later => None,
        }
    }

    /// Whether nobody asked for it.
    pub const fn is_internal(&self) -> bool {
        matches!(
            self,
            Self::DeliberateFor { .. }
                | Self::WithdrawFor { .. }
                | Self::Look(_)
                | Self::Tidy
                | Self::Later
        )
    }
}
