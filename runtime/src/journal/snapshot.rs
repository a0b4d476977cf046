//! Snapshots: folded state that was verified, so that the journal behind it may be forgotten.

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::{Journal, Position};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{BlobName, Sequence, SetError, Value},
    record::check_version,
};

/// The version of the register's value. Version 1 had no suffixes.
const MARKS_VERSION: u32 = 2;

/// How many bytes stand behind the state in the blob of a snapshot.
const SUFFIX: u32 = 8;

/// How many snapshots are kept; the log is trimmed behind the oldest of them.
const SNAPSHOTS_KEPT: usize = 2;

/// A snapshot that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotMark {
    /// What was folded into it.
    pub position: Position,
    /// The blob that holds it: the state, and then the sequence of the last record in it, so that two
    /// snapshots of one state are two blobs, and the loss of one is not that of both.
    pub blob: BlobName,
    /// The version of the state; zero where an older program kept it and did not say.
    #[serde(default)]
    pub version: u32,
    /// How many bytes stand behind the state; none where an older program kept it.
    #[serde(default)]
    pub suffix: u32,
}

/// A snapshot and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What was folded into it.
    pub position: Position,
    /// The state.
    pub bytes: Bytes,
    /// The version of the state, so that it need not be read to be refused.
    pub version: u32,
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

    /// Whether this program can read what stands in the journal, as far as its last record and its
    /// snapshots say of themselves; cheap, and changes nothing. `version` is that of the state which
    /// this program reads. An error of kind `TooNew` says what to do.
    pub async fn check(&self, version: u32) -> Result<()> {
        // Each program begins with a record of its own, so the last one is of the newest program.
        let end = self.end().await?;
        for entry in self.logs.read(&self.log, end, 1).await? {
            check_version(&entry.record)?;
        }
        let newest = self.marks().await?.1.snapshots.iter().map(|mark| mark.version).max();
        match newest {
            Some(newest) if newest > version => {
                let why = format!(
                    "it has version {newest}, and this program reads up to version {version}: a \
                     newer program kept it; run that one again, or restore what was kept before it ran"
                );
                Err(self.cannot("read a snapshot", ErrorKind::TooNew, &why))
            }
            _ => Ok(()),
        }
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
        let state = bytes.len().checked_sub(mark.suffix as usize).ok_or_else(|| {
            self.cannot("read a snapshot", ErrorKind::Corrupt, "it is shorter than it says")
        })?;
        let bytes = bytes.slice(..state);
        Ok(Snapshot { position: mark.position, bytes, version: mark.version })
    }

    /// Keeps a verified snapshot beside the newest older one, forgets older ones, and answers up to
    /// which record (including it) the log may be forgotten: that of the older snapshot, zero while
    /// there is only one.
    ///
    /// A snapshot that is not newer than the newest is not kept, which is not an error.
    pub async fn keep(&self, snapshot: Snapshot) -> Result<Sequence> {
        let Snapshot { position, version, bytes } = snapshot;
        let suffix = position.sequence().0.to_be_bytes();
        let mut content = BytesMut::with_capacity(bytes.len() + suffix.len());
        content.extend_from_slice(&bytes);
        content.extend_from_slice(&suffix);
        let blob = self.blobs.put(content.freeze()).await?;
        let mark = SnapshotMark { position, blob, version, suffix: SUFFIX };
        self.load(&mark).await?;
        loop {
            let (held, mut marks) = self.marks().await?;
            let newest = marks.snapshots.last().map(|mark| mark.position.sequence());
            if newest >= Some(mark.position.sequence()) {
                return Ok(behind(&marks.snapshots));
            }
            marks.v = MARKS_VERSION;
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
            let why = "a newer program wrote them; run that one again, or restore what was kept \
                       before it ran";
            return Err(self.cannot("find the snapshots", ErrorKind::TooNew, why));
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
