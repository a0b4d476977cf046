//! The world: leaders, agents, and words between them.

use std::{collections::BTreeMap, time::Duration};

use orkestra_runtime::{
    chance::Chance,
    id::{AgentId, Epoch, Incarnation, ShardId},
    machine::Machine as _,
    protocol::{
        agent::{FromAgent, Locked, Report, ToAgent},
        payload::Payload,
        task::{Failure, FailureKind, Outcome},
    },
    time::{Moment, Now},
};

use super::numbers::{of_shard, to_wire};
use crate::{
    node::credits::{AttemptKey, CreditMachine, CreditSettings, Effect, Event, Leader, Want},
    task::{
        TaskCommand, TaskEffect, TaskSettings,
        tests::script::{Script, profile, task},
    },
};

const LIFE: Incarnation = Incarnation(1);
const BEAT: Duration = Duration::from_secs(2);

/// The agent's side: its credits, and what it works on.
pub(super) struct Host {
    pub(super) id: AgentId,
    pub(super) capacity: u32,
    pub(super) credits: CreditMachine,
    pub(super) at_work: BTreeMap<AttemptKey, (Leader, Moment)>,
    /// Ended, and not acknowledged.
    pub(super) ended: BTreeMap<AttemptKey, Leader>,
    pub(super) beat_at: Moment,
    pub(super) most: usize,
    pub(super) handed_back: usize,
}

pub(super) enum Word {
    To(usize, Leader, ToAgent),
    From(Leader, FromAgent),
}

#[derive(Clone, Copy)]
pub(super) struct Weather {
    pub(super) loss: u64,
    pub(super) double: u64,
    pub(super) delay_us: u64,
}

pub(super) struct World {
    pub(super) now: Moment,
    pub(super) chance: Chance,
    pub(super) weather: Weather,
    pub(super) work: Duration,
    pub(super) shards: Vec<(Epoch, Script)>,
    pub(super) hosts: Vec<Host>,
    pub(super) network: BTreeMap<(Moment, u64), Word>,
    pub(super) words: u64,
    /// How many words were about credit.
    pub(super) about_credit: usize,
    pub(super) first_given: BTreeMap<u16, Moment>,
}

impl World {
    pub(super) fn new(seed: u64, shards: u16, capacities: &[u32], weather: Weather) -> Self {
        let now = Moment::from_ms(100_000);
        let settings = TaskSettings { needs_credit: true, ..TaskSettings::default() };
        let shards = (0..shards).map(|_| {
            let mut script = Script::with(settings.clone());
            script.now.moment = now;
            script.machine.promote(script.now);
            (Epoch(1), script)
        });
        let hosts = capacities.iter().enumerate().map(|(index, capacity)| Host {
            id: AgentId::new(format!("a{index}")).unwrap(),
            capacity: *capacity,
            credits: CreditMachine::new(CreditSettings::default(), *capacity),
            at_work: BTreeMap::new(),
            ended: BTreeMap::new(),
            beat_at: now + BEAT,
            most: 0,
            handed_back: 0,
        });
        let mut world = Self {
            now,
            chance: Chance::from_seed(seed),
            weather,
            work: Duration::from_millis(20),
            shards: shards.collect(),
            hosts: hosts.collect(),
            network: BTreeMap::new(),
            words: 0,
            about_credit: 0,
            first_given: BTreeMap::new(),
        };
        for shard in 0..world.shards.len() {
            world.introduce(shard);
        }
        world
    }

    /// Every agent says to a shard that it is there.
    pub(super) fn introduce(&mut self, shard: usize) {
        for host in 0..self.hosts.len() {
            let (name, capacity) = (self.hosts[host].id.to_string(), self.hosts[host].capacity);
            let joined = FromAgent::Joined { profile: profile(&name, capacity), incarnation: LIFE };
            self.tell(shard, joined);
            let beat = self.beat_of(host);
            self.tell(shard, beat);
        }
    }

    fn beat_of(&self, host: usize) -> FromAgent {
        let host = &self.hosts[host];
        let held = host.at_work.keys().chain(host.ended.keys()).copied().collect();
        FromAgent::Beat { agent: host.id.clone(), incarnation: LIFE, held }
    }

    fn time(&self) -> Now {
        Now { moment: self.now, ..self.shards[0].1.now }
    }

    /// Brings a shard's clock up to the present, and lets it do what is due.
    pub(super) fn wake(&mut self, shard: usize) {
        let script = &mut self.shards[shard].1;
        let passed = self.now.since(script.now.moment);
        script.advance(passed);
        self.carry_out(shard);
    }

