//! What vitals are made of: what is kept of agents and tasks, and what is worth counting.

use std::time::Duration;

use orkestra_runtime::{
    id::{AgentId, TaskId},
    time::Wall,
};

use super::{
    incidents::Incident, locks::LockFact, milestones::Milestone, outcomes::Outcomes,
    votes::VoteFact,
};
use crate::task::RunNo;

/// What is known of one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentVitals {
    /// Its latest outcomes.
    pub outcomes: Outcomes,
    /// Attempts that ended with a result, over its whole life.
    pub completed: u64,
    /// Attempts that failed, over its whole life.
    pub failed: u64,
    /// Attempts that it holds.
    pub running: u64,
    /// Why it cannot work, if it says that it cannot.
    pub unavailable: Option<String>,
    /// By whom and why it is given nothing more, if it is drained.
    pub drained: Option<String>,
    /// Whether it is a person, who is asked and not judged.
    pub is_person: bool,
}

/// Something worth counting, as it happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A task was submitted.
    Submitted,
    /// An attempt ended: `completed`, the name of a failure, or `cut_short` when its task ended
    /// without it.
    AttemptEnded {
        /// How.
        outcome: &'static str,
        /// How long its agent worked, if it told.
        worked: Option<Duration>,
    },
    /// A task ended: `completed`, `failed`, `cancelled`.
    TaskEnded {
        /// How.
        state: &'static str,
        /// How long after its submission.
        after: Duration,
    },
    /// A run reached a milestone.
    Reached(Milestone),
    /// An incident is over.
    Over(Incident),
    /// Something of locks.
    Lock(LockFact),
    /// Something of votes.
    Vote(VoteFact),
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Completed,
    Failed,
    Cancelled,
}

impl End {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A task, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Noted {
    pub(super) run: RunNo,
    pub(super) id: TaskId,
    pub(super) submitted: Wall,
    /// Who holds it.
    pub(super) held_by: Option<AgentId>,
    pub(super) end: Option<End>,
    /// The task because of which it ended.
    pub(super) because_of: Option<TaskId>,
    pub(super) parent: Option<TaskId>,
    /// Whether an attempt of it failed, and it has not ended since.
    pub(super) stumbled: bool,
}
