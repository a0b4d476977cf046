//! Failures, delays, poison, deadlines, and a person who asks again.

use std::time::Duration;

use orkestra_runtime::protocol::task::{Failure, Outcome};

use super::script::{Script, profile, task};
use crate::task::{RefusalCode, Reply};

#[test]
fn a113_three_retries_then_it_gives_up() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]);
    for (attempt, wait_s) in [(1, 1), (2, 2), (3, 4)] {
        script.fail("ann", "a", attempt);
        assert_eq!(script.states(&["a"]), "a:retrying");
        script.advance(Duration::from_millis(wait_s * 1_000 - 1));
        assert_eq!(script.states(&["a"]), "a:retrying");
        script.advance(Duration::from_millis(1));
        assert_eq!(script.states(&["a"]), "a:running");
    }
    script.fail("ann", "a", 4);
    assert_eq!(script.view("a").reason.unwrap(), "retries exhausted");
    assert_eq!(script.view("a").failures, 4);
}

#[test]
fn a113_the_count_of_failures_and_the_time_of_the_next_survive_a_restart() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]).fail("ann", "a", 1);
    script.restart().join(profile("ann", 1), 2).sent();
    assert_eq!(script.view("a").failures, 1);
    script.advance(Duration::from_millis(999));
    assert_eq!(script.sent(), [""; 0]);
    script.advance(Duration::from_millis(1));
    assert_eq!(script.sent(), ["ann<a#2"]);
}

#[test]
fn a114_five_failures_make_poison() {
    let mut stubborn = task("a", &[]);
    stubborn.retry.retries_max = 99;
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[stubborn]);
    for attempt in 1..=5 {
        script.advance(Duration::from_mins(10)).fail("ann", "a", attempt);
    }
    assert_eq!(script.view("a").reason.unwrap(), "poisoned");
}

#[test]
fn a_failure_for_good_is_not_retried() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]);
    script.report("ann", "a", 1, Outcome::Failed(Failure::error("never").for_good()));
    assert_eq!(script.view("a").reason.unwrap(), "not retryable");
}

#[test]
fn a_deadline_ends_a_task_wherever_it_stands() {
    let mut running = task("running", &[]);
    running.deadline_ms = Some(5_000);
    let mut waiting = task("waiting", &["running"]);
    waiting.deadline_ms = Some(3_000);
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[running, waiting]).sent();
    script.advance(Duration::from_secs(3));
    assert_eq!(script.states(&["running", "waiting"]), "running:running waiting:failed");
    assert_eq!(script.view("waiting").reason.unwrap(), "deadline exceeded");
    script.advance(Duration::from_secs(2));
    assert_eq!(script.states(&["running"]), "running:failed");
    assert_eq!(script.sent(), ["ann<stop#1"]);
}

#[test]
fn a_person_may_ask_again_and_what_failed_because_of_it_comes_back_too() {
    let mut first = task("a", &[]);
    first.retry.retries_max = 0;
    let mut script = Script::default();
    script.join(profile("ann", 1), 1);
    script.graph(&[first, task("b", &["a"]), task("c", &["b"])]).fail("ann", "a", 1);
    assert_eq!(script.states(&["a", "b", "c"]), "a:failed b:failed c:failed");
    assert_eq!(script.retry("a").replies().last(), Some(&Reply::Retried));
    assert_eq!(script.states(&["a", "b", "c"]), "a:running b:waiting c:waiting");
    script.complete("ann", "a", 2).complete("ann", "b", 1).complete("ann", "c", 1);
    assert_eq!(script.states(&["a", "b", "c"]), "a:completed b:completed c:completed");
    script.effects.clear();
    assert_eq!(script.retry("a").refusal().code, RefusalCode::TaskState);
}

#[test]
fn a_person_need_not_wait_for_the_delay() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]).fail("ann", "a", 1).sent();
    assert_eq!(script.retry("a").sent(), ["ann<a#2"]);
}
