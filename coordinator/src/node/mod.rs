//! A node of a cluster: leads shards, hosts agents, or both, over a fabric that it shares with other
//! nodes.
//!
//! Promises: it is up when [`Node::start`] returns, which says nothing of what it leads; what it
//! leads and hosts is moved to others or goes on elsewhere when it dies, is paused or is cut off;
//! whatever an earlier life of it still says is refused; [`Node::stop`] hands over what it leads
//! while its agents finish or hand back.
//!
//! It does not promise to lead anything: that is for the register of each shard to say.
//!
//! ```text
//! node                rest_for_one
//! ├─ fabric           the connection
//! └─ house            one_for_one
//!    ├─ presence      says that this node is there, hears who else is
//!    ├─ beat          what the node says of itself
//!    ├─ shards        one_for_one, one child per shard that this node may lead
//!    │  └─ shard-n    rest_for_one
//!    │     ├─ steward the lease
//!    │     ├─ reigns  one reign after another, or a warm fold of another's
//!    │     ├─ porter  carries what workers say to the sequencer
//!    │     ├─ teller  counts votes that are too large for the sequencer
//!    │     ├─ ear     speaks to workers on all nodes, and hears them
//!    │     ├─ server  answers what other nodes ask
//!    │     └─ locks   tells sessions what was taken from them
//!    ├─ reading       what all nodes can read that may lead
//!    ├─ placing       who should lead what
//!    ├─ desk          stands between this node's workers and all shards
//!    ├─ doors         one_for_one with backoff: ways in from outside, planning among them
//!    └─ agents        one_for_one with backoff, one child per agent
//! ```

mod asked;
mod beating;
pub mod credits;
mod desk;
mod drained;
mod ear;
mod host;
mod hosting;
mod led;
mod made;
mod parts;
mod placing;
mod reading;
mod spec;
mod stopping;
mod telling;
mod tree;
mod words;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::Fabric,
    id::{AgentId, Incarnation, NodeId, ShardId},
    leadership::{Held, Seat, placement::shard_of},
    names,
    patience::patiently,
    presence::{Effect as News, Members, Presence, PresenceParts, presence},
    supervise::{Env, SupervisionLog, Supervisor, SupervisorHandle},
    time::Clock,
};
use tokio::sync::watch;

pub(crate) use asked::SUPERVISION_LOG;
pub use host::Host;
pub(crate) use hosting::needs;
pub use made::shards_of;
pub use spec::{NodeSpec, SHARDS, SHARDS_MAX};
pub use telling::NodeRecord;
pub use words::{MemberView, NodeAnswer, NodeAsk, NodeView, ShardView};

use crate::{
    client::{Tasks, councils::Councils, locks::Locks, votes::Votes},
    context::Contexts,
    public,
    reach::{Here, Shard, There},
    refused::Refused,
    scenario::AgentConfig,
    system::{Workers, leftovers_swept, next_life},
};
use beating::{Beating, first_beat};
use credits::CreditSettings;
use desk::DeskParts;
use ear::Ears;
use hosting::Offers;
use led::LedParts;
use made::check_cluster;
use parts::{agents, host_of, hosting_of, placing_of, reading_of, repositories_of};

/// One shard of a cluster, as this node reaches it.
#[derive(Clone, Debug)]
pub struct Reached {
    /// Which.
    pub shard: ShardId,
    /// The way to its tasks, wherever it is led.
    pub tasks: Tasks,
    /// The way to its context.
    pub contexts: Contexts,
    /// The way to all of it.
    pub(crate) way: Shard,
    /// Where this node may lead it.
    seat: Option<Seat>,
}

impl Reached {
    /// Who leads it, as far as this node knows; none if it may not lead it, or nobody does.
    pub fn holder(&self) -> Option<Held> {
        self.seat.as_ref()?.holder().borrow().clone()
    }

    /// The way to it within this process, where this node may lead it.
    const fn handle(&self) -> Option<&Here> {
        self.way.handle()
    }

    /// Whether this node leads it now.
    pub fn is_led_here(&self) -> bool {
        self.way.led_here().is_some()
    }
}

/// A node of a cluster that runs.
pub struct Node {
    fabric: Option<Arc<dyn Fabric>>,
    name: NodeId,
    boot: Incarnation,
    tree: SupervisorHandle,
    shards: Arc<Vec<Reached>>,
    presence: Presence,
    host: Host,
    offers: Offers,
    draining: Arc<watch::Sender<bool>>,
    log: SupervisionLog,
    refused: Refused,
    drain_within: Duration,
    clock: Arc<dyn Clock>,
}

