//! People as agents: tasks that wait, durably, for what somebody says.
//!
//! Promises: a question stands from the moment its task may begin until it is settled, across
//! restarts; each person decides once, and what they said, why, and by which account they came in
//! stands in the journal; when the time is over, what was agreed beforehand happens, and a question
//! that has a time always comes to an end.

mod decide;
mod fold;
mod settle;
mod view;

use orkestra_runtime::{id::AgentId, protocol::payload::Payload, time::Wall};
use serde::{Deserialize, Serialize};

pub use decide::Word;
pub(in crate::task) use decide::check_ask;
pub(in crate::task) use fold::asking;
pub use view::PendingView;
pub(in crate::task) use view::{pending, pending_of_run};

/// What a person says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// Yes.
    Approved,
    /// No.
    Rejected,
    /// This.
    Answered(Payload),
}

impl Said {
    /// Its name.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Answered(_) => "answered",
        }
    }
}

/// What a person said, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonDecision {
    /// Who.
    pub by: AgentId,
    /// What.
    pub said: Said,
    /// Why, in their words; may be empty.
    #[serde(default)]
    pub reason: String,
    /// By which account they came in.
    #[serde(default)]
    pub via: String,
    /// When.
    pub at: Wall,
}
