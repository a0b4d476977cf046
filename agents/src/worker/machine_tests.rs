//! What a worker decides, event by event.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{
    id::{AgentId, Attempt, Incarnation, ShardId, TaskNo},
    machine::Machine as _,
    protocol::{
        agent::{AgentProfile, Assignment, Availability, FromAgent, Progress, Report},
        desk::tagged,
        payload::Payload,
        task::{Failure, FailureKind, Outcome},
    },
    time::{Moment, Now, Wall},
};

use super::{Collected, Effect, Event, Terms, WorkerMachine};
use crate::testing::assignment;

fn agent() -> AgentId {
    AgentId::new("a").unwrap()
}

const LIFE: Incarnation = Incarnation(7);

struct Script(WorkerMachine);

impl Script {
    fn new(capacity: u32, terms: Terms) -> Self {
        let profile = AgentProfile {
            id: agent(),
            kind: "function".into(),
            description: String::new(),
            capabilities: Vec::new(),
            specialties: Vec::new(),
            capacity,
            availability: Availability::Available,
        };
        Self(WorkerMachine::new(profile, LIFE, Arc::new(terms), None))
    }

    fn at(&mut self, ms: u64, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.0.step(now(ms), event, &mut effects);
        effects
    }

    /// What it does by itself, at the moment at which it wants to be woken.
    fn woken_at(&mut self, ms: u64) -> Vec<Effect> {
        assert_eq!(self.0.wakeup(), Some(Moment::from_ms(ms)));
        let mut effects = Vec::new();
        self.0.tick(now(ms), &mut effects);
        assert!(self.0.wakeup().is_none_or(|next| next > Moment::from_ms(ms)));
        effects
    }
}

fn now(ms: u64) -> Now {
    Now { moment: Moment::from_ms(ms), wall: Wall::from_ms(ms) }
}

fn quiet() -> Terms {
    Terms {
        beat_every: Duration::from_hours(1),
        redeliver_after: Duration::from_hours(1),
        grace: Duration::from_millis(50),
        ..Terms::default()
    }
}

fn of(task: u64, attempt: u32) -> Assignment {
    Assignment { attempt: Attempt(attempt), ..assignment(task) }
}

fn key(task: u64, attempt: u32) -> (TaskNo, Attempt) {
    (TaskNo(task), Attempt(attempt))
}

fn done() -> Outcome {
    Outcome::Completed(Payload::null())
}

fn failed(kind: FailureKind, why: &str) -> Outcome {
    Outcome::Failed(Failure::new(kind, why))
}

fn leaving() -> Effect {
    Effect::Say(FromAgent::Leaving { agent: agent(), incarnation: LIFE })
}

fn left() -> Effect {
    let (agent, incarnation) = (AgentId::new("a").unwrap(), Incarnation(7));
    Effect::Say(FromAgent::Left { agent, incarnation })
}

fn ended(reports: impl IntoIterator<Item = (u64, u32, Outcome, u64)>) -> Effect {
    let reports = reports
        .into_iter()
        .map(|(task, attempt, outcome, worked_ms)| Report {
            task: TaskNo(task),
            attempt: Attempt(attempt),
            outcome,
            worked_ms,
            checks: Vec::new(),
        })
        .collect();
    Effect::Say(FromAgent::Ended { agent: agent(), incarnation: LIFE, reports })
}

fn end_of(task: u64, attempt: u32, outcome: Outcome) -> Event {
    let ended = vec![(key(task, attempt), Some(outcome))];
    Event::Collected(Collected { ended, ..Collected::default() })
}

fn progress_of(task: u64, percent: u8) -> Event {
    let progress = Progress { percent, message: String::new() };
    let signs = vec![(key(task, 1), Some(progress))];
    Event::Collected(Collected { signs, ..Collected::default() })
}

fn progressed(task: u64, percent: u8) -> Effect {
    let progress = Progress { percent, message: String::new() };
    let (task, attempt) = key(task, 1);
    Effect::Say(FromAgent::Progressed { agent: agent(), task, attempt, progress })
}

