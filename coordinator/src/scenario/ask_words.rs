//! What people are asked, as it is written; see [`words`](super::words).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What people are asked: by name alone, any of the task's agents decides, however long it takes.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(super) enum AskWritten {
    /// By name.
    Name(AskKindWritten),
    /// In full.
    Full(AskFull),
}

/// What people are asked, in full.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AskFull {
    /// Yes or no, or any answer.
    #[serde(default)]
    pub(super) kind: AskKindWritten,
    /// How many of the task's agents it takes.
    #[serde(default)]
    pub(super) rule: AskRuleWritten,
    /// How long they have (`2h`); by default, as long as it takes.
    pub(super) timeout: Option<String>,
    /// What happens when that time is over; by default it counts as rejected.
    pub(super) on_timeout: Option<OnTimeoutWritten>,
    /// For `escalate`: who is asked next; any of them decides.
    pub(super) escalate_to: Option<Vec<String>>,
    /// What a rejection makes of the task.
    #[serde(default)]
    pub(super) on_reject: OnRejectWritten,
}

/// What is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum AskKindWritten {
    /// Yes or no.
    #[default]
    Approval,
    /// Any answer: it becomes the task's result.
    Answer,
}

/// How many people it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum AskRuleWritten {
    /// The first who decides, decides.
    #[default]
    Any,
    /// Every one; the first rejection decides.
    All,
    /// More than half.
    Majority,
}

/// What happens when nobody decided in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum OnTimeoutWritten {
    /// It counts as approved.
    Approve,
    /// It counts as rejected.
    Reject,
    /// Others are asked, for as long again.
    Escalate,
}

/// What a rejection makes of the task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum OnRejectWritten {
    /// It fails.
    #[default]
    Fail,
    /// It completes with `"approved": false`.
    Complete,
}
