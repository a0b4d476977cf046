//! Where a cluster that is tried keeps its things: a folder that goes with it, or one that stays.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use orkestra_runtime::{Error, ErrorKind, Result};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
    process::geteuid,
};
use tempfile::TempDir;

/// The file that whoever is at work in the folder holds. It also says what the folder is for.
const LOCK: &str = "up.lock";
/// How a folder that goes with its cluster is called at first.
const SCRATCH: &str = "orkestra-up-";
/// How often such a folder is made anew because somebody took it for one that was left.
const TRIES_MAX: usize = 5;

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
        let Some(named) = named else { return Self::scratch_in(&std::env::temp_dir()) };
        fs::create_dir_all(named).map_err(|error| failed("make", named, error))?;
        let path = whole(named)?;
        let held = hold(&path)?;
        Ok(Self { path, scratch: None, _held: held })
    }

    /// A folder that goes with its cluster. Those that were left by some that were killed go now.
    fn scratch_in(place: &Path) -> Result<Self> {
        sweep(place);
        for _ in 0..TRIES_MAX {
            let scratch = tempfile::Builder::new().prefix(SCRATCH).tempdir_in(place);
            let scratch = scratch
                .map_err(|error| failed("make a folder for the cluster in", place, error))?;
            let path = whole(scratch.path())?;
            match hold(&path) {
                // Before it was held, another start may have swept it away.
                Ok(held) if path.join(LOCK).exists() => {
                    return Ok(Self { path, scratch: Some(scratch), _held: held });
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        let message =
            format!("others keep removing folders in {}: name one with --dir", place.display());
        Err(Error::new(ErrorKind::Conflict, message))
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

/// The whole path: nodes are told where their things are, and may not be where this was typed.
fn whole(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|error| failed("find", path, error))
}

/// Removes the folders that were to go with clusters of this user, and that nobody holds any more:
/// who made them was killed. What cannot be removed now is tried by the next start.
fn sweep(place: &Path) {
    let Ok(entries) = fs::read_dir(place) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_ours = entry.file_name().to_string_lossy().starts_with(SCRATCH)
            && fs::symlink_metadata(&path)
                .is_ok_and(|found| found.is_dir() && found.uid() == geteuid().as_raw());
        // One without the file is about to be held, or of somebody else.
        let Some(lock) = is_ours.then(|| File::open(path.join(LOCK)).ok()).flatten() else {
            continue;
        };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()
            && let Err(error) = fs::remove_dir_all(&path)
        {
            tracing::debug!(folder = %path.display(), %error, "what was left stays for now");
        }
    }
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
    fn what_a_killed_start_left_is_gone_with_the_next_and_whatever_is_at_work_stays() {
        let place = tempfile::tempdir().unwrap();
        let killed = Folder::scratch_in(place.path()).unwrap();
        fs::create_dir(killed.path().join("n1")).unwrap();
        let left = killed.path().to_owned();
        let Folder { scratch, _held: held, .. } = killed;
        std::mem::forget(scratch);
        let begun = place.path().join(format!("{SCRATCH}begun"));
        let other = place.path().join("other");
        fs::create_dir(&begun).unwrap();
        fs::create_dir(&other).unwrap();
        File::create(other.join(LOCK)).unwrap();
        let at_work = Folder::scratch_in(place.path()).unwrap();
        assert!(left.is_dir(), "the process that held it was not gone");
        drop(held);
        let next = Folder::scratch_in(place.path()).unwrap();
        assert!(!left.exists());
        for stays in [at_work.path(), next.path(), &begun, &other] {
            assert!(stays.is_dir(), "{}", stays.display());
        }
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
