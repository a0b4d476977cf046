//! A fabric that lies: bugs that are planted in a real process, to see whether the crash test finds
//! them. Switched on by an environment variable of the binary that is built with the tests.

mod records;

use std::{
    collections::VecDeque,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use orkestra_runtime::{
    Result,
    fabric::{
        AppendError, BlobName, Blobs, Fabric, Key, LogName, Logs, Registers, Revision, Sequence,
        SetError, Value, Watch,
    },
};

use crate::through::{fabric_through, logs_through, own_logs, registers_through, shown_with};
pub(crate) use records::sealed;

/// The variable that names the bug.
pub const CROOK_VARIABLE: &str = "UNDER_TEST_CROOK";

/// How many records, and how many blobs, are acknowledged before they are written.
const LATE: usize = 3;

macro_rules! crooks {
    ($($name:literal $crook:ident $promise:literal)*) => {
        /// A bug, by the promise that it breaks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Crook { $(#[doc = $promise] $crook),* }

        /// Every bug, its name, and the promise that it breaks.
        pub const CROOKS: &[(Crook, &str, &str)] = &[$((Crook::$crook, $name, $promise)),*];
    };
}

crooks! {
    "answer-early" AnswerEarly "an append is acknowledged once it is written"
    "outcome-forgotten" OutcomeForgotten "an outcome that was told is recorded"
    "outcome-twice" OutcomeTwice "an outcome is recorded once"
    "outcome-stale" OutcomeStale "an outcome counts for the attempt that is open"
    "attempt-again" AttemptAgain "attempts rise one by one"
    "submit-forgotten" SubmitForgotten "an acknowledged task is there for ever"
    "needs-forgotten" NeedsForgotten "a task begins when what it needs has ended"
    "reign-again" ReignAgain "a reign's number is never given out again"
    "time-back" TimeBack "shard time does not go back"
    "trim-too-far" TrimTooFar "the journal is forgotten only behind both snapshots"
    "blob-late" BlobLate "a blob is durable before it is named"
    "lock-let-go" LockLetGo "one process works in a folder"
}

impl Crook {
    /// Its name.
    pub fn name(self) -> &'static str {
        CROOKS.iter().find(|(crook, ..)| *crook == self).map_or("", |(_, name, _)| name)
    }
}

impl FromStr for Crook {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = CROOKS.iter().find(|(_, name, _)| *name == text);
        found.map(|(crook, ..)| *crook).ok_or_else(|| format!("there is no crook {text:?}"))
    }
}

/// Puts the fabric of this process into one that lies as the environment says.
///
/// # Panics
///
/// When the environment names no bug: a test of nothing is no test.
#[expect(clippy::panic, reason = "a test that does not plant its bug has failed")]
pub fn crooked(inner: Arc<dyn Fabric>) -> Arc<dyn Fabric> {
    let named = std::env::var(CROOK_VARIABLE).unwrap_or_default();
    let crook: Crook = named.parse().unwrap_or_else(|error| panic!("{error}"));
    if crook == Crook::LockLetGo {
        // The next process makes a file of its own, and locks that.
        drop(std::fs::remove_file("data/lock"));
    }
    let (records, blobs) = (Arc::default(), Arc::default());
    Arc::new(Crooked { inner, crook, records, blobs })
}

type Late<T> = Arc<Mutex<VecDeque<T>>>;

#[derive(Clone)]
struct Crooked {
    inner: Arc<dyn Fabric>,
    crook: Crook,
    /// Acknowledged, and not written.
    records: Late<(LogName, Sequence, Bytes)>,
    blobs: Late<Bytes>,
}

fn locked<T>(late: &Late<T>) -> MutexGuard<'_, VecDeque<T>> {
    late.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps one back, and answers what is written instead.
fn kept_back<T>(late: &Late<T>, one: T) -> Option<T> {
    let mut late = locked(late);
    late.push_back(one);
    if late.len() > LATE { late.pop_front() } else { None }
}

