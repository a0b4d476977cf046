//! How many tasks stand where, kept as they move, so that nobody has to count them.

use std::collections::BTreeSet;

use orkestra_runtime::{id::TaskNo, protocol::task::Priority, time::Wall};

use crate::task::state::{Phase, Task};

/// Tasks that have not ended, counted. Derived: no part of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) held: u64,
    pub(super) waiting: u64,
    pub(super) retrying: u64,
    pub(super) running: u64,
    pub(super) asked: u64,
    /// Ready tasks by priority, the lowest first.
    pub(super) ready: [u64; 4],
    /// Ready tasks in the order in which they became ready.
    ready_since: BTreeSet<(Wall, TaskNo)>,
}

impl Tally {
    /// A task is in its phase from now on.
    pub(super) fn enter(&mut self, no: TaskNo, task: &Task) {
        self.change(task, |count| *count += 1);
        if let Phase::Ready { since, .. } = task.phase {
            self.ready_since.insert((since, no));
        }
    }

    /// A task is no longer in its phase.
    pub(super) fn leave(&mut self, no: TaskNo, task: &Task) {
        self.change(task, |count| *count = count.saturating_sub(1));
        if let Phase::Ready { since, .. } = task.phase {
            self.ready_since.remove(&(since, no));
        }
    }

    /// Since when the task has been ready that has been ready for longest.
    pub(super) fn oldest(&self) -> Option<Wall> {
        self.ready_since.first().map(|(since, _)| *since)
    }

    fn change(&mut self, task: &Task, by: impl FnOnce(&mut u64)) {
        let [low, medium, high, critical] = &mut self.ready;
        match (&task.phase, task.spec.priority) {
            (Phase::Held, _) => by(&mut self.held),
            (Phase::Waiting { .. }, _) => by(&mut self.waiting),
            (Phase::Retrying { .. }, _) => by(&mut self.retrying),
            (Phase::Assigned { .. }, _) => by(&mut self.running),
            (Phase::Asked { .. }, _) => by(&mut self.asked),
            (Phase::Ready { .. }, Priority::Low) => by(low),
            (Phase::Ready { .. }, Priority::Medium) => by(medium),
            (Phase::Ready { .. }, Priority::High) => by(high),
            (Phase::Ready { .. }, Priority::Critical) => by(critical),
            (Phase::Ended { .. }, _) => {}
        }
    }
}
