//! What a worker decides: whom to begin, whom to end, what to say.

mod ends;
mod understood;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use orkestra_runtime::{
    id::{Attempt, Incarnation},
    machine::Machine,
    protocol::{
        agent::{AgentProfile, Assignment, Availability, FromAgent, Progress, Report},
        task::{Failure, FailureKind, Outcome},
    },
    time::{Moment, Now},
};

use self::understood::Understood;
use super::{
    held::{Held, Told},
    spec::Terms,
    words::{Collected, Effect, Event},
};
use crate::context::AttemptKey;

/// How many outcomes are kept until they are acknowledged. A worker that has so many takes nothing
/// new.
pub const UNACKNOWLEDGED_MAX: usize = 65_536;

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    Working,
    Draining { until: Moment },
    Over,
}

/// What a worker knows. See the module for what it promises.
#[derive(Debug)]
pub struct WorkerMachine {
    profile: AgentProfile,
    incarnation: Incarnation,
    terms: Arc<Terms>,
    stage: Stage,
    held: BTreeMap<AttemptKey, Held>,
    /// How many of those held were told to end.
    ending: usize,
    /// Assigned within the capacity, while those that were told to end still fill it.
    waiting: VecDeque<Assignment>,
    due: BTreeSet<(Moment, AttemptKey)>,
    unacknowledged: BTreeMap<AttemptKey, Report>,
    redelivery: Option<(Moment, Duration)>,
    beat_at: Option<Moment>,
    look_at: Option<Moment>,
    understood: Understood,
    heart: Option<(Moment, Duration)>,
}

impl WorkerMachine {
    /// A worker that holds nothing. `heart_every`: how often its supervisor wants to hear of it.
    pub fn new(
        profile: AgentProfile,
        incarnation: Incarnation,
        terms: Arc<Terms>,
        heart_every: Option<Duration>,
    ) -> Self {
        Self {
            profile,
            incarnation,
            terms,
            stage: Stage::Working,
            held: BTreeMap::new(),
            ending: 0,
            waiting: VecDeque::new(),
            due: BTreeSet::new(),
            unacknowledged: BTreeMap::new(),
            redelivery: None,
            beat_at: None,
            look_at: None,
            understood: Understood::default(),
            heart: heart_every.map(|every| (Moment::START, every)),
        }
    }

    fn joined(&self) -> Effect {
        Effect::Say(FromAgent::Joined {
            profile: self.profile.clone(),
            incarnation: self.incarnation,
        })
    }

    fn beat(&self) -> Effect {
        let waiting = self.waiting.iter().map(key_of);
        // What was not acknowledged is held too: its outcome is on its way.
        let ended = self.unacknowledged.keys().copied();
        let held = self.held.keys().copied().chain(waiting).chain(ended).collect();
        let (agent, incarnation) = (self.profile.id.clone(), self.incarnation);
        Effect::Say(FromAgent::Beat { agent, incarnation, held })
    }

    pub(super) fn leaving(&self) -> Effect {
        let (agent, incarnation) = (self.profile.id.clone(), self.incarnation);
        Effect::Say(FromAgent::Leaving { agent, incarnation })
    }

    pub(super) fn left(&self) -> Effect {
        let (agent, incarnation) = (self.profile.id.clone(), self.incarnation);
        Effect::Say(FromAgent::Left { agent, incarnation })
    }

    fn ended(&self, reports: Vec<Report>) -> Effect {
        let (agent, incarnation) = (self.profile.id.clone(), self.incarnation);
        Effect::Say(FromAgent::Ended { agent, incarnation, reports })
    }

    fn progressed(&self, (task, attempt): AttemptKey, progress: Progress) -> Effect {
        let agent = self.profile.id.clone();
        Effect::Say(FromAgent::Progressed { agent, task, attempt, progress })
    }

    /// Keeps reports until they are acknowledged, and says them, with those that are asked again.
    fn report(&mut self, now: Moment, reports: Vec<Report>, effects: &mut Vec<Effect>) {
        if reports.is_empty() {
            return;
        }
        for report in &reports {
            if self.unacknowledged.len() < UNACKNOWLEDGED_MAX {
                self.unacknowledged.insert((report.task, report.attempt), report.clone());
            }
        }
        let after = self.terms.redeliver_after;
        self.redelivery.get_or_insert((now + after, after));
        effects.push(self.ended(reports));
    }

