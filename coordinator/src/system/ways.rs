//! The ways to what a node keeps beside tasks.

use std::sync::Arc;

use super::System;
use crate::client::{councils::Councils, locks::Locks, votes::Votes};

impl System {
    /// The way to its locks.
    pub fn locks(&self) -> Locks {
        Locks::new(self.means.shard.clone(), Arc::clone(&self.means.clock))
    }

    /// The way to its votes.
    pub fn votes(&self) -> Votes {
        Votes::new(self.means.shard.clone())
    }

    /// The way to its councils.
    pub fn councils(&self) -> Councils {
        Councils::new(self.means.shard.clone())
    }
}
