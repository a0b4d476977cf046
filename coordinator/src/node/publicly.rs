//! What a node of a cluster offers to anybody with a client of the bus.

use std::{collections::BTreeSet, fmt, sync::Arc};

use futures::{FutureExt as _, future::BoxFuture};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{AgentId, ShardId},
    journal::Journal,
    leadership::placement::shard_of,
    presence::Presence,
};

use super::{Reached, host::Host};
use crate::{
    public::{Hosts, NodeRow, PublicShard, Shards},
    system::Member,
};

/// The shards of a cluster, as one coordinator reaches them.
pub(super) struct Side {
    pub(super) shards: Arc<Vec<Reached>>,
    pub(super) journals: Vec<Journal>,
    pub(super) presence: Presence,
}

impl Side {
    fn shard(&self, reached: &Reached, journal: &Journal) -> PublicShard {
        PublicShard { shard: reached.shard, tasks: reached.tasks.clone(), journal: journal.clone() }
    }
}

impl Shards for Side {
    fn of(&self, namespace: &str) -> PublicShard {
        let count = u16::try_from(self.shards.len()).unwrap_or(u16::MAX);
        let at = usize::from(shard_of(namespace, count).0);
        // There is at least one shard, and the hash names one of them.
        self.shard(&self.shards[at], &self.journals[at])
    }

    fn all(&self) -> Vec<PublicShard> {
        let both = self.shards.iter().zip(&self.journals);
        both.map(|(reached, journal)| self.shard(reached, journal)).collect()
    }

    fn is_led_here(&self, shard: ShardId) -> bool {
        self.shards.get(usize::from(shard.0)).is_some_and(Reached::is_led_here)
    }

    fn nodes(&self) -> Vec<NodeRow> {
        let members = self.presence.members().borrow().clone();
        let row = |member: &orkestra_runtime::presence::Member| {
            let roles = member.beat.roles;
            let named = [(roles.coordinator, "coordinator"), (roles.agents, "agents")];
            let roles = named.into_iter().filter(|(is_so, _)| *is_so);
            NodeRow {
                node: member.beat.node.clone(),
                state: member.word().to_owned(),
                roles: roles.map(|(_, role)| role.to_owned()).collect(),
                version: member.beat.version.clone(),
                boot: member.beat.boot.0,
                capacity: member.beat.capacity,
                running: member.beat.running,
                leads: member.beat.led,
            }
        };
        members.iter().map(row).collect()
    }
}

impl fmt::Debug for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Side").field("shards", &self.shards.len()).finish_non_exhaustive()
    }
}

/// Takes in agents that come by themselves.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) host: Host,
    /// The agents of this node's own configuration, whose names are taken.
    pub(super) own: BTreeSet<AgentId>,
}

impl Hosts for Door {
    fn host(&self, member: Member) -> BoxFuture<'static, Result<()>> {
        if self.own.contains(&member.profile.id) {
            let message =
                format!("an agent {:?} belongs to this node: rename one", member.profile.id);
            return std::future::ready(Err(Error::new(ErrorKind::Conflict, message))).boxed();
        }
        let host = self.host.clone();
        async move { host.host(member).await }.boxed()
    }

    fn release(&self, agent: AgentId) -> BoxFuture<'static, Result<()>> {
        if self.own.contains(&agent) {
            return std::future::ready(Ok(())).boxed();
        }
        let host = self.host.clone();
        async move { host.dismiss(&agent).await }.boxed()
    }
}
