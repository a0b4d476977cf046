//! Logs and registers in one SQLite file, blobs as files beside it.
//!
//! ```text
//!   store.db          logs and registers (WAL, synchronous=FULL)
//!   store.db-wal      what was committed lately; SQLite's own
//!   blobs/ab/abcdef…  one file a blob
//!   lock              held by the process that writes; names its pid
//! ```
//!
//! One thread owns the connection that writes, another the one that reads, so that neither waits
//! for the other. They are threads of the operating system, and not tasks, because every call to
//! SQLite blocks: a commit waits for the disk, and a runtime's worker that waits for a disk stands
//! still with all its tasks. A thread of its own also keeps the statements prepared and the cache
//! warm, and costs one hop (some 40 µs for both ways) where a pool of blocking threads costs as
//! much and promises no order.

mod backup;
mod blobs;
mod fault;
mod job;
mod keep;
mod layout;
mod lock;
mod private;
mod reader;
mod recover;
mod room;
mod rows;
mod verify;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use tokio::sync::{mpsc, oneshot, watch};

pub use backup::{BackedUp, CopiedFile, Copying, back_up, copy_file};
pub(super) use blobs::FileBlobs;
use job::WriteJob;
pub use lock::holder;
use reader::ReadJob;
pub use recover::{RecoveredLog, Recovery, recover};
pub use verify::{Verification, missing_blobs, verify};

use super::{
    Settings,
    signals::{self, Ear, Signals, closed},
};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{
        AppendError, Entry, Follow, Keeper, Key, LogName, Logs, REGISTER_BYTES_MAX, Registers,
        Revision, Sequence, SetError, Value, Watch, WatchUnder, log::must_begin,
    },
    limits::RECORD_BYTES_MAX,
};

/// How many jobs may wait for each thread; more make their senders wait.
const QUEUE_MAX: usize = 1_024;
/// How often a store that another process writes is looked at again.
const POLL: Duration = Duration::from_millis(200);

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    /// None when the store was opened for reading only.
    writer: Option<mpsc::Sender<WriteJob>>,
    reader: mpsc::Sender<ReadJob>,
    logs: Arc<Signals>,
    registers: Arc<Signals>,
}

/// A store in a directory. Cheap to clone; clones are the same store.
#[derive(Clone, Debug)]
pub(super) struct Store(Arc<Shared>);

impl Store {
    /// Opens a directory for writing and reading; makes a store where there is none.
    pub(super) fn open(dir: &Path, settings: &Settings) -> Result<Self> {
        private::make_dir(dir).map_err(|error| {
            Error::new(ErrorKind::Io, format!("cannot make the directory {}", dir.display()))
                .because(error)
        })?;
        let lock = lock::Lock::take(dir)?;
        layout::create_if_absent(dir)?;
        let signals = (Arc::new(Signals::default()), Arc::new(Signals::default()));
        let writer = writer::start(dir, settings, lock, signals.clone())?;
        let reader = reader::start(dir, layout::Access::Shared)?;
        Ok(Self(Arc::new(Shared {
            dir: dir.to_owned(),
            writer: Some(writer),
            reader,
            logs: signals.0,
            registers: signals.1,
        })))
    }

    /// Opens what is there for reading.
    pub(super) fn open_read_only(dir: &Path) -> Result<Self> {
        let reader = reader::start(dir, layout::Access::ReadOnly)?;
        Ok(Self(Arc::new(Shared {
            dir: dir.to_owned(),
            writer: None,
            reader,
            logs: Arc::default(),
            registers: Arc::default(),
        })))
    }

    /// The housekeeping of this store and its blobs; none when it was opened for reading only.
    pub(super) fn keeper(&self, blobs: &FileBlobs) -> Option<Arc<dyn Keeper>> {
        self.0.writer.as_ref()?;
        Some(Arc::new(keep::FileKeeper { store: self.clone(), blobs: blobs.clone() }))
    }

    /// Carries out what waits, moves the write-ahead log into the file, and lets the directory go.
    pub(super) async fn close(&self) {
        let (reply, done) = oneshot::channel();
        if self.0.reader.send(ReadJob::Close { reply }).await.is_ok() {
            let _ = done.await;
        }
        if let Some(writer) = &self.0.writer {
            let (reply, done) = oneshot::channel();
            if writer.send(WriteJob::Close { reply }).await.is_ok() {
                let _ = done.await;
            }
        }
        self.0.logs.close();
        self.0.registers.close();
    }

    /// Sends a job to the writer and waits for its answer; an error says why there is none.
    async fn write<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<T>) -> WriteJob,
    ) -> Result<T, &'static str> {
        let Some(writer) = &self.0.writer else { return Err("it was opened for reading only") };
        let (reply, answer) = oneshot::channel();
        writer.send(job(reply)).await.map_err(|_| "the fabric was closed")?;
        answer.await.map_err(|_| "the fabric was closed")
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<Result<T>>) -> ReadJob) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.0.reader.send(job(reply)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    fn ear(&self, signal: watch::Receiver<()>) -> Ear {
        let poll = if self.0.writer.is_none() { Some(POLL) } else { None };
        Ear { signal, poll }
    }

    fn set(
        &self,
        key: &Key,
        expected: Option<Revision>,
        bytes: Option<Bytes>,
    ) -> BoxFuture<'static, Result<Revision, SetError>> {
        let (this, key) = (self.clone(), key.clone());
        async move {
            if bytes.as_ref().is_some_and(|bytes| bytes.len() > REGISTER_BYTES_MAX) {
                return Err(SetError::Full);
            }
            this.write(|reply| WriteJob::Set { key, expected, bytes, reply })
                .await
                .unwrap_or_else(|why| Err(SetError::Unknown(why.to_owned())))
        }
        .boxed()
    }
}

