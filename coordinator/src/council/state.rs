//! The durable state: what the events add up to.

use std::collections::{BTreeMap, BTreeSet};

use orkestra_runtime::{
    id::{AgentId, RunId, TaskId},
    time::Wall,
};
use serde::{Deserialize, Serialize};

use super::{
    command::DeliberationNo,
    event::{Ending, Opening, Out, Place, Seat, Step},
    stats::Stats,
    view::Phase,
    words::CouncilConfig,
};

/// Which council: its namespace, and its role without case.
pub(super) type CouncilKey = (String, String);

/// A council.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Council {
    /// As it was written when the council was made.
    pub(super) role: String,
    pub(super) config: CouncilConfig,
    pub(super) seats: BTreeMap<AgentId, Seated>,
}

/// A seat, and since when it has been there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seated {
    pub(super) seat: Seat,
    pub(super) at: Wall,
}

/// A proposal and what it was before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Proposal {
    pub(super) seat: u32,
    pub(super) task: TaskId,
    /// Oldest first.
    #[serde(default)]
    pub(super) earlier: Vec<TaskId>,
}

/// What a deliberation went through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stage {
    pub(super) phase: Phase,
    pub(super) round: u32,
    pub(super) began: Wall,
    pub(super) steps: Vec<Step>,
}

/// A deliberation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Deliberation {
    pub(super) opening: Opening,
    pub(super) opened: Wall,
    /// Oldest first; none before it has begun.
    pub(super) stages: Vec<Stage>,
    /// By seat.
    pub(super) proposals: Vec<Proposal>,
    pub(super) out: Vec<Out>,
    pub(super) remarks: Vec<String>,
    /// How it ended, and when.
    pub(super) ended: Option<(Wall, Ending)>,
}

impl Deliberation {
    pub(super) fn place(&self, seat: u32) -> Option<&Place> {
        self.opening.seats.get(seat as usize)
    }

    /// What clients call a seat.
    pub(super) fn name(&self, seat: u32) -> &str {
        self.place(seat).map_or("nobody", |place| place.id.as_str())
    }

    pub(super) const fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    pub(super) fn phase(&self) -> Phase {
        match (&self.ended, self.stages.last()) {
            (Some(_), _) => Phase::Ended,
            (None, Some(stage)) => stage.phase,
            (None, None) => Phase::Pending,
        }
    }

    pub(super) fn key(&self) -> CouncilKey {
        let request = &self.opening.request;
        (request.namespace.clone(), self.opening.role.to_ascii_lowercase())
    }
}

/// Everything durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Durable {
    pub(super) councils: BTreeMap<CouncilKey, Council>,
    pub(super) deliberations: BTreeMap<DeliberationNo, Deliberation>,
    pub(super) stats: Stats,
    // What follows is derived from the above and not part of a snapshot.
    pub(super) names: BTreeMap<(String, String), DeliberationNo>,
    pub(super) runs: BTreeMap<RunId, DeliberationNo>,
    /// Those that go on, by when they end at the latest.
    pub(super) deadlines: BTreeSet<(Wall, DeliberationNo)>,
}

impl Durable {
    pub(super) fn named(
        &self,
        namespace: &str,
        id: &str,
    ) -> Option<(DeliberationNo, &Deliberation)> {
        let no = *self.names.get(&(namespace.to_owned(), id.to_owned()))?;
        Some((no, self.deliberations.get(&no)?))
    }

    /// Those that go on.
    pub(super) fn open(&self) -> impl Iterator<Item = (DeliberationNo, &Deliberation)> {
        let open = self.deadlines.iter();
        open.filter_map(|(_, no)| Some((*no, self.deliberations.get(no)?)))
    }

    /// Those of a council that go on, by number.
    pub(super) fn open_of(&self, key: &CouncilKey) -> Vec<(DeliberationNo, &Deliberation)> {
        let mut open: Vec<_> = self.open().filter(|(_, found)| found.key() == *key).collect();
        open.sort_unstable_by_key(|(no, _)| *no);
        open
    }

    /// Keeps in mind where a deliberation is found.
    pub(super) fn index(&mut self, no: DeliberationNo) {
        let Some(found) = self.deliberations.get(&no) else { return };
        let request = &found.opening.request;
        self.names.insert((request.namespace.clone(), request.id.clone()), no);
        self.runs.insert(found.opening.run.clone(), no);
        if found.is_open() {
            self.deadlines.insert((found.opening.until, no));
        }
    }
}
