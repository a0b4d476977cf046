//! What councils, and what they deliberate about, look like to a person or a program.

use std::collections::BTreeMap;

use orkestra_runtime::{
    id::AgentId,
    protocol::{
        council::{LintFound, PolicyFound},
        payload::Json,
    },
};
use serde::{Deserialize, Serialize};

pub use super::figures::{CouncilGauges, CouncilHealth, CouncilMetricsView};
use super::words::{Capabilities, CouncilConfig, Kind};

/// A question that changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CouncilQuery {
    /// Councils of a namespace.
    List {
        /// Which namespace.
        namespace: String,
        /// Only of this role.
        role: Option<String>,
    },
    /// One deliberation.
    Deliberation {
        /// Of which namespace.
        namespace: String,
        /// Which.
        id: String,
    },
    /// What happened in a deliberation, in lines.
    Minutes {
        /// Of which namespace.
        namespace: String,
        /// Which.
        id: String,
    },
    /// Figures.
    Metrics {
        /// Only of this namespace.
        namespace: Option<String>,
        /// Only of what ended within so many milliseconds.
        range_ms: Option<u64>,
    },
    /// How many there are of what, for whoever counts.
    Gauges,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CouncilAnswer {
    /// Councils, by role.
    Councils(Vec<CouncilView>),
    /// A deliberation.
    Deliberation(Option<Box<DeliberationView>>),
    /// Lines.
    Minutes(Option<Vec<String>>),
    /// Figures.
    Metrics(Box<CouncilMetricsView>),
    /// Figures of the whole shard.
    Gauges(Box<CouncilGauges>),
}

/// How a council stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CouncilStatus {
    /// At least one seat could work.
    Active,
    /// No seat could.
    Idle,
    /// It deliberates.
    Busy,
}

impl CouncilStatus {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Idle => "idle",
            Self::Busy => "busy",
        }
    }
}

/// How a seat stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeatStatus {
    /// Its agent would take work at once.
    Ready,
    /// Its agent is at work, as much as it can take.
    Busy,
    /// Its agent takes no work.
    Offline,
}

impl SeatStatus {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Busy => "busy",
            Self::Offline => "offline",
        }
    }
}

/// A council.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouncilView {
    /// What it is called: `council-<role>`.
    pub id: String,
    /// Whose it is.
    pub namespace: String,
    /// What its agents are for.
    pub role: String,
    /// How it stands.
    pub status: CouncilStatus,
    /// How it works.
    pub config: CouncilConfig,
    /// Its seats, by name.
    pub seats: Vec<SeatView>,
    /// The deliberations that it is at.
    pub deliberations: Vec<String>,
}

/// A seat of a council.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatView {
    /// What clients call it.
    pub id: AgentId,
    /// The agent of the team that does the work.
    pub worker: AgentId,
    /// How it stands.
    pub status: SeatStatus,
    /// Why it is offline.
    pub reason: Option<String>,
    /// What it can do: what its agent says, or else what was registered.
    pub capabilities: Vec<String>,
    /// What whoever registered it said that it can do.
    pub registered: Capabilities,
    /// Where it is reached, for people.
    pub endpoint: String,
    /// What else is known of it.
    pub metadata: BTreeMap<String, String>,
    /// Since when it has been there.
    pub registered_at_ms: u64,
}

/// How a deliberation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliberationStatus {
    /// It has not begun.
    Pending,
    /// It goes on.
    InProgress,
    /// It has a winner.
    Completed,
    /// It has none, or was cancelled.
    Failed,
    /// Its time was over.
    Timeout,
}

impl DeliberationStatus {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
        }
    }

    /// Whether it goes on no more.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Timeout)
    }
}

/// At what a deliberation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It has not begun.
    #[default]
    Pending,
    /// Agents draft, each by itself.
    Drafting,
    /// Agents criticise what others wrote.
    Critique,
    /// Authors revise what they wrote.
    Revising,
    /// Proposals are checked.
    Checking,
    /// A committee ranks what passed.
    Judging,
    /// It is over.
    Ended,
}

impl Phase {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Drafting => "drafting",
            Self::Critique => "critique",
            Self::Revising => "revising",
            Self::Checking => "checking",
            Self::Judging => "judging",
            Self::Ended => "ended",
        }
    }
}

/// A deliberation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliberationView {
    /// What it is called.
    pub id: String,
    /// Whose it is.
    pub namespace: String,
    /// Of which role the council is.
    pub role: String,
    /// For what it was asked.
    pub kind: Kind,
    /// How it stands.
    pub status: DeliberationStatus,
    /// At what it is.
    pub phase: Phase,
    /// In which round of critique, from 1; 0 before the first.
    pub round: u32,
    /// How much of it is done, in hundredths: never falls.
    pub percent: u32,
    /// What is being done, in words.
    pub current_step: String,
    /// Which seat is at it; of several the first.
    pub current_agent: Option<AgentId>,
    /// Which seats deliberate.
    pub seats: Vec<AgentId>,
    /// Proposals, best first; before they are checked all have rank 0, and before all drafts are in
    /// there is none to be seen.
    pub results: Vec<RankedView>,
    /// Whose proposal wins.
    pub winner_id: Option<AgentId>,
    /// Why that one.
    pub selected_by: String,
    /// Which seats have no proposal, and why.
    pub out: Vec<OutView>,
    /// What of its course people should know.
    pub remarks: Vec<String>,
    /// When it was asked for.
    pub opened_at_ms: u64,
    /// When it ends at the latest.
    pub until_ms: u64,
    /// When it ended.
    pub ended_at_ms: Option<u64>,
    /// How long it took, or has taken.
    pub duration_ms: u64,
    /// Why there is no winner, or not all that was asked for.
    pub error_message: Option<String>,
    /// What its shuffles are drawn from.
    pub seed: u64,
    /// What whoever asked wanted to find again.
    pub notes: Json,
}

/// A seat without a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutView {
    /// Which.
    pub seat: AgentId,
    /// Why.
    pub why: String,
}

/// A proposal with its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RankedView {
    /// The proposal.
    pub proposal: ProposalView,
    /// What was found.
    pub checks: CheckView,
    /// From 0 to 1.
    pub score: f64,
    /// From 1; 0 while it has none.
    pub rank: u32,
}

/// A proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalView {
    /// Whose.
    pub author_id: AgentId,
    /// Of which role.
    pub author_role: String,
    /// What it says.
    pub content: String,
    /// When its first draft was there.
    pub created_at_ms: u64,
    /// What it said before it was revised, oldest first.
    pub revisions: Vec<String>,
    /// In which task of the deliberation's run it stands.
    pub task: String,
}

/// What was found in a proposal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckView {
    /// In what it says.
    pub policy: PolicyFound,
    /// In its form.
    pub lint: LintFound,
    /// When it was tried out.
    pub dryrun: DryRunView,
    /// By other checks, which count in no score.
    pub additional: Vec<CheckResultView>,
    /// Whether it passed all three.
    pub all_passed: bool,
}

/// What trying a proposal out came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRunView {
    /// Whether it works.
    pub passed: bool,
    /// What was said.
    pub output: String,
    /// How the program ended.
    pub exit_code: i32,
    /// In one line.
    pub message: String,
}

/// What another check came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckResultView {
    /// Which.
    pub check_type: String,
    /// Whether it passed.
    pub passed: bool,
    /// From 0 to 1.
    pub score: f64,
    /// In one line.
    pub message: String,
    /// More.
    pub details: BTreeMap<String, String>,
}
