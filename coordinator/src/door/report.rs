//! What requests are answered.

use orkestra_runtime::{
    id::{AgentId, NodeId, RunId, TaskId},
    time::Wall,
};
use serde::{Deserialize, Serialize};

use crate::{safety::heal::Action, task::view::RunView};

/// How many runs that go on a status names.
const RUNS_MAX: usize = 100;

/// What came of a change to a task or a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// What was done, as a participle: `cancelled`, `retried`.
    pub change: String,
    /// The run.
    pub run: RunId,
    /// The task; none if the run as a whole was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// How many tasks ended by it, or are open again by it: it, and those that hang on it. Where a
    /// node is at work this counts only what was done at once.
    pub tasks: u64,
    /// How many tasks of the run have not ended.
    pub open: u64,
    /// The scenario of the run; may be empty.
    pub scenario: String,
    /// The process that is at work in the folder and goes on with what it can; none if nobody is.
    #[serde(default)]
    pub pid: Option<u32>,
    /// The cluster in which it was done; none in a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
}

/// What became of a person's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// What was said: `approved`, `rejected`, `answered`.
    pub decision: String,
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskId,
    /// Who said it.
    pub by: AgentId,
    /// Whether that settled the question; otherwise others are asked still.
    pub settled: bool,
    /// How many tasks of the run have not ended.
    #[serde(default)]
    pub open: u64,
    /// The process that is at work in the folder; none if nobody is.
    #[serde(default)]
    pub pid: Option<u32>,
    /// The cluster in which it was done; none in a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
}

/// How something stands that can be stopped and let go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stands {
    /// How it stands, as a participle: `paused`, `resumed`, `drained`, `returned`.
    pub change: String,
    /// The run that does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The namespace that does; the default namespace has an empty name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The agent that does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// Whether it stood otherwise before.
    pub changed: bool,
    /// The process that is at work in the folder; none if nobody is.
    #[serde(default)]
    pub pid: Option<u32>,
    /// The cluster in which it was done; none in a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
}

/// What a deletion of what is sensitive came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redacted {
    /// The run.
    pub run: RunId,
    /// The task; none for all of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// Of how many tasks something was deleted that was not deleted before.
    pub tasks: u64,
    /// How many blobs are gone.
    pub blobs: u64,
}

/// What goes on in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The process that is at work there; none if nobody is.
    pub pid: Option<u32>,
    /// What that process says of itself; none if nobody is at work, or says nothing.
    pub node: Option<NodeStatus>,
    /// How many runs have not ended.
    pub open_runs: u64,
    /// Those runs, latest first, a hundred at most.
    pub runs: Vec<RunStatus>,
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// What it is called.
    pub name: NodeId,
    /// Its version.
    pub version: String,
    /// How often it was started on this folder, this time included.
    pub boot: u64,
    /// What survives which failure: `memory`, `fsync`.
    pub durability: String,
    /// How long it has been up, in milliseconds.
    pub uptime_ms: u64,
    /// Whether its journal has no room: then it answers questions, and takes nothing.
    pub full: bool,
}

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStatus {
    /// Its name.
    pub run: RunId,
    /// Its scenario; may be empty.
    pub scenario: String,
    /// When it was opened.
    pub opened: Wall,
    /// How many tasks it has.
    pub total: u64,
    /// How many are with an agent.
    pub running: u64,
    /// How many are completed.
    pub completed: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were cancelled.
    pub cancelled: u64,
    /// How many wait for people.
    #[serde(default)]
    pub asked: u64,
    /// By whom it was paused, and why; none if it was not.
    #[serde(default)]
    pub paused: Option<String>,
}

impl Status {
    /// What runs come to; only those that have not ended are told of.
    pub(crate) fn of(runs: &[RunView], pid: Option<u32>, node: Option<NodeStatus>) -> Self {
        let open = || runs.iter().filter(|run| run.summary.ended.is_none());
        let runs = open().take(RUNS_MAX).map(RunStatus::of).collect();
        Self { pid, node, open_runs: open().count() as u64, runs }
    }
}

impl RunStatus {
    fn of(run: &RunView) -> Self {
        let counts = run.summary.counts;
        Self {
            run: run.summary.run.clone(),
            scenario: run.opening.scenario.clone(),
            opened: run.summary.opened,
            total: counts.total,
            running: counts.assigned,
            completed: counts.completed,
            failed: counts.failed,
            cancelled: counts.cancelled,
            asked: counts.asked,
            paused: run.paused.as_ref().map(ToString::to_string),
        }
    }
}

/// What was repaired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healed {
    /// What was done, in that order.
    pub actions: Vec<Action>,
    /// The process that did it, if one was at work.
    pub pid: Option<u32>,
}
