//! The way to a supervisor that runs.

use std::{fmt, sync::Arc, time::Duration};

use ractor::{Actor, ActorCell, ActorRef};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{
    actor::{Arguments, Msg, Question, Roll, SupervisorActor},
    child::{ChildSpec, StartFn},
    event::{Admin, ChildState, ChildView, Counts, Refusal, Reply},
    machine::{DEATH_WITHIN, SupervisorMachine},
    rules::{ChildId, Kind},
    spec::{Env, SupervisorSpec},
    tree::Tree,
};
use crate::{
    chance::Chance,
    error::{Error, ErrorKind, Result},
    id::Incarnation,
};

/// How many questions may wait for a supervisor; one more is refused as full.
pub const QUESTIONS_WAITING_MAX: usize = 256;

/// How long a question that changes nothing may wait for its answer.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Starts supervisors.
#[derive(Clone, Copy, Debug)]
pub struct Supervisor;

impl Supervisor {
    /// Starts a supervisor that is the root of its tree, and waits until its children are up. If
    /// one does not start, those before it are stopped, and this fails.
    pub async fn start(spec: &SupervisorSpec, env: Env) -> Result<SupervisorHandle> {
        spec.check()?;
        let path = spec.name.as_str().into();
        let (handle, opened) = Self::spawn(spec, path, env, None).await?;
        handle.opened(opened).await?;
        Ok(handle)
    }

    pub(super) async fn spawn(
        spec: &SupervisorSpec,
        path: Arc<str>,
        env: Env,
        under: Option<ActorCell>,
    ) -> Result<(SupervisorHandle, oneshot::Receiver<Result<()>>)> {
        let chance = Chance::from_seed(seed_for(env.seed, &path));
        let machine = SupervisorMachine::new(&spec.plan(), chance)?;
        let (opened, opening) = oneshot::channel();
        // Bounded by the permits.
        let (lane, questions) = mpsc::unbounded_channel();
        let starts = spec.children.iter().map(|c| (c.id.clone(), Arc::clone(&c.start))).collect();
        let roll = Roll::new();
        let arguments = Arguments {
            machine,
            starts,
            path: Arc::clone(&path),
            env,
            opened,
            questions,
            roll: roll.clone(),
        };
        let spawned = match under {
            Some(under) => Actor::spawn_linked(None, SupervisorActor, arguments, under).await,
            None => Actor::spawn(None, SupervisorActor, arguments).await,
        };
        let (actor, _) = spawned.map_err(|error| {
            Error::new(ErrorKind::Fault, format!("cannot start the supervisor {path}"))
                .because(error)
        })?;
        let permits = Arc::new(Semaphore::new(QUESTIONS_WAITING_MAX));
        let handle = SupervisorHandle { actor, lane, path, permits, roll };
        if let Some(told) = &spec.told {
            told.send_replace(Some(handle.clone()));
        }
        Ok((handle, opening))
    }
}

