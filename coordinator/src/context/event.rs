//! What happened to the context: stored for ever, so it only grows at its ends.

use std::{fmt, str::FromStr, sync::Arc};

use orkestra_runtime::{
    Error, ErrorKind,
    id::{AgentId, Attempt, RunId, TaskId},
    protocol::understanding::Understanding,
    time::Wall,
};
use serde::{Deserialize, Serialize};

use crate::context::tally::Tally;

/// A snapshot within its shard: the number of the event that took it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct SnapshotNo(pub u64);

impl fmt::Display for SnapshotNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for SnapshotNo {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        text.parse().map(Self).map_err(|_| {
            let why = format!(
                "{text:?} is not a snapshot: name one by its number; `orkestra context list` \
                 shows all"
            );
            Error::new(ErrorKind::Invalid, why)
        })
    }
}

/// Why a snapshot was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotReason {
    /// Something had happened, and the time was up.
    Interval,
    /// An agent, or the node with all of them, went.
    Disconnect,
    /// Somebody asked.
    Requested,
    /// An older one was about to be restored.
    Restore,
}

impl SnapshotReason {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Interval => "interval",
            Self::Disconnect => "disconnect",
            Self::Requested => "requested",
            Self::Restore => "restore",
        }
    }
}

/// In which phase the work as a whole is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum ProjectPhase {
    /// What is to be done is being worked out.
    Planning,
    /// It is being done.
    Development,
    /// It is being tried.
    Testing,
    /// It is being brought to where it is used.
    Deployment,
    /// It is there, and looked after.
    Maintenance,
}

impl ProjectPhase {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Development => "development",
            Self::Testing => "testing",
            Self::Deployment => "deployment",
            Self::Maintenance => "maintenance",
        }
    }
}

/// A task that was with an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveTask {
    /// Its run.
    pub run: RunId,
    /// Its name.
    pub task: TaskId,
    /// Which try.
    pub attempt: Attempt,
    /// With whom.
    pub agent: AgentId,
    /// Since when.
    pub since: Wall,
}

/// What happened. A snapshot's number is that of the event that took it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextEvent {
    /// An agent said what it understands, and it was not what it had said before.
    Understood {
        /// Who.
        agent: AgentId,
        /// What.
        understanding: Arc<Understanding>,
    },
    /// A snapshot was taken.
    SnapshotTaken {
        /// Why.
        reason: SnapshotReason,
        /// Who asked for it; empty: nobody.
        #[serde(default)]
        by: String,
        /// What whoever asked says of it.
        #[serde(default)]
        note: String,
        /// Who went, the first ten; empty where the node did.
        #[serde(default)]
        gone: Vec<AgentId>,
        /// How many tasks stood where.
        #[serde(default)]
        tally: Tally,
        /// Tasks that were with an agent, the first ten.
        #[serde(default)]
        active: Vec<ActiveTask>,
    },
    /// Snapshots were forgotten.
    SnapshotsForgotten {
        /// Which.
        snapshots: Vec<SnapshotNo>,
    },
    /// What was understood at a snapshot, and its phase, is the present again.
    Restored {
        /// Which.
        snapshot: SnapshotNo,
        /// Who.
        by: String,
    },
    /// Somebody said in which phase the work is.
    PhaseSet {
        /// Which.
        phase: ProjectPhase,
        /// Who.
        by: String,
    },
    /// A team is there again after its node had gone, or these agents after they had.
    Reconnected {
        /// Who, the first ten; empty: a team.
        agents: Vec<AgentId>,
    },
}
