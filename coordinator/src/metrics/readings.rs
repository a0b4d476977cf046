//! What is, at the time of a scrape: gauges, encoded from one set of readings.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use orkestra_runtime::time::Wall;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use super::{
    catalogue::{
        AGENT_HEALTH, AGENT_RUNNING, AGENT_UP, AGENTS, BALLOTS_KEPT, COUNCIL_SEATS, COUNCILS, CPU,
        DELIBERATION_QUANTILES, DELIBERATIONS_ENDED, DELIBERATIONS_OPEN, HEALTH, LEADS,
        LOCK_SESSIONS, LOCKS, LOCKS_LOST, LOCKS_WAITING, Metric, OPEN_FDS, PARKED, PERMITS,
        PERMITS_LIMIT, QUEUE_AGE, QUEUE_DEPTH, RESIDENT, SNAPSHOT_AGE, STARTED, TASKS_OPEN,
        TASKS_WAITING, VOTES,
    },
    counters::unit_of,
    process::Process,
};
use crate::{
    committee::CommitteeGauges,
    council::{Phase, view::CouncilGauges},
    health::{Health, Report},
    lock::LockGauges,
    shard::Pool,
    task::Gauges,
};

/// How many agents have series of their own; the others are folded into [`OTHER`].
pub const AGENTS_MAX: usize = 200;

/// The label of the agents that are folded together.
pub const OTHER: &str = "other";

/// The priorities, as [`Gauges::ready`] has them.
const PRIORITIES: [&str; 4] = ["low", "medium", "high", "critical"];

/// At what a deliberation may be that goes on.
const PHASES: [Phase; 6] = [
    Phase::Pending,
    Phase::Drafting,
    Phase::Critique,
    Phase::Revising,
    Phase::Checking,
    Phase::Judging,
];

/// Reasons that are shown even when nothing waits for them.
const REASONS: [&str; 16] = [
    "run_not_sealed",
    "dependency",
    "retry",
    "no_agent",
    "agent_unavailable",
    "agent_drained",
    "breaker_open",
    "agent_busy",
    "no_credit",
    "run_concurrency",
    "paused",
    "people",
    "lock",
    "vote",
    "council",
    "queue",
];

/// What is, at one time.
#[derive(Clone, Debug, Default)]
pub(super) struct Readings {
    /// None when nobody answered.
    pub(super) gauges: Option<Gauges>,
    /// The same of locks.
    pub(super) locks: Option<LockGauges>,
    /// The same of votes.
    pub(super) votes: Option<CommitteeGauges>,
    /// The same of councils.
    pub(super) councils: Option<CouncilGauges>,
    pub(super) permits: Option<[usize; Pool::ALL.len()]>,
    pub(super) is_parked: bool,
    pub(super) snapshot_age: Option<Duration>,
    pub(super) report: Option<Report>,
    pub(super) process: Process,
    pub(super) started: Wall,
}

/// The latest readings.
#[derive(Default)]
pub(super) struct Latest(Mutex<Readings>);

impl Latest {
    pub(super) fn set(&self, readings: Readings) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = readings;
    }
}

impl fmt::Debug for Latest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latest").finish_non_exhaustive()
    }
}

impl Collector for Latest {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let readings = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut page = Page { encoder };
        readings.tasks(&mut page)?;
        readings.agents(&mut page)?;
        readings.locks(&mut page)?;
        readings.votes(&mut page)?;
        readings.councils(&mut page)?;
        readings.shard(&mut page)?;
        readings.process(&mut page)
    }
}

/// Where readings are written.
struct Page<'a> {
    encoder: DescriptorEncoder<'a>,
}

