//! Capacity that is shared: nothing is given without credit, and little is said about it.

use std::time::Duration;

use orkestra_runtime::{
    id::{AgentId, Incarnation},
    protocol::{
        agent::{FromAgent, ToAgent},
        task::{Failure, FailureKind, Outcome},
    },
    time::Moment,
};

use super::script::{Script, profile, task};
use crate::task::{Answer, Query, TaskCommand, TaskEffect, TaskSettings, why::Blocker};

const TERM: Duration = Duration::from_secs(4);

fn script() -> Script {
    let settings =
        TaskSettings { needs_credit: true, credit_term: TERM, ..TaskSettings::default() };
    let mut script = Script::with(settings);
    // A clock that has begun long ago, as clocks have.
    script.now.moment = Moment::from_ms(50_000);
    script.machine.promote(script.now);
    script.join(profile("ann", 8), 1);
    script
}

/// The latest wish that was said to an agent: its number, and the grant that it confirms.
fn wish(script: &Script) -> (u64, u64) {
    let said = script.effects.iter().rev().find_map(|effect| match effect {
        TaskEffect::Tell { message: ToAgent::Want { number, heard, .. }, .. } => {
            Some((*number, *heard))
        }
        TaskEffect::Tell { .. } | TaskEffect::Reply { .. } => None,
    });
    said.unwrap()
}

fn grant(script: &mut Script, number: u64, asked: u64, credits: u32) {
    let (agent, incarnation) = (AgentId::new("ann").unwrap(), Incarnation(1));
    let for_ms = 3_000;
    let granted = FromAgent::Granted { agent, incarnation, number, asked, credits, for_ms };
    script.tell(TaskCommand::Heard(granted));
}

fn tasks(count: usize) -> Vec<orkestra_runtime::protocol::task::TaskSpec> {
    (0..count).map(|n| task(&format!("t{n}"), &[])).collect()
}

#[test]
fn nothing_is_given_before_it_is_granted_and_no_more_than_that() {
    let mut script = script();
    script.stream(&tasks(3));
    assert_eq!(wish(&script).1, 0);
    let asked = wish(&script).0;
    assert_eq!(script.sent(), ["ann<want+4(0)"]);
    grant(&mut script, 1, asked, 2);
    assert_eq!(script.sent(), ["ann<t0#1", "ann<t1#1"]);
    let why = script.why("t2");
    let agent = AgentId::new("ann").unwrap();
    let blocker = Blocker::NoCredit { agent, outstanding: 2, credits: 2, capacity: 8 };
    assert_eq!(why.blockers, [blocker]);
    assert_eq!(why.next, "it begins as soon as ann grants this shard credit");
    let Answer::Gauges(gauges) = script.machine.answer(script.now, &Query::Gauges) else {
        panic!("no gauges")
    };
    assert_eq!((gauges.blocked.len(), gauges.blocked.get("no_credit")), (1, Some(&1)));
    // It asked for more than that already.
    script.complete("ann", "t0", 1);
    assert_eq!(script.sent(), ["ann<ack×1", "ann<t2#1"]);
}

#[test]
fn wishes_grow_by_doubling_and_are_not_said_for_each_task() {
    let mut script = script();
    script.stream(&[]);
    let mut said = 0;
    for n in 0..64 {
        script.submit(&[task(&format!("t{n}"), &[])]);
        said += script.sent().iter().filter(|word| word.contains("want")).count();
    }
    assert_eq!(said, 4, "1, 2, 4, 8");
}

#[test]
fn a_grant_that_is_old_or_that_nobody_asked_for_is_ignored() {
    let mut script = script();
    script.stream(&tasks(8));
    let asked = wish(&script).0;
    script.effects.clear();
    // For an earlier leader, whose clock means nothing here; and for one whose clock is ahead.
    grant(&mut script, 9, 7, 8);
    grant(&mut script, 9, asked + 1, 8);
    assert_eq!(script.sent(), [""; 0]);
    grant(&mut script, 3, asked, 1);
    grant(&mut script, 3, asked, 8);
    grant(&mut script, 2, asked, 8);
    assert_eq!(script.sent(), ["ann<t0#1"]);
}

