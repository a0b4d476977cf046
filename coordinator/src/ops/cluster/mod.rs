//! Backing up what a cluster keeps while it works, and restoring it into an empty one.
//!
//! A backup has one consistent cut of each shard: its journal up to one record, the snapshots that
//! were kept then, and every blob that those name. Nothing that a shard decides depends on another
//! one, so the cuts of two shards may lie moments apart. Numbers that only rise (reigns, lives) are
//! copied after all journals, so that none of them is behind what a journal names. Who leads what is
//! not copied: it is nobody's in the new cluster.

mod copy;
mod restore;
#[cfg(test)]
mod tests;

use std::path::Path;

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Fabric, embedded::Embedded},
    time::Wall,
};

pub(super) use copy::blob_in;
pub use restore::restore_cluster;

use super::{
    backup::{beside, listed, write},
    folder::{Part, must_be_free},
    manifest::{ClusterPlaces, FileEntry, MANIFEST, MANIFEST_VERSION, Manifest, look},
};
use crate::node::shards_of;

/// How often it is begun anew when a journal was forgotten faster than it was copied.
const TRIES: u32 = 5;

/// Copies what a cluster keeps to a folder, which must not exist or be empty; nodes go on, and wait
/// for nothing. The copy is checked by opening and folding it, and only then gets its name.
///
/// An error leaves nothing at `into`. Of kind `NotFound`: there is no cluster; `Invalid`: something is
/// at `into`; `Full`: there is no room; `Corrupt`: what is to be copied is damaged.
///
/// # Cancellation
/// Dropping the future leaves what was begun, which the next backup to the same place removes.
pub async fn back_up_cluster(
    fabric: &dyn Fabric,
    name: &str,
    into: &Path,
    now: Wall,
) -> Result<Manifest> {
    must_be_free(into, "back up into")?;
    let Some(shards) = shards_of(fabric).await? else {
        let message = format!("there is no cluster {name:?} on these servers: nothing to back up");
        return Err(Error::new(ErrorKind::NotFound, message));
    };
    let part = copied(fabric, shards, into).await?;
    let looked = look(part.path()).await?;
    let (part, files) = beside(move || {
        let files = listed(part.path())?;
        Ok((part, files))
    })
    .await?;
    let mut counts = looked.counts;
    counts.blobs = files.keys().filter(|path| path.starts_with("blobs/")).count() as u64;
    let manifest = Manifest {
        v: MANIFEST_VERSION,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        taken_at: now.to_string(),
        journal: looked.place,
        cluster: Some(ClusterPlaces { name: name.to_owned(), shards: looked.shards }),
        counts,
        bytes: files.values().map(|file: &FileEntry| file.bytes).sum(),
        missing: looked.missing,
        forgotten: std::collections::BTreeSet::new(),
        files,
    };
    beside(move || {
        write(&manifest, &part.path().join(MANIFEST))?;
        part.place()?;
        Ok(manifest)
    })
    .await
}

/// Copies everything beside where it is to be.
async fn copied(fabric: &dyn Fabric, shards: u16, into: &Path) -> Result<Part> {
    let mut left = TRIES;
    loop {
        let part = Part::begin(into)?;
        let copied = Embedded::open(part.path())?;
        let copying = copy::copy(fabric, &copied, shards).await;
        copied.close().await;
        left -= 1;
        match copying {
            Ok(()) => return Ok(part),
            Err(error) if error.kind() == ErrorKind::Conflict && left > 0 => {
                tracing::warn!(%error, "the backup is begun anew");
            }
            Err(error) => return Err(error),
        }
    }
}
