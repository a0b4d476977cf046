//! The public side of a node that is alone.

use std::sync::Arc;

use orkestra_agents::kinds::remote::Pace;
use orkestra_runtime::{
    fabric::{Fabric, Messages},
    id::ShardId,
    time::Clock,
};

use tokio::sync::watch;

use super::System;
use crate::public::{self, Hosts, NodeRow, PublicShard, Shards};

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

impl System {
    /// What a public side of this node is made of, over the messages of a fabric: its own, or
    /// another one that others can reach.
    pub fn public_parts(&self, fabric: &dyn Fabric, pace: Pace) -> public::Parts {
        let means = &self.means;
        let (node, boot) = (self.clerk.name().clone(), self.clerk.boot());
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
        let (tasks, journal) = (self.tasks.clone(), means.journal.clone());
        let locks = self.locks();
        let shard = PublicShard { shard: ShardId(0), tasks, locks, journal };
        let messages: Arc<dyn Messages> = fabric.messages();
        let clock: Arc<dyn Clock> = Arc::clone(&means.clock);
        public::Parts {
            node,
            messages,
            outside: fabric.outside(),
            prefix: fabric.prefix().to_string(),
            shards: Arc::new(Alone { shard, row }),
            answers: true,
            hosts: Some(Arc::new(self.hosting.clone()) as Arc<dyn Hosts>),
            // There is no other node that could take its agents.
            draining: watch::channel(false).1,
            pace,
            clock,
        }
    }
}
