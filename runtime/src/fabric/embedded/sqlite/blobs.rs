//! Blobs as files: written under another name, synced, renamed; checked when they are read.
//!
//! The files of sealed ones are for their owner to read and for nobody to write, by which they are
//! found among the others.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind as IoKind, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, utimensat};
use tokio::sync::Semaphore;

use super::{super::memory::check_blob_size, layout::sync_dir, private};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{BlobName, Blobs, SEAL_BYTES, embedded::signals::closed, is_sealed},
};

/// How many blobs are read or written at once; more wait. Bounds memory and blocked threads.
const BUSY_MAX: usize = 8;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) dir: PathBuf,
    writable: bool,
    busy: Arc<Semaphore>,
    last: AtomicU64,
    /// Held for reading by whoever finds a blob to be there already, for writing by whoever is to
    /// forget it.
    gate: RwLock<()>,
}

/// The blobs of a directory. Cheap to clone.
#[derive(Clone, Debug)]
pub(in super::super) struct FileBlobs(Arc<Shared>);

impl FileBlobs {
    /// The blobs beside a store.
    pub(in super::super) fn beside(store: &Path, writable: bool) -> Self {
        Self(Arc::new(Shared {
            dir: store.join("blobs"),
            writable,
            busy: Arc::new(Semaphore::new(BUSY_MAX)),
            last: AtomicU64::new(0),
            gate: RwLock::new(()),
        }))
    }

    /// Refuses everything from now on, and waits for what is under way.
    pub(in super::super) async fn close(&self) {
        let all = self.0.busy.acquire_many(u32::try_from(BUSY_MAX).unwrap_or(u32::MAX)).await;
        self.0.busy.close();
        drop(all);
    }

    /// Whether a blob is there, whole or not; blocks.
    pub(super) fn is_there(&self, name: &BlobName) -> bool {
        self.0.path(name).exists()
    }

    /// Keeps bytes; blocks.
    pub(super) fn put_now(&self, bytes: &Bytes) -> Result<BlobName> {
        self.0.put(bytes)
    }

    pub(super) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&Shared) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = Arc::clone(&self.0.busy).acquire_owned().await.map_err(|_| closed())?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&self.0);
            drop(permit);
            done
        });
        done.await.map_err(|error| {
            Error::new(ErrorKind::Fault, "work on a blob was broken off").because(error)
        })?
    }
}

fn fault(attempted: &str, path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        IoKind::StorageFull | IoKind::QuotaExceeded => ErrorKind::Full,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("cannot {attempted} the blob {}", path.display())).because(error)
}

impl Shared {
    fn path(&self, name: &BlobName) -> PathBuf {
        self.dir.join(&name.as_str()[..2]).join(name.as_str())
    }