impl Node {
    /// Starts a node; it is up when this returns, and leads what comes to it. While servers are away
    /// or silent it waits for them, and says so: whoever may be told to stop drops the future.
    /// An error says what can never work: a cluster with another number of shards, a newer program.
    #[expect(clippy::too_many_lines, reason = "the parts of a node are tied to each other here")]
    pub async fn start(spec: NodeSpec) -> Result<Self> {
        let registers = spec.fabric.registers();
        patiently("find the cluster", || check_cluster(spec.fabric.as_ref(), spec.shards)).await?;
        let life = patiently("count the lives of nodes", || next_life(registers.as_ref()));
        let boot = Incarnation(life.await?);
        leftovers_swept(&spec.folder, boot.0).await;
        let repositories = repositories_of(&spec).await;
        let refused = Refused::default();
        let is_drained = || drained::is_drained(registers.as_ref(), &spec.name);
        let is_drained = patiently("look whether this node is drained", is_drained).await?;
        let draining = Arc::new(watch::channel(is_drained).0);
        let (held, running) = watch::channel(0);
        let (says, hears) = watch::channel(first_beat(&spec, boot));
        let beat_said = hears.clone();
        let (presence, watchman) = presence(PresenceParts {
            messages: spec.fabric.messages(),
            subject_of: names::heartbeat,
            all: names::heartbeats()?,
            says: hears,
            connected: spec.fabric.connected(),
            clock: Arc::clone(&spec.clock),
            settings: spec.presence,
        });
        let workers = Workers::default();
        let ears = Arc::new(Ears::default());
        let (desk, desk_runner) = desk::desk(DeskParts {
            node: spec.name.clone(),
            boot: boot.0,
            shards: spec.shards,
            credits: CreditSettings::of(spec.settings.tasks.credit_term),
            workers: Arc::clone(&workers),
            ears: Arc::clone(&ears),
            messages: spec.fabric.messages(),
            connected: spec.fabric.connected(),
            draining: draining.subscribe(),
            clock: Arc::clone(&spec.clock),
            refused: refused.clone(),
            held,
        });
        let mut led = Vec::new();
        let mut shards = Vec::new();
        for shard in (0..spec.shards).map(ShardId) {
            let there = There::new(shard, spec.fabric.messages())?;
            let parts = LedParts {
                spec: &spec,
                shard,
                boot,
                desk: spec.roles.agents.then(|| desk.clone()),
                ears: Arc::clone(&ears),
                presence: presence.clone(),
                refused: refused.clone(),
            };
            let (reached, children) = led::led(&parts, there).await?;
            shards.push(reached);
            led.extend(children);
        }
        let shards = Arc::new(shards);
        let placing = placing_of(&spec, &shards, (&presence, draining.subscribe()));
        let reading = reading_of(&shards, &presence);
        let (told, agents_of) = watch::channel(None);
        let own = spec.members.iter().map(|it| (it.profile.id.clone(), it.profile.capacity));
        let capacities = watch::Sender::new(own.collect());
        let beat = Beating {
            says,
            running,
            capacities: capacities.subscribe(),
            draining: draining.subscribe(),
            shards: Arc::clone(&shards),
        };
        let host = host_of(&spec, (&desk, &workers, &repositories), agents_of, capacities);
        let hosting = hosting_of(&spec, &host, (&presence, &desk));
        let mut doors = asked::doors(
            &spec,
            asked::DoorParts {
                beat: beat_said,
                shards: Arc::clone(&shards),
                presence: presence.clone(),
                draining: Arc::clone(&draining),
                refused: refused.clone(),
            },
        );
        doors.extend(public::of_node(&spec, &shards, &presence, (&host, draining.subscribe()))?);
        let parts = tree::Parts {
            presence: tree::once("presence", watchman.run(), &spec.clock),
            beat: tree::once("beat", beat.run(), &spec.clock),
            shards: led,
            reading: tree::again("reading", move || Arc::clone(&reading).run(), &spec.clock),
            placing: tree::again("placing", move || Arc::clone(&placing).run(), &spec.clock),
            desk: tree::again("desk", move || Arc::clone(&desk_runner).run(), &spec.clock),
            hosting: tree::again("hosting", move || Arc::clone(&hosting).run(), &spec.clock),
            doors,
            agents: agents(&spec, boot, (&desk, &workers, &repositories)),
        };
        let env = Env { clock: Arc::clone(&spec.clock), seed: spec.seed, log: spec.log.clone() };
        let tree = Supervisor::start(&tree::node(parts, &spec, Arc::new(told)), env).await?;
        Ok(Self {
            fabric: spec.owns_fabric.then(|| Arc::clone(&spec.fabric)),
            name: spec.name,
            boot,
            tree,
            shards,
            presence,
            host,
            offers: Offers::of(spec.fabric.as_ref()),
            draining,
            log: spec.log,
            refused,
            drain_within: spec.drain_within,
            clock: spec.clock,
        })
    }

