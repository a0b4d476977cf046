//! What is done to many children in order: the first start, a group's restart, the close.

use super::{
    Mode, SupervisorMachine, Turn,
    roster::{After, Key, Phase, Stage},
};
use crate::{
    supervise::event::{Effect, End, Note, Refusal, Reply, What},
    time::Moment,
};

/// The restart of a child and of those who restart with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// The first who is stopped and started; all after it are, too.
    from: Key,
    /// Who failed.
    culprit: Key,
    /// Not started again before this; none: its restart is counted already.
    not_before: Option<Moment>,
    stage: GroupStage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GroupStage {
    Stopping,
    Waiting,
    Starting { next: Key },
}

impl Group {
    pub(super) fn waits_until(&self) -> Option<Moment> {
        self.not_before.filter(|_| self.stage == GroupStage::Waiting)
    }

    /// Whether this child is being stopped to be started again.
    pub(super) fn is_stopping(&self, key: Key) -> bool {
        self.stage == GroupStage::Stopping && key >= self.from
    }

    /// Whether this child's start is still to come.
    fn will_start(&self, key: Key) -> bool {
        match self.stage {
            GroupStage::Stopping | GroupStage::Waiting => key >= self.from,
            GroupStage::Starting { next } => key >= next,
        }
    }
}

impl SupervisorMachine {
    /// Whether a child that is down will be started in its turn.
    pub(super) fn will_start(&self, key: Key) -> bool {
        match &self.mode {
            Mode::Opening { next } => key >= *next,
            Mode::Group(group) => group.will_start(key),
            Mode::New => true,
            Mode::Open | Mode::Closing(_) | Mode::Closed => false,
        }
    }

    /// Restarts everybody from a place on; what was already under way is widened.
    pub(super) fn regroup(&mut self, from: Key, culprit: Key, not_before: Option<Moment>) {
        let (from, not_before) = match &self.mode {
            Mode::Group(group) => match group.stage {
                GroupStage::Stopping | GroupStage::Waiting => {
                    (from.min(group.from), not_before.max(group.not_before))
                }
                GroupStage::Starting { .. } => (from, not_before),
            },
            Mode::New | Mode::Opening { .. } | Mode::Open | Mode::Closing(_) | Mode::Closed => {
                (from, not_before)
            }
        };
        self.roster.release_from(from);
        self.mode = Mode::Group(Group { from, culprit, not_before, stage: GroupStage::Stopping });
    }

    /// A child of a sequence of starts has had its turn.
    pub(super) fn pass(&mut self, key: Key) {
        let next = match &mut self.mode {
            Mode::Opening { next }
            | Mode::Group(Group { stage: GroupStage::Starting { next }, .. }) => next,
            Mode::New | Mode::Open | Mode::Group(_) | Mode::Closing(_) | Mode::Closed => return,
        };
        if *next == key {
            *next = key.next();
        }
    }

    /// Goes on with whatever is done in order, as far as it can go now.
    pub(super) fn advance(&mut self, turn: &mut Turn<'_>) {
        match self.mode.clone() {
            Mode::New | Mode::Open | Mode::Closed => {}
            Mode::Opening { next } => match self.start_from(turn, next) {
                Some(next) => self.mode = Mode::Opening { next },
                None => self.open(turn),
            },
            Mode::Group(group) => self.advance_group(turn, group),
            Mode::Closing(end) => self.advance_close(turn, end),
        }
    }

    /// Starts the next who is down; returns whom to go on with, or none when all had their turn.
    fn start_from(&mut self, turn: &mut Turn<'_>, mut next: Key) -> Option<Key> {
        loop {
            let (key, child) = self.roster.first_from(next)?;
            match child.phase() {
                Phase::Down if !child.held => {
                    self.start(turn, key);
                    return Some(key);
                }
                Phase::Starting { .. }
                | Phase::Stopping { after: After::Fail(_) | After::Unstarted(_), .. } => {
                    return Some(key);
                }
                Phase::Down
                | Phase::Running { .. }
                | Phase::Stopping { .. }
                | Phase::Waiting { .. }
                | Phase::Parked => next = key.next(),
            }
        }
    }

