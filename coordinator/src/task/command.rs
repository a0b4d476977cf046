//! What the task machine can be told and asked, and what it answers and does.

use std::{collections::BTreeSet, fmt, sync::Arc};

use orkestra_runtime::{
    fabric::BlobName,
    id::{AgentId, Incarnation, RunId, TaskId, TaskNo, VoteId},
    machine::ReplyTo,
    protocol::{
        agent::{FromAgent, ToAgent},
        task::TaskSpec,
    },
};
use serde::{Deserialize, Serialize};

pub use super::decision::Decision;
pub(super) use super::decision::Round;
use crate::task::{
    councils::CouncilWord,
    gauges::Gauges,
    heal::Healing,
    locks::LockWord,
    opening::RunOpening,
    people::{PendingView, Word},
    redact::{SensitiveCommand, SensitiveReply},
    roster::AgentNo,
    standing::ScopeName,
    submit::Submitted,
    summary::{Ended, RunSummary},
    view::{AgentView, RunView, TaskView},
    votes::VoteWord,
    why::Why,
};

/// A command. What carries a [`ReplyTo`] is answered once, when its effects are durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskCommand {
    /// Opens a run, or finds it open: the run's name is the idempotency key.
    Open {
        /// Who asks.
        to: ReplyTo,
        /// The run's name.
        run: RunId,
        /// What it is opened with.
        opening: RunOpening,
    },
    /// Submits tasks; a task's name within its run is its idempotency key.
    Submit {
        /// Who asks.
        to: ReplyTo,
        /// The run.
        run: RunId,
        /// The tasks; all are taken, or none.
        tasks: Vec<Arc<TaskSpec>>,
    },
    /// Completes a graph: checks it as a whole and lets it begin.
    Seal {
        /// Who asks.
        to: ReplyTo,
        /// The run.
        run: RunId,
        /// How many tasks it must have; anything else is refused.
        tasks: u64,
    },
    /// Cancels a task with its children.
    Cancel {
        /// Who asks.
        to: ReplyTo,
        /// The run.
        run: RunId,
        /// The task.
        task: TaskId,
        /// Who, for the record.
        by: String,
        /// Why, for the record.
        reason: String,
    },
    /// Cancels a run with all its tasks.
    CancelRun {
        /// Who asks.
        to: ReplyTo,
        /// The run.
        run: RunId,
        /// Who, for the record.
        by: String,
        /// Why, for the record.
        reason: String,
    },
    /// Tries a failed or cancelled task again, and with it those that failed because of it.
    Retry {
        /// Who asks.
        to: ReplyTo,
        /// The run.
        run: RunId,
        /// The task.
        task: TaskId,
        /// Who, for the record.
        by: String,
    },
    /// Asks to be told when a run has ended; answered at once if it has.
    AwaitRun {
        /// Who asks.
        to: ReplyTo,
        /// The run.
        run: RunId,
    },
    /// Asks to be told of every task of a run that ends from now on, until [`Unfollow`](Self::Unfollow).
    Follow {
        /// Who asks; answered again and again.
        to: ReplyTo,
        /// The run.
        run: RunId,
    },
    /// Asks to be told no more.
    Unfollow {
        /// Who asked.
        to: ReplyTo,
    },
    /// Somebody whom a task asks says something.
    Decide {
        /// Who asks.
        to: ReplyTo,
        /// The run.
        run: RunId,
        /// The task.
        task: TaskId,
        /// What they say.
        word: Word,
    },
    /// Gives out nothing more of a run or a namespace.
    Pause {
        /// Who asks.
        to: ReplyTo,
        /// What.
        scope: ScopeName,
        /// Who, for the record.
        by: String,
        /// Why, for the record.
        reason: String,
    },
    /// Lets go on what was paused.
    Resume {
        /// Who asks.
        to: ReplyTo,
        /// What.
        scope: ScopeName,
        /// Who, for the record.
        by: String,
    },
    /// Gives an agent nothing more; what it holds it finishes.
    Drain {
        /// Who asks.
        to: ReplyTo,
        /// Which agent.
        agent: AgentId,
        /// Who, for the record.
        by: String,
        /// Why, for the record.
        reason: String,
    },
    /// Gives a drained agent work again.
    Return {
        /// Who asks.
        to: ReplyTo,
        /// Which agent.
        agent: AgentId,
        /// Who, for the record.
        by: String,
    },
    /// Repairs what nothing else would, at a pace; see [`Healing`].
    Heal {
        /// Who asks.
        to: ReplyTo,
    },
    /// Deletes or shows what is sensitive.
    Sensitive(SensitiveCommand),
    /// An agent's worker says something.
    #[serde(skip)]
    Heard(FromAgent),
    /// These lives of workers are gone with their node.
    #[serde(skip)]
    NodeLost(Vec<(AgentId, Incarnation)>),
    /// Internal: moves an agent's breaker by what it did.
    #[serde(skip)]
    Guard(AgentNo),
    /// Internal: answers a submission with the numbers that its tasks were given.
    #[serde(skip)]
    Confirm(Submitted),
    /// Internal: checks a task that this step has given out, and tells its agent.
    #[serde(skip)]
    Examine(TaskNo),
    /// Internal: whoever keeps the locks says something to a task.
    #[serde(skip)]
    Locks(LockWord),
    /// Internal: a task that was robbed before it began asks for its locks again.
    #[serde(skip)]
    WantLocks(TaskNo),
    /// Internal: tasks that may begin ask for their locks, at a pace.
    #[serde(skip)]
    AskForLocks,
    /// Internal: tasks that wait for a vote ask for it, at a pace.
    #[serde(skip)]
    AskForVotes,
    /// Internal: whoever holds votes says something to a task.
    #[serde(skip)]
    Vote(VoteWord),
    /// Internal: this vote of a task is over; the composition finds out what it came to.
    #[serde(skip)]
    VoteOver(TaskNo, VoteId),
    /// Internal: a council says something to a task, or this deliberation of it is over.
    #[serde(skip)]
    Council(CouncilWord),
    /// Internal: asks agents for credit, at a pace.
    #[serde(skip)]
    Want,
    /// Internal: gives ready tasks to free agents, at a pace.
    #[serde(skip)]
    Schedule,
    /// Internal: does what time has made due, at a pace.
    #[serde(skip)]
    Sweep,
}

