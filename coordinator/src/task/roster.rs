//! Who can work: profiles and records of agents.

use std::collections::BTreeMap;

use orkestra_runtime::{id::AgentId, protocol::agent::AgentProfile};
use serde::{Deserialize, Serialize};

use crate::task::{breaker::Breaker, standing::Pause};

/// An agent within its shard: the order in which it first described itself.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct AgentNo(pub u32);

/// What is known of one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRecord {
    /// What it says of itself.
    pub profile: AgentProfile,
    /// Attempts that it holds.
    pub outstanding: u32,
    /// Attempts that ended with a result.
    pub completed: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Attempts that failed since the last that did not.
    #[serde(default)]
    pub failed_in_a_row: u32,
    /// Why it is given nothing more, by order of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drained: Option<Pause>,
    /// What is known of its failures.
    #[serde(default)]
    pub breaker: Breaker,
}

/// The kind of a profile that stands for a person: nothing is assigned to it.
pub const PERSON: &str = "person";

/// All agents that ever described themselves, in that order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Roster {
    agents: Vec<AgentRecord>,
    names: BTreeMap<AgentId, AgentNo>,
}

impl Roster {
    pub(super) fn no(&self, id: &AgentId) -> Option<AgentNo> {
        self.names.get(id).copied()
    }

    pub(super) fn get(&self, no: AgentNo) -> Option<&AgentRecord> {
        self.agents.get(no.0 as usize)
    }

    pub(super) fn get_mut(&mut self, no: AgentNo) -> Option<&mut AgentRecord> {
        self.agents.get_mut(no.0 as usize)
    }

    pub(super) fn named(&self, id: &AgentId) -> Option<&AgentRecord> {
        self.get(self.no(id)?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (AgentNo, &AgentRecord)> {
        (0..).map(AgentNo).zip(&self.agents)
    }

    /// Keeps a profile; an agent of the same name keeps its number and its record.
    pub(super) fn describe(&mut self, profile: AgentProfile) {
        if let Some(no) = self.no(&profile.id) {
            if let Some(record) = self.get_mut(no) {
                record.profile = profile;
            }
            return;
        }
        let no = AgentNo(u32::try_from(self.agents.len()).unwrap_or(u32::MAX));
        self.names.insert(profile.id.clone(), no);
        self.agents.push(AgentRecord {
            profile,
            outstanding: 0,
            completed: 0,
            failed: 0,
            failed_in_a_row: 0,
            drained: None,
            breaker: Breaker::default(),
        });
    }

    /// The number of an agent that an event names; one that never described itself gets an empty
    /// profile, so that every journal can be replayed.
    pub(super) fn no_or_unknown(&mut self, id: &AgentId) -> AgentNo {
        if let Some(no) = self.no(id) {
            return no;
        }
        self.describe(AgentProfile {
            id: id.clone(),
            kind: String::new(),
            description: String::new(),
            capabilities: Vec::new(),
            specialties: Vec::new(),
            capacity: 0,
            availability: orkestra_runtime::protocol::agent::Availability::Available,
        });
        self.no(id).unwrap_or_default()
    }
}