#[test]
fn an_attempt_is_begun_once_and_answered_from_memory_until_it_is_acknowledged() {
    let mut worker = Script::new(2, quiet());
    assert_eq!(worker.at(0, Event::Assigned(vec![of(1, 1)])), [Effect::Begin(vec![of(1, 1)])]);
    assert_eq!(worker.at(1, Event::Assigned(vec![of(1, 1)])), []);
    assert_eq!(worker.at(9, end_of(1, 1, done())), [ended([(1, 1, done(), 9)])]);
    assert_eq!(worker.at(10, end_of(1, 1, done())), []);
    assert_eq!(worker.at(11, Event::Assigned(vec![of(1, 1)])), [ended([(1, 1, done(), 9)])]);
    assert_eq!(worker.at(12, Event::Acknowledged(vec![key(1, 1)])), []);
    assert_eq!(worker.0.wakeup(), None);
}

#[test]
fn what_is_beyond_the_capacity_is_handed_back_at_once() {
    let mut worker = Script::new(1, quiet());
    let full = failed(FailureKind::HandedBack, "the agent is full: it holds 1");
    assert_eq!(
        worker.at(0, Event::Assigned(vec![of(1, 1), of(2, 1)])),
        [ended([(2, 1, full, 0)]), Effect::Begin(vec![of(1, 1)])]
    );
}

#[test]
fn who_comes_while_a_cancelled_attempt_ends_waits_for_its_place() {
    let mut worker = Script::new(1, quiet());
    worker.at(0, Event::Assigned(vec![of(1, 1)]));
    assert_eq!(worker.at(1, Event::CancelAsked(key(1, 1))), [Effect::Cancel(key(1, 1))]);
    assert_eq!(worker.at(2, Event::Assigned(vec![of(2, 1)])), []);
    assert_eq!(
        worker.at(3, end_of(1, 1, done())),
        [ended([(1, 1, Outcome::Cancelled, 3)]), Effect::Begin(vec![of(2, 1)])]
    );
}

#[test]
fn a_cancelled_attempt_that_does_not_end_is_dropped_after_its_grace() {
    let mut worker = Script::new(1, quiet());
    worker.at(0, Event::Assigned(vec![of(1, 1)]));
    worker.at(10, Event::CancelAsked(key(1, 1)));
    assert_eq!(
        worker.woken_at(60),
        [Effect::Abandon(key(1, 1)), ended([(1, 1, Outcome::Cancelled, 60)])]
    );
    let dropped = Collected { ended: vec![(key(1, 1), None)], ..Collected::default() };
    assert_eq!(worker.at(61, Event::Collected(dropped)), [Effect::Look]);
}

#[test]
fn a_new_attempt_ends_the_earlier_one_and_an_old_one_is_not_begun() {
    let mut worker = Script::new(3, quiet());
    worker.at(0, Event::Assigned(vec![of(1, 1)]));
    assert_eq!(
        worker.at(1, Event::Assigned(vec![of(1, 2)])),
        [Effect::Cancel(key(1, 1)), Effect::Begin(vec![of(1, 2)])]
    );
    worker.at(2, end_of(1, 1, Outcome::Cancelled));
    worker.at(3, Event::Acknowledged(vec![key(1, 1)]));
    let old = failed(FailureKind::HandedBack, "a later attempt of the same task is held");
    assert_eq!(worker.at(4, Event::Assigned(vec![of(1, 1)])), [ended([(1, 1, old, 0)])]);
}

#[test]
fn the_shorter_of_the_two_limits_ends_an_attempt_and_its_late_result_changes_nothing() {
    let terms = Terms { timeout: Some(Duration::from_millis(500)), ..quiet() };
    let mut worker = Script::new(2, terms);
    let hasty = Assignment { timeout_ms: Some(100), ..of(1, 1) };
    worker.at(0, Event::Assigned(vec![hasty, of(2, 1)]));
    assert_eq!(worker.woken_at(100), [Effect::Cancel(key(1, 1))]);
    let late = failed(FailureKind::TimedOut, "it took longer than it may, 100 ms");
    assert_eq!(worker.at(110, end_of(1, 1, done())), [ended([(1, 1, late, 110)])]);
    assert_eq!(worker.woken_at(500), [Effect::Cancel(key(2, 1))]);
}

