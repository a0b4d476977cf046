//! Stories of locks that tasks declare.

use orkestra_runtime::{
    id::{Attempt, TaskNo},
    machine::ReplyTo,
};

use super::{
    alone::Alone,
    script::{exclusive, key},
};
use crate::lock::{
    Ending, Grant, LockCommand, LockEvent, LockNews, LockReason, LockReply, Obstacle, Theft, Want,
    Who,
};

fn acquire(task: u64, attempt: u32, locks: &[Want]) -> LockCommand {
    let (task, attempt) = (TaskNo(task), Attempt(attempt));
    LockCommand::AcquireFor { task, attempt, locks: locks.to_vec() }
}

fn end(task: u64, attempt: u32, (reason, is_sure): (LockReason, bool)) -> LockCommand {
    let (task, attempt) = (TaskNo(task), Attempt(attempt));
    LockCommand::EndAttempts(vec![Ending { task, attempt, reason, is_sure }])
}

const DONE: (LockReason, bool) = (LockReason::TaskCompleted, true);

#[test]
fn an_attempt_has_its_locks_or_waits_and_asking_again_changes_nothing() {
    let mut alone = Alone::new();
    let (task, attempt) = (TaskNo(1), Attempt(1));
    let told = alone.tell(acquire(1, 1, &[exclusive("a"), exclusive("b")])).news;
    let [LockNews::Granted { locks, .. }] = &told[..] else { panic!("{told:?}") };
    assert_eq!(*locks, alone.machine.held_by_attempt(task, attempt));
    let written = alone.journal.len();
    assert_eq!(alone.tell(acquire(1, 1, &[exclusive("a"), exclusive("b")])).news, told);
    let waits = [LockNews::Waits { task: TaskNo(2), attempt }];
    assert_eq!(alone.tell(acquire(2, 1, &[exclusive("b")])).news, waits);
    assert_eq!(alone.tell(acquire(2, 1, &[exclusive("b")])).news, waits);
    assert_eq!(alone.journal.len(), written + 1);
    let told = alone.tell(end(1, 1, DONE)).news;
    assert!(matches!(&told[..], [LockNews::Granted { task: TaskNo(2), .. }]), "{told:?}");
    assert_eq!(alone.machine.held_by_attempt(task, attempt), []);
    assert_eq!(alone.machine.held_by_attempt(TaskNo(2), attempt).len(), 1);
    let written = alone.journal.len();
    alone.tell(end(1, 1, DONE));
    assert_eq!(alone.journal.len(), written, "ending it again changes nothing");
    alone.check_replay();
}

#[test]
fn a109_a_task_that_completed_frees_its_locks_at_once_and_one_that_was_lost_after_a_while() {
    for (over, delay_ms) in [
        (DONE, 0),
        ((LockReason::Error, true), 0),
        ((LockReason::Manual, false), 15_000),
        ((LockReason::DeadProcess, false), 15_000),
        ((LockReason::Timeout, false), 15_000),
    ] {
        let mut alone = Alone::new();
        alone.tell(acquire(1, 1, &[exclusive("a")]));
        alone.queue("ann", &[exclusive("a")]);
        let mut replies = alone.tell(end(1, 1, over)).replies;
        if delay_ms > 0 {
            assert_eq!(replies, []);
            assert_eq!(alone.wait_ms(delay_ms - 1), []);
            replies = alone.wait_ms(1);
        }
        assert!(matches!(&replies[..], [LockReply::Granted { .. }]), "{replies:?}");
        alone.check_replay();
    }
}

#[test]
fn many_attempts_end_at_a_pace_and_one_that_asks_meanwhile_has_new_tokens() {
    let mut alone = Alone::new();
    let endings = |tasks: std::ops::RangeInclusive<u64>| {
        let (attempt, (reason, is_sure)) = (Attempt(1), DONE);
        let ending = |task| Ending { task: TaskNo(task), attempt, reason, is_sure };
        LockCommand::EndAttempts(tasks.map(ending).collect())
    };
    for task in 1..=1_000 {
        alone.tell(acquire(task, 1, &[exclusive(&format!("lock-{task}"))]));
    }
    let before = alone.machine.held_by_attempt(TaskNo(1_000), Attempt(1));
    // As in one step, in which both follow from the same.
    alone.machine.hear(orkestra_runtime::time::Now::default(), &endings(1..=1_000));
    let told = alone.tell(acquire(1_000, 1, &[exclusive("lock-1000")])).news;
    let [LockNews::Granted { locks, .. }] = &told[..] else { panic!("{told:?}") };
    assert!(locks[0].token > before[0].token);
    let held: Vec<_> = alone.machine.attempts().collect();
    assert_eq!(held, [(TaskNo(1_000), Attempt(1))]);
    alone.check_replay();
}

#[test]
fn what_keeps_an_attempt_from_its_locks_is_known() {
    let mut alone = Alone::new();
    let wants = [exclusive("a"), exclusive("b"), exclusive("free")];
    alone.tell(acquire(1, 1, &wants[..1]));
    alone.queue("ann", &[exclusive("a")]);
    let obstacles = |alone: &Alone| alone.machine.obstacles(TaskNo(2), Attempt(1), &wants);
    let a = Obstacle {
        want: exclusive("a"),
        held_by: vec![Who::Attempt { task: TaskNo(1), attempt: Attempt(1) }],
        lost_by: Vec::new(),
        token: alone.machine.newest(&key("a")),
        ahead: 1,
    };
    assert_eq!(obstacles(&alone), std::slice::from_ref(&a), "before it asks");
    alone.tell(acquire(2, 1, &wants));
    alone.queue("bob", &[exclusive("a")]);
    assert_eq!(obstacles(&alone), [a], "and while it waits");
    assert_eq!(alone.machine.obstacles(TaskNo(1), Attempt(1), &wants[..1]), [], "it holds them");
}

#[test]
fn an_attempt_that_is_robbed_or_refused_is_told_so() {
    let mut alone = Alone::new();
    alone.tell(acquire(1, 1, &[exclusive("a")]));
    let (task, attempt) = (TaskNo(1), Attempt(1));
    let token = alone.machine.newest(&key("a"));
    let (by, why) = ("eve".to_owned(), "it hangs".to_owned());
    let theft = Theft { key: key("a"), token, by, why, delay_ms: None };
    let told = alone.tell(LockCommand::Steal { to: ReplyTo(1), theft }).news;
    let (lost, why) = (Grant { key: key("a"), token }, "eve took it: it hangs".to_owned());
    assert_eq!(told, [LockNews::Lost { task, attempt, lost, why }]);
    let told = alone.tell(acquire(2, 1, &[])).news;
    assert!(matches!(&told[..], [LockNews::Refused { .. }]), "{told:?}");
}

#[test]
fn the_locks_of_an_attempt_survive_a_take_over_and_have_no_lease() {
    let mut alone = Alone::new();
    alone.tell(acquire(1, 1, &[exclusive("a")]));
    alone.tell(acquire(2, 1, &[exclusive("a")]));
    alone.take_over();
    alone.wait_ms(100_000_000);
    assert_eq!(alone.machine.held_by_attempt(TaskNo(1), Attempt(1)).len(), 1);
    alone.tell(end(1, 1, DONE));
    assert!(matches!(alone.journal.last(), Some((_, LockEvent::Granted { wait: Some(_), .. }))));
    alone.check_replay();
}
