//! What is counted as it happens.

use std::fmt;

use orkestra_runtime::{
    fabric::AppendError,
    protocol::task::FailureKind,
    supervise::{event::What, log::Record},
};
use prometheus_client::{
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Metric as Registered, Registry, Unit},
};

use super::catalogue::{
    APPEND_BYTES, APPEND_ERRORS, APPEND_SECONDS, ATTEMPT_DURATION, BALLOTS_CAST, INCIDENTS,
    LOCK_REQUESTS, LOCK_SESSIONS_LOST, LOCK_STEALS, LOCK_WAIT, Metric, RECORDS, RESTARTS,
    TASK_ATTEMPTS, TASK_DURATION, TASKS, VOTES_DECIDED,
};
use crate::{
    health::{
        AGENTS, Appended, BALLOTS, DECISIONS, Fact, IncidentKind, LockFact, Observer, VoteFact,
        reason_of,
    },
    lock::LockReason,
};

/// How long tasks and attempts take: from 1 ms to more than a day.
const WORK_SECONDS: [f64; 20] = [
    0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0,
    1_800.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0,
];

/// How long appends take: from 50 µs to the limit after which they count as lost.
const APPEND_BUCKETS: [f64; 15] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
    2.5, 10.0,
];

/// The states in which tasks are counted.
const STATES: [&str; 4] = ["submitted", "completed", "failed", "cancelled"];

/// How requests for locks end.
const LOCK_OUTCOMES: [&str; 4] = ["granted", "timed_out", "cancelled", "deadlock"];

/// Labels, each of which has few values.
type Labels<const N: usize> = [(&'static str, &'static str); N];

/// What is counted as it happens.
pub(crate) struct Counters {
    tasks: Family<Labels<1>, Counter>,
    attempts: Family<Labels<1>, Counter>,
    task_seconds: Family<Labels<1>, Histogram, fn() -> Histogram>,
    attempt_seconds: Histogram,
    restarts: Family<[(&'static str, String); 2], Counter>,
    incidents: Family<Labels<2>, Counter>,
    append_seconds: Histogram,
    append_bytes: Counter,
    records: Counter,
    append_errors: Family<Labels<1>, Counter>,
    lock_requests: Family<Labels<1>, Counter>,
    lock_wait_seconds: Histogram,
    lock_steals: Counter,
    lock_sessions_lost: Family<Labels<1>, Counter>,
    votes_decided: Family<Labels<1>, Counter>,
    ballots_cast: Family<Labels<1>, Counter>,
}

impl Default for Counters {
    /// All of them at zero; those whose labels are known are there from the beginning, so that
    /// their first change is not missed.
    fn default() -> Self {
        let counters = Self {
            tasks: Family::default(),
            attempts: Family::default(),
            task_seconds: Family::new_with_constructor(|| Histogram::new(WORK_SECONDS)),
            attempt_seconds: Histogram::new(WORK_SECONDS),
            restarts: Family::default(),
            incidents: Family::default(),
            append_seconds: Histogram::new(APPEND_BUCKETS),
            append_bytes: Counter::default(),
            records: Counter::default(),
            append_errors: Family::default(),
            lock_requests: Family::default(),
            lock_wait_seconds: Histogram::new(WORK_SECONDS),
            lock_steals: Counter::default(),
            lock_sessions_lost: Family::default(),
            votes_decided: Family::default(),
            ballots_cast: Family::default(),
        };
        for decision in DECISIONS {
            drop(counters.votes_decided.get_or_create(&[("decision", decision)]));
        }
        for outcome in BALLOTS {
            drop(counters.ballots_cast.get_or_create(&[("outcome", outcome)]));
        }
        for outcome in LOCK_OUTCOMES {
            drop(counters.lock_requests.get_or_create(&[("outcome", outcome)]));
        }
        for reason in LockReason::ALL.into_iter().filter(|reason| !reason.is_clean()) {
            let labels = [("reason", reason.as_str())];
            drop(counters.lock_sessions_lost.get_or_create(&labels));
        }
        for state in STATES {
            drop(counters.tasks.get_or_create(&[("state", state)]));
        }
        for state in STATES.into_iter().skip(1) {
            drop(counters.task_seconds.get_or_create(&[("state", state)]));
        }
        for outcome in outcomes() {
            drop(counters.attempts.get_or_create(&[("outcome", outcome)]));
        }
        for kind in IncidentKind::ALL {
            for recovered in ["true", "false"] {
                drop(counters.incidents.get_or_create(&incident_labels(kind, recovered)));
            }
        }
        drop(counters.restarts.get_or_create(&restart_labels(agents(), "failed")));
        for error in ["conflict", "full", "too_large", "unknown"] {
            drop(counters.append_errors.get_or_create(&[("error", error)]));
        }
        counters
    }
}

/// How attempts end.
fn outcomes() -> impl Iterator<Item = &'static str> {
    let failures = [
        FailureKind::Error,
        FailureKind::Panicked,
        FailureKind::TimedOut,
        FailureKind::Hung,
        FailureKind::Killed,
        FailureKind::ExitCode,
        FailureKind::BadOutput,
        FailureKind::Lost,
        FailureKind::HandedBack,
        FailureKind::Unavailable,
    ];
    ["completed", "cut_short"].into_iter().chain(failures.map(FailureKind::as_str))
}

const fn incident_labels(kind: IncidentKind, recovered: &'static str) -> Labels<2> {
    [("type", kind.as_str()), ("recovered", recovered)]
}

fn agents() -> &'static str {
    AGENTS.trim_end_matches('/')
}