    fn tell(&mut self, shard: usize, news: FromAgent) {
        let no = ShardId(u16::try_from(shard).unwrap());
        self.wake(shard);
        if let Some(news) = of_shard(no, news) {
            self.shards[shard].1.tell(TaskCommand::Heard(news));
        }
        self.carry_out(shard);
    }

    fn leader(&self, shard: usize) -> Leader {
        Leader { shard: ShardId(u16::try_from(shard).unwrap()), epoch: self.shards[shard].0 }
    }

    /// What a leader's hands do: numbers get their shard, and go on their way.
    fn carry_out(&mut self, shard: usize) {
        let by = self.leader(shard);
        for effect in std::mem::take(&mut self.shards[shard].1.effects) {
            let TaskEffect::Tell { agent, message } = effect else { continue };
            let host = self.hosts.iter().position(|host| host.id == agent).unwrap();
            self.about_credit += usize::from(matches!(message, ToAgent::Want { .. }));
            if matches!(message, ToAgent::Assign(_)) {
                self.first_given.entry(by.shard.0).or_insert(self.now);
            }
            self.send(|| Word::To(host, by, to_wire(by.shard, message.clone())));
        }
    }

    fn send(&mut self, word: impl Fn() -> Word) {
        let copies = match self.chance.below(1_000) {
            n if n < self.weather.loss => 0,
            n if n >= 1_000 - self.weather.double => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let late = if self.chance.per_mille(self.weather.loss / 10) { 30 } else { 1 };
            let delay = 100 + self.chance.below(self.weather.delay_us * late);
            self.words += 1;
            let at = self.now + Duration::from_micros(delay);
            self.network.insert((at, self.words), word());
        }
    }

    fn arrive(&mut self, word: Word) {
        match word {
            Word::From(to, news) => {
                let shard = usize::from(to.shard.0);
                // A frame names the reign that it is for; grants of another are not for this one.
                let is_grant = matches!(news, FromAgent::Granted { .. });
                if !is_grant || self.shards[shard].0 == to.epoch {
                    self.tell(shard, news);
                }
            }
            Word::To(host, by, message) => self.work_on(host, by, message),
        }
    }

    fn work_on(&mut self, index: usize, by: Leader, message: ToAgent) {
        match message {
            ToAgent::Want { number, count, held, heard, .. } => {
                let want = Want { number, count, held, heard };
                self.credit(index, Event::Wanted { by, want });
            }
            ToAgent::Assign(batch) => {
                for assignment in batch {
                    let key = (assignment.task, assignment.attempt);
                    let host = &mut self.hosts[index];
                    if host.ended.contains_key(&key) {
                        self.report(index, key, by, Outcome::Completed(Payload::null()));
                        continue;
                    }
                    if host.at_work.contains_key(&key) {
                        continue;
                    }
                    let attempts = vec![key];
                    if self.credit(index, Event::Assigned { by, attempts }) {
                        let host = &mut self.hosts[index];
                        host.handed_back += 1;
                        let full = Failure::new(FailureKind::HandedBack, "the agent is full");
                        self.report(index, key, by, Outcome::Failed(full));
                        continue;
                    }
                    let until = self.now + self.work;
                    let host = &mut self.hosts[index];
                    host.at_work.insert(key, (by, until));
                    host.most = host.most.max(host.at_work.len());
                    assert!(host.at_work.len() <= host.capacity as usize, "{} is full", host.id);
                }
            }
            ToAgent::AssignLocked(batch) => {
                let batch = batch.into_iter().map(Locked::opened).collect();
                self.work_on(index, by, ToAgent::Assign(batch));
            }
            ToAgent::Cancel { task, attempt, .. } => {
                let key = (task, attempt);
                if self.hosts[index].at_work.remove(&key).is_some() {
                    self.credit(index, Event::Ended(vec![key]));
                }
            }
            ToAgent::Acknowledged(keys) => {
                for key in keys {
                    self.hosts[index].ended.remove(&key);
                }
            }
            ToAgent::WhoIsThere => {}
        }
    }

    /// Tells the credit machine of an agent; answers whether something was handed back.
    fn credit(&mut self, index: usize, event: Event) -> bool {
        let (mut effects, now) = (Vec::new(), self.time());
        self.hosts[index].credits.step(now, event, &mut effects);
        self.follow(index, effects)
    }

