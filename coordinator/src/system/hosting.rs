//! Takes agents in while a node runs, beside those of its own configuration.

use std::{collections::BTreeSet, fmt, sync::Arc};

use futures::{FutureExt as _, future::BoxFuture};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::Registers,
    id::AgentId,
    supervise::{ChildSpec, SupervisorHandle},
};

use super::member::{self, Common, Member};
use crate::public::Hosts;

/// Where agents stand below the root of a node.
const AGENTS: [&str; 2] = ["house", "agents"];

/// Gives agents from elsewhere workers in the tree of a node.
#[derive(Clone)]
pub(crate) struct Hosting {
    pub(crate) tree: SupervisorHandle,
    pub(crate) common: Arc<Common>,
    /// The agents of the node's own configuration: their names are taken.
    pub(crate) own: Arc<BTreeSet<AgentId>>,
    /// Where the next life of a worker in a cluster is counted; none for a node that is alone.
    pub(crate) registers: Option<Arc<dyn Registers>>,
}

impl Hosting {
    async fn started(self, member: Member) -> Result<()> {
        let agent = member.profile.id.clone();
        if self.own.contains(&agent) {
            let message = format!("the agent {agent:?} is one of this node's own");
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        let agents = self.tree.below(&AGENTS).await?;
        gone(&agents, &agent).await?;
        let child = self.child(member).await?;
        agents.start_child(child).await.map(drop)
    }

    /// Its worker as a child: in a cluster every hosting is a life of its own, wherever it is.
    async fn child(&self, member: Member) -> Result<ChildSpec> {
        let Some(registers) = &self.registers else {
            return Ok(member::child(member, &self.common));
        };
        let boot = super::next_life(registers.as_ref()).await?;
        Ok(member::child(member, &Arc::new(Common { boot, ..self.common.as_ref().clone() })))
    }
}

/// Lets a worker go that was taken in earlier, if there is one.
async fn gone(agents: &SupervisorHandle, agent: &AgentId) -> Result<()> {
    for done in
        [agents.terminate_child(agent.as_str()).await, agents.delete_child(agent.as_str()).await]
    {
        match done {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            done => done?,
        }
    }
    Ok(())
}

impl Hosts for Hosting {
    fn host(&self, member: Member) -> BoxFuture<'static, Result<()>> {
        self.clone().started(member).boxed()
    }

    fn release(&self, agent: AgentId) -> BoxFuture<'static, Result<()>> {
        let tree = self.tree.clone();
        async move { gone(&tree.below(&AGENTS).await?, &agent).await }.boxed()
    }
}

impl fmt::Debug for Hosting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosting").field("tree", &self.tree).finish_non_exhaustive()
    }
}
