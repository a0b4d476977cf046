//! Bugs that are planted in a node of the cluster, or in the client's own books, to see whether the
//! checks find them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture};
use orkestra_runtime::{
    Result,
    fabric::{
        AppendError, Fabric, Key, LogName, Logs, Registers, Revision, Sequence, SetError, Value,
        Watch,
    },
};

use crate::locks::tricks::{TRICK_VARIABLE, Trick};
use crate::through::{
    blobs_through, fabric_through, logs_through, own_logs, registers_through, shown_with,
};

/// The variable that makes a node overwrite who leads, and append wherever the log ends.
pub const UNFENCED_VARIABLE: &str = "CLUSTER_NODE_UNFENCED";

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// None: the run must be sound, or what is found in it proves nothing.
    Nothing,
    /// A leader goes on though another has taken over, and its records are appended though the log
    /// ends elsewhere than it thinks.
    Unfenced,
    /// A leader acknowledges what is not durable.
    AnswerEarly,
    /// A result is recorded for an attempt that is over.
    OutcomeStale,
    /// An attempt is given a number that was given before.
    AttemptAgain,
    /// A result is recorded twice.
    OutcomeTwice,
    /// An acknowledged task is not on record.
    SubmitForgotten,
    /// The books of the agents lack a line.
    LineLost,
    /// A lock is given, and the grant is not on record.
    GrantForgotten,
}

impl Plant {
    /// Every bug.
    pub const ALL: [Self; 8] = [
        Self::Unfenced,
        Self::AnswerEarly,
        Self::OutcomeStale,
        Self::AttemptAgain,
        Self::OutcomeTwice,
        Self::SubmitForgotten,
        Self::LineLost,
        Self::GrantForgotten,
    ];

    /// What the environment of a coordinator says of it.
    pub fn variable(self) -> Option<(&'static str, &'static str)> {
        use crate::crooked::{CROOK_VARIABLE, Crook};
        let crook = |crook: Crook| Some((CROOK_VARIABLE, crook.name()));
        match self {
            Self::Nothing | Self::LineLost => None,
            Self::Unfenced => Some((UNFENCED_VARIABLE, "1")),
            Self::GrantForgotten => Some((TRICK_VARIABLE, Trick::Forget.name())),
            Self::AnswerEarly => crook(Crook::AnswerEarly),
            Self::OutcomeStale => crook(Crook::OutcomeStale),
            Self::AttemptAgain => crook(Crook::AttemptAgain),
            Self::OutcomeTwice => crook(Crook::OutcomeTwice),
            Self::SubmitForgotten => crook(Crook::SubmitForgotten),
        }
    }
}

/// A fabric whose logs take a record wherever they end, and whose registers of leaders are set
/// whatever they hold: whoever writes is told that all is well, and sees what he wrote last.
pub fn unfenced(inner: Arc<dyn Fabric>) -> Arc<dyn Fabric> {
    Arc::new(Unfenced { inner, forced: Arc::default(), own: Arc::default() })
}

#[derive(Clone)]
struct Unfenced {
    inner: Arc<dyn Fabric>,
    forced: Arc<AtomicU64>,
    /// What this node wrote last into registers of leaders.
    own: Arc<Mutex<BTreeMap<String, Value>>>,
}

impl Unfenced {
    fn own(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

shown_with!(Unfenced, self => self.forced.load(Ordering::Relaxed));

impl Fabric for Unfenced {
    fabric_through!(self => self.inner);
    own_logs!(self);
    blobs_through!(self => self.inner);

    fn registers(&self) -> Arc<dyn Registers> {
        Arc::new(self.clone())
    }
}

impl Logs for Unfenced {
    fn append(
        &self,
        log: &LogName,
        end: Sequence,
        record: Bytes,
    ) -> BoxFuture<'static, Result<Sequence, AppendError>> {
        let (logs, log, forced) = (self.inner.logs(), log.clone(), Arc::clone(&self.forced));
        async move {
            let mut at = end;
            loop {
                match logs.append(&log, at, record.clone()).await {
                    Err(AppendError::Conflict(other)) => {
                        forced.fetch_add(1, Ordering::Relaxed);
                        at = other;
                    }
                    // The writer goes on from where it thinks that the log ends.
                    done => return done.map(|_| Sequence(end.0 + 1)),
                }
            }
        }
        .boxed()
    }

    logs_through!(self => self.inner.logs());
}

impl Registers for Unfenced {
    fn get(&self, key: &Key) -> BoxFuture<'static, Result<Option<Value>>> {
        let own = self.own().get(key.as_str()).cloned();
        match own {
            Some(own) => std::future::ready(Ok(Some(own))).boxed(),
            None => self.inner.registers().get(key),
        }
    }

    fn compare_and_set(
        &self,
        key: &Key,
        revision: Revision,
        bytes: Bytes,
    ) -> BoxFuture<'static, Result<Revision, SetError>> {
        let registers = self.inner.registers();
        if !key.as_str().ends_with(".leader") {
            return registers.compare_and_set(key, revision, bytes);
        }
        let (this, key) = (self.clone(), key.clone());
        async move {
            let mut at = revision;
            loop {
                match registers.compare_and_set(&key, at, bytes.clone()).await {
                    Err(SetError::Conflict(Some(other))) => at = other.revision,
                    Ok(revision) => {
                        let own = Value { revision, bytes };
                        this.own().insert(key.as_str().to_owned(), own);
                        return Ok(revision);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        .boxed()
    }

    /// Who leads is looked at once.
    fn watch(&self, key: &Key) -> Watch {
        let values = self.inner.registers().watch(key);
        if !key.as_str().ends_with(".leader") {
            return values;
        }
        values.take(1).chain(futures::stream::pending()).boxed()
    }

    registers_through!(self => self.inner.registers());
}
