//! How this node stands, read now and then and told at once: whoever asks often costs little.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use orkestra_runtime::{
    id::{NodeId, ShardId},
    time::{Clock, Moment},
};
use tokio::sync::watch;

use crate::{
    public::{PublicShard, Shards},
    task::{Answer, Query},
};

/// How long a reading is good for.
const GOOD_FOR: Duration = Duration::from_millis(250);
/// How long a shard may take to answer before it counts as silent.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// How many shards there are.
    pub(super) shards: u32,
    /// How many this node leads.
    pub(super) leads: u32,
    /// Whether the shard of the namespace answers.
    pub(super) is_ready: bool,
}

struct Taken {
    reading: Reading,
    at: Moment,
    /// Whether somebody is taking the next one.
    is_asked_for: bool,
}

/// How this node stands.
pub(super) struct Standing {
    node: NodeId,
    shards: Arc<dyn Shards>,
    clock: Arc<dyn Clock>,
    began: Moment,
    closing: watch::Receiver<bool>,
    taken: Mutex<BTreeMap<ShardId, Taken>>,
}

impl Standing {
    pub(super) fn new(
        node: NodeId,
        (shards, clock): (Arc<dyn Shards>, Arc<dyn Clock>),
        closing: watch::Receiver<bool>,
    ) -> Self {
        let began = clock.now().moment;
        Self { node, shards, clock, began, closing, taken: Mutex::default() }
    }

    /// What the node is called.
    pub(super) fn node(&self) -> &str {
        self.node.as_str()
    }

    /// How long the door has been open.
    pub(super) fn uptime(&self) -> Duration {
        self.clock.now().moment.since(self.began)
    }

    /// Whether the door is being shut.
    pub(super) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// How it stands for a namespace. Only the first who asks waits for a shard; while one asks again
    /// all others are told what was read last.
    pub(super) async fn reading(&self, namespace: &str) -> Reading {
        let at = self.shards.of(namespace);
        if let Some(reading) = self.known(at.shard) {
            return reading;
        }
        let reading = self.read(&at).await;
        let taken = Taken { reading, at: self.clock.now().moment, is_asked_for: false };
        self.taken().insert(at.shard, taken);
        reading
    }

    /// What was read last, unless it is for this caller to read it anew.
    fn known(&self, shard: ShardId) -> Option<Reading> {
        let now = self.clock.now().moment;
        let mut taken = self.taken();
        let taken = taken.get_mut(&shard)?;
        // Whoever began and gave up is replaced after a while.
        let is_given_up = now.since(taken.at) >= GOOD_FOR + ANSWER_WITHIN * 2;
        if now.since(taken.at) < GOOD_FOR || (taken.is_asked_for && !is_given_up) {
            return Some(taken.reading);
        }
        taken.is_asked_for = true;
        None
    }

    async fn read(&self, at: &PublicShard) -> Reading {
        let all = self.shards.all();
        let leads = all.iter().filter(|at| self.shards.is_led_here(at.shard)).count();
        let asked = tokio::time::timeout(ANSWER_WITHIN, at.tasks.query(Query::Gauges)).await;
        Reading {
            shards: u32::try_from(all.len()).unwrap_or(u32::MAX),
            leads: u32::try_from(leads).unwrap_or(u32::MAX),
            is_ready: matches!(asked, Ok(Ok(Answer::Gauges(_)))),
        }
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<ShardId, Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standing").field("node", &self.node).finish_non_exhaustive()
    }
}
