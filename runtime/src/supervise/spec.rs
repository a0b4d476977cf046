//! A supervisor as data: its name, its strategy, its children.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use super::{
    child::{ChildSpec, Running, Started},
    handle::{Supervisor, SupervisorHandle},
    log::SupervisionLog,
    rules::{AutoShutdown, ChildId, Plan, Rules, Strategy},
};
use crate::{
    error::Result,
    restart::Intensity,
    time::{Clock, SystemClock},
};

/// What a whole tree shares. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Env {
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where the jitter of backoffs comes from; each supervisor draws from its own.
    pub seed: u64,
    /// Where every start and end is told.
    pub log: SupervisionLog,
}

impl Env {
    /// The machine's clock, and a log.
    pub fn new(seed: u64, log: SupervisionLog) -> Self {
        Self { clock: SystemClock::start(), seed, log }
    }
}

/// A supervisor: one for one, one restart in five seconds, unless said otherwise.
#[derive(Clone, Debug)]
pub struct SupervisorSpec {
    pub(super) name: ChildId,
    pub(super) strategy: Strategy,
    pub(super) intensity: Intensity,
    pub(super) auto_shutdown: AutoShutdown,
    pub(super) children: Vec<ChildSpec>,
    pub(super) told: Option<Arc<watch::Sender<Option<SupervisorHandle>>>>,
}

impl SupervisorSpec {
    /// A supervisor without children yet. Its name is the last step of its path.
    pub fn new(name: impl Into<ChildId>) -> Self {
        Self {
            name: name.into(),
            strategy: Strategy::default(),
            intensity: Intensity::default(),
            auto_shutdown: AutoShutdown::default(),
            children: Vec::new(),
            told: None,
        }
    }

    /// A supervisor of instances of one template, at most so many at a time.
    pub fn dynamic(name: impl Into<ChildId>, template: ChildSpec, children_max: usize) -> Self {
        Self::new(name).strategy(Strategy::Dynamic { children_max }).child(template)
    }

    /// Who is restarted with whom.
    #[must_use]
    pub const fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// How many restarts within which period are borne.
    #[must_use]
    pub const fn intensity(mut self, restarts: u32, period: Duration) -> Self {
        self.intensity = Intensity { restarts, period };
        self
    }

    /// Whether it ends with its significant children.
    #[must_use]
    pub const fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// One more child, started after those before it.
    #[must_use]
    pub fn child(mut self, child: ChildSpec) -> Self {
        self.children.push(child);
        self
    }

    /// One more child that is a supervisor.
    #[must_use]
    pub fn supervisor(self, spec: Self) -> Self {
        self.child(ChildSpec::supervisor(spec))
    }

    /// Tells the way to it whenever it is started: children can be started under it later on.
    #[must_use]
    pub fn told_to(mut self, told: Arc<watch::Sender<Option<SupervisorHandle>>>) -> Self {
        self.told = Some(told);
        self
    }

    /// Refuses what cannot be supervised, here and below.
    pub fn check(&self) -> Result<()> {
        self.plan().check()?;
        self.children.iter().filter_map(|child| child.below.as_ref()).try_for_each(|s| s.check())
    }

    pub(super) fn plan(&self) -> Plan {
        let children = self.children.iter();
        Plan {
            strategy: self.strategy,
            intensity: self.intensity,
            auto_shutdown: self.auto_shutdown,
            children: children.map(|c| (c.id.clone(), Arc::new(c.rules.clone()))).collect(),
        }
    }
}

impl ChildSpec {
    /// A child that is a supervisor; it takes as long to stop as its own children do. A bad spec
    /// below it fails its start.
    pub fn supervisor(spec: SupervisorSpec) -> Self {
        let id = spec.name.clone();
        let spec = Arc::new(spec);
        let below = Arc::clone(&spec);
        let mut child = Self::worker(id, move |starting| {
            let spec = Arc::clone(&spec);
            async move {
                let path = Arc::clone(&starting.path);
                let env = starting.env.clone();
                let under = starting.supervisor.clone();
                let (handle, opened) = Supervisor::spawn(&spec, path, env, Some(under)).await?;
                let (asked, drained) = (handle.clone(), handle.clone());
                let mut running = Running::new(handle.cell())
                    .stopped_by(move || asked.ask_to_stop())
                    .drained_by(move || drained.ask_to_stop());
                running.below = Some(handle.clone());
                starting.announce(running.clone());
                handle.opened(opened).await?;
                Ok(Started::Running(running))
            }
        });
        child.rules = Rules::supervisor();
        child.below = Some(below);
        child
    }
}
