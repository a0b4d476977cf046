//! The tasks of a scenario file as they are written; see [`words`](super::words).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ask_words::AskWritten,
    check_words::{SwitchWritten, WorkspaceWritten},
    council_words::DeliberationWritten,
    lock_words::LockWritten,
    vote_words::VoteWritten,
};

/// A task, or with `repeat` many.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskWritten {
    /// Its name, unique in the run; a template.
    pub(super) id: String,
    /// One line for people; a template.
    #[serde(default)]
    pub(super) title: String,
    /// What is to be done; a template.
    #[serde(default)]
    pub(super) instructions: String,
    /// The kind of work.
    #[serde(default)]
    pub(super) category: String,
    /// How much it matters.
    pub(super) priority: Option<PriorityWritten>,
    /// What an agent must be able to do: all of these.
    #[serde(default)]
    pub(super) requires: Vec<String>,
    /// Which agents may work on it; by default all. For `ask`: which people are asked; by default
    /// anybody may answer.
    #[serde(default)]
    pub(super) agents: Vec<String>,
    /// What people are asked: the task waits for them and not for an agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ask: Option<AskWritten>,
    /// The files that it works on: its worker checks them before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) workspace: Option<WorkspaceWritten>,
    /// Which checks before and after it are made otherwise than by default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) checks: BTreeMap<String, SwitchWritten>,
    /// What must have happened first. Names are templates; an empty one is left out.
    #[serde(default)]
    pub(super) needs: Vec<NeedWritten>,
    /// The task whose cancellation cancels this one too; a template.
    pub(super) parent: Option<String>,
    /// How long one attempt may take (`2m`).
    pub(super) timeout: Option<String>,
    /// How long after its submission it must have ended (`1h`).
    pub(super) deadline: Option<String>,
    /// When a failed attempt is followed by another.
    pub(super) retry: Option<RetryWritten>,
    /// A template; when it yields nothing, `false`, `0` or an empty list, the task is left out.
    pub(super) when: Option<String>,
    /// What its agent is given. Strings are templates; one that is exactly one expression keeps
    /// the type of what it yields.
    pub(super) input: Option<Value>,
    /// Which of its contents may have to be deleted (`orkestra task redact`): they stand in no
    /// journal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) sensitive: Vec<PartWritten>,
    /// Which locks it holds while it runs: all of them from before an attempt begins to its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) locks: Vec<LockWritten>,
    /// The vote that it is: it waits for voters and not for an agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vote: Option<VoteWritten>,
    /// What it gives to a council: what wins is its result, and it has no agent of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) council: Option<DeliberationWritten>,
    /// Makes a task for each combination: for each variable, its values are 0 to below its number.
    #[serde(default)]
    pub(super) repeat: BTreeMap<String, u32>,
}

/// A content of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum PartWritten {
    /// What its agent is given.
    Input,
    /// What its agent answers, and the artifacts it keeps.
    Output,
}

/// How much a task matters, by name or number.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(super) enum PriorityWritten {
    /// By name.
    Name(PriorityName),
    /// 1 (low) to 4 (critical).
    Number(#[schemars(range(min = 1, max = 4))] u8),
}

/// How much a task matters, by name.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum PriorityName {
    /// 1.
    Low,
    /// 2.
    Medium,
    /// 3.
    High,
    /// 4.
    Critical,
}

/// A task that must have ended first: by name alone, it must have completed.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(super) enum NeedWritten {
    /// It must be completed.
    Name(String),
    /// Something else is asked of it.
    Full(NeedFull),
}

/// What is asked of another task.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NeedFull {
    /// The other task; a template.
    pub(super) task: String,
    /// What is asked of it.
    #[serde(default)]
    pub(super) kind: NeedKind,
    /// For `conditional`: a JSON pointer into its output.
    pub(super) pointer: Option<String>,
    /// For `conditional`: what must stand there.
    pub(super) equals: Option<Value>,
}

/// What is asked of another task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum NeedKind {
    /// It must be completed.
    #[default]
    Hard,
    /// It must have ended, in whatever way.
    Soft,
    /// It must be completed with an output in which a value stands.
    Conditional,
}

/// When a failed attempt is followed by another.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(super) enum RetryWritten {
    /// By name.
    Name(RetryName),
    /// In full.
    Full(RetryFull),
}

/// A way to retry that has a name.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum RetryName {
    /// Three retries after 1 s, 2 s, 4 s.
    Default,
    /// Three retries after 300 s, 600 s, 1,200 s.
    OrkestraClassic,
    /// No retry.
    None,
}

/// When a failed attempt is followed by another.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RetryFull {
    /// How many attempts may follow the first; by default 3.
    #[schemars(range(max = 1_000))]
    pub(super) max: Option<u32>,
    /// The first delay; by default 1 s.
    pub(super) base: Option<String>,
    /// By how much each is longer than the one before; by default 2.
    #[schemars(range(min = 1, max = 100))]
    pub(super) factor: Option<u32>,
    /// The longest delay; by default 5 min.
    pub(super) cap: Option<String>,
    /// By how many hundredths a delay may be shorter or longer; by default 20.
    #[schemars(range(max = 100))]
    pub(super) jitter: Option<u32>,
}
