//! Tricks that are played on a node that leads, to see what becomes of those who use its locks.

use std::sync::Arc;

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use orkestra_coordinator::{lock::LockEvent, shard::machine::Event};
use orkestra_runtime::{
    Result,
    fabric::{AppendError, Fabric, LogName, Logs, Registers, Sequence},
    record::{Kind, Record, decode},
};

use crate::{
    crooked::sealed,
    through::{blobs_through, fabric_through, logs_through, own_logs, shown_with},
};

/// The variable that names the trick.
pub const TRICK_VARIABLE: &str = "CLUSTER_NODE_LOCKS";

/// How many grants there are to one that is forgotten.
const RARELY: u64 = 5;

/// What is done to a leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trick {
    /// Some grants are not written, though whoever asked is told that they were.
    Forget,
    /// It dies when the first grant is written and nobody is told yet.
    Die,
}

impl Trick {
    /// Its name, as the variable says it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forget => "forget",
            Self::Die => "die",
        }
    }

    /// The trick that the environment names.
    pub fn named() -> Option<Self> {
        let name = std::env::var(TRICK_VARIABLE).ok()?;
        [Self::Forget, Self::Die].into_iter().find(|trick| trick.name() == name)
    }
}

/// A fabric that plays a trick with the records of grants.
pub fn tricked(inner: Arc<dyn Fabric>, trick: Trick) -> Arc<dyn Fabric> {
    Arc::new(Tricked { inner, trick })
}

#[derive(Clone)]
struct Tricked {
    inner: Arc<dyn Fabric>,
    trick: Trick,
}

shown_with!(Tricked, self => self.trick);

impl Fabric for Tricked {
    fabric_through!(self => self.inner);
    own_logs!(self);
    blobs_through!(self => self.inner);

    fn registers(&self) -> Arc<dyn Registers> {
        self.inner.registers()
    }
}

impl Logs for Tricked {
    fn append(
        &self,
        log: &LogName,
        end: Sequence,
        record: Bytes,
    ) -> BoxFuture<'static, Result<Sequence, AppendError>> {
        let logs = self.inner.logs();
        match self.trick {
            Trick::Forget => logs.append(log, end, without_grants(&record).unwrap_or(record)),
            Trick::Die => {
                let grants = has_grant(&record);
                let appended = logs.append(log, end, record);
                async move {
                    let appended = appended.await;
                    if grants && appended.is_ok() {
                        // As a crash would: nothing more is said.
                        std::process::abort();
                    }
                    appended
                }
                .boxed()
            }
        }
    }

    logs_through!(self => self.inner.logs());
}

fn has_grant(record: &Bytes) -> bool {
    decode::<Event>(record).is_ok_and(|record| {
        let is_grant = |event: &Event| matches!(event, Event::Lock(LockEvent::Granted { .. }));
        record.events.iter().any(is_grant)
    })
}

/// The record with something that changes nothing in the place of some grants.
fn without_grants(record: &Bytes) -> Option<Bytes> {
    let Record { kind, head, mut events } = decode::<Event>(record).ok()?;
    if kind != Kind::Events {
        return None;
    }
    for (number, event) in (head.first.0..).zip(&mut events) {
        let is_grant = matches!(event, Event::Lock(LockEvent::Granted { .. }));
        if is_grant && number.is_multiple_of(RARELY) {
            *event = Event::Lock(LockEvent::Reopened { lost: Vec::new() });
        }
    }
    sealed(&head, &events)
}
