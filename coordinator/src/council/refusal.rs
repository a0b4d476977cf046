//! Why nothing was done: typed for programs, and told to people with what to do.

use std::fmt;

use orkestra_runtime::{ErrorKind, id::AgentId};
use serde::{Deserialize, Serialize};

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CouncilRefusal {
    /// There is no such deliberation, or it is forgotten.
    NotFound {
        /// Which.
        id: String,
    },
    /// The role has a council.
    CouncilExists {
        /// Which role.
        role: String,
    },
    /// The agent has a seat in the council.
    AgentExists {
        /// Which role.
        role: String,
        /// Who.
        agent: AgentId,
    },
    /// Nobody of the name has a seat in the council.
    AgentNotFound {
        /// Which role.
        role: String,
        /// Who.
        agent: String,
    },
    /// There is nobody who could do the work.
    NoAgents {
        /// Of which role.
        role: String,
        /// Why, and what to do.
        why: String,
    },
    /// The role has no council.
    NoCouncil {
        /// Which role.
        role: String,
    },
    /// The council deliberates.
    Busy {
        /// Which role.
        role: String,
        /// One of its deliberations.
        id: String,
    },
    /// Something is not as it must be.
    Invalid {
        /// Which field.
        field: String,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// The name stands for something else.
    Conflict {
        /// Which.
        id: String,
    },
    /// There is, or would be, more than may be.
    Bound {
        /// Of what.
        what: String,
        /// How many there may be.
        max: u64,
    },
}

impl CouncilRefusal {
    /// What kind of error it is to whoever asked.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } | Self::AgentNotFound { .. } | Self::NoCouncil { .. } => {
                ErrorKind::NotFound
            }
            Self::CouncilExists { .. } | Self::AgentExists { .. } | Self::Conflict { .. } => {
                ErrorKind::Conflict
            }
            Self::NoAgents { .. } => ErrorKind::Unavailable,
            Self::Busy { .. } => ErrorKind::Conflict,
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::Bound { .. } => ErrorKind::Full,
        }
    }

    pub(super) fn invalid(field: &str, why: impl Into<String>) -> Self {
        Self::Invalid { field: field.to_owned(), why: why.into() }
    }

    pub(super) fn bound(what: &str, max: usize) -> Self {
        Self::Bound { what: what.to_owned(), max: max as u64 }
    }
}

impl fmt::Display for CouncilRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { id } => write!(
                f,
                "there is no deliberation {id:?}, or it is forgotten: look at its name, or ask again"
            ),
            Self::CouncilExists { role } => {
                write!(f, "role {role} has a council: register agents with it, or delete it first")
            }
            Self::AgentExists { role, agent } => write!(
                f,
                "agent {agent} has a seat in the council of role {role}: unregister it first, or \
                 take another name"
            ),
            Self::AgentNotFound { role, agent } => write!(
                f,
                "agent {agent:?} has no seat in the council of role {role}: list the council with \
                 its agents"
            ),
            Self::NoAgents { role, why } => {
                write!(f, "nobody can deliberate as {role}: {why}")
            }
            Self::NoCouncil { role } => {
                write!(f, "role {role} has no council: create one, or register an agent with it")
            }
            Self::Busy { role, id } => write!(
                f,
                "the council of role {role} is at deliberation {id}: wait for it, cancel it, or \
                 delete with force"
            ),
            Self::Invalid { field, why } => write!(f, "{field} {why}"),
            Self::Conflict { id } => {
                write!(f, "deliberation {id:?} was asked for with something else: use another name")
            }
            Self::Bound { what, max } => write!(f, "there may be no more than {max} {what}"),
        }
    }
}

impl std::error::Error for CouncilRefusal {}
