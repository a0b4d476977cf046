//! Stories about a desk.

use std::time::Duration;

use orkestra_runtime::{
    id::{AgentId, Attempt, Epoch, Incarnation, ShardId, TaskNo},
    machine::Machine as _,
    protocol::{
        agent::{AgentProfile, Availability, FromAgent, Report, ToAgent},
        desk::{Said, ToDesk, tagged},
        payload::Payload,
        task::Outcome,
    },
    time::{Moment, Now, Wall},
};

use super::machine::{DeskMachine, Effect, Event};
use crate::node::credits::CreditSettings;

const LIFE: Incarnation = Incarnation(7);

fn now(ms: u64) -> Now {
    Now { moment: Moment::from_ms(ms), wall: Wall::from_ms(ms) }
}

fn ann() -> AgentId {
    AgentId::new("ann").unwrap()
}

fn joined() -> FromAgent {
    let profile = AgentProfile {
        id: ann(),
        kind: "function".to_owned(),
        description: String::new(),
        capabilities: Vec::new(),
        specialties: Vec::new(),
        capacity: 2,
        availability: Availability::Available,
    };
    FromAgent::Joined { profile, incarnation: LIFE }
}

struct Desk(DeskMachine);

impl Desk {
    fn of(shards: u16) -> Self {
        Self(DeskMachine::new(shards, CreditSettings::default()))
    }

    fn hears(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.0.step(now(1), event, &mut effects);
        effects
    }

    fn leader(&mut self, shard: u16, epoch: u64, word: ToAgent) -> Vec<Effect> {
        let (shard, epoch) = (ShardId(shard), Epoch(epoch));
        let words = vec![(ann(), word)];
        self.hears(Event::Leader(ToDesk::Words { shard, epoch, words }))
    }

    fn roll(&mut self, shard: u16, epoch: u64) -> Vec<Effect> {
        let (shard, epoch) = (ShardId(shard), Epoch(epoch));
        self.hears(Event::Leader(ToDesk::Roll { shard, epoch }))
    }
}

fn say(shard: u16, word: FromAgent) -> Effect {
    Effect::Say(ShardId(shard), Said::Words(vec![word]))
}

fn beat(held: Vec<(TaskNo, Attempt)>) -> FromAgent {
    FromAgent::Beat { agent: ann(), incarnation: LIFE, held }
}

fn task(shard: u16, task: u64) -> TaskNo {
    tagged(ShardId(shard), TaskNo(task))
}

fn report(task: TaskNo) -> Report {
    let outcome = Outcome::Completed(Payload::null());
    Report { task, attempt: Attempt(1), outcome, worked_ms: 1, checks: Vec::new() }
}

fn ended(reports: Vec<Report>) -> FromAgent {
    FromAgent::Ended { agent: ann(), incarnation: LIFE, reports }
}

#[test]
fn all_shards_hear_of_a_worker_and_only_those_concerned_of_its_work() {
    let mut desk = Desk::of(3);
    assert_eq!(
        desk.hears(Event::Worker(joined())),
        [say(0, joined()), say(1, joined()), say(2, joined())]
    );
    assert_eq!(desk.hears(Event::Worker(joined())), [], "it said so already");
    // What a new life holds concerns all of them.
    let all = [0, 1, 2].map(|shard| say(shard, beat(vec![])));
    assert_eq!(desk.hears(Event::Worker(beat(vec![]))), all);
    let both = ended(vec![report(task(1, 5)), report(task(2, 5)), report(task(1, 6))]);
    assert_eq!(
        desk.hears(Event::Worker(both)),
        [
            say(1, ended(vec![report(task(1, 5)), report(task(1, 6))])),
            say(2, ended(vec![report(task(2, 5))])),
        ]
    );
    let held = beat(vec![(task(2, 5), Attempt(1)), (task(0, 9), Attempt(3))]);
    assert_eq!(
        desk.hears(Event::Worker(held)),
        [
            say(0, beat(vec![(task(0, 9), Attempt(3))])),
            say(2, beat(vec![(task(2, 5), Attempt(1))])),
        ]
    );
}

#[test]
fn words_of_a_reign_that_is_over_are_refused() {
    let mut desk = Desk::of(2);
    desk.hears(Event::Worker(joined()));
    let word = || ToAgent::Acknowledged(Vec::new());
    assert_eq!(desk.leader(0, 4, word()), [Effect::Tell(ann(), word())]);
    assert_eq!(desk.leader(0, 3, word()), [Effect::Refused(ShardId(0), Epoch(3))]);
    assert_eq!(desk.roll(0, 3), [Effect::Refused(ShardId(0), Epoch(3))]);
    assert_eq!(desk.leader(1, 1, word()), [Effect::Tell(ann(), word())], "another shard's");
    assert_eq!(desk.leader(7, 9, word()), [Effect::Refused(ShardId(7), Epoch(9))]);
}

