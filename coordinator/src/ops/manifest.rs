//! What a backup says of itself, and the look that proves it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path},
    sync::Arc,
};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{BlobName, Fabric as _, LogName, Logs, Sequence, embedded::Embedded},
    id::{Epoch, Number, ShardId},
    journal::{Journal, READ_BYTES, blobs_named},
};
use serde::{Deserialize, Serialize};

use super::folder::failed;
use crate::{
    node::shards_of,
    shard::{
        Mind as _,
        fold::Fold,
        machine::{ShardMachine, ShardSettings},
    },
    task::{Answer, Query},
};

/// The file of a backup that says what it holds.
pub const MANIFEST: &str = "manifest.json";
/// The latest version of that file which this program reads; it writes it for clusters.
pub const MANIFEST_VERSION: u32 = 2;
/// The version that it writes for folders, which earlier programs read too.
pub(super) const FOLDER_VERSION: u32 = 1;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this file.
    pub v: u32,
    /// The version of the program that made it.
    pub program: String,
    /// When it was taken, in RFC 3339 and UTC.
    pub taken_at: String,
    /// Where the journal stood; of a cluster nothing, since each shard has its own.
    pub journal: Place,
    /// Of which cluster it is, and where its journals stood; none where it is of a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterPlaces>,
    /// How much of everything it holds.
    pub counts: Counts,
    /// The size of all files.
    pub bytes: u64,
    /// Blobs that were forgotten on purpose while it was taken.
    #[serde(default)]
    pub forgotten: BTreeSet<BlobName>,
    /// Blobs that the journal names and that were not there: lost, or forgotten on purpose before.
    #[serde(default)]
    pub missing: BTreeSet<BlobName>,
    /// Every file, by its path from the folder.
    pub files: BTreeMap<String, FileEntry>,
}

/// A cluster, and where its journals stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterPlaces {
    /// What it is called.
    pub name: String,
    /// Where the journal of each shard stands.
    pub shards: BTreeMap<ShardId, Place>,
}

/// Where a journal stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The first record that is kept.
    pub first_record: u64,
    /// The last one.
    pub last_record: u64,
    /// The number of the last event.
    pub last_event: Number,
    /// The latest reign.
    pub epoch: Epoch,
}

/// How much of everything there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Runs that are not forgotten.
    pub runs: u64,
    /// Their tasks.
    pub tasks: u64,
    /// Those of them that have not ended.
    pub open_tasks: u64,
    /// Blobs.
    pub blobs: u64,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its length.
    pub bytes: u64,
    /// The SHA-256 of its bytes.
    pub sha256: String,
}

/// What a folder was found to hold.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) place: Place,
    /// Where each journal stands, if it is of a cluster.
    pub(super) shards: BTreeMap<ShardId, Place>,
    pub(super) counts: Counts,
    pub(super) missing: BTreeSet<BlobName>,
}

