//! What was done about failures, and how well it worked: a fold over the journal.
//!
//! Each failed attempt is put into a class by what its failure says. The table has a strategy for
//! each class with a rate of success; the rate moves by whether the next attempt of that task
//! succeeded: `(r · 100 ± 1) / 101`. What the runtime in truth did (another attempt after a while,
//! another at once, none) stands beside it: nothing is claimed to have been repaired that was not.

use std::collections::BTreeMap;

use orkestra_runtime::{
    id::TaskNo,
    protocol::task::{Failure, FailureKind},
};
use serde::Serialize;

use crate::task::{TaskEvent, Then};

/// A class of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// A service said: not so often.
    ApiRateLimit,
    /// A service said: not you.
    ApiAuthFailed,
    /// A file is not there.
    FileNotFound,
    /// Something is no JSON.
    JsonParseError,
    /// A lock did not come in time.
    LockTimeout,
    /// The network did not answer.
    NetworkTimeout,
    /// No room.
    DiskFull,
    /// Not allowed.
    PermissionDenied,
    /// A program is not there.
    DependencyMissing,
    /// No memory.
    MemoryExhausted,
    /// Anything else.
    Other,
}

/// By which words a failure's message is put into a class; the first that fits.
const WORDS: [(FailureClass, &[&str]); 10] = [
    (FailureClass::ApiRateLimit, &["rate limit", "too many requests", "429"]),
    (FailureClass::ApiAuthFailed, &["unauthorized", "authentication", "api key", "401", "403"]),
    (FailureClass::DiskFull, &["no space left", "disk full", "disk is full", "quota exceeded"]),
    (FailureClass::MemoryExhausted, &["out of memory", "cannot allocate memory", "oom"]),
    (FailureClass::PermissionDenied, &["permission denied", "not permitted"]),
    (FailureClass::FileNotFound, &["no such file", "file not found"]),
    (FailureClass::DependencyMissing, &["command not found", "not installed", "no such program"]),
    (FailureClass::JsonParseError, &["json"]),
    (FailureClass::LockTimeout, &["lock timed out", "lock timeout", "timed out waiting for lock"]),
    (FailureClass::NetworkTimeout, &["network", "connection", "timed out", "timeout"]),
];

impl FailureClass {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::ApiRateLimit,
        Self::ApiAuthFailed,
        Self::FileNotFound,
        Self::JsonParseError,
        Self::LockTimeout,
        Self::NetworkTimeout,
        Self::DiskFull,
        Self::PermissionDenied,
        Self::DependencyMissing,
        Self::MemoryExhausted,
        Self::Other,
    ];

    /// The class of a failure.
    pub fn of(failure: &Failure) -> Self {
        let message = failure.message.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
        let by_words = WORDS.iter().find(|(_, words)| has(words)).map(|(class, _)| *class);
        match (by_words, failure.kind) {
            (_, FailureKind::Unavailable) => Self::DependencyMissing,
            (None, FailureKind::BadOutput) => Self::JsonParseError,
            (by_words, _) => by_words.unwrap_or(Self::Other),
        }
    }

    /// What the table says is to be done.
    pub const fn strategy(self) -> &'static str {
        match self {
            Self::ApiRateLimit => "exponential backoff",
            Self::ApiAuthFailed => "reload credentials",
            Self::FileNotFound => "create the file",
            Self::JsonParseError => "restore from a backup",
            Self::LockTimeout => "force the lock open",
            Self::NetworkTimeout => "retry with backoff",
            Self::DiskFull => "clean temporary files",
            Self::PermissionDenied => "fix permissions",
            Self::DependencyMissing => "notify, nothing by itself",
            Self::MemoryExhausted => "restart",
            Self::Other => "none in the table",
        }
    }

    /// The rate of success that the table begins with; none where nothing is done by itself.
    pub const fn rate(self) -> Option<f64> {
        match self {
            Self::ApiRateLimit => Some(0.95),
            Self::ApiAuthFailed => Some(0.85),
            Self::FileNotFound => Some(0.90),
            Self::JsonParseError => Some(0.92),
            Self::LockTimeout => Some(0.88),
            Self::NetworkTimeout => Some(0.80),
            Self::DiskFull => Some(0.75),
            Self::PermissionDenied => Some(0.93),
            Self::MemoryExhausted => Some(0.70),
            Self::DependencyMissing | Self::Other => None,
        }
    }
}