    fn follow(&mut self, index: usize, effects: Vec<Effect>) -> bool {
        let host = &self.hosts[index];
        assert!(host.credits.claimed() <= u64::from(host.capacity));
        let agent = host.id.clone();
        let mut is_back = false;
        for effect in effects {
            match effect {
                Effect::Grant { to, grant } => {
                    self.about_credit += 1;
                    let granted = FromAgent::Granted {
                        agent: agent.clone(),
                        incarnation: LIFE,
                        number: grant.number,
                        asked: grant.asked,
                        credits: grant.credits,
                        for_ms: u64::try_from(grant.within.as_millis()).unwrap(),
                    };
                    self.send(|| Word::From(to, granted.clone()));
                }
                Effect::HandBack { .. } => is_back = true,
            }
        }
        is_back
    }

    fn report(&mut self, index: usize, (task, attempt): AttemptKey, to: Leader, outcome: Outcome) {
        let report = Report { task, attempt, outcome, worked_ms: 1, checks: Vec::new() };
        let agent = self.hosts[index].id.clone();
        let reports = vec![report];
        let ended = FromAgent::Ended { agent, incarnation: LIFE, reports };
        self.send(|| Word::From(to, ended.clone()));
    }

    /// What of an agent is due: attempts that end, words said again, credits.
    fn attend(&mut self, index: usize) {
        let now = self.now;
        let host = &mut self.hosts[index];
        let over: Vec<(AttemptKey, Leader)> = host
            .at_work
            .iter()
            .filter(|(_, (_, until))| *until <= now)
            .map(|(key, (by, _))| (*key, *by))
            .collect();
        for (key, by) in over {
            let host = &mut self.hosts[index];
            host.at_work.remove(&key);
            host.ended.insert(key, by);
            self.credit(index, Event::Ended(vec![key]));
            self.report(index, key, by, Outcome::Completed(Payload::null()));
        }
        if self.hosts[index].beat_at <= now {
            self.hosts[index].beat_at = now + BEAT;
            let held = self.hosts[index].at_work.keys().copied().collect();
            self.credit(index, Event::Holds(held));
            let beat = self.beat_of(index);
            for shard in 0..self.shards.len() {
                let to = self.leader(shard);
                self.send(|| Word::From(to, beat.clone()));
            }
            for (key, by) in self.hosts[index].ended.clone() {
                self.report(index, key, by, Outcome::Completed(Payload::null()));
            }
        }
        let (mut effects, time) = (Vec::new(), self.time());
        self.hosts[index].credits.tick(time, &mut effects);
        self.follow(index, effects);
    }

    fn wakeup_of(&self, index: usize) -> Option<Moment> {
        let host = &self.hosts[index];
        let work = host.at_work.values().map(|(_, until)| *until);
        work.chain([host.beat_at]).chain(host.credits.wakeup()).min()
    }

    fn wakeup_of_shard(&self, shard: usize) -> Option<Moment> {
        let script = &self.shards[shard].1;
        script.machine.wakeup(script.now)
    }

    fn is_done(&self) -> bool {
        let left = |script: &Script| {
            script.machine.durable.tasks.values().filter(|task| !task.has_ended()).count()
        };
        self.shards.iter().all(|(_, script)| left(script) == 0)
    }

    /// Goes on to the next thing that happens.
    pub(super) fn next(&mut self) {
        let word = self.network.keys().next().map(|(at, _)| *at);
        let hosts = (0..self.hosts.len()).filter_map(|host| self.wakeup_of(host));
        let shards = (0..self.shards.len()).filter_map(|shard| self.wakeup_of_shard(shard));
        let at = word.into_iter().chain(hosts).chain(shards).min().unwrap();
        self.now = self.now.max(at);
        while let Some(entry) = self.network.first_entry().filter(|e| e.key().0 <= self.now) {
            let word = entry.remove();
            self.arrive(word);
        }
        for host in 0..self.hosts.len() {
            if self.wakeup_of(host).is_some_and(|at| at <= self.now) {
                self.attend(host);
            }
        }
        for shard in 0..self.shards.len() {
            if self.wakeup_of_shard(shard).is_some_and(|at| at <= self.now) {
                self.wake(shard);
            }
        }
    }

    pub(super) fn submit(&mut self, shard: usize, count: usize) {
        let specs: Vec<_> = (0..count).map(|n| task(&format!("t{n}"), &[])).collect();
        self.wake(shard);
        self.shards[shard].1.stream(&[]);
        for some in specs.chunks(200) {
            self.shards[shard].1.submit(some);
        }
        self.carry_out(shard);
    }

    /// Until every task has ended; answers how long that took.
    pub(super) fn run(&mut self, within: Duration) -> Duration {
        let began = self.now;
        while !self.is_done() {
            self.next();
            assert!(self.now.since(began) < within, "it does not come to an end");
        }
        self.now.since(began)
    }
}