#[test]
fn a_lower_grant_is_confirmed_at_once_and_heeded() {
    let mut script = script();
    script.stream(&tasks(20));
    let asked = wish(&script).0;
    grant(&mut script, 1, asked, 8);
    script.effects.clear();
    grant(&mut script, 2, asked, 3);
    assert_eq!(wish(&script).1, 2);
    assert_eq!(script.sent(), ["ann<want+0(8)"]);
    for n in 0..5 {
        script.complete("ann", &format!("t{n}"), 1);
    }
    assert!(!script.sent().iter().any(|word| word.ends_with("#1")));
    script.complete("ann", "t5", 1);
    assert_eq!(script.sent(), ["ann<ack×1", "ann<t8#1"]);
}

#[test]
fn credit_lapses_by_the_clock_of_who_asked_and_is_renewed_before_that() {
    let mut script = script();
    script.stream(&tasks(8));
    let asked = wish(&script).0;
    // The answer was on its way for a long time: the term began when the wish was said.
    script.now.moment = script.now.moment + Duration::from_millis(500);
    grant(&mut script, 1, asked, 1);
    script.effects.clear();
    script.advance(Duration::from_millis(500));
    assert_eq!(script.sent(), [""; 0], "it was answered");
    script.advance(Duration::from_secs(1));
    assert_eq!(script.sent(), ["ann<want+7(1)"]);
    // Nobody answers: it is asked again, and what was granted is over.
    script.advance(Duration::from_secs(1));
    assert_eq!(script.sent(), ["ann<want+7(1)"]);
    script.complete("ann", "t0", 1);
    assert!(!script.sent().iter().any(|word| word.contains("<t")), "it is over");
}

#[test]
fn what_is_idle_is_given_back_and_then_nothing_more_is_said() {
    let mut script = script();
    script.stream(&tasks(2));
    let asked = wish(&script).0;
    grant(&mut script, 1, asked, 8);
    script.complete("ann", "t0", 1).complete("ann", "t1", 1);
    script.effects.clear();
    script.advance(TERM / 4).advance(TERM / 4).advance(TERM / 4);
    assert_eq!(script.sent(), ["ann<want+0(0)"]);
    for _ in 0..10 {
        script.advance(TERM / 4);
    }
    assert_eq!(script.sent(), [""; 0]);
    assert!(script.machine.live.credits.is_empty() && script.machine.live.credit_look.is_none());
}

#[test]
fn a_new_leader_begins_without_credit_and_what_is_out_counts() {
    let mut script = script();
    script.stream(&tasks(8));
    let asked = wish(&script).0;
    grant(&mut script, 1, asked, 3);
    script.restart().settle();
    script.join(profile("ann", 8), 1).beat("ann", 1, &[("t0", 1), ("t1", 1), ("t2", 1)]);
    assert_eq!(script.sent(), ["ann<want+5(3)"]);
}

#[test]
fn an_attempt_that_came_back_is_not_given_again_before_the_next_grant() {
    let mut script = script();
    script.stream(&tasks(2));
    let asked = wish(&script).0;
    grant(&mut script, 1, asked, 1);
    script.effects.clear();
    let full = Failure::new(FailureKind::HandedBack, "the agent is full");
    script.report("ann", "t0", 1, Outcome::Failed(full));
    assert_eq!(script.sent(), ["ann<ack×1"]);
    script.advance(TERM / 2);
    let asked = wish(&script).0;
    grant(&mut script, 2, asked, 1);
    assert_eq!(script.sent(), ["ann<want+2(0)", "ann<t0#2"]);
}

#[test]
fn a_machine_that_has_an_agent_for_itself_asks_for_nothing() {
    let mut script = Script::default();
    script.stream(&tasks(3)).join(profile("ann", 2), 1);
    let sent = script.sent();
    assert_eq!(sent, ["ann<t0#1", "ann<t1#1"]);
    grant(&mut script, 1, 1, 8);
    assert!(script.machine.live.credits.is_empty());
}
