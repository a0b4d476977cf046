//! Copying a directory while somebody may write in it.
//!
//! The store is copied in one reading transaction: one state of it, whatever is appended meanwhile,
//! and nobody who writes waits. Blobs are durable before a record names them, so those that are
//! copied after the store hold all that it names, but for what is forgotten meanwhile.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};
use sha2::{Digest as _, Sha256};

use super::{
    fault::explain,
    keep::{blob_of, each_blob},
    layout::{self, Access, sync_dir},
    private, store_file,
};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::BlobName,
};

/// How many pages are copied between two words about how far it is.
const PAGES: i32 = 2_048;
/// How much of a file is read at a time.
const CHUNK: usize = 256 * 1024;
/// How often it is begun again since a snapshot was replaced by the next.
const TRIES: u32 = 5;

/// How far a copy is, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copying {
    /// What was copied.
    pub done: u64,
    /// What there is to copy, as far as it is known.
    pub total: u64,
}

/// A file that was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedFile {
    /// Its path from the directory, with `/`.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// The SHA-256 of its bytes, as lower-case hexadecimal digits.
    pub sha256: String,
}

/// What was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackedUp {
    /// All files, the store first.
    pub files: Vec<CopiedFile>,
    /// Blobs that were there when it began, and were forgotten meanwhile: on purpose.
    pub forgotten: BTreeSet<BlobName>,
}

/// Copies the store and the blobs of a directory into one that is there and empty, makes the copies
/// durable, and tells now and then how far it is. Blocks; changes nothing in `dir`, and lets whoever
/// writes there go on.
///
/// An error of kind `Corrupt` names a blob that does not match its name; `Full` means that there is
/// no room.
pub fn back_up(dir: &Path, into: &Path, told: &mut dyn FnMut(Copying)) -> Result<BackedUp> {
    let mut copy = Copy { dir, into, told, at: Copying::default(), done: BackedUp::default() };
    let mut listed = Vec::new();
    each_blob(dir, |path, file| {
        copy.at.total += file.len();
        listed.extend(blob_of(path));
    })?;
    copy.store()?;
    // What came meanwhile may be named by the copy, so it is copied as well.
    each_blob(dir, |path, _| listed.extend(blob_of(path)))?;
    for name in listed.into_iter().collect::<BTreeSet<_>>() {
        if !copy.blob(&name)? {
            copy.done.forgotten.insert(name);
        }
    }
    sync_dir(into)?;
    Ok(copy.done)
}

struct Copy<'a> {
    dir: &'a Path,
    into: &'a Path,
    told: &'a mut dyn FnMut(Copying),
    at: Copying,
    done: BackedUp,
}

impl Copy<'_> {
    fn tell(&mut self, more: u64) {
        self.at.done += more;
        self.at.total = self.at.total.max(self.at.done);
        (self.told)(self.at);
    }

    /// Copies one state of the store, and first the blobs that its registers name: snapshots, of
    /// which the run keeps only the latest.
    fn store(&mut self) -> Result<()> {
        let file = store_file(self.dir);
        let attempt = |error| explain(&file, "copy the store", error);
        let mut lost = BTreeSet::new();
        for _ in 0..TRIES {
            let db = layout::connect(self.dir, Access::ReadOnly)?;
            let view = db.unchecked_transaction().map_err(attempt)?;
            layout::check_rows(&db, &file)?;
            let mut absent = BTreeSet::new();
            for name in held(&db).map_err(attempt)? {
                if !self.blob(&name)? {
                    absent.insert(name);
                }
            }
            // What is named still after another look was not replaced: it is lost.
            if !absent.is_subset(&lost) {
                lost = absent;
                continue;
            }
            let target = store_file(self.into);
            private::make_file(&target).map_err(|error| failed("make", &target, error))?;
            self.pages(&db, &target)
                .map_err(|error| explain(&target, "write the copy of the store", error))?;
            view.finish().map_err(attempt)?;
            let (bytes, sha256) =
                digest(&target).map_err(|error| failed("read", &target, error))?;
            let path = "store.db".to_owned();
            self.done.files.insert(0, CopiedFile { path, bytes, sha256 });
            return Ok(());
        }
        let message =
            format!("cannot copy {}: its snapshots are replaced all the time", file.display());
        Err(Error::new(ErrorKind::Unavailable, message))
    }

    fn pages(&mut self, db: &Connection, target: &Path) -> rusqlite::Result<()> {
        let mut copy = Connection::open(target)?;
        let page: i64 = db.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        let pages: i64 = db.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        self.at.total += (page * pages).cast_unsigned();
        {
            let backup = Backup::new(db, &mut copy)?;
            let mut left = pages;
            loop {
                let step = backup.step(PAGES)?;
                let now = i64::from(backup.progress().remaining);
                self.tell((page * (left - now).max(0)).cast_unsigned());
                left = now;
                if step == StepResult::Done {
                    break;
                }
            }
        }
        copy.close().map_err(|(_, error)| error)
    }

    /// Copies a blob; says whether it was there.
    fn blob(&mut self, name: &BlobName) -> Result<bool> {
        let path = place(name);
        if self.into.join(&path).exists() {
            return Ok(true);
        }
        let (from, to) = (self.dir.join(&path), self.into.join(&path));
        let mut source = match File::open(&from) {
            Ok(source) => source,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(false);
            }
            Err(error) => return Err(failed("read", &from, error)),
        };
        let (bytes, sha256) = copy_into(&mut source, &to, |more| self.tell(more))?;
        if sha256 != name.as_str() {
            let message = format!(
                "the blob {} is damaged: its bytes do not match its name; put a copy in its place, or \
                 `recover` what is sound",
                from.display()
            );
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        self.done.files.push(CopiedFile { path, bytes, sha256 });
        Ok(true)
    }
}

