//! How tasks come by their locks.

use std::time::Duration;

use orkestra_runtime::{
    id::{Attempt, LockKey},
    protocol::lock::{Mode, Want},
};

use super::script::{Script, holding, key};
use crate::{
    lock::LockEvent,
    shard::machine::Event,
    task::{Blocker, TaskEvent},
};

#[test]
fn tasks_with_one_lock_are_at_work_one_after_the_other_and_each_has_a_greater_token() {
    let names = ["a", "b", "c"];
    let tasks = names.map(|name| holding(name, &["db"]));
    let mut script = Script::new(4, &tasks);
    let mut before = None;
    for name in names {
        assert_eq!(script.at_work(), format!("{name}#1"));
        let token = script.token(name, 1, "db");
        assert!(before < Some(token) && script.is_good("db", token));
        script.complete(name, 1);
        assert!(!script.is_good("db", token), "it was given back with the task");
        before = Some(token);
    }
    assert_eq!(script.at_work(), "");
    script.check_replay();
}

#[test]
fn who_waits_for_a_lock_takes_no_room_of_an_agent() {
    let tasks = [holding("a", &["db"]), holding("b", &["db"]), holding("free", &[])];
    let mut script = Script::new(2, &tasks);
    assert_eq!(script.at_work(), "a#1 free#1");
    assert_eq!(script.gauges().blocked.get("lock"), Some(&1));
    script.complete("a", 1);
    assert_eq!(script.at_work(), "b#1 free#1");
    assert_eq!(script.gauges().blocked.get("lock"), None);
}

#[test]
fn several_locks_are_had_together_and_nobody_overtakes() {
    let tasks = [
        holding("a", &["x"]),
        holding("both", &["x", "y"]),
        holding("late", &["y"]),
        holding("other", &["z"]),
    ];
    let mut script = Script::new(4, &tasks);
    assert_eq!(script.at_work(), "a#1 other#1");
    assert!(script.held("both", 1).is_empty(), "it holds none while it waits for one");
    script.complete("a", 1);
    assert_eq!(script.at_work(), "both#1 other#1", "who came later waits behind it");
    script.complete("both", 1);
    assert_eq!(script.at_work(), "late#1 other#1");
}

#[test]
fn shared_locks_and_permits_let_as_many_work_as_they_allow() {
    let reader = |name| holding(name, &[]).holding("db", Mode::Shared).unwrap();
    let slot = |name, permits| {
        holding(name, &[]).holding("gpu", Mode::Permits { permits, of: 3 }).unwrap()
    };
    let tasks = [
        reader("r1"),
        reader("r2"),
        holding("w", &["db"]),
        reader("r3"),
        slot("s1", 2),
        slot("s2", 2),
    ];
    let mut script = Script::new(9, &tasks);
    assert_eq!(script.at_work(), "r1#1 r2#1 s1#1", "who reads later waits for who writes");
    script.complete("r1", 1);
    script.complete("r2", 1);
    assert_eq!(script.at_work(), "s1#1 w#1");
    script.complete("s1", 1);
    script.complete("w", 1);
    assert_eq!(script.at_work(), "r3#1 s2#1");
}

#[test]
fn what_a_task_needs_comes_before_its_locks() {
    let needy = holding("needy", &["db"]).needs(["first"]).unwrap();
    let mut script = Script::new(4, &[holding("first", &[]), needy]);
    assert!(!script.lock_events().any(|event| matches!(event, LockEvent::Granted { .. })));
    script.complete("first", 1);
    assert_eq!(script.at_work(), "needy#1");
}

#[test]
fn it_is_told_which_lock_a_task_waits_for_and_who_has_it() {
    let tasks = [holding("a", &["db"]), holding("b", &["db"]), holding("c", &["db"])];
    let mut script = Script::new(4, &tasks);
    let token = script.token("a", 1, "db");
    let told = |script: &Script, name: &str| match &script.why(name).blockers[..] {
        [Blocker::Lock { key, mode: Mode::Exclusive, holders, lost_by, token, ahead }] => {
            assert_eq!(key.as_str(), "db");
            (holders.join(","), lost_by.join(","), *token, *ahead)
        }
        other => panic!("{other:?}"),
    };
    let a = "attempt 1 of task a".to_owned();
    assert_eq!(told(&script, "b"), (a.clone(), String::new(), token, 0));
    assert_eq!(told(&script, "c"), (a.clone(), String::new(), token, 1));
    assert!(script.why("b").next.contains("it begins once it holds its locks"));
    script.worker_dies(4, false);
    assert_eq!(told(&script, "b"), (String::new(), a, token, 0), "it is kept back for a while");
    script.wait(Duration::from_secs(15));
    assert!(matches!(script.why("b").blockers[..], [Blocker::Working { .. }]));
    script.check_replay();
}

