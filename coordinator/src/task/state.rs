//! The durable state: what the events add up to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use orkestra_runtime::{
    id::{Attempt, RunId, TaskId, TaskNo},
    protocol::{
        agent::Artifact,
        payload::Payload,
        task::{Failure, TaskSpec},
    },
    time::Wall,
};
use serde::{Deserialize, Serialize};

use crate::task::{
    checks::Checked,
    event::{CancelReason, FailReason},
    opening::RunOpening,
    people::PersonDecision,
    queue::Queues,
    redact::Redaction,
    roster::{AgentNo, Roster},
    standing::{Pause, Scope},
    tally::Tally,
};

/// A run within its shard: the number of the event that opened it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RunNo(pub u64);

impl fmt::Display for RunNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// With a result.
    Completed(Payload),
    /// Without.
    Failed(FailReason),
    /// By request, or because its turn never comes.
    Cancelled(CancelReason),
}

/// Where a task stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Its run is not sealed yet.
    Held,
    /// For tasks that it depends on.
    Waiting {
        /// How many dependencies do not allow it yet.
        unmet: u32,
    },
    /// For an agent.
    Ready {
        /// Since when.
        since: Wall,
        /// How many tasks depended on it when it became ready, for its place in the queue.
        downstream: u32,
    },
    /// For the time of its next attempt.
    Retrying {
        /// When.
        due: Wall,
    },
    /// With an agent.
    Assigned {
        /// Whose.
        agent: AgentNo,
        /// Since when.
        since: Wall,
    },
    /// For people.
    Asked {
        /// Since when.
        since: Wall,
        /// Until when they may decide.
        due: Option<Wall>,
        /// Whether others are asked, since the first did not decide in time.
        escalated: bool,
    },
    /// For good.
    Ended {
        /// How.
        ending: Ending,
        /// When.
        at: Wall,
    },
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// What it is.
    pub spec: Arc<TaskSpec>,
    /// Its run.
    pub run: RunNo,
    /// When it was submitted.
    pub submitted: Wall,
    /// Where it stands.
    pub phase: Phase,
    /// The number of its latest attempt; 0 before the first.
    pub attempt: Attempt,
    /// How many attempts failed since it was submitted or retried by a person.
    pub failures: u32,
    /// How many attempts were lost or handed back in a row.
    pub losses: u32,
    /// Why the latest attempt failed.
    pub last_failure: Option<Failure>,
    /// On whom attempts failed, latest last.
    pub failed_on: Vec<AgentNo>,
    /// Who waits for it: the task, and which of that task's dependencies names this one.
    pub dependents: Vec<(TaskNo, u32)>,
    /// Whose parent it is.
    pub children: Vec<TaskNo>,
    /// Who holds it, or held it last.
    #[serde(default)]
    pub agent: Option<AgentNo>,
    /// What its attempts kept.
    #[serde(default)]
    pub artifacts: Vec<Artifact>,
    /// When it must have ended; none after a person retried it.
    pub deadline: Option<Wall>,
    /// What people whom it asks have said, in that order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<PersonDecision>,
    /// What checks found around its latest attempt, if it asks for checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<Box<Checked>>,
    /// What of it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted: Option<Redaction>,
}

impl Task {
    /// Whether it has ended.
    pub const fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }
}

/// How many tasks of a run stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All.
    pub total: u64,
    /// With an agent.
    pub assigned: u64,
    /// Completed.
    pub completed: u64,
    /// Failed.
    pub failed: u64,
    /// Cancelled.
    pub cancelled: u64,
    /// With people.
    #[serde(default)]
    pub asked: u64,
}

impl Counts {
    /// How many have ended.
    pub const fn ended(&self) -> u64 {
        self.completed + self.failed + self.cancelled
    }
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// What it was opened with.
    pub opening: RunOpening,
    /// When.
    pub opened: Wall,
    /// Whether its graph is complete.
    pub sealed: bool,
    /// When all its tasks had ended.
    pub ended: Option<Wall>,
    /// Where its tasks stand.
    pub counts: Counts,
    /// How many attempts there were.
    pub attempts: u64,
    /// Its tasks by name.
    pub tasks: BTreeMap<TaskId, TaskNo>,
}

/// What will make an end of a task that nobody works on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Doom {
    /// It fails.
    Fails(FailReason),
    /// It is cancelled.
    IsCancelled(CancelReason),
}

/// Everything durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Durable {
    pub(super) runs: BTreeMap<RunNo, Run>,
    pub(super) run_names: BTreeMap<RunId, RunNo>,
    pub(super) tasks: BTreeMap<TaskNo, Task>,
    pub(super) roster: Roster,
    /// Whose end is certain but not yet recorded: it is recorded at a pace.
    pub(super) doomed: BTreeMap<TaskNo, Doom>,
    /// What is given nothing more, and why.
    pub(super) paused: BTreeMap<Scope, Pause>,
    // What follows is derived from the above and not part of a snapshot.
    /// Ended tasks of streams in the order of their end, for forgetting.
    pub(super) stream_ended: BTreeSet<(Wall, TaskNo)>,
    /// Ended runs in the order of their end, for forgetting.
    pub(super) runs_ended: BTreeSet<(Wall, RunNo)>,
    pub(super) queues: Queues,
    /// Tasks that may begin and declare locks, by run: they stand in no queue before they hold them.
    pub(super) locking: BTreeSet<(RunNo, TaskNo)>,
    /// Those of them that the event which is applied lets begin; empty between events.
    pub(super) fresh: Vec<TaskNo>,
    pub(super) retries: BTreeSet<(Wall, TaskNo)>,
    pub(super) deadlines: BTreeSet<(Wall, TaskNo)>,
    /// Tasks that wait for people, by run.
    pub(super) asked: BTreeSet<(RunNo, TaskNo)>,
    /// Questions to people that come to their time.
    pub(super) asks: BTreeSet<(Wall, TaskNo)>,
    /// Breakers that are open, by when one trial is due.
    pub(super) breakers: BTreeSet<(Wall, AgentNo)>,
    /// How many attempts are with agents.
    pub(super) assigned: u64,
    /// Sealed graphs whose tasks have all ended, and whose end is not yet recorded.
    pub(super) finished: BTreeSet<RunNo>,
    /// How many tasks stand where.
    pub(super) tally: Tally,
}

impl Durable {
    pub(super) fn run_named(&self, id: &RunId) -> Option<(RunNo, &Run)> {
        let no = *self.run_names.get(id)?;
        Some((no, self.runs.get(&no)?))
    }

    pub(super) fn task_named(&self, run: &RunId, task: &TaskId) -> Option<(TaskNo, &Task)> {
        let (_, run) = self.run_named(run)?;
        let no = *run.tasks.get(task)?;
        Some((no, self.tasks.get(&no)?))
    }
}
