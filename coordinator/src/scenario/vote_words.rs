//! Tasks that are votes, as they are written; see [`words`](super::words).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A vote that a task waits for: what it comes to is the task's result.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct VoteWritten {
    /// When a motion is passed; by default by a majority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rule: Option<RuleWritten>,
    /// For a supermajority: which part (`"2/3"`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) share: Option<String>,
    /// What the share of yes is a share of; by default of votes cast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) of: Option<BaseWritten>,
    /// Which part of all weight must be present (`"1/2"`, and by default so).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) quorum: Option<String>,
    /// Instead of a motion: what is asked, in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) question: Option<Value>,
    /// What may be chosen: a list of ids, titles and texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) options: Option<Value>,
    /// How ties are broken, in this order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ties: Option<Value>,
    /// What is tried when nothing is decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ladder: Option<Value>,
    /// Which tasks follow from it, as a run of its own: `passed` and `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) then: Option<Value>,
    /// For how long it is open (`1h`, and by default so).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deadline: Option<String>,
    /// Whether it is critical to security: then any voter's veto blocks it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) security_critical: bool,
    /// Who votes.
    pub(super) voters: Vec<VoterWritten>,
}

/// When a motion is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum RuleWritten {
    /// More than half say yes.
    Majority,
    /// At least a part says yes.
    Supermajority,
    /// All say yes.
    Unanimity,
    /// Nobody says no.
    Consent,
}

/// What a share is a share of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum BaseWritten {
    /// Yes and no.
    Cast,
    /// Yes, no and abstentions.
    Present,
    /// All weight.
    Electorate,
}

/// A voter: a task of the run, or somebody by name.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct VoterWritten {
    /// The task whose answer is the ballot; one that fails is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) task: Option<String>,
    /// Or who votes by name, such as a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// Where in the answer the ballot stands; by default `/ballot`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ballot: Option<String>,
    /// What the voter weighs; by default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub(super) weight: Option<u32>,
    /// Whether this voter's veto blocks a motion.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) veto: bool,
}
