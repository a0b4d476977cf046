//! What keeps a data directory in order over months: backups, restoring them, compaction.
//!
//! | function | promise |
//! |---|---|
//! | [`back_up`] | a copy of one state of the folder that was checked before it got its name; whoever writes there goes on |
//! | [`restore`] | a new folder that is what the backup says, or no folder |
//! | [`back_up_cluster`] | one consistent cut of each shard of a cluster, checked before it got its name; nodes go on |
//! | [`restore_cluster`] | the same cluster on servers that have none |
//! | [`System::compact`](crate::system::System::compact), [`compact_folder`] | nothing is forgotten but what two verified snapshots stand for and what nothing names |

mod backup;
mod cluster;
mod compact;
mod folder;
mod manifest;
mod restore;

pub use backup::back_up;
pub use cluster::{back_up_cluster, restore_cluster};
pub(crate) use compact::compact;
pub use compact::{BLOBS_KEPT_FOR, Compaction, compact_folder};
pub use manifest::{
    ClusterPlaces, Counts, FileEntry, MANIFEST, MANIFEST_VERSION, Manifest, Place, read_manifest,
};
pub use restore::restore;

#[cfg(test)]
mod tests;
