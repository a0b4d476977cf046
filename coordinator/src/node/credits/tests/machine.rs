//! What is lent to whom, one event a line.

use std::time::Duration;

use orkestra_runtime::{
    id::{Attempt, Epoch, ShardId, TaskNo},
    machine::Machine as _,
    time::{Moment, Now, Wall},
};

use crate::node::credits::{CreditMachine, CreditSettings, Effect, Event, Leader, Want};

const TERM_MS: u64 = 5_000;
const SLICE_MS: u64 = TERM_MS / 20;

fn leader(shard: u16) -> Leader {
    Leader { shard: ShardId(shard), epoch: Epoch(1) }
}

/// A machine, the time, and what shards heard of it.
struct Script {
    machine: CreditMachine,
    ms: u64,
    numbers: u64,
    grants: usize,
}

impl Script {
    fn new(capacity: u32) -> Self {
        let machine = CreditMachine::new(CreditSettings::default(), capacity);
        Self { machine, ms: 0, numbers: 0, grants: 0 }
    }

    fn now(&self) -> Now {
        Now { moment: Moment::from_ms(self.ms), wall: Wall::from_ms(self.ms) }
    }

    /// What follows: `shard=credits`, or `shard!attempts` for what was handed back.
    fn told(&mut self, effects: &[Effect]) -> Vec<String> {
        assert!(self.machine.wakeup().is_none_or(|at| at > self.now().moment) || self.ms == 0);
        let told = effects.iter().map(|effect| match effect {
            Effect::Grant { to, grant } => {
                self.grants += 1;
                assert_eq!(grant.within, Duration::from_millis(TERM_MS * 3 / 4));
                format!("{}={}", to.shard, grant.credits)
            }
            Effect::HandBack { to, attempts } => format!("{}!{}", to.shard, attempts.len()),
        });
        told.collect()
    }

    fn step(&mut self, event: Event) -> Vec<String> {
        let (mut effects, now) = (Vec::new(), self.now());
        self.machine.step(now, event, &mut effects);
        self.told(&effects)
    }

    /// A shard that has heard every grant wishes for `count` more than it holds.
    fn want(&mut self, shard: u16, count: u32, held: u32) -> Vec<String> {
        self.want_unheard(shard, count, held, u64::MAX)
    }

    fn want_unheard(&mut self, shard: u16, count: u32, held: u32, heard: u64) -> Vec<String> {
        self.numbers += 1;
        let heard = heard.min(self.machine.latest_of(ShardId(shard)));
        let want = Want { number: self.numbers, count, held, heard };
        self.step(Event::Wanted { by: leader(shard), want })
    }

    fn assign(&mut self, shard: u16, tasks: std::ops::Range<u64>) -> Vec<String> {
        self.step(Event::Assigned { by: leader(shard), attempts: keys(shard, tasks) })
    }

    fn end(&mut self, shard: u16, tasks: std::ops::Range<u64>) -> Vec<String> {
        self.step(Event::Ended(keys(shard, tasks)))
    }

    fn pass(&mut self, ms: u64) -> Vec<String> {
        let until = self.ms + ms;
        let mut told = Vec::new();
        while let Some(at) = self.machine.wakeup().filter(|at| *at <= Moment::from_ms(until)) {
            self.ms = at.as_nanos().div_ceil(1_000_000);
            let (mut effects, now) = (Vec::new(), self.now());
            self.machine.tick(now, &mut effects);
            told.extend(self.told(&effects));
        }
        self.ms = until;
        told
    }
}

fn keys(shard: u16, tasks: std::ops::Range<u64>) -> Vec<(TaskNo, Attempt)> {
    let base = u64::from(shard) << 44;
    tasks.map(|n| (TaskNo(base | n), Attempt(1))).collect()
}

#[test]
fn one_shard_alone_is_granted_everything_in_one_word_and_works_without_another() {
    let mut script = Script::new(16);
    assert_eq!(script.want(0, 1, 0), ["0=16"]);
    for round in 0..1_000_u64 {
        assert_eq!(script.assign(0, round * 16..round * 16 + 16), [""; 0]);
        assert_eq!(script.end(0, round * 16..round * 16 + 16), [""; 0]);
    }
    assert_eq!(script.grants, 1, "16,000 tasks");
}

#[test]
fn a_second_shard_gets_its_share_once_the_first_has_confirmed_that_it_has_less() {
    let mut script = Script::new(16);
    assert_eq!(script.want(0, 100, 0), ["0=16"]);
    // The first is told, and until it is known that it heeds that, there is nothing for the other.
    assert_eq!(script.want(1, 100, 0), ["0=8", "1=0"]);
    assert_eq!(script.want(0, 100, 0), ["1=8", "0=8"]);
    assert_eq!(script.machine.claimed(), 16);
}

