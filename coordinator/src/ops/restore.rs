//! Restoring a backup.

use std::{fs::File, path::Path};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::embedded::{self, Copying, copy_file},
};

use super::{
    backup::beside,
    folder::{Part, failed, must_be_free},
    manifest::{Manifest, look},
};

/// Makes a data directory of a backup. It must not exist or be empty, and is whole or not there
/// afterwards: every file is held against the backup's list while it is copied, and the copy is
/// opened and folded before it gets its name.
///
/// An error of kind `Conflict`: a process holds the directory; `Invalid`: something is there; `Corrupt`
/// names what is damaged in the backup; `TooNew`: a newer program made it; `NotFound`: there is no
/// backup, or a file of it is missing.
pub async fn restore(
    from: &Path,
    data_dir: &Path,
    told: impl FnMut(Copying) + Send + 'static,
) -> Result<Manifest> {
    let manifest = Manifest::read(from)?;
    if let Some(pid) = embedded::holder(data_dir)? {
        let message = format!(
            "cannot restore into {}: process {pid} is at work there; name another folder with --data-dir",
            data_dir.display()
        );
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    must_be_free(data_dir, "restore into")?;
    let (from, part) = (from.to_owned(), Part::begin(data_dir)?);
    let (part, manifest) = beside(move || {
        copy(&manifest, &from, part.path(), told)?;
        Ok((part, manifest))
    })
    .await?;
    let looked = look(part.path()).await?;
    let shards = manifest.cluster.as_ref().map(|cluster| cluster.shards.clone());
    if looked.shards != shards.unwrap_or_default() {
        let message =
            "the backup is damaged: its journals end elsewhere than it says; use another one";
        return Err(Error::new(ErrorKind::Corrupt, message));
    }
    if looked.place != manifest.journal {
        let (found, said) = (looked.place, manifest.journal);
        let message = format!(
            "the backup is damaged: its journal ends at event {}, and it says {}; use another one",
            found.last_event, said.last_event
        );
        return Err(Error::new(ErrorKind::Corrupt, message));
    }
    beside(move || part.place()).await?;
    Ok(manifest)
}

fn copy(
    manifest: &Manifest,
    from: &Path,
    into: &Path,
    mut told: impl FnMut(Copying),
) -> Result<()> {
    let mut at = Copying { done: 0, total: manifest.bytes };
    // All of it is looked for before the first byte is copied.
    for (path, entry) in &manifest.files {
        let source = from.join(path);
        let found = File::open(&source).and_then(|file| file.metadata());
        let found = found.map_err(|error| failed("read the backup's", &source, error))?;
        if found.len() != entry.bytes {
            let why = format!("it has {} bytes, and had {}", found.len(), entry.bytes);
            return Err(damaged(&source, &why));
        }
    }
    for (path, entry) in &manifest.files {
        let source = from.join(path);
        let (bytes, sha256) = copy_file(&source, &into.join(path), |more| {
            at.done += more;
            told(at);
        })?;
        if (bytes, &sha256) != (entry.bytes, &entry.sha256) {
            return Err(damaged(&source, "its bytes are not those that were backed up"));
        }
    }
    Ok(())
}

fn damaged(path: &Path, why: &str) -> Error {
    let message = format!("{} is damaged: {why}; use another backup", path.display());
    Error::new(ErrorKind::Corrupt, message)
}
