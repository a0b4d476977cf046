//! What can be asked at the door.

use std::time::Duration;

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{AgentId, RunId, TaskId},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{REQUEST_WITHIN, councils::CouncilAsk, locks::LockAsk, target::Target, votes::VoteAsk};
use crate::context::{ProjectPhase, SnapshotNo};

/// How long a compaction may take: it reads and writes what there is.
const COMPACT_WITHIN: Duration = Duration::from_mins(30);
/// The longest reason, in bytes.
pub const REASON_BYTES_MAX: usize = 4 * 1024;

/// What can be asked. On a line, `command` names it in snake case and its fields stand beside that;
/// a field that it does not have is refused. A run that is not named is the latest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Request {
    /// What the node is, and which runs go on; answered by [`Status`](super::Status).
    Status {},
    /// Cancels a task with its children; answered by [`Changed`](super::Changed).
    TaskCancel {
        /// Its run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// The task.
        task: TaskId,
        /// Why, for the record.
        #[serde(default)]
        reason: Reason,
    },
    /// Tries a failed or cancelled task again, and what failed because of it; answered by
    /// [`Changed`](super::Changed).
    TaskRetry {
        /// Its run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// The task.
        task: TaskId,
    },
    /// Cancels a run with all its tasks; answered by [`Changed`](super::Changed).
    RunCancel {
        /// The run, which is never guessed.
        run: RunId,
        /// Why, for the record.
        #[serde(default)]
        reason: Reason,
    },
    /// Says yes to a task that asks people; answered by [`Decided`](super::Decided).
    TaskApprove {
        /// Its run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// The task.
        task: TaskId,
        /// Why, for the record.
        #[serde(default)]
        reason: Reason,
    },
    /// Says no to a task that asks people; answered by [`Decided`](super::Decided).
    TaskReject {
        /// Its run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// The task.
        task: TaskId,
        /// Why, for the record.
        #[serde(default)]
        reason: Reason,
    },
    /// Answers a task that asks people; answered by [`Decided`](super::Decided).
    TaskAnswer {
        /// Its run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// The task.
        task: TaskId,
        /// The answer: any JSON.
        answer: Value,
        /// Why, for the record.
        #[serde(default)]
        reason: Reason,
    },
    /// Gives out nothing more of a run or of a namespace; answered by [`Stands`](super::Stands).
    Pause {
        /// The run; without one, a namespace.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// The namespace; without one, the default namespace.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
        /// Why, for the record.
        #[serde(default)]
        reason: Reason,
    },
    /// Lets go on what was paused; answered by [`Stands`](super::Stands).
    Resume {
        /// The run; without one, a namespace.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// The namespace; without one, the default namespace.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
    },
    /// Gives an agent nothing more, while it finishes what it holds; answered by
    /// [`Stands`](super::Stands).
    AgentDrain {
        /// The agent.
        agent: AgentId,
        /// Why, for the record.
        #[serde(default)]
        reason: Reason,
    },
    /// Gives a drained agent work again; answered by [`Stands`](super::Stands).
    AgentResume {
        /// The agent.
        agent: AgentId,
    },
    /// Takes a snapshot of the context; answered by [`ContextChanged`](crate::context::ContextChanged).
    ContextSnapshot {
        /// What is said of it.
        #[serde(default)]
        note: Reason,
    },
    /// Makes what was understood at a snapshot the present again; answered by
    /// [`ContextChanged`](crate::context::ContextChanged).
    ContextRestore {
        /// Which.
        snapshot: SnapshotNo,
    },
    /// Says in which phase the work is; answered by
    /// [`ContextChanged`](crate::context::ContextChanged).
    ContextPhase {
        /// Which.
        phase: ProjectPhase,
    },
    /// Makes the folder smaller; answered by [`Compaction`](crate::ops::Compaction).
    Compact {
        /// How many records are kept behind the older snapshot; by default as many as anyway.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keep_records: Option<u64>,
    },
    /// Repairs what nothing else would; answered by [`Healed`](super::Healed).
    DoctorHeal {},
    /// Deletes what is sensitive in an ended task; answered by [`Redacted`](super::Redacted).
    TaskRedact {
        /// Its run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// The task.
        task: TaskId,
    },
    /// Deletes what is sensitive in a run that has ended; answered by
    /// [`Redacted`](super::Redacted).
    RunRedact {
        /// The run, which is never guessed.
        run: RunId,
    },
    /// Submits tasks, as a submission over NATS does; answered by
    /// [`Submitted`](crate::public::Submitted).
    TaskSubmit {
        /// The submission, as JSON text: so its inputs stay as they are.
        submission: String,
    },
    /// Asks something of locks; answered by [`LockReply`](crate::lock::LockReply), or
    /// [`LockAnswer`](crate::lock::LockAnswer) where it only looks.
    Lock {
        /// What.
        ask: LockAsk,
    },
    /// Asks something of votes; answered by [`CommitteeReply`](crate::committee::CommitteeReply), or
    /// [`CommitteeAnswer`](crate::committee::CommitteeAnswer) where it only looks.
    Vote {
        /// What.
        ask: VoteAsk,
    },
    /// Asks something of councils; answered as what is asked says.
    Council {
        /// What.
        ask: CouncilAsk,
    },
    /// Shows what is sensitive in a task, and records who asked; answered by
    /// [`Revealed`](crate::sensitive::Revealed).
    TaskReveal {
        /// Its run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// The task.
        task: TaskId,
    },
}

impl Request {
    /// How long it may take.
    pub(super) const fn within(&self) -> Duration {
        if let Self::Compact { .. } = self { COMPACT_WITHIN } else { REQUEST_WITHIN }
    }

    /// What it is about: looked for before anything is changed.
    pub(crate) fn target(&self) -> Target<'_> {
        match self {
            Self::Status {}
            | Self::TaskSubmit { .. }
            | Self::Lock { .. }
            | Self::Vote { .. }
            | Self::Council { .. }
            | Self::ContextSnapshot { .. }
            | Self::ContextRestore { .. }
            | Self::ContextPhase { .. }
            | Self::Compact { .. }
            | Self::DoctorHeal {} => Target::Node,
            Self::TaskCancel { run, task, .. }
            | Self::TaskRetry { run, task }
            | Self::TaskApprove { run, task, .. }
            | Self::TaskReject { run, task, .. }
            | Self::TaskAnswer { run, task, .. }
            | Self::TaskRedact { run, task }
            | Self::TaskReveal { run, task } => Target::Task(run.as_ref(), task),
            Self::RunCancel { run, .. } | Self::RunRedact { run } => Target::Run(Some(run)),
            Self::Pause { run, .. } | Self::Resume { run, .. } => {
                run.as_ref().map_or(Target::Node, |run| Target::Run(Some(run)))
            }
            Self::AgentDrain { agent, .. } | Self::AgentResume { agent } => Target::Agent(agent),
        }
    }
}

/// Why something is asked, for the record: at most [`REASON_BYTES_MAX`] bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Reason(String);

impl Reason {
    /// Checks and keeps a reason.
    pub fn new(reason: impl Into<String>) -> Result<Self> {
        let reason = reason.into();
        if reason.len() > REASON_BYTES_MAX {
            let message = format!(
                "the reason has {} bytes, and at most {REASON_BYTES_MAX} are kept: shorten it",
                reason.len()
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(Self(reason))
    }

    /// The reason as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Reason {
    type Error = Error;
    fn try_from(reason: String) -> Result<Self> {
        Self::new(reason)
    }
}
