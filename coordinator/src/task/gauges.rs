//! How many tasks stand where and wait for what: figures for whoever watches a node.
//!
//! It costs a look at each agent and at each queue (one for each run and kind of requirement), never
//! at each task.

use std::collections::BTreeMap;

use orkestra_runtime::{
    id::{AgentId, Capability},
    protocol::agent::Availability,
    time::{Now, Wall},
};
use serde::{Deserialize, Serialize};

use crate::task::{
    Label,
    machine::TaskMachine,
    queue::Class,
    roster::{AgentNo, AgentRecord, PERSON},
};

/// How many pairs of a queue and an agent one answer looks at; what is beyond counts as `queue`.
const LOOKS_MAX: usize = 100_000;

/// The figures of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gauges {
    /// The shard time.
    pub at: Wall,
    /// Tasks of runs that are not sealed.
    pub held: u64,
    /// Tasks that wait for others.
    pub waiting: u64,
    /// Tasks that are ready, by priority, the lowest first.
    pub ready: [u64; 4],
    /// Since when the task has been ready that has been ready for longest.
    pub oldest_ready: Option<Wall>,
    /// Tasks that wait for the time of their next attempt, or for an agent after it.
    pub retrying: u64,
    /// Tasks that agents hold.
    pub running: u64,
    /// Tasks that wait for people.
    pub asked: u64,
    /// Why tasks that have not ended are not at work, by the kinds of [`Blocker`](super::Blocker).
    pub blocked: BTreeMap<Label, u64>,
    /// All agents.
    pub agents: Vec<AgentGauge>,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentGauge {
    /// Who.
    pub agent: AgentId,
    /// Whether its worker is there, stays, and can work.
    pub up: bool,
    /// How many attempts it holds.
    pub outstanding: u32,
    /// How many it can hold.
    pub capacity: u32,
}

/// What an agent could do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Able {
    Away,
    Drained,
    Broken,
    Busy,
    /// It has room, and none of it is this shard's.
    Lent,
    Free,
}

impl TaskMachine {
    pub(super) fn gauges(&self, now: Now) -> Gauges {
        let tally = &self.durable.tally;
        let mut blocked = BTreeMap::new();
        let mut count = |reason: &'static str, many: u64| {
            if many > 0 {
                *blocked.entry(Label::Borrowed(reason)).or_insert(0) += many;
            }
        };
        count("run_not_sealed", tally.held);
        count("dependency", tally.waiting);
        let voting = self.open_votes().count() as u64;
        let deliberating = self.open_deliberations().count() as u64;
        count("people", tally.asked.saturating_sub(voting + deliberating));
        count("vote", voting);
        count("council", deliberating);
        count("lock", self.live.locks.waiting());
        let ripe: usize = self.live.ripe.iter().map(|(_, places)| places.len()).sum();
        let ripe = ripe as u64 + self.live.locks.again();
        count("retry", tally.retrying.saturating_sub(ripe));
        let mut looks = Looks { machine: self, now, known: BTreeMap::new(), left: LOOKS_MAX };
        for (class, places) in self.lines_of_ready() {
            count(looks.reason(class), places.len() as u64);
        }
        Gauges {
            at: now.wall,
            held: tally.held,
            waiting: tally.waiting,
            ready: tally.ready,
            oldest_ready: tally.oldest(),
            retrying: tally.retrying,
            running: tally.running,
            asked: tally.asked,
            blocked,
            agents: self.agent_gauges(now),
        }
    }

    fn agent_gauges(&self, now: Now) -> Vec<AgentGauge> {
        let records =
            self.durable.roster.iter().filter(|(_, record)| record.profile.kind != PERSON);
        records
            .map(|(no, record)| AgentGauge {
                agent: record.profile.id.clone(),
                up: self.able(now, no, record) > Able::Away,
                outstanding: record.outstanding,
                capacity: record.profile.capacity,
            })
            .collect()
    }

    fn able(&self, now: Now, no: AgentNo, record: &AgentRecord) -> Able {
        let is_there = self.live.joined.contains_key(&no) && !self.live.leaving.contains(&no);
        if !is_there || record.profile.availability != Availability::Available {
            Able::Away
        } else if record.drained.is_some() {
            Able::Drained
        } else if record.breaker.open().is_some_and(|open| open.until > now.wall) {
            Able::Broken
        } else if record.outstanding >= record.breaker.room(record.profile.capacity, now.wall) {
            Able::Busy
        } else if record.outstanding >= self.credit_of(no, now.moment) {
            Able::Lent
        } else {
            Able::Free
        }
    }
}

/// Looks for who may work on the tasks of queues, once for all queues that ask the same.
struct Looks<'a> {
    machine: &'a TaskMachine,
    now: Now,
    known: BTreeMap<(&'a [Capability], &'a [AgentId]), Option<Able>>,
    left: usize,
}

impl<'a> Looks<'a> {
    /// Why the tasks of a queue are not at work, as `why` says it.
    fn reason(&mut self, class: &'a Class) -> &'static str {
        let durable = &self.machine.durable;
        let run = durable.runs.get(&class.run);
        let is_paused = run.is_some_and(|run| durable.pause_of(class.run, run).is_some());
        match self.best(class) {
            None => "no_agent",
            Some(_) if is_paused => "paused",
            Some(Able::Away) => "agent_unavailable",
            Some(Able::Drained) => "agent_drained",
            Some(Able::Broken) => "breaker_open",
            Some(Able::Busy) => "agent_busy",
            Some(Able::Lent) => "no_credit",
            Some(Able::Free) if self.machine.room_of(class.run) == 0 => "run_concurrency",
            Some(Able::Free) => "queue",
        }
    }

    /// The most that any agent could do that may work on tasks of a class.
    fn best(&mut self, class: &'a Class) -> Option<Able> {
        let key = (class.requires.as_slice(), class.agents.as_slice());
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let (machine, now) = (self.machine, self.now);
        let roster = &machine.durable.roster;
        let mut best = None;
        let mut look = |no, record: &AgentRecord| {
            let profile = &record.profile;
            if class.admits(&profile.id, &profile.capabilities) && profile.kind != PERSON {
                best = best.max(Some(machine.able(now, no, record)));
            }
            best == Some(Able::Free)
        };
        if class.agents.is_empty() {
            for (no, record) in roster.iter() {
                if self.left == 0 {
                    return Some(Able::Free);
                }
                self.left -= 1;
                if look(no, record) {
                    break;
                }
            }
        } else {
            let named = class.agents.iter().filter_map(|id| roster.no(id));
            for (no, record) in named.filter_map(|no| Some((no, roster.get(no)?))) {
                if look(no, record) {
                    break;
                }
            }
        }
        self.known.insert(key, best);
        best
    }
}
