//! How the context looks to a person or a program.

use orkestra_runtime::{
    id::{AgentId, Number, RunId, TaskId},
    time::Wall,
};
use serde::{Deserialize, Serialize};

use crate::{
    context::{
        event::{ActiveTask, SnapshotNo},
        row::Kind,
        tally::Tally,
    },
    task::{Label, people::PendingView},
};

/// How the work as a whole stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// How often the context was saved.
    pub context_version: u64,
    /// In which phase the work is: as somebody said, or as the runs let one see.
    pub phase: Label,
    /// completed ÷ (active + completed), in hundredths; none if there are neither.
    pub completion_percent: Option<u64>,
    /// How many tasks stand where.
    pub tasks: Tally,
}

/// What one agent understands, and what it is at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentUnderstanding {
    /// Who.
    pub agent_name: AgentId,
    /// What it is in the team.
    pub role: String,
    /// When it said so; none if it never said anything.
    pub last_updated: Option<Wall>,
    /// What it understands.
    pub current_understanding: String,
    /// What is with it, the first ten.
    pub active_tasks: Vec<TaskId>,
    /// What it completed last, the last ten that are remembered.
    pub completed_tasks: Vec<TaskId>,
    /// What somebody has to decide.
    pub pending_decisions: Vec<String>,
    /// What worries it.
    pub concerns: Vec<String>,
    /// What it would do.
    pub suggestions: Vec<String>,
    /// How sure it is, 0 to 1; none if it never said anything.
    pub confidence: Option<f64>,
    /// The version of the context since it said so.
    pub context_version: Option<u64>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventView {
    /// The number of the event in the journal.
    pub number: Number,
    /// When.
    pub at: Wall,
    /// What kind of thing.
    pub kind: Kind,
    /// In which run, if it is kept.
    pub run: Option<RunId>,
    /// To which task, if it is kept.
    pub task: Option<TaskId>,
    /// With whom.
    pub agent: Option<AgentId>,
    /// More: why it failed, what was decided.
    pub details: Option<String>,
}

/// A decision of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionView {
    /// The number of the event in the journal.
    pub number: Number,
    /// When.
    pub at: Wall,
    /// Who.
    pub by: String,
    /// What.
    pub what: String,
    /// About which run, if it is kept.
    pub run: Option<RunId>,
    /// About which task, if it is kept.
    pub task: Option<TaskId>,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotView {
    /// Its name, and where it stands in the journal.
    pub id: SnapshotNo,
    /// When it was taken.
    pub at: Wall,
    /// Why.
    pub reason: String,
    /// Who asked for it; may be empty.
    pub by: String,
    /// What is said of it; may be empty.
    pub note: String,
    /// Who went, if that is why; nobody in particular where the node did.
    pub gone: Vec<AgentId>,
    /// The version of the context.
    pub context_version: u64,
    /// How much was done.
    pub completion_percent: Option<u64>,
    /// How many agents had said what they understand.
    pub understandings: u64,
}

/// The context as it is, or as it was at a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContextView {
    /// How the work stands, or stood.
    #[serde(flatten)]
    pub standing: Standing,
    /// At which snapshot; none: now.
    pub snapshot: Option<SnapshotView>,
    /// All agents, or the one that was asked for.
    pub agents: Vec<AgentUnderstanding>,
    /// Tasks that are, or were, with an agent, the first ten.
    pub active_tasks: Vec<ActiveTask>,
    /// The latest events, oldest first: of all, or of the agent that was asked for.
    pub events: Vec<EventView>,
}

/// What one who comes back wants to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How the work stands.
    #[serde(flatten)]
    pub standing: Standing,
    /// The latest snapshot.
    pub latest_snapshot: Option<SnapshotView>,
    /// The last ten events, oldest first.
    pub events: Vec<EventView>,
    /// All agents.
    pub agents: Vec<AgentUnderstanding>,
    /// Tasks that are with an agent, the first ten.
    pub active_tasks: Vec<ActiveTask>,
    /// The last five decisions, oldest first.
    pub decisions: Vec<DecisionView>,
    /// What people are asked and have not decided, the first ten.
    pub pending_decisions: Vec<PendingView>,
}
