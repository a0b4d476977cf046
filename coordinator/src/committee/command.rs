//! What the committee can be told.

use orkestra_runtime::{
    id::{OptionId, TaskNo, VoteId, VoteNo, VoterId},
    machine::ReplyTo,
};
use serde::{Deserialize, Serialize};

use super::{
    ballot::Ballot,
    digest::Digest,
    outcome::Tallied,
    proposal::{Choice, Electorate, Proposal},
    signed::Signed,
};

/// A ballot on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Casting {
    /// In which vote.
    pub vote: VoteId,
    /// Whose.
    pub voter: VoterId,
    /// What it says.
    pub ballot: Ballot,
    /// By whom it is signed; of a voter with a key only.
    #[serde(default)]
    pub signed: Option<Signed>,
}

/// A sealed ballot on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealing {
    /// In which vote.
    pub vote: VoteId,
    /// Whose.
    pub voter: VoterId,
    /// The voter's number for the ballot that is in it.
    pub seq: u64,
    /// What the voter commits to.
    pub sealed: Digest,
    /// By whom it is signed; of a voter with a key only.
    #[serde(default)]
    pub signed: Option<Signed>,
}

/// Who does something to a vote that is not a voter's to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Officer {
    /// Who, for the record.
    pub by: String,
    /// Whether it keeps the votes, and need not have proposed this one. Whoever stands before the
    /// sequencer vouches for it.
    #[serde(default)]
    pub is_keeper: bool,
    /// Why, for the record.
    #[serde(default)]
    pub why: String,
}

/// What is right, as was found out after a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// The motion was to be passed, or was not.
    Motion(bool),
    /// One of these options was to be chosen.
    Options(Vec<OptionId>),
}

/// What a person decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// The motion is passed.
    Pass,
    /// It is not.
    Fail,
    /// These are chosen.
    Choose(Vec<OptionId>),
    /// It stays unresolved.
    Leave,
}

/// What somebody who mediates proposes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mediation {
    /// What it says to all; 64 KiB at most. Of a motion it is how the motion reads now.
    pub note: String,
    /// What may be chosen besides; eight at most.
    #[serde(default)]
    pub options: Vec<Choice>,
}

