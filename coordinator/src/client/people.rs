//! What people do: they answer what they are asked, pause and resume, drain agents.

use orkestra_runtime::{
    Result,
    id::{AgentId, RunId, TaskId},
    machine::ReplyTo,
};

use super::{Tasks, odd};
use crate::{
    context::Contexts,
    task::{
        Answer, Query, Reply, TaskCommand,
        people::{PendingView, Word},
        standing::ScopeName,
    },
};

impl Tasks {
    /// The way to the context of the shard that keeps these tasks.
    pub fn contexts(&self) -> Contexts {
        Contexts::new(self.shard.clone())
    }

    /// Says for a person what they say about a task that asks; answers whether that settled it.
    pub async fn decide(&self, run: &RunId, task: &TaskId, word: Word) -> Result<bool> {
        let decide = |to| {
            let (run, task, word) = (run.clone(), task.clone(), word.clone());
            TaskCommand::Decide { to, run, task, word }
        };
        match self.repeated(decide).await? {
            Reply::Decided { settled } => Ok(settled),
            reply => Err(odd(&reply)),
        }
    }

    /// What is asked of people now, in one run or in all.
    pub async fn pending(&self, run: Option<&RunId>) -> Result<Vec<PendingView>> {
        match self.query(Query::Pending(run.cloned())).await? {
            Answer::Pending(pending) => Ok(pending),
            _ => Ok(Vec::new()),
        }
    }

    /// Gives out nothing more of a run or a namespace; answers whether it went on before.
    pub async fn pause(&self, scope: &ScopeName, by: &str, reason: &str) -> Result<bool> {
        let (by, reason) = (by.to_owned(), reason.to_owned());
        let pause = |to| {
            let (scope, by, reason) = (scope.clone(), by.clone(), reason.clone());
            TaskCommand::Pause { to, scope, by, reason }
        };
        self.stands(pause).await
    }

    /// Lets go on what was paused; answers whether it was.
    pub async fn resume(&self, scope: &ScopeName, by: &str) -> Result<bool> {
        let by = by.to_owned();
        let resume = |to| TaskCommand::Resume { to, scope: scope.clone(), by: by.clone() };
        self.stands(resume).await
    }

    /// Gives an agent nothing more; what it holds it finishes. Answers whether it was given work.
    pub async fn drain(&self, agent: &AgentId, by: &str, reason: &str) -> Result<bool> {
        let (by, reason) = (by.to_owned(), reason.to_owned());
        let drain = |to| {
            let (agent, by, reason) = (agent.clone(), by.clone(), reason.clone());
            TaskCommand::Drain { to, agent, by, reason }
        };
        self.stands(drain).await
    }

    /// Gives a drained agent work again; answers whether it was drained.
    pub async fn undrain(&self, agent: &AgentId, by: &str) -> Result<bool> {
        let by = by.to_owned();
        let back = |to| TaskCommand::Return { to, agent: agent.clone(), by: by.clone() };
        self.stands(back).await
    }

    async fn stands(&self, make: impl Fn(ReplyTo) -> TaskCommand + Send + Sync) -> Result<bool> {
        match self.repeated(make).await? {
            Reply::Stands { changed } => Ok(changed),
            reply => Err(odd(&reply)),
        }
    }
}
