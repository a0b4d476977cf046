//! The public side of a node of a cluster.

use std::{fmt, sync::Arc};

use futures::{FutureExt as _, future::BoxFuture};
use orkestra_agents::kinds::remote::Pace;
use orkestra_runtime::{
    Result,
    fabric::Fabric,
    id::{AgentId, ShardId},
    journal::Journal,
    leadership::placement::shard_of,
    presence::{Member as Known, Presence},
    supervise::ChildSpec,
    time::Clock,
};

use tokio::sync::watch;

use super::{Hosts, NodeRow, Parts, PublicShard, Shards};
use crate::{
    client::locks::Locks,
    grpc,
    node::{Host, NodeSpec, Reached},
    planning,
    system::Member,
};

/// All shards of a cluster, as one node reaches them.
pub(crate) struct Cluster {
    shards: Arc<Vec<Reached>>,
    journals: Vec<Journal>,
    presence: Presence,
    clock: Arc<dyn Clock>,
}

impl Cluster {
    /// The shards that a node reaches, and the nodes that it hears of.
    pub(crate) fn new(
        fabric: &dyn Fabric,
        shards: Arc<Vec<Reached>>,
        (presence, clock): (Presence, Arc<dyn Clock>),
    ) -> Result<Self> {
        let journals = shards.iter().map(|reached| Journal::of(fabric, reached.shard));
        let journals = journals.collect::<Result<_>>()?;
        Ok(Self { shards, journals, presence, clock })
    }

    fn public(&self, reached: &Reached, journal: &Journal) -> PublicShard {
        PublicShard {
            shard: reached.shard,
            tasks: reached.tasks.clone(),
            locks: Locks::new(reached.way.clone(), Arc::clone(&self.clock)),
            journal: journal.clone(),
        }
    }
}

/// The public side of a node of a cluster, as children of its supervisor of doors: coordinators
/// answer requests and tell events, whoever hosts agents takes them in from elsewhere.
pub(crate) fn of_node(
    spec: &NodeSpec,
    shards: &Arc<Vec<Reached>>,
    presence: &Presence,
    (host, draining): (&Host, watch::Receiver<bool>),
) -> Result<Vec<ChildSpec>> {
    let fabric = spec.fabric.as_ref();
    let known = (presence.clone(), Arc::clone(&spec.clock));
    let cluster = Cluster::new(fabric, Arc::clone(shards), known)?;
    let cluster: Arc<dyn Shards> = Arc::new(cluster);
    let grpc = spec.grpc.as_ref().filter(|_| spec.roles.coordinator).map(|door| {
        let (node, shards) = (spec.name.clone(), Arc::clone(&cluster));
        let settings = spec.planning.clone().unwrap_or_default().settings;
        let how = (Arc::clone(&spec.clock), settings);
        let planning = planning::planning_of(fabric, Arc::clone(&cluster), how);
        door.child(grpc::Parts { node, shards, clock: Arc::clone(&spec.clock), planning })
    });
    let parts = Parts {
        node: spec.name.clone(),
        messages: fabric.messages(),
        outside: fabric.outside(),
        prefix: fabric.prefix().to_string(),
        shards: cluster,
        answers: spec.roles.coordinator,
        hosts: spec.roles.agents.then(|| Arc::new(host.clone()) as Arc<dyn Hosts>),
        draining,
        pace: Pace::default(),
        clock: Arc::clone(&spec.clock),
    };
    let mut children = super::children(&parts);
    children.extend(grpc);
    if let Some(wanted) = spec.planning.as_ref().filter(|_| spec.roles.coordinator) {
        children.push(planning::child::child(fabric, parts.shards, &spec.clock, wanted)?);
    }
    Ok(children)
}

impl Shards for Cluster {
    fn of(&self, namespace: &str) -> PublicShard {
        let count = u16::try_from(self.shards.len()).unwrap_or(u16::MAX);
        let at = usize::from(shard_of(namespace, count).0);
        // There is at least one shard, and the hash names one of them.
        self.public(&self.shards[at], &self.journals[at])
    }

    fn all(&self) -> Vec<PublicShard> {
        let both = self.shards.iter().zip(&self.journals);
        both.map(|(reached, journal)| self.public(reached, journal)).collect()
    }

    fn is_led_here(&self, shard: ShardId) -> bool {
        self.shards.iter().any(|reached| reached.shard == shard && reached.is_led_here())
    }

    fn nodes(&self) -> Vec<NodeRow> {
        self.presence.members().borrow().iter().map(row).collect()
    }
}

fn row(member: &Known) -> NodeRow {
    let beat = &member.beat;
    let roles = [("coordinator", beat.roles.coordinator), ("agents", beat.roles.agents)];
    let roles = roles.iter().filter(|(_, has)| *has).map(|(role, _)| (*role).to_owned());
    NodeRow {
        node: beat.node.clone(),
        state: member.word().to_owned(),
        roles: roles.collect(),
        version: beat.version.clone(),
        boot: beat.boot.0,
        capacity: beat.capacity,
        running: beat.running,
        leads: beat.led,
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("shards", &self.shards.len()).finish_non_exhaustive()
    }
}

impl Hosts for Host {
    fn host(&self, member: Member) -> BoxFuture<'static, Result<()>> {
        let host = self.clone();
        async move { Self::host(&host, member).await }.boxed()
    }

    fn release(&self, agent: AgentId) -> BoxFuture<'static, Result<()>> {
        let host = self.clone();
        async move { host.dismiss(&agent).await }.boxed()
    }
}
