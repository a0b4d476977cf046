//! What the stories of planning share.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use orkestra_coordinator::planning::{
    AtomicTask, Door, Planning, PlanningSettings, Store, Team, Tellers,
    ports::{Standing, Wanted},
};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Fabric as _, Inboxes, nats::Nats},
    time::SystemClock,
};
use orkestra_tests::nats::Servers;
use serde_json::Value;
use tokio::task::JoinSet;

use super::super::stage::{stranger, within};

/// A team whose councils begin and never end by themselves.
#[derive(Debug, Default)]
pub(super) struct Councils {
    begun: Mutex<BTreeSet<String>>,
    missing: Mutex<BTreeSet<String>>,
    pub(super) is_away: AtomicBool,
}

impl Councils {
    /// The roles that deliberate.
    pub(super) fn begun(&self) -> Vec<String> {
        self.begun.lock().unwrap().iter().cloned().collect()
    }

    pub(super) fn without(roles: &[&str]) -> Arc<Self> {
        let missing = roles.iter().map(|&role| role.to_owned()).collect();
        Arc::new(Self { missing: Mutex::new(missing), ..Self::default() })
    }
}

impl Team for Councils {
    fn begin(&self, wanted: Wanted) -> BoxFuture<'_, Result<u64>> {
        let role = wanted.role.as_str().to_owned();
        let answer = if self.is_away.load(Ordering::Relaxed) {
            Err(Error::new(ErrorKind::Unavailable, "nobody leads the shard"))
        } else if self.missing.lock().unwrap().contains(&role) {
            Err(Error::new(ErrorKind::NotFound, format!("role {role} has no council")))
        } else {
            self.begun.lock().unwrap().insert(role);
            Ok(u64::MAX / 2)
        };
        async { answer }.boxed()
    }

    fn standing(&self, _: &str, _: &str) -> BoxFuture<'_, Result<Standing>> {
        async { Ok(Standing::GoesOn) }.boxed()
    }

    fn submit(&self, _: &str, _: &str, _: &[AtomicTask]) -> BoxFuture<'_, Result<()>> {
        async { Ok(()) }.boxed()
    }

    fn is_led_here(&self, _: &str) -> bool {
        true
    }
}

/// One life of a coordinator's door; dropped, it is gone as by a kill.
#[derive(Debug)]
pub(super) struct Life {
    _running: JoinSet<Result<()>>,
    _fabric: Arc<Nats>,
}

/// How planning behaves here: agents elsewhere are two, and not waited for long.
pub(super) fn settings() -> PlanningSettings {
    PlanningSettings {
        agents_elsewhere: 2,
        answer_within: Duration::from_mins(1),
        ..PlanningSettings::default()
    }
}

/// Begins a life.
pub(super) async fn live(
    servers: &Servers,
    councils: &Arc<Councils>,
    settings: PlanningSettings,
) -> Life {
    let fabric = Arc::new(super::super::stage::fabric(servers).await);
    let inboxes: Arc<dyn Inboxes> = fabric.inboxes().unwrap();
    let tellers = Tellers { inboxes: Some(Arc::clone(&inboxes)), outside: fabric.outside() };
    let team = Arc::clone(councils) as Arc<dyn Team>;
    let store = Store::new(fabric.registers());
    let planning = Planning::new(store, team, tellers, SystemClock::start(), settings);
    let door = Arc::new(Door::new(planning, inboxes, Duration::from_millis(50)));
    let mut running = JoinSet::new();
    running.spawn(door.run());
    Life { _running: running, _fabric: fabric }
}

/// Somebody elsewhere, who speaks NATS and knows nothing of us.
#[derive(Debug)]
pub(super) struct Elsewhere {
    context: async_nats::jetstream::Context,
}

impl Elsewhere {
    pub(super) async fn on(servers: &Servers) -> Self {
        Self { context: async_nats::jetstream::new(stranger(servers).await) }
    }

    /// Says something that a stream keeps; waits for the stream, which the first life makes.
    pub(super) async fn says(&self, subject: &'static str, body: impl Into<String>) {
        let body = body.into();
        let said = async {
            loop {
                let sent = self.context.publish(subject, body.clone().into()).await.unwrap();
                if sent.await.is_ok() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within(said).await;
    }

    /// All that a stream keeps of a subject, in order.
    pub(super) async fn kept(&self, subject: &str) -> Vec<Value> {
        let Ok(stream) = self.context.get_stream("ORCHESTRATOR_EVENTS").await else {
            return Vec::new();
        };
        let mut kept = Vec::new();
        for sequence in 1..=stream.cached_info().state.last_sequence {
            let message = stream.get_raw_message(sequence).await.unwrap();
            if message.subject.as_str() == subject {
                kept.push(serde_json::from_slice(&message.payload).unwrap());
            }
        }
        kept
    }

    /// The same when there are as many.
    pub(super) async fn told(&self, subject: &str, count: usize) -> Vec<Value> {
        let told = async {
            loop {
                let kept = self.kept(subject).await;
                if kept.len() >= count {
                    return kept;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within(told).await
    }

    /// How many messages of a consumer wait, or are with a reader.
    pub(super) async fn waiting(&self, stream: &str, consumer: &str) -> u64 {
        let stream = self.context.get_stream(stream).await.unwrap();
        let info = stream.consumer_info(consumer).await.unwrap();
        info.num_pending + info.num_ack_pending as u64
    }

    /// Waits until a consumer has nothing left to do.
    pub(super) async fn is_settled(&self, stream: &str, consumer: &str) {
        let settled = async {
            while self.waiting(stream, consumer).await > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within(settled).await;
    }
}
