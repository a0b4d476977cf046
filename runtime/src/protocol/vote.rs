//! A task that is a vote: what is asked stands in its proposal, and some of the voters are tasks.

use serde::{Deserialize, Serialize};

use crate::{id::TaskId, protocol::payload::Json};

/// Where a voter's ballot stands in what its task answers, if nothing else is said.
pub const BALLOT_AT: &str = "/ballot";

/// A vote that a task waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskVote {
    /// What is proposed, as a committee reads it. What the vote is called and who proposes it is
    /// filled in when it is opened.
    pub proposal: Json,
    /// Voters whose ballots are what tasks of the same run answer; they are called as their tasks.
    #[serde(default)]
    pub voters: Vec<TaskVoter>,
}

/// A voter that is a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskVoter {
    /// Which; the task that waits for the vote depends on it.
    pub task: TaskId,
    /// Where in its output the ballot stands: a JSON pointer.
    pub pointer: String,
}