/// Each supervisor draws its own chance, the same in every run of a seed (FNV-1a over its path).
fn seed_for(seed: u64, path: &str) -> u64 {
    path.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A supervisor that runs, or ran. Cheap to clone; it does not end with its handles.
#[derive(Clone)]
pub struct SupervisorHandle {
    actor: ActorRef<Msg>,
    lane: mpsc::UnboundedSender<Question>,
    path: Arc<str>,
    permits: Arc<Semaphore>,
    roll: Roll,
}

impl SupervisorHandle {
    /// Its path in the tree.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its actor.
    pub fn cell(&self) -> ActorCell {
        self.actor.get_cell()
    }

    /// Starts a new child, after all others; fails, and forgets it, when it does not start.
    pub async fn start_child(&self, child: ChildSpec) -> Result<Option<Incarnation>> {
        let ChildSpec { id, rules, start, below } = child;
        below.map_or(Ok(()), |below| below.check())?;
        let admin = Admin::Start(id.clone(), Some(Arc::new(rules)));
        self.started(self.ask(admin, Some(start)).await?, "start", &id)
    }

    /// Starts an instance of the template of a dynamic supervisor.
    pub async fn start_instance(&self, id: impl Into<ChildId>) -> Result<Option<Incarnation>> {
        let id = id.into();
        let reply = self.ask(Admin::Start(id.clone(), None), None).await?;
        self.started(reply, "start", &id)
    }

    /// Stops a child within its own limits; it stays down until it is restarted. A temporary one,
    /// and an instance of a template, is forgotten. Returns when it is dead, so one that holds its
    /// thread and cannot be killed keeps the caller waiting; the supervisor goes on meanwhile.
    pub async fn terminate_child(&self, id: impl Into<ChildId>) -> Result<()> {
        let id = id.into();
        let reply = self.ask(Admin::Terminate(id.clone()), None).await?;
        self.done(reply, "terminate", &id)
    }

    /// Starts a child that is down or parked; tells its incarnation, or none when it had nothing
    /// to do.
    pub async fn restart_child(&self, id: impl Into<ChildId>) -> Result<Option<Incarnation>> {
        let id = id.into();
        let reply = self.ask(Admin::Restart(id.clone()), None).await?;
        self.started(reply, "restart", &id)
    }

    /// Forgets a child that is down or parked.
    pub async fn delete_child(&self, id: impl Into<ChildId>) -> Result<()> {
        let id = id.into();
        let reply = self.ask(Admin::Delete(id.clone()), None).await?;
        self.done(reply, "delete", &id)
    }

    /// How many children there are.
    pub async fn count_children(&self) -> Result<Counts> {
        match self.ask_soon(Admin::Count).await? {
            Reply::Counted(counts) => Ok(counts),
            reply => Err(self.odd(&reply)),
        }
    }

    /// Which children there are, in the order of their start.
    pub async fn which_children(&self) -> Result<Vec<ChildView>> {
        match self.ask_soon(Admin::Which).await? {
            Reply::Listed(children) => Ok(children),
            reply => Err(self.odd(&reply)),
        }
    }

    /// The whole tree from here down. A supervisor below that does not answer in time is shown
    /// without its children.
    pub async fn tree(&self) -> Result<Tree> {
        let children = super::tree::below(self).await?;
        Ok(Tree {
            path: self.path.to_string(),
            kind: Kind::Supervisor,
            state: ChildState::Running,
            incarnation: Incarnation(0),
            restarts: 0,
            last_exit: None,
            children,
        })
    }

    /// The supervisor that is found below this one on a path of names, as it runs now.
    pub async fn below(&self, path: &[&str]) -> Result<Self> {
        let mut at = self.clone();
        for name in path {
            let children = at.views().await?;
            let found = children.into_iter().find(|(view, _)| view.id.as_str() == *name);
            at = found.and_then(|(_, under)| under).ok_or_else(|| {
                let text = format!("there is no supervisor {}/{name} now", at.path);
                Error::new(ErrorKind::NotFound, text)
            })?;
        }
        Ok(at)
    }

    /// Stops it and all below it, last to first, each child within its own limits; whatever is
    /// left after `within` is killed, and then this fails.
    pub async fn stop(&self, within: Duration) -> Result<()> {
        self.ask_to_stop();
        let cell = self.actor.get_cell();
        if cell.wait(Some(within)).await.is_ok() {
            return Ok(());
        }
        cell.kill();
        // A bound, since a thread that is blocked does not die.
        let dead = cell.wait(Some(DEATH_WITHIN)).await.is_ok();
        let end = if dead { "it was killed" } else { "it was killed, and does not die" };
        let text = format!("cannot stop {} within {within:?}: {end}", self.path);
        Err(Error::new(ErrorKind::Unavailable, text))
    }

    /// Waits until it has ended, for whatever reason.
    pub async fn ended(&self) {
        // Without a limit there is no error.
        let _ = self.actor.get_cell().wait(None).await;
    }

    pub(super) fn roll(&self) -> Roll {
        self.roll.clone()
    }

    pub(super) fn ask_to_stop(&self) {
        // It may have ended already.
        let _ = self.lane.send(Question::Close);
        let _ = self.actor.cast(Msg::Question);
    }

    pub(super) async fn opened(&self, opening: oneshot::Receiver<Result<()>>) -> Result<()> {
        let opened = opening.await.unwrap_or_else(|_| Err(self.gone()));
        if opened.is_err() {
            self.ended().await;
        }
        opened
    }

    async fn ask(&self, admin: Admin, start: Option<StartFn>) -> Result<Reply> {
        let (to, answer) = oneshot::channel();
        self.put(Question::Ask(admin, start, to), answer).await
    }

    async fn ask_soon(&self, admin: Admin) -> Result<Reply> {
        self.soon(self.ask(admin, None)).await
    }

    pub(super) async fn views(&self) -> Result<Vec<(ChildView, Option<Self>)>> {
        let (to, answer) = oneshot::channel();
        self.soon(self.put(Question::Views(to), answer)).await
    }

    async fn soon<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::time::timeout(ANSWER_WITHIN, answer).await.unwrap_or_else(|_| {
            let text = format!("no answer from {} within {ANSWER_WITHIN:?}", self.path);
            Err(Error::new(ErrorKind::Unavailable, text))
        })
    }

    async fn put<T>(&self, question: Question, answer: oneshot::Receiver<T>) -> Result<T> {
        let Ok(_permit) = self.permits.try_acquire() else {
            let text = format!(
                "cannot ask {}: {QUESTIONS_WAITING_MAX} questions wait already; ask later",
                self.path
            );
            return Err(Error::new(ErrorKind::Full, text));
        };
        self.lane.send(question).map_err(|_| self.gone())?;
        self.actor.cast(Msg::Question).map_err(|_| self.gone())?;
        answer.await.map_err(|_| self.gone())
    }

    fn gone(&self) -> Error {
        Error::new(ErrorKind::Unavailable, format!("the supervisor {} has ended", self.path))
    }

    fn odd(&self, reply: &Reply) -> Error {
        let text = format!("the supervisor {} answered something else: {reply:?}", self.path);
        Error::new(ErrorKind::Fault, text)
    }

    fn started(&self, reply: Reply, verb: &str, id: &ChildId) -> Result<Option<Incarnation>> {
        match reply {
            Reply::Started(incarnation) => Ok(Some(incarnation)),
            Reply::Ignored => Ok(None),
            Reply::Refused(refusal) => Err(self.refused(&refusal, verb, id)),
            reply => Err(self.odd(&reply)),
        }
    }

    fn done(&self, reply: Reply, verb: &str, id: &ChildId) -> Result<()> {
        match reply {
            Reply::Done => Ok(()),
            Reply::Refused(refusal) => Err(self.refused(&refusal, verb, id)),
            reply => Err(self.odd(&reply)),
        }
    }

    fn refused(&self, refusal: &Refusal, verb: &str, id: &ChildId) -> Error {
        let kind = match refusal {
            Refusal::NotFound => ErrorKind::NotFound,
            Refusal::Running
            | Refusal::Restarting
            | Refusal::AlreadyStarted
            | Refusal::AlreadyPresent => ErrorKind::Conflict,
            Refusal::Full(_) => ErrorKind::Full,
            Refusal::Bad(_) => ErrorKind::Invalid,
            Refusal::StartFailed(_) | Refusal::Closing => ErrorKind::Unavailable,
        };
        Error::new(kind, format!("cannot {verb} {}/{id}: {refusal}", self.path))
    }
}

impl fmt::Debug for SupervisorHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SupervisorHandle").field(&self.path).finish()
    }
}
