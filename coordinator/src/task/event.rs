//! What happened to tasks, runs and agents: stored for ever, so it only grows at its ends.

use std::{fmt, sync::Arc};

use orkestra_runtime::{
    id::{AgentId, Attempt, RunId, TaskId, TaskNo},
    protocol::{
        agent::{AgentProfile, Artifact},
        check::{CheckResult, Phase as When},
        payload::Payload,
        task::{Failure, TaskSpec},
    },
    time::Wall,
};
use serde::{Deserialize, Serialize};

use crate::task::{opening::RunOpening, people::Said, redact::Part, standing::Scope, state::RunNo};

/// Why an agent was chosen, in points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// How well its specialties fit: 50 to 100.
    pub suitability: i32,
    /// What its workload costs: 0 to 100.
    pub penalty: i32,
    /// What earlier failures of this task on this agent cost.
    #[serde(default)]
    pub history: i32,
}

impl Score {
    /// What the choice was made by: suitability − penalty − history.
    pub const fn total(self) -> i32 {
        self.suitability - self.penalty - self.history
    }
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Another attempt at this time.
    Retry {
        /// Shard time.
        due: Wall,
    },
    /// Another attempt as soon as an agent is free: nobody failed.
    Again,
    /// The end: no attempt can mend it.
    Fail,
    /// The end: there were as many tries as there may be.
    Exhausted,
    /// The end: it failed, or was lost, so often that it is set aside.
    Poison,
}

/// Why a task failed as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailReason {
    /// Its last attempt failed, and no retry can mend it.
    NotRetryable,
    /// Its last attempt failed, and there were as many tries as there may be.
    RetriesExhausted,
    /// It failed or was lost so often that it is set aside.
    Poisoned,
    /// A task that it needs failed.
    DependencyFailed {
        /// Which.
        on: TaskId,
    },
    /// Its deadline passed.
    DeadlineExceeded,
    /// Somebody whom it asked rejected it.
    Rejected {
        /// Who.
        by: AgentId,
        /// Why, in their words.
        reason: String,
    },
    /// Nobody whom it asked decided in time.
    NoDecision,
    /// Those whom it asked did not agree on an answer.
    NoMajority,
    /// A task that it needs is not there.
    DependencyMissing {
        /// Which.
        on: TaskId,
    },
}

impl fmt::Display for FailReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRetryable => f.write_str("not retryable"),
            Self::RetriesExhausted => f.write_str("retries exhausted"),
            Self::Poisoned => f.write_str("poisoned"),
            Self::DependencyFailed { on } => write!(f, "dependency {on} failed"),
            Self::DeadlineExceeded => f.write_str("deadline exceeded"),
            Self::Rejected { by, reason } if reason.is_empty() => write!(f, "rejected by {by}"),
            Self::Rejected { by, reason } => write!(f, "rejected by {by}: {reason}"),
            Self::NoDecision => f.write_str("nobody decided in time"),
            Self::NoMajority => f.write_str("no majority for any answer"),
            Self::DependencyMissing { on } => write!(f, "dependency {on} is not there"),
        }
    }
}

/// Why a task was cancelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// Somebody asked.
    Requested {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// Its parent was cancelled.
    Parent {
        /// Which.
        parent: TaskId,
    },
    /// A task that it needs was cancelled.
    DependencyCancelled {
        /// Which.
        on: TaskId,
    },
    /// The condition of a dependency does not hold.
    ConditionNotMet {
        /// Which.
        on: TaskId,
    },
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested { by, reason } => write!(f, "by {by}: {reason}"),
            Self::Parent { parent } => write!(f, "with its parent {parent}"),
            Self::DependencyCancelled { on } => write!(f, "dependency {on} was cancelled"),
            Self::ConditionNotMet { on } => write!(f, "the condition on {on} does not hold"),
        }
    }
}