    /// What it is called.
    pub const fn name(&self) -> &NodeId {
        &self.name
    }

    /// Which of its lives this is: the number of a start in the whole cluster.
    pub const fn boot(&self) -> Incarnation {
        self.boot
    }

    /// The way to the tasks of a namespace.
    pub fn tasks_of(&self, namespace: &str) -> &Tasks {
        &self.reached(namespace).tasks
    }

    /// The way to the locks of a namespace.
    pub fn locks_of(&self, namespace: &str) -> Locks {
        Locks::new(self.reached(namespace).way.clone(), Arc::clone(&self.clock))
    }

    /// The way to the votes of a namespace.
    pub fn votes_of(&self, namespace: &str) -> Votes {
        Votes::new(self.reached(namespace).way.clone())
    }

    /// The way to the councils of a namespace.
    pub fn councils_of(&self, namespace: &str) -> Councils {
        Councils::new(self.reached(namespace).way.clone())
    }

    /// The way to the context of a namespace.
    pub fn contexts_of(&self, namespace: &str) -> &Contexts {
        &self.reached(namespace).contexts
    }

    fn reached(&self, namespace: &str) -> &Reached {
        let shards = u16::try_from(self.shards.len()).unwrap_or(u16::MAX);
        let shard = shard_of(namespace, shards);
        // There is at least one shard, and the hash names one of them.
        &self.shards[usize::from(shard.0)]
    }

    /// All shards, in order.
    pub const fn shards(&self) -> &Arc<Vec<Reached>> {
        &self.shards
    }

    /// Who is there.
    pub fn members(&self) -> Arc<Members> {
        self.presence.members().borrow().clone()
    }

    /// Hosts agents on this node while it runs.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// Has the cluster host these agents from now on, each on one of the nodes that may. One that is
    /// hosted already with another configuration is refused, unless it is to be replaced.
    pub async fn offer(&self, agents: &[AgentConfig], replace: bool) -> Result<()> {
        self.offers.offer(agents, replace).await
    }

    /// Has the cluster host an agent no more; says whether it did.
    pub async fn withdraw(&self, agent: &AgentId) -> Result<bool> {
        self.offers.withdraw(agent).await
    }

    /// The supervision tree.
    pub const fn tree(&self) -> &SupervisorHandle {
        &self.tree
    }

    /// The supervision log.
    pub const fn log(&self) -> &SupervisionLog {
        &self.log
    }

    /// How many frames and words were refused: junk, what other versions say, and what came from
    /// lives and reigns that are over.
    pub fn refused(&self) -> u64 {
        self.refused.count() + self.members().refused()
    }

    /// Who is there, as that changes.
    pub const fn presence(&self) -> &Presence {
        &self.presence
    }

    /// Leads nothing more and takes no more work while this life of it lasts, or does again. What its
    /// agents hold they finish.
    pub fn drain(&self, is_draining: bool) {
        self.draining.send_replace(is_draining);
    }

    /// Waits until the node has given up by itself: its root had more restarts than it bears.
    pub async fn gave_up(&self) {
        self.tree.ended().await;
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("name", &self.name)
            .field("boot", &self.boot)
            .finish_non_exhaustive()
    }
}

/// Which node, up to which life, is gone by this news.
pub(crate) const fn gone(news: &News) -> Option<(&NodeId, u64)> {
    match news {
        News::Down { node, boot } | News::Left { node, boot } => Some((node, boot.0)),
        News::Restarted { node, from, .. } => Some((node, from.0)),
        News::Up { .. }
        | News::Back { .. }
        | News::Changed { .. }
        | News::Refused { .. }
        | News::WasPaused { .. } => None,
    }
}

pub(crate) fn lost(what: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{what} cannot be heard any more"))
}