impl Page<'_> {
    fn metric(
        &mut self,
        metric: Metric,
        kind: MetricType,
        write: impl FnOnce(MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let (name, unit) = unit_of(metric.name);
        let help = format!("{}.", metric.help);
        write(self.encoder.encode_descriptor(name, &help, unit.as_ref(), kind)?)
    }

    /// One series; none if there is no value.
    fn one(&mut self, metric: Metric, value: Option<f64>) -> fmt::Result {
        let Some(value) = value else { return Ok(()) };
        self.metric(metric, MetricType::Gauge, |encoder| ConstGauge::new(value).encode(encoder))
    }

    /// A series for each value of a label.
    fn each<'v>(
        &mut self,
        metric: Metric,
        label: &'static str,
        values: impl IntoIterator<Item = (&'v str, u64)>,
    ) -> fmt::Result {
        self.metric(metric, MetricType::Gauge, |mut encoder| {
            for (value, count) in values {
                let labels = [(label, value)];
                let series = encoder.encode_family(&labels)?;
                ConstGauge::new(count).encode(series)?;
            }
            Ok(())
        })
    }
}

fn truth(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

/// Whole numbers that are small enough to be exact.
fn small(number: u64) -> Option<f64> {
    u32::try_from(number).ok().map(f64::from)
}

impl Readings {
    fn tasks(&self, page: &mut Page<'_>) -> fmt::Result {
        let Some(gauges) = &self.gauges else { return Ok(()) };
        let ready = gauges.ready.iter().sum();
        let open = [
            ("held", gauges.held),
            ("waiting", gauges.waiting),
            ("ready", ready),
            ("retrying", gauges.retrying),
            ("running", gauges.running),
            ("asked", gauges.asked),
        ];
        page.each(TASKS_OPEN, "state", open)?;
        let mut waiting: BTreeMap<&str, u64> = REASONS.map(|reason| (reason, 0)).into();
        waiting.extend(gauges.blocked.iter().map(|(reason, count)| (&**reason, *count)));
        page.each(TASKS_WAITING, "reason", waiting)?;
        page.each(QUEUE_DEPTH, "priority", PRIORITIES.into_iter().zip(gauges.ready))?;
        let age = gauges.oldest_ready.map_or(Duration::ZERO, |since| gauges.at.since(since));
        page.one(QUEUE_AGE, Some(age.as_secs_f64()))
    }

    fn agents(&self, page: &mut Page<'_>) -> fmt::Result {
        if let Some(gauges) = &self.gauges {
            let agents = || gauges.agents.iter();
            let up = agents().map(|one| (one.agent.as_str(), u64::from(one.up)));
            page.each(AGENT_UP, "agent", folded(up, |all, one| all + one))?;
            let held = agents().map(|one| (one.agent.as_str(), u64::from(one.outstanding)));
            page.each(AGENT_RUNNING, "agent", folded(held, |all, one| all + one))?;
        }
        let Some(report) = &self.report else { return Ok(()) };
        let health =
            report.agents.iter().map(|one| (one.agent.as_str(), u64::from(one.health.severity())));
        page.each(AGENT_HEALTH, "agent", folded(health, u64::max))?;
        let of = |health| report.agents.iter().filter(|one| one.health == health).count() as u64;
        page.each(AGENTS, "health", Health::ALL.map(|health| (health.as_str(), of(health))))?;
        page.one(HEALTH, Some(f64::from(report.system.health.severity())))
    }

    fn locks(&self, page: &mut Page<'_>) -> fmt::Result {
        let Some(LockGauges { sessions, locks, waiting, lost, .. }) = self.locks else {
            return Ok(());
        };
        let gauges = [
            (LOCK_SESSIONS, sessions),
            (LOCKS, locks),
            (LOCKS_WAITING, waiting),
            (LOCKS_LOST, lost),
        ];
        gauges.into_iter().try_for_each(|(metric, count)| page.one(metric, small(count)))
    }

    fn votes(&self, page: &mut Page<'_>) -> fmt::Result {
        let Some(CommitteeGauges { open, counting, ballots, .. }) = self.votes else {
            return Ok(());
        };
        page.each(VOTES, "state", [("open", open), ("counting", counting)])?;
        page.one(BALLOTS_KEPT, small(ballots))
    }

    fn councils(&self, page: &mut Page<'_>) -> fmt::Result {
        let Some(gauges) = &self.councils else { return Ok(()) };
        page.one(COUNCILS, small(gauges.councils))?;
        page.one(COUNCIL_SEATS, small(gauges.seats))?;
        let open = |phase: Phase| gauges.open.get(phase.as_str()).copied().unwrap_or_default();
        let open = PHASES.map(|phase| (phase.as_str(), open(phase)));
        page.each(DELIBERATIONS_OPEN, "phase", open)?;
        page.metric(DELIBERATIONS_ENDED, MetricType::Counter, |mut encoder| {
            gauges.ended.iter().try_for_each(|(kind, status, count)| {
                let labels = [("kind", kind.as_str()), ("status", status.as_str())];
                ConstCounter::new(*count).encode(encoder.encode_family(&labels)?)
            })
        })?;
        page.metric(DELIBERATION_QUANTILES, MetricType::Gauge, |mut encoder| {
            let parts = ["0.5", "0.95", "0.99"].into_iter().zip(gauges.quantiles_ms);
            parts.into_iter().try_for_each(|(part, ms)| {
                let labels = [("quantile", part)];
                let seconds = Duration::from_millis(ms).as_secs_f64();
                ConstGauge::new(seconds).encode(encoder.encode_family(&labels)?)
            })
        })
    }

    fn shard(&self, page: &mut Page<'_>) -> fmt::Result {
        page.one(PARKED, Some(truth(self.is_parked)))?;
        page.one(LEADS, Some(truth(self.gauges.is_some())))?;
        page.one(SNAPSHOT_AGE, self.snapshot_age.map(|age| age.as_secs_f64()))?;
        let pools = || Pool::ALL.into_iter().map(Pool::as_str);
        if let Some(left) = self.permits {
            page.each(PERMITS, "pool", pools().zip(left.map(|count| count as u64)))?;
        }
        let limits = Pool::ALL.map(|pool| pool.permits() as u64);
        page.each(PERMITS_LIMIT, "pool", pools().zip(limits))
    }

    fn process(&self, page: &mut Page<'_>) -> fmt::Result {
        let Process { resident_bytes, open_fds, cpu_seconds } = self.process;
        if let Some(bytes) = resident_bytes {
            page.metric(RESIDENT, MetricType::Gauge, |encoder| {
                ConstGauge::new(bytes).encode(encoder)
            })?;
        }
        page.one(OPEN_FDS, open_fds.and_then(small))?;
        if let Some(seconds) = cpu_seconds {
            page.metric(CPU, MetricType::Counter, |encoder| {
                ConstCounter::new(seconds).encode(encoder)
            })?;
        }
        let ms = self.started.as_ms();
        let started = small(ms / 1_000).zip(small(ms % 1_000));
        page.one(STARTED, started.map(|(whole, rest)| whole + rest / 1_000.0))
    }
}

/// The first [`AGENTS_MAX`] by name, and the others as one.
fn folded<'v>(
    agents: impl Iterator<Item = (&'v str, u64)>,
    fold: impl Fn(u64, u64) -> u64,
) -> Vec<(&'v str, u64)> {
    let mut all: Vec<(&str, u64)> = agents.collect();
    all.sort_unstable();
    if all.len() > AGENTS_MAX {
        let rest = all.split_off(AGENTS_MAX);
        let other = rest.into_iter().map(|(_, value)| value).fold(0, fold);
        // One that is called so is told apart no more than the others.
        match all.iter_mut().find(|(name, _)| *name == OTHER) {
            Some((_, value)) => *value += other,
            None => all.push((OTHER, other)),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_beyond_the_bound_are_folded_into_one() {
        let names: Vec<String> = (0..1_000).map(|n| format!("agent-{n:04}")).collect();
        let each = || names.iter().map(|name| (name.as_str(), 1));
        assert_eq!(folded(each().take(200), |a, b| a + b).len(), 200);
        let all = folded(each(), |a, b| a + b);
        assert_eq!((all.len(), all[200]), (201, (OTHER, 800)));
        assert_eq!(folded(each(), u64::max)[200], (OTHER, 1));
    }
}
