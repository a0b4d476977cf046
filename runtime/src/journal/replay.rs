//! Folding a journal: in order, without a gap, in chunks.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::Journal;
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{Entry, Sequence},
    id::{Epoch, Number, ShardId},
    record::{Head, Kind, Record, decode},
    time::Wall,
};

/// How many bytes of records are read at a time.
pub const READ_BYTES: usize = 1024 * 1024;

/// How far a journal has been folded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The last record that was folded.
    sequence: u64,
    /// The number of the last event.
    pub number: Number,
    /// The reign of the last record.
    pub epoch: Epoch,
    /// The shard time of the last record.
    pub at: Wall,
}

impl Position {
    /// Whether something can follow it: what a register claims need not be so.
    pub(super) const fn is_possible(&self) -> bool {
        self.sequence < u64::MAX && self.number.0 < u64::MAX && self.epoch.0 < u64::MAX
    }

    /// The last record that was folded; zero before the first.
    pub const fn sequence(&self) -> Sequence {
        Sequence(self.sequence)
    }

    /// Goes past a record that was just appended at `sequence`, or read there.
    ///
    /// An error of kind `Corrupt` means that it does not follow what was folded before.
    pub fn pass(
        &mut self,
        shard: ShardId,
        sequence: Sequence,
        kind: Kind,
        head: &Head,
    ) -> Result<()> {
        let fault = if head.shard != shard {
            format!("it belongs to shard {}", head.shard)
        } else if Some(sequence.0) != self.sequence.checked_add(1) {
            format!("the record before it was {}", self.sequence)
        } else if Some(head.first.0) != self.number.0.checked_add(1) {
            format!("it begins with event {}, and the last one was {}", head.first, self.number)
        } else if head.at < self.at {
            format!("its time {} lies before {}", head.at, self.at)
        } else if head.epoch < self.epoch || (kind == Kind::Epoch && head.epoch == self.epoch) {
            format!("it is of epoch {}, and epoch {} had begun", head.epoch, self.epoch)
        } else if kind == Kind::Events && head.epoch != self.epoch {
            format!("it is of epoch {}, which has not begun", head.epoch)
        } else {
            self.sequence = sequence.0;
            self.number = head.last;
            self.epoch = head.epoch;
            self.at = head.at;
            return Ok(());
        };
        Err(Error::new(
            ErrorKind::Corrupt,
            format!("record {} of the journal of shard {shard} does not fit: {fault}", sequence.0),
        ))
    }

    /// Goes past a record as it was read, handing its events on.
    pub fn fold<E: DeserializeOwned>(
        &mut self,
        shard: ShardId,
        entry: &Entry,
        apply: &mut impl FnMut(Number, Wall, &E),
    ) -> Result<()> {
        let Record { kind, head, events } = decode::<E>(&entry.record).map_err(|error| {
            let what = format!("cannot fold record {} of shard {shard}", entry.sequence.0);
            Error::new(error.kind(), what).because(error)
        })?;
        self.pass(shard, entry.sequence, kind, &head)?;
        let mut number = head.first;
        for event in &events {
            apply(number, head.at, event);
            number = number.next();
        }
        Ok(())
    }
}

impl Journal {
    /// Folds what stands in the journal after `position`, up to its end or up to and including
    /// record `until`, and moves `position` along. Answers how many records were folded.
    ///
    /// After an error `position` and what was folded belong together still. An error of kind
    /// `NotFound` means that what follows was trimmed: begin again from the latest snapshot.
    pub async fn read_on<E: DeserializeOwned>(
        &self,
        position: &mut Position,
        until: Sequence,
        mut apply: impl FnMut(Number, Wall, &E) + Send,
    ) -> Result<u64> {
        let mut count = 0;
        while position.sequence < until.0 {
            match self.read_once(position, until, READ_BYTES, &mut apply).await? {
                0 => break,
                more => count += more,
            }
        }
        Ok(count)
    }

    /// The same for what is read at once: at least one record if there is one, and no more than
    /// `bytes_max` bytes of them beyond that. Answers how many records were folded.
    pub async fn read_once<E: DeserializeOwned>(
        &self,
        position: &mut Position,
        until: Sequence,
        bytes_max: usize,
        mut apply: impl FnMut(Number, Wall, &E) + Send,
    ) -> Result<u64> {
        let from = Sequence(position.sequence + 1);
        let entries = self.logs.read(&self.log, from, bytes_max).await?;
        let Some(first) = entries.first() else { return Ok(0) };
        if first.sequence > from {
            let why = format!("records {} to {} were trimmed", from.0, first.sequence.0 - 1);
            return Err(self.cannot("read the journal", ErrorKind::NotFound, &why));
        }
        let mut count = 0;
        for entry in entries.iter().take_while(|entry| entry.sequence <= until) {
            position.fold(self.shard, entry, &mut apply)?;
            count += 1;
        }
        Ok(count)
    }
}
