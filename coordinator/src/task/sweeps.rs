//! Safety nets: what events drive is looked at again from time to time, in case one was missed.
//!
//! They run only while there is something that they could find, so a shard at rest stays at rest.

use orkestra_runtime::{
    protocol::task::{Failure, FailureKind},
    time::{Moment, Now},
};

use crate::task::{command::Round, machine::TaskMachine, state::Phase};

/// How many stuck tasks one internal command recovers, so that a step stays small.
const STUCK_MAX: usize = 100;

impl TaskMachine {
    /// Whether nothing is ready to be given out.
    pub(super) fn has_nothing_ready(&self) -> bool {
        self.durable.queues.is_empty()
            && self.live.ripe.is_empty()
            && self.live.locks.queue().is_empty()
    }

    /// When a safety net is due next.
    pub(super) fn next_net(&self) -> Option<Moment> {
        let ready = !self.has_nothing_ready() && !self.live.joined.is_empty();
        let assign = ready.then(|| self.live.assign_swept + self.settings.assign_sweep);
        let held = self.durable.assigned > 0;
        let recovery = held.then(|| self.live.recovery_swept + self.settings.recovery_sweep);
        [assign, recovery].into_iter().flatten().min()
    }

    /// Before the internal command: what is due is looked at by it.
    pub(super) fn plan_nets(&mut self, now: Now) {
        if self.live.assign_swept + self.settings.assign_sweep <= now.moment {
            self.live.assign_swept = now.moment;
            self.live.settled = false;
        }
        self.live.recovers = self.live.recovery_swept + self.settings.recovery_sweep <= now.moment;
        if self.live.recovers {
            self.live.recovery_swept = now.moment;
        }
    }

    /// Recovers tasks that are in progress by the record and that nobody holds: no term runs for
    /// them, so nothing else would ever end them.
    pub(super) fn recover_stuck(&self, round: &mut Round<'_>) {
        if !self.live.recovers {
            return;
        }
        let now = round.now.wall;
        let stuck = self.durable.tasks.iter().filter(|(no, task)| {
            let lease = self.live.leases.get(no);
            // Its deadline has passed as well, and ends it.
            let overdue = task.deadline.is_some_and(|deadline| deadline <= now);
            let held = matches!(task.phase, Phase::Assigned { .. }) && !overdue;
            held && lease.is_none_or(|lease| lease.attempt != task.attempt)
        });
        for (no, task) in stuck.take(STUCK_MAX) {
            let message = "it was in progress, and nobody held it";
            self.fail_attempt((*no, task), Failure::new(FailureKind::Lost, message), round);
        }
    }
}
