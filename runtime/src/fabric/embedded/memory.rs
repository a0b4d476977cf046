//! Logs, registers and blobs in memory: nothing is kept. For tests.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};

use super::signals::{self, Ear, Signals, closed};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{
        AppendError, BlobName, Blobs, Entry, Follow, Key, LogName, Logs, REGISTER_BYTES_MAX,
        Registers, Revision, Sequence, SetError, Value, Watch, WatchUnder, is_sealed,
        log::must_begin,
    },
    limits::{BLOB_BYTES_MAX, RECORD_BYTES_MAX},
};

#[derive(Debug, Default)]
struct MemoryLog {
    trimmed: u64,
    records: VecDeque<Bytes>,
}

impl MemoryLog {
    fn end(&self) -> u64 {
        self.trimmed + self.records.len() as u64
    }
}

#[derive(Debug, Default)]
struct Kept {
    logs: BTreeMap<LogName, MemoryLog>,
    registers: BTreeMap<Key, Value>,
    revision: u64,
    blobs: BTreeMap<BlobName, Bytes>,
    closed: bool,
}

#[derive(Debug)]
struct Shared {
    kept: Mutex<Kept>,
    logs: Signals,
    registers: Signals,
    strict: bool,
}

/// A store in memory. Cheap to clone; clones are the same store.
#[derive(Clone, Debug)]
pub(super) struct Memory(Arc<Shared>);

impl Memory {
    /// An empty store. A strict one hands out copies, so that nothing is shared by accident.
    pub(super) fn new(strict: bool) -> Self {
        Self(Arc::new(Shared {
            kept: Mutex::default(),
            logs: Signals::default(),
            registers: Signals::default(),
            strict,
        }))
    }

    /// Refuses everything from now on and ends what follows.
    pub(super) fn close(&self) {
        self.kept().closed = true;
        self.0.logs.close();
        self.0.registers.close();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Result<MutexGuard<'_, Kept>> {
        let kept = self.kept();
        if kept.closed { Err(closed()) } else { Ok(kept) }
    }

    fn copy(&self, bytes: &Bytes) -> Bytes {
        if self.0.strict { Bytes::copy_from_slice(bytes) } else { bytes.clone() }
    }

    fn append(
        &self,
        log: &LogName,
        end: Sequence,
        record: &Bytes,
    ) -> Result<Sequence, AppendError> {
        if record.len() > RECORD_BYTES_MAX {
            return Err(AppendError::TooLarge);
        }
        let mut kept = self.open().map_err(|error| AppendError::Unknown(error.to_string()))?;
        let found = kept.logs.get(log).map_or(0, MemoryLog::end);
        if found != end.0 {
            return Err(AppendError::Conflict(Sequence(found)));
        }
        kept.logs.entry(log.clone()).or_default().records.push_back(self.copy(record));
        drop(kept);
        self.0.logs.changed(log.as_str());
        Ok(Sequence(end.0 + 1))
    }

    fn read(&self, log: &LogName, from: Sequence, bytes_max: usize) -> Result<Vec<Entry>> {
        let kept = self.open()?;
        let Some(found) = kept.logs.get(log) else { return Ok(Vec::new()) };
        let first = from.0.max(found.trimmed + 1);
        let skip = usize::try_from(first - found.trimmed - 1).unwrap_or(usize::MAX);
        let mut entries = Vec::new();
        let mut bytes = 0;
        for (sequence, record) in (first..).zip(found.records.iter().skip(skip)) {
            if !entries.is_empty() && bytes + record.len() > bytes_max {
                break;
            }
            bytes += record.len();
            entries.push(Entry { sequence: Sequence(sequence), record: self.copy(record) });
        }
        Ok(entries)
    }

    fn begin(&self, log: &LogName, first: Sequence) -> Result<()> {
        let mut kept = self.open()?;
        let end = Sequence(kept.logs.get(log).map_or(0, MemoryLog::end));
        if must_begin(log, end, first)? {
            kept.logs.entry(log.clone()).or_default().trimmed = first.0 - 1;
        }
        Ok(())
    }

    fn trim(&self, log: &LogName, first: Sequence) -> Result<()> {
        let mut kept = self.open()?;
        if let Some(found) = kept.logs.get_mut(log) {
            while found.trimmed + 1 < first.0 && found.records.pop_front().is_some() {
                found.trimmed += 1;
            }
        }
        Ok(())
    }

    /// Sets a register that is at `expected` (none: absent) to `bytes` (none: absent).
    fn set(
        &self,
        key: &Key,
        expected: Option<Revision>,
        bytes: Option<&Bytes>,
    ) -> Result<Revision, SetError> {
        if bytes.is_some_and(|bytes| bytes.len() > REGISTER_BYTES_MAX) {
            return Err(SetError::Full);
        }
        let mut kept = self.open().map_err(|error| SetError::Unknown(error.to_string()))?;
        let found = kept.registers.get(key);
        if found.map(|value| value.revision) != expected {
            return Err(SetError::Conflict(found.cloned()));
        }
        kept.revision += 1;
        let revision = Revision(kept.revision);
        match bytes {
            Some(bytes) => {
                let value = Value { revision, bytes: self.copy(bytes) };
                kept.registers.insert(key.clone(), value);
            }
            None => drop(kept.registers.remove(key)),
        }
        drop(kept);
        self.0.registers.changed(key.as_str());
        Ok(revision)
    }
}

