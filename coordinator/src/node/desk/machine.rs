//! A node's desk: what stands between its workers and all shards. Pure.
//!
//! Promises:
//! - words of a reign that is over are refused: the latest reign of each shard is remembered;
//! - what workers say goes to the shards that it concerns, and to no other;
//! - a leader that asks for the roll learns of every worker, of what each holds of its shard, and of
//!   outcomes that were not acknowledged;
//! - now and then each shard is told in short who is there, so that a word that was lost is missed;
//! - while the node drains, its workers are lent to nobody, and every shard knows that they are about
//!   to go; what they hold they finish.
//!
//! It does not promise that a word arrives: what needs an answer is said again by who needs it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use orkestra_runtime::{
    id::{AgentId, Epoch, Incarnation, ShardId, TaskNo},
    machine::Machine,
    protocol::{
        agent::{AgentProfile, FromAgent, ToAgent},
        desk::{Muster, Said as DeskSaid, ToDesk, untagged},
    },
    time::{Moment, Now},
};

use super::seat::Seat;
use crate::{
    node::credits::{Counter, CreditSettings, Leader, Said},
    task::PERSON,
};

/// How often each shard is told in short who is there.
const MUSTER_EVERY: Duration = Duration::from_secs(2);

/// What can happen to a desk.
#[derive(Debug)]
pub(crate) enum Event {
    /// A worker of this node says something.
    Worker(FromAgent),
    /// The leader of a shard says something.
    Leader(ToDesk),
    /// What was said lately may have been lost: the connection was.
    Reconnected,
    /// The node takes no more work, or does again.
    Draining(bool),
}

/// What a desk asks of the world.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Tell a worker of this node.
    Tell(AgentId, ToAgent),
    /// Say this to the leader of a shard.
    Say(ShardId, DeskSaid),
    /// Words of a reign that is over were refused.
    Refused(ShardId, Epoch),
}

/// Pure; see the module.
#[derive(Debug)]
pub(crate) struct DeskMachine {
    shards: u16,
    seats: BTreeMap<AgentId, Seat>,
    reigns: BTreeMap<ShardId, Epoch>,
    credits: CreditSettings,
    muster_at: Moment,
    is_draining: bool,
}

impl DeskMachine {
    /// The desk of a node in a cluster of so many shards.
    pub(crate) fn new(shards: u16, credits: CreditSettings) -> Self {
        let (seats, reigns) = (BTreeMap::new(), BTreeMap::new());
        Self { shards, seats, reigns, credits, muster_at: Moment::START, is_draining: false }
    }

