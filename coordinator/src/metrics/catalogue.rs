//! Every metric: its name, its kind, its labels, its meaning. Written once.

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows; its samples end with `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often something took how long.
    Histogram,
    /// Always 1; what it says stands in its labels.
    Info,
}

impl Kind {
    /// Its name, as the text of metrics spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name, with its unit and without `_total` or `_info`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it means, without a full stop.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident = $name:literal, $kind:ident, [$($label:literal),*], $help:literal;)*) => {
        $(pub(super) const $constant: Metric = Metric {
            name: $name,
            kind: Kind::$kind,
            labels: &[$($label),*],
            help: $help,
        };)*

        /// Every metric.
        pub const METRICS: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    TASKS = "orkestra_tasks", Counter, ["state"],
        "Tasks that were submitted, completed, failed or cancelled since the process began";
    TASK_ATTEMPTS = "orkestra_task_attempts", Counter, ["outcome"],
        "Attempts that ended, by how: completed, a kind of failure, or cut_short";
    TASK_DURATION = "orkestra_task_duration_seconds", Histogram, ["state"],
        "How long after its submission a task ended";
    ATTEMPT_DURATION = "orkestra_attempt_duration_seconds", Histogram, [],
        "How long an agent worked on an attempt";
    TASKS_OPEN = "orkestra_tasks_open", Gauge, ["state"],
        "Tasks that have not ended, by where they stand";
    TASKS_WAITING = "orkestra_tasks_waiting", Gauge, ["reason"],
        "Tasks that are not at work, by what keeps them";
    QUEUE_DEPTH = "orkestra_queue_depth", Gauge, ["priority"],
        "Ready tasks that no agent holds";
    QUEUE_AGE = "orkestra_queue_oldest_age_seconds", Gauge, [],
        "For how long the task has been ready that has been ready for longest";
    LOCK_SESSIONS = "orkestra_lock_sessions", Gauge, [],
        "Sessions that are open and may hold locks";
    LOCKS = "orkestra_locks", Gauge, [],
        "Locks that are held, lost or waited for";
    LOCKS_WAITING = "orkestra_lock_requests_waiting", Gauge, [],
        "Requests for locks that wait";
    LOCKS_LOST = "orkestra_lock_holds_lost", Gauge, [],
        "Holds of locks that were lost and are kept back from others";
    LOCK_REQUESTS = "orkestra_lock_requests", Counter, ["outcome"],
        "Requests for locks that ended, by how";
    LOCK_WAIT = "orkestra_lock_wait_seconds", Histogram, [],
        "How long a request for locks waited until it was granted";
    LOCK_STEALS = "orkestra_lock_steals", Counter, [],
        "Locks that were stolen";
    LOCK_SESSIONS_LOST = "orkestra_lock_sessions_lost", Counter, ["reason"],
        "Sessions that were ended for whoever held locks by them, by why";
    VOTES = "orkestra_votes", Gauge, ["state"],
        "Votes that are open, and those that are closed and being counted";
    BALLOTS_KEPT = "orkestra_ballots", Gauge, [],
        "Ballots that are remembered";
    VOTES_DECIDED = "orkestra_votes_decided", Counter, ["decision"],
        "Votes that came to their end, by what they came to";
    BALLOTS_CAST = "orkestra_ballots_cast", Counter, ["outcome"],
        "Ballots that came in, by what became of them";
    COUNCILS = "orkestra_councils", Gauge, [],
        "Councils that there are";
    COUNCIL_SEATS = "orkestra_council_seats", Gauge, [],
        "Seats of all councils";
    DELIBERATIONS_OPEN = "orkestra_deliberations_open", Gauge, ["phase"],
        "Deliberations that go on, by what they are at";
    DELIBERATIONS_ENDED = "orkestra_deliberations_ended", Counter, ["kind", "status"],
        "Deliberations that came to their end since the shard began, by what was asked and how they ended";
    DELIBERATION_QUANTILES = "orkestra_deliberation_duration_quantile_seconds", Gauge, ["quantile"],
        "How long that part of all deliberations took at most";
    INCIDENTS = "orkestra_incidents", Counter, ["type", "recovered"],
        "Incidents that are over, by type and by whether what went wrong was mended";
    RESTARTS = "orkestra_actor_restarts", Counter, ["supervisor", "reason"],
        "Restarts by a supervisor, by how what it restarted had ended";
    AGENT_UP = "orkestra_agent_up", Gauge, ["agent"],
        "Whether the agent is there and can work";
    AGENT_RUNNING = "orkestra_agent_attempts_running", Gauge, ["agent"],
        "Attempts that the agent holds";
    AGENT_HEALTH = "orkestra_agent_health", Gauge, ["agent"],
        "Health of the agent: 0 healthy, 1 degraded, 2 unhealthy, 3 critical";
    AGENTS = "orkestra_agents", Gauge, ["health"],
        "Agents by their health";
    HEALTH = "orkestra_health", Gauge, [],
        "Health of the system: 0 healthy, 1 degraded, 2 unhealthy, 3 critical";
    APPEND_SECONDS = "orkestra_journal_append_seconds", Histogram, [],
        "How long an append to the journal took until it was durable";
    APPEND_BYTES = "orkestra_journal_append_bytes", Counter, [],
        "Bytes that were appended to the journal";
    RECORDS = "orkestra_journal_records", Counter, [],
        "Records that were appended to the journal";
    APPEND_ERRORS = "orkestra_journal_append_errors", Counter, ["error"],
        "Appends to the journal that did not end well";
    PARKED = "orkestra_shard_parked", Gauge, [],
        "Whether the journal is full, so that nothing is taken";
    LEADS = "orkestra_shard_leads", Gauge, [],
        "Whether the shard answers";
    SNAPSHOT_AGE = "orkestra_snapshot_age_seconds", Gauge, [],
        "How old the latest snapshot is; absent before the first";
    PERMITS = "orkestra_permits_available", Gauge, ["pool"],
        "Commands that the shard would take now";
    PERMITS_LIMIT = "orkestra_permits_limit", Gauge, ["pool"],
        "Commands that the shard takes at once";
    BUILD = "orkestra_build", Info, ["version"],
        "The version of this program";
    RESIDENT = "process_resident_memory_bytes", Gauge, [],
        "Memory that the process holds";
    CPU = "process_cpu_seconds", Counter, [],
        "Time that processors spent on the process";
    OPEN_FDS = "process_open_fds", Gauge, [],
        "Files that the process has open";
    STARTED = "process_start_time_seconds", Gauge, [],
        "When the process began, in seconds since 1970";
}
