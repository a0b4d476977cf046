//! A fabric whose journal fails as it is told, over one that works.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use orkestra_runtime::{
    Result,
    fabric::{AppendError, Fabric, LogName, Logs, Registers, Sequence},
};

use crate::through::{blobs_through, fabric_through, logs_through};

/// What becomes of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is made.
    Made,
    /// It is not made, and nobody knows.
    Lost,
    /// It is made, and nobody knows.
    Unheard,
    /// There is no room.
    Full,
    /// It is not made, and no answer comes while this is the fate of all: as after a crash.
    Dead,
}

#[derive(Debug)]
struct Plan {
    next: VecDeque<Fate>,
    then: Fate,
}

/// A fabric with a plan for its appends.
#[derive(Clone)]
pub struct Faulty {
    inner: Arc<dyn Fabric>,
    plan: Arc<Mutex<Plan>>,
    changed: Arc<tokio::sync::Notify>,
}

impl Faulty {
    /// Over a fabric, without a fault yet.
    pub fn over(inner: Arc<dyn Fabric>) -> Self {
        let plan = Plan { next: VecDeque::new(), then: Fate::Made };
        Self { inner, plan: Arc::new(Mutex::new(plan)), changed: Arc::default() }
    }

    /// From now on every append has this fate.
    pub fn always(&self, fate: Fate) {
        self.plan().then = fate;
        self.changed.notify_waiters();
    }

    /// The next appends have these fates, one each.
    pub fn next(&self, fates: impl IntoIterator<Item = Fate>) {
        self.plan().next.extend(fates);
    }

    /// How many fates wait for their appends.
    pub fn left(&self) -> usize {
        self.plan().next.len()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").finish_non_exhaustive()
    }
}

impl Fabric for Faulty {
    fabric_through!(self => self.inner);
    blobs_through!(self => self.inner);

    fn logs(&self) -> Arc<dyn Logs> {
        Arc::new(FaultyLogs { inner: self.inner.logs(), faulty: self.clone() })
    }

    fn registers(&self) -> Arc<dyn Registers> {
        self.inner.registers()
    }
}

#[derive(Debug)]
struct FaultyLogs {
    inner: Arc<dyn Logs>,
    faulty: Faulty,
}

impl Logs for FaultyLogs {
    fn append(
        &self,
        log: &LogName,
        end: Sequence,
        record: Bytes,
    ) -> BoxFuture<'static, Result<Sequence, AppendError>> {
        let fate = {
            let mut plan = self.faulty.plan();
            plan.next.pop_front().unwrap_or(plan.then)
        };
        let unknown = |why: &str| Err(AppendError::Unknown(why.to_owned()));
        match fate {
            Fate::Made => self.inner.append(log, end, record),
            Fate::Lost => std::future::ready(unknown("lost")).boxed(),
            Fate::Unheard => {
                let append = self.inner.append(log, end, record);
                append.map(move |_| unknown("unheard")).boxed()
            }
            Fate::Full => std::future::ready(Err(AppendError::Full)).boxed(),
            Fate::Dead => {
                let faulty = self.faulty.clone();
                async move {
                    loop {
                        let changed = faulty.changed.notified();
                        if faulty.plan().then != Fate::Dead {
                            return Err(AppendError::Unknown("dead".to_owned()));
                        }
                        changed.await;
                    }
                }
                .boxed()
            }
        }
    }

    logs_through!(self => self.inner);
}