    fn assigned(&mut self, now: Moment, batch: Vec<Assignment>, effects: &mut Vec<Effect>) {
        let (mut begin, mut reports) = (Vec::with_capacity(batch.len()), Vec::new());
        for assignment in batch {
            let key = key_of(&assignment);
            if self.held.contains_key(&key) || self.waits(key) {
                continue;
            }
            if let Some(report) = self.unacknowledged.get(&key) {
                reports.push(report.clone());
                continue;
            }
            self.end_earlier(now, key, effects);
            if let Some(failure) = self.refusal(key) {
                reports.push(report_of(key, Outcome::Failed(failure), Duration::ZERO));
            } else if self.held.len() < self.capacity() {
                self.begin(now, key, &assignment);
                begin.push(assignment);
            } else {
                self.waiting.push_back(assignment);
            }
        }
        self.report(now, reports, effects);
        if !begin.is_empty() {
            effects.push(Effect::Begin(begin));
        }
    }

    fn capacity(&self) -> usize {
        usize::try_from(self.profile.capacity).unwrap_or(usize::MAX)
    }

    fn waits(&self, key: AttemptKey) -> bool {
        self.waiting.iter().any(|assignment| key_of(assignment) == key)
    }

    /// Why an attempt is not taken.
    fn refusal(&self, (task, attempt): AttemptKey) -> Option<Failure> {
        let handed_back = |why: String| Some(Failure::new(FailureKind::HandedBack, why));
        if self.stage != Stage::Working {
            return handed_back("the agent is stopping".into());
        }
        if let Availability::Unavailable { reason } = &self.profile.availability {
            return Some(Failure::new(FailureKind::Unavailable, reason.clone()));
        }
        let later = (task, attempt.next())..=(task, Attempt(u32::MAX));
        if self.held.range(later).next().is_some() {
            return handed_back("a later attempt of the same task is held".into());
        }
        let wanted = self.held.len() - self.ending + self.waiting.len();
        if wanted >= self.capacity() {
            return handed_back(format!("the agent is full: it holds {wanted}"));
        }
        (self.unacknowledged.len() >= UNACKNOWLEDGED_MAX)
            .then(|| format!("{UNACKNOWLEDGED_MAX} outcomes were not acknowledged"))
            .and_then(handed_back)
    }

    fn begin(&mut self, now: Moment, key: AttemptKey, assignment: &Assignment) {
        let own = assignment.timeout_ms.map(Duration::from_millis);
        let limit = own.into_iter().chain(self.terms.timeout).min();
        self.held.insert(key, Held::new(now, limit));
        self.list(key);
    }

    /// Sets an attempt into the order of what is due, unless it stands there early enough.
    fn list(&mut self, key: AttemptKey) {
        let Some(held) = self.held.get_mut(&key) else { return };
        let next = held.next_due(self.terms.silence_max, self.terms.progress_every);
        let Some((at, _)) = next else { return };
        if held.listed.is_none_or(|listed| at < listed) {
            if let Some(listed) = held.listed.replace(at) {
                self.due.remove(&(listed, key));
            }
            self.due.insert((at, key));
        }
    }

    fn collected(&mut self, now: Moment, collected: Collected, effects: &mut Vec<Effect>) {
        for (key, progress) in collected.signs {
            self.heard(now, key, progress, effects);
        }
        for ((task, attempt), artifact) in collected.kept {
            let agent = self.profile.id.clone();
            effects.push(Effect::Say(FromAgent::Kept { agent, task, attempt, artifact }));
        }
        for (key, found) in collected.checked {
            if let Some(held) = self.held.get_mut(&key) {
                held.checks.extend(found);
            }
        }
        if let Some(understanding) = collected.understood {
            effects.extend(self.understood.hear(now, understanding).map(|it| self.understands(it)));
        }
        let (mut reports, mut look) = (Vec::with_capacity(collected.ended.len()), false);
        for (key, outcome) in collected.ended {
            look |= outcome.is_none();
            let outcome = outcome.unwrap_or_else(|| handed_back("the attempt was dropped"));
            reports.extend(self.take(now, key, outcome));
        }
        self.finish(now, reports, effects);
        if look && self.stage != Stage::Over {
            effects.push(Effect::Look);
        }
    }

    fn heard(
        &mut self,
        now: Moment,
        key: AttemptKey,
        progress: Option<Progress>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(held) = self.held.get_mut(&key).filter(|held| held.is_running()) else { return };
        held.heard = now;
        let Some(progress) = progress else { return };
        match &mut held.told {
            Some(told) if now < told.at + self.terms.progress_every => {
                told.next = Some(progress);
                self.list(key);
            }
            Some(_) | None => {
                held.told = Some(Box::new(Told { at: now, next: None }));
                effects.push(self.progressed(key, progress));
            }
        }
    }

