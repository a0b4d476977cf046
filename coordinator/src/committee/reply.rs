//! What the committee answers.

use orkestra_runtime::{
    id::{VoteId, VoteNo},
    time::Wall,
};
use serde::{Deserialize, Serialize};

use super::{digest::Digest, outcome::Decision, refusal::CommitteeRefusal};

/// What a command is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitteeReply {
    /// The voters are enrolled.
    Enrolled {
        /// How many there are for this vote now.
        members: u64,
    },
    /// The vote is open, or was.
    Opened {
        /// Its number.
        number: VoteNo,
        /// When it is closed at the latest.
        until: Wall,
        /// Whether it was opened before.
        existed: bool,
    },
    /// The ballot is in.
    Cast {
        /// Its hash: with it the voter finds it in the record.
        hash: Digest,
        /// Its number.
        seq: u64,
        /// Whether it had been in before.
        existed: bool,
    },
    /// The sealed ballot is in.
    Committed {
        /// Whether it had been in before.
        existed: bool,
    },
    /// Two different ballots were signed under one number: the voter is set aside, both are kept.
    Equivocated,
    /// The voter is to be asked once more.
    OnceMore,
    /// The voter counts as absent.
    SetAside,
    /// The vote is closed; its outcome may have to be counted yet.
    Closed,
    /// It is withdrawn.
    Withdrawn,
    /// All can vote on what was proposed.
    Mediated {
        /// Until when.
        until: Wall,
    },
    /// A person's word is its outcome.
    Decided {
        /// Of which vote.
        vote: VoteId,
        /// What it is.
        decision: Decision,
    },
    /// It stands in the records of voters.
    Judged {
        /// Of how many.
        voters: u64,
    },
    /// Nothing was done, for this reason.
    Refused(CommitteeRefusal),
}
