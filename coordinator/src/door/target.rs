//! What a request is about, looked for before anything is changed.

use std::future::Future;

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{AgentId, RunId, TaskId},
    time::Now,
};

use crate::{
    client::Tasks,
    task::{
        Answer, Query, TaskMachine,
        view::{RunView, is_opened_by_the_shard},
    },
};

/// How many runs a message names.
const RUNS_NAMED_MAX: usize = 10;

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// The node as a whole.
    Node,
    /// A run, by default the latest.
    Run(Option<&'a RunId>),
    /// A task of a run, by default of the latest.
    Task(Option<&'a RunId>, &'a TaskId),
    /// An agent.
    Agent(&'a AgentId),
}

/// Where questions are answered: at a node that is at work, or in what a folder holds.
pub(crate) trait Reads: Sync {
    fn look_up(&self, query: Query) -> impl Future<Output = Result<Answer>> + Send;
}

impl Reads for Tasks {
    async fn look_up(&self, query: Query) -> Result<Answer> {
        self.query(query).await
    }
}

impl Reads for (&TaskMachine, Now) {
    async fn look_up(&self, query: Query) -> Result<Answer> {
        Ok(self.0.answer(self.1, &query))
    }
}

impl<'a> Target<'a> {
    /// The task that it names.
    pub(crate) const fn task(self) -> Option<&'a TaskId> {
        match self {
            Self::Node | Self::Run(_) | Self::Agent(_) => None,
            Self::Task(_, task) => Some(task),
        }
    }

    /// The run that it names.
    pub(crate) const fn run(self) -> Option<&'a RunId> {
        match self {
            Self::Node | Self::Agent(_) => None,
            Self::Run(run) | Self::Task(run, _) => run,
        }
    }

    /// The run that it names or means, if it is about one. What is not there is told with what
    /// there is.
    pub(crate) async fn find(self, reads: &impl Reads) -> Result<Option<RunView>> {
        let (run, task) = match self {
            Self::Node => return Ok(None),
            Self::Agent(agent) => return find_agent(agent, reads).await.map(|()| None),
            Self::Run(run) => (run, None),
            Self::Task(run, task) => (run, Some(task)),
        };
        let found = find_run(run, reads).await?;
        if let Some(task) = task {
            let run = &found.summary.run;
            let Answer::Task(Some(_)) =
                reads.look_up(Query::Task(run.clone(), task.clone())).await?
            else {
                return Err(no_task(run, task));
            };
        }
        Ok(Some(found))
    }
}

async fn find_agent(agent: &AgentId, reads: &impl Reads) -> Result<()> {
    let Answer::Agents(agents) = reads.look_up(Query::Agents).await? else { return Ok(()) };
    if agents.iter().any(|found| found.id == *agent) {
        return Ok(());
    }
    let message = format!("there is no agent {agent:?}: `orkestra agent list` shows all");
    Err(Error::new(ErrorKind::NotFound, message))
}

async fn find_run(run: Option<&RunId>, reads: &impl Reads) -> Result<RunView> {
    if let Some(run) = run
        && let Answer::Run(Some(found)) = reads.look_up(Query::Run(run.clone())).await?
    {
        return Ok(*found);
    }
    let mut runs = match reads.look_up(Query::Runs).await? {
        Answer::Runs(runs) => runs,
        _ => Vec::new(),
    };
    // The latest is first, and of those that somebody began.
    runs.sort_by_key(|run| is_opened_by_the_shard(&run.summary.run));
    match run {
        Some(run) => Err(no_run(run, &runs)),
        None => runs.into_iter().next().ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "there is no run yet: run something first")
        }),
    }
}

/// There is no such run, among these.
pub(crate) fn no_run(run: &RunId, runs: &[RunView]) -> Error {
    let names = runs.iter().take(RUNS_NAMED_MAX).map(|run| run.summary.run.to_string());
    let names = names.collect::<Vec<_>>().join(", ");
    let message = if names.is_empty() {
        format!("there is no run {run:?}, nor any other: run something first")
    } else {
        format!("there is no run {run:?}; there are {names}")
    };
    Error::new(ErrorKind::NotFound, message)
}

/// There is no such task in the run.
pub(crate) fn no_task(run: &RunId, id: &TaskId) -> Error {
    let message = format!("run {run:?} has no task {id:?}: `orkestra task list` shows all");
    Error::new(ErrorKind::NotFound, message)
}
