//! What the context can be told and asked, and what it answers.

use std::fmt;

use orkestra_runtime::{
    ErrorKind,
    id::{AgentId, Incarnation},
    machine::ReplyTo,
    protocol::understanding::Understanding,
};
use serde::{Deserialize, Serialize};

use crate::context::{
    event::{ContextEvent, ProjectPhase, SnapshotNo},
    view::{ContextView, SnapshotView, Summary},
};

/// A command. What carries a [`ReplyTo`] is answered once, when its effects are durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextCommand {
    /// An agent says what it understands; the same again changes nothing.
    #[serde(skip)]
    Understood {
        /// Who.
        agent: AgentId,
        /// Which life of its worker says so; an old one is not heard.
        incarnation: Incarnation,
        /// What.
        understanding: Understanding,
    },
    /// Takes a snapshot.
    Snapshot {
        /// Who asks.
        to: ReplyTo,
        /// Who, for the record.
        by: String,
        /// What is said of it; 500 characters at most.
        note: String,
    },
    /// Brings a snapshot back, after one of the present was taken.
    Restore {
        /// Who asks.
        to: ReplyTo,
        /// Which.
        snapshot: SnapshotNo,
        /// Who, for the record.
        by: String,
    },
    /// Says in which phase the work is.
    SetPhase {
        /// Who asks.
        to: ReplyTo,
        /// Which.
        phase: ProjectPhase,
        /// Who, for the record.
        by: String,
    },
    /// The node is about to stop: when the last agent has gone, a snapshot is taken.
    Stopping,
    /// Does what is due by itself.
    #[serde(skip)]
    Tend,
}

impl ContextCommand {
    /// The token of whoever asks; none in what nobody asks for.
    pub const fn asker(&mut self) -> Option<&mut ReplyTo> {
        match self {
            Self::Snapshot { to, .. } | Self::Restore { to, .. } | Self::SetPhase { to, .. } => {
                Some(to)
            }
            Self::Understood { .. } | Self::Stopping | Self::Tend => None,
        }
    }
}

/// What a command is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextReply {
    /// A snapshot was taken.
    Taken {
        /// Which.
        snapshot: SnapshotNo,
        /// The version of the context since then.
        version: u64,
    },
    /// It is the present again.
    Restored {
        /// Which.
        snapshot: SnapshotNo,
        /// The one of what was the present before: restore it to undo this.
        before: SnapshotNo,
        /// The version of the context since then.
        version: u64,
    },
    /// That is the phase.
    PhaseSet {
        /// The version of the context since then.
        version: u64,
    },
    /// Nothing was done, for this reason.
    Refused(ContextRefusal),
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextRefusal {
    /// There is no such snapshot.
    SnapshotNotFound {
        /// Which was asked for.
        snapshot: SnapshotNo,
        /// The latest there are, at most ten.
        known: Vec<SnapshotNo>,
    },
    /// What was said of it is too long.
    NoteTooLong {
        /// How many characters it has.
        chars: u64,
    },
}

impl ContextRefusal {
    /// What kind of error it is to whoever asked.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::SnapshotNotFound { .. } => ErrorKind::NotFound,
            Self::NoteTooLong { .. } => ErrorKind::Invalid,
        }
    }
}

impl fmt::Display for ContextRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SnapshotNotFound { snapshot, known } if known.is_empty() => {
                write!(f, "there is no snapshot {snapshot}, and no other: take one first")
            }
            Self::SnapshotNotFound { snapshot, known } => {
                let known: Vec<String> = known.iter().map(ToString::to_string).collect();
                let known = known.join(", ");
                write!(f, "there is no snapshot {snapshot}; the latest are {known}")
            }
            Self::NoteTooLong { chars } => write!(
                f,
                "cannot take a snapshot: its reason has {chars} characters, and at most {} are \
                 allowed",
                super::machine::NOTE_CHARS_MAX
            ),
        }
    }
}

/// What the world is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextEffect {
    /// Answer whoever waits.
    Reply {
        /// Who.
        to: ReplyTo,
        /// What.
        reply: ContextReply,
    },
}

/// A question that changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextQuery {
    /// The context as it is, or as it was at a snapshot.
    Show {
        /// Only of this agent, with its log.
        agent: Option<AgentId>,
        /// At this snapshot.
        snapshot: Option<SnapshotNo>,
        /// How many of the latest events.
        events: u64,
    },
    /// All snapshots, latest first.
    Snapshots,
    /// What one who comes back wants to know.
    Summary,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextAnswer {
    /// The context; none if there is no such snapshot or agent.
    Context(Option<Box<ContextView>>),
    /// Snapshots.
    Snapshots(Vec<SnapshotView>),
    /// A summary.
    Summary(Box<Summary>),
}

/// What one decision comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ContextDecision {
    /// What happens.
    pub events: Vec<ContextEvent>,
    /// What follows in the world, once that is durable.
    pub effects: Vec<ContextEffect>,
}

impl ContextDecision {
    pub(super) fn reply(&mut self, to: ReplyTo, reply: ContextReply) {
        self.effects.push(ContextEffect::Reply { to, reply });
    }
}