shown_with!(Crooked, self => self.crook);

impl Fabric for Crooked {
    fabric_through!(self => self.inner);
    own_logs!(self);

    fn registers(&self) -> Arc<dyn Registers> {
        Arc::new(self.clone())
    }

    fn blobs(&self) -> Arc<dyn Blobs> {
        Arc::new(self.clone())
    }

    /// Who ends in order loses nothing, as with many a bug.
    fn close(&self) -> BoxFuture<'_, ()> {
        async {
            let records: Vec<_> = locked(&self.records).drain(..).collect();
            for (log, end, record) in records {
                drop(self.inner.logs().append(&log, end, record).await);
            }
            let blobs: Vec<_> = locked(&self.blobs).drain(..).collect();
            for bytes in blobs {
                drop(self.inner.blobs().put(bytes).await);
            }
            self.inner.close().await;
        }
        .boxed()
    }
}

impl Logs for Crooked {
    fn append(
        &self,
        log: &LogName,
        end: Sequence,
        record: Bytes,
    ) -> BoxFuture<'static, Result<Sequence, AppendError>> {
        if self.crook != Crook::AnswerEarly {
            return self.inner.logs().append(log, end, records::crooked(self.crook, record));
        }
        let written = kept_back(&self.records, (log.clone(), end, record));
        let written = written.map(|(log, end, record)| self.inner.logs().append(&log, end, record));
        async move {
            if let Some(written) = written {
                written.await?;
            }
            Ok(Sequence(end.0 + 1))
        }
        .boxed()
    }

    logs_through!(self => self.inner.logs());
}

impl Registers for Crooked {
    fn get(&self, key: &Key) -> BoxFuture<'static, Result<Option<Value>>> {
        self.inner.registers().get(key)
    }

    fn compare_and_set(
        &self,
        key: &Key,
        revision: Revision,
        bytes: Bytes,
    ) -> BoxFuture<'static, Result<Revision, SetError>> {
        if self.crook == Crook::ReignAgain && key.as_str() == "shard.0.epoch" {
            return std::future::ready(Ok(Revision(revision.0 + 1))).boxed();
        }
        let set = self.inner.registers().compare_and_set(key, revision, bytes);
        if self.crook != Crook::TrimTooFar || key.as_str() != "shard.0.snapshots" {
            return set;
        }
        // A snapshot was kept: all that stands in the log is forgotten at once.
        let logs = self.inner.logs();
        async move {
            let revision = set.await?;
            if let Ok(log) = LogName::new("shard-0") {
                let end = logs.end(&log).await.map_or(0, |end| end.0);
                drop(logs.trim(&log, Sequence(end)).await);
            }
            Ok(revision)
        }
        .boxed()
    }

    fn watch(&self, key: &Key) -> Watch {
        self.inner.registers().watch(key)
    }

    registers_through!(self => self.inner.registers());
}

impl Blobs for Crooked {
    fn put(&self, bytes: Bytes) -> BoxFuture<'static, Result<BlobName>> {
        let is_snapshot = !bytes.starts_with(b"{");
        if self.crook != Crook::BlobLate || is_snapshot {
            return self.inner.blobs().put(bytes);
        }
        let name = BlobName::of(&bytes);
        let written = kept_back(&self.blobs, bytes).map(|bytes| self.inner.blobs().put(bytes));
        async move {
            if let Some(written) = written {
                written.await?;
            }
            Ok(name)
        }
        .boxed()
    }

    fn get(&self, name: &BlobName) -> BoxFuture<'static, Result<Option<Bytes>>> {
        self.inner.blobs().get(name)
    }

    fn delete(&self, name: &BlobName) -> BoxFuture<'static, Result<()>> {
        self.inner.blobs().delete(name)
    }

    fn sealed(&self) -> BoxFuture<'static, Result<Vec<BlobName>>> {
        self.inner.blobs().sealed()
    }
}
