//! What a supervisor needs to have a child: its rules, and how it is started.

use std::{
    fmt,
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures::future::BoxFuture;
use ractor::{ActorCell, SpawnErr};

use super::{
    heart::Heart,
    rules::{ChildId, Rules, Shutdown},
    spec::Env,
};
use crate::{backoff::Backoff, error::Error, id::Incarnation, restart::Restart};

/// Starts one incarnation of a child.
///
/// It spawns the actor linked to [`Starting::supervisor`], and best does nothing after that; if it
/// must, it first calls [`Starting::announce`], so that a start that is let go of half-way leaves
/// nobody behind. It may take its time: the supervisor goes on meanwhile.
pub type StartFn =
    Arc<dyn Fn(Starting) -> BoxFuture<'static, Result<Started, StartError>> + Send + Sync>;

/// Asks a child to do something, without waiting for it.
pub type Hook = Arc<dyn Fn() + Send + Sync>;

/// What a start is given.
#[derive(Clone, Debug)]
pub struct Starting {
    /// Whom to spawn the actor under.
    pub supervisor: ActorCell,
    /// The child's name: the same function starts every instance of a template.
    pub id: ChildId,
    /// Its path in the tree.
    pub path: Arc<str>,
    /// Which life this will be; unique within the life of its supervisor.
    pub incarnation: Incarnation,
    /// Where to give signs of life, if the child declared a heartbeat.
    pub heart: Heart,
    /// What the whole tree shares.
    pub env: Env,
    pub(super) born: Arc<OnceLock<Running>>,
}

impl Starting {
    /// Tells the supervisor of an actor that is up before its start is done.
    pub fn announce(&self, running: Running) {
        // Whoever announces twice is known by the first.
        let _ = self.born.set(running);
    }
}

/// How a start went.
#[derive(Debug)]
pub enum Started {
    /// The child runs.
    Running(Running),
    /// There was nothing to start; that is no failure.
    Ignored,
}

/// A child that runs.
#[derive(Clone)]
pub struct Running {
    pub(super) cell: ActorCell,
    pub(super) drain: Option<Hook>,
    pub(super) stop: Option<Hook>,
    pub(super) below: Option<super::SupervisorHandle>,
}

impl Running {
    /// An actor that is stopped, and drained, as any actor is.
    pub const fn new(cell: ActorCell) -> Self {
        Self { cell, drain: None, stop: None, below: None }
    }

    /// With its own way to finish what it has; it ends when it has.
    #[must_use]
    pub fn drained_by(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.drain = Some(Arc::new(hook));
        self
    }

    /// With its own way to be asked to end.
    #[must_use]
    pub fn stopped_by(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.stop = Some(Arc::new(hook));
        self
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Running").field(&self.cell.get_id()).finish()
    }
}

impl From<ActorCell> for Started {
    fn from(cell: ActorCell) -> Self {
        Self::Running(Running::new(cell))
    }
}

impl From<Running> for Started {
    fn from(running: Running) -> Self {
        Self::Running(running)
    }
}

/// Why a start failed, as a sentence: it goes to the supervision log.
#[derive(Debug)]
pub struct StartError(pub(super) Arc<str>);

impl From<SpawnErr> for StartError {
    fn from(error: SpawnErr) -> Self {
        Self(match error {
            SpawnErr::StartupFailed(error) => error.to_string().into(),
            other => other.to_string().into(),
        })
    }
}

impl From<Error> for StartError {
    fn from(error: Error) -> Self {
        Self(error.to_string().into())
    }
}

impl From<String> for StartError {
    fn from(reason: String) -> Self {
        Self(reason.into())
    }
}

impl From<&str> for StartError {
    fn from(reason: &str) -> Self {
        Self(reason.into())
    }
}

/// A child to be supervised: a permanent worker with five seconds to stop, unless said otherwise.
#[derive(Clone)]
pub struct ChildSpec {
    pub(super) id: ChildId,
    pub(super) rules: Rules,
    pub(super) start: StartFn,
    /// What it supervises, if it is a supervisor.
    pub(super) below: Option<Arc<super::SupervisorSpec>>,
}

impl ChildSpec {
    /// A worker that is started by `start`.
    pub fn worker<S, F>(id: impl Into<ChildId>, start: S) -> Self
    where
        S: Fn(Starting) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Started, StartError>> + Send + 'static,
    {
        let start: StartFn = Arc::new(move |starting| Box::pin(start(starting)));
        Self { id: id.into(), rules: Rules::worker(), start, below: None }
    }

    /// A child with all of its rules.
    pub fn new(id: impl Into<ChildId>, rules: Rules, start: StartFn) -> Self {
        Self { id: id.into(), rules, start, below: None }
    }

    /// Its name.
    pub const fn id(&self) -> &ChildId {
        &self.id
    }

    /// Its rules.
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whether it is started again.
    #[must_use]
    pub const fn restart(mut self, restart: Restart) -> Self {
        self.rules.restart = restart;
        self
    }

    /// How it is stopped.
    #[must_use]
    pub const fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.rules.shutdown = shutdown;
        self
    }

    /// Its end counts for the supervisor's auto-shutdown.
    #[must_use]
    pub const fn significant(mut self) -> Self {
        self.rules.significant = true;
        self
    }

    /// Waits before it is started again.
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.rules.backoff = Some(backoff);
        self
    }

    /// Parks it after so many failed tries in a row.
    #[must_use]
    pub const fn attempts_max(mut self, attempts: u32) -> Self {
        self.rules.attempts_max = Some(attempts);
        self
    }

    /// Takes it for hung when its heart is silent for this long.
    #[must_use]
    pub const fn heartbeat_within(mut self, within: Duration) -> Self {
        self.rules.heartbeat_within = Some(within);
        self
    }

    /// Lets go of a start that takes longer.
    #[must_use]
    pub const fn start_within(mut self, within: Duration) -> Self {
        self.rules.start_within = Some(within);
        self
    }

    /// Lets it finish what it has, for this long at most, before it is stopped.
    #[must_use]
    pub const fn drain_within(mut self, within: Duration) -> Self {
        self.rules.drain_within = Some(within);
        self
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