impl Logs for Memory {
    fn append(
        &self,
        log: &LogName,
        end: Sequence,
        record: Bytes,
    ) -> BoxFuture<'static, Result<Sequence, AppendError>> {
        let (this, log) = (self.clone(), log.clone());
        async move { Self::append(&this, &log, end, &record) }.boxed()
    }

    fn end(&self, log: &LogName) -> BoxFuture<'static, Result<Sequence>> {
        let (this, log) = (self.clone(), log.clone());
        async move { Ok(Sequence(this.open()?.logs.get(&log).map_or(0, MemoryLog::end))) }.boxed()
    }

    fn read(
        &self,
        log: &LogName,
        from: Sequence,
        bytes_max: usize,
    ) -> BoxFuture<'static, Result<Vec<Entry>>> {
        let (this, log) = (self.clone(), log.clone());
        async move { Self::read(&this, &log, from, bytes_max) }.boxed()
    }

    fn follow(&self, log: &LogName, from: Sequence) -> Follow {
        let ear = Ear { signal: self.0.logs.listen(log.as_str()), poll: None };
        signals::follow(Arc::new(self.clone()), log.clone(), from, ear)
    }

    fn begin(&self, log: &LogName, first: Sequence) -> BoxFuture<'static, Result<()>> {
        let (this, log) = (self.clone(), log.clone());
        async move { Self::begin(&this, &log, first) }.boxed()
    }

    fn trim(&self, log: &LogName, first: Sequence) -> BoxFuture<'static, Result<()>> {
        let (this, log) = (self.clone(), log.clone());
        async move { Self::trim(&this, &log, first) }.boxed()
    }
}

impl Registers for Memory {
    fn get(&self, key: &Key) -> BoxFuture<'static, Result<Option<Value>>> {
        let (this, key) = (self.clone(), key.clone());
        async move { Ok(this.open()?.registers.get(&key).cloned()) }.boxed()
    }

    fn create(&self, key: &Key, bytes: Bytes) -> BoxFuture<'static, Result<Revision, SetError>> {
        let (this, key) = (self.clone(), key.clone());
        async move { this.set(&key, None, Some(&bytes)) }.boxed()
    }

    fn compare_and_set(
        &self,
        key: &Key,
        revision: Revision,
        bytes: Bytes,
    ) -> BoxFuture<'static, Result<Revision, SetError>> {
        let (this, key) = (self.clone(), key.clone());
        async move { this.set(&key, Some(revision), Some(&bytes)) }.boxed()
    }

    fn delete(&self, key: &Key, revision: Revision) -> BoxFuture<'static, Result<(), SetError>> {
        let (this, key) = (self.clone(), key.clone());
        async move { this.set(&key, Some(revision), None).map(|_| ()) }.boxed()
    }

    fn watch(&self, key: &Key) -> Watch {
        let ear = Ear { signal: self.0.registers.listen(key.as_str()), poll: None };
        signals::watch(Arc::new(self.clone()), key.clone(), ear)
    }

    fn list(&self, prefix: &Key) -> BoxFuture<'static, Result<Vec<(Key, Value)>>> {
        let (this, prefix) = (self.clone(), prefix.clone());
        async move {
            let kept = this.open()?;
            let found =
                kept.registers.range(prefix.clone()..).filter(|(key, _)| key.is_under(&prefix));
            Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
        }
        .boxed()
    }

    fn watch_under(&self, prefix: &Key) -> WatchUnder {
        let ear = Ear { signal: self.0.registers.listen_under(prefix.as_str()), poll: None };
        signals::watch_under(Arc::new(self.clone()), prefix.clone(), ear)
    }
}

impl Blobs for Memory {
    fn put(&self, bytes: Bytes) -> BoxFuture<'static, Result<BlobName>> {
        let this = self.clone();
        async move {
            check_blob_size(&bytes)?;
            let name = BlobName::of(&bytes);
            this.open()?.blobs.insert(name.clone(), this.copy(&bytes));
            Ok(name)
        }
        .boxed()
    }

    fn get(&self, name: &BlobName) -> BoxFuture<'static, Result<Option<Bytes>>> {
        let (this, name) = (self.clone(), name.clone());
        async move { Ok(this.open()?.blobs.get(&name).map(|bytes| this.copy(bytes))) }.boxed()
    }

    fn delete(&self, name: &BlobName) -> BoxFuture<'static, Result<()>> {
        let (this, name) = (self.clone(), name.clone());
        async move {
            this.open()?.blobs.remove(&name);
            Ok(())
        }
        .boxed()
    }

    fn sealed(&self) -> BoxFuture<'static, Result<Vec<BlobName>>> {
        let this = self.clone();
        async move {
            let kept = this.open()?;
            let sealed = kept.blobs.iter().filter(|(_, bytes)| is_sealed(bytes));
            Ok(sealed.map(|(name, _)| name.clone()).collect())
        }
        .boxed()
    }
}

/// Refuses bytes that no fabric takes as a blob.
pub(super) fn check_blob_size(bytes: &Bytes) -> Result<()> {
    if bytes.len() <= BLOB_BYTES_MAX {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Invalid,
        format!(
            "cannot keep a blob of {} bytes: at most {BLOB_BYTES_MAX} are allowed",
            bytes.len()
        ),
    ))
}
