//! How tasks lose their locks.

use std::time::Duration;

use orkestra_runtime::{
    id::{Attempt, Number},
    machine::ReplyTo,
    protocol::task::{FailureKind, TaskSpec},
};

use super::script::{Script, holding};
use crate::{
    lock::{LockAnswer, LockCommand, LockEvent, LockQuery, LockReason},
    shard::{
        Mind as _,
        machine::{Command, Event, ShardMachine},
    },
    task::TaskEvent,
};

/// How long a lock is kept back after it was lost without a word.
const DELAY: Duration = Duration::from_secs(15);

fn two() -> [TaskSpec; 2] {
    [holding("a", &["db"]), holding("b", &["db"])]
}

#[test]
fn a_failed_attempt_loses_its_locks_and_the_next_has_them_anew() {
    let mut script = Script::new(4, &[holding("a", &["db"])]);
    let first = script.token("a", 1, "db");
    script.fail("a", 1, FailureKind::Error);
    assert!(!script.is_good("db", first) && script.held("a", 1).is_empty());
    script.wait(Duration::from_secs(1));
    assert_eq!(script.at_work(), "a#2");
    assert!(script.token("a", 2, "db") > first);
    script.check_replay();
}

#[test]
fn others_go_before_while_a_failed_task_waits_for_its_next_try() {
    let mut script = Script::new(4, &two());
    script.fail("a", 1, FailureKind::Error);
    assert_eq!(script.at_work(), "b#1");
    script.wait(Duration::from_secs(2));
    assert_eq!(script.at_work(), "b#1");
    script.complete("b", 1);
    assert_eq!(script.at_work(), "a#2");
}

#[test]
fn a_lock_whose_attempt_may_still_be_at_work_is_kept_back() {
    let ends: [fn(&mut Script); 5] = [
        |script| script.worker_dies(4, true),
        |script| script.worker_dies(4, false),
        |script| script.fail("a", 1, FailureKind::TimedOut),
        |script| script.fail("a", 1, FailureKind::Hung),
        |script| script.cancel("a"),
    ];
    for (number, end) in ends.into_iter().enumerate() {
        let mut script = Script::new(4, &two());
        let token = script.token("a", 1, "db");
        end(&mut script);
        script.given.clear();
        assert!(!script.is_good("db", token), "end {number}");
        script.wait(DELAY.saturating_sub(Duration::from_millis(1)));
        assert_eq!(script.at_work(), "", "end {number}");
        script.wait(Duration::from_millis(1));
        assert!(script.at_work().contains("b#1"), "end {number}: {}", script.at_work());
        script.check_replay();
    }
}

#[test]
fn a_lock_whose_attempt_surely_does_nothing_more_is_free_at_once() {
    let kinds = [FailureKind::Error, FailureKind::ExitCode, FailureKind::HandedBack];
    for kind in kinds {
        let mut script = Script::new(4, &two());
        script.fail("a", 1, kind);
        assert_eq!(script.at_work(), "b#1", "{kind}");
    }
}

#[test]
fn who_is_cancelled_while_it_waits_leaves_the_queue() {
    let mut script =
        Script::new(4, &[holding("a", &["db"]), holding("b", &["db"]), holding("c", &["db"])]);
    script.cancel("b");
    script.complete("a", 1);
    assert_eq!(script.at_work(), "c#1");
    script.retry("b");
    script.complete("c", 1);
    assert_eq!(script.at_work(), "b#1");
    script.check_replay();
}

#[test]
fn a_cancelled_run_leaves_no_lock_behind() {
    let tasks: Vec<TaskSpec> =
        (0..600).map(|number| holding(&format!("t{number}"), &[&format!("l{number}")])).collect();
    let mut script = Script::new(2, &tasks);
    assert_eq!(script.machine.locks().attempts().count(), 600);
    script.cancel_run();
    assert_eq!(script.machine.locks().attempts().count(), 0);
    script.wait(DELAY);
    assert_eq!(script.machine.locks().gauges().locks, 0);
    script.check_replay();
}

