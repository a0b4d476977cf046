//! What is made here is for its owner alone, whatever the umask: inputs and results stand in it.
//!
//! What is there already keeps its mode: somebody may have meant it.

use std::{
    fs::{DirBuilder, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

/// Makes a directory, and those above it, if they are absent: mode 700.
pub(super) fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes an empty file if it is absent: mode 600. The files that `SQLite` puts beside it have its mode.
pub(super) fn make_file(path: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(|_| ())
}

/// What others may do taken away from a mode.
pub(super) fn of_owner(permissions: &Permissions) -> Permissions {
    Permissions::from_mode(permissions.mode() & 0o700)
}