fn restart_labels(supervisor: &str, reason: &str) -> [(&'static str, String); 2] {
    [("supervisor", supervisor.to_owned()), ("reason", reason.to_owned())]
}

impl Counters {
    /// Enters all of them.
    pub(super) fn register(&self, registry: &mut Registry) {
        enter(registry, TASKS, self.tasks.clone());
        enter(registry, TASK_ATTEMPTS, self.attempts.clone());
        enter(registry, TASK_DURATION, self.task_seconds.clone());
        enter(registry, ATTEMPT_DURATION, self.attempt_seconds.clone());
        enter(registry, RESTARTS, self.restarts.clone());
        enter(registry, INCIDENTS, self.incidents.clone());
        enter(registry, APPEND_SECONDS, self.append_seconds.clone());
        enter(registry, APPEND_BYTES, self.append_bytes.clone());
        enter(registry, RECORDS, self.records.clone());
        enter(registry, APPEND_ERRORS, self.append_errors.clone());
        enter(registry, LOCK_REQUESTS, self.lock_requests.clone());
        enter(registry, LOCK_WAIT, self.lock_wait_seconds.clone());
        enter(registry, LOCK_STEALS, self.lock_steals.clone());
        enter(registry, LOCK_SESSIONS_LOST, self.lock_sessions_lost.clone());
        enter(registry, VOTES_DECIDED, self.votes_decided.clone());
        enter(registry, BALLOTS_CAST, self.ballots_cast.clone());
    }
}

fn enter(registry: &mut Registry, metric: Metric, registered: impl Registered) {
    match unit_of(metric.name) {
        (name, Some(unit)) => registry.register_with_unit(name, metric.help, unit, registered),
        (name, None) => registry.register(name, metric.help, registered),
    }
}

/// A name without its unit, and its unit: the text of metrics tells it once more.
pub(super) fn unit_of(name: &'static str) -> (&'static str, Option<Unit>) {
    if let Some(bare) = name.strip_suffix("_seconds") {
        (bare, Some(Unit::Seconds))
    } else if let Some(bare) = name.strip_suffix("_bytes") {
        (bare, Some(Unit::Bytes))
    } else {
        (name, None)
    }
}

impl Observer for Counters {
    fn fact(&self, fact: &Fact) {
        match fact {
            Fact::Submitted => {
                self.tasks.get_or_create(&[("state", "submitted")]).inc();
            }
            Fact::AttemptEnded { outcome, worked } => {
                self.attempts.get_or_create(&[("outcome", *outcome)]).inc();
                if let Some(worked) = worked {
                    self.attempt_seconds.observe(worked.as_secs_f64());
                }
            }
            Fact::TaskEnded { state, after } => {
                self.tasks.get_or_create(&[("state", *state)]).inc();
                self.task_seconds.get_or_create(&[("state", *state)]).observe(after.as_secs_f64());
            }
            Fact::Over(incident) => {
                let recovered = if incident.recovered { "true" } else { "false" };
                self.incidents.get_or_create(&incident_labels(incident.kind, recovered)).inc();
            }
            Fact::Reached(_) => {}
            Fact::Lock(LockFact::Ended { outcome, waited }) => {
                self.lock_requests.get_or_create(&[("outcome", *outcome)]).inc();
                if let Some(waited) = waited {
                    self.lock_wait_seconds.observe(waited.as_secs_f64());
                }
            }
            Fact::Lock(LockFact::Stolen) => {
                self.lock_steals.inc();
            }
            Fact::Lock(LockFact::SessionLost { reason }) => {
                self.lock_sessions_lost.get_or_create(&[("reason", *reason)]).inc();
            }
            Fact::Vote(VoteFact::Decided(decision)) => {
                self.votes_decided.get_or_create(&[("decision", *decision)]).inc();
            }
            Fact::Vote(VoteFact::Ballot(outcome)) => {
                self.ballots_cast.get_or_create(&[("outcome", *outcome)]).inc();
            }
        }
    }

    fn record(&self, record: &Record) {
        if record.what != What::Restarted {
            return;
        }
        // The name of an agent may have slashes of its own.
        let supervisor = if record.who.starts_with(AGENTS) {
            agents()
        } else {
            record.who.rsplit_once('/').map_or("", |(above, _)| above)
        };
        let labels = restart_labels(supervisor, reason_of(record.why.as_deref()));
        self.restarts.get_or_create(&labels).inc();
    }

    fn appended(&self, appended: &Appended) {
        self.append_seconds.observe(appended.took.as_secs_f64());
        let error = match &appended.error {
            None => {
                self.append_bytes.inc_by(appended.bytes as u64);
                self.records.inc();
                return;
            }
            Some(AppendError::Conflict(_)) => "conflict",
            Some(AppendError::Full) => "full",
            Some(AppendError::TooLarge) => "too_large",
            Some(AppendError::Unknown(_)) => "unknown",
        };
        self.append_errors.get_or_create(&[("error", error)]).inc();
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counters").field("records", &self.records.get()).finish_non_exhaustive()
    }
}
