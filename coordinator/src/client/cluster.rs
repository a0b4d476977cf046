//! The way to the tasks and the locks of a cluster for whoever is no node of it.

use std::sync::Arc;

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::Fabric,
    id::ShardId,
    leadership::placement::shard_of,
    time::{Clock, SystemClock},
};

use super::{Tasks, councils::Councils, locks::Locks};
use crate::{
    node::SHARDS_MAX,
    reach::{Shard, There},
    system::Followers,
};

/// The way to the tasks and the locks of a cluster for whoever is no node of it. Cheap to clone.
///
/// It leads nothing, hosts nothing and is not heard of: what it asks goes to whoever leads.
#[derive(Clone, Debug)]
pub struct Cluster(Arc<[(Tasks, Locks)]>);

impl Cluster {
    /// The way over a fabric to a cluster with so many shards.
    ///
    /// An error of kind `Invalid` says that no cluster has so many.
    pub fn over(fabric: &dyn Fabric, shards: u16) -> Result<Self> {
        if !(1..=SHARDS_MAX).contains(&shards) {
            let message = format!("a cluster has 1 to {SHARDS_MAX} shards, not {shards}");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let clock: Arc<dyn Clock> = SystemClock::start();
        let way = |shard| {
            let there = There::new(ShardId(shard), fabric.messages())?;
            let way = Shard::of_cluster(None, there);
            let locks = Locks::new(way.clone(), Arc::clone(&clock));
            Ok((Tasks::new(way, Followers::default(), fabric.blobs()), locks))
        };
        (0..shards).map(way).collect::<Result<_>>().map(Self)
    }

    /// The way to the tasks of a namespace.
    pub fn tasks_of(&self, namespace: &str) -> &Tasks {
        &self.ways_of(namespace).0
    }

    /// The way to the locks of a namespace.
    pub fn locks_of(&self, namespace: &str) -> &Locks {
        &self.ways_of(namespace).1
    }

    /// The way to the councils of a namespace.
    pub fn councils_of(&self, namespace: &str) -> Councils {
        Councils::beside(self.tasks_of(namespace))
    }

    fn ways_of(&self, namespace: &str) -> &(Tasks, Locks) {
        let shards = u16::try_from(self.0.len()).unwrap_or(SHARDS_MAX);
        // There is at least one shard, and the hash names one of them.
        &self.0[usize::from(shard_of(namespace, shards).0)]
    }
}
