//! How much of the work is done.

use serde::{Deserialize, Serialize};

use crate::task::TaskMachine;

/// How many tasks stand where: of the runs that are open, or of the latest if none is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// All.
    pub total: u64,
    /// Completed.
    pub completed: u64,
    /// Failed.
    pub failed: u64,
    /// Cancelled.
    pub cancelled: u64,
}

impl Tally {
    /// Counts.
    pub(super) fn of(tasks: &TaskMachine) -> Self {
        let is_any_open = tasks.runs().any(|(_, run)| run.ended.is_none());
        let latest = tasks.runs().map(|(no, _)| no).max();
        let mut tally = Self::default();
        for (no, run) in tasks.runs() {
            if if is_any_open { run.ended.is_none() } else { Some(no) == latest } {
                tally.total += run.counts.total;
                tally.completed += run.counts.completed;
                tally.failed += run.counts.failed;
                tally.cancelled += run.counts.cancelled;
            }
        }
        tally
    }

    /// How many have not ended.
    pub const fn active(&self) -> u64 {
        self.total.saturating_sub(self.completed + self.failed + self.cancelled)
    }

    /// completed ÷ (active + completed), in whole hundredths; none if there are neither.
    pub fn completion_percent(&self) -> Option<u64> {
        (self.completed * 100).checked_div(self.active() + self.completed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_or_was_cancelled_is_not_waited_for() {
        let tally = Tally { total: 10, completed: 3, failed: 2, cancelled: 1 };
        assert_eq!((tally.active(), tally.completion_percent()), (4, Some(42)));
        let all = Tally { total: 3, completed: 2, failed: 1, cancelled: 0 };
        assert_eq!(all.completion_percent(), Some(100));
        assert_eq!(Tally::default().completion_percent(), None);
    }
}
