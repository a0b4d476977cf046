//! Where a cluster that is tried keeps its things: a folder that goes with it, or one that stays.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use orkestra_runtime::{Error, ErrorKind, Result};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use tempfile::TempDir;

/// The file that whoever is at work in the folder holds. It also says what the folder is for.
const LOCK: &str = "up.lock";
/// How a folder that goes with its cluster is called at first.
const SCRATCH: &str = "orkestra-up-";

/// The folder, held against others.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    scratch: Option<TempDir>,
    _held: File,
}

impl Folder {
    /// The folder that was named, made if there is none; else one that goes with its cluster.
    pub(super) fn of(named: Option<&Path>) -> Result<Self> {
        let scratch = match named {
            Some(_) => None,
            None => Some(scratch()?),
        };
        let path = match (named, &scratch) {
            (Some(named), _) => named,
            (None, Some(scratch)) => scratch.path(),
            (None, None) => Path::new("."),
        };
        fs::create_dir_all(path).map_err(|error| failed("make", path, error))?;
        // Nodes are told where their things are, and may not be where this was typed.
        let path = path.canonicalize().map_err(|error| failed("find", path, error))?;
        let held = hold(&path)?;
        Ok(Self { path, scratch, _held: held })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it stays.
    pub(super) const fn is_kept(&self) -> bool {
        self.scratch.is_none()
    }

    /// Removes it, unless it stays.
    pub(super) fn close(self) -> Result<()> {
        let Some(scratch) = self.scratch else { return Ok(()) };
        scratch.close().map_err(|error| failed("remove", &self.path, error))
    }
}

fn scratch() -> Result<TempDir> {
    tempfile::Builder::new().prefix(SCRATCH).tempdir().map_err(|error| {
        let place = std::env::temp_dir();
        failed("make a folder for the cluster in", &place, error)
    })
}

/// Holds the folder for as long as the file is open. A folder of something else is left alone.
fn hold(folder: &Path) -> Result<File> {
    let lock = folder.join(LOCK);
    let mut entries = fs::read_dir(folder).map_err(|error| failed("read", folder, error))?;
    if !lock.exists() && entries.next().is_some() {
        let message = format!(
            "{} is not empty, and holds no cluster of `orkestra up`: name another folder with --dir",
            folder.display()
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let file = File::create(&lock).map_err(|error| failed("write", &lock, error))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
        if error != Errno::WOULDBLOCK {
            return failed("lock", &lock, error.into());
        }
        let message = format!(
            "another `orkestra up` is at work in {}: end it, or name another folder with --dir",
            folder.display()
        );
        Error::new(ErrorKind::Conflict, message)
    })?;
    Ok(file)
}

pub(super) fn failed(what: &str, path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot {what} {}", path.display())).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_nobody_goes_and_a_named_one_stays() {
        let scratch = Folder::of(None).unwrap();
        let path = scratch.path().to_owned();
        assert!(path.is_dir() && !scratch.is_kept());
        scratch.close().unwrap();
        assert!(!path.exists());
        let home = tempfile::tempdir().unwrap();
        let named = home.path().join("a/b");
        for _ in 0..2 {
            let kept = Folder::of(Some(&named)).unwrap();
            assert!(kept.is_kept());
            kept.close().unwrap();
        }
        assert!(named.is_dir());
    }

    #[test]
    fn a_folder_with_other_things_and_one_at_work_are_refused() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("thesis.txt"), "words").unwrap();
        let told = Folder::of(Some(home.path())).unwrap_err().to_string();
        assert!(told.contains("is not empty, and holds no cluster"), "{told}");
        let named = home.path().join("mine");
        let _held = Folder::of(Some(&named)).unwrap();
        let told = Folder::of(Some(&named)).unwrap_err().to_string();
        assert!(told.contains("another `orkestra up` is at work in"), "{told}");
    }
}
