//! The counter at which one worker's capacity is lent out: the machine, in words.
//!
//! A desk has one for each life of each worker. All words of leaders to the worker pass it, and it
//! sees all words of the worker. Tasks have their numbers as workers know them.

use std::time::Duration;

use orkestra_runtime::{
    id::{AgentId, Incarnation},
    machine::Machine as _,
    protocol::{
        agent::{AgentProfile, Availability, FromAgent, Locked, Report, ToAgent},
        task::{Failure, FailureKind, Outcome},
    },
    time::{Moment, Now},
};

use super::{
    machine::CreditMachine,
    words::{AttemptKey, CreditSettings, Effect, Event, Grant, Leader, Want},
};

/// What is to be said to leaders.
pub type Said = Vec<(Leader, FromAgent)>;

/// One worker's credits.
#[derive(Clone, Debug)]
pub struct Counter {
    agent: AgentId,
    incarnation: Incarnation,
    machine: CreditMachine,
    /// How many attempts the worker says that it can hold.
    offered: u32,
    /// Whether nothing of it is lent for now.
    is_closed: bool,
}

impl Counter {
    /// For a worker that has just begun this life.
    pub fn new(settings: CreditSettings, profile: &AgentProfile, incarnation: Incarnation) -> Self {
        let offered = capacity_of(profile);
        let machine = CreditMachine::new(settings, offered);
        Self { agent: profile.id.clone(), incarnation, machine, offered, is_closed: false }
    }

    /// Takes what a leader says to the worker; answers what of it goes on to the worker, if anything
    /// does.
    pub fn leader_said(
        &mut self,
        now: Now,
        by: Leader,
        word: ToAgent,
        said: &mut Said,
    ) -> Option<ToAgent> {
        match word {
            ToAgent::Want { incarnation, number, count, held, heard } => {
                // What was said of an earlier life is about other grants.
                if incarnation == self.incarnation {
                    let want = Want { number, count, held, heard };
                    self.tell(now, Event::Wanted { by, want }, said);
                }
                None
            }
            ToAgent::Assign(mut batch) => {
                let attempts = batch.iter().map(|one| (one.task, one.attempt)).collect();
                let refused = self.tell(now, Event::Assigned { by, attempts }, said);
                batch.retain(|one| !refused.contains(&(one.task, one.attempt)));
                (!batch.is_empty()).then_some(ToAgent::Assign(batch))
            }
            ToAgent::AssignLocked(mut batch) => {
                let key = |one: &Locked| (one.assignment.task, one.assignment.attempt);
                let attempts = batch.iter().map(key).collect();
                let refused = self.tell(now, Event::Assigned { by, attempts }, said);
                batch.retain(|one| !refused.contains(&key(one)));
                (!batch.is_empty()).then_some(ToAgent::AssignLocked(batch))
            }
            ToAgent::Cancel { task, attempt, .. } => {
                // What is told to end takes no room any more, at its worker neither.
                self.tell(now, Event::Ended(vec![(task, attempt)]), said);
                Some(word)
            }
            ToAgent::Acknowledged(_) | ToAgent::WhoIsThere => Some(word),
        }
    }

    /// Sees what the worker says.
    pub fn worker_said(&mut self, now: Now, word: &FromAgent, said: &mut Said) {
        let event = match word {
            FromAgent::Joined { profile, .. } => {
                self.offered = capacity_of(profile);
                Event::Capacity(self.lendable())
            }
            FromAgent::Leaving { .. } | FromAgent::Left { .. } => {
                self.offered = 0;
                Event::Capacity(0)
            }
            FromAgent::Beat { held, .. } => Event::Holds(held.clone()),
            FromAgent::Ended { reports, .. } => {
                Event::Ended(reports.iter().map(|report| (report.task, report.attempt)).collect())
            }
            FromAgent::Progressed { .. }
            | FromAgent::Kept { .. }
            | FromAgent::Understood { .. }
            | FromAgent::Granted { .. } => return,
        };
        self.tell(now, event, said);
    }

    /// Lends nothing more whatever the worker offers, or lends again; what was lent is used up or
    /// runs out.
    pub fn close(&mut self, now: Now, is_closed: bool, said: &mut Said) {
        self.is_closed = is_closed;
        self.tell(now, Event::Capacity(self.lendable()), said);
    }

    const fn lendable(&self) -> u32 {
        if self.is_closed { 0 } else { self.offered }
    }

    /// A shard is led by another one from now on.
    pub fn reigns(&mut self, now: Now, leader: Leader, said: &mut Said) {
        self.tell(now, Event::Reigns(leader), said);
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Now, said: &mut Said) {
        if self.wakeup().is_some_and(|at| at <= now.moment) {
            let mut effects = Vec::new();
            self.machine.tick(now, &mut effects);
            self.follow(effects, said);
        }
    }

    /// When something is due next.
    pub fn wakeup(&self) -> Option<Moment> {
        self.machine.wakeup()
    }

    fn tell(&mut self, now: Now, event: Event, said: &mut Said) -> Vec<AttemptKey> {
        let mut effects = Vec::new();
        self.machine.step(now, event, &mut effects);
        self.follow(effects, said)
    }

    /// Puts effects into words; answers what is not passed on.
    fn follow(&self, effects: Vec<Effect>, said: &mut Said) -> Vec<AttemptKey> {
        let mut refused = Vec::new();
        for effect in effects {
            match effect {
                Effect::Grant { to, grant } => said.push((to, self.granted(grant))),
                Effect::HandBack { to, attempts } => {
                    said.push((to, self.handed_back(&attempts)));
                    refused.extend(attempts);
                }
            }
        }
        refused
    }

    fn granted(&self, grant: Grant) -> FromAgent {
        let Grant { number, asked, credits, within } = grant;
        let (agent, incarnation) = (self.agent.clone(), self.incarnation);
        FromAgent::Granted { agent, incarnation, number, asked, credits, for_ms: ms(within) }
    }

    fn handed_back(&self, attempts: &[AttemptKey]) -> FromAgent {
        let why = "it came after the credit for it was over, and others use the agent by now";
        let report = |(task, attempt): &AttemptKey| Report {
            task: *task,
            attempt: *attempt,
            outcome: Outcome::Failed(Failure::new(FailureKind::HandedBack, why)),
            worked_ms: 0,
            checks: Vec::new(),
        };
        let reports = attempts.iter().map(report).collect();
        FromAgent::Ended { agent: self.agent.clone(), incarnation: self.incarnation, reports }
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn capacity_of(profile: &AgentProfile) -> u32 {
    match profile.availability {
        Availability::Available => profile.capacity,
        Availability::Unavailable { .. } => 0,
    }
}