#[test]
fn why_a_worker_ends_names_the_task_as_people_know_it_without_its_shard() {
    let terms = Terms { silence_max: Some(Duration::from_millis(100)), ..quiet() };
    let mut worker = Script::new(1, terms);
    let task = tagged(ShardId(3), TaskNo(7)).0;
    worker.at(0, Event::Assigned(vec![of(task, 1)]));
    assert_eq!(worker.woken_at(100), [Effect::Cancel(key(task, 1))]);
    let told = "attempt 1 of task 7: hung: it gave no sign of life for 100 ms".to_owned();
    assert_eq!(worker.woken_at(150).last(), Some(&Effect::Fail(told)));
}

#[test]
fn each_sign_of_life_puts_off_the_end_by_silence_and_silence_ends_the_worker() {
    let terms = Terms { silence_max: Some(Duration::from_millis(100)), ..quiet() };
    let mut worker = Script::new(2, terms);
    worker.at(0, Event::Assigned(vec![of(1, 1)]));
    assert_eq!(worker.at(60, progress_of(1, 5)), [progressed(1, 5)]);
    assert_eq!(worker.woken_at(100), []);
    worker.at(150, Event::Assigned(vec![of(2, 1)]));
    assert_eq!(worker.woken_at(160), [Effect::Cancel(key(1, 1))]);
    let hung = failed(FailureKind::Hung, "it gave no sign of life for 100 ms");
    let back = failed(FailureKind::HandedBack, "the agent is restarted");
    assert_eq!(
        worker.woken_at(210),
        [
            Effect::Abandon(key(1, 1)),
            ended([(1, 1, hung, 210), (2, 1, back, 60)]),
            left(),
            Effect::Fail(
                "attempt 1 of task 1: hung: it gave no sign of life for 100 ms".to_owned()
            ),
        ]
    );
    assert_eq!(worker.0.wakeup(), None);
    assert_eq!(worker.at(211, Event::AskedWhoIsThere), []);
}

#[test]
fn progress_in_quick_succession_is_told_as_one() {
    let mut worker = Script::new(1, quiet());
    worker.at(0, Event::Assigned(vec![of(1, 1)]));
    assert_eq!(worker.at(10, progress_of(1, 1)), [progressed(1, 1)]);
    assert_eq!(worker.at(11, progress_of(1, 2)), []);
    assert_eq!(worker.at(12, progress_of(1, 3)), []);
    assert_eq!(worker.woken_at(210), [progressed(1, 3)]);
    assert_eq!(worker.at(300, progress_of(1, 4)), []);
    assert_eq!(worker.woken_at(410), [progressed(1, 4)]);
}

#[test]
fn an_outcome_that_nobody_acknowledges_is_delivered_again_with_growing_delays() {
    let terms = Terms {
        redeliver_after: Duration::from_millis(100),
        redeliver_every_max: Duration::from_millis(300),
        ..quiet()
    };
    let mut worker = Script::new(1, terms);
    worker.at(0, Event::Assigned(vec![of(1, 1)]));
    worker.at(5, end_of(1, 1, done()));
    for ms in [105, 305, 605, 905] {
        assert_eq!(worker.woken_at(ms), [ended([(1, 1, done(), 5)])]);
    }
    worker.at(906, Event::Acknowledged(vec![key(1, 1)]));
    assert_eq!(worker.0.wakeup(), None);
}

