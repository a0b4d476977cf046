//! The durable state as bytes: MessagePack with named fields, versioned.

use std::collections::BTreeMap;

use orkestra_runtime::{
    Result,
    id::{VoteId, VoteNo, VoterId},
};
use serde::{Deserialize, Serialize};

use super::{
    independence::Together,
    machine::CommitteeMachine,
    settings::CommitteeSettings,
    state::{Draft, Durable, Record, Roll, Vote},
};
use crate::versioned;

/// The version that this program writes.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    votes: &'a BTreeMap<VoteNo, Vote>,
    rolls: &'a BTreeMap<VoteNo, Roll>,
    drafts: &'a BTreeMap<VoteId, Draft>,
    records: &'a BTreeMap<(String, VoterId), Record>,
    pairs: &'a BTreeMap<(VoterId, VoterId), Together>,
}

#[derive(Deserialize)]
struct ReadBack {
    votes: BTreeMap<VoteNo, Vote>,
    #[serde(default)]
    rolls: BTreeMap<VoteNo, Roll>,
    #[serde(default)]
    drafts: BTreeMap<VoteId, Draft>,
    #[serde(default)]
    records: BTreeMap<(String, VoterId), Record>,
    #[serde(default)]
    pairs: BTreeMap<(VoterId, VoterId), Together>,
}

impl CommitteeMachine {
    /// The durable state as bytes: the same for the same events, wherever they were applied.
    pub fn snapshot(&self) -> Vec<u8> {
        let Durable { votes, rolls, drafts, records, pairs, .. } = &self.durable;
        let written = Written { v: VERSION, votes, rolls, drafts, records, pairs };
        // Writing plain data to memory cannot fail; an empty snapshot is refused when it is read.
        rmp_serde::to_vec_named(&written).unwrap_or_default()
    }

    /// The machine of a snapshot. An error is of kind `Corrupt`, or of kind `TooNew` and says what to
    /// do.
    pub fn restore(settings: CommitteeSettings, bytes: &[u8]) -> Result<Self> {
        let ReadBack { votes, rolls, drafts, records, pairs } =
            versioned::read("the committee", VERSION, bytes)?;
        let mut durable = Durable { votes, rolls, drafts, records, pairs, ..Durable::default() };
        durable.derive();
        Ok(Self { settings, durable, ..Self::default() })
    }
}
