//! Agents that come and go, attempts that are lost, words that are late.

use std::time::Duration;

use orkestra_runtime::{
    id::{AgentId, Incarnation},
    protocol::{
        agent::{Availability, FromAgent},
        task::{Failure, FailureKind, Outcome},
    },
};

use super::script::{Script, able, profile, task};
use crate::task::TaskCommand;

#[test]
fn an_agent_never_holds_more_than_its_capacity() {
    let mut script = Script::default();
    script.join(profile("ann", 2), 1);
    script.graph(&[task("a", &[]), task("b", &[]), task("c", &[])]);
    assert_eq!(script.sent(), ["ann<a#1", "ann<b#1"]);
    assert_eq!(script.complete("ann", "a", 1).sent(), ["ann<ack×1", "ann<c#1"]);
}

#[test]
fn the_first_outcome_counts_and_any_other_is_acknowledged_and_changes_nothing() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]);
    script.complete_with("ann", "a", 1, "1");
    let events = script.journal.len();
    script.complete_with("ann", "a", 1, "2").fail("ann", "a", 1).complete("bob", "a", 1);
    assert_eq!(script.journal.len(), events);
    assert_eq!(format!("{:?}", script.view("a").output), "Some(Inline(1))");
}

#[test]
fn a_late_outcome_of_an_old_attempt_is_stale() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]).fail("ann", "a", 1);
    script.advance(Duration::from_secs(1)).sent();
    script.complete("ann", "a", 1);
    assert_eq!(script.states(&["a"]), "a:running");
    script.complete("ann", "a", 2);
    assert_eq!(script.states(&["a"]), "a:completed");
}

#[test]
fn one_batch_with_the_same_outcome_twice_records_it_once() {
    use orkestra_runtime::{
        id::Attempt,
        protocol::{agent::Report, payload::Payload},
    };
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]);
    let outcome = Outcome::Completed(Payload::null());
    let report = Report {
        task: script.no("a"),
        attempt: Attempt(1),
        outcome,
        worked_ms: 0,
        checks: Vec::new(),
    };
    script.tell(TaskCommand::Heard(FromAgent::Ended {
        agent: AgentId::new("ann").unwrap(),
        incarnation: Incarnation(1),
        reports: vec![report.clone(), report],
    }));
    assert_eq!(
        script.machine.durable.roster.named(&AgentId::new("ann").unwrap()).unwrap().completed,
        1
    );
}

#[test]
fn a_silent_worker_loses_its_attempts_after_a_lease_and_is_told_to_stop() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]);
    script.advance(Duration::from_secs(20)).beat("ann", 1, &[("a", 1)]).sent();
    script.advance(Duration::from_secs(29));
    assert_eq!(script.states(&["a"]), "a:running");
    script.advance(Duration::from_secs(10));
    assert_eq!(script.states(&["a"]), "a:retrying");
    assert_eq!(script.sent(), ["ann<stop#1"]);
    assert_eq!(script.view("a").last_failure.unwrap().kind, FailureKind::Lost);
}

#[test]
fn a_worker_that_is_started_anew_has_lost_what_it_held() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]).join(profile("ann", 1), 2);
    assert_eq!(script.states(&["a"]), "a:retrying");
    assert_eq!(script.view("a").failures, 1);
}

#[test]
fn a_node_that_is_back_before_it_was_missed_begins_again_at_once_and_nobody_is_blamed() {
    let names = ["a", "b", "c", "d"];
    let mut script = Script::default();
    script.join(profile("ann", 4), 1 << 32).graph(&names.map(|name| task(name, &[])));
    script.join(profile("ann", 4), 2 << 32);
    assert_eq!(script.states(&names), "a:running b:running c:running d:running");
    for name in names {
        assert_eq!((script.view(name).attempt.0, script.view(name).failures), (2, 0));
    }
}

#[test]
fn an_old_life_of_a_worker_is_not_listened_to() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 2).graph(&[task("a", &[])]);
    let stale = profile("ann", 1);
    script.tell(TaskCommand::Heard(FromAgent::Joined {
        profile: stale,
        incarnation: Incarnation(1),
    }));
    assert_eq!(script.states(&["a"]), "a:running");
}

#[test]
fn after_a_restart_of_everything_the_held_task_begins_again_at_once_and_nobody_is_blamed() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]);
    script.restart().join(profile("ann", 1), 2);
    assert_eq!(script.sent(), ["ann<a#2"]);
    assert_eq!(script.view("a").failures, 0);
    script.complete("ann", "a", 2);
    assert_eq!(script.states(&["a"]), "a:completed");
}

#[test]
fn after_a_restart_of_the_coordinator_alone_the_worker_keeps_what_it_holds() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]).restart();
    let joined = FromAgent::Joined { profile: profile("ann", 1), incarnation: Incarnation(1) };
    script.tell(TaskCommand::Heard(joined)).beat("ann", 1, &[("a", 1)]).sent();
    assert_eq!(script.states(&["a"]), "a:running");
    script.complete("ann", "a", 1);
    assert_eq!(script.states(&["a"]), "a:completed");
}

#[test]
fn an_attempt_of_whose_holder_a_reign_never_hears_is_given_again_and_nobody_is_blamed() {
    let names = ["a", "b", "c", "d"];
    let mut script = Script::default();
    script.join(profile("ann", 4), 1).graph(&names.map(|name| task(name, &[])));
    script.restart().advance(Duration::from_secs(31));
    assert_eq!(script.states(&names), "a:ready b:ready c:ready d:ready");
    script.join(profile("ann", 4), 2);
    assert_eq!(script.states(&names), "a:running b:running c:running d:running");
    assert_eq!(script.view("a").failures, 0);
}

