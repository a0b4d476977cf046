//! Files of elections and motions: read, checked, and told where they are wrong.
//!
//! A file is one JSON object with `elections`, `motions` or both. Keys that are not known are taken
//! for remarks, unless they look like a known one misspelt; within a ballot every key must be known,
//! since what a slip leaves out there changes who wins.

mod check;
mod place;
mod written;

#[cfg(test)]
mod tests;

use super::{
    motion::{Cast, Motion},
    tally::{Election, Method},
};
use crate::written::Faults;

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteFile {
    /// The elections, in their order.
    pub elections: Vec<FiledElection>,
    /// The motions, in their order.
    pub motions: Vec<FiledMotion>,
}

/// An election of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FiledElection {
    /// The election.
    pub election: Election,
    /// What the candidates are called.
    pub names: Vec<String>,
    /// The methods that are asked for; none when all are that count such ballots.
    pub methods: Option<Vec<Method>>,
}

/// A motion of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FiledMotion {
    /// What it is called.
    pub id: String,
    /// The motion.
    pub motion: Motion,
    /// What came in on it.
    pub cast: Cast,
}

impl VoteFile {
    /// Reads a file; answers everything that is wrong in it, each with its place.
    pub fn read(text: &str, name: &str) -> Result<Self, Faults> {
        written::read(text, name)
    }
}
