//! Every key: its name, its type, its default, its meaning. Written once.

use std::{collections::BTreeMap, num::NonZeroU32, path::PathBuf, time::Duration};

use orkestra_runtime::id::NodeId;

use super::{
    layers::{Found, Origin},
    words::{Bytes, Checks, Every, Listen, LogLevel, Word},
};

/// A key, for whoever asks what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name: `tasks.lease`.
    pub name: &'static str,
    /// The kind of its value, for people.
    pub kind: &'static str,
    /// Its default, as it is written.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

macro_rules! keys {
    ($($name:literal, $field:ident: $type:ty = $default:literal, $meaning:literal;)*) => {
        /// Every key, in the order in which `config/embedded.toml` has them.
        pub const KEYS: &[Key] = &[$(Key {
            name: $name,
            kind: <$type as Word>::KIND,
            default: $default,
            meaning: $meaning,
        }),*];

        /// The configuration of a node, checked.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Config {
            $(#[doc = concat!("`", $name, "`: ", $meaning, ".")] pub $field: $type,)*
            pub(super) origins: BTreeMap<&'static str, Origin>,
        }

        impl Config {
            /// Reads what was found for each key; `fault` is told of what cannot be read.
            pub(super) fn of(
                found: &BTreeMap<&'static str, Found>,
                mut fault: impl FnMut(&Found, String),
            ) -> Option<Self> {
                $(let $field = found.get($name).and_then(|found| {
                    <$type as Word>::read(&found.text).map_err(|why| fault(found, why)).ok()
                });)*
                let origins = found.iter().map(|(key, found)| (*key, found.origin.clone()));
                Some(Self { $($field: $field?,)* origins: origins.collect() })
            }

            /// The value of a key as it would be written; none if there is no such key.
            pub fn value(&self, key: &str) -> Option<String> {
                match key {
                    $($name => Some(self.$field.show()),)*
                    _ => None,
                }
            }
        }
    };
}

keys! {
    "data_dir", data_dir: PathBuf = ".orkestra",
        "the folder that holds all state";
    "node.name", node_name: NodeId = "local",
        "what this node is called; unique in its cluster";
    "log.level", log_level: LogLevel = "warn",
        "what is logged: error, warn, info, debug, trace, or directives";
    "journal.snapshot_every_records", journal_snapshot_every_records: NonZeroU32 = "10000",
        "after how many records of the journal a snapshot is taken";
    "journal.snapshot_every_bytes", journal_snapshot_every_bytes: Bytes = "128MiB",
        "after how many bytes of records a snapshot is taken, if that is sooner";
    "journal.keep_records", journal_keep_records: u64 = "100000",
        "how many records behind the older of two snapshots are kept for audits";
    "journal.keep_bytes", journal_keep_bytes: Bytes = "1GiB",
        "how many bytes of records are kept for audits, if that is less";
    "tasks.lease", tasks_lease: Duration = "30s",
        "how long an attempt is believed to go on without a sign of its worker";
    "tasks.beat_every", tasks_beat_every: Duration = "5s",
        "how often a worker gives a sign; at most a third of tasks.lease";
    "tasks.retain_for", tasks_retain_for: Duration = "7days",
        "how long ended runs, and ended tasks of a stream, are kept in memory";
    "tasks.retain_runs", tasks_retain_runs: NonZeroU32 = "100",
        "how many ended runs are kept in memory";
    "tasks.retain_count", tasks_retain_count: u64 = "100000",
        "how many ended tasks of a stream are kept in memory";
    "tasks.poison_after", tasks_poison_after: NonZeroU32 = "5",
        "after how many failures of any kind, over all its lives, a task is not tried again";
    "tasks.losses_max", tasks_losses_max: NonZeroU32 = "100",
        "how often in a row a task may be lost with its node before it is not tried again";
    "breaker.failures", breaker_failures: u64 = "3",
        "how many tasks in a row must fail on an agent before it is given nothing for a while; 0: never";
    "breaker.cooldown", breaker_cooldown: Duration = "5m",
        "how long that is; then one task is tried on it";
    "sweeps.assign_every", sweeps_assign_every: Every = "30s",
        "how often ready tasks are looked at though nothing happened: a safety net";
    "sweeps.health_every", sweeps_health_every: Every = "5m",
        "how often the health of the team is judged though nobody asks; a change is logged";
    "sweeps.recovery_every", sweeps_recovery_every: Every = "10m",
        "how often tasks in progress that nobody holds are looked for";
    "checks.off", checks_off: Checks = "",
        "checks before and after tasks that this node does not make, unless a task asks for them";
    "context.snapshot_every", context_snapshot_every: Every = "10m",
        "how long after something happened a snapshot of the context is taken";
    "agents.blocking_threads", agents_blocking_threads: NonZeroU32 = "32",
        "how many threads run blocking functions";
    "agents.lost_threads_max", agents_lost_threads_max: NonZeroU32 = "8",
        "how many of them may hang before an agent is unavailable";
    "agents.output_max", agents_output_max: Bytes = "1MiB",
        "how much a command agent may put out, unless its scenario says otherwise";
    "supervision.intensity", supervision_intensity: u64 = "10",
        "how many restarts within supervision.period a supervisor bears";
    "supervision.period", supervision_period: Duration = "10s",
        "the window in which restarts are counted";
    "metrics.listen", metrics_listen: Listen = "",
        "where a run lets its metrics be read, like 127.0.0.1:9464; nothing: nowhere";
    "shutdown.drain_within", shutdown_drain_within: Duration = "30s",
        "how long running attempts may go on once a stop was asked for";
}

/// The text of `config/embedded.toml`: every key, commented out, with its meaning and default.
pub fn embedded() -> String {
    let mut parts = vec![String::from(
        "# Every key of Orkestra on one machine, with its meaning and its default.\n\
         # What is commented out is what holds anyway. Flags and ORKESTRA_ variables come first.\n",
    )];
    let mut section = "";
    for Key { name, kind, default, meaning } in KEYS {
        let (table, key) = name.split_once('.').unwrap_or(("", name));
        if table != section {
            parts.push(format!("\n[{table}]\n"));
            section = table;
        }
        let is_number = !default.is_empty() && default.bytes().all(|byte| byte.is_ascii_digit());
        let default = if is_number { (*default).to_owned() } else { format!("{default:?}") };
        parts.push(format!("\n# {meaning} ({kind})\n# {key} = {default}\n"));
    }
    parts.concat()
}
