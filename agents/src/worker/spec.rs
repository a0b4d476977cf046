//! What a worker is told when it starts.

use std::{collections::BTreeSet, fmt, path::PathBuf, sync::Arc, time::Duration};

use orkestra_runtime::{
    fabric::Blobs,
    id::Incarnation,
    protocol::{
        agent::{AgentProfile, FromAgent},
        task::FailureKind,
    },
    time::Clock,
};

use super::actor::WorkerAddress;
use crate::{agent::DynAgent, secret::Secrets, shipped::Repositories};

/// Makes the agent, anew for each life of its worker.
pub type AgentFactory = Arc<dyn Fn() -> Arc<dyn DynAgent> + Send + Sync>;
/// Where a worker speaks to. It must not wait; what it hands on to is bounded by the coordinator's
/// credits.
pub type Sink = Arc<dyn Fn(FromAgent) + Send + Sync>;
/// Makes a worker's address known, before the worker says `Joined`.
pub type Introduce = Arc<dyn Fn(&WorkerAddress) + Send + Sync>;

/// Tells a supervisor that the actor itself is alive, also while it is idle.
#[derive(Clone)]
pub struct Heart {
    /// How often.
    pub every: Duration,
    /// Whom; must not wait.
    pub beat: Arc<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for Heart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heart").field("every", &self.every).finish_non_exhaustive()
    }
}

/// How a worker treats its attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The longest that any attempt may take; the shorter of this and the task's own limit holds.
    pub timeout: Option<Duration>,
    /// After how long without progress or heartbeat an attempt counts as hung; none: never.
    pub silence_max: Option<Duration>,
    /// How long a cancelled or late attempt has to end by itself, before its future is dropped.
    /// Longer than a command agent's own grace, or its program is killed without a warning.
    pub grace: Duration,
    /// How often it says what it holds, while it holds something.
    pub beat_every: Duration,
    /// The shortest time between two tellings of one attempt's progress.
    pub progress_every: Duration,
    /// When an outcome that was not acknowledged is first delivered again; each time later.
    pub redeliver_after: Duration,
    /// The longest time between two deliveries.
    pub redeliver_every_max: Duration,
    /// How often an agent that is unavailable is asked again whether it can work.
    pub look_every: Duration,
    /// How often an agent that is available is asked whether it still is; none: not before it fails
    /// because it is not.
    pub watch_every: Option<Duration>,
    /// After which failures the worker ends, so that it is started with a fresh agent.
    pub restart_on: BTreeSet<FailureKind>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            timeout: None,
            silence_max: None,
            grace: Duration::from_secs(1),
            beat_every: Duration::from_secs(1),
            progress_every: Duration::from_millis(200),
            redeliver_after: Duration::from_secs(1),
            redeliver_every_max: Duration::from_secs(30),
            look_every: Duration::from_secs(5),
            watch_every: None,
            restart_on: [FailureKind::Panicked, FailureKind::Hung, FailureKind::Killed].into(),
        }
    }
}

/// What a worker is told when it starts. Cheap to clone; a clone with the next incarnation is the
/// next life of the same agent.
#[derive(Clone)]
pub struct WorkerSpec {
    /// What the agent says of itself; its availability is found out at each start.
    pub profile: AgentProfile,
    /// Which life this is.
    pub incarnation: Incarnation,
    /// Makes the agent.
    pub factory: AgentFactory,
    /// How attempts are treated.
    pub terms: Arc<Terms>,
    /// Under which folder each attempt gets one of its own.
    pub folder: Arc<PathBuf>,
    /// Where large inputs and outputs are.
    pub blobs: Arc<dyn Blobs>,
    /// Where secrets are read from, if this agent may.
    pub secrets: Option<Arc<dyn Secrets>>,
    /// The repositories that are shipped to its node; none where none are.
    pub repositories: Option<Arc<Repositories>>,
    /// Where the worker speaks to.
    pub sink: Sink,
    /// Who is told the address before the sink hears `Joined`.
    pub introduce: Option<Introduce>,
    /// Who watches the actor.
    pub heart: Option<Heart>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for WorkerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerSpec")
            .field("profile", &self.profile)
            .field("incarnation", &self.incarnation)
            .field("terms", &self.terms)
            .finish_non_exhaustive()
    }
}
