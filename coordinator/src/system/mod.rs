//! A node in one process: a fabric, a shard, and a team of agents, all supervised.
//!
//! Promises: it is up when [`System::start`] returns; what a failed start had begun is stopped;
//! [`System::stop`] lets agents finish or hand back, makes everything durable, and leaves no task
//! and no process behind.
//!
//! It does not promise that a worker's unheard outcomes outlive the process: the next start begins
//! those attempts anew.
//!
//! Begin with [`System::builder`], go on with [`Tasks`]; [`tree`] shows how it is supervised.

mod bell;
mod boots;
mod builder;
mod hands;
mod hosting;
mod leftovers;
mod looks;
mod member;
mod porter;
mod public;
mod standing;
mod ways;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use orkestra_runtime::{
    Result,
    chance::Chance,
    duty,
    fabric::{Fabric, Keeper},
    id::{Incarnation, NodeId, ShardId},
    journal::Journal,
    protocol::agent::{AgentProfile, FromAgent},
    supervise::{
        ChildSpec, Env, Running, Started, Starting, SupervisionLog, Supervisor, SupervisorHandle,
    },
    time::{Clock, SystemClock},
};
use tokio::sync::Mutex;

pub(crate) use bell::{bell, child as bell_child, read_hint};
pub(crate) use boots::{boots, next_life};
pub use builder::{Builder, FunctionOf};
pub use hands::TeamHands;
pub(crate) use hands::{Followers, Team, Workers};
pub(crate) use hosting::Hosting;
pub(crate) use leftovers::sweep as leftovers_swept;
pub(crate) use looks::patient;
pub use member::{Care, Member};
pub(crate) use member::{Common, child as member_child};
pub(crate) use porter::{Sayer, porter_of};
pub use standing::Standing;

use crate::{
    client::Tasks,
    context::Contexts,
    door::{self, Clerk, Identity},
    grpc,
    health::Monitor,
    metrics::Metrics,
    ops,
    reach::Shard,
    sensitive,
    shard::{
        Mind as _,
        actor::{Settings as ShardPace, ShardHandle, ShardParts, shard},
        machine::{ShardMachine, ShardSettings},
    },
    tree::{self, Tolerance},
    voting::teller_of,
};

/// How long a part has to end in order, beyond the draining of agents.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// What a node is made of.
#[derive(Clone, Debug)]
pub struct SystemSpec {
    /// What the node is called.
    pub node: NodeId,
    /// What it talks and remembers with.
    pub fabric: Arc<dyn Fabric>,
    /// Whether the fabric is closed with the node; otherwise whoever brought it closes it.
    pub owns_fabric: bool,
    /// The folder below which attempts get theirs.
    pub folder: PathBuf,
    /// The folder in which its control door is; none for a node that has no folder, or works in one
    /// for a moment only.
    pub door: Option<PathBuf>,
    /// The team.
    pub members: Vec<Member>,
    /// Who is asked and has no worker.
    pub people: Vec<AgentProfile>,
    /// How its sub-machines behave.
    pub settings: ShardSettings,
    /// How often snapshots are made.
    pub pace: ShardPace,
    /// How many restarts are borne.
    pub tolerance: Tolerance,
    /// How long agents may go on once a stop was asked for.
    pub drain_within: Duration,
    /// Where starts and ends are told.
    pub log: SupervisionLog,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where chance comes from.
    pub seed: u64,
    /// Whether somebody follows how well it does: see [`System::monitor`].
    pub monitored: bool,
    /// Where its metrics are to be had; then it is monitored as well.
    pub metrics: Option<Arc<Metrics>>,
    /// Where clients come in over gRPC.
    pub grpc: Option<Arc<grpc::Door>>,
}

impl SystemSpec {
    /// A node over a fabric, without agents yet, with defaults for the rest.
    pub fn new(fabric: Arc<dyn Fabric>, folder: PathBuf) -> Result<Self> {
        let clock = SystemClock::start();
        let seed = clock.now().wall.as_ms();
        Ok(Self {
            node: NodeId::new("local")?,
            fabric,
            owns_fabric: false,
            folder,
            door: None,
            members: Vec::new(),
            people: Vec::new(),
            settings: ShardSettings::default(),
            pace: ShardPace::default(),
            tolerance: Tolerance::default(),
            drain_within: Duration::from_secs(30),
            log: SupervisionLog::unkept(),
            clock,
            seed,
            monitored: false,
            metrics: None,
            grpc: None,
        })
    }
}