/// A rate after one more success or failure.
pub fn moved(rate: f64, has_succeeded: bool) -> f64 {
    let one = if has_succeeded { 1.0 } else { -1.0 };
    (rate * 100.0 + one) / 101.0
}

/// What is known of one class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Remedy {
    /// Which.
    pub class: FailureClass,
    /// What the table says is to be done.
    pub strategy: &'static str,
    /// How many attempts failed so.
    pub failures: u64,
    /// What the runtime in truth did: how often another attempt followed after a while.
    pub retried: u64,
    /// How often another attempt followed at once, since nobody had failed.
    pub given_again: u64,
    /// How often nothing followed.
    pub given_up: u64,
    /// After how many of them the next attempt succeeded.
    pub succeeded: u64,
    /// The rate of success as it stands now; none where nothing is done by itself.
    pub rate: Option<f64>,
}

/// The fold: hand it every event, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Remedies {
    classes: BTreeMap<FailureClass, Remedy>,
    /// Tasks whose next attempt will tell.
    open: BTreeMap<TaskNo, FailureClass>,
}

impl Remedies {
    /// Takes one event in.
    pub fn see(&mut self, event: &TaskEvent) {
        match event {
            TaskEvent::AttemptFailed { task, failure, then, .. } => {
                if failure.kind.counts() {
                    self.settle(*task, false);
                }
                self.failed(*task, failure, *then);
            }
            TaskEvent::Completed { task, .. } => self.settle(*task, true),
            TaskEvent::Failed { task, .. } | TaskEvent::Cancelled { task, .. } => {
                self.open.remove(task);
            }
            _ => {}
        }
    }

    /// The classes that were seen, in the order of the table.
    pub fn seen(&self) -> Vec<Remedy> {
        self.classes.values().cloned().collect()
    }

    fn failed(&mut self, task: TaskNo, failure: &Failure, then: Then) {
        // A handed-back attempt says nothing about the task, nor about what was done before it.
        if failure.kind == FailureKind::HandedBack {
            return;
        }
        let class = FailureClass::of(failure);
        let remedy = self.classes.entry(class).or_insert_with(|| Remedy {
            class,
            strategy: class.strategy(),
            failures: 0,
            retried: 0,
            given_again: 0,
            given_up: 0,
            succeeded: 0,
            rate: class.rate(),
        });
        remedy.failures += 1;
        match then {
            Then::Retry { .. } => remedy.retried += 1,
            Then::Again => remedy.given_again += 1,
            Then::Fail | Then::Exhausted | Then::Poison => remedy.given_up += 1,
        }
        match then {
            Then::Retry { .. } | Then::Again => self.open.insert(task, class),
            Then::Fail | Then::Exhausted | Then::Poison => self.open.remove(&task),
        };
    }

    fn settle(&mut self, task: TaskNo, has_succeeded: bool) {
        let Some(class) = self.open.remove(&task) else { return };
        let Some(remedy) = self.classes.get_mut(&class) else { return };
        remedy.succeeded += u64::from(has_succeeded);
        remedy.rate = remedy.rate.map(|rate| moved(rate, has_succeeded));
    }
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::{id::Attempt, protocol::payload::Payload, time::Wall};

    use super::*;

    const LATER: Then = Then::Retry { due: Wall::from_ms(1) };

    fn failed(task: u64, failure: Failure, then: Then) -> TaskEvent {
        let (task, attempt) = (TaskNo(task), Attempt(1));
        TaskEvent::AttemptFailed { task, attempt, failure, then, worked_ms: 0 }
    }

    fn completed(task: u64) -> TaskEvent {
        let (task, attempt, output) = (TaskNo(task), Attempt(2), Payload::null());
        TaskEvent::Completed { task, attempt, output, worked_ms: 0 }
    }

    fn seen(events: &[TaskEvent]) -> Vec<Remedy> {
        let mut remedies = Remedies::default();
        events.iter().for_each(|event| remedies.see(event));
        remedies.seen()
    }

