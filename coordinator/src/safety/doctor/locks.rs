//! What the record says of locks: who holds them and for how long, who waits for too long, and whether
//! anybody holds one, or waits, who should not.

use std::time::Duration;

use orkestra_runtime::{
    id::LockKey,
    protocol::check::{Category, Level},
    time::{Now, Wall},
};

use super::{Finding, NAMES_MAX, listed};
use crate::{
    lock::{Holding, LockMachine, Waiter, view::StaleView},
    output::{counted, duration},
    shard::machine::ShardMachine,
    task::TaskMachine,
};

/// How long somebody may wait for locks before that is told.
const WAIT_MAX: Duration = Duration::from_hours(1);

/// Looks at all locks that are in use.
pub(super) fn look(shard: &ShardMachine, now: Now, findings: &mut Vec<Finding>) {
    let (locks, tasks) = (shard.locks(), shard.tasks());
    findings.push(holders(locks, tasks, now));
    findings.push(waiters(locks, tasks, now));
    findings.push(orphans(&shard.over_attempts(), tasks));
    findings.push(circles(locks));
}

fn finding(name: &str, level: Level, message: impl Into<String>) -> Finding {
    Finding::new(("locks", Category::Consistency), name, level, message)
}

fn holders(locks: &LockMachine, tasks: &TaskMachine, now: Now) -> Finding {
    let (held, count) = locks.holdings(NAMES_MAX);
    let (sessions, locks) = (are(locks.gauges().sessions, "session"), are(count, "lock"));
    let message = format!("{sessions} open, {locks} held by sessions and tasks");
    let told = held.iter().map(|Holding { who, key, since }| {
        format!("{} holds {key} for {}", tasks.name_of(who), age(now, *since))
    });
    finding("Holders", Level::Pass, message).details(shown(told, count))
}

fn waiters(locks: &LockMachine, tasks: &TaskMachine, now: Now) -> Finding {
    let name = "Long Waits";
    let ms = u64::try_from(WAIT_MAX.as_millis()).unwrap_or(u64::MAX);
    let before = Wall::from_ms(now.wall.as_ms().saturating_sub(ms));
    let (long, count) = locks.waiters_since(before, NAMES_MAX);
    let bound = duration(WAIT_MAX);
    if count == 0 {
        let message = format!("nobody waits for a lock for {bound} or longer");
        return finding(name, Level::Pass, message);
    }
    let told = long.iter().map(|Waiter { who, keys, held_by, since }| {
        let holders: Vec<String> = held_by.iter().map(|who| tasks.name_of(who)).collect();
        let holders = if holders.is_empty() { "nobody".to_owned() } else { holders.join(", ") };
        let (who, keys, age) = (tasks.name_of(who), names(keys), age(now, *since));
        format!("{who} waits for {keys}, which {holders} holds, for {age}")
    });
    finding(name, Level::Warning, format!("{} for locks for {bound} or longer", wait(count)))
        .details(shown(told, count))
        .advise(
            "see with `orkestra lock sessions` whether who holds it lives; \
             `orkestra lock clean --dry-run` shows whom nobody renews, and \
             `orkestra lock end SESSION --reason TEXT` ends one",
        )
}

fn orphans(over: &[StaleView], tasks: &TaskMachine) -> Finding {
    let name = "No Orphaned Locks";
    if over.is_empty() {
        let message = "no attempt that is over holds a lock or waits for one";
        return finding(name, Level::Pass, message);
    }
    let told = over.iter().map(|StaleView { who, keys, .. }| match &keys[..] {
        [] => format!("{} waits for locks", tasks.name_of(who)),
        keys => format!("{} holds {}", tasks.name_of(who), names(keys)),
    });
    let count = over.len();
    finding(name, Level::Warning, format!("{count} attempts are over, and hold or await locks"))
        .details(listed(told))
        .advise("whoever leads next ends that, and so does `orkestra doctor --heal`")
}

fn circles(locks: &LockMachine) -> Finding {
    let name = "No Circles of Waits";
    let circles = locks.circles(NAMES_MAX);
    if circles.is_empty() {
        return finding(name, Level::Pass, "nobody waits for a lock in a circle");
    }
    let told: Vec<String> = circles.iter().map(ToString::to_string).collect();
    finding(name, Level::Fail, "some wait for each other, and would for ever")
        .details(told.join("; and: "))
        .advise("end a session of each circle with `orkestra lock end SESSION --reason TEXT`")
}

/// Some of so many.
fn shown(told: impl ExactSizeIterator<Item = String>, count: u64) -> String {
    let more = count.saturating_sub(told.len() as u64);
    let shown = told.collect::<Vec<_>>().join("; ");
    if more == 0 { shown } else { format!("{shown}; and {more} more") }
}

fn names(keys: &[LockKey]) -> String {
    keys.iter().map(LockKey::as_str).collect::<Vec<_>>().join(", ")
}

fn age(now: Now, since: Wall) -> String {
    duration(now.wall.since(since))
}

fn are(count: u64, name: &str) -> String {
    let verb = if count == 1 { "is" } else { "are" };
    format!("{} {verb}", counted(count, name))
}

fn wait(count: u64) -> String {
    if count == 1 { "1 request waits".to_owned() } else { format!("{count} requests wait") }
}
