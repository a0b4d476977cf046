//! What nodes say of themselves to each other.

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{
    id::{Incarnation, NodeId},
    time::Wall,
};

/// The longest text that says which program a node runs.
pub const VERSION_BYTES_MAX: usize = 64;

/// Which agents of others a node hosts: a program that somebody else names runs with the rights of
/// the node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hosts {
    /// None.
    None,
    /// Built-in functions and people.
    #[default]
    Functions,
    /// Programs as well.
    All,
}

/// What a node does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roles {
    /// It may lead shards.
    pub coordinator: bool,
    /// It hosts agents.
    pub agents: bool,
    /// Which agents of others it hosts beside its own.
    pub hosts: Hosts,
}

/// What a node can read: a leader writes nothing that a live follower cannot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reads {
    /// The highest version of records.
    pub record: u16,
    /// The highest level of events.
    pub events: u16,
}

/// Whether a node stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Staying {
    /// As far as it knows.
    #[default]
    Stays,
    /// It finishes what it has and takes nothing new.
    Draining,
    /// This is its last word.
    Leaving,
}

/// A node is there: said a few times a second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeBeat {
    /// Which node.
    pub node: NodeId,
    /// Which life of it: a later one has a higher number.
    pub boot: Incarnation,
    /// Which beat of that life: an older one that comes late says nothing.
    pub number: u64,
    /// What it does.
    pub roles: Roles,
    /// Since when it runs.
    pub since: Wall,
    /// How many attempts its agents can work on at a time.
    pub capacity: u32,
    /// How many they work on.
    pub running: u32,
    /// How many shards it leads.
    pub led: u16,
    /// Which program it runs, for people: [`VERSION_BYTES_MAX`] bytes at most.
    #[serde(deserialize_with = "short")]
    pub version: String,
    /// What it can read.
    pub reads: Reads,
    /// Whether it stays.
    pub staying: Staying,
}

fn short<'de, D: Deserializer<'de>>(decoder: D) -> Result<String, D::Error> {
    let text = String::deserialize(decoder)?;
    if text.len() > VERSION_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(de::Error::custom("the version of a node's program is not a short text"));
    }
    Ok(text)
}