    #[test]
    fn a140_the_table_of_errors_has_its_strategies_and_rates() {
        let table: Vec<String> = FailureClass::ALL
            .into_iter()
            .map(|class| {
                let name = serde_json::to_string(&class).unwrap();
                let rate = class.rate().map(|rate| format!("{rate:.2}")).unwrap_or_default();
                format!("{} {} {rate}", name.trim_matches('"'), class.strategy())
            })
            .collect();
        assert_eq!(
            table,
            [
                "api_rate_limit exponential backoff 0.95",
                "api_auth_failed reload credentials 0.85",
                "file_not_found create the file 0.90",
                "json_parse_error restore from a backup 0.92",
                "lock_timeout force the lock open 0.88",
                "network_timeout retry with backoff 0.80",
                "disk_full clean temporary files 0.75",
                "permission_denied fix permissions 0.93",
                "dependency_missing notify, nothing by itself ",
                "memory_exhausted restart 0.70",
                "other none in the table ",
            ]
        );
    }

    #[test]
    fn a140_failures_are_put_into_classes_by_what_they_say() {
        let of = |kind, message: &str| FailureClass::of(&Failure::new(kind, message));
        let said = |message: &str| of(FailureKind::Error, message);
        assert_eq!(said("HTTP 429: Rate limit reached"), FailureClass::ApiRateLimit);
        assert_eq!(said("401 Unauthorized"), FailureClass::ApiAuthFailed);
        assert_eq!(said("a: No such file or directory"), FailureClass::FileNotFound);
        assert_eq!(said("this is no JSON"), FailureClass::JsonParseError);
        assert_eq!(said("lock timed out"), FailureClass::LockTimeout);
        assert_eq!(said("connection refused"), FailureClass::NetworkTimeout);
        assert_eq!(said("No space left on device"), FailureClass::DiskFull);
        assert_eq!(said("Permission denied (os error 13)"), FailureClass::PermissionDenied);
        assert_eq!(said("out of memory"), FailureClass::MemoryExhausted);
        assert_eq!(said("no luck"), FailureClass::Other);
        let away = of(FailureKind::Unavailable, "python3 is not on PATH");
        assert_eq!(away, FailureClass::DependencyMissing);
        assert_eq!(of(FailureKind::BadOutput, "x"), FailureClass::JsonParseError);
    }

    #[test]
    fn a140_a_rate_moves_by_one_in_a_hundred_and_one() {
        let same = |a: f64, b: f64| (a - b).abs() < f64::EPSILON;
        assert!(same(moved(0.95, true), 96.0 / 101.0));
        assert!(same(moved(0.95, false), 94.0 / 101.0));
        let limit = || Failure::error("rate limit");
        let once = seen(&[failed(1, limit(), LATER), completed(1)]);
        assert_eq!((once[0].failures, once[0].retried, once[0].succeeded), (1, 1, 1));
        assert_eq!(format!("{:.6}", once[0].rate.unwrap()), "0.950495");
        let twice = seen(&[failed(1, limit(), LATER), failed(1, limit(), LATER), completed(1)]);
        // First down to 94/101, then up from there.
        assert_eq!(format!("{:.6}", twice[0].rate.unwrap()), "0.931379");
    }

    #[test]
    fn a140_only_what_was_done_counts() {
        let limit = || Failure::error("rate limit");
        let given_up = seen(&[failed(1, limit(), Then::Exhausted), completed(1)]);
        assert_eq!((given_up[0].given_up, given_up[0].succeeded), (1, 0));
        assert_eq!(given_up[0].rate, Some(0.95));
        let back = Failure::new(FailureKind::HandedBack, "stopping");
        assert_eq!(seen(&[failed(1, back.clone(), Then::Again), completed(1)]), []);
        let with_pause = [failed(1, limit(), LATER), failed(1, back, Then::Again), completed(1)];
        assert_eq!(seen(&with_pause)[0].succeeded, 1, "handed back meanwhile, and then done");
        let other = seen(&[failed(1, Failure::error("no luck"), LATER), completed(1)]);
        assert_eq!((other[0].rate, other[0].succeeded), (None, 1));
    }
}
