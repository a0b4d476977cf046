//! What a worker does: speaks, begins attempts beside the actor, and collects what they leave.

use std::{
    collections::HashMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use futures::future::AbortHandle;
use orkestra_runtime::{
    Error, ErrorKind, Result,
    protocol::agent::{Assignment, Availability, Locked, ToAgent},
    shell::{self, Address, Hands, Outbox, Parts},
};
use ractor::ActorCell;
use tokio::{sync::watch, task::JoinHandle};

use super::{
    attempt::{Beginning, Desk, begin},
    inbox::Inbox,
    machine::WorkerMachine,
    spec::{Introduce, Sink, WorkerSpec},
    words::{Collected, Effect, Event},
};
use crate::{
    agent::DynAgent,
    context::{AttemptKey, Surroundings},
    safety::Inspector,
};

/// Where a worker is written to.
pub type WorkerAddress = Address<WorkerHands>;

/// What can be sent to a worker.
#[derive(Debug)]
pub enum WorkerMail {
    /// What a coordinator says.
    ToAgent(ToAgent),
    /// Take nothing new, finish or hand back, say `Left`, end: at the latest within this time.
    Drain {
        /// The limit.
        within: Duration,
    },
    /// What a worker's own parts tell it; nobody else can make one.
    Own(OwnMail),
}

/// What a worker's own parts tell it.
#[derive(Debug)]
pub struct OwnMail(Own);

#[derive(Debug)]
enum Own {
    Started,
    Ready,
}

impl OwnMail {
    pub(super) const READY: Self = Self(Own::Ready);
    const STARTED: Self = Self(Own::Started);
}

/// Starts a worker that nobody supervises.
pub async fn spawn(spec: WorkerSpec) -> Result<(WorkerAddress, JoinHandle<()>)> {
    let Made { parts, inbox, introduce } = make(spec)?;
    let (address, handle) = shell::spawn(parts).await.map_err(not_started)?;
    begin_life(&address, &inbox, introduce.as_ref());
    Ok((address, handle))
}

/// Starts a worker under a supervisor, which hears of its end. Calls the factory and asks the agent
/// whether it can work, both in the caller's task; a panic in either is an error of kind `Fault`.
pub async fn spawn_linked(
    spec: WorkerSpec,
    supervisor: ActorCell,
) -> Result<(WorkerAddress, JoinHandle<()>)> {
    let Made { parts, inbox, introduce } = make(spec)?;
    let (address, handle) = shell::spawn_linked(parts, supervisor).await.map_err(not_started)?;
    begin_life(&address, &inbox, introduce.as_ref());
    Ok((address, handle))
}

fn not_started(error: ractor::SpawnErr) -> Error {
    Error::new(ErrorKind::Unavailable, "cannot start the worker of an agent").because(error)
}

fn begin_life(address: &WorkerAddress, inbox: &Inbox, introduce: Option<&Introduce>) {
    inbox.belongs_to(address.clone());
    if let Some(introduce) = introduce {
        introduce(address);
    }
    // Should it be gone already, its supervisor knows.
    let _ = address.send(WorkerMail::Own(OwnMail::STARTED));
}

struct Made {
    parts: Parts<WorkerHands>,
    inbox: Arc<Inbox>,
    introduce: Option<Introduce>,
}

fn make(mut spec: WorkerSpec) -> Result<Made> {
    let (agent, availability) = agent_of(&spec)?;
    spec.profile.availability = availability;
    let inbox = Arc::new(Inbox::default());
    let surroundings = Surroundings {
        blobs: Some(Arc::clone(&spec.blobs)),
        secrets: spec.secrets,
        signs: Arc::clone(&inbox) as _,
        repositories: spec.repositories,
    };
    let surroundings = Arc::new(surroundings);
    let desk = Arc::new(Desk {
        agent,
        blobs: spec.blobs,
        surroundings,
        inbox: Arc::clone(&inbox),
        folder: spec.folder,
        incarnation: spec.incarnation,
        clock: Arc::clone(&spec.clock),
        inspector: Arc::new(Inspector::new(Arc::clone(&spec.clock))),
    });
    let heart_every = spec.heart.as_ref().map(|heart| heart.every);
    let machine = WorkerMachine::new(spec.profile, spec.incarnation, spec.terms, heart_every);
    let heart = spec.heart.map(|heart| heart.beat);
    let hands = WorkerHands { desk, sink: spec.sink, heart, running: HashMap::new() };
    let parts = Parts { machine, hands, clock: spec.clock };
    Ok(Made { parts, inbox, introduce: spec.introduce })
}

/// Makes the agent and asks it: user code, and therefore not in the actor.
fn agent_of(spec: &WorkerSpec) -> Result<(Arc<dyn DynAgent>, Availability)> {
    catch_unwind(AssertUnwindSafe(|| {
        let agent = (spec.factory)();
        let availability = agent.availability();
        (agent, availability)
    }))
    .map_err(|panic| {
        let failure = crate::outcome::panicked(&*panic);
        Error::new(
            ErrorKind::Fault,
            format!("cannot make the agent {:?}: {}", spec.profile.id, failure.message),
        )
    })
}

struct Control {
    cancel: watch::Sender<bool>,
    abort: AbortHandle,
}

/// What a worker does.
pub struct WorkerHands {
    desk: Arc<Desk>,
    sink: Sink,
    heart: Option<Arc<dyn Fn() + Send + Sync>>,
    running: HashMap<AttemptKey, Control>,
}

impl fmt::Debug for WorkerHands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerHands").field("running", &self.running.len()).finish_non_exhaustive()
    }
}