    fn must_be_writable(&self) -> Result<()> {
        if self.writable {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Invalid,
            format!("cannot write in {}: it was opened for reading only", self.dir.display()),
        ))
    }

    fn put(&self, bytes: &Bytes) -> Result<BlobName> {
        self.must_be_writable()?;
        let name = BlobName::of(bytes);
        let path = self.path(&name);
        if self.is_there(&path, bytes) {
            return Ok(name);
        }
        let folder = path.parent().unwrap_or(&self.dir);
        let made = private::make_dir(folder);
        made.map_err(|error| fault("make the folder of", &path, error))?;
        let new = folder.join(format!("new-{}", self.last.fetch_add(1, Ordering::Relaxed)));
        if let Err(error) = write_synced(&new, bytes, is_sealed(bytes)) {
            // What was begun is of no use, and takes room.
            let _ = fs::remove_file(&new);
            return Err(fault("write", &path, error));
        }
        fs::rename(&new, &path).map_err(|error| fault("put in place", &path, error))?;
        sync_dir(folder)?;
        sync_dir(&self.dir)?;
        if let Some(store) = self.dir.parent() {
            sync_dir(store)?;
        }
        Ok(name)
    }

    /// Whether a blob is there and sound, so that it was synced when it was put; a damaged one is
    /// written anew. It counts as put again, so that it is not forgotten as an old one.
    fn is_there(&self, path: &Path, bytes: &Bytes) -> bool {
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let is_there = fs::read(path).is_ok_and(|found| found == *bytes);
        is_there && touch(path).is_ok()
    }

    /// Forgets a file if it was put before a time, and says whether it did.
    pub(super) fn forget(&self, path: &Path, put_before: SystemTime) -> io::Result<bool> {
        let _gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        match fs::metadata(path).and_then(|file| file.modified()) {
            Ok(put) if put < put_before => fs::remove_file(path).map(|()| true),
            Ok(_) => Ok(false),
            Err(error) if error.kind() == IoKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn get(&self, name: &BlobName) -> Result<Option<Bytes>> {
        let path = self.path(name);
        let found = match fs::read(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == IoKind::NotFound => return Ok(None),
            Err(error) => return Err(fault("read", &path, error)),
        };
        if BlobName::of(&found) != *name {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "the blob {} is damaged: its bytes do not match its name; put a copy in its place",
                    path.display()
                ),
            ));
        }
        Ok(Some(found.into()))
    }

    fn delete(&self, name: &BlobName) -> Result<()> {
        self.must_be_writable()?;
        let path = self.path(name);
        match fs::remove_file(&path) {
            Ok(()) => sync_dir(path.parent().unwrap_or(&self.dir)),
            Err(error) if error.kind() == IoKind::NotFound => Ok(()),
            Err(error) => Err(fault("delete", &path, error)),
        }
    }

    fn sealed(&self) -> Result<Vec<BlobName>> {
        let mut names = Vec::new();
        for folder in entries(&self.dir)? {
            for file in entries(&folder)? {
                // Anything else was begun and never acknowledged.
                let name = file.file_name().and_then(|name| name.to_str()?.parse().ok());
                match is_sealed_file(&file) {
                    Ok(true) => names.extend(name),
                    Ok(false) => {}
                    Err(error) if error.kind() == IoKind::NotFound => {}
                    Err(error) => return Err(fault("look into", &file, error)),
                }
            }
        }
        Ok(names)
    }
}

/// What a folder holds; nothing if it is not there, or is none.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), IoKind::NotFound | IoKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(fault("list", folder, error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<io::Result<_>>().map_err(|error| fault("list", folder, error))
}

/// Whether a file holds a sealed blob: only those that nobody may write are looked into.
fn is_sealed_file(path: &Path) -> io::Result<bool> {
    let about = fs::symlink_metadata(path)?;
    if !about.is_file() || about.permissions().mode() & 0o222 != 0 {
        return Ok(false);
    }
    let mut head = Vec::with_capacity(SEAL_BYTES);
    File::open(path)?.take(SEAL_BYTES as u64).read_to_end(&mut head)?;
    Ok(is_sealed(&head))
}

/// Gives a file the time of now.
fn touch(path: &Path) -> io::Result<()> {
    let time = |nanos| Timespec { tv_sec: 0, tv_nsec: nanos };
    let times = Timestamps { last_access: time(UTIME_OMIT), last_modification: time(UTIME_NOW) };
    Ok(utimensat(CWD, path, &times, AtFlags::empty())?)
}

fn write_synced(path: &Path, bytes: &[u8], is_sealed: bool) -> io::Result<()> {
    let mode = if is_sealed { 0o400 } else { 0o600 };
    // One that an earlier process had begun may be one that nobody may write.
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

impl Blobs for FileBlobs {
    fn put(&self, bytes: Bytes) -> BoxFuture<'static, Result<BlobName>> {
        let this = self.clone();
        async move {
            check_blob_size(&bytes)?;
            this.run(move |blobs| blobs.put(&bytes)).await
        }
        .boxed()
    }

    fn get(&self, name: &BlobName) -> BoxFuture<'static, Result<Option<Bytes>>> {
        let (this, name) = (self.clone(), name.clone());
        this.run(move |blobs| blobs.get(&name)).boxed()
    }

    fn delete(&self, name: &BlobName) -> BoxFuture<'static, Result<()>> {
        let (this, name) = (self.clone(), name.clone());
        this.run(move |blobs| blobs.delete(&name)).boxed()
    }

    fn sealed(&self) -> BoxFuture<'static, Result<Vec<BlobName>>> {
        self.clone().run(Shared::sealed).boxed()
    }
}