/// The path of a blob from the directory.
fn place(name: &BlobName) -> String {
    let name = name.as_str();
    format!("blobs/{}/{name}", name.get(..2).unwrap_or_default())
}

/// The blobs that registers name, as far as they say so in a field `blob`.
fn held(db: &Connection) -> rusqlite::Result<Vec<BlobName>> {
    let mut query = db.prepare("SELECT bytes FROM register")?;
    let mut rows = query.query([])?;
    let mut names = Vec::new();
    while let Some(row) = rows.next()? {
        if let Ok(value) = serde_json::from_slice(row.get_ref(0)?.as_bytes()?) {
            named(&value, &mut names);
        }
    }
    Ok(names)
}

fn named(value: &serde_json::Value, names: &mut Vec<BlobName>) {
    match value {
        serde_json::Value::Array(all) => all.iter().for_each(|one| named(one, names)),
        serde_json::Value::Object(fields) => {
            names.extend(fields.get("blob").and_then(|name| name.as_str()?.parse().ok()));
            fields.values().for_each(|one| named(one, names));
        }
        _ => {}
    }
}

fn failed(attempted: &str, path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("cannot {attempted} {}", path.display())).because(error)
}

/// Copies all bytes, telling of each portion; answers how many they were, and their hash.
fn pour(
    from: &mut File,
    into: &mut impl io::Write,
    mut told: impl FnMut(u64),
) -> io::Result<(u64, String)> {
    let (mut hash, mut bytes, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK]);
    loop {
        let read = from.read(&mut chunk)?;
        let Some(portion) = chunk.get(..read).filter(|portion| !portion.is_empty()) else { break };
        hash.update(portion);
        into.write_all(portion)?;
        bytes += read as u64;
        told(read as u64);
    }
    let sha256 = hash.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        use std::fmt::Write as _;
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    Ok((bytes, sha256))
}

/// Copies one file, makes the copy durable, and answers its length and the SHA-256 of its bytes. Blocks.
pub fn copy_file(from: &Path, to: &Path, told: impl FnMut(u64)) -> Result<(u64, String)> {
    let mut source = File::open(from).map_err(|error| failed("read", from, error))?;
    copy_into(&mut source, to, told)
}

fn copy_into(source: &mut File, to: &Path, told: impl FnMut(u64)) -> Result<(u64, String)> {
    let folder = to.parent().unwrap_or(to);
    let made = private::make_dir(folder)
        .and_then(|()| private::make_file(to))
        .and_then(|()| File::create(to));
    let mut target = made.map_err(|error| failed("make", to, error))?;
    let copied = pour(source, &mut target, told)
        // A sealed blob is for nobody else, and known by its mode.
        .and_then(|poured| {
            Ok((
                target.set_permissions(private::of_owner(&source.metadata()?.permissions()))?,
                poured,
            ))
        })
        .and_then(|((), poured)| target.sync_all().map(|()| poured))
        .map_err(|error| failed("copy", to, error))?;
    sync_dir(folder)?;
    Ok(copied)
}

/// The length and the hash of a file.
fn digest(path: &Path) -> io::Result<(u64, String)> {
    pour(&mut File::open(path)?, &mut io::sink(), |_| {})
}