impl Logs for Store {
    fn append(
        &self,
        log: &LogName,
        end: Sequence,
        record: Bytes,
    ) -> BoxFuture<'static, Result<Sequence, AppendError>> {
        let (this, log) = (self.clone(), log.clone());
        async move {
            if record.len() > RECORD_BYTES_MAX {
                return Err(AppendError::TooLarge);
            }
            this.write(|reply| WriteJob::Append { log, end, record, reply })
                .await
                .unwrap_or_else(|why| Err(AppendError::Unknown(why.to_owned())))
        }
        .boxed()
    }

    fn end(&self, log: &LogName) -> BoxFuture<'static, Result<Sequence>> {
        let (this, log) = (self.clone(), log.clone());
        async move { this.ask(|reply| ReadJob::End { log, reply }).await }.boxed()
    }

    fn read(
        &self,
        log: &LogName,
        from: Sequence,
        bytes_max: usize,
    ) -> BoxFuture<'static, Result<Vec<Entry>>> {
        let (this, log) = (self.clone(), log.clone());
        async move { this.ask(|reply| ReadJob::Read { log, from, bytes_max, reply }).await }.boxed()
    }

    fn follow(&self, log: &LogName, from: Sequence) -> Follow {
        let ear = self.ear(self.0.logs.listen(log.as_str()));
        signals::follow(Arc::new(self.clone()), log.clone(), from, ear)
    }

    fn begin(&self, log: &LogName, first: Sequence) -> BoxFuture<'static, Result<()>> {
        let (this, log) = (self.clone(), log.clone());
        async move {
            let end = this.ask(|reply| ReadJob::End { log: log.clone(), reply }).await?;
            if !must_begin(&log, end, first)? {
                return Ok(());
            }
            this.write(|reply| WriteJob::Begin { log: log.clone(), first, reply })
                .await
                .unwrap_or_else(|why| {
                    Err(Error::new(
                        ErrorKind::Unavailable,
                        format!("cannot begin log {log}: {why}"),
                    ))
                })
        }
        .boxed()
    }

    fn trim(&self, log: &LogName, first: Sequence) -> BoxFuture<'static, Result<()>> {
        let (this, log) = (self.clone(), log.clone());
        async move {
            this.write(|reply| WriteJob::Trim { log: log.clone(), first, reply })
                .await
                .unwrap_or_else(|why| {
                    Err(Error::new(ErrorKind::Unavailable, format!("cannot trim log {log}: {why}")))
                })
        }
        .boxed()
    }
}

impl Registers for Store {
    fn get(&self, key: &Key) -> BoxFuture<'static, Result<Option<Value>>> {
        let (this, key) = (self.clone(), key.clone());
        async move { this.ask(|reply| ReadJob::Get { key, reply }).await }.boxed()
    }

    fn create(&self, key: &Key, bytes: Bytes) -> BoxFuture<'static, Result<Revision, SetError>> {
        self.set(key, None, Some(bytes))
    }

    fn compare_and_set(
        &self,
        key: &Key,
        revision: Revision,
        bytes: Bytes,
    ) -> BoxFuture<'static, Result<Revision, SetError>> {
        self.set(key, Some(revision), Some(bytes))
    }

    fn delete(&self, key: &Key, revision: Revision) -> BoxFuture<'static, Result<(), SetError>> {
        let set = self.set(key, Some(revision), None);
        async move { set.await.map(|_| ()) }.boxed()
    }

    fn watch(&self, key: &Key) -> Watch {
        let ear = self.ear(self.0.registers.listen(key.as_str()));
        signals::watch(Arc::new(self.clone()), key.clone(), ear)
    }

    fn list(&self, prefix: &Key) -> BoxFuture<'static, Result<Vec<(Key, Value)>>> {
        let (this, prefix) = (self.clone(), prefix.clone());
        async move { this.ask(|reply| ReadJob::List { prefix, reply }).await }.boxed()
    }

    fn watch_under(&self, prefix: &Key) -> WatchUnder {
        let ear = self.ear(self.0.registers.listen_under(prefix.as_str()));
        signals::watch_under(Arc::new(self.clone()), prefix.clone(), ear)
    }
}

fn store_file(dir: &Path) -> PathBuf {
    dir.join("store.db")
}

/// Starts a thread that does nothing but wait for its jobs.
fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map(drop).map_err(|error| {
        Error::new(ErrorKind::Io, format!("cannot start the thread {name}")).because(error)
    })
}

#[cfg(test)]
mod tests;
