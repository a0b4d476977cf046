//! What those are told who wait for tasks or runs, or look at them.

use orkestra_runtime::{
    id::{RunId, TaskId, TaskNo},
    time::Wall,
};
use serde::{Deserialize, Serialize};

use crate::task::state::{Counts, Ending};

/// How one task ended, for who follows its run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The task.
    pub task: TaskNo,
    /// Its name.
    pub id: TaskId,
    /// How.
    pub ending: Ending,
}

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Its name.
    pub run: RunId,
    /// Where its tasks stand.
    pub counts: Counts,
    /// How many attempts there were.
    pub attempts: u64,
    /// When it was opened.
    pub opened: Wall,
    /// When it ended.
    pub ended: Option<Wall>,
}
