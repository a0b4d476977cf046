//! The supervisor's policy: which child is started, stopped, restarted, waited for, given up.
//!
//! Promises, each shown by a test beside this file:
//!
//! 1. Children start in order, one at a time, and are stopped in the reverse order, one at a time,
//!    each within its own limit (instances of a template: together).
//! 2. Never two incarnations of one child: a start follows the end of the life before it.
//! 3. At most [`Intensity`] restarts in any window; one more ends the supervisor.
//! 4. Whatever happens, closing comes to an end: what does not die when killed is left as lost.
//! 5. Without backoff and the other additions, it does what Erlang/OTP's `supervisor` does.
//! 6. One event of one child costs no look at the others; every question is answered at once, the
//!    change it asks for when that is done.
//!
//! It differs from OTP in that it never waits, where OTP's waits in the midst of a start, a stop or
//! a group's restart and reads its mailbox later. Told the same in the same order, both do the same,
//! which thousands of random scenarios show; but what comes meanwhile is looked at at once here:
//!
//! - Whoever fails while its group still starts begins the group's restart anew, and one before the
//!   group widens it while it stops; OTP would first bring the restart to its end.
//! - Questions are answered meanwhile; a child that is terminated while its group restarts is left
//!   out of it.
//! - After a failed start the next try is counted and begun at once; OTP counts and begins it when
//!   it has read what its mailbox held.
//!
//! And instances of a template have names here: one that ignores its restart is forgotten, of which
//! OTP keeps an entry without a process; one that is not there cannot be terminated.

mod admin;
mod group;
mod lives;
mod roster;
mod stops;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use self::{
    group::Group,
    roster::{Key, Phase, Roster},
};
use super::{
    event::{Effect, End, Event, Note, Reply, What},
    rules::{AutoShutdown, ChildId, Plan, Rules, Strategy},
};
use crate::{
    chance::Chance,
    error::Result,
    id::Incarnation,
    machine::{Machine, ReplyTo},
    restart::{Exit, Intensity, Window},
    time::{Moment, Now},
};

/// How long a killed child may take to die before a closing supervisor goes on without it.
pub const DEATH_WITHIN: Duration = Duration::from_secs(10);

/// The policy of one supervisor.
#[derive(Clone, Debug)]
pub struct SupervisorMachine {
    strategy: Strategy,
    intensity: Intensity,
    auto_shutdown: AutoShutdown,
    template: Option<Arc<Rules>>,
    roster: Roster,
    window: Window,
    chance: Chance,
    mode: Mode,
    lives: u64,
    /// Ends that happened while the first children were still being started.
    deferred: Vec<(Key, Incarnation, Exit)>,
    /// Who waits for a start.
    starts: BTreeMap<Key, Waiter>,
    /// Who waits for a stop.
    stops: BTreeMap<Key, Vec<ReplyTo>>,
}

/// Who waits for a start, and whether the spec came with the question.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    to: ReplyTo,
    fresh: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Mode {
    New,
    Opening { next: Key },
    Open,
    Group(Group),
    Closing(End),
    Closed,
}

/// What a step has to work with.
struct Turn<'a> {
    now: Now,
    effects: &'a mut Vec<Effect>,
}

impl Turn<'_> {
    const fn moment(&self) -> Moment {
        self.now.moment
    }

    fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    fn answer(&mut self, to: ReplyTo, reply: Reply) {
        self.push(Effect::Answer(to, reply));
    }
}

impl SupervisorMachine {
    /// A supervisor that has not begun; refuses a plan that cannot be.
    pub fn new(plan: &Plan, chance: Chance) -> Result<Self> {
        plan.check()?;
        let mut machine = Self {
            strategy: plan.strategy,
            intensity: plan.intensity,
            auto_shutdown: plan.auto_shutdown,
            template: None,
            roster: Roster::default(),
            window: Window::default(),
            chance,
            mode: Mode::New,
            lives: 0,
            deferred: Vec::new(),
            starts: BTreeMap::new(),
            stops: BTreeMap::new(),
        };
        for (id, rules) in &plan.children {
            if machine.is_dynamic() {
                machine.template = Some(Arc::clone(rules));
            } else {
                machine.roster.add(id.clone(), Arc::clone(rules));
            }
        }
        Ok(machine)
    }

    /// Whether it is over.
    pub const fn is_closed(&self) -> bool {
        matches!(self.mode, Mode::Closed)
    }