#[test]
fn a_reduction_that_is_never_confirmed_counts_once_its_term_is_over() {
    let mut script = Script::new(4);
    script.want(0, 9, 0);
    assert_eq!(script.want(1, 9, 0), ["0=2", "1=0"]);
    assert_eq!(script.pass(TERM_MS / 2), [""; 0]);
    script.want(1, 9, 0);
    // The first is silent: its wish is over after three quarters, its claim after all of the term.
    assert_eq!(script.pass(TERM_MS / 2), ["1=4"]);
}

#[test]
fn what_a_confirmation_says_to_be_out_is_waited_for() {
    let mut script = Script::new(4);
    script.want(0, 9, 0);
    script.want(1, 9, 0);
    // It heeds the reduction to two, and four are out already: two of them have not come yet.
    script.assign(0, 0..2);
    assert_eq!(script.want(0, 0, 4), ["0=2"]);
    assert_eq!(script.machine.claimed(), 4);
    assert_eq!(script.assign(0, 2..4), [""; 0]);
    assert_eq!(script.end(0, 0..3), ["1=2"]);
}

#[test]
fn a_wish_that_comes_again_or_late_or_of_an_old_leader_changes_nothing() {
    let mut script = Script::new(8);
    let by = leader(3);
    let wish = |number, count| Want { number, count, held: 0, heard: 0 };
    assert_eq!(script.step(Event::Wanted { by, want: wish(5, 1) }), ["3=8"]);
    assert_eq!(script.step(Event::Wanted { by, want: wish(5, 1) }), [""; 0]);
    assert_eq!(script.step(Event::Wanted { by, want: wish(4, 0) }), [""; 0]);
    let next = Leader { epoch: Epoch(2), ..by };
    assert_eq!(script.step(Event::Reigns(next)), [""; 0]);
    assert_eq!(script.step(Event::Wanted { by, want: wish(9, 0) }), [""; 0]);
    // The new one shares the claim of the old one, whose grants others get when they are over.
    assert_eq!(script.step(Event::Wanted { by: next, want: wish(1, 1) }), ["3=8"]);
    assert_eq!(script.machine.claimed(), 8);
}

#[test]
fn what_comes_after_its_grant_is_over_takes_no_room_from_others() {
    let mut script = Script::new(2);
    script.want(0, 2, 0);
    script.pass(TERM_MS);
    script.want(1, 2, 0);
    assert_eq!(script.machine.claimed(), 2);
    assert_eq!(script.assign(0, 0..1), ["0!1"]);
    // While there is room, it may have it.
    assert_eq!(script.want(1, 0, 0), [""; 0]);
    assert_eq!(script.assign(0, 1..2), [""; 0]);
    assert_eq!(script.assign(0, 1..2), [""; 0], "it is there already");
    assert_eq!(script.machine.outstanding(), 1);
}

#[test]
fn more_shards_than_capacity_take_turns_and_each_turn_is_a_slice() {
    let mut script = Script::new(2);
    let mut served = std::collections::BTreeMap::new();
    let mut told = Vec::new();
    for _ in 0..200 {
        for shard in 0..8 {
            told.extend(script.want(shard, 5, 0));
        }
        told.extend(script.pass(20));
        for word in told.drain(..) {
            let (shard, credits) = word.split_once('=').unwrap();
            if credits != "0" {
                served.entry(shard.to_owned()).or_insert_with(|| script.ms);
            }
        }
    }
    assert_eq!(served.len(), 8, "{served:?}");
    let last = served.values().max().unwrap();
    assert!(*last <= 8 * SLICE_MS, "one waited until {last}");
}

#[test]
fn who_is_idle_says_so_and_what_it_had_is_free_at_once() {
    let mut script = Script::new(8);
    script.want(0, 8, 0);
    assert_eq!(script.want(1, 8, 0), ["0=4", "1=0"]);
    assert_eq!(script.want(0, 0, 0), ["1=8"]);
    assert_eq!(script.machine.claimed(), 8);
}

#[test]
fn an_agent_that_goes_grants_nothing_more_and_one_that_comes_back_does() {
    let mut script = Script::new(8);
    script.want(0, 8, 0);
    assert_eq!(script.step(Event::Capacity(0)), ["0=0"]);
    assert_eq!(script.want(1, 8, 0), ["1=0"]);
    assert_eq!(script.want(0, 8, 0), ["0=0"]);
    assert_eq!(script.machine.claimed(), 0);
    assert_eq!(script.step(Event::Capacity(4)), ["0=2", "1=2"]);
}

#[test]
fn an_attempt_whose_end_nobody_told_is_forgotten_when_its_worker_twice_does_not_name_it() {
    let mut script = Script::new(1);
    script.want(0, 1, 0);
    script.assign(0, 0..1);
    assert_eq!(script.want(1, 1, 0), ["1=0"]);
    assert_eq!(script.pass(SLICE_MS), ["0=0"]);
    assert_eq!(script.want(0, 1, 1), ["0=0"]);
    assert_eq!(script.step(Event::Holds(keys(0, 0..1))), [""; 0]);
    assert_eq!(script.step(Event::Holds(Vec::new())), [""; 0]);
    assert_eq!(script.step(Event::Holds(Vec::new())), ["1=1"]);
}