/// Opens a folder that nobody else uses, reads every record, folds the journal, and looks for every
/// blob that is named. Leaves the folder as it was.
pub(super) async fn look(folder: &Path) -> Result<Looked> {
    let fabric = Embedded::open(folder)?;
    let looked = look_into(&fabric, folder).await;
    fabric.close().await;
    for left in ["lock", "store.db-shm", "store.db-wal"] {
        let path = folder.join(left);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed("remove", &path, error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    looked
}

async fn look_into(fabric: &Embedded, folder: &Path) -> Result<Looked> {
    let Some(shards) = shards_of(fabric).await? else {
        let (place, counts, missing) = look_at(fabric, folder, ShardId(0)).await?;
        return Ok(Looked { place, shards: BTreeMap::new(), counts, missing });
    };
    let (place, shards) = (Place::default(), (0..shards).map(ShardId));
    let (counts, missing) = (Counts::default(), BTreeSet::new());
    let mut all = Looked { place, shards: BTreeMap::new(), counts, missing };
    for shard in shards {
        let (place, counts, missing) = look_at(fabric, folder, shard).await?;
        all.shards.insert(shard, place);
        all.counts.runs += counts.runs;
        all.counts.tasks += counts.tasks;
        all.counts.open_tasks += counts.open_tasks;
        all.missing.extend(missing);
    }
    Ok(all)
}

/// Where a shard stands, what it holds, and what it names that is not there.
async fn look_at(
    fabric: &Embedded,
    folder: &Path,
    shard: ShardId,
) -> Result<(Place, Counts, BTreeSet<BlobName>)> {
    let journal = Journal::of(fabric, shard)?;
    journal.check(ShardMachine::SNAPSHOT_VERSION).await?;
    let (first, last) = (journal.first().await?, journal.end().await?);
    let mut named = named_between(fabric.logs().as_ref(), journal.log(), first, last).await?;
    for mark in journal.snapshots().await? {
        let snapshot = journal.load(&mark).await?;
        blobs_named(&snapshot.bytes, &mut |name| {
            named.insert(name);
        })?;
    }
    let genesis = Arc::new(|| ShardMachine::new(ShardSettings::default()));
    let mut fold = Fold::restore(journal, genesis).await?;
    fold.read_on(Sequence(u64::MAX)).await?;
    let (machine, position) = fold.into_parts();
    let runs = match machine.tasks().answer(orkestra_runtime::time::Now::default(), &Query::Runs) {
        Answer::Runs(runs) => runs,
        _ => Vec::new(),
    };
    let total = |of: &dyn Fn(&crate::task::RunSummary) -> u64| {
        runs.iter().map(|run| of(&run.summary)).sum::<u64>()
    };
    let (tasks, ended) = (total(&|run| run.counts.total), total(&|run| run.counts.ended()));
    // What was deleted on purpose is not missed.
    let deleted = machine.tasks().blobs_redacted();
    named.retain(|name| !deleted.contains(name) && !folder.join(place_of(name)).exists());
    let place = Place {
        first_record: first.0,
        last_record: last.0,
        last_event: position.number,
        epoch: position.epoch,
    };
    let (runs, open_tasks) = (runs.len() as u64, tasks.saturating_sub(ended));
    Ok((place, Counts { runs, tasks, open_tasks, blobs: 0 }, named))
}

/// The names of the blobs that lie in a folder.
pub(super) fn blobs_in(folder: &Path) -> Result<BTreeSet<BlobName>> {
    let paths = super::backup::paths_in(folder)?;
    let names = paths.iter().filter_map(|path| path.strip_prefix("blobs/")?.get(3..)?.parse().ok());
    Ok(names.collect())
}

/// The blobs that the records of a log name, from the first to the last.
async fn named_between(
    logs: &dyn Logs,
    log: &LogName,
    first: Sequence,
    last: Sequence,
) -> Result<BTreeSet<BlobName>> {
    let mut named = BTreeSet::new();
    let mut next = first;
    while next <= last {
        let entries = logs.read(log, next, READ_BYTES).await?;
        let Some(read) = entries.last().map(|entry| entry.sequence).filter(|at| *at >= next) else {
            // Asking again would be answered the same, for ever.
            let message = format!(
                "the journal is damaged: it says that it ends at record {}, and has none from {} \
                 on; use a backup",
                last.0, next.0
            );
            return Err(Error::new(ErrorKind::Corrupt, message));
        };
        for entry in entries {
            blobs_named(&entry.record, &mut |name| {
                named.insert(name);
            })?;
        }
        next = Sequence(read.0 + 1);
    }
    Ok(named)
}

/// The path of a blob from its folder.
fn place_of(name: &BlobName) -> String {
    let name = name.as_str();
    format!("blobs/{}/{name}", name.get(..2).unwrap_or_default())
}

impl Manifest {
    /// Reads what a backup says of itself.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let text = fs::read(&path).map_err(|error| failed("find the backup's", &path, error))?;
        Self::parse(&text, &path)
    }

    fn parse(text: &[u8], path: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        let corrupt = |error| {
            let message =
                format!("{} is damaged: it cannot be read; use another backup", path.display());
            Error::new(ErrorKind::Corrupt, message).because(error)
        };
        let Version { v } = serde_json::from_slice(text).map_err(corrupt)?;
        if v > MANIFEST_VERSION {
            let message = format!(
                "{} has version {v}, and this program reads up to {MANIFEST_VERSION}: a newer \
                 program made this backup; run that one",
                path.display()
            );
            return Err(Error::new(ErrorKind::TooNew, message));
        }
        let manifest: Self = serde_json::from_slice(text).map_err(corrupt)?;
        // Before the first byte of it is copied anywhere.
        manifest.files.keys().try_for_each(|path| check_path(path))?;
        Ok(manifest)
    }
}

/// Refuses a path that leads elsewhere.
fn check_path(path: &str) -> Result<()> {
    let mut parts = Path::new(path).components();
    if !path.is_empty() && parts.all(|part| matches!(part, Component::Normal(_))) {
        return Ok(());
    }
    let shown: String = path.chars().take(200).collect();
    let message = format!("the backup is not one: it lists {shown:?}, which leads out of it");
    Err(Error::new(ErrorKind::Corrupt, message))
}

/// What the bytes of a backup's list say, as [`restore`](super::restore) takes them; never fails
/// otherwise than by saying why not, whatever the bytes are.
pub fn read_manifest(text: &[u8]) -> Result<Manifest> {
    Manifest::parse(text, Path::new(MANIFEST))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::{FutureExt as _, future::BoxFuture};
    use orkestra_runtime::fabric::{AppendError, Entry, Follow};

    use super::*;

    /// A log that says where it ends and answers with something else.
    #[derive(Debug)]
    struct Crooked(Vec<Entry>);

    impl Logs for Crooked {
        fn append(
            &self,
            _: &LogName,
            end: Sequence,
            _: Bytes,
        ) -> BoxFuture<'static, Result<Sequence, AppendError>> {
            std::future::ready(Ok(end)).boxed()
        }

        fn end(&self, _: &LogName) -> BoxFuture<'static, Result<Sequence>> {
            std::future::ready(Ok(Sequence(9))).boxed()
        }

        fn read(
            &self,
            _: &LogName,
            _: Sequence,
            _: usize,
        ) -> BoxFuture<'static, Result<Vec<Entry>>> {
            std::future::ready(Ok(self.0.clone())).boxed()
        }

        fn follow(&self, _: &LogName, _: Sequence) -> Follow {
            Box::pin(futures::stream::empty())
        }

        fn trim(&self, _: &LogName, _: Sequence) -> BoxFuture<'static, Result<()>> {
            std::future::ready(Ok(())).boxed()
        }
    }

    #[tokio::test]
    async fn a_log_that_answers_nothing_before_its_end_is_damaged_and_does_not_go_on_for_ever() {
        let log = LogName::new("journal").unwrap();
        let old = Entry { sequence: Sequence(2), record: Bytes::from_static(b"{}") };
        for entries in [vec![], vec![old]] {
            let looked = named_between(&Crooked(entries), &log, Sequence(3), Sequence(9)).await;
            let error = looked.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert!(error.to_string().contains("ends at record 9, and has none from 3"), "{error}");
        }
        let nothing = named_between(&Crooked(Vec::new()), &log, Sequence(1), Sequence(0)).await;
        assert_eq!(nothing.unwrap(), BTreeSet::new());
    }
}
