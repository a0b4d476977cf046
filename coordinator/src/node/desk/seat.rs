//! One worker, as the desk knows it.

use std::collections::{BTreeMap, BTreeSet};

use orkestra_runtime::{
    id::{Incarnation, ShardId, TaskNo},
    protocol::agent::AgentProfile,
};

use crate::node::credits::Counter;

/// A worker that is there.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) profile: AgentProfile,
    pub(super) incarnation: Incarnation,
    /// Which attempts of which shard were passed on and not acknowledged: how many.
    pub(super) open: BTreeMap<ShardId, BTreeSet<TaskNo>>,
    /// Shards that want to know what it holds.
    pub(super) asked_by: BTreeSet<ShardId>,
    /// Whether it has said what it holds.
    pub(super) has_beaten: bool,
    /// Lends its capacity to shards.
    pub(super) counter: Counter,
    /// Whether it said that it is about to go.
    pub(super) is_leaving: bool,
}

impl Seat {
    /// A worker of which nothing was heard yet.
    pub(super) const fn new(
        profile: AgentProfile,
        incarnation: Incarnation,
        counter: Counter,
    ) -> Self {
        Self {
            profile,
            incarnation,
            open: BTreeMap::new(),
            asked_by: BTreeSet::new(),
            has_beaten: false,
            counter,
            is_leaving: false,
        }
    }
}
