//! A worker in a small world of chance, watched by an oracle that knows only what was said.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use orkestra_runtime::{
    chance::Chance,
    id::{AgentId, Attempt, Incarnation, TaskNo},
    machine::Machine as _,
    protocol::{
        agent::{AgentProfile, Assignment, Availability, FromAgent},
        payload::Payload,
        task::{Failure, Outcome},
    },
    time::{Moment, Now, Wall},
};

use super::{Collected, Effect, Event, Terms, WorkerMachine};
use crate::{context::AttemptKey, testing::assignment};

const CAPACITY: u32 = 3;
const STEPS: u64 = 200;

struct World {
    worker: WorkerMachine,
    chance: Chance,
    ms: u64,
    running: BTreeSet<AttemptKey>,
    assigned: BTreeSet<AttemptKey>,
    begun: BTreeSet<AttemptKey>,
    reported: BTreeMap<AttemptKey, Outcome>,
    acknowledged: BTreeSet<AttemptKey>,
    stopped: bool,
    failed: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let terms = Terms {
            silence_max: Some(Duration::from_millis(60)),
            grace: Duration::from_millis(5),
            redeliver_after: Duration::from_millis(20),
            restart_on: BTreeSet::new(),
            ..Terms::default()
        };
        let profile = AgentProfile {
            id: AgentId::new("a").unwrap(),
            kind: String::new(),
            description: String::new(),
            capabilities: Vec::new(),
            specialties: Vec::new(),
            capacity: CAPACITY,
            availability: Availability::Available,
        };
        Self {
            worker: WorkerMachine::new(profile, Incarnation(1), Arc::new(terms), None),
            chance: Chance::from_seed(seed),
            ms: 0,
            running: BTreeSet::new(),
            assigned: BTreeSet::new(),
            begun: BTreeSet::new(),
            reported: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            stopped: false,
            failed: false,
        }
    }

    fn now(&self) -> Now {
        Now { moment: Moment::from_ms(self.ms), wall: Wall::from_ms(self.ms) }
    }

    fn happens(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.worker.step(self.now(), event, &mut effects);
        self.judge(effects);
    }

    fn ticks(&mut self) {
        let mut effects = Vec::new();
        self.worker.tick(self.now(), &mut effects);
        assert!(self.worker.wakeup().is_none_or(|at| at > self.now().moment));
        self.judge(effects);
    }

    /// What may never happen, whatever happens.
    fn judge(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            assert!(!self.stopped, "{effect:?} after its end");
            match effect {
                Effect::Begin(batch) => {
                    for one in batch {
                        let key = (one.task, one.attempt);
                        assert!(self.begun.insert(key), "{key:?} was begun twice");
                        assert!(!self.reported.contains_key(&key), "{key:?} has ended already");
                        self.running.insert(key);
                    }
                    let most = usize::try_from(CAPACITY).unwrap();
                    assert!(self.running.len() <= most, "{:?} run", self.running);
                }
                Effect::Abandon(key) => {
                    assert!(self.running.remove(&key), "{key:?} is abandoned and does not run");
                }
                Effect::Say(FromAgent::Ended { reports, .. }) => {
                    for report in reports {
                        let key = (report.task, report.attempt);
                        assert!(self.assigned.contains(&key), "{key:?} was never assigned");
                        let first =
                            self.reported.entry(key).or_insert_with(|| report.outcome.clone());
                        assert_eq!(*first, report.outcome, "{key:?} ended in two ways");
                    }
                }
                Effect::Stop => self.stopped = true,
                Effect::Fail(_) => self.failed = true,
                Effect::Say(_)
                | Effect::Cancel(_)
                | Effect::Collect
                | Effect::Look
                | Effect::Beat => {}
            }
        }
    }

    fn one_of(&mut self, keys: &BTreeSet<AttemptKey>) -> Option<AttemptKey> {
        let keys: Vec<AttemptKey> = keys.iter().copied().collect();
        self.chance.pick(&keys).copied()
    }

    fn assign(&mut self) {
        let (task, attempt) = (self.chance.below(12) + 1, self.chance.below(3) + 1);
        let key = (TaskNo(task), Attempt(u32::try_from(attempt).unwrap()));
        if !self.acknowledged.contains(&key) {
            self.assigned.insert(key);
            let timeout_ms = self.chance.per_mille(300).then_some(30);
            let one = Assignment { attempt: key.1, timeout_ms, ..assignment(task) };
            self.happens(Event::Assigned(vec![one]));
        }
    }

    fn end_one(&mut self) {
        if let Some(key) = self.one_of(&self.running.clone()) {
            self.running.remove(&key);
            let outcome = match self.chance.below(3) {
                0 => Outcome::Completed(Payload::null()),
                1 => Outcome::Cancelled,
                _ => Outcome::Failed(Failure::error("no")),
            };
            let ended = vec![(key, Some(outcome))];
            self.happens(Event::Collected(Collected { ended, ..Collected::default() }));
        }
    }

    fn step(&mut self) {
        match self.chance.below(8) {
            0..=2 => self.assign(),
            3 | 4 => self.end_one(),
            5 => {
                if let Some(key) = self.one_of(&self.assigned.clone()) {
                    self.happens(Event::CancelAsked(key));
                }
            }
            6 => {
                let reported = self.reported.keys().copied().collect();
                if let Some(key) = self.one_of(&reported) {
                    self.acknowledged.insert(key);
                    self.happens(Event::Acknowledged(vec![key]));
                }
            }
            _ => {
                self.ms += self.chance.below(20);
                self.ticks();
            }
        }
    }
}

#[test]
fn whatever_happens_each_attempt_ends_once_and_no_more_run_than_there_is_room_for() {
    let (mut completed, mut cancelled, mut failed) = (0, 0, 0);
    for seed in 0..300 {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.happens(Event::DrainAsked(Duration::from_millis(10)));
        world.ms += 10;
        world.ticks();
        assert!(world.stopped && !world.failed, "seed {seed}");
        assert!(world.running.is_empty(), "seed {seed}: {:?}", world.running);
        let reported: BTreeSet<AttemptKey> = world.reported.keys().copied().collect();
        assert_eq!(world.assigned, reported, "seed {seed}");
        for outcome in world.reported.values() {
            match outcome {
                Outcome::Completed(_) => completed += 1,
                Outcome::Cancelled => cancelled += 1,
                Outcome::Failed(_) => failed += 1,
            }
        }
    }
    assert!(completed > 500 && cancelled > 500 && failed > 500, "idle, and proves nothing");
}