    /// Whether a child declared a heartbeat.
    pub fn listens_to(&self, id: &ChildId) -> bool {
        let child = self.roster.key(id).and_then(|key| self.roster.get(key));
        child.is_some_and(|child| child.rules.heartbeat_within.is_some())
    }

    const fn is_dynamic(&self) -> bool {
        matches!(self.strategy, Strategy::Dynamic { .. })
    }

    const fn is_closing(&self) -> bool {
        matches!(self.mode, Mode::Closing(_) | Mode::Closed)
    }

    /// The child, if this is its present life.
    fn current(&self, id: &ChildId, incarnation: Incarnation) -> Option<Key> {
        let key = self.roster.key(id)?;
        let child = self.roster.get(key)?;
        (child.incarnation == incarnation && child.phase().is_alive()).then_some(key)
    }

    fn note(&self, turn: &mut Turn<'_>, key: Key, what: What, fill: impl FnOnce(&mut Note)) {
        let Some(child) = self.roster.get(key) else { return };
        let mut note = Note {
            child: Some(child.id.clone()),
            what,
            why: None,
            incarnation: child.incarnation,
            attempt: child.attempt(),
            took: None,
            delay: None,
        };
        fill(&mut note);
        turn.push(Effect::Note(note));
    }

    /// Does what has become due for one child.
    fn ring(&mut self, turn: &mut Turn<'_>, key: Key) {
        let Some(child) = self.roster.get(key) else { return };
        match child.phase().clone() {
            Phase::Down | Phase::Parked => {}
            Phase::Starting { .. } => self.overrun(turn, key),
            Phase::Running { since, .. } => self.listen(turn, key, since),
            Phase::Stopping { .. } => self.press(turn, key),
            Phase::Waiting { .. } if self.is_closing() => self.roster.set(key, Phase::Down),
            Phase::Waiting { .. } => {
                if self.window.admit(turn.moment(), self.intensity) {
                    self.start(turn, key);
                } else {
                    self.roster.set(key, Phase::Down);
                    self.give_up(turn, key);
                }
            }
        }
    }

    /// Asserts what must always be true of its own books.
    #[cfg(any(test, feature = "testing"))]
    pub fn check(&self, now: Moment) {
        self.roster.check();
        assert!(self.wakeup().is_none_or(|at| at > now), "nothing is due after a step");
        assert!(!self.is_closed() || self.roster.alive().is_empty(), "the closed have no children");
    }
}

impl Machine for SupervisorMachine {
    type Event = Event;
    type Effect = Effect;

    fn step(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        let turn = &mut Turn { now, effects };
        match event {
            Event::Open if self.mode == Mode::New => {
                self.mode = Mode::Opening { next: Key::FIRST };
            }
            Event::Open => {}
            Event::Close if self.is_closing() => {}
            Event::Close => self.close(turn, End::Asked),
            Event::Started(id, incarnation) => {
                if let Some(key) = self.current(&id, incarnation) {
                    self.started(turn, key);
                }
            }
            Event::Ignored(id, incarnation) => {
                if let Some(key) = self.current(&id, incarnation) {
                    self.ignored(turn, key);
                }
            }
            Event::StartFailed(id, incarnation, reason) => {
                if let Some(key) = self.current(&id, incarnation) {
                    self.start_ended(turn, key, reason);
                }
            }
            Event::Exited(id, incarnation, exit) => {
                if let Some(key) = self.current(&id, incarnation) {
                    self.exited(turn, key, exit);
                }
            }
            Event::Heard(id, incarnation, at) => {
                if let Some(key) = self.current(&id, incarnation) {
                    self.heard(turn, key, at);
                }
            }
            Event::Asked(to, admin) => self.asked(turn, to, admin),
        }
        self.advance(turn);
    }

    fn tick(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let turn = &mut Turn { now, effects };
        while let Some((at, key)) = self.roster.next_due()
            && at <= turn.moment()
        {
            self.ring(turn, key);
            self.advance(turn);
        }
        self.advance(turn);
    }

    fn wakeup(&self) -> Option<Moment> {
        if self.is_closed() {
            return None;
        }
        let child = self.roster.next_due().map(|(at, _)| at);
        let group = match &self.mode {
            Mode::Group(group) => group.waits_until(),
            Mode::New | Mode::Opening { .. } | Mode::Open | Mode::Closing(_) | Mode::Closed => None,
        };
        child.into_iter().chain(group).min()
    }
}
