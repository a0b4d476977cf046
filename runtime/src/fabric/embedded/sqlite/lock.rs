//! One writer to a directory: a lock of the operating system, which a crash releases.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::error::{Error, ErrorKind, Result};

/// How often a lock is tried while nobody says that he holds it: whoever looks at a dead run holds
/// it for some microseconds, and must not make a start fail.
const TRIES: usize = 200;

/// The right to write in a directory, until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

fn path(dir: &Path) -> PathBuf {
    dir.join("lock")
}

fn io(attempted: &str, dir: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot {attempted} {}", path(dir).display())).because(error)
}

/// The pid that stands in the file; none when the last holder left in order.
fn written(mut file: &File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

impl Lock {
    /// Takes the directory, or says who holds it.
    pub(super) fn take(dir: &Path) -> Result<Self> {
        for _ in 0..TRIES {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(path(dir))
                .map_err(|error| io("open", dir, error))?;
            match file.try_lock() {
                Ok(()) => return Self::sign(file).map_err(|error| io("write", dir, error)),
                Err(TryLockError::WouldBlock) => std::thread::yield_now(),
                Err(TryLockError::Error(error)) => return Err(io("lock", dir, error)),
            }
        }
        let who = File::open(path(dir)).ok().as_ref().and_then(written);
        let who = who.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "cannot open {}: {who} holds it; stop that process, or use another directory",
                dir.display()
            ),
        ))
    }

    fn sign(mut file: File) -> std::io::Result<Self> {
        file.set_len(0)?;
        file.write_all(format!("{}\n", std::process::id()).as_bytes())?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // An emptied file says that nobody holds it; should this fail, the lock itself still tells.
        let _ = self.file.set_len(0);
    }
}

/// Which process holds a directory for writing; none when nobody does.
pub fn holder(dir: &Path) -> Result<Option<u32>> {
    let file = match File::open(path(dir)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io("open", dir, error)),
    };
    let Some(pid) = written(&file) else { return Ok(None) };
    match file.try_lock_shared() {
        // Whoever wrote this is gone; dropping the file lets the lock go.
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(pid)),
        Err(TryLockError::Error(error)) => Err(io("look at", dir, error)),
    }
}
