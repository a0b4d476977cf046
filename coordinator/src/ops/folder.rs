//! A folder that is whole or not there: made under another name, and renamed.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use orkestra_runtime::{Error, ErrorKind, Result};
use rustix::process::{Pid, test_kill_process};

/// A folder in the making beside where it is to be; removed unless it is put in place.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    target: PathBuf,
    is_placed: bool,
}

pub(super) fn failed(attempted: &str, path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("cannot {attempted} {}", path.display())).because(error)
}

/// Refuses a folder in which something is.
pub(super) fn must_be_free(target: &Path, what: &str) -> Result<()> {
    match fs::read_dir(target).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "cannot {what} {}: something is there; name a new or an empty folder",
                target.display()
            ),
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("look into", target, error)),
    }
}

impl Part {
    /// Begins a folder that is to be at `target`, where nothing is or an empty folder. What a killed
    /// process had begun there is removed. What is made is for its owner alone.
    pub(super) fn begin(target: &Path) -> Result<Self> {
        let target = std::path::absolute(target).map_err(|error| failed("find", target, error))?;
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            let message = format!("{} cannot be the name of a new folder", target.display());
            return Err(Error::new(ErrorKind::Invalid, message));
        };
        let mut private = fs::DirBuilder::new();
        private.mode(0o700).recursive(true);
        private.create(parent).map_err(|error| failed("make", parent, error))?;
        let begun = format!(".{}.part-", name.to_string_lossy());
        for entry in
            fs::read_dir(parent).map_err(|error| failed("look into", parent, error))?.flatten()
        {
            let left = entry.file_name().to_string_lossy().strip_prefix(&begun).map(str::to_owned);
            let maker = left.and_then(|pid| Pid::from_raw(pid.parse().ok()?));
            if maker.is_some_and(|maker| test_kill_process(maker) == Err(rustix::io::Errno::SRCH)) {
                fs::remove_dir_all(entry.path())
                    .map_err(|error| failed("remove", &entry.path(), error))?;
            }
        }
        let path = parent.join(format!("{begun}{}", std::process::id()));
        private.recursive(false).create(&path).map_err(|error| failed("make", &path, error))?;
        Ok(Self { path, target, is_placed: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes what is in it durable by name, and gives it its name. An empty folder whose place it
    /// takes hands its mode on: somebody may have meant it.
    pub(super) fn place(mut self) -> Result<()> {
        let sync = |path: &Path| {
            File::open(path)
                .and_then(|dir| dir.sync_all())
                .map_err(|error| failed("sync", path, error))
        };
        if let Ok(before) = fs::metadata(&self.target) {
            fs::set_permissions(&self.path, before.permissions())
                .map_err(|error| failed("set the mode of", &self.path, error))?;
        }
        sync(&self.path)?;
        fs::rename(&self.path, &self.target)
            .map_err(|error| failed("put in place", &self.target, error))?;
        self.is_placed = true;
        self.target.parent().map_or(Ok(()), sync)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_placed
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(folder = %self.path.display(), %error, "what was begun stays");
        }
    }
}
