//! What people are asked, when a task waits for them and not for an agent.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::AgentId;

/// A question to people. Who they are stands in the task's `agents`; an empty list means whoever
/// may reach the coordinator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// What is asked of them.
    #[serde(default)]
    pub kind: AskKind,
    /// How many of them it takes.
    #[serde(default)]
    pub rule: AskRule,
    /// How long they have, in milliseconds; none: as long as it takes.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// What happens when that time is over.
    #[serde(default)]
    pub on_timeout: OnTimeout,
    /// What a rejection makes of the task.
    #[serde(default)]
    pub on_reject: OnReject,
}

/// What is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskKind {
    /// Yes or no.
    #[default]
    Approval,
    /// Any JSON: it becomes the task's result.
    Answer,
}

/// How many people it takes. A decision is final for who made it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskRule {
    /// The first who decides, decides.
    #[default]
    Any,
    /// Every one must approve, or answer; the first rejection decides.
    All,
    /// Strictly more than half must approve, or give the same answer; it is rejected as soon as
    /// that cannot come about any more.
    Majority,
}

impl AskRule {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::All => "all",
            Self::Majority => "majority",
        }
    }
}

impl fmt::Display for AskRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What happens when nobody decided in time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// It counts as rejected.
    #[default]
    Reject,
    /// It counts as approved; only for approvals.
    Approve,
    /// Others are asked, any of whom decides, for as long again; after that it is rejected.
    Escalate {
        /// Whom.
        to: Vec<AgentId>,
    },
}

impl OnTimeout {
    /// Its name.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Approve => "approve",
            Self::Escalate { .. } => "escalate",
        }
    }
}

/// What a rejection makes of the task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnReject {
    /// It fails, and with it what needs it.
    #[default]
    Fail,
    /// It completes with `"approved": false` in its result, for conditions to read.
    Complete,
}