#[test]
fn an_attempt_that_has_its_locks_waits_for_an_agent_and_says_so() {
    let mut script = Script::new(1, &[holding("busy", &[]), holding("a", &["db"])]);
    assert_eq!(script.at_work(), "busy#1");
    assert_eq!(script.held("a", 1).len(), 1);
    assert!(matches!(script.why("a").blockers[..], [Blocker::AgentBusy { .. }]));
    script.complete("busy", 1);
    assert_eq!(script.at_work(), "a#1");
}

#[test]
fn a_lock_in_use_as_another_kind_is_asked_for_again_until_it_can_be_had() {
    let permits = holding("p", &[]).holding("x", Mode::Permits { permits: 1, of: 2 }).unwrap();
    let mut script = Script::new(4, &[holding("a", &["x"]), permits]);
    assert_eq!(script.at_work(), "a#1");
    let why = script.why("p");
    assert!(
        matches!(&why.blockers[..], [Blocker::LockRefused { why }] if why.contains("exclusive")),
        "{why:?}"
    );
    script.complete("a", 1);
    script.wait(Duration::from_secs(1));
    assert_eq!(script.at_work(), "p#1");
}

#[test]
fn a_paused_run_neither_asks_nor_holds_what_it_has_not_begun() {
    let tasks = [holding("a", &["db"]), holding("b", &["db"]), holding("c", &["other"])];
    let mut script = Script::new(1, &tasks);
    assert_eq!((script.at_work(), script.held("c", 1).len()), ("a#1".into(), 1));
    script.pause(true);
    assert_eq!(script.held("c", 1), [], "others may have it meanwhile");
    script.complete("a", 1);
    script.submit(&[holding("d", &["db"])]);
    assert_eq!((script.at_work(), script.held("b", 1)), (String::new(), vec![]));
    script.pause(false);
    assert_eq!(script.at_work(), "b#1");
    assert_eq!((script.held("b", 1).len(), script.held("c", 1).len()), (1, 1));
    script.check_replay();
}

#[test]
fn what_a_task_declares_survives_a_take_over_and_those_who_wait_keep_their_places() {
    let tasks = [holding("a", &["db"]), holding("b", &["db"]), holding("c", &["db"])];
    let mut script = Script::new(4, &tasks);
    let queued = script.lock_events().count();
    script.take_over(4);
    assert_eq!(script.lock_events().count(), queued, "the same again changes nothing");
    assert_eq!(script.at_work(), "a#1");
    for (done, next) in [("a", "b#1"), ("b", "c#1"), ("c", "")] {
        script.complete(done, 1);
        assert_eq!(script.at_work(), next);
        script.take_over(4);
        assert_eq!(script.at_work(), next);
    }
    script.check_replay();
}

#[test]
fn a_thousand_tasks_of_one_lock_come_to_its_queue_and_are_served_in_turn() {
    let names: Vec<String> = (0..1_000).map(|number| format!("t{number:04}")).collect();
    let mut script = Script::new(4, &[]);
    for names in names.chunks(250) {
        let tasks: Vec<_> = names.iter().map(|name| holding(name, &["db"])).collect();
        script.submit(&tasks);
    }
    let waiting = script.lock_events().filter(|event| matches!(event, LockEvent::Queued { .. }));
    assert_eq!(waiting.count(), names.len() - 1);
    for name in &names {
        assert_eq!(script.at_work(), format!("{name}#1"));
        script.complete(name, 1);
    }
}

#[test]
fn what_cannot_be_declared_is_refused_with_the_submission() {
    let mut script = Script::new(4, &[]);
    let twice = holding("twice", &["x", "x"]);
    let mut none = holding("none", &[]);
    let mode = Mode::Permits { permits: 3, of: 2 };
    none.locks.push(Want { key: LockKey::new("y").unwrap(), mode });
    for spec in [twice, none] {
        let before = script.journal.len();
        script.submit(&[spec]);
        assert_eq!(script.journal.len(), before);
    }
}

#[test]
fn an_outcome_and_the_end_of_its_locks_stand_in_one_record() {
    let mut script = Script::new(4, &[holding("a", &["db"]), holding("b", &["db"])]);
    let first = script.no("a");
    script.complete("a", 1);
    let completed = script.step_of(
        |event| matches!(event, Event::Task(TaskEvent::Completed { task, .. }) if *task == first),
    );
    let ended = script.step_of(|event| matches!(event, Event::Lock(LockEvent::Ended { .. })));
    assert_eq!(completed, ended);
    let held = script.machine.locks().held_by_attempt(script.no("b"), Attempt(1));
    assert_eq!(held[0].key, key("db"));
}
