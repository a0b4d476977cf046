//! Agents that the cluster hosts, wherever there is room for them: offered once, hosted by one node
//! at a time, and by another when that one is gone.
//!
//! Which node hosts an agent is computed by each from who is there (a rendezvous hash), so nobody
//! has to be asked. Two nodes may host one agent for a moment while they know different things: the
//! later life of its worker is the one that is given work, and what the other one still says is
//! refused.

mod offers;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use orkestra_runtime::{
    Result,
    fabric::{Registers, Revision},
    id::{AgentId, Incarnation, NodeId},
    leadership::placement::score,
    presence::{Members, Presence},
    protocol::{
        agent::FromAgent,
        node::{Hosts, Staying},
    },
    time::{Clock, Moment},
};

pub(crate) use offers::{Offered, Offers};

use super::host::Host;
use crate::{
    scenario::{AgentConfig, AgentKind},
    system::next_life,
    team,
};

/// How long who is there must not have changed before an agent moves to this node: nodes that start
/// together must not hand agents from one to the other.
const SETTLED_AFTER: Duration = Duration::from_millis(1_500);
/// How often hosting is looked at though nothing was heard.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long an agent that could not be started is left alone.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// What hosting is made of.
pub(crate) struct Hosting {
    pub(crate) node: NodeId,
    pub(crate) hosts: Hosts,
    pub(crate) offers: Offers,
    pub(crate) registers: Arc<dyn Registers>,
    pub(crate) presence: Presence,
    pub(crate) host: Host,
    pub(crate) team: team::Shared,
    pub(crate) desk: super::desk::Desk,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What is to be hosted, as it was read last.
#[derive(Debug, Default)]
struct Known {
    revision: Option<Revision>,
    offered: Offered,
}

/// Which nodes could host an agent, and since when that has not changed.
#[derive(Debug, Default)]
struct Circle {
    nodes: BTreeMap<NodeId, Hosts>,
    since: Option<Moment>,
}

impl Circle {
    fn see(&mut self, members: &Members, now: Moment) {
        let able = members
            .up()
            .filter(|member| member.beat.roles.agents && member.beat.staying == Staying::Stays);
        let nodes: BTreeMap<NodeId, Hosts> =
            able.map(|member| (member.beat.node.clone(), member.beat.roles.hosts)).collect();
        if nodes != self.nodes || self.since.is_none() {
            (self.nodes, self.since) = (nodes, Some(now));
        }
    }

    fn is_settled(&self, now: Moment) -> bool {
        self.since.is_some_and(|since| now.since(since) >= SETTLED_AFTER)
    }

    /// Who hosts an agent; none where nobody may.
    fn host_of(&self, agent: &AgentConfig) -> Option<&NodeId> {
        let needs = needs(agent);
        let able = self.nodes.iter().filter(|(_, hosts)| **hosts >= needs);
        able.map(|(node, _)| node).max_by_key(|node| score(agent.id.as_str(), node.as_str()))
    }
}

/// What a node must allow to host an agent.
pub(crate) const fn needs(agent: &AgentConfig) -> Hosts {
    match agent.kind {
        AgentKind::Function(_) | AgentKind::Person => Hosts::Functions,
        AgentKind::Command(_) => Hosts::All,
    }
}

/// Adds who is hosted without having been offered: who checks what councils propose.
fn unasked(offered: &mut Offered) {
    if let Ok(checker) = team::checker() {
        offered.agents.entry(checker.id.clone()).or_insert(checker);
    }
}

impl Hosting {
    /// Runs until it is dropped.
    pub(crate) async fn run(self: Arc<Self>) -> Result<()> {
        let mut members = self.presence.members();
        let mut offered = Known::default();
        unasked(&mut offered.offered);
        self.look(&mut offered).await;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.tick().await; // the first comes at once
        let mut circle = Circle::default();
        let mut hosted: BTreeMap<AgentId, AgentConfig> = BTreeMap::new();
        let mut failed: BTreeMap<AgentId, Moment> = BTreeMap::new();
        loop {
            let now = self.clock.now().moment;
            circle.see(&members.borrow_and_update().clone(), now);
            if circle.is_settled(now) {
                self.arrange(&offered.offered, &circle, (&mut hosted, &mut failed)).await;
            }
            tokio::select! {
                _ = members.changed() => {}
                // Also while beats come more often than that.
                _ = looks.tick() => self.look(&mut offered).await,
            }
        }
    }

    /// Reads what is to be hosted, if that has changed. Looked at rather than watched: a node that
    /// only hosts agents may read registers, and no more.
    async fn look(&self, offered: &mut Known) {
        match self.offers.changed(offered.revision).await {
            Ok(Some((revision, mut now))) => {
                unasked(&mut now);
                *offered = Known { revision: Some(revision), offered: now }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "what is to be hosted is not known"),
        }
    }

    /// Ends what belongs elsewhere or has changed, and starts what belongs here.
    async fn arrange(
        &self,
        offered: &Offered,
        circle: &Circle,
        (hosted, failed): (&mut BTreeMap<AgentId, AgentConfig>, &mut BTreeMap<AgentId, Moment>),
    ) {
        let mine = |agent: &&AgentConfig| circle.host_of(agent) == Some(&self.node);
        let wanted: BTreeMap<&AgentId, &AgentConfig> =
            offered.agents.values().filter(mine).map(|agent| (&agent.id, agent)).collect();
        let over: BTreeSet<AgentId> = hosted
            .iter()
            .filter(|(id, config)| wanted.get(id).is_none_or(|wanted| wanted != config))
            .map(|(id, _)| id.clone())
            .collect();
        for agent in over {
            tracing::info!(%agent, "hosted here no more");
            hosted.remove(&agent);
            if let Err(error) = self.host.dismiss(&agent).await {
                tracing::warn!(%agent, %error, "agent cannot be ended");
            }
        }
        let now = self.clock.now().moment;
        failed.retain(|_, at| now.since(*at) < AGAIN_AFTER);
        for (id, config) in wanted {
            if hosted.contains_key(id) || failed.contains_key(id) {
                continue;
            }
            match self.begin(config).await {
                Ok(()) => {
                    tracing::info!(agent = %id, "hosted here");
                    hosted.insert(id.clone(), config.clone());
                }
                Err(error) => {
                    tracing::warn!(agent = %id, %error, "agent cannot be hosted");
                    failed.insert(id.clone(), now);
                }
            }
        }
    }

    async fn begin(&self, config: &AgentConfig) -> Result<()> {
        if let Some(member) = team::member(config, &self.team)? {
            return self.host.host(member).await;
        }
        // A person has no worker: it is only described.
        let incarnation = Incarnation(next_life(self.registers.as_ref()).await? << 32);
        for profile in team::people(std::slice::from_ref(config)) {
            self.desk.worker_said(FromAgent::Joined { profile, incarnation });
        }
        Ok(())
    }
}

impl fmt::Debug for Hosting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosting")
            .field("node", &self.node)
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}
