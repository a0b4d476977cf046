//! How far a run is, and when it was a quarter, a half … done.

use orkestra_runtime::{id::RunId, time::Wall};
use serde::Serialize;

use super::outcomes::percent;

/// The milestones of a run, in percent of its tasks.
pub const MILESTONES: [u8; 5] = [25, 50, 75, 90, 100];

/// A milestone that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Milestone {
    /// Which.
    pub percent: u8,
    /// When, by the time of the record that reached it.
    pub at: Wall,
    /// How many tasks had ended then.
    pub ended: u64,
    /// Of how many.
    pub total: u64,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunProgress {
    /// Its name.
    pub run: RunId,
    /// When it was opened.
    pub opened: Wall,
    /// Whether all its tasks are known: before that it has no milestones.
    pub sealed: bool,
    /// When it ended.
    pub ended: Option<Wall>,
    /// How many tasks it has.
    pub total: u64,
    /// How many were completed.
    pub completed: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were cancelled.
    pub cancelled: u64,
    /// Those that were reached, in the order of [`MILESTONES`]. Each is reached once: what is tried
    /// again afterwards takes nothing back.
    pub milestones: Vec<Milestone>,
}

impl RunProgress {
    /// A run that was just opened.
    pub(super) const fn opened(run: RunId, opened: Wall) -> Self {
        Self {
            run,
            opened,
            sealed: false,
            ended: None,
            total: 0,
            completed: 0,
            failed: 0,
            cancelled: 0,
            milestones: Vec::new(),
        }
    }

    /// How many tasks have ended, in whatever way.
    pub const fn tasks_ended(&self) -> u64 {
        self.completed + self.failed + self.cancelled
    }

    /// How much of it has ended, in percent.
    pub fn completion_percent(&self) -> f64 {
        percent(self.tasks_ended(), self.total)
    }

    /// Keeps the milestones that are reached by now and were not before, and answers how many.
    pub(super) fn reach(&mut self, at: Wall) -> usize {
        let (ended, total) = (self.tasks_ended(), self.total);
        if !self.sealed {
            return 0;
        }
        let missing = MILESTONES.get(self.milestones.len()..).unwrap_or_default();
        let reached = missing.iter().take_while(|percent| {
            ended.saturating_mul(100) >= u64::from(**percent).saturating_mul(total)
        });
        let reached: Vec<Milestone> =
            reached.map(|percent| Milestone { percent: *percent, at, ended, total }).collect();
        let count = reached.len();
        self.milestones.extend(reached);
        count
    }
}
