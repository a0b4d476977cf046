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
//!    ├─ shards        one_for_one, one child per shard that this node may lead
//!    │  └─ shard-n    rest_for_one
//!    │     ├─ steward the lease
//!    │     ├─ reigns  one reign after another, or a warm fold of another's
//!    │     ├─ porter  carries what workers say to the sequencer
//!    │     ├─ ear     speaks to workers on all nodes, and hears them
//!    │     └─ server  answers what other nodes ask
//!    ├─ placing       who should lead what
//!    ├─ desk          stands between this node's workers and all shards
//!    ├─ doors         one_for_one with backoff: ways in from outside
//!    └─ agents        one_for_one with backoff, one child per agent
//! ```

mod asked;
pub mod credits;
mod desk;
mod ear;
mod host;
mod hosting;
mod led;
mod placing;
mod spec;
mod telling;
mod tree;
mod words;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Fabric, SetError},
    id::{AgentId, Incarnation, NodeId, ShardId},
    leadership::{Held, Seat, placement::shard_of},
    names,
    presence::{Effect as News, Members, Presence, PresenceParts, presence},
    protocol::node::{NodeBeat, Reads, Staying},
    supervise::{ChildSpec, Env, SupervisionLog, Supervisor, SupervisorHandle},
};
use tokio::sync::watch;

pub(crate) use asked::SUPERVISION_LOG;
pub use host::Host;
pub(crate) use hosting::needs;
pub use spec::{NodeSpec, SHARDS, SHARDS_MAX};
pub use telling::NodeRecord;
pub use words::{MemberView, NodeAnswer, NodeAsk, NodeView, ShardView};

use crate::{
    client::Tasks,
    context::Contexts,
    reach::{Shard, There},
    scenario::AgentConfig,
    system::{Common, Workers, leftovers_swept, member_child, next_life},
};
use desk::{Desk, DeskParts};
use ear::Ears;
use host::HostParts;
use hosting::{Hosting, Offers};
use led::LedParts;

/// How long a part has to end in order, beyond the draining of agents.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// How long what this node leads may take to go to others when it stops.
const HAND_OVER_WITHIN: Duration = Duration::from_secs(3);

/// One shard of a cluster, as this node reaches it.
#[derive(Clone, Debug)]
pub struct Reached {
    /// Which.
    pub shard: ShardId,
    /// The way to its tasks, wherever it is led.
    pub tasks: Tasks,
    /// The way to its context.
    pub contexts: Contexts,
    way: Shard,
    /// Where this node may lead it.
    seat: Option<Seat>,
}

