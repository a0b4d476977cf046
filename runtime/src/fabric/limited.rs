//! Logs, registers and blobs whose calls all come to an end.
//!
//! A fabric across machines may leave a call without an answer for as long as a connection is half
//! open. Whoever must not hang asks through these: what takes longer than its limit is answered as
//! not known, which every caller has to expect anyway. Following and watching wait for what happens,
//! and have no limit.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};

use super::{
    AppendError, BlobName, Blobs, Entry, Follow, Key, LogName, Logs, Registers, Revision, Sequence,
    SetError, Value, Watch, WatchUnder,
};
use crate::error::{Error, ErrorKind, Result};

/// The same, where each call has a limit.
#[derive(Debug)]
struct Limited<T: ?Sized> {
    inner: Arc<T>,
    limit: Duration,
}

/// Logs whose calls come to an end.
pub fn limited_logs(inner: Arc<dyn Logs>, limit: Duration) -> Arc<dyn Logs> {
    Arc::new(Limited { inner, limit })
}

/// Registers whose calls come to an end.
pub fn limited_registers(inner: Arc<dyn Registers>, limit: Duration) -> Arc<dyn Registers> {
    Arc::new(Limited { inner, limit })
}

/// Blobs whose calls come to an end.
pub fn limited_blobs(inner: Arc<dyn Blobs>, limit: Duration) -> Arc<dyn Blobs> {
    Arc::new(Limited { inner, limit })
}

impl<T: ?Sized> Limited<T> {
    fn limit<A: Send + 'static, E: Send + 'static>(
        &self,
        call: BoxFuture<'static, Result<A, E>>,
        over: fn(String) -> E,
    ) -> BoxFuture<'static, Result<A, E>> {
        let limit = self.limit;
        async move {
            let answered = tokio::time::timeout(limit, call).await;
            answered.unwrap_or_else(|_| Err(over(format!("no answer came within {limit:?}"))))
        }
        .boxed()
    }
}

fn unavailable(why: String) -> Error {
    Error::new(ErrorKind::Unavailable, why)
}

impl Logs for Limited<dyn Logs> {
    fn append(
        &self,
        log: &LogName,
        end: Sequence,
        record: Bytes,
    ) -> BoxFuture<'static, Result<Sequence, AppendError>> {
        self.limit(self.inner.append(log, end, record), AppendError::Unknown)
    }

    fn end(&self, log: &LogName) -> BoxFuture<'static, Result<Sequence>> {
        self.limit(self.inner.end(log), unavailable)
    }

    fn read(
        &self,
        log: &LogName,
        from: Sequence,
        bytes_max: usize,
    ) -> BoxFuture<'static, Result<Vec<Entry>>> {
        self.limit(self.inner.read(log, from, bytes_max), unavailable)
    }

    fn follow(&self, log: &LogName, from: Sequence) -> Follow {
        self.inner.follow(log, from)
    }

    fn begin(&self, log: &LogName, first: Sequence) -> BoxFuture<'static, Result<()>> {
        self.limit(self.inner.begin(log, first), unavailable)
    }

    fn trim(&self, log: &LogName, first: Sequence) -> BoxFuture<'static, Result<()>> {
        self.limit(self.inner.trim(log, first), unavailable)
    }
}

impl Registers for Limited<dyn Registers> {
    fn get(&self, key: &Key) -> BoxFuture<'static, Result<Option<Value>>> {
        self.limit(self.inner.get(key), unavailable)
    }

    fn create(&self, key: &Key, bytes: Bytes) -> BoxFuture<'static, Result<Revision, SetError>> {
        self.limit(self.inner.create(key, bytes), SetError::Unknown)
    }

    fn compare_and_set(
        &self,
        key: &Key,
        revision: Revision,
        bytes: Bytes,
    ) -> BoxFuture<'static, Result<Revision, SetError>> {
        self.limit(self.inner.compare_and_set(key, revision, bytes), SetError::Unknown)
    }

    fn delete(&self, key: &Key, revision: Revision) -> BoxFuture<'static, Result<(), SetError>> {
        self.limit(self.inner.delete(key, revision), SetError::Unknown)
    }

    fn watch(&self, key: &Key) -> Watch {
        self.inner.watch(key)
    }

    fn list(&self, prefix: &Key) -> BoxFuture<'static, Result<Vec<(Key, Value)>>> {
        self.limit(self.inner.list(prefix), unavailable)
    }

    fn watch_under(&self, prefix: &Key) -> WatchUnder {
        self.inner.watch_under(prefix)
    }
}

impl Blobs for Limited<dyn Blobs> {
    fn put(&self, bytes: Bytes) -> BoxFuture<'static, Result<BlobName>> {
        self.limit(self.inner.put(bytes), unavailable)
    }

    fn get(&self, name: &BlobName) -> BoxFuture<'static, Result<Option<Bytes>>> {
        self.limit(self.inner.get(name), unavailable)
    }

    fn delete(&self, name: &BlobName) -> BoxFuture<'static, Result<()>> {
        self.limit(self.inner.delete(name), unavailable)
    }

    fn sealed(&self) -> BoxFuture<'static, Result<Vec<BlobName>>> {
        self.limit(self.inner.sealed(), unavailable)
    }
}
