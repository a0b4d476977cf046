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

/// The most bytes of one blob of a snapshot: a large state is kept as several.
const PART_BYTES: usize = 32 * 1024 * 1024;

/// How many snapshots are kept; the log is trimmed behind the oldest of them.
const SNAPSHOTS_KEPT: usize = 2;

/// A snapshot that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotMark {
    /// What was folded into it.
    pub position: Position,
    /// The blob that holds it: the state, and then the sequence of the last record in it, so that two
    /// snapshots of one state are two blobs, and the loss of one is not that of both. Of a large one
    /// it holds the beginning.
    pub blob: BlobName,
    /// The rest of a large one, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<SnapshotPart>,
    /// The version of the state; zero where an older program kept it and did not say.
    #[serde(default)]
    pub version: u32,
    /// How many bytes stand behind the state; none where an older program kept it.
    #[serde(default)]
    pub suffix: u32,
}

/// A further part of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotPart {
    /// The blob that holds it.
    pub blob: BlobName,
}

impl SnapshotMark {
    /// All its blobs, in order.
    pub fn blobs(&self) -> impl Iterator<Item = &BlobName> {
        std::iter::once(&self.blob).chain(self.more.iter().map(|part| &part.blob))
    }
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
                    let (shard, blob) = (self.shard.0, &mark.blob);
                    match error.kind() {
                        ErrorKind::Corrupt | ErrorKind::NotFound => {
                            tracing::error!(shard, %blob, %error, "snapshot lost");
                        }
                        // It may well be there still: it could not be read now.
                        _ => tracing::warn!(shard, %blob, %error, "snapshot passed over"),
                    }
                    fault.get_or_insert(error);
                }
            }
        }
        fault.map_or(Ok(None), Err)
    }

    /// The oldest snapshot that is kept: where to begin when the beginning of the log was trimmed.
    ///
    /// A leader may forget it while it is read; then the one that is the oldest by now is read.
    pub async fn oldest(&self) -> Result<Option<Snapshot>> {
        let mut tried: Option<SnapshotMark> = None;
        loop {
            let Some(mark) = self.marks().await?.1.snapshots.into_iter().next() else {
                return Ok(None);
            };
            match self.load(&mark).await {
                Err(_) if tried.as_ref() != Some(&mark) => tried = Some(mark),
                read => return read.map(Some),
            }
        }
    }

    /// Reads a snapshot and checks that its bytes are those of its names.
    pub async fn load(&self, mark: &SnapshotMark) -> Result<Snapshot> {
        let SnapshotMark { position, version, suffix, .. } = *mark;
        let first = self.part(&mark.blob).await?;
        let content = if mark.more.is_empty() {
            first
        } else {
            let mut content = BytesMut::from(first);
            for part in &mark.more {
                content.extend_from_slice(&self.part(&part.blob).await?);
            }
            content.freeze()
        };
        let state = content.len().checked_sub(suffix as usize).ok_or_else(|| {
            self.cannot("read a snapshot", ErrorKind::Corrupt, "it is shorter than it says")
        })?;
        Ok(Snapshot { position, bytes: content.slice(..state), version })
    }

    async fn part(&self, name: &BlobName) -> Result<Bytes> {
        let read = self.blobs.get(name).await?;
        let bytes = read.ok_or_else(|| {
            self.cannot("read a snapshot", ErrorKind::Corrupt, "its blob is not there")
        })?;
        if BlobName::of(&bytes) != *name {
            return Err(self.cannot("read a snapshot", ErrorKind::Corrupt, "its hash differs"));
        }
        Ok(bytes)
    }

    /// Keeps a verified snapshot beside the newest older one, forgets older ones, and answers up to
    /// which record (including it) the log may be forgotten: that of the older snapshot, zero while
    /// there is only one.
    ///
    /// A snapshot that is not newer than the newest is not kept, which is not an error.
    pub async fn keep(&self, snapshot: Snapshot) -> Result<Sequence> {
        let Snapshot { position, version, bytes } = snapshot;
        let mut content = BytesMut::from(bytes);
        content.extend_from_slice(&position.sequence().0.to_be_bytes());
        let content = content.freeze();
        let blob = self.blobs.put(content.slice(..content.len().min(PART_BYTES))).await?;
        let mut more = Vec::new();
        for from in (PART_BYTES..content.len()).step_by(PART_BYTES) {
            let part = content.slice(from..content.len().min(from + PART_BYTES));
            more.push(SnapshotPart { blob: self.blobs.put(part).await? });
        }
        let mark = SnapshotMark { position, blob, more, version, suffix: SUFFIX };
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
        for blob in old.iter().flat_map(SnapshotMark::blobs) {
            if kept.iter().flat_map(SnapshotMark::blobs).all(|other| other != blob) {
                self.blobs.delete(blob).await?;
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
