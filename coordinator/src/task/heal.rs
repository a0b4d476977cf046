//! Self-healing: repairs of the record that nothing else would ever make.
//!
//! The order is fixed: tasks that are in progress and have had no news for too long, and tasks that need
//! a task which is not there. Locks of tasks that are gone need nobody: whoever leads a shard gives them
//! back when it begins. What a task needs is never dropped in silence: such a task fails, with that reason.

use std::time::Duration;

use orkestra_runtime::{
    id::{AgentId, Attempt, RunId, TaskId, TaskNo},
    machine::ReplyTo,
    protocol::task::{DependencyKind, Failure, FailureKind},
    time::Wall,
};
use serde::{Deserialize, Serialize};

use crate::task::{
    command::{Reply, Round, TaskCommand},
    consistency::Dangling,
    event::{FailReason, TaskEvent},
    machine::TaskMachine,
    state::{Phase, Task},
};

/// After how long without news a task in progress is given out again.
pub const STUCK_AFTER: Duration = Duration::from_hours(1);
/// How many repairs one command makes, so that a step stays small.
const REPAIRS_MAX: usize = 200;

/// What one command repaired.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healing {
    /// What was done, in that order.
    pub repairs: Vec<Repair>,
    /// Whether there is more to do: ask again.
    pub more: bool,
}

/// One repair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Repair {
    /// A task in progress without news waits for an agent again.
    Released {
        /// Its run.
        run: RunId,
        /// Its name.
        task: TaskId,
        /// Which try was given up.
        attempt: Attempt,
        /// Who held it.
        agent: Option<AgentId>,
        /// Since when it was in progress.
        since: Wall,
    },
    /// A task failed, since what it needs is not there.
    Failed {
        /// Its run.
        run: RunId,
        /// Its name.
        task: TaskId,
        /// What is not there.
        missing: TaskId,
    },
}

impl TaskMachine {
    /// Repairs what nothing else would, and tells what.
    pub(super) fn decide_heal(&self, to: ReplyTo, round: &mut Round<'_>) {
        let mut healing = Healing::default();
        for (no, task, since) in self.stuck(round.now.wall, STUCK_AFTER) {
            if healing.repairs.len() >= REPAIRS_MAX {
                healing.more = true;
                break;
            }
            healing.repairs.extend(self.released(task, since));
            let message = format!("no news of it since {since}");
            self.fail_attempt((no, task), Failure::new(FailureKind::HandedBack, message), round);
        }
        let mut failed = None;
        for (no, task, Dangling { run, task: id, missing, kind }) in self.dangling() {
            if kind == DependencyKind::Soft || !is_waiting(task) || failed == Some(no) {
                continue;
            }
            if healing.repairs.len() >= REPAIRS_MAX {
                healing.more = true;
                break;
            }
            failed = Some(no);
            let reason = FailReason::DependencyMissing { on: missing.clone() };
            self.record(TaskEvent::Failed { task: no, reason }, round.out);
            healing.repairs.push(Repair::Failed { run, task: id, missing });
        }
        if !healing.repairs.is_empty() {
            round.out.then.push(TaskCommand::Sweep);
        }
        round.out.reply(to, Reply::Healed(healing));
    }

    fn released(&self, task: &Task, since: Wall) -> Option<Repair> {
        let run = self.durable.runs.get(&task.run)?.id.clone();
        let agent = task.agent.and_then(|no| self.durable.roster.get(no));
        Some(Repair::Released {
            run,
            task: task.spec.id.clone(),
            attempt: task.attempt,
            agent: agent.map(|record| record.profile.id.clone()),
            since,
        })
    }

    /// Tasks that were given out longer ago than this, and of which no worker that is there has
    /// given a sign since. Where nobody is at work that is all of them.
    pub(super) fn stuck(
        &self,
        now: Wall,
        after: Duration,
    ) -> impl Iterator<Item = (TaskNo, &Task, Wall)> {
        self.durable.tasks.iter().filter_map(move |(no, task)| {
            let Phase::Assigned { since, .. } = task.phase else { return None };
            let lease = self.live.leases.get(no).filter(|lease| lease.attempt == task.attempt);
            let is_held = lease.is_some_and(|lease| lease.incarnation.is_some());
            (!is_held && now.since(since) > after).then_some((*no, task, since))
        })
    }
}

/// Whether a task has begun nothing, and its run is complete.
const fn is_waiting(task: &Task) -> bool {
    matches!(
        task.phase,
        Phase::Waiting { .. } | Phase::Ready { .. } | Phase::Retrying { .. } | Phase::Asked { .. }
    )
}
