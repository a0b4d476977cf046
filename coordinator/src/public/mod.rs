//! What anybody with a NATS client may ask and hear: JSON requests, public events, a micro service,
//! and the door at which agents in any language come in.
//!
//! Promises: every request is bounded before it is read, read strictly, and answered, with a result
//! or with a code that says whether it may have been done; the same submission twice is one; what is
//! sensitive stands in no answer and in no event; events can be read again from any position that
//! is kept, under ids that never change.
//!
//! It does not promise that a live event arrives, nor that it arrives once: whoever must miss
//! nothing reads on from the last id, and drops what he has.
//!
//! A request is a variant of [`Ask`] and an arm in `desk.rs`; `docs/nats.md` tells users of it. It is
//! the sibling of the [control door](crate::door): the same codes, the same reports.

mod answer;
mod cluster;
mod councils;
mod desk;
pub mod events;
mod gateway;
mod locks;
mod micro;
mod request;
mod serve;
mod submit;
mod synadia;
mod task_view;
mod votes;

use std::{fmt, sync::Arc};

use futures::future::BoxFuture;
use orkestra_agents::kinds::remote::Pace;
use orkestra_runtime::{
    Result,
    fabric::Messages,
    id::{AgentId, NodeId, ShardId},
    journal::Journal,
    supervise::ChildSpec,
    time::Clock,
};
use serde::Serialize;
use tokio::sync::watch;

pub use answer::{SERVICE_ERROR, SERVICE_ERROR_CODE};
pub(crate) use answer::{Trouble, help_of};
pub(crate) use cluster::of_node;
pub(crate) use locks::why_not;
pub use request::{Ask, SUBJECTS, WORD_BYTES_MAX};
pub use submit::{Submission, Submitted, TaskWord};
pub(crate) use submit::{check_namespace, found_run, seal};
pub(crate) use task_view::{payload as payload_shown, state_of};

use crate::{
    client::{Tasks, locks::Locks},
    system::Member,
};

/// The queue group in which nodes share what is asked.
pub const QUEUE: &str = "orkestra";
/// What the default namespace is called where a name is needed.
pub const DEFAULT_NAMESPACE: &str = "default";

/// One shard, as it is reached and as it is read.
#[derive(Clone, Debug)]
pub struct PublicShard {
    /// Which.
    pub shard: ShardId,
    /// The way to its tasks, wherever it is led.
    pub tasks: Tasks,
    /// The way to its locks.
    pub locks: Locks,
    /// Its journal.
    pub journal: Journal,
}

/// A node, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeRow {
    /// Its name.
    pub node: NodeId,
    /// `up`, `draining`, `suspected`, `down` …
    pub state: String,
    /// What it does: `coordinator`, `agents`.
    pub roles: Vec<String>,
    /// Its version.
    pub version: String,
    /// Which of its lives this is.
    pub boot: u64,
    /// How many attempts it can hold at once.
    pub capacity: u32,
    /// How many it holds.
    pub running: u32,
    /// How many shards it leads.
    pub leads: u16,
}

/// What of a cluster a node's public side can reach.
pub trait Shards: Send + Sync + fmt::Debug + 'static {
    /// The shard in which a namespace lives.
    fn of(&self, namespace: &str) -> PublicShard;
    /// All shards, in order.
    fn all(&self) -> Vec<PublicShard>;
    /// Whether this node leads a shard now: only its leader tells its events live.
    fn is_led_here(&self, shard: ShardId) -> bool;
    /// The nodes that are known.
    fn nodes(&self) -> Vec<NodeRow>;
}

/// Who takes agents in from elsewhere and gives each a worker, under supervision.
pub trait Hosts: Send + Sync + fmt::Debug + 'static {
    /// Gives an agent a worker, in the place of one that it had here before. An error of kind
    /// `Conflict` means that the name belongs to an agent of this node's own.
    fn host(&self, member: Member) -> BoxFuture<'static, Result<()>>;
    /// Lets its worker go.
    fn release(&self, agent: AgentId) -> BoxFuture<'static, Result<()>>;
}

/// What the public side of a node is made of.
#[derive(Clone)]
pub struct Parts {
    /// Who answers.
    pub node: NodeId,
    /// The messages of the cluster.
    pub messages: Arc<dyn Messages>,
    /// The same bus without the cluster's prefix, if others speak there.
    pub outside: Option<Arc<dyn Messages>>,
    /// The cluster's prefix with its last dot, as clients outside must write it; may be empty.
    pub prefix: String,
    /// What is asked about.
    pub shards: Arc<dyn Shards>,
    /// Whether this node answers requests and tells events, or only takes agents in.
    pub answers: bool,
    /// Who takes agents in; none for a node that hosts none.
    pub hosts: Option<Arc<dyn Hosts>>,
    /// Whether this node takes no agents in, and lets those go that it has.
    pub draining: watch::Receiver<bool>,
    /// How agents elsewhere are waited for.
    pub pace: Pace,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("node", &self.node).finish_non_exhaustive()
    }
}

/// The children that make up the public side of a node: put them under its supervisor of doors.
pub fn children(parts: &Parts) -> Vec<ChildSpec> {
    let figures = Arc::new(serve::Figures::default());
    let mut children = Vec::new();
    if parts.answers {
        children.push(serve::child(parts, &figures));
        children.push(events::child(parts));
    }
    if let Some(hosts) = &parts.hosts {
        children.push(gateway::child(parts, hosts));
    }
    if let Some(outside) = &parts.outside {
        children.push(micro::child(parts, outside, &figures));
        if parts.answers {
            children.push(synadia::child(parts, outside));
        }
    }
    children.into_iter().map(crate::system::patient).collect()
}

/// The namespace as it is kept: the default one has an empty name.
pub(crate) fn kept_namespace(named: Option<&str>) -> &str {
    named.filter(|name| *name != DEFAULT_NAMESPACE).unwrap_or_default()
}

/// The namespace as it is told.
pub(crate) const fn told_namespace(kept: &str) -> &str {
    if kept.is_empty() { DEFAULT_NAMESPACE } else { kept }
}
