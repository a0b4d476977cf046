//! Housekeeping: how much room there is, blobs that nobody names, room that is given back.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures::{FutureExt as _, future::BoxFuture};
use rusqlite::Connection;

use super::{
    Store,
    blobs::{self, FileBlobs},
    fault::explain,
    job::WriteJob,
    layout::{self, Access, sync_dir},
    room::{PAGES, Room, Step, WHOLE_BYTES_MAX},
    store_file,
};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{BlobName, Keeper, Shrunk, Sizes, Swept},
    time::Wall,
};

/// The housekeeping of a directory.
#[derive(Debug)]
pub(super) struct FileKeeper {
    pub(super) store: Store,
    pub(super) blobs: FileBlobs,
}

impl Keeper for FileKeeper {
    fn sizes(&self) -> BoxFuture<'static, Result<Sizes>> {
        let dir = self.store.0.dir.clone();
        self.blobs.clone().run(move |_| sizes(&dir)).boxed()
    }

    fn sweep(&self, put_before: Wall) -> BoxFuture<'static, Result<Swept>> {
        let dir = self.store.0.dir.clone();
        let put_before = UNIX_EPOCH + Duration::from_millis(put_before.as_ms());
        self.blobs.clone().run(move |blobs| sweep(&dir, blobs, put_before)).boxed()
    }

    fn shrink(&self, may_wait: bool) -> BoxFuture<'static, Result<Shrunk>> {
        let store = self.store.clone();
        async move {
            let mut room = store.room(Step::Look).await?;
            let mut shrunk = Shrunk::Done;
            if room.is_incremental {
                while room.free > 0 {
                    let left = store.room(Step::Pages(PAGES)).await?;
                    if left.free >= room.free {
                        break;
                    }
                    room = left;
                }
            } else if may_wait || room.bytes() <= WHOLE_BYTES_MAX {
                store.room(Step::Whole).await?;
            } else {
                shrunk = Shrunk::Later;
            }
            store.room(Step::Checkpoint).await?;
            Ok(shrunk)
        }
        .boxed()
    }
}

impl Store {
    async fn room(&self, step: Step) -> Result<Room> {
        self.write(|reply| WriteJob::Shrink { step, reply }).await.unwrap_or_else(|why| {
            Err(Error::new(ErrorKind::Unavailable, format!("cannot give room back: {why}")))
        })
    }
}

fn failed(attempted: &str, path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot {attempted} {}", path.display())).because(error)
}

fn sizes(dir: &Path) -> Result<Sizes> {
    let length = |name: &str| fs::metadata(dir.join(name)).map_or(0, |file| file.len());
    let mut sizes = Sizes {
        store: length("store.db"),
        write_ahead: length("store.db-wal"),
        ..Sizes::default()
    };
    each_blob(dir, |_, file| {
        sizes.blobs += file.len();
        sizes.blob_count += 1;
    })?;
    Ok(sizes)
}

/// Goes through the files below `blobs`, torn ones too; what vanishes meanwhile is passed over.
pub(super) fn each_blob(dir: &Path, mut each: impl FnMut(&Path, &fs::Metadata)) -> Result<()> {
    let blobs = dir.join("blobs");
    let folders = match fs::read_dir(&blobs) {
        Ok(folders) => folders,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("list", &blobs, error)),
    };
    for folder in folders {
        let folder = folder.map_err(|error| failed("list", &blobs, error))?.path();
        for file in fs::read_dir(&folder).map_err(|error| failed("list", &folder, error))? {
            let path = file.map_err(|error| failed("list", &folder, error))?.path();
            if let Ok(file) = fs::metadata(&path) {
                each(&path, &file);
            }
        }
    }
    Ok(())
}

/// What a file below `blobs` is called as a blob; none if it is none.
pub(super) fn blob_of(path: &Path) -> Option<BlobName> {
    path.file_name()?.to_str()?.parse().ok()
}

fn sweep(dir: &Path, blobs: &blobs::Shared, put_before: SystemTime) -> Result<Swept> {
    // First who is old, then who is named: what is named in between was put again, and is young.
    let mut old: HashMap<PathBuf, u64> = HashMap::new();
    each_blob(dir, |path, file| {
        if file.modified().is_ok_and(|put| put < put_before) {
            old.insert(path.to_owned(), file.len());
        }
    })?;
    if old.is_empty() {
        return Ok(Swept::default());
    }
    let file = store_file(dir);
    let db = layout::connect(dir, Access::ReadOnly)?;
    let mut spare = |name: &str| {
        old.remove(&blobs.dir.join(name.get(..2).unwrap_or_default()).join(name));
    };
    let mut held = Vec::new();
    names_in(&db, "SELECT bytes FROM record", &mut spare)
        .and_then(|()| {
            names_in(&db, "SELECT bytes FROM register", &mut |name| {
                spare(name);
                held.push(name.to_owned());
            })
        })
        .map_err(|error| explain(&file, "look for names of blobs", error))?;
    for name in held {
        // A snapshot, and whatever else a register names: what it names is named.
        let path = blobs.dir.join(name.get(..2).unwrap_or_default()).join(&name);
        match fs::read(&path) {
            Ok(bytes) => each_name(&bytes, &mut spare),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("read", &path, error)),
        }
    }
    let mut swept = Swept::default();
    for (path, bytes) in old {
        let gone =
            blobs.forget(&path, put_before).map_err(|error| failed("forget", &path, error))?;
        if gone {
            swept.blobs += 1;
            swept.bytes += bytes;
        }
    }
    if swept.blobs > 0 {
        sync_dir(&blobs.dir)?;
    }
    Ok(swept)
}

fn names_in(db: &Connection, sql: &str, each: &mut impl FnMut(&str)) -> rusqlite::Result<()> {
    let mut query = db.prepare(sql)?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        each_name(row.get_ref(0)?.as_bytes()?, each);
    }
    Ok(())
}

/// The length of a name of a blob.
const NAME: usize = 64;

/// Hands on whatever looks like a name of a blob, wherever and however it stands.
fn each_name(bytes: &[u8], each: &mut impl FnMut(&str)) {
    let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    for run in bytes.split(|byte| !is_digit(byte)).filter(|run| run.len() >= NAME) {
        for name in run.windows(NAME) {
            if let Ok(name) = std::str::from_utf8(name) {
                each(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_looks_like_a_name_is_taken_for_one() {
        let (a, b) = ("0a".repeat(32), "b".repeat(65));
        let text = format!("\u{81}{a}z{}:{b}", "c".repeat(63));
        let mut found = Vec::new();
        each_name(text.as_bytes(), &mut |name| found.push(name.to_owned()));
        assert_eq!(found, [a.as_str(), &b[1..], &b[1..]]);
    }
}
