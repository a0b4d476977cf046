//! What people have stopped: runs and namespaces that are paused, agents that are drained. It
//! stands across restarts, until somebody lets it go on.

use std::fmt;

use orkestra_runtime::{
    id::{AgentId, RunId},
    machine::ReplyTo,
    time::Wall,
};
use serde::{Deserialize, Serialize};

use crate::task::{
    command::{Decision, RefusalCode, Reply, TaskCommand},
    event::TaskEvent,
    machine::TaskMachine,
    state::{Durable, Run, RunNo},
};

/// What is paused as one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All runs of a namespace, now and later; the empty name is the default namespace.
    Namespace(String),
    /// One run.
    Run(RunNo),
}

/// What is to be paused or resumed, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeName {
    /// A namespace; the empty name is the default one.
    Namespace(String),
    /// A run.
    Run(RunId),
}

impl fmt::Display for ScopeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace(name) if name.is_empty() => f.write_str("the default namespace"),
            Self::Namespace(name) => write!(f, "namespace {name:?}"),
            Self::Run(run) => write!(f, "run {run:?}"),
        }
    }
}

/// Who stopped something, why, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Who.
    pub by: String,
    /// Why; may be empty.
    #[serde(default)]
    pub reason: String,
    /// Since when.
    pub since: Wall,
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by {}", self.by)?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, ": {}", self.reason) }
    }
}

impl Durable {
    /// What keeps a run from going on by order, if anything does.
    pub(super) fn pause_of(&self, no: RunNo, run: &Run) -> Option<&Pause> {
        if self.paused.is_empty() {
            return None;
        }
        let namespace = || self.paused.get(&Scope::Namespace(run.opening.namespace.clone()));
        self.paused.get(&Scope::Run(no)).or_else(namespace)
    }
}

impl TaskMachine {
    pub(super) fn decide_pause(
        &self,
        to: ReplyTo,
        name: &ScopeName,
        (by, reason): (&str, &str),
        out: &mut Decision,
    ) {
        let Some(scope) = self.scope(to, name, out) else { return };
        let changed = !self.durable.paused.contains_key(&scope);
        if changed {
            self.let_go_paused(&scope, out);
            let (by, reason) = (by.to_owned(), reason.to_owned());
            out.events.push(TaskEvent::Paused { scope, by, reason });
        }
        out.reply(to, Reply::Stands { changed });
    }

    pub(super) fn decide_resume(
        &self,
        to: ReplyTo,
        name: &ScopeName,
        by: &str,
        out: &mut Decision,
    ) {
        let Some(scope) = self.scope(to, name, out) else { return };
        let changed = self.durable.paused.contains_key(&scope);
        if changed {
            out.events.push(TaskEvent::Resumed { scope, by: by.to_owned() });
            out.then.push(TaskCommand::Schedule);
        }
        out.reply(to, Reply::Stands { changed });
    }

    fn scope(&self, to: ReplyTo, name: &ScopeName, out: &mut Decision) -> Option<Scope> {
        match name {
            ScopeName::Namespace(name) => Some(Scope::Namespace(name.clone())),
            ScopeName::Run(id) => {
                let found = self.durable.run_named(id);
                let Some((no, run)) = found else {
                    Self::refuse_run(to, id, out);
                    return None;
                };
                if run.ended.is_some() {
                    let message = format!("run {id:?} has ended: there is nothing to stop");
                    out.refuse(to, RefusalCode::RunEnded, message);
                    return None;
                }
                Some(Scope::Run(no))
            }
        }
    }

    pub(super) fn decide_drain(
        &self,
        to: ReplyTo,
        agent: &AgentId,
        (by, reason): (&str, &str),
        out: &mut Decision,
    ) {
        let Some(record) = self.durable.roster.named(agent) else {
            return refuse_agent(to, agent, out);
        };
        let changed = record.drained.is_none();
        if changed {
            let (agent, by, reason) = (agent.clone(), by.to_owned(), reason.to_owned());
            out.events.push(TaskEvent::AgentDrained { agent, by, reason });
        }
        out.reply(to, Reply::Stands { changed });
    }

    pub(super) fn decide_return(&self, to: ReplyTo, agent: &AgentId, by: &str, out: &mut Decision) {
        let Some(record) = self.durable.roster.named(agent) else {
            return refuse_agent(to, agent, out);
        };
        let changed = record.drained.is_some();
        if changed {
            let (agent, by) = (agent.clone(), by.to_owned());
            out.events.push(TaskEvent::AgentReturned { agent, by });
            out.then.push(TaskCommand::Schedule);
        }
        out.reply(to, Reply::Stands { changed });
    }
}

fn refuse_agent(to: ReplyTo, agent: &AgentId, out: &mut Decision) {
    let message = format!("there is no agent {agent:?}: `orkestra agent list` shows all");
    out.refuse(to, RefusalCode::AgentNotFound, message);
}
