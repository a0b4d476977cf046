//! Hosts agents on this node while it runs, beside those that it began with.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc, time::Duration};

use orkestra_agents::{shipped::Repositories, worker::Sink};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Blobs, Registers},
    id::AgentId,
    supervise::SupervisorHandle,
    time::Clock,
};
use tokio::sync::watch;

use crate::system::{Common, Member, Workers, member_child, next_life};

/// How many attempts each agent of a node can hold.
pub(crate) type Capacities = BTreeMap<AgentId, u32>;

/// Hosts agents on a node. Cheap to clone.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    agents: watch::Receiver<Option<SupervisorHandle>>,
    registers: Arc<dyn Registers>,
    blobs: Arc<dyn Blobs>,
    repositories: Arc<Repositories>,
    sink: Sink,
    workers: Workers,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    drain_within: Duration,
    capacities: watch::Sender<Capacities>,
}

/// What a host is made of.
pub(crate) struct HostParts {
    /// The supervisor of agents, while there is one.
    pub(crate) agents: watch::Receiver<Option<SupervisorHandle>>,
    pub(crate) registers: Arc<dyn Registers>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) repositories: Arc<Repositories>,
    pub(crate) sink: Sink,
    pub(crate) workers: Workers,
    pub(crate) folder: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) drain_within: Duration,
    /// What the agents of this node can hold: who is hosted is added, and goes when dismissed.
    pub(crate) capacities: watch::Sender<Capacities>,
}

impl Host {
    pub(crate) fn new(parts: HostParts) -> Self {
        let HostParts { agents, registers, blobs, sink, workers, .. } = parts;
        let HostParts { repositories, folder, clock, drain_within, capacities, .. } = parts;
        Self(Arc::new(Inner {
            agents,
            registers,
            blobs,
            repositories,
            sink,
            workers,
            folder,
            clock,
            drain_within,
            capacities,
        }))
    }

    /// Starts an agent's worker under the node's supervisor of agents, in a life that is later than
    /// any before it anywhere in the cluster. One of its name that this node hosts is ended first.
    pub async fn host(&self, member: Member) -> Result<()> {
        let inner = &self.0;
        let agents = self.agents()?;
        self.dismiss(&member.profile.id).await?;
        let boot = next_life(inner.registers.as_ref()).await?;
        let common = Arc::new(Common {
            blobs: Arc::clone(&inner.blobs),
            repositories: Some(Arc::clone(&inner.repositories)),
            sink: Arc::clone(&inner.sink),
            workers: Arc::clone(&inner.workers),
            folder: inner.folder.clone(),
            clock: Arc::clone(&inner.clock),
            boot,
            drain_within: inner.drain_within,
        });
        let (agent, capacity) = (member.profile.id.clone(), member.profile.capacity);
        agents.start_child(member_child(member, &common)).await?;
        inner.capacities.send_modify(|all| {
            all.insert(agent, capacity);
        });
        Ok(())
    }

    /// Ends an agent's worker in order: it finishes or hands back what it holds. Nothing happens
    /// where this node does not host it. Answers once it has ended.
    pub async fn dismiss(&self, agent: &AgentId) -> Result<()> {
        let agents = self.agents()?;
        match agents.terminate_child(agent.as_str()).await {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        self.0.capacities.send_modify(|all| {
            all.remove(agent);
        });
        match agents.delete_child(agent.as_str()).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn agents(&self) -> Result<SupervisorHandle> {
        let agents = self.0.agents.borrow().clone();
        agents.ok_or_else(|| {
            let message = "this node hosts no agents now: its supervisor of agents is not up";
            Error::new(ErrorKind::Unavailable, message)
        })
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("folder", &self.0.folder).finish_non_exhaustive()
    }
}