/// A command. What carries a [`ReplyTo`] is answered once, when its effects are durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitteeCommand {
    /// Names voters for a vote that is to be opened, where they are too many for its proposal.
    Enrol {
        /// Who asks.
        to: ReplyTo,
        /// For which.
        vote: VoteId,
        /// Who; the same again changes nothing.
        members: Electorate,
    },
    /// Opens a vote; the same again finds it.
    Open {
        /// Who asks.
        to: ReplyTo,
        /// What.
        proposal: Box<Proposal>,
    },
    /// Casts a ballot; the same again is the same ballot.
    Cast {
        /// Who asks.
        to: ReplyTo,
        /// What.
        casting: Box<Casting>,
    },
    /// Commits to a ballot in a vote of sealed ballots; the same again is the same.
    Commit {
        /// Who asks.
        to: ReplyTo,
        /// What.
        sealing: Sealing,
    },
    /// Reveals a sealed ballot, when all are in.
    Reveal {
        /// Who asks.
        to: ReplyTo,
        /// What was sealed.
        casting: Box<Casting>,
        /// With what.
        nonce: Digest,
    },
    /// Says that a voter answered with something that is no ballot.
    Malformed {
        /// Who asks.
        to: ReplyTo,
        /// In which vote.
        vote: VoteId,
        /// Who.
        voter: VoterId,
        /// What is wrong with it.
        why: String,
    },
    /// Says that a voter will not vote, so that nobody waits for it; a ballot that comes after all
    /// counts. For whoever keeps the votes.
    Absent {
        /// Who asks.
        to: ReplyTo,
        /// In which vote.
        vote: VoteId,
        /// Which voter.
        voter: VoterId,
        /// Who says so, and why.
        officer: Officer,
    },
    /// Closes a vote before its time; what is in counts.
    Close {
        /// Who asks.
        to: ReplyTo,
        /// Which.
        vote: VoteId,
        /// Who, and why.
        officer: Officer,
    },
    /// Withdraws a vote, with all that would follow from it.
    Withdraw {
        /// Who asks.
        to: ReplyTo,
        /// Which.
        vote: VoteId,
        /// Who, and why.
        officer: Officer,
    },
    /// Says what whoever mediates proposes.
    Mediate {
        /// Who asks.
        to: ReplyTo,
        /// In which vote.
        vote: VoteId,
        /// Who; the mediator that the ladder names.
        by: VoterId,
        /// What.
        mediation: Box<Mediation>,
    },
    /// Decides in the place of a vote, where a person is to.
    Decide {
        /// Who asks.
        to: ReplyTo,
        /// Which.
        vote: VoteId,
        /// What.
        ruling: Ruling,
        /// Who, and why.
        officer: Officer,
    },
    /// Says what was found out to be right, after a decision: by this voters have records.
    Judge {
        /// Who asks.
        to: ReplyTo,
        /// Of which vote.
        vote: VoteId,
        /// What.
        truth: Truth,
        /// Who, and why.
        officer: Officer,
    },
    /// Internal: a task waits for a vote, and it is to be opened; the same again finds it.
    #[serde(skip)]
    OpenFor {
        /// Which task.
        task: TaskNo,
        /// What.
        proposal: Box<Proposal>,
    },
    /// Internal: a ballot that the outcome of a task says.
    #[serde(skip)]
    CastFor {
        /// Which task waits for the vote.
        task: TaskNo,
        /// What.
        casting: Box<Casting>,
    },
    /// Internal: what the outcome of a task says is no ballot.
    #[serde(skip)]
    MalformedFor {
        /// Which task waits for the vote.
        task: TaskNo,
        /// In which.
        vote: VoteId,
        /// Who.
        voter: VoterId,
        /// What is wrong with it.
        why: String,
    },
    /// Internal: a task that was to vote will not.
    #[serde(skip)]
    AbsentFor {
        /// Which task waits for the vote.
        task: TaskNo,
        /// In which.
        vote: VoteId,
        /// Who.
        voter: VoterId,
        /// Why.
        why: String,
    },
    /// Internal: what a voter said in the round before stands in this one, as far as it can; else the
    /// voter is absent, and why.
    #[serde(skip)]
    Stand {
        /// In which.
        vote: VoteNo,
        /// Who.
        voter: VoterId,
    },
    /// Internal: the task that waited for a vote waits no more.
    #[serde(skip)]
    WithdrawFor {
        /// Which.
        task: TaskNo,
        /// Why.
        why: String,
    },
    /// Internal: looks whether a vote can be closed.
    #[serde(skip)]
    Look {
        /// Which.
        vote: VoteNo,
    },
    /// Internal: counts a vote that is closed, here or elsewhere.
    #[serde(skip)]
    Conclude {
        /// Which.
        vote: VoteNo,
    },
    /// Internal: what ballots that were counted elsewhere come to.
    #[serde(skip)]
    Settle {
        /// Of which vote.
        vote: VoteNo,
        /// What.
        tallied: Box<Tallied>,
    },
    /// Internal: does what time has made due, at a pace.
    #[serde(skip)]
    Sweep,
    /// Internal: nothing may be written of votes now; due things are left for a while.
    #[serde(skip)]
    Later,
}

impl CommitteeCommand {
    /// The token of whoever asks; none in what nobody asks for.
    pub const fn asker(&mut self) -> Option<&mut ReplyTo> {
        match self {
            Self::Enrol { to, .. }
            | Self::Open { to, .. }
            | Self::Cast { to, .. }
            | Self::Commit { to, .. }
            | Self::Reveal { to, .. }
            | Self::Malformed { to, .. }
            | Self::Absent { to, .. }
            | Self::Close { to, .. }
            | Self::Withdraw { to, .. }
            | Self::Mediate { to, .. }
            | Self::Decide { to, .. }
            | Self::Judge { to, .. } => Some(to),
            Self::OpenFor { .. }
            | Self::CastFor { .. }
            | Self::MalformedFor { .. }
            | Self::AbsentFor { .. }
            | Self::Stand { .. }
            | Self::WithdrawFor { .. }
            | Self::Look { .. }
            | Self::Conclude { .. }
            | Self::Settle { .. }
            | Self::Sweep
            | Self::Later => None,
        }
    }

    /// Whether nobody outside asks for it: then it is not to be refused because of what other nodes
    /// can read.
    pub const fn is_internal(&self) -> bool {
        match self {
            Self::OpenFor { .. }
            | Self::CastFor { .. }
            | Self::MalformedFor { .. }
            | Self::AbsentFor { .. }
            | Self::Stand { .. }
            | Self::WithdrawFor { .. }
            | Self::Look { .. }
            | Self::Conclude { .. }
            | Self::Settle { .. }
            | Self::Sweep
            | Self::Later => true,
            Self::Enrol { .. }
            | Self::Open { .. }
            | Self::Cast { .. }
            | Self::Commit { .. }
            | Self::Reveal { .. }
            | Self::Malformed { .. }
            | Self::Absent { .. }
            | Self::Close { .. }
            | Self::Withdraw { .. }
            | Self::Mediate { .. }
            | Self::Decide { .. }
            | Self::Judge { .. } => false,
        }
    }
}
