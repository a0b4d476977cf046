//! What happened to councils and what they deliberate about: stored for ever, so it only grows at
//! its ends.

use std::collections::BTreeMap;

use orkestra_runtime::{
    id::{AgentId, RunId, TaskId, TaskNo},
    protocol::council::ChecksSpec,
    time::Wall,
};
use serde::{Deserialize, Serialize};

use super::{
    command::DeliberationNo,
    view::Phase,
    words::{Capabilities, CheckWeights, CouncilConfig, DeliberationRequest, Exchange, Selection},
};

/// What happened. A deliberation's number is that of the event that opened it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CouncilEvent {
    /// A council was made.
    Created {
        /// Whose.
        namespace: String,
        /// Of which role.
        role: String,
        /// How it works.
        config: Box<CouncilConfig>,
        /// Its seats.
        seats: Vec<Seat>,
    },
    /// An agent was given a seat; the council was made if it was missing.
    Registered {
        /// Whose council.
        namespace: String,
        /// Of which role.
        role: String,
        /// Which seat.
        seat: Box<Seat>,
    },
    /// A seat was taken away.
    Unregistered {
        /// Whose council.
        namespace: String,
        /// Of which role.
        role: String,
        /// Which seat.
        seat: AgentId,
    },
    /// A council was ended with all its seats.
    Deleted {
        /// Whose.
        namespace: String,
        /// Of which role.
        role: String,
    },
    /// A council was given something to think about.
    Opened {
        /// What, by whom, how.
        opening: Box<Opening>,
    },
    /// A deliberation went on to what comes next.
    PhaseBegun {
        /// Which.
        no: DeliberationNo,
        /// What it is at now.
        phase: Phase,
        /// In which round of critique.
        round: u32,
        /// The proposals as they stand, by seat.
        versions: Vec<Version>,
        /// Which seats have none, and why: those that are new to this.
        #[serde(default)]
        out: Vec<Out>,
        /// What it waits for.
        tasks: Vec<Step>,
        /// What people should know of what ended.
        #[serde(default)]
        remarks: Vec<String>,
    },
    /// A deliberation is over.
    Ended {
        /// Which.
        no: DeliberationNo,
        /// How.
        ending: Box<Ending>,
    },
    /// Deliberations left memory.
    Forgotten {
        /// Which.
        deliberations: Vec<DeliberationNo>,
    },
}

/// A seat of a council.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// What clients call it.
    pub id: AgentId,
    /// The agent of the team that does the work.
    pub worker: AgentId,
    /// What it can do, as whoever registered it said.
    #[serde(default)]
    pub capabilities: Capabilities,
    /// Where it is reached, for people.
    #[serde(default)]
    pub endpoint: String,
    /// What else is known of it.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// A deliberation as it was opened: what it goes by stands here and changes no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// What was asked for, as it was asked.
    pub request: DeliberationRequest,
    /// How the role was written when its council was made.
    pub role: String,
    /// The run of its tasks.
    pub run: RunId,
    /// Who deliberates.
    pub seats: Vec<Place>,
    /// Who might have, and why not.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
    /// When it ends at the latest.
    pub until: Wall,
    /// What shuffles are drawn from.
    pub seed: u64,
    /// How often a step is tried.
    pub tries: u32,
    /// How many rounds of critique there are.
    pub rounds: u32,
    /// Who criticises whom.
    pub exchange: Exchange,
    /// Who wins.
    pub selection: Selection,
    /// What is asked of every proposal.
    pub checks: ChecksSpec,
    /// How much each check weighs.
    pub weights: CheckWeights,
    /// Who ranks proposals where a committee selects; nobody: who deliberates.
    #[serde(default)]
    pub judges: Vec<AgentId>,
    /// What else agents are told with every step.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// The task that waits for it.
    #[serde(default)]
    pub task: Option<TaskNo>,
}

/// A seat in a deliberation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// What clients call it.
    pub id: AgentId,
    /// Who does the work.
    pub worker: AgentId,
}

/// A seat that does not deliberate though it is one of the council's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Which.
    pub seat: AgentId,
    /// Why.
    pub why: String,
}

/// A proposal as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Of which seat, by its place.
    pub seat: u32,
    /// The task that it is the result of.
    pub task: TaskId,
}

/// A seat that has no proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Out {
    /// Which, by its place.
    pub seat: u32,
    /// Why.
    pub why: String,
}

/// A task that a deliberation waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What it is called in the run.
    pub task: TaskId,
    /// What it is for.
    pub role: StepRole,
    /// Whose, by its place: who drafts, criticises, revises or judges; whose proposal is checked.
    pub seat: u32,
    /// Whose proposals it is about, where that is not its own.
    #[serde(default)]
    pub of: Vec<u32>,
}

/// What a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepRole {
    /// Writes a proposal.
    Draft,
    /// Criticises those of others.
    Critique,
    /// Writes its own anew.
    Revise,
    /// Looks at what a proposal says, and its form.
    Check,
    /// Tries it out.
    DryRun,
    /// Ranks what passed.
    Judge,
    /// Counts what judges say.
    Verdict,
}

/// How a deliberation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndStatus {
    /// With a winner.
    Completed,
    /// Without one: nobody proposed anything.
    Failed,
    /// Its time was over.
    Timeout,
    /// Somebody ended it.
    Cancelled,
}

impl EndStatus {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How a deliberation ended, and what it came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// How.
    pub status: EndStatus,
    /// The proposals, best first.
    pub ranking: Vec<Ranked>,
    /// Whose wins, by its place.
    pub winner: Option<u32>,
    /// Why that one.
    #[serde(default)]
    pub selected_by: String,
    /// Which seats have no proposal: those that are new to this.
    #[serde(default)]
    pub out: Vec<Out>,
    /// Why there is no winner, or not all that was asked for.
    #[serde(default)]
    pub why: Option<String>,
    /// What people should know of what ended.
    #[serde(default)]
    pub remarks: Vec<String>,
    /// How many steps were answered.
    #[serde(default)]
    pub answered: u64,
    /// How long they took together, from when they were asked for, in milliseconds.
    #[serde(default)]
    pub answered_ms: u64,
}

/// A proposal with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranked {
    /// Of which seat, by its place.
    pub seat: u32,
    /// The task that its last version is the result of.
    pub task: TaskId,
    /// How it did.
    pub marks: Marks,
    /// How many of the points that it could have it has.
    pub points: u32,
    /// How many it could have.
    pub of: u32,
}

/// What checks found, in a few bits and numbers.
#[expect(clippy::struct_excessive_bools, reason = "each is one check, and they are independent")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Whether it was checked by its text at all.
    pub checked: bool,
    /// Whether it says what it must, and nothing that it must not.
    pub policy: bool,
    /// Whether it has the form that it must have, without a warning.
    pub lint: bool,
    /// Whether it works, or nobody was asked to try it out.
    pub dry_run: bool,
    /// How many things were found.
    pub findings: u32,
}

impl Marks {
    /// Whether nothing is wrong with it.
    pub const fn all_passed(self) -> bool {
        self.policy && self.lint && self.dry_run
    }
}
