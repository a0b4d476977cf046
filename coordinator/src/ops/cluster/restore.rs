//! Restoring the backup of a cluster into an empty one.

use std::path::Path;

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Fabric, Key, LogName, Logs, Sequence, embedded::Embedded},
    id::ShardId,
    journal::Journal,
    names,
};

use super::copy::{copy_blobs, copy_log, copy_registers, create};
use crate::ops::{
    backup::beside,
    folder::failed,
    manifest::{Manifest, blobs_in},
    restore::restore,
};

/// Writes the backup of a cluster into a fabric that has none yet; nodes are started afterwards. It is
/// held against its list and folded first, so that one that is damaged changes nothing. What broke
/// off is gone on with by the same call.
///
/// An error of kind `Invalid`: it is the backup of a folder; `Conflict`: a cluster is there already, or
/// something else was begun; `Corrupt`, `TooNew`, `NotFound`: as for [`restore`](super::super::restore()).
pub async fn restore_cluster(from: &Path, fabric: &dyn Fabric) -> Result<Manifest> {
    let manifest = Manifest::read(from)?;
    let Some(cluster) = &manifest.cluster else {
        let message = format!(
            "{} is the backup of a folder: restore it into one, with --data-dir and no server",
            from.display()
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    };
    if fabric.registers().get(&names::cluster_key()?).await?.is_some() {
        let message = "a cluster of this name is on these servers: restore it under another name \
                       (cluster.name), or on other servers";
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    let aside = tempfile::Builder::new().prefix("orkestra-restore-").tempdir();
    let aside = aside.map_err(|error| failed("make", &std::env::temp_dir(), error))?;
    let folder = aside.path().join("copy");
    restore(from, &folder, |_| {}).await?;
    let copied = Embedded::open_read_only(&folder)?;
    let written = async {
        let blobs = beside(move || blobs_in(&folder)).await?;
        copy_blobs(&copied, fabric, blobs).await?;
        for shard in cluster.shards.keys() {
            write_shard(&copied, fabric, *shard).await?;
        }
        copy_registers(&copied, fabric).await
    };
    let written = written.await;
    copied.close().await;
    written.map(|()| manifest)
}

async fn write_shard(from: &dyn Fabric, into: &dyn Fabric, shard: ShardId) -> Result<()> {
    let journal = Journal::of(from, shard)?;
    let (first, last) = (journal.first().await?, journal.end().await?);
    let (here, there) = (from.logs(), into.logs());
    check_begun((&*here, &*there), journal.log(), last).await?;
    copy_log((&*here, &*there), journal.log(), (first, last)).await?;
    let key = Key::new(&format!("shard.{shard}.snapshots"))?;
    match from.registers().get(&key).await? {
        Some(marks) => create(into, &key, marks.bytes).await,
        None => Ok(()),
    }
}

/// A log that is there must be the beginning of the one that is copied.
async fn check_begun(
    (here, there): (&dyn Logs, &dyn Logs),
    log: &LogName,
    last: Sequence,
) -> Result<()> {
    let end = there.end(log).await?;
    if end.0 == 0 {
        return Ok(());
    }
    let ours = here.read(log, end, 1).await?;
    let theirs = there.read(log, end, 1).await?;
    if end <= last && ours.first() == theirs.first() {
        return Ok(());
    }
    let message =
        format!("log {log} has other records already: use other servers, or another name");
    Err(Error::new(ErrorKind::Conflict, message))
}