impl WorkerHands {
    fn begin(&mut self, batch: Vec<Assignment>, outbox: &mut Outbox<Event>) {
        let mut beginnings = Vec::with_capacity(batch.len());
        for assignment in batch {
            let (cancel, cancelled) = watch::channel(false);
            let (abort, registration) = AbortHandle::new_pair();
            let key = (assignment.task, assignment.attempt);
            self.running.insert(key, Control { cancel, abort });
            beginnings.push(Beginning { assignment, cancelled, abort: registration });
        }
        let desk = Arc::clone(&self.desk);
        outbox.spawn(async move {
            begin(beginnings, desk).await;
            None
        });
    }

    fn collect(&mut self, outbox: &mut Outbox<Event>) {
        let gathered = self.desk.inbox.collect();
        for going in gathered.going {
            outbox.spawn(async move {
                going.await;
                None
            });
        }
        for (key, _) in &gathered.ended {
            self.running.remove(key);
        }
        if self.running.is_empty() {
            // An idle worker keeps no room for attempts.
            self.running = HashMap::new();
        }
        let signs = gathered.signs.into_iter().collect();
        let (kept, checked) = (gathered.kept, gathered.checked);
        let (ended, understood) = (gathered.ended, gathered.understood);
        let collected = Collected { signs, kept, checked, ended, understood };
        outbox.push(Event::Collected(collected));
    }
}

impl Hands for WorkerHands {
    type Machine = WorkerMachine;
    type Mail = WorkerMail;

    fn receive(&mut self, mail: WorkerMail) -> Option<Event> {
        Some(match mail {
            WorkerMail::ToAgent(ToAgent::Assign(batch)) => Event::Assigned(batch),
            WorkerMail::ToAgent(ToAgent::AssignLocked(batch)) => {
                Event::Assigned(batch.into_iter().map(Locked::opened).collect())
            }
            WorkerMail::ToAgent(ToAgent::Cancel { task, attempt, reason }) => {
                tracing::debug!(%task, %attempt, reason, "attempt cancelled");
                Event::CancelAsked((task, attempt))
            }
            WorkerMail::ToAgent(ToAgent::Acknowledged(keys)) => Event::Acknowledged(keys),
            WorkerMail::ToAgent(ToAgent::WhoIsThere) => Event::AskedWhoIsThere,
            // Credit is granted by the node before it gets here; alone with one shard nobody asks.
            WorkerMail::ToAgent(ToAgent::Want { .. }) => return None,
            WorkerMail::Drain { within } => Event::DrainAsked(within),
            WorkerMail::Own(OwnMail(Own::Started)) => Event::Started,
            WorkerMail::Own(OwnMail(Own::Ready)) => Event::Ready,
        })
    }

    fn carry_out(&mut self, effect: Effect, outbox: &mut Outbox<Event>) {
        match effect {
            Effect::Say(said) => (self.sink)(said),
            Effect::Begin(batch) => self.begin(batch, outbox),
            Effect::Cancel(key) => {
                if let Some(control) = self.running.get(&key) {
                    control.cancel.send_replace(true);
                }
            }
            Effect::Abandon(key) => {
                if let Some(control) = self.running.remove(&key) {
                    control.abort.abort();
                }
            }
            Effect::Collect => self.collect(outbox),
            Effect::Look => {
                let desk = Arc::clone(&self.desk);
                outbox.spawn(async move { Some(Event::Found(desk.agent.availability())) });
            }
            Effect::Beat => {
                if let Some(beat) = &self.heart {
                    beat();
                }
            }
            Effect::Stop => outbox.stop(None),
            Effect::Fail(reason) => outbox.fail(reason),
        }
    }
}
