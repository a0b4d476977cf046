//! What a failure of SQLite means for whoever asked.

use std::path::Path;

use rusqlite::{ErrorCode, ffi};

use crate::error::{Error, ErrorKind};

/// Whether there was no room: on the disk, or within the bound that was set.
pub(super) fn is_full(error: &rusqlite::Error) -> bool {
    match error.sqlite_error() {
        Some(found) => {
            found.code == ErrorCode::DiskFull
                // The file of the shared memory could not grow: a full disk by another name.
                || found.extended_code == ffi::SQLITE_IOERR_SHMSIZE
        }
        None => false,
    }
}

fn kind(error: &rusqlite::Error) -> ErrorKind {
    if is_full(error) {
        return ErrorKind::Full;
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => ErrorKind::Corrupt,
        // A statement that this program wrote does not fit what is in the file.
        Some(ErrorCode::Unknown | ErrorCode::TypeMismatch | ErrorCode::SchemaChanged) | None => {
            ErrorKind::Corrupt
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::Unavailable,
        Some(_) => ErrorKind::Io,
    }
}

/// An error that names the file, what was attempted and what can be done.
pub(super) fn explain(file: &Path, attempted: &str, error: rusqlite::Error) -> Error {
    let kind = kind(&error);
    let advice = match kind {
        ErrorKind::Corrupt => ": it is damaged; recover what is left of it into a new directory",
        ErrorKind::Full => ": there is no room; make some",
        ErrorKind::Unavailable => ": another program holds it; close that program",
        _ => "",
    };
    Error::new(kind, format!("cannot {attempted} in {}{advice}", file.display())).because(error)
}

/// A damage that SQLite does not see: a checksum, a gap, a count.
pub(super) fn damaged(file: &Path, what: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!(
            "{} is damaged: {what}; recover what is left of it into a new directory",
            file.display()
        ),
    )
}
