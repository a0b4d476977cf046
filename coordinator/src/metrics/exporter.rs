//! Takes readings when somebody scrapes, and writes everything as text.

use std::{fmt, sync::Arc, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    journal::Journal,
    time::{Clock, Moment, Wall},
};
use prometheus_client::{encoding::text, metrics::info::Info, registry::Registry};
use tokio::sync::Mutex;

use super::{
    catalogue::BUILD,
    counters::Counters,
    process::Process,
    readings::{Latest, Readings},
};
use crate::{
    committee::{CommitteeAnswer, CommitteeGauges, CommitteeQuery},
    council::{CouncilAnswer, CouncilQuery, view::CouncilGauges},
    health::{Monitor, SystemHealth},
    lock::{LockAnswer, LockGauges, LockQuery},
    reach::Shard,
    shard::{
        actor::ShardHandle,
        machine::{Answer as ShardAnswer, Query as ShardQuery},
    },
    task::{Answer, Gauges, Query},
};

/// How long the shard, or the register of snapshots, may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// How long readings are good for: many who scrape cost as much as one.
const GOOD_FOR: Duration = Duration::from_millis(100);

/// Where readings are taken.
pub(crate) struct Source {
    pub(crate) shard: Shard,
    pub(crate) journal: Journal,
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) clock: Arc<dyn Clock>,
    /// How many agents there should be.
    pub(crate) members: usize,
}

/// Writes metrics as text.
pub(crate) struct Exporter {
    source: Source,
    registry: Registry,
    latest: Arc<Latest>,
    started: Wall,
    /// When the latest readings were taken; whoever takes some holds it.
    taken: Mutex<Option<Moment>>,
}

/// One thing that must be so for a node to be of use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) name: &'static str,
    /// What is wrong, if it is not so.
    pub(super) fault: Option<String>,
}

impl Exporter {
    pub(crate) fn new(source: Source, counters: &Counters) -> Self {
        let mut registry = Registry::default();
        counters.register(&mut registry);
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register(BUILD.name, BUILD.help, version);
        let latest = Arc::new(Latest::default());
        registry.register_collector(Box::new(Arc::clone(&latest)));
        let started = source.clock.now().wall;
        Self { source, registry, latest, started, taken: Mutex::new(None) }
    }

    /// All metrics in the text format of OpenMetrics.
    pub(super) async fn text(&self) -> Result<String> {
        let mut taken = self.taken.lock().await;
        let now = self.source.clock.now().moment;
        if taken.is_none_or(|at| now.since(at) >= GOOD_FOR) {
            self.latest.set(self.read().await);
            *taken = Some(self.source.clock.now().moment);
        }
        let mut page = String::new();
        text::encode(&mut page, &self.registry).map_err(|error| {
            Error::new(ErrorKind::Fault, "cannot write the metrics").because(error)
        })?;
        Ok(page)
    }

    async fn read(&self) -> Readings {
        let Source { shard, monitor, clock, .. } = &self.source;
        let (gauges, locks, votes, councils, snapshot_age) = tokio::join!(
            self.gauges(),
            self.locks(),
            self.votes(),
            self.councils(),
            self.snapshot_age()
        );
        Readings {
            gauges,
            locks,
            votes,
            councils,
            permits: shard.handle().and_then(ShardHandle::permits_left),
            is_parked: monitor.journal_is_full(),
            snapshot_age,
            report: Some(monitor.report(clock.now().wall)),
            process: Process::now(),
            started: self.started,
        }
    }

    async fn gauges(&self) -> Option<Gauges> {
        let query = ShardQuery::Task(Query::Gauges);
        let read = self.source.shard.query(query, ANSWER_WITHIN).await.ok()?;
        match read.answer {
            ShardAnswer::Task(Answer::Gauges(gauges)) => Some(*gauges),
            _ => None,
        }
    }

    async fn locks(&self) -> Option<LockGauges> {
        let query = ShardQuery::Lock(LockQuery::Gauges);
        let read = self.source.shard.query(query, ANSWER_WITHIN).await.ok()?;
        match read.answer {
            ShardAnswer::Lock(LockAnswer::Gauges(gauges)) => Some(gauges),
            _ => None,
        }
    }

    async fn votes(&self) -> Option<CommitteeGauges> {
        let query = ShardQuery::Committee(CommitteeQuery::Gauges);
        let read = self.source.shard.query(query, ANSWER_WITHIN).await.ok()?;
        match read.answer {
            ShardAnswer::Committee(CommitteeAnswer::Gauges(gauges)) => Some(gauges),
            _ => None,
        }
    }

    async fn councils(&self) -> Option<CouncilGauges> {
        let query = ShardQuery::Council(CouncilQuery::Gauges);
        let read = self.source.shard.query(query, ANSWER_WITHIN).await.ok()?;
        match read.answer {
            ShardAnswer::Council(CouncilAnswer::Gauges(gauges)) => Some(*gauges),
            _ => None,
        }
    }

    async fn snapshot_age(&self) -> Option<Duration> {
        let marks = tokio::time::timeout(ANSWER_WITHIN, self.source.journal.snapshots()).await;
        let marks = marks.ok()?.ok()?;
        let at = marks.last()?.position.at;
        Some(self.source.clock.now().wall.since(at))
    }

    /// What must be so for the node to be of use.
    pub(super) async fn checks(&self) -> Vec<Check> {
        let gauges = self.gauges().await;
        let up = gauges.as_ref().map(|all| all.agents.iter().filter(|agent| agent.up).count());
        let nobody = up == Some(0) && self.source.members > 0;
        let is_full = self.source.monitor.journal_is_full();
        let check = |name, is_wrong: bool, fault: &str| Check {
            name,
            fault: is_wrong.then(|| fault.to_owned()),
        };
        vec![
            check("shard", gauges.is_none(), "nobody leads it, or it does not answer"),
            check("journal", is_full, "there is no room"),
            check("agents", nobody, "none of them is there and can work"),
        ]
    }

    /// How well the system does.
    pub(super) fn health(&self) -> SystemHealth {
        self.source.monitor.system(self.source.clock.now().wall)
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").field("started", &self.started).finish_non_exhaustive()
    }
}