    fn redeliver(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if let Some((at, delay)) = self.redelivery
            && at <= now
        {
            let next = (delay * 2).min(self.terms.redeliver_every_max).max(delay);
            self.redelivery = Some((now + next, next));
            effects.push(self.ended(self.unacknowledged.values().cloned().collect()));
        }
    }

    /// What follows from each step: whether there is something to beat for, or to leave for.
    fn settle(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if self.unacknowledged.is_empty() {
            self.redelivery = None;
        }
        // An outcome that nobody acknowledges is held still, or it would count as lost.
        if self.held.is_empty() && self.waiting.is_empty() && self.unacknowledged.is_empty() {
            self.beat_at = None;
        } else {
            self.beat_at.get_or_insert(now + self.terms.beat_every);
        }
        self.leave_if_done(now, effects);
    }
}

impl Machine for WorkerMachine {
    type Event = Event;
    type Effect = Effect;

    fn step(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        if self.stage == Stage::Over {
            return;
        }
        let now = now.moment;
        match event {
            Event::Started => {
                self.look_later(now);
                // With what it holds, which is nothing: so what a dead life held under a leader that
                // is gone too is given out again at once.
                effects.extend([self.joined(), self.beat()]);
            }
            Event::Assigned(batch) => self.assigned(now, batch, effects),
            Event::CancelAsked(key) => self.cancel(now, key, effects),
            Event::Acknowledged(keys) => {
                for key in keys {
                    self.unacknowledged.remove(&key);
                }
            }
            Event::AskedWhoIsThere => {
                effects.extend([self.joined(), self.beat()]);
                if matches!(self.stage, Stage::Draining { .. }) {
                    effects.push(self.leaving());
                }
                // What was said last may have been lost with the old leader.
                effects.extend(self.understood.again().map(|it| self.understands(it)));
                if !self.unacknowledged.is_empty() {
                    effects.push(self.ended(self.unacknowledged.values().cloned().collect()));
                }
            }
            Event::DrainAsked(within) => self.drain(now, within, effects),
            Event::Ready => effects.push(Effect::Collect),
            Event::Collected(collected) => self.collected(now, collected, effects),
            Event::Found(availability) => self.found(now, availability, effects),
        }
        self.settle(now, effects);
    }

    fn tick(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let now = now.moment;
        while self.stage != Stage::Over
            && let Some((at, key)) = self.due.first().copied()
            && at <= now
        {
            self.due.pop_first();
            self.attend(now, key, effects);
        }
        if self.stage == Stage::Over {
            return;
        }
        self.redeliver(now, effects);
        effects.extend(self.understood.due(now).map(|it| self.understands(it)));
        if self.beat_at.is_some_and(|at| at <= now) {
            self.beat_at = Some(now + self.terms.beat_every);
            effects.push(self.beat());
        }
        if self.look_at.is_some_and(|at| at <= now) {
            self.look_at = Some(now + self.terms.look_every);
            effects.push(Effect::Look);
        }
        if let Some((at, every)) = self.heart
            && at <= now
        {
            self.heart = Some((now + every, every));
            effects.push(Effect::Beat);
        }
        self.settle(now, effects);
    }

    fn wakeup(&self) -> Option<Moment> {
        let until = match self.stage {
            Stage::Over => return None,
            Stage::Working => None,
            Stage::Draining { until } => Some(until),
        };
        let due = self.due.first().map(|(at, _)| *at);
        let redelivery = self.redelivery.map(|(at, _)| at);
        let heart = self.heart.map(|(at, _)| at);
        let understood = self.understood.wakeup();
        let all = [until, due, redelivery, self.beat_at, self.look_at, understood, heart];
        all.into_iter().flatten().min()
    }
}

const fn key_of(assignment: &Assignment) -> AttemptKey {
    (assignment.task, assignment.attempt)
}

fn handed_back(why: &str) -> Outcome {
    Outcome::Failed(Failure::new(FailureKind::HandedBack, why))
}

fn report_of((task, attempt): AttemptKey, outcome: Outcome, worked: Duration) -> Report {
    let worked_ms = u64::try_from(worked.as_millis()).unwrap_or(u64::MAX);
    Report { task, attempt, outcome, worked_ms, checks: Vec::new() }
}