#[test]
fn a_roll_tells_of_the_idle_at_once_and_asks_those_who_hold_something() {
    let mut desk = Desk::of(2);
    desk.hears(Event::Worker(joined()));
    desk.hears(Event::Worker(beat(vec![])));
    let muster = Said::Muster(desk.0.muster());
    assert_eq!(
        desk.roll(1, 1),
        [say(1, joined()), say(1, beat(vec![])), Effect::Say(ShardId(1), muster.clone())]
    );
    let task = task(1, 5);
    desk.leader(1, 1, ToAgent::Assign(vec![super::testing::assignment(task)]));
    assert_eq!(desk.0.held(), 1);
    assert_eq!(
        desk.roll(1, 2),
        [Effect::Tell(ann(), ToAgent::WhoIsThere), Effect::Say(ShardId(1), muster)]
    );
    // The worker answers: only the shard that asked hears that it is there, and what it holds.
    assert_eq!(desk.hears(Event::Worker(joined())), [say(1, joined())]);
    let held = beat(vec![(task, Attempt(1))]);
    assert_eq!(desk.hears(Event::Worker(held.clone())), [say(1, held)]);
    desk.leader(1, 2, ToAgent::Acknowledged(vec![(task, Attempt(1))]));
    assert_eq!(desk.0.held(), 0);
}

#[test]
fn every_two_seconds_each_shard_is_told_in_short_who_is_there() {
    let mut desk = Desk::of(2);
    desk.hears(Event::Worker(joined()));
    let mut effects = Vec::new();
    desk.0.tick(now(10), &mut effects);
    let muster = Said::Muster(desk.0.muster());
    let told = [Effect::Say(ShardId(0), muster.clone()), Effect::Say(ShardId(1), muster)];
    assert_eq!(effects, told);
    desk.0.tick(now(11), &mut effects);
    assert_eq!(effects.len(), 2);
    assert_eq!(desk.0.wakeup(), Some(Moment::from_ms(10) + Duration::from_secs(2)));
}

#[test]
fn while_the_node_drains_every_shard_knows_that_its_workers_go_and_when_they_are_there_again() {
    let mut desk = Desk::of(2);
    desk.hears(Event::Worker(joined()));
    let leaving = || FromAgent::Leaving { agent: ann(), incarnation: LIFE };
    assert_eq!(desk.hears(Event::Draining(false)), [], "it did not");
    assert_eq!(desk.hears(Event::Draining(true)), [say(0, leaving()), say(1, leaving())]);
    assert_eq!(desk.hears(Event::Draining(true)), [], "it did before");
    // A leader that comes later learns of it with the roll.
    let muster = Effect::Say(ShardId(1), Said::Muster(desk.0.muster()));
    let told = [say(1, joined()), say(1, beat(vec![])), say(1, leaving()), muster];
    assert_eq!(desk.roll(1, 1), told);
    let back = [say(0, joined()), say(1, joined())];
    assert_eq!(desk.hears(Event::Draining(false)), back);
    // Of one that goes by itself nobody says that it is there again.
    desk.hears(Event::Worker(leaving()));
    desk.hears(Event::Draining(true));
    assert_eq!(desk.hears(Event::Draining(false)), []);
}

#[test]
fn a_worker_that_begins_while_the_node_drains_is_lent_to_nobody_until_it_does_not() {
    let mut desk = Desk::of(1);
    desk.hears(Event::Draining(true));
    let leaving = FromAgent::Leaving { agent: ann(), incarnation: LIFE };
    assert_eq!(desk.hears(Event::Worker(joined())), [say(0, joined()), say(0, leaving)]);
    let credits = |effects: &[Effect]| {
        effects.iter().rev().find_map(|effect| match effect {
            Effect::Say(_, Said::Words(words)) => match &words[0] {
                FromAgent::Granted { credits, .. } => Some(*credits),
                _ => None,
            },
            _ => None,
        })
    };
    let want = ToAgent::Want { incarnation: LIFE, number: 1, count: 2, held: 0, heard: 0 };
    assert_eq!(credits(&desk.leader(0, 1, want)), Some(0));
    assert_eq!(credits(&desk.hears(Event::Draining(false))), Some(2));
    assert_eq!(credits(&desk.hears(Event::Draining(true))), Some(0), "and no more");
}