impl Reached {
    /// Who leads it, as far as this node knows; none if it may not lead it, or nobody does.
    pub fn holder(&self) -> Option<Held> {
        self.seat.as_ref()?.holder().borrow().clone()
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
    refused: Arc<AtomicU64>,
    drain_within: Duration,
}

impl Node {
    /// Starts a node; it is up when this returns, and leads what comes to it.
    pub async fn start(spec: NodeSpec) -> Result<Self> {
        let registers = spec.fabric.registers();
        check_cluster(spec.fabric.as_ref(), spec.shards).await?;
        let boot = Incarnation(next_life(registers.as_ref()).await?);
        leftovers_swept(&spec.folder, boot.0).await;
        let refused = Arc::new(AtomicU64::new(0));
        let draining = Arc::new(watch::channel(false).0);
        let (held, running) = watch::channel(0);
        let (says, hears) = watch::channel(first_beat(&spec, boot));
        let beat_said = hears.clone();
        let (presence, watchman) = presence(PresenceParts {
            messages: spec.fabric.messages(),
            subject_of: names::heartbeat,
            all: names::heartbeats()?,
            says: hears,
            connected: spec.connected.clone(),
            clock: Arc::clone(&spec.clock),
            settings: spec.presence,
        });
        let workers = Workers::default();
        let ears = Arc::new(Ears::default());
        let (desk, desk_runner) = desk::desk(DeskParts {
            node: spec.name.clone(),
            boot: boot.0,
            shards: spec.shards,
            workers: Arc::clone(&workers),
            ears: Arc::clone(&ears),
            messages: spec.fabric.messages(),
            connected: spec.connected.clone(),
            clock: Arc::clone(&spec.clock),
            refused: Arc::clone(&refused),
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
                refused: Arc::clone(&refused),
            };
            let (reached, children) = led::led(&parts, there).await?;
            shards.push(reached);
            led.extend(children);
        }
        let shards = Arc::new(shards);
        let placing = placing_of(&spec, &shards, (&presence, draining.subscribe()));
        let (told, agents_of) = watch::channel(None);
        let own = spec.members.iter().map(|member| member.profile.capacity);
        let capacity = watch::Sender::new(own.fold(0, u32::saturating_add));
        let beat = Beating {
            says,
            running,
            capacity: capacity.subscribe(),
            draining: draining.subscribe(),
            shards: Arc::clone(&shards),
        };
        let host = host_of(&spec, (&desk, &workers), agents_of, capacity);
        let hosting = hosting_of(&spec, &host, (&presence, &desk));
        let doors = asked::doors(
            &spec,
            asked::DoorParts {
                beat: beat_said,
                shards: Arc::clone(&shards),
                presence: presence.clone(),
                draining: Arc::clone(&draining),
                refused: Arc::clone(&refused),
            },
        );
        let parts = tree::Parts {
            presence: tree::once("presence", watchman.run(), &spec.clock),
            beat: tree::once("beat", beat.run(), &spec.clock),
            shards: led,
            placing: tree::again("placing", move || Arc::clone(&placing).run(), &spec.clock),
            desk: tree::again("desk", move || Arc::clone(&desk_runner).run(), &spec.clock),
            hosting: tree::again("hosting", move || Arc::clone(&hosting).run(), &spec.clock),
            doors,
            agents: agents(&spec, boot, (&desk, &workers)),
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

    /// How many frames and words were refused: junk, and what came from lives and reigns that are
    /// over.
    pub fn refused(&self) -> u64 {
        self.refused.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Who is there, as that changes.
    pub const fn presence(&self) -> &Presence {
        &self.presence
    }

    /// Leads nothing more and takes no more work, or does again.
    pub fn drain(&self, is_draining: bool) {
        self.draining.send_replace(is_draining);
    }

    /// Waits until the node has given up by itself: its root had more restarts than it bears.
    pub async fn gave_up(&self) {
        self.tree.ended().await;
    }

    /// Stops in order: what it leads goes to others, agents finish or hand back, everything that was
    /// taken is durable, the node says that it goes.
    pub async fn stop(self) -> Result<()> {
        self.drain(true);
        let handed_over = async {
            while self.shards.iter().any(Reached::is_led_here) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        // Where nobody else can lead, the shards are closed below.
        if self
            .members()
            .up()
            .any(|member| member.beat.roles.coordinator && member.beat.node != self.name)
        {
            let _ = tokio::time::timeout(HAND_OVER_WITHIN, handed_over).await;
        }
        let stopped = self.tree.stop(self.drain_within + STOP_WITHIN).await;
        self.log.flush().await;
        if let Some(fabric) = self.fabric {
            fabric.close().await;
        }
        stopped
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

/// The cluster has as many shards as this node thinks, or is made with so many.
async fn check_cluster(fabric: &dyn Fabric, shards: u16) -> Result<()> {
    if !(1..=SHARDS_MAX).contains(&shards) {
        let message = format!("a cluster has 1 to {SHARDS_MAX} shards, not {shards}");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let (registers, key) = (fabric.registers(), names::cluster_key()?);
    let wanted = format!("{{\"v\":1,\"shards\":{shards}}}");
    let found = match registers.get(&key).await? {
        Some(found) => found,
        None => match registers.create(&key, wanted.into()).await {
            Ok(_) => return Ok(()),
            Err(SetError::Conflict(Some(found))) => found,
            Err(error) => {
                let message = "cannot make the cluster: its register was not set";
                return Err(Error::new(ErrorKind::Unavailable, message).because(error));
            }
        },
    };
    let has = shards_in(&found.bytes)?;
    if has != shards {
        let message = format!(
            "this node is configured for {shards} shards, and the cluster was made with {has}, which \
             never changes: set cluster.shards = {has}"
        );
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    Ok(())
}

/// How many shards the cluster has; none if it was not made yet.
pub async fn shards_of(fabric: &dyn Fabric) -> Result<Option<u16>> {
    let found = fabric.registers().get(&names::cluster_key()?).await?;
    found.map(|found| shards_in(&found.bytes)).transpose()
}

fn shards_in(bytes: &[u8]) -> Result<u16> {
    #[derive(serde::Deserialize)]
    struct Found {
        v: u32,
        shards: u16,
    }
    let corrupt = || Error::new(ErrorKind::Corrupt, "the register of the cluster cannot be read");
    let Found { v, shards } = serde_json::from_slice(bytes).map_err(|_| corrupt())?;
    if v > 1 {
        let message =
            format!("the cluster was made by a newer program (version {v}): use that one");
        return Err(Error::new(ErrorKind::TooNew, message));
    }
    if !(1..=SHARDS_MAX).contains(&shards) {
        return Err(corrupt());
    }
    Ok(shards)
}

fn first_beat(spec: &NodeSpec, boot: Incarnation) -> NodeBeat {
    let capacity = spec.members.iter().map(|member| member.profile.capacity);
    NodeBeat {
        node: spec.name.clone(),
        boot,
        number: 0,
        roles: spec.roles,
        since: spec.clock.now().wall,
        capacity: capacity.fold(0, u32::saturating_add),
        running: 0,
        led: 0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        reads: Reads { record: orkestra_runtime::record::RECORD_VERSION.into(), events: 1 },
        staying: Staying::Stays,
    }
}

fn placing_of(
    spec: &NodeSpec,
    shards: &[Reached],
    (presence, draining): (&Presence, watch::Receiver<bool>),
) -> Arc<placing::Placing> {
    let seats = shards.iter().filter_map(|at| Some((at.shard, at.seat.clone()?)));
    Arc::new(placing::Placing {
        node: spec.name.clone(),
        seats: seats.collect(),
        presence: presence.clone(),
        registers: spec.fabric.registers(),
        draining,
        stable: spec.stable_after,
        clock: Arc::clone(&spec.clock),
    })
}

fn agents(
    spec: &NodeSpec,
    boot: Incarnation,
    (desk, workers): (&Desk, &Workers),
) -> Vec<ChildSpec> {
    let desk = desk.clone();
    let common = Arc::new(Common {
        blobs: spec.fabric.blobs(),
        sink: Arc::new(move |word| desk.worker_said(word)),
        workers: Arc::clone(workers),
        folder: spec.folder.clone(),
        clock: Arc::clone(&spec.clock),
        boot: boot.0,
        drain_within: spec.drain_within,
    });
    let members = spec.members.iter().filter(|_| spec.roles.agents);
    members.map(|member| member_child(member.clone(), &common)).collect()
}

fn host_of(
    spec: &NodeSpec,
    (desk, workers): (&Desk, &Workers),
    agents: watch::Receiver<Option<SupervisorHandle>>,
    capacity: watch::Sender<u32>,
) -> Host {
    let desk = desk.clone();
    Host::new(HostParts {
        agents,
        registers: spec.fabric.registers(),
        blobs: spec.fabric.blobs(),
        sink: Arc::new(move |word| desk.worker_said(word)),
        workers: Arc::clone(workers),
        folder: spec.folder.clone(),
        clock: Arc::clone(&spec.clock),
        drain_within: spec.drain_within,
        capacity,
    })
}

fn hosting_of(spec: &NodeSpec, host: &Host, (presence, desk): (&Presence, &Desk)) -> Arc<Hosting> {
    Arc::new(Hosting {
        node: spec.name.clone(),
        hosts: spec.roles.hosts,
        offers: Offers::of(spec.fabric.as_ref()),
        registers: spec.fabric.registers(),
        presence: presence.clone(),
        host: host.clone(),
        team: spec.team.clone(),
        desk: desk.clone(),
        clock: Arc::clone(&spec.clock),
    })
}

/// Keeps what this node says of itself true.
struct Beating {
    says: watch::Sender<NodeBeat>,
    running: watch::Receiver<u32>,
    capacity: watch::Receiver<u32>,
    draining: watch::Receiver<bool>,
    shards: Arc<Vec<Reached>>,
}

impl Beating {
    async fn run(mut self) -> Result<()> {
        loop {
            let led = self.shards.iter().filter(|shard| shard.is_led_here()).count();
            let running = *self.running.borrow_and_update();
            let capacity = *self.capacity.borrow_and_update();
            let is_draining = *self.draining.borrow_and_update();
            self.says.send_modify(|beat| {
                beat.led = u16::try_from(led).unwrap_or(u16::MAX);
                beat.running = running;
                beat.capacity = capacity;
                beat.staying = if is_draining { Staying::Draining } else { Staying::Stays };
            });
            tokio::select! {
                _ = self.draining.changed() => {}
                // Loads are told with the next beat anyway.
                () = tokio::time::sleep(Duration::from_millis(250)) => {}
            }
        }
    }
}

impl Drop for Beating {
    /// A node that stops says that it goes; one that dies does not.
    fn drop(&mut self) {
        self.says.send_modify(|beat| beat.staying = Staying::Leaving);
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
