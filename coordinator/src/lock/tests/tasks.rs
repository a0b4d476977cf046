//! Locks that attempts of tasks hold.

use orkestra_runtime::id::{Attempt, Number, TaskNo};

use super::script::{Script, exclusive, given, key};
use crate::lock::{Grant, LockCommand, LockEvent, LockNews, LockReason, Want};

fn acquire(task: u64, attempt: u32, locks: &[Want]) -> LockCommand {
    let (task, attempt) = (TaskNo(task), Attempt(attempt));
    LockCommand::AcquireFor { task, attempt, locks: locks.to_vec() }
}

fn end(task: u64, attempt: u32, reason: LockReason) -> LockCommand {
    LockCommand::EndAttempt { task: TaskNo(task), attempt: Attempt(attempt), reason }
}

/// What tasks learn by a command that the machine is told.
fn news(script: &mut Script, command: &LockCommand) -> Vec<LockNews> {
    let next = Number(script.journal.len() as u64 + 1);
    let news = script.locks().decide(script.now, next, command).news;
    script.tell(command.clone());
    news
}

#[test]
fn an_attempt_has_its_locks_or_waits_and_asking_again_changes_nothing() {
    let mut script = Script::new();
    let (task, attempt) = (TaskNo(1), Attempt(1));
    let told = news(&mut script, &acquire(1, 1, &[exclusive("a"), exclusive("b")]));
    let [LockNews::Granted { locks, .. }] = &told[..] else { panic!("{told:?}") };
    assert_eq!(*locks, script.locks().held_by_attempt(task, attempt));
    let written = script.journal.len();
    assert_eq!(news(&mut script, &acquire(1, 1, &[exclusive("a"), exclusive("b")])), told);
    let waits = [LockNews::Waits { task: TaskNo(2), attempt }];
    assert_eq!(news(&mut script, &acquire(2, 1, &[exclusive("b")])), waits);
    assert_eq!(news(&mut script, &acquire(2, 1, &[exclusive("b")])), waits);
    assert_eq!(script.journal.len(), written + 1);
    script.tell(end(1, 1, LockReason::Complete));
    assert_eq!(script.locks().held_by_attempt(task, attempt), []);
    assert_eq!(script.locks().held_by_attempt(TaskNo(2), attempt).len(), 1);
    let written = script.journal.len();
    script.tell(end(1, 1, LockReason::Complete));
    assert_eq!(script.journal.len(), written, "ending it again changes nothing");
    script.check_replay();
}

#[test]
fn a109_a_task_that_completed_frees_its_locks_at_once_and_one_that_was_lost_after_a_while() {
    for (reason, delay_ms) in [
        (LockReason::TaskCompleted, 0),
        (LockReason::Error, 0),
        (LockReason::DeadProcess, 15_000),
        (LockReason::Timeout, 15_000),
    ] {
        let mut script = Script::new();
        script.tell(acquire(1, 1, &[exclusive("a")]));
        let session = script.open_for("ann", 60_000);
        let waits = script.queue(session, &[exclusive("a")]);
        let mut replies = script.tell(end(1, 1, reason));
        if delay_ms > 0 {
            assert_eq!(replies, []);
            assert_eq!(script.wait_ms(delay_ms - 1), []);
            replies = script.wait_ms(1);
        }
        assert_eq!(given(replies)[0].0, waits);
        script.check_replay();
    }
}

#[test]
fn an_attempt_that_is_robbed_or_refused_is_told_so() {
    let mut script = Script::new();
    script.tell(acquire(1, 1, &[exclusive("a")]));
    let (task, attempt) = (TaskNo(1), Attempt(1));
    let token = script.locks().newest(&key("a"));
    let to = script.asker();
    let (by, why) = ("eve".to_owned(), "it hangs".to_owned());
    let theft = crate::lock::Theft { key: key("a"), token, by, why, delay_ms: None };
    let told = news(&mut script, &LockCommand::Steal { to, theft });
    let lost = Grant { key: key("a"), token };
    assert_eq!(told, [LockNews::Lost { task, attempt, lost }]);
    let told = news(&mut script, &acquire(2, 1, &[]));
    assert!(matches!(&told[..], [LockNews::Refused { .. }]), "{told:?}");
}

#[test]
fn the_locks_of_an_attempt_survive_a_take_over_and_have_no_lease() {
    let mut script = Script::new();
    script.tell(acquire(1, 1, &[exclusive("a")]));
    script.tell(acquire(2, 1, &[exclusive("a")]));
    script.take_over();
    script.wait_ms(100_000_000);
    assert_eq!(script.locks().held_by_attempt(TaskNo(1), Attempt(1)).len(), 1);
    script.tell(end(1, 1, LockReason::Complete));
    assert!(matches!(script.events().last(), Some(LockEvent::Granted { wait: Some(_), .. })));
    script.check_replay();
}