#[test]
fn a_task_that_takes_its_node_down_again_and_again_is_set_aside() {
    let settings = crate::task::TaskSettings { losses_max: 3, ..Default::default() };
    let mut script = Script::with(settings);
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]);
    for life in 2..5 {
        script.restart().join(profile("ann", 1), life);
    }
    assert_eq!(script.view("a").reason.unwrap(), "poisoned");
}

#[test]
fn a_worker_that_leaves_in_order_hands_back_and_another_goes_on() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]).join(profile("bob", 1), 1).sent();
    let agent = AgentId::new("ann").unwrap();
    script.tell(TaskCommand::Heard(FromAgent::Left { agent, incarnation: Incarnation(1) }));
    assert_eq!(script.sent(), ["bob<a#2"]);
    assert_eq!(script.view("a").failures, 0);
}

#[test]
fn a_worker_that_left_while_nothing_could_be_written_is_not_waited_for() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]).join(profile("bob", 1), 1).sent();
    let agent = AgentId::new("ann").unwrap();
    // The journal is full: the command is heard, and refused before anything is decided.
    let left = FromAgent::Left { agent, incarnation: Incarnation(1) };
    script.machine.hear(script.now, &TaskCommand::Heard(left));
    assert_eq!(script.sent(), [""; 0]);
    // There is room again, long before the lease of the attempt has run out.
    script.settle();
    assert_eq!(script.sent(), ["bob<a#2"]);
    assert_eq!(script.view("a").failures, 0);
}

#[test]
fn a_worker_that_is_about_to_leave_is_given_nothing_more_and_finishes_what_it_holds() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[]), task("b", &[])]);
    assert_eq!(script.sent(), ["ann<a#1"]);
    let agent = AgentId::new("ann").unwrap();
    script.tell(TaskCommand::Heard(FromAgent::Leaving { agent, incarnation: Incarnation(1) }));
    script.complete("ann", "a", 1);
    assert_eq!(script.sent(), ["ann<ack×1"]);
    assert_eq!(script.states(&["a", "b"]), "a:completed b:ready");
    script.join(profile("ann", 1), 2);
    assert_eq!(script.sent(), ["ann<b#1"]);
}

#[test]
fn an_agent_that_cannot_work_is_never_chosen() {
    let mut broken = profile("ann", 1);
    broken.availability = Availability::Unavailable { reason: "no program".to_owned() };
    let mut script = Script::default();
    script.join(broken, 1).graph(&[task("a", &[])]);
    assert_eq!(script.sent(), [""; 0]);
    script.join(profile("bob", 1), 1);
    assert_eq!(script.sent(), ["bob<a#1"]);
}

#[test]
fn a_task_goes_only_to_who_can_and_may() {
    let mut rust = task("rust", &[]);
    rust.requires = able("x", 1, &["rust"]).capabilities;
    let mut named = task("named", &[]);
    named.agents = vec![AgentId::new("cid").unwrap()];
    let mut script = Script::default();
    script.join(profile("ann", 9), 1).join(able("bob", 9, &["rust", "go"]), 1);
    script.join(profile("cid", 9), 1).graph(&[rust, named]);
    let mut sent = script.sent();
    sent.sort();
    assert_eq!(sent, ["bob<rust#1", "cid<named#1"]);
}

#[test]
fn an_attempt_handed_back_does_not_count_as_a_failure() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]).sent();
    let back = Failure::new(FailureKind::HandedBack, "draining");
    script.report("ann", "a", 1, Outcome::Failed(back));
    assert_eq!(script.sent(), ["ann<ack×1", "ann<a#2"]);
    assert_eq!(script.view("a").failures, 0);
}

#[test]
fn a_worker_that_held_thousands_and_is_started_anew_loses_them_step_by_step() {
    let tasks: Vec<_> = (0..1_000).map(|n| task(&format!("t{n}"), &[])).collect();
    let mut script = Script::default();
    script.join(profile("ann", 1_000), 1).graph(&tasks);
    let before = script.steps;
    script.join(profile("ann", 1_000), 2);
    assert!(script.largest_step <= 1_100, "{}", script.largest_step);
    assert!(script.steps - before >= 4);
    let lost = tasks.iter().filter(|spec| script.view(spec.id.as_str()).failures == 1);
    assert_eq!(lost.count(), 1_000);
}

#[test]
fn what_an_attempt_kept_is_recorded_whatever_becomes_of_the_attempt() {
    use orkestra_runtime::{fabric::BlobName, id::Attempt, protocol::agent::Artifact};
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]);
    let blob = BlobName::of(b"abc");
    let artifact = Artifact { name: "notes".to_owned(), blob, bytes: 3 };
    let (no, kept) = (script.no("a"), artifact.clone());
    let kept = |attempt| FromAgent::Kept {
        agent: AgentId::new("ann").unwrap(),
        task: no,
        attempt: Attempt(attempt),
        artifact: kept.clone(),
    };
    script.tell(TaskCommand::Heard(kept(1))).fail("ann", "a", 1);
    script.advance(Duration::from_secs(1)).tell(TaskCommand::Heard(kept(1)));
    assert_eq!(script.view("a").artifacts, [artifact]);
    script.restart();
}
