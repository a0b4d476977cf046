//! Random histories: wishes and grants that are lost, doubled, late and overtaken, leaders that
//! change, a capacity that changes. The oracle keeps its own books, by everybody's true time.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use orkestra_runtime::{
    chance::Chance,
    id::{Attempt, Epoch, ShardId, TaskNo},
    machine::Machine as _,
    time::{Moment, Now, Wall},
};

use crate::node::credits::{
    AttemptKey, CreditMachine, CreditSettings, Effect, Event, Grant, Leader, Want,
};

const SHARDS: u16 = 5;
const TERM: Duration = Duration::from_secs(1);

/// A leader that keeps to the rules.
#[derive(Default)]
struct Shard {
    epoch: u64,
    heard: u64,
    credits: u32,
    until: Moment,
    asked: u64,
    wish: u32,
    outstanding: BTreeSet<AttemptKey>,
    tasks: u64,
    /// When each wish was said, by its number.
    said: BTreeMap<u64, Moment>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Confirmed {
    wish: u64,
    grant: u64,
    /// How much it said that it could use.
    most: u32,
}

#[derive(Clone, Copy)]
enum Word {
    Want(Leader, Want),
    Assign(Leader, AttemptKey),
    Grant(Leader, Grant),
    Ended(AttemptKey),
}

struct World {
    machine: CreditMachine,
    chance: Chance,
    now: Moment,
    shards: Vec<Shard>,
    network: BTreeMap<(Moment, u64), Word>,
    words: u64,
    loss: u64,
    delay_ms: u64,
    capacity: u32,
    /// Capacities that some grant that is open may go by.
    capacities: Vec<(Moment, u32)>,
    at_work: BTreeSet<AttemptKey>,
    /// All grants: to whom, what, and from which moment their term runs.
    granted: Vec<(Leader, Grant, Moment)>,
    /// What each leader confirmed and the machine has heard: reign, wish, grant.
    confirmed: BTreeMap<Leader, Confirmed>,
    handed_back: u64,
    begun: u64,
    /// How much was claimed at the latest look.
    found: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::from_seed(seed);
        let capacity = u32::try_from(1 + chance.below(12)).unwrap();
        let shards = (0..SHARDS).map(|_| Shard { epoch: 1, ..Shard::default() }).collect();
        Self {
            machine: CreditMachine::new(CreditSettings::of(TERM), capacity),
            loss: chance.below(300),
            delay_ms: 1 + chance.below(400),
            chance,
            now: Moment::from_ms(10),
            shards,
            network: BTreeMap::new(),
            words: 0,
            capacity,
            capacities: vec![(Moment::START, capacity)],
            at_work: BTreeSet::new(),
            granted: Vec::new(),
            confirmed: BTreeMap::new(),
            handed_back: 0,
            begun: 0,
            found: 0,
        }
    }

    fn time(&self) -> Now {
        Now { moment: self.now, wall: Wall::from_ms(self.now.as_nanos() / 1_000_000) }
    }

    fn send(&mut self, make: impl Fn() -> Word) {
        let copies = match self.chance.below(1_000) {
            n if n < self.loss => 0,
            n if n > 900 => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let far = if self.chance.per_mille(20) { 10 } else { 1 };
            let at = self.now + Duration::from_millis(1 + self.chance.below(self.delay_ms * far));
            self.words += 1;
            self.network.insert((at, self.words), make());
        }
    }

    fn leader(&self, shard: usize) -> Leader {
        let no = u16::try_from(shard).unwrap();
        Leader { shard: ShardId(no), epoch: Epoch(self.shards[shard].epoch) }
    }

    fn ask(&mut self, index: usize, more: u32) {
        let (by, now) = (self.leader(index), self.now);
        let shard = &mut self.shards[index];
        let held = u32::try_from(shard.outstanding.len()).unwrap();
        shard.asked = (now.as_nanos()).max(shard.asked + 1);
        shard.said.insert(shard.asked, now);
        shard.wish = more;
        shard.credits = shard.credits.min(held + more);
        let want = Want { number: shard.asked, count: more, held, heard: shard.heard };
        self.send(|| Word::Want(by, want));
    }

