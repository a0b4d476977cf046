//! The children of a supervisor in the order of their start, and indexes over them.
//!
//! Every phase change goes through [`Roster::set`], which keeps the indexes true; so nothing here
//! looks at all children because one of them has changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
    time::Duration,
};

use crate::{
    id::Incarnation,
    restart::Exit,
    supervise::{
        event::{ChildState, ChildView, Counts},
        rules::{ChildId, Kind, Rules},
    },
    time::{Moment, Now},
};

/// A child's place in the order of start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(pub(super) u64);

impl Key {
    pub(super) const FIRST: Self = Self(0);

    pub(super) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What a child is doing, with what is needed to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Down,
    Starting { since: Moment, until: Option<Moment> },
    Running { since: Moment, silent_at: Option<Moment> },
    Stopping { since: Moment, stage: Stage, until: Option<Moment>, after: After },
    Waiting { until: Moment },
    Parked,
}

/// How far the stopping of a child has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its start is being let go of.
    Abandoned,
    /// It finishes what it has.
    Draining,
    /// It was asked to end.
    Asked,
    /// It was killed.
    Killed,
}

/// What follows when a child has been stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It is down, as was wanted.
    Down,
    /// It counts as having failed like this.
    Fail(Exit),
    /// It counts as not having started, for this reason.
    Unstarted(Arc<str>),
}

impl Phase {
    const fn deadline(&self) -> Option<Moment> {
        match self {
            Self::Down | Self::Parked => None,
            Self::Starting { until, .. } | Self::Stopping { until, .. } => *until,
            Self::Running { silent_at, .. } => *silent_at,
            Self::Waiting { until } => Some(*until),
        }
    }

    /// Whether an incarnation exists, or may.
    pub(super) const fn is_alive(&self) -> bool {
        matches!(self, Self::Starting { .. } | Self::Running { .. } | Self::Stopping { .. })
    }
}

/// One child.
#[derive(Clone, Debug)]
pub(super) struct Child {
    pub(super) id: ChildId,
    pub(super) rules: Arc<Rules>,
    phase: Phase,
    /// Its present or last life; zero when it never lived.
    pub(super) incarnation: Incarnation,
    /// How many lives failed in a row.
    pub(super) failures: u32,
    /// How often it was restarted.
    pub(super) restarts: u32,
    /// Terminated by somebody while its group restarts, which leaves it out.
    pub(super) held: bool,
    /// How it ended last, and when.
    pub(super) last: Option<(Exit, Moment)>,
}

impl Child {
    pub(super) const fn phase(&self) -> &Phase {
        &self.phase
    }

    pub(super) const fn attempt(&self) -> u32 {
        self.failures.saturating_add(1)
    }

    fn view(&self, now: Now) -> ChildView {
        let state = match &self.phase {
            Phase::Down => ChildState::Stopped,
            Phase::Starting { .. } => ChildState::Starting,
            Phase::Running { .. } => ChildState::Running,
            Phase::Stopping { .. } => ChildState::Stopping,
            Phase::Waiting { until } => ChildState::BackingOff(now.wall + until.since(now.moment)),
            Phase::Parked => ChildState::Parked,
        };
        ChildView {
            id: self.id.clone(),
            kind: self.rules.kind,
            state,
            incarnation: self.incarnation,
            restarts: self.restarts,
            last_exit: self.last.as_ref().map(|(exit, _)| exit.clone()),
        }
    }
}

/// The children of a supervisor.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster {
    children: BTreeMap<Key, Child>,
    keys: BTreeMap<ChildId, Key>,
    next: Key,
    alive: BTreeSet<Key>,
    due: BTreeSet<(Moment, Key)>,
    significant: usize,
    starting: usize,
    waiting: usize,
    parked: usize,
    supervisors: usize,
}

