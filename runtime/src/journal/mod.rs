//! The journal of a shard: what was decided, in order, so that state can be folded from it again.
//!
//! | part | promise |
//! |---|---|
//! | [`Journal::read_on`] | hands on every event after a [`Position`] once, in order, and refuses a gap, a foreign record or a reign that goes back |
//! | [`Journal::next_epoch`] | a number that no other caller ever gets, larger than all before |
//! | [`Journal::promote`] | success proves that everything was folded, and that no append of an older reign can land any more |
//! | [`Journal::append`] | one record, only if the log still ends where the writer thinks |
//! | [`Journal::keep`] | two verified snapshots are kept; the log is trimmed only behind both |
//!
//! It promises nothing about who may call: leases are for liveness, the expected end of the log is
//! what keeps two leaders apart.

mod epoch;
mod names;
mod replay;
mod snapshot;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::BoxFuture;

pub use names::blobs_named;
pub use replay::{Position, READ_BYTES};
pub use snapshot::{Snapshot, SnapshotMark, SnapshotPart};

use crate::{
    error::Result,
    fabric::{
        AppendError, Blobs, Fabric, Follow, Key, LogName, Logs, Registers, Sequence, limited_blobs,
        limited_logs, limited_registers,
    },
    id::ShardId,
};

/// Where one shard's journal lies, and what it is kept with. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    shard: ShardId,
    log: LogName,
    epoch_key: Key,
    snapshots_key: Key,
    logs: Arc<dyn Logs>,
    registers: Arc<dyn Registers>,
    blobs: Arc<dyn Blobs>,
}

impl Journal {
    /// The journal of a shard in a fabric.
    pub fn of(fabric: &dyn Fabric, shard: ShardId) -> Result<Self> {
        Self::over(shard, fabric.logs(), fabric.registers(), fabric.blobs())
    }

    /// The journal of a shard, kept with these.
    pub fn over(
        shard: ShardId,
        logs: Arc<dyn Logs>,
        registers: Arc<dyn Registers>,
        blobs: Arc<dyn Blobs>,
    ) -> Result<Self> {
        Ok(Self {
            shard,
            log: LogName::new(&format!("shard-{shard}"))?,
            epoch_key: Key::new(&format!("shard.{shard}.epoch"))?,
            snapshots_key: Key::new(&format!("shard.{shard}.snapshots"))?,
            logs,
            registers,
            blobs,
        })
    }

    /// The same journal, where each call that it makes comes to an end: what takes longer than
    /// `limit` is answered as not known. Blobs, which are large, may take ten times as long.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self {
            logs: limited_logs(self.logs, limit),
            registers: limited_registers(self.registers, limit),
            blobs: limited_blobs(self.blobs, limit * 10),
            ..self
        }
    }

    /// Whose journal it is.
    pub const fn shard(&self) -> ShardId {
        self.shard
    }

    /// The name of its log.
    pub const fn log(&self) -> &LogName {
        &self.log
    }

    /// Where its log ends.
    pub fn end(&self) -> BoxFuture<'static, Result<Sequence>> {
        self.logs.end(&self.log)
    }

    /// Where its log begins: the position of the first record that was not trimmed; the one after the
    /// end when there is none.
    pub async fn first(&self) -> Result<Sequence> {
        let found = self.logs.read(&self.log, Sequence(1), 1).await?;
        match found.first() {
            Some(entry) => Ok(entry.sequence),
            None => Ok(Sequence(self.end().await?.0 + 1)),
        }
    }

    /// The records of its log from `from` on, and new ones as they are appended.
    pub fn follow(&self, from: Sequence) -> Follow {
        self.logs.follow(&self.log, from)
    }

    /// Appends one record if the journal still ends at `end`. Dropping the future undoes nothing.
    pub fn append(
        &self,
        end: Sequence,
        record: Bytes,
    ) -> BoxFuture<'static, Result<Sequence, AppendError>> {
        self.logs.append(&self.log, end, record)
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("shard", &self.shard)
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}
