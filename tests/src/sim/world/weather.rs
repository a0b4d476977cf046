//! What nobody asked for: time, clocks, disks, late appends; and the keeper of snapshots.

use std::time::Duration;

use orkestra_coordinator::shard::{Fold, Mind as _, toy::Toy};
use orkestra_runtime::{
    fabric::Sequence,
    journal::Snapshot,
    machine::Machine,
    time::{Now, Wall},
};

use super::{Outcome, World};
use crate::sim::{
    Plant,
    leader::{genesis, journal, ready},
};

impl World {
    pub(super) fn time_passes(&mut self, ms_max: u64) -> Outcome {
        let passed = Duration::from_millis(1 + self.chance.below(ms_max));
        self.now = Now { moment: self.now.moment + passed, wall: self.now.wall + passed };
        for which in (0..self.leaders.len()).rev() {
            let due = self.leaders[which].sequencer.wakeup();
            if due.is_some_and(|due| due <= self.now.moment) {
                let mut effects = Vec::new();
                self.leaders[which].sequencer.tick(self.now, &mut effects);
                self.carry_out(which, effects)?;
            }
        }
        Ok(())
    }

    pub(super) fn jump(&mut self) {
        let hour = 3_600_000;
        self.wall_max = self.wall_max.max(self.now.wall);
        let ms = self.now.wall.as_ms() + self.chance.below(2 * hour) - hour;
        self.now.wall = Wall::from_ms(ms);
        self.fault("clock jumps");
        self.trace(format!("the clock jumps to {}", self.now.wall));
    }

    /// The disk is full for a while, and then it is not.
    pub(super) fn fill(&mut self) {
        self.full = !self.full;
        if self.full {
            self.fault("full disks");
        }
        self.store.set_full(self.full);
        self.trace(format!("full: {}", self.full));
    }

    pub(super) fn land_late(&mut self) {
        if let Some(landed) = self.store.land_late() {
            self.history.late += 1;
            self.fault("late appends");
            self.trace(format!("a late append: {landed:?}"));
        }
    }

    /// The newest snapshot is lost; the one before it is there still.
    pub(super) fn lose_snapshot(&mut self) -> Outcome {
        let marks = ready(journal(&self.store)?.snapshots())?.map_err(|error| error.to_string())?;
        if let [older, newest] = &marks[..]
            && self.store.has_blob(&older.blob)
            && self.store.has_blob(&newest.blob)
        {
            self.store.lose_blob(&newest.blob);
            self.fault("lost snapshots");
            self.trace(format!("the snapshot at {} is lost", newest.position.number));
        }
        Ok(())
    }

    /// What is not durable yet, as if it were.
    fn keep_dirty(&mut self) -> Outcome {
        let Some(newest) = self.leaders.last() else { return Ok(()) };
        let journal = journal(&self.store)?;
        let bytes = newest.sequencer.mind().snapshot().into();
        let kept = ready(async {
            let mut fold = Fold::restore(journal.clone(), genesis()).await?;
            fold.read_on(Sequence(u64::MAX)).await?;
            let (position, version) = (*fold.position(), Toy::SNAPSHOT_VERSION);
            journal.keep(Snapshot { position, version, bytes }).await
        })?;
        kept.map(drop).map_err(|error| error.to_string())
    }

    /// The keeper beside the leaders; at times it begins anew, as on another machine.
    pub(super) fn snapshot(&mut self) -> Outcome {
        if self.chance.per_mille(300) {
            self.keeper = None;
        }
        if self.plant == Plant::TrimTooFar {
            self.store.cut_below(self.store.end_now());
        }
        if self.plant == Plant::DirtySnapshot {
            return self.keep_dirty();
        }
        let journal = journal(&self.store)?;
        let kept = self.chance.below(5);
        let keeper = self.keeper.take();
        let made = ready(async {
            let mut fold = match keeper {
                Some(fold) => fold,
                None => Fold::restore(journal, genesis()).await?,
            };
            let position = fold.snapshot(kept).await;
            Ok::<_, orkestra_runtime::Error>((fold, position))
        })?;
        let (fold, position) = made.map_err(|error| error.to_string())?;
        self.keeper = Some(fold);
        match position {
            Ok(position) => {
                if self.plant == Plant::OneSnapshot {
                    self.store.cut_below(position.sequence().0 + 1);
                }
                self.history.snapshots += 1;
                self.trace(format!("a snapshot at {}", position.number));
                Ok(())
            }
            Err(error) if error.is_retryable() => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}