/// A node that runs.
pub struct System {
    /// To be closed with the node, if it is the node's own.
    fabric: Option<Arc<dyn Fabric>>,
    tree: SupervisorHandle,
    tasks: Tasks,
    contexts: Contexts,
    clerk: Arc<Clerk>,
    means: Means,
    hosting: Hosting,
    log: SupervisionLog,
    monitor: Option<Arc<Monitor>>,
    drain_within: Duration,
}

/// What is done to a node as a whole is done with these: cheap to clone, and good while it goes on.
#[derive(Clone, Debug)]
pub(crate) struct Means {
    pub(crate) shard: Shard,
    pub(crate) journal: Journal,
    pub(crate) keeper: Option<Arc<dyn Keeper>>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl System {
    /// Starts a node; it leads, and its agents are up, when this returns.
    #[expect(clippy::too_many_lines, reason = "the parts of a node are tied to each other here")]
    pub async fn start(spec: SystemSpec) -> Result<Self> {
        member::check(&spec.members)?;
        boots::no_cluster_in(spec.fabric.registers().as_ref()).await?;
        let journal = Journal::of(spec.fabric.as_ref(), ShardId(0))?;
        journal.check(ShardMachine::SNAPSHOT_VERSION).await?;
        // From before anything works here: whatever is put from now on is still to be named.
        let sealed = sensitive::listed(&spec.fabric.blobs()).await;
        let boot = boots::next_boot(spec.fabric.registers().as_ref(), &spec.node).await?;
        leftovers::sweep(&spec.folder, boot).await;
        let standing = Arc::new(Standing::default());
        let (workers, followers): (Workers, Followers) = Default::default();
        let (porter, inbox) = porter_of();
        let (teller, to_count) = teller_of();
        let (ring, to_tell) = bell();
        introduce(&spec.people, boot, &porter);
        let sink = porter.sink();
        let settings = spec.settings.clone();
        let (journal, monitor) = looks::watched(&spec, journal).await?;
        let parts = ShardParts {
            journal: journal.clone(),
            genesis: Arc::new(move || ShardMachine::new(settings.clone())),
            hands: {
                let team: Arc<dyn Team> = Arc::new(hands::Near(Arc::clone(&workers)));
                let of = (team, Arc::clone(&followers), Arc::clone(&sink));
                let told: hands::Told = (Arc::clone(&standing), Arc::clone(&spec.clock), ring);
                Arc::new(move |_| TeamHands::new(of.clone(), told.clone()).counted_by(&teller))
            },
            clock: Arc::clone(&spec.clock),
            chance: Chance::from_seed(spec.seed),
            settings: spec.pace,
        };
        let (handle, runner) = shard(parts);
        let shard = Shard::here(handle.clone(), spec.fabric.messages());
        let tasks = Tasks::new(shard.clone(), followers, spec.fabric.blobs());
        let means = Means {
            shard,
            journal,
            keeper: spec.fabric.keeper(),
            standing,
            clock: Arc::clone(&spec.clock),
        };
        let clerk = clerk(&spec, boot, (tasks.clone(), means.clone()));
        let common = Arc::new(common(&spec, boot, (sink, workers)));
        let own = Arc::new(spec.members.iter().map(|member| member.profile.id.clone()).collect());
        let bus = (spec.fabric.messages(), ShardId(0));
        let mut doors = doors(spec.door.clone(), &clerk, &spec.clock);
        doors.extend(looks::children(&spec, &means, monitor.as_ref()));
        doors.extend(public::grpc(&spec, boot, (&tasks, &means)));
        let parts = tree::Parts {
            fabric: fabric_child(Arc::clone(&spec.clock)),
            reigns: reigns_child(handle.clone(), runner, Arc::clone(&spec.clock)),
            porter: porter.child(inbox, handle.clone(), Arc::clone(&spec.clock)),
            teller: to_count.child(handle, Arc::clone(&spec.clock)),
            locks: bell_child(to_tell, bus, Arc::clone(&spec.clock)),
            doors,
            agents: spec.members.into_iter().map(|member| member::child(member, &common)).collect(),
        };
        let env = Env { clock: spec.clock, seed: spec.seed, log: spec.log.clone() };
        let tree = Supervisor::start(&tree::node(parts, spec.tolerance), env).await?;
        let hosting = Hosting { tree: tree.clone(), common, own, registers: None };
        sensitive::sweep(sealed, &tasks).await;
        Ok(Self {
            fabric: spec.owns_fabric.then_some(spec.fabric),
            tree,
            tasks,
            contexts: Contexts::new(means.shard.clone()),
            clerk,
            means,
            hosting,
            log: spec.log,
            monitor,
            drain_within: spec.drain_within,
        })
    }

    /// Begins a node step by step.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The way to its tasks.
    pub const fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// The way to its context: what happened, what agents understand, snapshots.
    pub const fn contexts(&self) -> &Contexts {
        &self.contexts
    }

    /// Who carries out what is asked of the node as a whole.
    pub(crate) const fn clerk(&self) -> &Arc<Clerk> {
        &self.clerk
    }

    /// Its supervision tree.
    pub const fn tree(&self) -> &SupervisorHandle {
        &self.tree
    }

    /// Its supervision log.
    pub const fn log(&self) -> &SupervisionLog {
        &self.log
    }

    /// Who follows how well it does, if it was to be monitored.
    pub const fn monitor(&self) -> Option<&Arc<Monitor>> {
        self.monitor.as_ref()
    }

    /// Whether it can write, or its disk is full.
    pub fn standing(&self) -> &Standing {
        &self.means.standing
    }

    /// Compacts its folder while it goes on: see [`ops`].
    pub async fn compact(&self, records_kept: Option<u64>) -> Result<ops::Compaction> {
        ops::compact(&self.means, records_kept).await
    }

    /// Waits until the node has given up by itself: its root had more restarts than it bears.
    pub async fn gave_up(&self) {
        self.tree.ended().await;
    }

    /// Stops in order: agents finish or hand back, then everything that was taken is durable, then
    /// the fabric is closed if it is the node's own.
    pub async fn stop(self) -> Result<()> {
        self.contexts.stopping().await;
        let stopped = self.tree.stop(self.drain_within + STOP_WITHIN).await;
        self.log.flush().await;
        if let Some(fabric) = self.fabric {
            fabric.close().await;
        }
        stopped
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("tree", &self.tree).finish_non_exhaustive()
    }
}

fn clerk(spec: &SystemSpec, boot: u64, (tasks, means): (Tasks, Means)) -> Arc<Clerk> {
    let identity = Identity {
        name: spec.node.clone(),
        boot,
        durability: spec.fabric.durability(),
        folder: spec.folder.clone(),
        is_at_work: spec.door.is_some(),
        cluster: None,
    };
    Arc::new(Clerk::new(identity, tasks, means))
}

/// What all workers of the node share.
fn common(
    spec: &SystemSpec,
    boot: u64,
    (sink, workers): (orkestra_agents::worker::Sink, Workers),
) -> Common {
    Common {
        blobs: spec.fabric.blobs(),
        // What a run of one process looks at lies where it lies.
        repositories: None,
        sink,
        workers,
        folder: spec.folder.clone(),
        clock: Arc::clone(&spec.clock),
        boot,
        drain_within: spec.drain_within,
    }
}

/// The ways in from outside.
fn doors(folder: Option<PathBuf>, clerk: &Arc<Clerk>, clock: &Arc<dyn Clock>) -> Vec<ChildSpec> {
    let child = |folder| door::child(folder, Arc::clone(clerk), Arc::clone(clock));
    folder.map(child).into_iter().collect()
}

/// The embedded fabric has no connection to lose: its place in the tree is kept for what can end.
fn fabric_child(clock: Arc<dyn Clock>) -> ChildSpec {
    ChildSpec::worker("fabric", move |starting: Starting| {
        let clock = Arc::clone(&clock);
        async move {
            let cell =
                duty::spawn_linked(std::future::pending(), clock, starting.supervisor).await?;
            Ok(Started::from(cell))
        }
    })
}

/// The reigns of the shard. They restart by themselves; once they are given up, this node cannot
/// lead the shard in this process any more, and its tree comes down.
pub(crate) fn reigns_child(
    handle: ShardHandle<ShardMachine, TeamHands>,
    runner: crate::shard::actor::Runner<ShardMachine, TeamHands>,
    clock: Arc<dyn Clock>,
) -> ChildSpec {
    let runner = Arc::new(Mutex::new(Some(runner)));
    ChildSpec::worker("reigns", move |starting: Starting| {
        let (handle, runner, clock) = (handle.clone(), Arc::clone(&runner), Arc::clone(&clock));
        async move {
            let Some(runner) = runner.lock().await.take() else {
                return Err("the shard was given up; start the node anew".into());
            };
            let runs = Box::pin(runner.run());
            let cell = duty::spawn_linked(runs, clock, starting.supervisor).await?;
            let closed = handle.clone();
            Ok(Started::from(Running::new(cell).stopped_by(move || closed.begin_close())))
        }
    })
}

/// Lets the porter say who the people are, once it is there: a person is described, and joins
/// nothing.
fn introduce(people: &[AgentProfile], boot: u64, to: &Sayer) {
    for profile in people.iter().cloned() {
        let incarnation = Incarnation(boot << 32);
        to.say(FromAgent::Joined { profile, incarnation });
    }
}
