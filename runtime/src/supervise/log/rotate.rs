//! A file that is put aside when it is large enough: this one and the one before it are kept.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// The file before `supervision.jsonl` is `supervision.1.jsonl`.
pub(super) fn older(path: &Path) -> PathBuf {
    let mut name: OsString = path.file_stem().unwrap_or_default().to_owned();
    name.push(".1");
    if let Some(ending) = path.extension() {
        name.push(".");
        name.push(ending);
    }
    path.with_file_name(name)
}

/// A file of lines that is put aside before it grows beyond a bound. Each write is one line.
pub(super) struct Rotating {
    path: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
}

impl Rotating {
    /// Goes on with a file that was opened for appending.
    pub(super) fn on(path: &Path, file: File, bytes_max: u64) -> io::Result<Self> {
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, bytes_max })
    }

    fn rotate(&mut self) -> io::Result<()> {
        let older = older(&self.path);
        fs::rename(&self.path, &older)?;
        match OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path) {
            Ok(file) => {
                self.file = file;
                self.bytes = 0;
                Ok(())
            }
            Err(error) => {
                // It goes on in the one that there is, under the name that readers look at.
                fs::rename(&older, &self.path)?;
                Err(error)
            }
        }
    }
}

impl Write for Rotating {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.bytes > 0 && self.bytes + line.len() as u64 > self.bytes_max {
            // A file that cannot be put aside grows on; the next line tries again.
            if let Err(error) = self.rotate() {
                tracing::debug!(%error, "cannot put the supervision log aside");
            }
        }
        let written = self.file.write(line)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
