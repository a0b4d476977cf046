//! How much room a folder's disk has.

use std::{fmt, path::Path};

/// The room of a disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// What this process may still use.
    pub(super) free: u64,
    /// All of it.
    pub(super) total: u64,
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = u128::from(self.free) * 100 / u128::from(self.total.max(1));
        let mib = |bytes: u64| bytes / (1024 * 1024);
        write!(
            f,
            "{percent} % of the disk are free ({} of {} MiB)",
            mib(self.free),
            mib(self.total)
        )
    }
}

/// The room on the disk of a folder, or of the nearest folder above it that is there.
pub(super) fn room_at(folder: &Path) -> Result<Room, String> {
    let there = folder.ancestors().find(|path| path.exists()).unwrap_or_else(|| Path::new("/"));
    let found = rustix::fs::statvfs(there)
        .map_err(|error| format!("cannot ask for the room at {}: {error}", there.display()))?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Ok(Room { free: bytes(found.f_bavail), total: bytes(found.f_blocks) })
}