#[test]
fn it_beats_while_it_holds_something_and_then_no_more() {
    let mut worker = Script::new(1, Terms { beat_every: Duration::from_millis(100), ..quiet() });
    assert_eq!(worker.0.wakeup(), None);
    worker.at(0, Event::Assigned(vec![of(1, 1)]));
    let beat = || {
        let held = vec![key(1, 1)];
        Effect::Say(FromAgent::Beat { agent: agent(), incarnation: LIFE, held })
    };
    assert_eq!(worker.woken_at(100), [beat()]);
    assert_eq!(worker.woken_at(200), [beat()]);
    worker.at(250, end_of(1, 1, done()));
    worker.at(251, Event::Acknowledged(vec![key(1, 1)]));
    assert_eq!(worker.0.wakeup(), None);
}

#[test]
fn draining_takes_nothing_new_and_leaves_when_all_was_heard() {
    let mut worker = Script::new(2, quiet());
    worker.at(0, Event::Assigned(vec![of(1, 1)]));
    assert_eq!(worker.at(1, Event::DrainAsked(Duration::from_secs(9))), [leaving()]);
    assert!(worker.at(1, Event::AskedWhoIsThere).contains(&leaving()));
    let back = failed(FailureKind::HandedBack, "the agent is stopping");
    assert_eq!(worker.at(2, Event::Assigned(vec![of(2, 1)])), [ended([(2, 1, back, 0)])]);
    assert_eq!(worker.at(3, end_of(1, 1, done())), [ended([(1, 1, done(), 3)])]);
    let left = Effect::Say(FromAgent::Left { agent: agent(), incarnation: LIFE });
    assert_eq!(worker.at(4, Event::Acknowledged(vec![key(1, 1), key(2, 1)])), [left, Effect::Stop]);
}

#[test]
fn draining_hands_back_at_its_limit() {
    let mut worker = Script::new(2, quiet());
    worker.at(0, Event::Assigned(vec![of(1, 1)]));
    worker.at(1, Event::DrainAsked(Duration::from_millis(99)));
    let back = failed(FailureKind::HandedBack, "the agent has stopped");
    let left = Effect::Say(FromAgent::Left { agent: agent(), incarnation: LIFE });
    assert_eq!(
        worker.woken_at(100),
        [ended([(1, 1, back, 100)]), Effect::Abandon(key(1, 1)), left, Effect::Stop]
    );
}

#[test]
fn an_agent_that_cannot_work_refuses_says_so_and_is_asked_again() {
    let mut worker = Script::new(1, quiet());
    let reason = "program \"x\" is not on PATH".to_owned();
    let found = Event::Found(Availability::Unavailable { reason: reason.clone() });
    assert!(matches!(
        &worker.at(0, found)[..],
        [Effect::Say(FromAgent::Joined { profile, .. })]
            if profile.availability == Availability::Unavailable { reason: reason.clone() }
    ));
    let refused = failed(FailureKind::Unavailable, &reason);
    assert_eq!(worker.at(1, Event::Assigned(vec![of(1, 1)])), [ended([(1, 1, refused, 0)])]);
    assert_eq!(worker.woken_at(5_000), [Effect::Look]);
    assert!(matches!(
        &worker.at(5_001, Event::Found(Availability::Available))[..],
        [Effect::Say(FromAgent::Joined { profile, .. })]
            if profile.availability == Availability::Available
    ));
    assert_eq!(worker.at(5_002, Event::Found(Availability::Available)), []);
    assert_eq!(worker.at(5_003, Event::Assigned(vec![of(2, 1)])), [Effect::Begin(vec![of(2, 1)])]);
}

#[test]
fn an_agent_that_finds_at_work_that_it_cannot_says_so_before_it_reports() {
    let mut worker = Script::new(1, quiet());
    worker.at(0, Event::Assigned(vec![of(1, 1)]));
    let no_key = failed(FailureKind::Unavailable, "no key");
    let effects = worker.at(1, end_of(1, 1, no_key.clone()));
    assert!(matches!(&effects[0], Effect::Say(FromAgent::Joined { .. })));
    assert_eq!(effects[1..], [ended([(1, 1, no_key, 1)])]);
    assert_eq!(worker.woken_at(5_001), [Effect::Look]);
}