    fn act(&mut self) {
        let index = usize::try_from(self.chance.below(u64::from(SHARDS))).unwrap();
        match self.chance.below(20) {
            0..=5 => {
                let more = u32::try_from(self.chance.below(6)).unwrap();
                self.ask(index, more);
            }
            6..=14 => {
                let (by, now) = (self.leader(index), self.now);
                let mut given = Vec::new();
                let shard = &mut self.shards[index];
                while shard.until > now && shard.outstanding.len() < shard.credits as usize {
                    shard.tasks += 1;
                    let no = (u64::from(by.shard.0) << 44) | shard.tasks;
                    let key = (TaskNo(no), Attempt(1));
                    shard.outstanding.insert(key);
                    given.push(key);
                }
                for key in given {
                    self.send(|| Word::Assign(by, key));
                }
            }
            15 | 16 => {
                let at_work: Vec<AttemptKey> = self.at_work.iter().copied().collect();
                if let Some(key) = self.chance.pick(&at_work).copied() {
                    self.end(key);
                }
            }
            17 if self.chance.per_mille(200) => {
                let shard = &mut self.shards[index];
                shard.epoch += 1;
                (shard.heard, shard.credits, shard.wish) = (0, 0, 0);
                if self.chance.per_mille(500) {
                    let by = self.leader(index);
                    self.confirmed.entry(by).or_default();
                    self.hear(Event::Reigns(by));
                }
            }
            18 if self.chance.per_mille(100) => {
                self.capacity = u32::try_from(self.chance.below(12)).unwrap();
                self.capacities.push((self.now, self.capacity));
                self.hear(Event::Capacity(self.capacity));
            }
            _ => {
                let by = Duration::from_millis(self.chance.below(200));
                self.pass(by);
            }
        }
    }

    fn end(&mut self, key: AttemptKey) {
        self.at_work.remove(&key);
        self.hear(Event::Ended(vec![key]));
        // The word of an end is said again until it is heard: late, but not lost.
        let at = self.now + Duration::from_millis(1 + self.chance.below(self.delay_ms * 4));
        self.words += 1;
        self.network.insert((at, self.words), Word::Ended(key));
    }

    fn hear(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.machine.step(self.time(), event, &mut effects);
        self.follow(effects);
    }

