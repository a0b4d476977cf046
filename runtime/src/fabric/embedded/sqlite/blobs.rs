//! Blobs as files: written under another name, synced, renamed; checked when they are read.
//!
//! Sealed ones stand in a folder of their own, `blobs/sealed`, which only the owner may enter.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, ErrorKind as IoKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use tokio::sync::Semaphore;

use super::{super::memory::check_blob_size, layout::sync_dir};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{BlobName, Blobs, embedded::signals::closed, is_sealed},
};

/// Where sealed blobs stand among the others.
const SEALED: &str = "sealed";

/// How many blobs are read or written at once; more wait. Bounds memory and blocked threads.
const BUSY_MAX: usize = 8;

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    writable: bool,
    busy: Arc<Semaphore>,
    last: AtomicU64,
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
        }))
    }

    /// Refuses everything from now on, and waits for what is under way.
    pub(in super::super) async fn close(&self) {
        let all = self.0.busy.acquire_many(u32::try_from(BUSY_MAX).unwrap_or(u32::MAX)).await;
        self.0.busy.close();
        drop(all);
    }

    /// Keeps bytes; blocks.
    pub(super) fn put_now(&self, bytes: &Bytes) -> Result<BlobName> {
        self.0.put(bytes)
    }

    async fn run<T: Send + 'static>(
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

    fn sealed_path(&self, name: &BlobName) -> PathBuf {
        self.dir.join(SEALED).join(name.as_str())
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
        let is_sealed = is_sealed(bytes);
        let path = if is_sealed { self.sealed_path(&name) } else { self.path(&name) };
        // One that is there and sound was synced when it was put; a damaged one is written anew.
        if fs::read(&path).is_ok_and(|found| found == *bytes) {
            return Ok(name);
        }
        let folder = path.parent().unwrap_or(&self.dir);
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(if is_sealed { 0o700 } else { 0o777 });
        made.create(folder).map_err(|error| fault("make the folder of", &path, error))?;
        let new = folder.join(format!("new-{}", self.last.fetch_add(1, Ordering::Relaxed)));
        if let Err(error) = write_synced(&new, bytes, is_sealed) {
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

    fn get(&self, name: &BlobName) -> Result<Option<Bytes>> {
        let path = self.path(name);
        let (path, found) = match read(path)? {
            (path, Some(found)) => (path, found),
            (_, None) => match read(self.sealed_path(name))? {
                (path, Some(found)) => (path, found),
                (_, None) => return Ok(None),
            },
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
        for path in [self.path(name), self.sealed_path(name)] {
            match fs::remove_file(&path) {
                Ok(()) => sync_dir(path.parent().unwrap_or(&self.dir))?,
                Err(error) if error.kind() == IoKind::NotFound => {}
                Err(error) => return Err(fault("delete", &path, error)),
            }
        }
        Ok(())
    }

    fn sealed(&self) -> Result<Vec<BlobName>> {
        let folder = self.dir.join(SEALED);
        let files = match fs::read_dir(&folder) {
            Ok(files) => files,
            Err(error) if error.kind() == IoKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(fault("list", &folder, error)),
        };
        let mut names = Vec::new();
        for file in files {
            let file = file.map_err(|error| fault("list", &folder, error))?;
            // Anything else was begun and never acknowledged.
            names.extend(file.file_name().to_str().and_then(|name| name.parse().ok()));
        }
        Ok(names)
    }
}

fn read(path: PathBuf) -> Result<(PathBuf, Option<Vec<u8>>)> {
    match fs::read(&path) {
        Ok(found) => Ok((path, Some(found))),
        Err(error) if error.kind() == IoKind::NotFound => Ok((path, None)),
        Err(error) => Err(fault("read", &path, error)),
    }
}

fn write_synced(path: &Path, bytes: &[u8], is_sealed: bool) -> io::Result<()> {
    let mode = if is_sealed { 0o600 } else { 0o666 };
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
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