impl Roster {
    pub(super) fn add(&mut self, id: ChildId, rules: Arc<Rules>) -> Key {
        let key = self.next;
        self.next = key.next();
        self.supervisors += usize::from(rules.kind == Kind::Supervisor);
        self.keys.insert(id.clone(), key);
        let child = Child {
            id,
            rules,
            phase: Phase::Down,
            incarnation: Incarnation(0),
            failures: 0,
            restarts: 0,
            held: false,
            last: None,
        };
        self.children.insert(key, child);
        key
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Child> {
        self.set(key, Phase::Down);
        let child = self.children.remove(&key)?;
        self.keys.remove(&child.id);
        self.supervisors -= usize::from(child.rules.kind == Kind::Supervisor);
        Some(child)
    }

    /// Moves a child on, and keeps the indexes true.
    pub(super) fn set(&mut self, key: Key, phase: Phase) {
        let Some(child) = self.children.get_mut(&key) else { return };
        let significant = child.rules.significant;
        let old = std::mem::replace(&mut child.phase, phase);
        let phase = &child.phase;
        if let Some(at) = old.deadline() {
            self.due.remove(&(at, key));
        }
        if let Some(at) = phase.deadline() {
            self.due.insert((at, key));
        }
        match (old.is_alive(), phase.is_alive()) {
            (false, true) => self.alive.insert(key),
            (true, false) => self.alive.remove(&key),
            (true, true) | (false, false) => false,
        };
        let is = |phase: &Phase| {
            let gone = matches!(phase, Phase::Down | Phase::Parked);
            [
                significant && !gone,
                matches!(phase, Phase::Starting { .. }),
                matches!(phase, Phase::Waiting { .. }),
                matches!(phase, Phase::Parked),
            ]
        };
        let tallies =
            [&mut self.significant, &mut self.starting, &mut self.waiting, &mut self.parked];
        for ((tally, was), will) in tallies.into_iter().zip(is(&old)).zip(is(phase)) {
            *tally = *tally + usize::from(will) - usize::from(was);
        }
    }

    pub(super) fn get(&self, key: Key) -> Option<&Child> {
        self.children.get(&key)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Child> {
        self.children.get_mut(&key)
    }

    pub(super) fn key(&self, id: &ChildId) -> Option<Key> {
        self.keys.get(id).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.children.len()
    }

    /// How many significant children are not down for good.
    pub(super) const fn significant(&self) -> usize {
        self.significant
    }

    /// The first child from this place on.
    pub(super) fn first_from(&self, from: Key) -> Option<(Key, &Child)> {
        self.children.range(from..).next().map(|(key, child)| (*key, child))
    }

    /// Forgets, from this place on, who was left out of a group's restart.
    pub(super) fn release_from(&mut self, from: Key) {
        for (_, child) in self.children.range_mut((Bound::Included(from), Bound::Unbounded)) {
            child.held = false;
        }
    }

    /// The last of those who live, from this place on.
    pub(super) fn last_alive_from(&self, from: Key) -> Option<Key> {
        self.alive.range(from..).next_back().copied()
    }

    pub(super) fn alive(&self) -> Vec<Key> {
        self.alive.iter().rev().copied().collect()
    }

    /// Who has something due soonest, and when.
    pub(super) fn next_due(&self) -> Option<(Moment, Key)> {
        self.due.first().copied()
    }

    pub(super) fn counts(&self, dynamic: bool) -> Counts {
        Counts {
            specs: if dynamic { 1 } else { self.len() },
            active: self.alive.len() - self.starting,
            supervisors: self.supervisors,
            workers: self.len() - self.supervisors,
            backing_off: self.waiting,
            parked: self.parked,
        }
    }

    pub(super) fn views(&self, now: Now) -> Vec<ChildView> {
        self.children.values().map(|child| child.view(now)).collect()
    }

    /// How long a child has run at `now`; zero when it does not.
    pub(super) fn lived(&self, key: Key, now: Moment) -> Duration {
        match self.get(key).map(Child::phase) {
            Some(Phase::Running { since, .. }) => now.since(*since),
            _ => Duration::ZERO,
        }
    }

    /// Asserts that the indexes say what the children say.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn check(&self) {
        let count = |test: &dyn Fn(&Child) -> bool| {
            self.children.values().filter(|child| test(child)).count()
        };
        let alive: BTreeSet<Key> = self
            .children
            .iter()
            .filter(|(_, child)| child.phase.is_alive())
            .map(|(key, _)| *key)
            .collect();
        let due: BTreeSet<(Moment, Key)> = self
            .children
            .iter()
            .filter_map(|(key, child)| child.phase.deadline().map(|at| (at, *key)))
            .collect();
        assert_eq!(self.alive, alive);
        assert_eq!(self.due, due);
        assert_eq!(self.keys.len(), self.children.len());
        assert_eq!(self.supervisors, count(&|child| child.rules.kind == Kind::Supervisor));
        assert_eq!(self.parked, count(&|child| child.phase == Phase::Parked));
        assert_eq!(self.waiting, count(&|child| matches!(child.phase, Phase::Waiting { .. })));
        assert_eq!(self.starting, count(&|child| matches!(child.phase, Phase::Starting { .. })));
    }
}
