//! What the simulated leaders remember with: one log, registers and blobs, with faults by chance.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    chance::Chance,
    fabric::{
        AppendError, BlobName, Blobs, Entry, Follow, Key, LogName, Logs, Registers, Revision,
        Sequence, SetError, Value, Watch, WatchUnder, is_sealed,
    },
};

/// One log, registers and blobs. Every future is ready at once.
#[derive(Clone, Debug)]
pub struct Store(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    log: BTreeMap<u64, Bytes>,
    end: u64,
    registers: BTreeMap<Key, Value>,
    revision: u64,
    blobs: BTreeMap<BlobName, Bytes>,
    late: Vec<(Sequence, Bytes)>,
    full: bool,
    faulty: bool,
    unfenced: bool,
    chance: Chance,
}

impl Store {
    /// An empty store.
    pub fn new(chance: Chance) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            log: BTreeMap::new(),
            end: 0,
            registers: BTreeMap::new(),
            revision: 0,
            blobs: BTreeMap::new(),
            late: Vec::new(),
            full: false,
            faulty: false,
            unfenced: false,
            chance,
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether appends of promotions fail by chance.
    pub fn set_faulty(&self, faulty: bool) {
        self.inner().faulty = faulty;
    }

    /// Whether every append lands, wherever its writer thinks the log ends.
    pub fn set_unfenced(&self, unfenced: bool) {
        self.inner().unfenced = unfenced;
    }

    /// Whether there is no room.
    pub fn set_full(&self, full: bool) {
        self.inner().full = full;
    }

    /// Appends at once.
    pub fn append_now(&self, end: Sequence, record: Bytes) -> Result<Sequence, AppendError> {
        self.inner().append(end, record)
    }

    /// Keeps an append that its writer has given up, to land later.
    pub fn append_late(&self, end: Sequence, record: Bytes) {
        self.inner().late.push((end, record));
    }

    /// Lets the oldest late append land, if the log still ends where its writer thought.
    pub fn land_late(&self) -> Option<Result<Sequence, AppendError>> {
        let mut inner = self.inner();
        if inner.late.is_empty() {
            return None;
        }
        let (end, record) = inner.late.remove(0);
        Some(inner.append(end, record))
    }

    /// Forgets the log below `first`, as a keeper gone wrong would.
    pub fn cut_below(&self, first: u64) {
        self.inner().log.retain(|sequence, _| *sequence >= first);
    }

    /// Where the log ends.
    pub fn end_now(&self) -> u64 {
        self.inner().end
    }

    /// Loses a record in the middle of the log, as a disk gone wrong would.
    pub fn lose_record(&self) {
        let mut inner = self.inner();
        let middle = inner.log.keys().nth(inner.log.len() / 2).copied();
        middle.and_then(|sequence| inner.log.remove(&sequence));
    }

    /// Whether a blob is kept.
    pub fn has_blob(&self, name: &BlobName) -> bool {
        self.inner().blobs.contains_key(name)
    }

    /// Loses a blob.
    pub fn lose_blob(&self, name: &BlobName) {
        self.inner().blobs.remove(name);
    }

    /// Puts other bytes where a blob is kept.
    pub fn spoil(&self, name: &BlobName, bytes: Bytes) {
        self.inner().blobs.insert(name.clone(), bytes);
    }

    /// Loses a register.
    pub fn forget_epoch(&self, key: &Key) {
        self.inner().registers.remove(key);
    }
}

impl Inner {
    fn append(&mut self, end: Sequence, record: Bytes) -> Result<Sequence, AppendError> {
        if self.end != end.0 && !self.unfenced {
            return Err(AppendError::Conflict(Sequence(self.end)));
        }
        if self.full {
            return Err(AppendError::Full);
        }
        self.end += 1;
        self.log.insert(self.end, record);
        Ok(Sequence(self.end))
    }

    fn append_by_chance(&mut self, end: Sequence, record: Bytes) -> Result<Sequence, AppendError> {
        if !self.faulty || !self.chance.per_mille(200) {
            return self.append(end, record);
        }
        if self.chance.per_mille(500) {
            // Landed, and the word of it is lost.
            let _ = self.append(end, record);
        } else {
            self.late.push((end, record));
        }
        Err(AppendError::Unknown("timed out".into()))
    }