    fn shards(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..self.shards).map(ShardId)
    }

    /// Who is there, in short.
    pub(crate) fn muster(&self) -> Muster {
        let mut muster = Muster::default();
        for (agent, seat) in &self.seats {
            muster.add(agent, seat.incarnation);
        }
        muster
    }

    /// How many attempts its workers hold, as far as it knows.
    pub(crate) fn held(&self) -> usize {
        let open = self.seats.values().flat_map(|seat| seat.open.values());
        open.map(BTreeSet::len).sum()
    }

    fn to_all(&self, words: &[FromAgent], effects: &mut Vec<Effect>) {
        for word in words {
            effects.extend(self.shards().map(|shard| say(shard, word.clone())));
        }
    }

    fn worker(&mut self, now: Now, word: FromAgent, effects: &mut Vec<Effect>) {
        let agent = match &word {
            FromAgent::Joined { profile, .. } => &profile.id,
            FromAgent::Beat { agent, .. }
            | FromAgent::Progressed { agent, .. }
            | FromAgent::Ended { agent, .. }
            | FromAgent::Left { agent, .. }
            | FromAgent::Leaving { agent, .. }
            | FromAgent::Kept { agent, .. }
            | FromAgent::Understood { agent, .. }
            | FromAgent::Granted { agent, .. } => agent,
        };
        let mut said = Vec::new();
        if let Some(seat) = self.seats.get_mut(agent) {
            seat.counter.worker_said(now, &word, &mut said);
            seat.is_leaving |= matches!(word, FromAgent::Leaving { .. });
        }
        self.route(now, word, effects);
        grant(said, effects);
    }

    fn route(&mut self, now: Now, word: FromAgent, effects: &mut Vec<Effect>) {
        match word {
            FromAgent::Joined { profile, incarnation } => {
                self.joined(now, (profile, incarnation), effects);
            }
            FromAgent::Beat { agent, incarnation, held } => {
                self.beat((agent, incarnation), held, effects);
            }
            FromAgent::Progressed { task, .. } | FromAgent::Kept { task, .. } => {
                effects.push(say(untagged(task).0, word));
            }
            FromAgent::Ended { agent, incarnation, reports } => {
                let mut by_shard: BTreeMap<ShardId, Vec<_>> = BTreeMap::new();
                for report in reports {
                    by_shard.entry(untagged(report.task).0).or_default().push(report);
                }
                for (shard, reports) in by_shard {
                    let agent = agent.clone();
                    effects.push(say(shard, FromAgent::Ended { agent, incarnation, reports }));
                }
            }
            FromAgent::Left { ref agent, incarnation } => {
                self.to_all(std::slice::from_ref(&word), effects);
                if self.seats.get(agent).is_some_and(|seat| seat.incarnation <= incarnation) {
                    self.seats.remove(agent);
                }
            }
            FromAgent::Leaving { .. } => self.to_all(std::slice::from_ref(&word), effects),
            // Credit is given at this desk, and no worker speaks of it.
            FromAgent::Granted { .. } => {}
            FromAgent::Understood { ref agent, .. } => {
                // Only those for whom it works want to know what it understands.
                let Some(seat) = self.seats.get(agent) else { return };
                let shards: Vec<ShardId> = seat.open.keys().copied().collect();
                effects.extend(shards.into_iter().map(|shard| say(shard, word.clone())));
            }
        }
    }

    fn joined(
        &mut self,
        now: Now,
        (profile, incarnation): (AgentProfile, Incarnation),
        effects: &mut Vec<Effect>,
    ) {
        let mut words = vec![FromAgent::Joined { profile: profile.clone(), incarnation }];
        words.extend(self.going(&profile, incarnation));
        match self.seats.get_mut(&profile.id) {
            Some(seat) if seat.incarnation == incarnation && seat.profile == profile => {
                // Said because it was asked: only those who asked need to hear it.
                for shard in seat.asked_by.clone() {
                    effects.extend(words.iter().map(|word| say(shard, word.clone())));
                }
                return;
            }
            Some(seat) if seat.incarnation == incarnation => seat.profile = profile,
            Some(_) | None => {
                let mut counter = Counter::new(self.credits, &profile, incarnation);
                counter.close(now, self.is_draining, &mut Vec::new());
                let name = profile.id.clone();
                let seat = Seat::new(profile, incarnation, counter);
                self.seats.insert(name, seat);
            }
        }
        self.to_all(&words, effects);
    }

    /// What is said of a worker after `Joined` while the node drains. People have no worker.
    fn going(&self, profile: &AgentProfile, incarnation: Incarnation) -> Option<FromAgent> {
        let is_going = self.is_draining && profile.kind != PERSON;
        is_going.then(|| FromAgent::Leaving { agent: profile.id.clone(), incarnation })
    }

    /// Lends no worker any more and says that all are about to go, or that all are there again.
    fn drain(&mut self, now: Now, is_draining: bool, effects: &mut Vec<Effect>) {
        if std::mem::replace(&mut self.is_draining, is_draining) == is_draining {
            return;
        }
        let (mut said, mut words) = (Vec::new(), Vec::new());
        for seat in self.seats.values_mut() {
            seat.counter.close(now, is_draining, &mut said);
        }
        for seat in self.seats.values().filter(|seat| !seat.is_leaving) {
            let Seat { profile, incarnation, .. } = seat;
            let back = || FromAgent::Joined { profile: profile.clone(), incarnation: *incarnation };
            words.push(self.going(profile, *incarnation).unwrap_or_else(back));
        }
        self.to_all(&words, effects);
        grant(said, effects);
    }

    fn beat(
        &mut self,
        (agent, incarnation): (AgentId, Incarnation),
        held: Vec<(TaskNo, orkestra_runtime::id::Attempt)>,
        effects: &mut Vec<Effect>,
    ) {
        let all = self.shards();
        let heard_by = self.seats.get_mut(&agent).map(|seat| seat.beat_heard_by(all));
        let heard_by = heard_by.unwrap_or_default().into_iter();
        let mut by_shard: BTreeMap<ShardId, Vec<_>> =
            heard_by.map(|shard| (shard, Vec::new())).collect();
        for (task, attempt) in held {
            by_shard.entry(untagged(task).0).or_default().push((task, attempt));
        }
        for (shard, held) in by_shard {
            let agent = agent.clone();
            effects.push(say(shard, FromAgent::Beat { agent, incarnation, held }));
        }
    }

    fn leader(&mut self, now: Now, said: ToDesk, effects: &mut Vec<Effect>) {
        match said {
            ToDesk::Words { shard, epoch, words } => {
                if !self.is_current(now, (shard, epoch), effects) {
                    return;
                }
                for (agent, word) in words {
                    self.pass_on((now, Leader { shard, epoch }), agent, word, effects);
                }
            }
            ToDesk::Roll { shard, epoch } => {
                if self.is_current(now, (shard, epoch), effects) {
                    self.call_roll(shard, effects);
                }
            }
        }
    }

    /// Whether the reign that speaks is the latest one that was heard of.
    fn is_current(
        &mut self,
        now: Now,
        (shard, epoch): (ShardId, Epoch),
        effects: &mut Vec<Effect>,
    ) -> bool {
        let latest = self.reigns.get(&shard).copied();
        if latest.is_some_and(|latest| epoch < latest) || shard.0 >= self.shards {
            effects.push(Effect::Refused(shard, epoch));
            return false;
        }
        if latest != Some(epoch) {
            self.reigns.insert(shard, epoch);
            let mut said = Vec::new();
            for seat in self.seats.values_mut() {
                seat.counter.reigns(now, Leader { shard, epoch }, &mut said);
            }
            grant(said, effects);
        }
        true
    }

    fn pass_on(
        &mut self,
        (now, by): (Now, Leader),
        agent: AgentId,
        word: ToAgent,
        effects: &mut Vec<Effect>,
    ) {
        let Some(seat) = self.seats.get_mut(&agent) else { return };
        let (mut said, shard) = (Vec::new(), by.shard);
        let word = seat.counter.leader_said(now, by, word, &mut said);
        grant(said, effects);
        let Some(word) = word else { return };
        match &word {
            ToAgent::Assign(assignments) => {
                let open = seat.open.entry(shard).or_default();
                open.extend(assignments.iter().map(|assignment| assignment.task));
            }
            ToAgent::AssignLocked(batch) => {
                let open = seat.open.entry(shard).or_default();
                open.extend(batch.iter().map(|one| one.assignment.task));
            }
            ToAgent::Acknowledged(heard) => {
                if let Some(open) = seat.open.get_mut(&shard) {
                    for (task, _) in heard {
                        open.remove(task);
                    }
                }
            }
            ToAgent::Cancel { .. } | ToAgent::Want { .. } => {}
            ToAgent::WhoIsThere => drop(seat.asked_by.insert(shard)),
        }
        effects.push(Effect::Tell(agent, word));
    }

    fn call_roll(&mut self, shard: ShardId, effects: &mut Vec<Effect>) {
        let mut idle = Vec::new();
        for (agent, seat) in &mut self.seats {
            let holds = seat.open.get(&shard).is_some_and(|open| !open.is_empty());
            if holds {
                // Only its worker knows what it holds and what was not acknowledged.
                seat.asked_by.insert(shard);
                effects.push(Effect::Tell(agent.clone(), ToAgent::WhoIsThere));
                continue;
            }
            idle.push((seat.profile.clone(), seat.incarnation));
        }
        for (profile, incarnation) in idle {
            let going = self.going(&profile, incarnation);
            let (agent, held) = (profile.id.clone(), Vec::new());
            effects.push(say(shard, FromAgent::Joined { profile, incarnation }));
            effects.push(say(shard, FromAgent::Beat { agent, incarnation, held }));
            effects.extend(going.map(|word| say(shard, word)));
        }
        effects.push(Effect::Say(shard, DeskSaid::Muster(self.muster())));
    }

    /// Says again whatever may have been lost.
    fn say_again(&mut self, effects: &mut Vec<Effect>) {
        for shard in self.shards() {
            self.call_roll(shard, effects);
        }
    }
}

