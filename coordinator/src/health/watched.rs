//! A log that is watched: how long appends take, how large they are, whether there is room.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use orkestra_runtime::{
    Result,
    fabric::{AppendError, Entry, Follow, LogName, Logs, Sequence},
    time::Clock,
};

use super::monitor::Monitor;

/// How an append went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// How large the record was, in bytes.
    pub bytes: usize,
    /// How long it took.
    pub took: Duration,
    /// Why it did not end well, if it did not.
    pub error: Option<AppendError>,
}

/// Passes everything on to other logs, and tells of appends.
pub(crate) struct WatchedLogs {
    logs: Arc<dyn Logs>,
    monitor: Arc<Monitor>,
    clock: Arc<dyn Clock>,
}

impl WatchedLogs {
    pub(crate) fn over(logs: Arc<dyn Logs>, monitor: Arc<Monitor>, clock: Arc<dyn Clock>) -> Self {
        Self { logs, monitor, clock }
    }
}

impl Logs for WatchedLogs {
    fn append(
        &self,
        log: &LogName,
        end: Sequence,
        record: Bytes,
    ) -> BoxFuture<'static, Result<Sequence, AppendError>> {
        let (monitor, clock) = (Arc::clone(&self.monitor), Arc::clone(&self.clock));
        let (bytes, began) = (record.len(), clock.now().moment);
        let append = self.logs.append(log, end, record);
        async move {
            let appended = append.await;
            let now = clock.now();
            let error = appended.as_ref().err().cloned();
            monitor.appended(&Appended { bytes, took: now.moment.since(began), error }, now.wall);
            appended
        }
        .boxed()
    }

    fn end(&self, log: &LogName) -> BoxFuture<'static, Result<Sequence>> {
        self.logs.end(log)
    }

    fn read(
        &self,
        log: &LogName,
        from: Sequence,
        bytes_max: usize,
    ) -> BoxFuture<'static, Result<Vec<Entry>>> {
        self.logs.read(log, from, bytes_max)
    }

    fn follow(&self, log: &LogName, from: Sequence) -> Follow {
        self.logs.follow(log, from)
    }

    fn trim(&self, log: &LogName, first: Sequence) -> BoxFuture<'static, Result<()>> {
        self.logs.trim(log, first)
    }
}

impl fmt::Debug for WatchedLogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedLogs").field("logs", &self.logs).finish_non_exhaustive()
    }
}
