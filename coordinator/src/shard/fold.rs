//! A mind that follows the journal: how a leader begins, and where snapshots come from.
//!
//! Snapshots are folded beside the sequencer, from durable records only. Before one is kept it is
//! made a second time, from the snapshot before it and the records since, and the two must be the
//! same byte for byte; so state that is not a fold of the journal is found out before the journal
//! behind it is forgotten.

use std::{fmt, sync::Arc};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{BlobName, Entry, Sequence},
    id::Epoch,
    journal::{Journal, Position, Snapshot},
    time::Wall,
};

use super::mind::Mind;

/// Makes the state before the first event; the same on every node.
pub type Genesis<M> = Arc<dyn Fn() -> M + Send + Sync>;

/// A mind, folded up to a position. Cheap to read on with, never asked to decide.
pub struct Fold<M: Mind> {
    journal: Journal,
    genesis: Genesis<M>,
    mind: M,
    position: Position,
}

impl<M: Mind> Fold<M> {
    /// Begins with the latest snapshot, or before the first event.
    pub async fn restore(journal: Journal, genesis: Genesis<M>) -> Result<Self> {
        let (mind, position) = begin(&journal, &genesis).await?;
        Ok(Self { journal, genesis, mind, position })
    }

    /// How far it has come.
    pub const fn position(&self) -> &Position {
        &self.position
    }

    /// What it has come to.
    pub const fn mind(&self) -> &M {
        &self.mind
    }

    /// The mind and where it stands.
    pub fn into_parts(self) -> (M, Position) {
        (self.mind, self.position)
    }

    /// Folds what has become durable, up to and including record `until`, and answers how many
    /// records. What was trimmed meanwhile is passed over by the latest snapshot.
    pub async fn read_on(&mut self, until: Sequence) -> Result<u64> {
        let Self { journal, mind, position, .. } = self;
        let read =
            journal.read_on(position, until, |number, at, event| mind.apply(number, at, event));
        match read.await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                (self.mind, self.position) = begin(&self.journal, &self.genesis).await?;
                let Self { journal, mind, position, .. } = self;
                let apply = |number, at, event: &M::Event| mind.apply(number, at, event);
                journal.read_on(position, until, apply).await
            }
            read => read,
        }
    }

    /// Folds one record that was appended; one that it has folded already is passed over.
    ///
    /// An error means that the record does not follow; what was folded before it stands.
    pub fn take(&mut self, entry: &Entry) -> Result<()> {
        let Self { journal, mind, position, .. } = self;
        if entry.sequence <= position.sequence() {
            return Ok(());
        }
        let mut apply = |number, at, event: &M::Event| mind.apply(number, at, event);
        position.fold(journal.shard(), entry, &mut apply)
    }

    /// The journal that it follows.
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Begins a reign, see [`Journal::promote`]; on success it stands at the end of the journal.
    pub async fn promote(&mut self, epoch: Epoch, wall: Wall) -> Result<()> {
        self.read_on(Sequence(u64::MAX)).await?;
        let Self { journal, mind, position, .. } = self;
        let apply = |number, at, event: &M::Event| mind.apply(number, at, event);
        journal.promote(epoch, wall, position, apply).await
    }

    /// Makes a snapshot of what is durable, verifies it, keeps it, and forgets the journal behind
    /// the older of the two that are kept, less `records_kept` records for audits.
    ///
    /// An error of kind `Fault` means that the state is not a fold of the journal; then nothing was
    /// kept and nothing forgotten.
    pub async fn snapshot(&mut self, records_kept: u64) -> Result<Position> {
        let again = self.read_on_twice().await?;
        let bytes = self.mind.snapshot();
        self.verify(&bytes, again)?;
        let (position, version) = (self.position, M::SNAPSHOT_VERSION);
        let snapshot = Snapshot { position, bytes: bytes.into(), version };
        let behind = self.journal.keep(snapshot).await?;
        if behind.0 > records_kept {
            self.journal.trim(Sequence(behind.0 - records_kept)).await?;
        }
        Ok(self.position)
    }

    /// Folds what has become durable, and beside it a second mind from the latest snapshot on. Where
    /// both begin at the same place, as they do unless somebody else made a snapshot, the journal is
    /// read and decoded once: that is most of what folding costs, and under load whoever takes
    /// snapshots must keep up.
    async fn read_on_twice(&mut self) -> Result<(M, Position)> {
        let end = Sequence(u64::MAX);
        let (mut again, mut position) = begin(&self.journal, &self.genesis).await?;
        if position == self.position {
            let Self { journal, mind, .. } = self;
            let both = |number, at, event: &M::Event| {
                mind.apply(number, at, event);
                again.apply(number, at, event);
            };
            let read = journal.read_on(&mut position, end, both).await;
            // Also after an error: it stands where it was folded to.
            self.position = position;
            match read {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                read => return read.map(|_| (again, position)),
            }
        }
        self.read_on(end).await?;
        let (mut again, mut position) = begin(&self.journal, &self.genesis).await?;
        let apply = |number, at, event: &M::Event| again.apply(number, at, event);
        self.journal.read_on(&mut position, self.position.sequence(), apply).await?;
        Ok((again, position))
    }

    /// Compares the state with the same made in two other ways.
    fn verify(&self, bytes: &[u8], (again, position): (M, Position)) -> Result<()> {
        let folded = again.snapshot();
        // One state less in memory while the other is made.
        drop(again);
        let restored = M::restore(bytes)?.snapshot();
        if position != self.position || folded != bytes || restored != bytes {
            return Err(Error::new(
                ErrorKind::Fault,
                format!(
                    "the state of shard {} at event {} is not the fold of its journal: \
                     {} as it ran, {} folded again, {} restored; nothing is forgotten",
                    self.journal.shard(),
                    self.position.number,
                    BlobName::of(bytes),
                    BlobName::of(&folded),
                    BlobName::of(&restored),
                ),
            ));
        }
        Ok(())
    }
}

async fn begin<M: Mind>(journal: &Journal, genesis: &Genesis<M>) -> Result<(M, Position)> {
    match journal.latest().await? {
        Some(snapshot) => Ok((genesis().restored(&snapshot.bytes)?, snapshot.position)),
        None => Ok((genesis(), Position::default())),
    }
}

impl<M: Mind> fmt::Debug for Fold<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fold").field("position", &self.position).finish_non_exhaustive()
    }
}
