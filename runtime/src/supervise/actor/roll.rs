//! Who lives under a supervisor, readable from outside, also when it is dead.
//!
//! A supervisor that is killed, or panics, takes all below it along; but ractor only signals them.
//! Whoever starts it anew must first see the old ones gone, or two lives of one child overlap.

use std::sync::Arc;

use dashmap::DashMap;
use ractor::{ActorCell, ActorId, ActorStatus};

/// The actors under one supervisor, and under those the actors below.
#[derive(Clone)]
pub(in crate::supervise) struct Roll(Arc<DashMap<ActorId, (ActorCell, Option<Self>)>>);

impl Roll {
    pub(in crate::supervise) fn new() -> Self {
        // Written by one actor and hardly ever read: the fewest shards that there can be.
        Self(Arc::new(DashMap::with_shard_amount(2)))
    }

    pub(super) fn add(&self, cell: ActorCell, below: Option<Self>) {
        self.0.insert(cell.get_id(), (cell, below));
    }

    pub(super) fn remove(&self, actor: ActorId) {
        self.0.remove(&actor);
    }

    /// Everybody here and below who has not ended yet.
    pub(super) fn survivors(&self) -> Vec<ActorCell> {
        let mut survivors = Vec::new();
        let mut rolls = vec![self.clone()];
        while let Some(roll) = rolls.pop() {
            for entry in roll.0.iter() {
                let (cell, below) = entry.value();
                if cell.get_status() != ActorStatus::Stopped {
                    survivors.push(cell.clone());
                }
                rolls.extend(below.clone());
            }
        }
        survivors
    }
}
