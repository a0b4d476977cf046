//! Whoever minds the door: carries out what is asked, at a node that is at work as in a folder that
//! is opened for one change.

mod councils;
mod locks;
mod votes;

use std::path::PathBuf;

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::Durability,
    id::{AgentId, NodeId, RunId, TaskId},
    limits::NAME_BYTES_MAX,
    protocol::payload::Json,
    time::Moment,
};
use serde::Serialize;
use serde_json::Value;

use super::{
    asker::Asker,
    report::{Changed, Decided, Healed, NodeStatus, Redacted, Stands, Status},
    request::{Reason, Request},
};
use crate::{
    client::Tasks,
    context::{ContextChange, Contexts},
    ops,
    public::Submission,
    safety::heal::heal,
    sensitive::Deleted,
    system::Means,
    task::{
        Answer, Query,
        people::{Said, Word},
        standing::ScopeName,
        view::RunView,
    },
};

/// Who the node is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) name: NodeId,
    pub(crate) boot: u64,
    pub(crate) durability: Durability,
    /// Where its data is, and the folders of its attempts.
    pub(crate) folder: PathBuf,
    /// Whether it is at work, and not here for one change only.
    pub(crate) is_at_work: bool,
    /// The cluster that is asked, if one is, and not a folder.
    pub(crate) cluster: Option<String>,
}

/// Carries out what is asked.
#[derive(Debug)]
pub(crate) struct Clerk {
    identity: Identity,
    tasks: Tasks,
    means: Means,
    began: Moment,
}

/// What can be stopped and let go on.
enum Thing {
    Scope(ScopeName),
    Agent(AgentId),
}

/// How a run stood before it was changed, and which task is meant.
struct Before {
    run: RunId,
    task: Option<TaskId>,
    ended: u64,
}

impl Clerk {
    pub(crate) fn new(identity: Identity, tasks: Tasks, means: Means) -> Self {
        let began = means.clock.now().moment;
        Self { identity, tasks, means, began }
    }

    /// What the node is called.
    pub(crate) const fn name(&self) -> &NodeId {
        &self.identity.name
    }

    /// How often it was started.
    pub(crate) const fn boot(&self) -> u64 {
        self.identity.boot
    }

    /// Carries out one request, and answers it as its kind says.
    pub(crate) async fn carry_out(&self, request: &Request, asker: &Asker) -> Result<Value> {
        let (tasks, by) = (&self.tasks, asker.to_string());
        let found = request.target().find(tasks).await?;
        match request {
            Request::Status {} => told(&self.status().await?),
            Request::TaskCancel { task, reason, .. } => {
                let before = before(request, found)?;
                let count = tasks.cancel(&before.run, task, &by, reason.as_str()).await?;
                told(&self.changed("cancelled", before, count).await?)
            }
            Request::TaskRetry { task, .. } => {
                let before = before(request, found)?;
                tasks.retry(&before.run, task, &by).await?;
                told(&self.changed("retried", before, 1).await?)
            }
            Request::RunCancel { reason, .. } => {
                let before = before(request, found)?;
                let count = tasks.cancel_run(&before.run, &by, reason.as_str()).await?;
                told(&self.changed("cancelled", before, count).await?)
            }
            Request::TaskApprove { task, reason, .. } => {
                self.decide(before(request, found)?, (task, Said::Approved, reason), asker).await
            }
            Request::TaskReject { task, reason, .. } => {
                self.decide(before(request, found)?, (task, Said::Rejected, reason), asker).await
            }
            Request::TaskAnswer { task, answer, reason, .. } => {
                let said = Said::Answered(tasks.payload(Json::of(answer)?).await?);
                self.decide(before(request, found)?, (task, said, reason), asker).await
            }
            Request::Pause { run, namespace, reason } => {
                let scope = scope(run.as_ref(), namespace.as_deref())?;
                let changed = tasks.pause(&scope, &by, reason.as_str()).await?;
                told(&self.stands("paused", Thing::Scope(scope), changed))
            }
            Request::Resume { run, namespace } => {
                let scope = scope(run.as_ref(), namespace.as_deref())?;
                let changed = tasks.resume(&scope, &by).await?;
                told(&self.stands("resumed", Thing::Scope(scope), changed))
            }
            Request::AgentDrain { agent, reason } => {
                let changed = tasks.drain(agent, &by, reason.as_str()).await?;
                told(&self.stands("drained", Thing::Agent(agent.clone()), changed))
            }
            Request::AgentResume { agent } => {
                let changed = tasks.undrain(agent, &by).await?;
                told(&self.stands("returned", Thing::Agent(agent.clone()), changed))
            }
            Request::TaskRedact { .. } | Request::RunRedact { .. } | Request::TaskReveal { .. } => {
                self.sensitive(request, before(request, found)?, &by).await
            }
            Request::ContextSnapshot { note } => {
                self.context(ContextChange::Snapshot { note: note.as_str().to_owned() }, &by).await
            }
            Request::ContextRestore { snapshot } => {
                self.context(ContextChange::Restore { snapshot: *snapshot }, &by).await
            }
            Request::ContextPhase { phase } => {
                self.context(ContextChange::Phase { phase: *phase }, &by).await
            }
            Request::TaskSubmit { submission } => self.submit(submission).await,
            Request::Lock { ask } => self.lock(ask.clone(), &by).await,
            Request::Vote { ask } => self.vote(ask.clone(), &by).await,
            Request::Council { ask } => self.council(ask.clone(), &by).await,
            Request::DoctorHeal {} => self.heal().await,
            Request::Compact { keep_records } => {
                told(&ops::compact(&self.means, *keep_records).await?)
            }
        }
    }

