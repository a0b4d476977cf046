//! Whoever keeps the door: carries out what is asked, at a node that is at work as in a folder that
//! is opened for one change.

use std::sync::Arc;

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::Durability,
    id::{NodeId, RunId, TaskId},
    time::{Clock, Moment},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    asker::Asker,
    report::{Changed, NodeStatus, Redacted, Status},
    request::Request,
};
use crate::{
    client::Tasks,
    sensitive::Deleted,
    task::{Answer, Query, view::RunView},
};

/// Who the node is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) name: NodeId,
    pub(crate) boot: u64,
    pub(crate) durability: Durability,
    /// Whether it is at work, and not here for one change only.
    pub(crate) is_at_work: bool,
}

/// Carries out what is asked.
#[derive(Debug)]
pub(crate) struct Keeper {
    identity: Identity,
    tasks: Tasks,
    clock: Arc<dyn Clock>,
    began: Moment,
}

/// How a run stood before it was changed, and which task is meant.
struct Before {
    run: RunId,
    task: Option<TaskId>,
    ended: u64,
}

impl Keeper {
    pub(crate) fn new(identity: Identity, tasks: Tasks, clock: Arc<dyn Clock>) -> Self {
        let began = clock.now().moment;
        Self { identity, tasks, clock, began }
    }

    /// Carries out one request, and answers it as its kind says.
    pub(crate) async fn carry_out(&self, request: &Request, asker: &Asker) -> Result<Value> {
        let (tasks, by) = (&self.tasks, asker.to_string());
        match request {
            Request::Status {} => told(&self.status().await?),
            Request::TaskCancel { task, reason, .. } => {
                let before = self.before(request).await?;
                let count = tasks.cancel(&before.run, task, &by, reason.as_str()).await?;
                told(&self.changed("cancelled", before, count).await?)
            }
            Request::TaskRetry { task, .. } => {
                let before = self.before(request).await?;
                tasks.retry(&before.run, task, &by).await?;
                told(&self.changed("retried", before, 1).await?)
            }
            Request::RunCancel { reason, .. } => {
                let before = self.before(request).await?;
                let count = tasks.cancel_run(&before.run, &by, reason.as_str()).await?;
                told(&self.changed("cancelled", before, count).await?)
            }
            Request::TaskRedact { .. } | Request::RunRedact { .. } => {
                let Before { run, task, .. } = self.before(request).await?;
                let Deleted { tasks, blobs } = tasks.redact(&run, task.as_ref(), &by).await?;
                told(&Redacted { run, task, tasks, blobs })
            }
            Request::TaskReveal { task, .. } => {
                let before = self.before(request).await?;
                told(&tasks.reveal(&before.run, task, &by).await?)
            }
        }
    }

    async fn status(&self) -> Result<Status> {
        let (answer, settled) = self.tasks.query_settled(Query::Runs).await?;
        let runs = match answer {
            Answer::Runs(runs) => runs,
            _ => Vec::new(),
        };
        let uptime = self.clock.now().moment.since(self.began);
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

    /// Finds what a request is about.
    async fn before(&self, request: &Request) -> Result<Before> {
        let target = request.target();
        let run = target.find(&self.tasks).await?.ok_or_else(|| {
            Error::new(ErrorKind::Fault, "a request about no run was taken for one about a run")
        })?;
        let ended = run.summary.counts.ended();
        Ok(Before { run: run.summary.run, task: target.task().cloned(), ended })
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
        })
    }
}

/// An answer as it is sent.
fn told<T: Serialize>(answer: &T) -> Result<Value> {
    serde_json::to_value(answer)
        .map_err(|error| Error::new(ErrorKind::Fault, "cannot write an answer").because(error))
}
