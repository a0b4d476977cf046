//! Compaction: a snapshot now, a shorter journal, no blobs that nothing names, smaller files.

use std::{path::Path, sync::Arc, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Fabric, Keeper, Sequence, Shrunk, Sizes, Swept, embedded::Embedded},
    id::{Number, ShardId},
    journal::Journal,
    time::Now,
};
use serde::{Deserialize, Serialize};

use super::folder::failed;
use crate::{
    shard::{
        Mind as _,
        fold::Fold,
        machine::{ShardMachine, ShardSettings},
    },
    system::Means,
};

/// How long a blob that nothing names is kept: whoever put it may be about to name it.
pub const BLOBS_KEPT_FOR: Duration = Duration::from_hours(1);

/// What a compaction came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compaction {
    /// The room that was taken before.
    pub before: Sizes,
    /// The room that is taken now.
    pub after: Sizes,
    /// The last event that the newest snapshot holds.
    pub snapshot_at: Number,
    /// How many records of the journal were forgotten.
    pub records_forgotten: u64,
    /// The first record that is kept.
    pub first_record: u64,
    /// Which blobs were forgotten, since nothing names them.
    pub blobs_forgotten: Swept,
    /// Why no blob was forgotten, if none was looked for.
    pub blobs_kept_since: Option<String>,
    /// What became of the room that was left in the file.
    pub room: Shrunk,
}

/// Compacts the folder of a node while it goes on: beside its work, and without making whoever
/// writes wait for longer than an append.
///
/// The journal is forgotten behind the older of two verified snapshots, less `records_kept` records
/// (by default as many as are kept anyway): what is forgotten is in no audit any more.
///
/// An error of kind `Invalid`: the node keeps nothing on a disk; `Full`: there is no room for doing
/// it; `Unavailable`: ask again.
pub(crate) async fn compact(means: &Means, records_kept: Option<u64>) -> Result<Compaction> {
    let Means { shard, journal, keeper, standing, clock } = means;
    let keeper = keeper.as_ref().ok_or_else(|| {
        Error::new(ErrorKind::Invalid, "cannot compact what this node keeps: it has no folder")
    })?;
    let (before, first) = (keeper.sizes().await?, journal.first().await?);
    let Some(here) = shard.handle() else {
        let why = "this node does not lead the shard: ask the one that does";
        return Err(Error::new(ErrorKind::Unavailable, why));
    };
    let position = here.snapshot(records_kept).await?;
    // While nothing could be written, agents may have held what they had put for any length of time.
    let now = clock.now();
    let kept_since = standing.full_within(now.moment, BLOBS_KEPT_FOR).then(|| {
        "the disk was full within the last hour: what agents kept then may not be named yet"
            .to_owned()
    });
    let rest = Rest { keeper: keeper.as_ref(), journal, now, kept_since, may_wait: false };
    rest.compact(before, first, position.number).await
}

/// Compacts a folder in which no process is at work.
///
/// An error of kind `Conflict` names the process that is; otherwise as for [`System::compact`](crate::system::System::compact).
pub async fn compact_folder(data_dir: &Path, records_kept: u64, now: Now) -> Result<Compaction> {
    let store = data_dir.join("store.db");
    if !store.try_exists().map_err(|error| failed("look for", &store, error))? {
        let message = format!("there is no run in {}: nothing to compact", data_dir.display());
        return Err(Error::new(ErrorKind::NotFound, message));
    }
    let fabric = Embedded::open(data_dir)?;
    let compacted = in_fabric(&fabric, records_kept, now).await;
    fabric.close().await;
    let mut compacted = compacted?;
    // Closing moves what was committed into the one file.
    compacted.after.write_ahead = 0;
    Ok(compacted)
}

async fn in_fabric(fabric: &Embedded, records_kept: u64, now: Now) -> Result<Compaction> {
    let keeper = fabric.keeper().ok_or_else(|| {
        Error::new(ErrorKind::Invalid, "cannot compact what was opened for reading only")
    })?;
    let journal = Journal::of(fabric, ShardId(0))?;
    journal.check(ShardMachine::SNAPSHOT_VERSION).await?;
    let (before, first) = (keeper.sizes().await?, journal.first().await?);
    // Nobody works meanwhile, so what is kept here is folded without a node: nothing is decided.
    let genesis = Arc::new(|| ShardMachine::new(ShardSettings::default()));
    let mut fold = Fold::restore(journal.clone(), genesis).await?;
    fold.snapshot(records_kept).await?;
    if journal.snapshots().await?.len() < 2 {
        // Two are asked for before anything is forgotten: a record of its own lies between them.
        let epoch = journal.next_epoch().await?;
        fold.promote(epoch, now.wall).await?;
        fold.snapshot(records_kept).await?;
    }
    let number = fold.position().number;
    let rest =
        Rest { keeper: keeper.as_ref(), journal: &journal, now, kept_since: None, may_wait: true };
    rest.compact(before, first, number).await
}

/// What is done once the journal is forgotten.
struct Rest<'a> {
    keeper: &'a dyn Keeper,
    journal: &'a Journal,
    now: Now,
    /// Why blobs are not looked for, if they are not.
    kept_since: Option<String>,
    may_wait: bool,
}

impl Rest<'_> {
    async fn compact(
        self,
        before: Sizes,
        first_before: Sequence,
        snapshot_at: Number,
    ) -> Result<Compaction> {
        let Self { keeper, journal, now, kept_since, may_wait } = self;
        let blobs_forgotten = if kept_since.is_some() {
            Swept::default()
        } else {
            keeper.sweep(now.wall.before(BLOBS_KEPT_FOR)).await?
        };
        let room = keeper.shrink(may_wait).await?;
        let first = journal.first().await?;
        Ok(Compaction {
            before,
            after: keeper.sizes().await?,
            snapshot_at,
            records_forgotten: first.0.saturating_sub(first_before.0),
            first_record: first.0,
            blobs_forgotten,
            blobs_kept_since: kept_since,
            room,
        })
    }
}
