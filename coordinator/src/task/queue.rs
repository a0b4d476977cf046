//! Ready tasks in the order in which they should begin.
//!
//! Order: weight × 100 + downstream × 10, highest first; equals in the order of their submission
//! (the sources' formula, whose third term, the queue position, is the tie-break).
//! Tasks that ask the same of an agent share a queue, so that one look at the head of each queue
//! finds the next task for whoever is free.

use std::collections::{BTreeMap, BTreeSet};

use orkestra_runtime::{
    id::{AgentId, Capability, TaskNo},
    protocol::{council::CHECKS_CAPABILITY, task::TaskSpec},
};

use crate::task::{selection::pool_of, state::RunNo};

/// What tasks of one queue ask of an agent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class {
    pub(super) run: RunNo,
    pub(super) requires: Vec<Capability>,
    pub(super) agents: Vec<AgentId>,
    /// The category, if it has a pool of preferred agents.
    pub(super) pooled: Option<String>,
}

impl Class {
    pub(super) fn of(run: RunNo, spec: &TaskSpec) -> Self {
        Self {
            run,
            requires: spec.requires.clone(),
            agents: spec.agents.clone(),
            pooled: pool_of(&spec.category).map(|_| spec.category.clone()),
        }
    }

    /// Whether an agent may work on tasks of this class at all. Who checks proposals and can do nothing
    /// else is there without having been asked for, and so only for who asks for it.
    pub(super) fn admits(&self, id: &AgentId, capabilities: &[Capability]) -> bool {
        let is_meant = if self.agents.is_empty() {
            let [only] = capabilities else { return self.is_met(capabilities) };
            only.as_str() != CHECKS_CAPABILITY || self.requires.contains(only)
        } else {
            self.agents.contains(id)
        };
        is_meant && self.is_met(capabilities)
    }

    fn is_met(&self, capabilities: &[Capability]) -> bool {
        self.requires.iter().all(|required| capabilities.contains(required))
    }
}

/// A place in a queue: the smallest is the next.
pub(super) type Place = (u64, TaskNo);

/// Where a task stands in its queue.
pub(super) fn place(task: TaskNo, spec: &TaskSpec, downstream: u32) -> Place {
    let rank = u64::from(spec.priority.weight()) * 100 + u64::from(downstream) * 10;
    (u64::MAX - rank, task)
}

/// All ready tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Queues {
    by_class: BTreeMap<Class, BTreeSet<Place>>,
    len: usize,
}

impl Queues {
    pub(super) fn insert(&mut self, class: Class, place: Place) {
        if self.by_class.entry(class).or_default().insert(place) {
            self.len += 1;
        }
    }

    pub(super) fn remove(&mut self, class: &Class, place: &Place) {
        let Some(queue) = self.by_class.get_mut(class) else { return };
        if queue.remove(place) {
            self.len -= 1;
        }
        if queue.is_empty() {
            self.by_class.remove(class);
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Class, &BTreeSet<Place>)> {
        self.by_class.iter()
    }

    /// How many tasks of the same class are before a place.
    pub(super) fn ahead_of(&self, class: &Class, place: &Place) -> usize {
        self.by_class.get(class).map_or(0, |queue| queue.range(..place).count())
    }
}
