//! A cluster as a client reaches it: it leads nothing, hosts nothing, and asks whoever leads.

use std::{path::PathBuf, sync::Arc};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::Fabric,
    id::{NodeId, RunId, ShardId},
    journal::Journal,
    leadership::placement::shard_of,
    names,
    time::Clock,
};

use crate::{
    client::Tasks,
    context::Contexts,
    door::{Clerk, Identity},
    inspect::Inspection,
    node::made_with,
    reach::{Shard, There},
    scenario::AgentConfig,
    system::{Followers, Means, Standing},
    task::{Answer, Query},
};

/// A cluster, as a client reaches it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Cluster {
    fabric: Arc<dyn Fabric>,
    shards: u16,
    clock: Arc<dyn Clock>,
}

impl Cluster {
    /// The cluster that speaks over a fabric. An error of kind `NotFound` means that no node has made
    /// it yet.
    pub async fn over(fabric: Arc<dyn Fabric>, clock: Arc<dyn Clock>) -> Result<Self> {
        let found = fabric.registers().get(&names::cluster_key()?).await?;
        let Some(shards) = found.as_ref().map(made_with).transpose()? else {
            let message = "there is no cluster of this name yet: start one with `orkestra up`, or a \
                           node with `orkestra node`";
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        Ok(Self { fabric, shards, clock })
    }

    /// How many shards it has.
    pub const fn shards(&self) -> u16 {
        self.shards
    }

    /// What it talks and remembers with.
    pub const fn fabric(&self) -> &Arc<dyn Fabric> {
        &self.fabric
    }

    /// The shard in which a namespace lives.
    pub fn shard_of(&self, namespace: &str) -> ShardId {
        shard_of(namespace, self.shards)
    }

    /// The shard of a run: that of the namespace if it is there, or else whichever has it. An error
    /// of kind `NotFound` says where it was looked for.
    pub async fn shard_of_run(&self, run: &RunId, namespace: &str) -> Result<ShardId> {
        let first = self.shard_of(namespace);
        let others = (0..self.shards).map(ShardId).filter(|shard| *shard != first);
        for shard in std::iter::once(first).chain(others) {
            let found = self.tasks(shard)?.query(Query::Run(run.clone())).await?;
            if matches!(found, Answer::Run(Some(_))) {
                return Ok(shard);
            }
        }
        let message = format!("there is no run {run:?} in any shard of this cluster");
        Err(Error::new(ErrorKind::NotFound, message))
    }

    /// The way to the tasks of a shard, wherever it is led.
    pub fn tasks(&self, shard: ShardId) -> Result<Tasks> {
        Ok(Tasks::new(self.way(shard)?, Followers::default(), self.fabric.blobs()))
    }

    /// The way to the context of a shard.
    pub fn contexts(&self, shard: ShardId) -> Result<Contexts> {
        Ok(Contexts::new(self.way(shard)?))
    }

    fn way(&self, shard: ShardId) -> Result<Shard> {
        Ok(Shard::of_cluster(None, There::new(shard, self.fabric.messages())?))
    }

    /// What is durable in a shard now, folded here: the leader is not asked.
    pub async fn inspect(&self, shard: ShardId) -> Result<Inspection> {
        Inspection::over(Arc::clone(&self.fabric), shard).await
    }

    /// Has the cluster host these agents from now on: see [`crate::node::Node::offer`].
    pub async fn offer(&self, agents: &[AgentConfig], replace: bool) -> Result<()> {
        crate::node::offer(self.fabric.as_ref(), agents, replace).await
    }

    /// Carries out what is asked of a shard as the control door of a folder does.
    pub(crate) fn clerk(&self, shard: ShardId) -> Result<Clerk> {
        let identity = Identity {
            name: NodeId::new("cluster")?,
            boot: 0,
            durability: self.fabric.durability(),
            folder: PathBuf::new(),
            is_at_work: false,
        };
        let means = Means {
            shard: self.way(shard)?,
            journal: Journal::of(self.fabric.as_ref(), shard)?,
            keeper: None,
            standing: Arc::new(Standing::default()),
            clock: Arc::clone(&self.clock),
        };
        Ok(Clerk::new(identity, self.tasks(shard)?, means))
    }
}
