//! One line of what happened: numbers only, names are found when it is shown.

use orkestra_runtime::{id::Number, time::Wall};
use serde::{Deserialize, Serialize};

use crate::task::AgentNo;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Kind {
    /// A run was opened.
    ProjectStart,
    /// The tasks of a run are all known.
    PlanningPhase,
    /// A task was given to an agent.
    TaskStarted,
    /// A task was completed.
    TaskCompleted,
    /// A person decided something.
    DecisionMade,
    /// An agent kept something.
    AgentAction,
    /// An attempt or a task failed.
    ErrorOccurred,
    /// Every task of a run has ended.
    MilestoneReached,
    /// The context was saved: a snapshot, or in an agent's log an understanding.
    ContextRefresh,
    /// An agent, or the node, went.
    Disconnect,
    /// It is back.
    Reconnect,
}

impl Kind {
    /// All, in the order of their numbers in snapshots: new ones come last.
    pub const ALL: [Self; 11] = [
        Self::ProjectStart,
        Self::PlanningPhase,
        Self::TaskStarted,
        Self::TaskCompleted,
        Self::DecisionMade,
        Self::AgentAction,
        Self::ErrorOccurred,
        Self::MilestoneReached,
        Self::ContextRefresh,
        Self::Disconnect,
        Self::Reconnect,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProjectStart => "project_start",
            Self::PlanningPhase => "planning_phase",
            Self::TaskStarted => "task_started",
            Self::TaskCompleted => "task_completed",
            Self::DecisionMade => "decision_made",
            Self::AgentAction => "agent_action",
            Self::ErrorOccurred => "error_occurred",
            Self::MilestoneReached => "milestone_reached",
            Self::ContextRefresh => "context_refresh",
            Self::Disconnect => "disconnect",
            Self::Reconnect => "reconnect",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) number: Number,
    pub(super) at: Wall,
    /// The number of the task or the run that it is about; 0: neither.
    pub(super) subject: u64,
    /// Whose it is, if anybody's.
    pub(super) agent: Option<AgentNo>,
}

/// A row as a snapshot holds it: without the names of its fields, since there are very many.
type Written = (u8, Number, Wall, u64, Option<AgentNo>);

impl From<Row> for Written {
    fn from(row: Row) -> Self {
        (row.kind as u8, row.number, row.at, row.subject, row.agent)
    }
}

impl TryFrom<Written> for Row {
    type Error = String;
    fn try_from((kind, number, at, subject, agent): Written) -> Result<Self, String> {
        let known = Kind::ALL.get(usize::from(kind)).copied();
        let kind = known.ok_or_else(|| format!("there is no kind {kind} of context event"))?;
        Ok(Self { kind, number, at, subject, agent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_keep_their_numbers_and_are_spelled_as_they_are_called() {
        for (no, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(kind as u8), no);
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("{:?}", kind.as_str()));
        }
    }

    #[test]
    fn a_row_is_small_and_comes_back_from_its_bytes() {
        assert!(size_of::<Row>() <= 40, "{}", size_of::<Row>());
        let (number, at, agent) = (Number(70_000), Wall::from_ms(1_795_236_059_007), None);
        let row = Row { kind: Kind::Reconnect, number, at, subject: 3, agent };
        let bytes = rmp_serde::to_vec_named(&row).unwrap();
        assert_eq!((bytes.len(), rmp_serde::from_slice::<Row>(&bytes).unwrap()), (18, row));
        assert!(rmp_serde::from_slice::<Row>(&[0x95, 99, 1, 1, 1, 0xc0]).is_err());
    }
}
