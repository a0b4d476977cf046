//! Snapshots: folded state that was verified, so that the journal behind it may be forgotten.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Journal, Position};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{BlobName, Sequence, SetError, Value},
};

/// The version of the register's value.
const MARKS_VERSION: u32 = 1;

/// How many snapshots are kept; the log is trimmed behind the oldest of them.
const SNAPSHOTS_KEPT: usize = 2;

/// A snapshot that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotMark {
    /// What was folded into it.
    pub position: Position,
    /// The blob that holds it; its name is the hash of the state.
    pub blob: BlobName,
}

/// A snapshot and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What was folded into it.
    pub position: Position,
    /// The state.
    pub bytes: Bytes,
}

/// What the register of snapshots holds, the newest last.
#[derive(Default, Serialize, Deserialize)]
struct Marks {
    v: u32,
    snapshots: Vec<SnapshotMark>,
}

impl Journal {
    /// The snapshots that are kept, the newest last.
    pub async fn snapshots(&self) -> Result<Vec<SnapshotMark>> {
        Ok(self.marks().await?.1.snapshots)
    }

    /// The newest snapshot that can be read. One that is lost or torn is passed over for the one
    /// before it: the journal behind the newest is kept for that.
    pub async fn latest(&self) -> Result<Option<Snapshot>> {
        let (_, marks) = self.marks().await?;
        let mut fault = None;
        for mark in marks.snapshots.iter().rev() {
            match self.load(mark).await {
                Ok(snapshot) => return Ok(Some(snapshot)),
                Err(error) => {
                    tracing::error!(shard = self.shard.0, blob = %mark.blob, %error, "snapshot lost");
                    fault.get_or_insert(error);
                }
            }
        }
        fault.map_or(Ok(None), Err)
    }

    /// Reads a snapshot and checks that its bytes are those of its name.
    pub async fn load(&self, mark: &SnapshotMark) -> Result<Snapshot> {
        let read = self.blobs.get(&mark.blob).await?;
        let bytes = read.ok_or_else(|| {
            self.cannot("read a snapshot", ErrorKind::Corrupt, "its blob is not there")
        })?;
        if BlobName::of(&bytes) != mark.blob {
            return Err(self.cannot("read a snapshot", ErrorKind::Corrupt, "its hash differs"));
        }
        Ok(Snapshot { position: mark.position, bytes })
    }

    /// Keeps a verified snapshot beside the newest older one, forgets older ones, and answers up to
    /// which record (including it) the log may be forgotten: that of the older snapshot, zero while
    /// there is only one.
    ///
    /// A snapshot that is not newer than the newest is not kept, which is not an error.
    pub async fn keep(&self, snapshot: Snapshot) -> Result<Sequence> {
        let blob = self.blobs.put(snapshot.bytes).await?;
        let mark = SnapshotMark { position: snapshot.position, blob };
        self.load(&mark).await?;
        loop {
            let (held, mut marks) = self.marks().await?;
            let newest = marks.snapshots.last().map(|mark| mark.position.sequence());
            if newest >= Some(mark.position.sequence()) {
                return Ok(behind(&marks.snapshots));
            }
            marks.v = MARKS_VERSION;
            // The same state is the same blob: two names of one blob would be lost together.
            if marks.snapshots.last().is_some_and(|newest| newest.blob == mark.blob) {
                marks.snapshots.pop();
            }
            marks.snapshots.push(mark.clone());
            let surplus = marks.snapshots.len().saturating_sub(SNAPSHOTS_KEPT);
            let old: Vec<SnapshotMark> = marks.snapshots.drain(..surplus).collect();
            match self.set_marks(held.as_ref(), &marks).await? {
                Ok(()) => {
                    self.forget_blobs(&old, &marks.snapshots).await?;
                    return Ok(behind(&marks.snapshots));
                }
                Err(SetError::Conflict(_)) => {}
                Err(SetError::Full) => {
                    return Err(self.cannot("keep a snapshot", ErrorKind::Full, "no room"));
                }
                Err(SetError::Unknown(why)) => {
                    return Err(self.cannot("keep a snapshot", ErrorKind::Unavailable, &why));
                }
            }
        }
    }

    /// Forgets the log up to and including record `last`.
    pub async fn trim(&self, last: Sequence) -> Result<()> {
        self.logs.trim(&self.log, Sequence(last.0 + 1)).await
    }

    async fn marks(&self) -> Result<(Option<Value>, Marks)> {
        let held = self.registers.get(&self.snapshots_key).await?;
        let Some(value) = &held else { return Ok((None, Marks::default())) };
        let marks: Marks = serde_json::from_slice(&value.bytes).map_err(|error| {
            let why = "their register holds something else";
            self.cannot("find the snapshots", ErrorKind::Corrupt, why).because(error)
        })?;
        if marks.v > MARKS_VERSION {
            let why = "a newer program wrote them; run that one again";
            return Err(self.cannot("find the snapshots", ErrorKind::Corrupt, why));
        }
        if !marks.snapshots.iter().all(|mark| mark.position.is_possible()) {
            let why = "their register names a place that cannot be";
            return Err(self.cannot("find the snapshots", ErrorKind::Corrupt, why));
        }
        Ok((held, marks))
    }

    async fn set_marks(&self, held: Option<&Value>, marks: &Marks) -> Result<Result<(), SetError>> {
        let bytes = serde_json::to_vec(marks).map_err(|error| {
            Error::new(ErrorKind::Fault, "cannot write the list of snapshots").because(error)
        })?;
        let (key, bytes) = (&self.snapshots_key, Bytes::from(bytes));
        let set = match held {
            None => self.registers.create(key, bytes).await,
            Some(value) => self.registers.compare_and_set(key, value.revision, bytes).await,
        };
        Ok(set.map(|_| ()))
    }

    async fn forget_blobs(&self, old: &[SnapshotMark], kept: &[SnapshotMark]) -> Result<()> {
        for mark in old {
            if kept.iter().all(|other| other.blob != mark.blob) {
                self.blobs.delete(&mark.blob).await?;
            }
        }
        Ok(())
    }
}

fn behind(snapshots: &[SnapshotMark]) -> Sequence {
    match snapshots {
        [.., older, _] => older.position.sequence(),
        [] | [_] => Sequence(0),
    }
}
