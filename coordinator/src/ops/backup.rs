//! Taking a backup.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{
        BlobName,
        embedded::{self, BackedUp, CopiedFile, Copying},
    },
    time::Wall,
};
use sha2::{Digest as _, Sha256};

use super::{
    folder::{Part, failed, must_be_free},
    manifest::{FOLDER_VERSION, FileEntry, MANIFEST, Manifest, look},
};

/// Files beside the store and the blobs that are copied if they are there.
const LOGS: [&str; 2] = ["supervision.1.jsonl", "supervision.jsonl"];

/// Copies a data directory to `into`, which must not exist or be empty. One process may go on to
/// write in `data_dir`; it waits for nothing. The copy is checked by opening and folding it, and
/// only then gets its name.
///
/// An error leaves nothing at `into`. Of kind `NotFound`: there is nothing to copy; `Invalid`:
/// something is at `into`; `Full`: there is no room; `Corrupt`: what is to be copied is damaged.
///
/// # Cancellation
/// Dropping the future leaves what was begun, which the next backup to the same place removes.
pub async fn back_up(
    data_dir: &Path,
    into: &Path,
    now: Wall,
    mut told: impl FnMut(Copying) + Send + 'static,
) -> Result<Manifest> {
    must_be_free(into, "back up into")?;
    let from = data_dir.to_owned();
    let store = from.join("store.db");
    if !store.try_exists().map_err(|error| failed("look for", &store, error))? {
        let message = format!("there is no run in {}: nothing to back up", from.display());
        return Err(Error::new(ErrorKind::NotFound, message));
    }
    let part = Part::begin(into)?;
    let (part, copied) = beside(move || {
        let copied = copy(&from, part.path(), &mut told)?;
        Ok((part, copied))
    })
    .await?;
    let looked = look(part.path()).await?;
    let BackedUp { files, forgotten } = copied;
    let mut counts = looked.counts;
    counts.blobs = files.iter().filter(|file| file.path.starts_with("blobs/")).count() as u64;
    let entry = |CopiedFile { path, bytes, sha256 }| (path, FileEntry { bytes, sha256 });
    let files: BTreeMap<String, FileEntry> = files.into_iter().map(entry).collect();
    let manifest = Manifest {
        v: FOLDER_VERSION,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        taken_at: now.to_string(),
        journal: looked.place,
        cluster: None,
        counts,
        bytes: files.values().map(|file| file.bytes).sum(),
        missing: looked.missing.difference(&forgotten).cloned().collect(),
        forgotten,
        files,
    };
    beside(move || {
        write(&manifest, &part.path().join(MANIFEST))?;
        part.place()?;
        Ok(manifest)
    })
    .await
}

fn copy(from: &Path, into: &Path, told: &mut dyn FnMut(Copying)) -> Result<BackedUp> {
    let mut copied = embedded::back_up(from, into, told)?;
    for name in LOGS {
        if from.join(name).exists() {
            let (bytes, sha256) = embedded::copy_file(&from.join(name), &into.join(name), |_| {})?;
            copied.files.push(CopiedFile { path: name.to_owned(), bytes, sha256 });
        }
    }
    Ok(copied)
}

/// The paths of the files of a folder that belong to a backup: the store, and the blobs.
pub(super) fn paths_in(folder: &Path) -> Result<Vec<String>> {
    let read = |path: &Path| {
        let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        match entries {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            entries => entries.map_err(|error| failed("read", path, error)),
        }
    };
    let mut paths = vec!["store.db".to_owned()];
    for shelf in read(&folder.join("blobs"))? {
        let shelf_name = shelf.file_name().to_string_lossy().into_owned();
        if !shelf.path().is_dir() {
            continue;
        }
        for blob in read(&shelf.path())? {
            let name = blob.file_name().to_string_lossy().into_owned();
            if name.parse::<BlobName>().is_ok() {
                paths.push(format!("blobs/{shelf_name}/{name}"));
            }
        }
    }
    Ok(paths)
}

/// The files of a copy, as they are listed.
pub(super) fn listed(folder: &Path) -> Result<BTreeMap<String, FileEntry>> {
    let entry = |path: String| {
        let whole = folder.join(&path);
        let (bytes, sha256) = digest(&whole).map_err(|error| failed("read", &whole, error))?;
        Ok((path, FileEntry { bytes, sha256 }))
    };
    paths_in(folder)?.into_iter().map(entry).collect()
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let bytes = io::copy(&mut File::open(path)?, &mut hash)?;
    let hex = hash.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to text cannot fail.
        let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
        text
    });
    Ok((bytes, hex))
}

pub(super) fn write(manifest: &Manifest, path: &Path) -> Result<()> {
    let text = serde_json::to_vec_pretty(manifest).map_err(|error| {
        Error::new(ErrorKind::Fault, "cannot write what the backup holds").because(error)
    })?;
    let mut make = OpenOptions::new();
    let written = make.write(true).create_new(true).mode(0o600).open(path).and_then(|mut file| {
        file.write_all(&text)?;
        file.sync_all()
    });
    written.map_err(|error| failed("write", path, error))
}

/// Runs what blocks on a thread for such work.
pub(super) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::new(ErrorKind::Fault, "copying broke off").because(error))?
}
