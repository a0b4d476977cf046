//! The socket of a door: made anew where a dead process left one, and removed with the door.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use orkestra_runtime::{Error, ErrorKind, Result};
use tokio::net::{UnixListener, UnixSocket};

use super::{
    CONNECTIONS_MAX,
    place::{Place, places},
};

/// A socket that is listened at.
#[derive(Debug)]
pub(super) struct Socket {
    // Removed before the listener is closed: until then no other file can have its number.
    _sign: Sign,
    pub(super) listener: UnixListener,
}

impl Socket {
    /// Opens the door of a folder, which this process must hold: whatever socket is there is then
    /// of a process that is dead, or of a former door of this one.
    pub(super) fn open(data_dir: &Path, bases: &[PathBuf]) -> Result<Self> {
        let mut last = None;
        for place in places(data_dir, bases)? {
            match Self::at(&place) {
                Ok(socket) => return Ok(socket),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::new(ErrorKind::Fault, "there is no place for a socket")))
    }

    fn at(place: &Place) -> Result<Self> {
        place.prepare()?;
        let path = &place.socket;
        let failed = |error: io::Error| {
            let message = format!("cannot open the control door at {}", path.display());
            Error::new(ErrorKind::Io, message).because(error)
        };
        match fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() => fs::remove_file(path).map_err(failed)?,
            Ok(_) => {
                let message = format!(
                    "cannot open the control door at {}: something that is no socket is there; \
                     move it away",
                    path.display()
                );
                return Err(Error::new(ErrorKind::Conflict, message));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let socket = UnixSocket::new_stream().map_err(failed)?;
        socket.bind(path).map_err(failed)?;
        let sign = Sign::of(path).map_err(failed)?;
        // Nobody can connect before it listens, so nobody comes in before this.
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        let backlog = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
        let listener = socket.listen(backlog).map_err(failed)?;
        Ok(Self { _sign: sign, listener })
    }
}

/// The file of a socket; removed when this is dropped, unless another has taken its place.
#[derive(Debug)]
struct Sign {
    path: PathBuf,
    number: (u64, u64),
}

impl Sign {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), number: number(path)? })
    }
}

impl Drop for Sign {
    fn drop(&mut self) {
        if number(&self.path).is_ok_and(|number| number == self.number) {
            // What stays is replaced by the next door, and nobody answers at it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn number(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}
