//! A worker, as the desk of its node knows it.

use std::collections::{BTreeMap, BTreeSet};

use orkestra_runtime::{
    id::{Incarnation, ShardId, TaskNo},
    protocol::agent::AgentProfile,
};

use crate::node::credits::Counter;

/// One worker.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) profile: AgentProfile,
    pub(super) incarnation: Incarnation,
    /// Which attempts of which shard were passed on and not acknowledged: how many.
    pub(super) open: BTreeMap<ShardId, BTreeSet<TaskNo>>,
    /// Shards that want to know what it holds.
    pub(super) asked_by: BTreeSet<ShardId>,
    /// Whether it has said what it holds.
    has_beaten: bool,
    /// Lends its capacity to shards.
    pub(super) counter: Counter,
    /// Whether it said that it is about to go.
    pub(super) is_leaving: bool,
}

impl Seat {
    /// A worker in a life of which nothing was heard before.
    pub(super) fn new(profile: AgentProfile, incarnation: Incarnation, counter: Counter) -> Self {
        let (open, asked_by) = (BTreeMap::new(), BTreeSet::new());
        let (has_beaten, is_leaving) = (false, false);
        Self { profile, incarnation, open, asked_by, has_beaten, counter, is_leaving }
    }

    /// Which shards hear what it holds, beside those whose tasks these are.
    ///
    /// What a new life holds is told to all: what the one before it held is lost, and whoever leads
    /// since then may know of that from the journal alone.
    pub(super) fn beat_heard_by(
        &mut self,
        all: impl Iterator<Item = ShardId>,
    ) -> BTreeSet<ShardId> {
        let mut heard_by = std::mem::take(&mut self.asked_by);
        if !std::mem::replace(&mut self.has_beaten, true) {
            heard_by.extend(all);
        }
        heard_by
    }
}
