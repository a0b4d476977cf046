//! Looking through a whole store, row by row and blob by blob, without changing anything.

use std::{fs, path::Path};

use super::{
    FileBlobs,
    fault::explain,
    layout::{self, Access, check_rows},
    reader::Reader,
    rows::{Found, LogRow},
    store_file,
};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{BlobName, LogName, Sequence},
};

/// How many bytes of records are read at a time.
const READ_BYTES: usize = 1024 * 1024;
/// How many faults are told of one thing.
const FAULTS_MAX: usize = 20;

/// What was looked through, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// How many logs.
    pub logs: u64,
    /// How many records, each against its checksum.
    pub records: u64,
    /// How many blobs there are.
    pub blobs: u64,
    /// How many bytes they have.
    pub blob_bytes: u64,
    /// How many of them were read, each against the hash that is its name.
    pub blobs_read: u64,
    /// Files beside blobs that a crash left half written; they are of no use, and do no harm.
    pub unfinished: u64,
    /// What is wrong: one sentence for each thing.
    pub faults: Vec<String>,
}

/// Looks through a store, whoever writes there; blocks. Every row is read; of the blobs at most
/// `blobs_max`, in the order of their names.
///
/// An error of kind `NotFound` says that there is no store, `Corrupt` that it cannot be opened.
pub fn verify(dir: impl AsRef<Path>, blobs_max: u64) -> Result<Verification> {
    let dir = dir.as_ref();
    let file = store_file(dir);
    let reader = Reader { db: layout::connect(dir, Access::ReadOnly)?, file: file.clone() };
    let mut found = Verification::default();
    quick_check(&reader, &mut found).map_err(|error| explain(&file, "check the file", error))?;
    if let Err(error) = check_rows(&reader.db, &file) {
        found.faults.push(error.to_string());
    }
    records(&reader, &mut found).map_err(|error| explain(&file, "read the records", error))?;
    drop(reader);
    blobs(&dir.join("blobs"), blobs_max, &mut found)?;
    Ok(found)
}

/// Which of these blobs are not there; blocks.
pub fn missing_blobs(dir: impl AsRef<Path>, names: &[BlobName]) -> Vec<BlobName> {
    let blobs = FileBlobs::beside(dir.as_ref(), false);
    names.iter().filter(|name| !blobs.is_there(name)).cloned().collect()
}

/// SQLite's own look at its pages.
fn quick_check(reader: &Reader, found: &mut Verification) -> rusqlite::Result<()> {
    let mut query = reader.db.prepare(&format!("PRAGMA quick_check({FAULTS_MAX})"))?;
    let told = query.query_map([], |row| row.get::<_, String>(0))?;
    for line in told {
        let line = line?;
        if line != "ok" {
            found.faults.push(format!("SQLite says: {line}"));
        }
    }
    Ok(())
}

fn records(reader: &Reader, found: &mut Verification) -> rusqlite::Result<()> {
    // One view for all, whatever is appended or trimmed meanwhile.
    let view = reader.db.unchecked_transaction()?;
    let mut query = reader.db.prepare("SELECT number, name, trimmed, ends, checksum FROM log")?;
    let rows: Vec<_> = query.query_map([], LogRow::read)?.collect::<rusqlite::Result<_>>()?;
    for (name, row) in rows {
        // What is wrong with the row itself was told already.
        let (Ok(log), Found::Sound(row)) = (LogName::new(&name), row) else { continue };
        found.logs += 1;
        let mut next = row.trimmed + 1;
        while next <= row.ends {
            let (entries, fault) = reader.records(&log, &row, Sequence(next), READ_BYTES)?;
            found.records += entries.len() as u64;
            if let Some(fault) = fault {
                found.faults.push(fault);
                break;
            }
            match entries.last() {
                Some(last) => next = last.sequence.0 + 1,
                None => break,
            }
        }
    }
    view.finish()
}

fn blobs(dir: &Path, blobs_max: u64, found: &mut Verification) -> Result<()> {
    let failed = |path: &Path, error| {
        Error::new(ErrorKind::Io, format!("cannot list {}", path.display())).because(error)
    };
    if !dir.exists() {
        return Ok(());
    }
    let mut files = Vec::new();
    for folder in fs::read_dir(dir).map_err(|error| failed(dir, error))? {
        let folder = folder.map_err(|error| failed(dir, error))?.path();
        // One that was compacted away meanwhile holds nothing.
        let Ok(listed) = fs::read_dir(&folder) else { continue };
        files.extend(listed.filter_map(|file| Some(file.ok()?.path())));
    }
    files.sort();
    let mut wrong = 0;
    for file in files {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
        let Ok(name) = name.unwrap_or_default().parse::<BlobName>() else {
            found.unfinished += 1;
            continue;
        };
        found.blobs += 1;
        found.blob_bytes += file.metadata().map_or(0, |about| about.len());
        if found.blobs_read >= blobs_max {
            continue;
        }
        let fault = match fs::read(&file) {
            Ok(bytes) if BlobName::of(&bytes) == name => {
                found.blobs_read += 1;
                continue;
            }
            Ok(_) => format!("blob {name} does not match its name"),
            // One that was compacted away meanwhile is no fault.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => format!("blob {name}: {error}"),
        };
        if wrong < FAULTS_MAX {
            found.faults.push(fault);
        }
        wrong += 1;
    }
    Ok(())
}