/// What a counter says to leaders.
fn grant(said: Said, effects: &mut Vec<Effect>) {
    effects.extend(said.into_iter().map(|(leader, word)| say(leader.shard, word)));
}

fn say(shard: ShardId, word: FromAgent) -> Effect {
    Effect::Say(shard, DeskSaid::Words(vec![word]))
}

impl Machine for DeskMachine {
    type Event = Event;
    type Effect = Effect;

    fn step(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Worker(word) => self.worker(now, word, effects),
            Event::Leader(said) => self.leader(now, said, effects),
            Event::Reconnected => self.say_again(effects),
            Event::Draining(is_draining) => self.drain(now, is_draining, effects),
        }
    }

    fn tick(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let mut said = Vec::new();
        for seat in self.seats.values_mut() {
            seat.counter.tick(now, &mut said);
        }
        grant(said, effects);
        if now.moment < self.muster_at {
            return;
        }
        self.muster_at = now.moment + MUSTER_EVERY;
        let muster = self.muster();
        for shard in self.shards() {
            effects.push(Effect::Say(shard, DeskSaid::Muster(muster)));
        }
    }

    fn wakeup(&self) -> Option<Moment> {
        let counters = self.seats.values().filter_map(|seat| seat.counter.wakeup());
        counters.chain([self.muster_at]).min()
    }
}