    async fn submit(&self, submission: &str) -> Result<Value> {
        let submission: Submission = serde_json::from_str(submission).map_err(|error| {
            let message = format!("cannot read what is submitted: {error}");
            Error::new(ErrorKind::Invalid, message)
        })?;
        told(&submission.carry_out(&self.tasks, None).await?)
    }

    async fn heal(&self) -> Result<Value> {
        let Identity { folder, name, .. } = &self.identity;
        let actions = heal(&self.tasks, folder, name).await?;
        told(&Healed { actions, pid: self.pid() })
    }

    async fn context(&self, change: ContextChange, by: &str) -> Result<Value> {
        told(&self.contexts().change(&change, by).await?)
    }

    /// Shows what is sensitive, or deletes it.
    async fn sensitive(&self, request: &Request, before: Before, by: &str) -> Result<Value> {
        let Before { run, task, .. } = before;
        if let Request::TaskReveal { task, .. } = request {
            return told(&self.tasks.reveal(&run, task, by).await?);
        }
        let Deleted { tasks, blobs } = self.tasks.redact(&run, task.as_ref(), by).await?;
        told(&Redacted { run, task, tasks, blobs })
    }

    /// Says for whoever asks what they say about a task.
    async fn decide(
        &self,
        Before { run, .. }: Before,
        (task, said, reason): (&TaskId, Said, &Reason),
        asker: &Asker,
    ) -> Result<Value> {
        let (by, decision) = (asker.person()?, said.as_str().to_owned());
        let (reason, via) = (reason.as_str().to_owned(), asker.account());
        let word = Word { by: by.clone(), said, reason, via };
        let settled = self.tasks.decide(&run, task, word).await?;
        let open = match self.tasks.query(Query::Run(run.clone())).await? {
            Answer::Run(Some(view)) => {
                let counts = view.summary.counts;
                counts.total.saturating_sub(counts.ended())
            }
            _ => 0,
        };
        let (task, cluster) = (task.clone(), self.identity.cluster.clone());
        told(&Decided { decision, run, task, by, settled, open, pid: self.pid(), cluster })
    }

    fn stands(&self, change: &str, thing: Thing, changed: bool) -> Stands {
        let (run, namespace, agent) = match thing {
            Thing::Scope(ScopeName::Run(run)) => (Some(run), None, None),
            Thing::Scope(ScopeName::Namespace(name)) => (None, Some(name), None),
            Thing::Agent(agent) => (None, None, Some(agent)),
        };
        let (change, cluster) = (change.to_owned(), self.identity.cluster.clone());
        Stands { change, run, namespace, agent, changed, pid: self.pid(), cluster }
    }

    fn contexts(&self) -> Contexts {
        Contexts::new(self.means.shard.clone())
    }

    async fn status(&self) -> Result<Status> {
        let (answer, settled) = self.tasks.query_settled(Query::Runs).await?;
        let runs = match answer {
            Answer::Runs(runs) => runs,
            _ => Vec::new(),
        };
        let uptime = self.means.clock.now().moment.since(self.began);
        let node = NodeStatus {
            name: self.identity.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            boot: self.identity.boot,
            durability: self.identity.durability.to_string(),
            uptime_ms: u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX),
            full: !settled,
        };
        Ok(Status::of(&runs, self.pid(), Some(node)))
    }

    fn pid(&self) -> Option<u32> {
        self.identity.is_at_work.then(std::process::id)
    }

    /// What a change came to; `tasks` were told to have been changed, at the least. The counts of a
    /// node that is at work also move by what its agents end meanwhile.
    async fn changed(&self, change: &str, before: Before, tasks: u64) -> Result<Changed> {
        let Before { run, task, ended } = before;
        let Answer::Run(Some(view)) = self.tasks.query(Query::Run(run.clone())).await? else {
            let message = format!("there is no run {run:?} any more");
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        let RunView { summary, opening, .. } = *view;
        let have_ended = summary.counts.ended();
        let reopened = ended.saturating_sub(have_ended);
        let fell = if self.identity.is_at_work { 0 } else { have_ended.saturating_sub(ended) };
        Ok(Changed {
            change: change.to_owned(),
            run,
            task,
            // A task that only waited for its next try had not ended, and is one all the same.
            tasks: tasks.max(reopened).max(fell).max(1),
            open: summary.counts.total.saturating_sub(have_ended),
            scenario: opening.scenario,
            pid: self.pid(),
            cluster: self.identity.cluster.clone(),
        })
    }
}

/// How the run that was found for a request stands, before anything is changed.
fn before(request: &Request, found: Option<RunView>) -> Result<Before> {
    let RunView { summary, .. } = found.ok_or_else(|| {
        Error::new(ErrorKind::Fault, "a request about no run was taken for one about a run")
    })?;
    let task = request.target().task().cloned();
    Ok(Before { run: summary.run, task, ended: summary.counts.ended() })
}

/// What is paused or resumed by this.
fn scope(run: Option<&RunId>, namespace: Option<&str>) -> Result<ScopeName> {
    let invalid = |message: String| Err(Error::new(ErrorKind::Invalid, message));
    match (run, namespace) {
        (Some(_), Some(_)) => {
            invalid("a run and a namespace are named: name one of them".to_owned())
        }
        (Some(run), None) => Ok(ScopeName::Run(run.clone())),
        (None, Some(name)) if name.len() > NAME_BYTES_MAX => invalid(format!(
            "the name of the namespace has {} bytes, and at most {NAME_BYTES_MAX} are allowed",
            name.len()
        )),
        (None, name) => Ok(ScopeName::Namespace(name.unwrap_or_default().to_owned())),
    }
}

/// An answer as it is sent.
fn told<T: Serialize>(answer: &T) -> Result<Value> {
    serde_json::to_value(answer)
        .map_err(|error| Error::new(ErrorKind::Fault, "cannot write an answer").because(error))
}