/// What happened. A task's number is the number of the event that submitted it, a run's that of
/// the event that opened it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskEvent {
    /// A run was opened.
    RunOpened {
        /// Its name.
        run: RunId,
        /// What it was opened with.
        opening: RunOpening,
    },
    /// A run is complete, its graph was checked, its tasks may begin.
    RunSealed {
        /// Which.
        run: RunNo,
    },
    /// Every task of a sealed run has ended.
    RunEnded {
        /// Which.
        run: RunNo,
        /// How many were completed.
        completed: u64,
        /// How many failed.
        failed: u64,
        /// How many were cancelled.
        cancelled: u64,
    },
    /// A run was cancelled with all its tasks.
    RunCancelled {
        /// Which.
        run: RunNo,
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// An ended run left memory.
    RunForgotten {
        /// Which.
        run: RunNo,
    },
    /// Ended tasks of a stream left memory.
    TasksForgotten {
        /// Which.
        tasks: Vec<TaskNo>,
    },
    /// A task was submitted.
    Submitted {
        /// Its run.
        run: RunNo,
        /// What it is.
        spec: Arc<TaskSpec>,
    },
    /// An attempt was given to an agent.
    Assigned {
        /// The task.
        task: TaskNo,
        /// Which try.
        attempt: Attempt,
        /// Who.
        agent: AgentId,
        /// Why.
        score: Score,
    },
    /// A task was completed: terminal.
    Completed {
        /// The task.
        task: TaskNo,
        /// Which try.
        attempt: Attempt,
        /// The result.
        output: Payload,
        /// How long the agent worked, in milliseconds.
        worked_ms: u64,
    },
    /// An attempt ended without a result; terminal if nothing follows.
    AttemptFailed {
        /// The task.
        task: TaskNo,
        /// Which try.
        attempt: Attempt,
        /// Why.
        failure: Failure,
        /// What follows.
        then: Then,
        /// How long the agent worked, in milliseconds.
        worked_ms: u64,
    },
    /// A task failed without an attempt: terminal.
    Failed {
        /// The task.
        task: TaskNo,
        /// Why.
        reason: FailReason,
    },
    /// A task was cancelled, with all its children: terminal for each.
    Cancelled {
        /// The task.
        task: TaskNo,
        /// Why.
        reason: CancelReason,
    },
    /// Somebody asked that a failed or cancelled task be tried again.
    Retried {
        /// The task.
        task: TaskNo,
        /// Who.
        by: String,
    },
    /// An agent described itself, for the first time or anew.
    AgentDescribed {
        /// What it says.
        profile: AgentProfile,
    },
    /// An attempt kept something as a blob.
    ArtifactKept {
        /// The task.
        task: TaskNo,
        /// Which try.
        attempt: Attempt,
        /// What.
        artifact: Artifact,
    },
    /// Somebody whom a task asks has decided.
    PersonDecided {
        /// The task.
        task: TaskNo,
        /// Who.
        by: AgentId,
        /// What they say.
        said: Said,
        /// Why, in their words; may be empty.
        #[serde(default)]
        reason: String,
        /// How they came in: the account that the coordinator saw.
        #[serde(default)]
        via: String,
    },
    /// Nobody decided in time: others are asked.
    AskEscalated {
        /// The task.
        task: TaskNo,
    },
    /// Nothing more is given out, until it is resumed.
    Paused {
        /// Of what.
        scope: Scope,
        /// Who.
        by: String,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// What was paused goes on.
    Resumed {
        /// What.
        scope: Scope,
        /// Who.
        by: String,
    },
    /// An agent is given nothing more, until it is returned; what it holds it finishes.
    AgentDrained {
        /// Who.
        agent: AgentId,
        /// By whom.
        by: String,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// A drained agent is given work again.
    AgentReturned {
        /// Who.
        agent: AgentId,
        /// By whom.
        by: String,
    },
    /// An agent failed so often that it is given nothing until a time, and then one trial.
    BreakerOpened {
        /// Who.
        agent: AgentId,
        /// Until when, in shard time.
        until: Wall,
        /// How many tasks failed on it in a row.
        failures: u32,
    },
    /// An agent that had failed has succeeded.
    BreakerClosed {
        /// Who.
        agent: AgentId,
    },
    /// An attempt of a task that asks for checks was checked.
    Checked {
        /// The task.
        task: TaskNo,
        /// Which try.
        attempt: Attempt,
        /// Before or after the agent's work.
        phase: When,
        /// What was found: by the coordinator before, by the worker before, by both after.
        results: Vec<CheckResult>,
    },
    /// What is sensitive in an ended task is deleted: its blobs go after this is durable.
    Redacted {
        /// The task.
        task: TaskNo,
        /// Who.
        by: String,
        /// What.
        what: Vec<Part>,
    },
    /// What is sensitive in a task was shown to somebody.
    Revealed {
        /// The task.
        task: TaskNo,
        /// Who.
        by: String,
    },
}