    fn set(&mut self, key: &Key, at: Option<Revision>, bytes: Bytes) -> Result<Revision, SetError> {
        let held = self.registers.get(key).cloned();
        if held.as_ref().map(|value| value.revision) != at {
            return Err(SetError::Conflict(held));
        }
        self.revision += 1;
        let revision = Revision(self.revision);
        self.registers.insert(key.clone(), Value { revision, bytes });
        if self.faulty && self.chance.per_mille(100) {
            return Err(SetError::Unknown("timed out".into()));
        }
        Ok(revision)
    }
}

fn at_once<T: Send + 'static>(value: T) -> BoxFuture<'static, T> {
    std::future::ready(value).boxed()
}

fn cannot(what: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the simulated store cannot {what}"))
}

impl Logs for Store {
    fn append(
        &self,
        _: &LogName,
        end: Sequence,
        record: Bytes,
    ) -> BoxFuture<'static, Result<Sequence, AppendError>> {
        at_once(self.inner().append_by_chance(end, record))
    }

    fn end(&self, _: &LogName) -> BoxFuture<'static, Result<Sequence>> {
        at_once(Ok(Sequence(self.end_now())))
    }

    fn read(
        &self,
        _: &LogName,
        from: Sequence,
        bytes_max: usize,
    ) -> BoxFuture<'static, Result<Vec<Entry>>> {
        let mut left = bytes_max;
        let inner = self.inner();
        let records = inner.log.range(from.0..).map_while(|(sequence, record)| {
            let fits = left > 0;
            left = left.saturating_sub(record.len());
            fits.then(|| Entry { sequence: Sequence(*sequence), record: record.clone() })
        });
        at_once(Ok(records.collect()))
    }

    fn follow(&self, _: &LogName, _: Sequence) -> Follow {
        stream::once(std::future::ready(Err(cannot("follow a log")))).boxed()
    }

    fn trim(&self, _: &LogName, first: Sequence) -> BoxFuture<'static, Result<()>> {
        self.cut_below(first.0);
        at_once(Ok(()))
    }
}

impl Registers for Store {
    fn get(&self, key: &Key) -> BoxFuture<'static, Result<Option<Value>>> {
        at_once(Ok(self.inner().registers.get(key).cloned()))
    }

    fn create(&self, key: &Key, bytes: Bytes) -> BoxFuture<'static, Result<Revision, SetError>> {
        at_once(self.inner().set(key, None, bytes))
    }

    fn compare_and_set(
        &self,
        key: &Key,
        revision: Revision,
        bytes: Bytes,
    ) -> BoxFuture<'static, Result<Revision, SetError>> {
        at_once(self.inner().set(key, Some(revision), bytes))
    }

    fn delete(&self, key: &Key, revision: Revision) -> BoxFuture<'static, Result<(), SetError>> {
        let mut inner = self.inner();
        let held = inner.registers.get(key).cloned();
        if held.as_ref().map(|value| value.revision) != Some(revision) {
            return at_once(Err(SetError::Conflict(held)));
        }
        inner.registers.remove(key);
        at_once(Ok(()))
    }

    fn watch(&self, _: &Key) -> Watch {
        stream::once(std::future::ready(Err(cannot("watch a register")))).boxed()
    }

    fn list(&self, prefix: &Key) -> BoxFuture<'static, Result<Vec<(Key, Value)>>> {
        let inner = self.inner();
        let found = inner.registers.iter().filter(|(key, _)| key.is_under(prefix));
        at_once(Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect()))
    }

    fn watch_under(&self, _: &Key) -> WatchUnder {
        stream::once(std::future::ready(Err(cannot("watch registers")))).boxed()
    }
}

impl Blobs for Store {
    fn put(&self, bytes: Bytes) -> BoxFuture<'static, Result<BlobName>> {
        let name = BlobName::of(&bytes);
        self.inner().blobs.insert(name.clone(), bytes);
        at_once(Ok(name))
    }

    fn get(&self, name: &BlobName) -> BoxFuture<'static, Result<Option<Bytes>>> {
        at_once(Ok(self.inner().blobs.get(name).cloned()))
    }

    fn delete(&self, name: &BlobName) -> BoxFuture<'static, Result<()>> {
        self.inner().blobs.remove(name);
        at_once(Ok(()))
    }

    fn sealed(&self) -> BoxFuture<'static, Result<Vec<BlobName>>> {
        let inner = self.inner();
        let sealed = inner.blobs.iter().filter(|(_, bytes)| is_sealed(bytes));
        at_once(Ok(sealed.map(|(name, _)| name.clone()).collect()))
    }
}
