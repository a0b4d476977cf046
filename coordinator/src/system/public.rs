//! The public side of a node that is alone.

use std::sync::Arc;

use orkestra_agents::kinds::remote::Pace;
use orkestra_runtime::{
    fabric::{Fabric, Messages},
    id::{NodeId, ShardId},
    supervise::ChildSpec,
    time::Clock,
};

use tokio::sync::watch;

use super::{Means, System, SystemSpec};
use crate::{
    client::{Tasks, locks::Locks},
    grpc,
    planning::{PlanningSettings, planning_of},
    public::{self, Hosts, NodeRow, PublicShard, Shards},
};

/// The one shard of a node that is alone.
#[derive(Clone, Debug)]
struct Alone {
    shard: PublicShard,
    row: NodeRow,
}

impl Shards for Alone {
    fn of(&self, _: &str) -> PublicShard {
        self.shard.clone()
    }

    fn all(&self) -> Vec<PublicShard> {
        vec![self.shard.clone()]
    }

    fn is_led_here(&self, _: ShardId) -> bool {
        true
    }

    fn nodes(&self) -> Vec<NodeRow> {
        vec![self.row.clone()]
    }
}

/// What there is of a node that is alone: one shard, and itself.
fn alone((node, boot): (&NodeId, u64), tasks: &Tasks, means: &Means) -> Arc<dyn Shards> {
    let row = NodeRow {
        node: node.clone(),
        state: "up".to_owned(),
        roles: vec!["coordinator".to_owned(), "agents".to_owned()],
        version: env!("CARGO_PKG_VERSION").to_owned(),
        boot,
        capacity: 0,
        running: 0,
        leads: 1,
    };
    let locks = Locks::new(means.shard.clone(), Arc::clone(&means.clock));
    let (tasks, journal) = (tasks.clone(), means.journal.clone());
    let shard = PublicShard { shard: ShardId(0), tasks, locks, journal };
    Arc::new(Alone { shard, row })
}

/// The way in over gRPC, if there is one.
pub(super) fn grpc(
    spec: &SystemSpec,
    boot: u64,
    (tasks, means): (&Tasks, &Means),
) -> Option<ChildSpec> {
    let door = spec.grpc.as_ref()?;
    let shards = alone((&spec.node, boot), tasks, means);
    let (node, clock) = (spec.node.clone(), Arc::clone(&spec.clock));
    let how = (Arc::clone(&clock), PlanningSettings::default());
    let planning = planning_of(spec.fabric.as_ref(), Arc::clone(&shards), how);
    Some(door.child(grpc::Parts { node, shards, clock, planning }))
}

impl System {
    /// What a public side of this node is made of, over the messages of a fabric: its own, or
    /// another one that others can reach.
    pub fn public_parts(&self, fabric: &dyn Fabric, pace: Pace) -> public::Parts {
        let means = &self.means;
        let (node, boot) = (self.clerk.name().clone(), self.clerk.boot());
        let shards = alone((&node, boot), &self.tasks, means);
        let messages: Arc<dyn Messages> = fabric.messages();
        let clock: Arc<dyn Clock> = Arc::clone(&means.clock);
        public::Parts {
            node,
            messages,
            outside: fabric.outside(),
            prefix: fabric.prefix().to_string(),
            shards,
            answers: true,
            hosts: Some(Arc::new(self.hosting.clone()) as Arc<dyn Hosts>),
            // There is no other node that could take its agents.
            draining: watch::channel(false).1,
            pace,
            clock,
        }
    }
}