/// A leader died when the cancellation of a run was recorded, whose locks did not fit the record; who
/// comes after it has not begun yet.
fn left_undone() -> Script {
    let tasks: Vec<TaskSpec> =
        (0..600).map(|number| holding(&format!("t{number}"), &[&format!("l{number}")])).collect();
    let mut script = Script::new(2, &tasks);
    // The record in which the run was cancelled is the last: a part of its locks is held still.
    script.cancel_run();
    let is_last = |event: &Event| matches!(event, Event::Task(TaskEvent::RunCancelled { .. }));
    let first_after = script
        .steps
        .iter()
        .rposition(|first| script.journal[*first..].iter().any(|(_, event)| is_last(event)));
    let end = script.steps[first_after.unwrap() + 1];
    script.journal.truncate(end);
    let mut machine = ShardMachine::default();
    for (number, (at, event)) in (1..).zip(&script.journal) {
        machine.apply(Number(number), *at, event);
    }
    script.machine = machine;
    assert!(script.machine.locks().attempts().count() > 0, "nothing was left undone");
    script
}

#[test]
fn what_a_leader_left_undone_the_next_one_ends() {
    let mut script = left_undone();
    script.take_over(2);
    assert_eq!(script.machine.locks().attempts().count(), 0);
    script.check_replay();
}

#[test]
fn attempts_that_are_over_are_shown_as_stale_and_go_with_what_is_cleaned() {
    let mut script = left_undone();
    let count = script.machine.locks().attempts().count();
    let query = LockQuery::Stale { silent_ms: None };
    let LockAnswer::Stale(page) = script.machine.answer_locks(script.now, &query) else {
        panic!("another answer")
    };
    assert_eq!((page.rows.len(), page.more), (count.min(200), count > 200));
    let row = &page.rows[0];
    assert_eq!((row.reason, row.holds, row.silent_ms), (LockReason::Recovery, 1, None));
    let clean = LockCommand::Clean { to: ReplyTo(77), by: "eve".to_owned(), silent_ms: None };
    script.say(&Command::Lock(clean));
    assert_eq!(script.machine.locks().attempts().count(), 0);
    let LockAnswer::Stale(page) = script.machine.answer_locks(script.now, &query) else {
        panic!("another answer")
    };
    assert_eq!((page.rows.len(), page.more), (0, false));
}

#[test]
fn who_is_robbed_at_work_is_stopped_and_what_it_says_later_counts_nothing() {
    let mut script = Script::new(4, &[holding("a", &["db", "log"])]);
    let (db, log) = (script.token("a", 1, "db"), script.token("a", 1, "log"));
    script.steal("db");
    assert_eq!(script.stopped, [(script.no("a"), 1)]);
    assert!(!script.is_good("db", db) && !script.is_good("log", log), "it has lost all of them");
    let told = script.view("a").last_failure.unwrap().to_string();
    assert!(told.contains("lock db was taken from it") && told.contains("eve took it"), "{told}");
    script.complete("a", 1);
    assert_ne!(script.view("a").state, "completed");
    script.wait(DELAY);
    assert_eq!(script.at_work(), "a#2");
    assert!(script.token("a", 2, "db") > db);
    script.complete("a", 2);
    assert_eq!(script.view("a").state, "completed");
    script.check_replay();
}

#[test]
fn who_is_robbed_before_it_begins_asks_again() {
    let mut script = Script::new(1, &[holding("busy", &[]), holding("a", &["db", "log"])]);
    let before = script.held("a", 1);
    script.steal("db");
    let after = script.held("a", 1);
    assert!(before.iter().zip(&after).all(|(before, after)| before.token < after.token));
    script.complete("busy", 1);
    assert_eq!(script.at_work(), "a#1");
    assert_eq!(script.token("a", 1, "db"), after[0].token);
    assert_eq!(script.view("a").failures, 0);
}

#[test]
fn a_task_whose_deadline_passes_leaves_the_queue_or_its_locks() {
    let late = TaskSpec { deadline_ms: Some(5_000), ..holding("late", &["db"]) };
    let mut script = Script::new(4, &[holding("a", &["db"]), late, holding("c", &["db"])]);
    script.wait(Duration::from_secs(5));
    assert_eq!(script.view("late").state, "failed");
    let waits = script.machine.locks().attempts().filter(|(_, attempt)| *attempt == Attempt(1));
    assert_eq!(waits.count(), 2);
    script.complete("a", 1);
    assert_eq!(script.at_work(), "c#1");
}

#[test]
fn the_token_of_a_lock_rises_with_each_of_its_attempts() {
    let mut script = Script::new(4, &[holding("a", &["db"]), holding("b", &["db"])]);
    for attempt in 1..4 {
        script.fail("a", attempt, FailureKind::HandedBack);
        script.fail("b", attempt, FailureKind::HandedBack);
        script.take_over(4);
    }
    let granted = script.lock_events().filter(|event| matches!(event, LockEvent::Granted { .. }));
    assert!(granted.count() >= 7);
    assert_eq!(script.at_work(), "a#4");
    script.check_replay();
}
