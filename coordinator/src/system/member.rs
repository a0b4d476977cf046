//! An agent of a team: who it is, how it works, how it is supervised.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use orkestra_agents::{
    Secrets,
    shipped::Repositories,
    worker::{self, AgentFactory, Introduce, Sink, Terms, WorkerMail, WorkerSpec},
};
use orkestra_runtime::{
    Error, ErrorKind,
    address::Ref,
    backoff::Backoff,
    fabric::Blobs,
    id::{AgentId, Incarnation},
    protocol::agent::{AgentProfile, Availability, ToAgent},
    restart::Restart,
    supervise::{ChildSpec, Running, Started, Starting},
    time::Clock,
};

use crate::system::hands::Workers;

/// How a worker is supervised.
#[derive(Clone, Debug, PartialEq)]
pub struct Care {
    /// After which ends it is started again.
    pub restart: Restart,
    /// How long it waits before that.
    pub backoff: Option<Backoff>,
    /// After how many tries in a row it is parked.
    pub attempts_max: Option<u32>,
}

impl Default for Care {
    /// Always, after 100 ms, 200 ms … 10 s with full jitter, anew after 30 s of life.
    fn default() -> Self {
        let backoff = Backoff {
            base: Duration::from_millis(100),
            factor: 2,
            max: Duration::from_secs(10),
            jitter: true,
            reset_after: Duration::from_secs(30),
        };
        Self { restart: Restart::Permanent, backoff: Some(backoff), attempts_max: None }
    }
}

/// An agent of a team.
#[derive(Clone)]
pub struct Member {
    /// What it says of itself.
    pub profile: AgentProfile,
    /// Makes the agent, anew for each life of its worker.
    pub factory: AgentFactory,
    /// How its attempts are treated.
    pub terms: Terms,
    /// Where it reads secrets from, if it may.
    pub secrets: Option<Arc<dyn Secrets>>,
    /// How its worker is supervised.
    pub care: Care,
}

impl Member {
    /// A member of a name that does `capacity` things at once, without any other quality.
    pub fn new(id: AgentId, kind: &str, capacity: u32, factory: AgentFactory) -> Self {
        let profile = AgentProfile {
            id,
            kind: kind.to_owned(),
            description: String::new(),
            capabilities: Vec::new(),
            specialties: Vec::new(),
            capacity,
            availability: Availability::Available,
        };
        Self { profile, factory, terms: Terms::default(), secrets: None, care: Care::default() }
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// What all workers of a node share.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) blobs: Arc<dyn Blobs>,
    /// What is shipped to this node; none where nothing is.
    pub(crate) repositories: Option<Arc<Repositories>>,
    pub(crate) sink: Sink,
    pub(crate) workers: Workers,
    pub(crate) folder: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    /// How often this node was started: lives of workers rise across its restarts.
    pub(crate) boot: u64,
    pub(crate) drain_within: Duration,
}

/// What each life of a worker begins with.
struct Lives {
    profile: AgentProfile,
    factory: AgentFactory,
    secrets: Option<Arc<dyn Secrets>>,
    terms: Arc<Terms>,
    folder: Arc<PathBuf>,
    common: Arc<Common>,
}

impl Lives {
    fn next(&self, starting: &Starting) -> WorkerSpec {
        let common = &self.common;
        let incarnation = Incarnation((common.boot << 32) | starting.incarnation.0);
        WorkerSpec {
            profile: self.profile.clone(),
            incarnation,
            factory: Arc::clone(&self.factory),
            terms: Arc::clone(&self.terms),
            folder: Arc::clone(&self.folder),
            blobs: Arc::clone(&common.blobs),
            secrets: self.secrets.clone(),
            repositories: common.repositories.clone(),
            sink: Arc::clone(&common.sink),
            introduce: Some(introduce(&self.profile.id, incarnation, &common.workers)),
            // A worker never runs the agent's code, so it cannot hang with it.
            heart: None,
            clock: Arc::clone(&common.clock),
        }
    }
}

/// A member as a child of its supervisor. There may be very many: what they share is kept once.
pub(crate) fn child(member: Member, common: &Arc<Common>) -> ChildSpec {
    let Member { profile, factory, terms, secrets, care } = member;
    let drain_within = common.drain_within;
    let id = profile.id.to_string();
    let folder = Arc::new(common.folder.join("attempts").join(&id));
    let (terms, common) = (Arc::new(terms), Arc::clone(common));
    let lives = Arc::new(Lives { profile, factory, secrets, terms, folder, common });
    let mut spec = ChildSpec::worker(id.as_str(), move |starting: Starting| {
        let spec = lives.next(&starting);
        async move {
            let (address, _) = worker::spawn_linked(spec, starting.supervisor.clone()).await?;
            let drained = address.clone();
            let running = Running::new(address.cell()).drained_by(move || {
                // One that has ended already needs no draining.
                let _ = drained.send(WorkerMail::Drain { within: drain_within });
            });
            Ok(Started::from(running))
        }
    });
    spec = spec.restart(care.restart).drain_within(drain_within);
    if let Some(backoff) = care.backoff {
        spec = spec.backoff(backoff);
    }
    if let Some(attempts) = care.attempts_max {
        spec = spec.attempts_max(attempts);
    }
    spec
}

fn introduce(agent: &AgentId, incarnation: Incarnation, workers: &Workers) -> Introduce {
    let (agent, workers) = (agent.clone(), Arc::clone(workers));
    Arc::new(move |address| {
        let address = address.clone();
        let worker = Ref::<ToAgent>::near(move |mail| {
            address.send(WorkerMail::ToAgent(mail.into_body())).map_err(|mail| match mail {
                WorkerMail::ToAgent(said) => orkestra_runtime::address::Mail::Told(said),
                _ => orkestra_runtime::address::Mail::Told(ToAgent::WhoIsThere),
            })
        });
        if workers.enter(agent.clone(), incarnation, worker).is_err() {
            tracing::warn!(%agent, "a newer life of this worker is there already");
        }
    })
}

/// Refuses two members of one name.
pub(crate) fn check(members: &[Member]) -> Result<(), Error> {
    let mut names = std::collections::BTreeSet::new();
    for member in members {
        if !names.insert(&member.profile.id) {
            let message = format!("two agents are called {:?}: rename one", member.profile.id);
            return Err(Error::new(ErrorKind::Invalid, message));
        }
    }
    Ok(())
}