    fn follow(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Grant { to, grant } => {
                    let shard = &self.shards[usize::from(to.shard.0)];
                    let from = shard.said[&grant.asked];
                    self.granted.push((to, grant, from + grant.within));
                    self.send(|| Word::Grant(to, grant));
                }
                Effect::HandBack { to, attempts } => {
                    for key in attempts {
                        self.at_work.remove(&key);
                        self.shards[usize::from(to.shard.0)].outstanding.remove(&key);
                        self.handed_back += 1;
                    }
                }
            }
        }
    }

    fn pass(&mut self, by: Duration) {
        let until = self.now + by;
        loop {
            let word = self.network.keys().next().map(|(at, _)| *at);
            let tick = self.machine.wakeup();
            let Some(at) = word.into_iter().chain(tick).min().filter(|at| *at <= until) else {
                break;
            };
            self.now = self.now.max(at);
            if word == Some(at) {
                let (_, word) = self.network.pop_first().unwrap();
                self.arrive(word);
            } else {
                let mut effects = Vec::new();
                self.machine.tick(self.time(), &mut effects);
                assert!(self.machine.wakeup().is_none_or(|at| at > self.now), "due, and not done");
                self.follow(effects);
            }
            self.check();
        }
        self.now = until;
        let now = self.now;
        self.granted.retain(|(.., until)| *until > now);
    }

    fn arrive(&mut self, word: Word) {
        match word {
            Word::Want(by, want) => {
                // What an old leader says once another was heard counts for nothing.
                let is_old = self
                    .confirmed
                    .range(by..)
                    .any(|(other, _)| other.shard == by.shard && other.epoch > by.epoch);
                let known = self.confirmed.entry(by).or_default();
                if want.number > known.wish && !is_old {
                    let (wish, grant) = (want.number, want.heard);
                    let most = want.held + want.count;
                    // Said twice of one grant, the least stands.
                    let most = if known.grant == grant { known.most.min(most) } else { most };
                    *known = Confirmed { wish, grant, most };
                }
                self.hear(Event::Wanted { by, want });
            }
            Word::Assign(by, key) => {
                if !self.shards[usize::from(by.shard.0)].outstanding.contains(&key) {
                    // A double of what has ended: its worker would answer from memory.
                    return;
                }
                self.at_work.insert(key);
                self.begun += 1;
                self.hear(Event::Assigned { by, attempts: vec![key] });
            }
            Word::Grant(to, grant) => {
                let now = self.now;
                let shard = &mut self.shards[usize::from(to.shard.0)];
                if shard.epoch == to.epoch.0 && grant.number > shard.heard {
                    let less = grant.credits < shard.credits && shard.until > now;
                    shard.heard = grant.number;
                    shard.credits = grant.credits;
                    shard.until = shard.said[&grant.asked] + grant.within;
                    let wish = shard.wish;
                    if less {
                        self.ask(usize::from(to.shard.0), wish);
                    }
                }
            }
            Word::Ended(key) => {
                let shard = usize::try_from(key.0.0 >> 44).unwrap();
                self.shards[shard].outstanding.remove(&key);
            }
        }
    }

    /// What may be outstanding by what was said and by nothing that the machine believes.
    fn check(&mut self) {
        let most = self.capacities.windows(2).filter(|pair| pair[1].0 + TERM > self.now);
        let most = most.map(|pair| pair[0].1).chain([self.capacity]).max().unwrap();
        // What was begun before there was less room goes on; it never becomes more.
        let claimed = self.machine.claimed();
        assert!(claimed <= u64::from(most).max(self.found), "{claimed} of {most} are claimed");
        let mut each = Vec::new();
        let mut total = 0;
        for index in 0..SHARDS {
            let open = self
                .granted
                .iter()
                .filter(|(to, _, until)| to.shard.0 == index && *until > self.now);
            // One that was confirmed allows no more than its leader said that it would use.
            let may = open.map(|(to, grant, _)| {
                let known = self.confirmed.get(to).copied().unwrap_or_default();
                match grant.number.cmp(&known.grant) {
                    Ordering::Less => 0,
                    Ordering::Equal => grant.credits.min(known.most),
                    Ordering::Greater => grant.credits,
                }
            });
            let of_it = self.at_work.iter().filter(|(no, _)| no.0 >> 44 == u64::from(index));
            let may: Vec<u32> = may.collect();
            each.push(may.iter().max().copied());
            total += may.into_iter().max().unwrap_or(0).max(u32::try_from(of_it.count()).unwrap());
        }
        assert!(
            u64::from(total) <= claimed,
            "{total} may be outstanding, and {claimed} are claimed, at {:?}: {each:?} {:?}",
            self.now,
            self.machine
        );
        self.found = claimed;
    }

    /// Nobody disturbs any more: whoever wants is granted something.
    fn heal(&mut self) {
        (self.loss, self.delay_ms) = (0, 2);
        self.capacity = self.capacity.max(1);
        self.capacities.push((self.now, self.capacity));
        self.hear(Event::Capacity(self.capacity));
        let mut served = BTreeSet::new();
        for _ in 0..20 {
            for index in 0..usize::from(SHARDS) {
                self.ask(index, 3);
            }
            for _ in 0..10 {
                self.pass(TERM / 50);
                for key in self.at_work.clone() {
                    self.end(key);
                }
                for (index, shard) in self.shards.iter().enumerate() {
                    if shard.credits > 0 && shard.until > self.now {
                        served.insert(index);
                    }
                }
            }
        }
        assert_eq!(served.len(), usize::from(SHARDS), "somebody starves: {served:?}");
    }
}

#[test]
fn random_histories_never_lend_more_than_there_is_and_nobody_starves() {
    let (mut begun, mut handed_back) = (0, 0);
    for seed in 0..250 {
        let mut world = World::new(seed);
        for _ in 0..400 {
            world.act();
            world.check();
        }
        world.heal();
        begun += world.begun;
        handed_back += world.handed_back;
    }
    assert!(begun > 3_000, "idle, and proves nothing: {begun}");
    // Only what was on its way for longer than a quarter of the term.
    assert!(handed_back * 5 < begun, "{handed_back} of {begun} were handed back");
}