/// What a command is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The run is open; `existed` if it was before.
    Opened {
        /// Whether it was open before.
        existed: bool,
        /// Whether its graph is complete already.
        sealed: bool,
    },
    /// These tasks are there, in the order in which they were submitted.
    Submitted {
        /// Their numbers.
        tasks: Vec<TaskNo>,
        /// How many of them were there before.
        known: u64,
    },
    /// The graph is complete.
    Sealed,
    /// Cancelled, with so many tasks that had not ended.
    Cancelled {
        /// How many.
        tasks: u64,
    },
    /// It will be tried again.
    Retried,
    /// What a person said is on the record.
    Decided {
        /// Whether that settled the question.
        settled: bool,
    },
    /// It stands as was asked; `changed` if it did not before.
    Stands {
        /// Whether it stood otherwise before.
        changed: bool,
    },
    /// What is sensitive is deleted, or may be shown, by the record.
    Sensitive(SensitiveReply),
    /// The run has ended.
    RunEnded(RunSummary),
    /// These tasks of a followed run have ended.
    TasksEnded(Vec<Ended>),
    /// This was repaired.
    Healed(Healing),
    /// Nothing was done, for this reason.
    Refused(Refusal),
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// For programs.
    pub code: RefusalCode,
    /// For people: what, why, what to do.
    pub message: String,
}

impl Refusal {
    pub(super) fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

/// Why nothing was done, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum RefusalCode {
    /// There is no such run.
    RunNotFound,
    /// A run of this name was opened with something else.
    RunConflict,
    /// The run takes no more tasks.
    RunSealed,
    /// The run has ended or was cancelled.
    RunEnded,
    /// The graph has not as many tasks as was said.
    CountMismatch,
    /// There is no such task.
    TaskNotFound,
    /// A task of this name was submitted with something else.
    TaskConflict,
    /// The task is not in a state for this.
    TaskState,
    /// A dependency or a parent names no task of the run.
    DependencyNotFound,
    /// Dependencies, or parents, form a cycle.
    CircularDependency,
    /// A number or a text is out of its bounds.
    Invalid,
    /// There is no such agent.
    AgentNotFound,
    /// The task does not ask this person.
    NotAsked,
}

/// What the world is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskEffect {
    /// Answer whoever waits.
    Reply {
        /// Who.
        to: ReplyTo,
        /// What.
        reply: Reply,
    },
    /// Tell an agent's worker.
    Tell {
        /// Who.
        agent: AgentId,
        /// What.
        message: ToAgent,
    },
}

/// A question that changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Query {
    /// All runs, latest first.
    Runs,
    /// One run, with what its agents are at.
    Run(RunId),
    /// Tasks of a run, in the order of their submission.
    Tasks {
        /// The run.
        run: RunId,
        /// How many at most.
        limit: Option<usize>,
    },
    /// One task.
    Task(RunId, TaskId),
    /// Why a task stands where it stands.
    Why(RunId, TaskId),
    /// All agents.
    Agents,
    /// What is asked of people, in one run or in all.
    Pending(Option<RunId>),
    /// How many tasks stand where, without a look at each.
    Gauges,
    /// Which blobs are named by what is kept and not deleted.
    Blobs,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Runs.
    Runs(Vec<RunView>),
    /// A run.
    Run(Option<Box<RunView>>),
    /// Tasks.
    Tasks(Vec<TaskView>),
    /// A task.
    Task(Option<Box<TaskView>>),
    /// An explanation.
    Why(Option<Box<Why>>),
    /// Agents.
    Agents(Vec<AgentView>),
    /// What is asked of people.
    Pending(Vec<PendingView>),
    /// Figures.
    Gauges(Box<Gauges>),
    /// Names of blobs.
    Blobs(BTreeSet<BlobName>),
}