    fn open(&mut self, turn: &mut Turn<'_>) {
        self.mode = Mode::Open;
        turn.push(Effect::Opened);
        for (key, incarnation, exit) in std::mem::take(&mut self.deferred) {
            let same = self.roster.get(key).is_some_and(|child| {
                child.incarnation == incarnation && *child.phase() == Phase::Down
            });
            // Whoever restarts with somebody else has not failed by itself.
            if same && !self.is_closing() && !self.will_start(key) {
                self.judge(turn, key, &exit);
            }
        }
        if self.mode != Mode::Open {
            self.advance(turn);
        }
    }

    fn advance_group(&mut self, turn: &mut Turn<'_>, mut group: Group) {
        if group.stage == GroupStage::Stopping {
            if let Some(key) = self.roster.last_alive_from(group.from) {
                let phase = self.roster.get(key).map(|child| child.phase().clone());
                // Whoever is being stopped for its own fault is now stopped for the group.
                match phase {
                    Some(Phase::Stopping { after: After::Down, .. }) => {}
                    _ => self.stop(turn, key, After::Down),
                }
                return;
            }
            group.stage = if group.not_before.is_some() {
                GroupStage::Waiting
            } else {
                GroupStage::Starting { next: group.from }
            };
        }
        if group.stage == GroupStage::Waiting {
            if group.not_before.is_some_and(|at| at > turn.moment()) {
                self.mode = Mode::Group(group);
                return;
            }
            if !self.window.admit(turn.moment(), self.intensity) {
                return self.give_up(turn, group.culprit);
            }
            group.stage = GroupStage::Starting { next: group.from };
        }
        if let GroupStage::Starting { next } = group.stage {
            self.mode = match self.start_from(turn, next) {
                Some(next) => Mode::Group(Group { stage: GroupStage::Starting { next }, ..group }),
                None => Mode::Open,
            };
        }
    }

    /// Bears no more: ends, and with it everybody.
    pub(super) fn give_up(&mut self, turn: &mut Turn<'_>, culprit: Key) {
        let Some(child) = self.roster.get(culprit) else {
            return self.close(turn, End::Asked);
        };
        let id = child.id.clone();
        let why = child.last.as_ref().map(|(exit, _)| exit.to_string().into());
        turn.push(Effect::Note(Note {
            child: Some(id.clone()),
            what: What::GaveUp,
            why,
            incarnation: child.incarnation,
            attempt: child.failures,
            took: None,
            delay: None,
        }));
        self.close(turn, End::GaveUp(id));
    }

    /// Begins to end; what is to be answered and cannot come true any more is answered now.
    pub(super) fn close(&mut self, turn: &mut Turn<'_>, end: End) {
        self.mode = Mode::Closing(end);
        self.deferred.clear();
        for waiter in std::mem::take(&mut self.starts).into_values() {
            turn.answer(waiter.to, Reply::Refused(Refusal::Closing));
        }
        if self.is_dynamic() {
            for key in self.roster.alive() {
                self.stop(turn, key, After::Down);
            }
        }
        self.advance(turn);
    }

    fn advance_close(&mut self, turn: &mut Turn<'_>, end: End) {
        let Some(key) = self.roster.last_alive_from(Key::FIRST) else {
            self.mode = Mode::Closed;
            return turn.push(Effect::End(end));
        };
        // Whoever should be dead already gets a last limit.
        let limited = |phase: &Phase| match phase {
            Phase::Stopping { until, stage, .. } => {
                until.is_some() || !matches!(stage, Stage::Abandoned | Stage::Killed)
            }
            Phase::Down
            | Phase::Starting { .. }
            | Phase::Running { .. }
            | Phase::Waiting { .. }
            | Phase::Parked => false,
        };
        if !self.roster.get(key).is_some_and(|child| limited(child.phase())) {
            self.stop(turn, key, After::Down);
        }
    }
}
