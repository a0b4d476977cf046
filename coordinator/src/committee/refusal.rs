//! Why nothing was done: typed for programs, and told to people with what to do.

use std::fmt;

use orkestra_runtime::{
    ErrorKind,
    id::{VoteId, VoterId},
};
use serde::{Deserialize, Serialize};

use super::{
    outcome::Aside,
    proposal::{BallotFault, ProposalFault},
    settings,
    view::PhaseView,
};

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CommitteeRefusal {
    /// There is no such vote, or it is forgotten.
    NoVote {
        /// Which.
        vote: VoteId,
    },
    /// Another vote has the name.
    NameTaken {
        /// Which.
        vote: VoteId,
    },
    /// The proposal cannot be voted on.
    Proposal {
        /// What is wrong with it.
        fault: ProposalFault,
    },
    /// Something is no ballot in this vote.
    Ballot {
        /// What is wrong with it.
        fault: BallotFault,
    },
    /// There is, or would be, more than may be.
    TooMany {
        /// Of what.
        what: Bound,
        /// How many there may be.
        max: u64,
    },
    /// The ballots that the vote may come to have would not fit.
    NoRoom {
        /// How many bytes they may take.
        needs: u64,
        /// How many are left.
        left: u64,
    },
    /// A voter is enrolled already, otherwise.
    EnrolledOtherwise {
        /// Who.
        voter: VoterId,
    },
    /// Who says so has no vote in it.
    NoVoter {
        /// Who.
        voter: VoterId,
        /// In which.
        vote: VoteId,
    },
    /// The vote is not in the state in which this could be done.
    NotNow {
        /// Which.
        vote: VoteId,
        /// What it does.
        phase: PhaseView,
    },
    /// The voter has voted, and ballots are final.
    HasVoted {
        /// Who.
        voter: VoterId,
        /// Under which number.
        seq: u64,
    },
    /// A later ballot is in.
    OldBallot {
        /// Whose.
        voter: VoterId,
        /// The number of that.
        newest: u64,
    },
    /// Another ballot is in under this number.
    OtherBallot {
        /// Whose.
        voter: VoterId,
        /// Which number.
        seq: u64,
    },
    /// The voter counts as absent.
    IsAside {
        /// Who.
        voter: VoterId,
        /// Why.
        why: Aside,
    },
    /// The voter has a key, and the ballot is not signed.
    Unsigned {
        /// Who.
        voter: VoterId,
    },
    /// The signature is not of this ballot in this vote by the voter's key.
    Forged {
        /// Whose ballot it was to be.
        voter: VoterId,
    },
    /// The voter has no key that a signature could be by.
    NoKey {
        /// Who.
        voter: VoterId,
    },
    /// Ballots of this vote are sealed first.
    MustSeal {
        /// Which.
        vote: VoteId,
    },
    /// Ballots of this vote are not sealed.
    NotSealed {
        /// Which.
        vote: VoteId,
    },
    /// The voter has sealed no ballot.
    NothingSealed {
        /// Who.
        voter: VoterId,
    },
    /// What is revealed is not what was sealed.
    OtherSeal {
        /// By whom.
        voter: VoterId,
    },
    /// Only who proposed it, or keeps the votes, does this.
    NotYours {
        /// What.
        vote: VoteId,
        /// Who proposed it.
        proposer: VoterId,
    },
    /// Another one mediates.
    NotMediator {
        /// Who does.
        mediator: VoterId,
    },
    /// A text is too long.
    TextTooLong {
        /// How long it may be.
        max: u64,
    },
    /// What a person decides does not answer the question.
    BadRuling {
        /// Why.
        why: String,
    },
    /// The ballots are forgotten, by which it would be found out who was right.
    BallotsForgotten {
        /// Of which vote.
        vote: VoteId,
    },
    /// It was judged before, and otherwise.
    JudgedOtherwise {
        /// Which.
        vote: VoteId,
    },
}

/// Of what there can be too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Votes that are open.
    Open,
    /// Votes that voters are enrolled for.
    Drafts,
    /// Voters of one vote.
    Members,
    /// Voters of a vote that is judged.
    Judged,
}

impl Bound {
    pub(super) fn refused(self) -> CommitteeRefusal {
        let max = match self {
            Self::Open => settings::OPEN_MAX,
            Self::Drafts => settings::DRAFTS_MAX,
            Self::Members => settings::MEMBERS_MAX,
            Self::Judged => settings::MEMBERS_MAX,
        };
        CommitteeRefusal::TooMany { what: self, max: max as u64 }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open votes: wait until some are decided, or withdraw some",
            Self::Drafts => {
                "votes with voters enrolled that are not open: open some, or wait for an hour"
            }
            Self::Members => "voters of one vote: let some vote for many",
            Self::Judged => "voters of a vote that is judged: nobody has a record of larger ones",
        }
    }
}

impl CommitteeRefusal {
    /// What kind of error it is to whoever asked.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NoVote { .. } => ErrorKind::NotFound,
            Self::TooMany { .. } | Self::NoRoom { .. } => ErrorKind::Full,
            Self::Proposal { .. }
            | Self::Ballot { .. }
            | Self::NoVoter { .. }
            | Self::Unsigned { .. }
            | Self::Forged { .. }
            | Self::NoKey { .. }
            | Self::MustSeal { .. }
            | Self::NotSealed { .. }
            | Self::OtherSeal { .. }
            | Self::NotYours { .. }
            | Self::NotMediator { .. }
            | Self::TextTooLong { .. }
            | Self::BadRuling { .. } => ErrorKind::Invalid,
            Self::NameTaken { .. }
            | Self::EnrolledOtherwise { .. }
            | Self::NotNow { .. }
            | Self::HasVoted { .. }
            | Self::OldBallot { .. }
            | Self::OtherBallot { .. }
            | Self::IsAside { .. }
            | Self::NothingSealed { .. }
            | Self::BallotsForgotten { .. }
            | Self::JudgedOtherwise { .. } => ErrorKind::Conflict,
        }
    }
}

impl CommitteeRefusal {
    /// What is wrong with a ballot that says something.
    fn tell_of_ballot(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HasVoted { voter, seq } => write!(
                f,
                "{voter} has voted (ballot {seq}), and ballots of this vote are final: it counts as \
                 it is"
            ),
            Self::OldBallot { voter, newest } => {
                write!(f, "{voter} has ballot {newest} in: number a change higher than that")
            }
            Self::OtherBallot { voter, seq } => write!(
                f,
                "{voter} has another ballot in under number {seq}: use a number for one ballot only"
            ),
            Self::IsAside { voter, why } => {
                write!(f, "{voter} counts as absent in this vote: {why}")
            }
            Self::Unsigned { voter } => {
                write!(f, "{voter} has a key in this vote: sign the ballot with it")
            }
            Self::Forged { voter } => write!(
                f,
                "the signature is not that of this ballot by the key of {voter}: sign the bytes of \
                 this ballot, for this vote and its number"
            ),
            Self::NoKey { voter } => {
                write!(f, "{voter} has no key in this vote: cast the ballot without a signature")
            }
            Self::MustSeal { vote } => write!(
                f,
                "ballots of vote {vote} are sealed: commit to one now, and reveal it when all are in"
            ),
            Self::NotSealed { vote } => {
                write!(f, "ballots of vote {vote} are not sealed: cast one as it is")
            }
            Self::NothingSealed { voter } => write!(
                f,
                "{voter} had committed to no ballot when the time for that was over: it counts as \
                 absent"
            ),
            Self::OtherSeal { voter } => {
                write!(f, "this is not what {voter} has sealed: reveal that ballot, with its nonce")
            }
            // The rest is told by who asks this.
            _ => Ok(()),
        }
    }
}

impl From<ProposalFault> for CommitteeRefusal {
    fn from(fault: ProposalFault) -> Self {
        Self::Proposal { fault }
    }
}

impl From<BallotFault> for CommitteeRefusal {
    fn from(fault: BallotFault) -> Self {
        Self::Ballot { fault }
    }
}

impl fmt::Display for CommitteeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVote { vote } => {
                write!(f, "there is no vote {vote}, or it is forgotten: look which there are")
            }
            Self::NameTaken { vote } => {
                write!(f, "vote {vote} is another one: take another name, or look at that")
            }
            Self::Proposal { fault } => write!(f, "this cannot be voted on: {fault}"),
            Self::Ballot { fault } => write!(f, "this is no ballot here: {fault}"),
            Self::TooMany { what, max } => {
                write!(f, "there may be no more than {max} {}", what.as_str())
            }
            Self::NoRoom { needs, left } => write!(
                f,
                "its ballots may take {needs} bytes, and {left} are left: wait until other votes are \
                 decided, or let fewer vote"
            ),
            Self::EnrolledOtherwise { voter } => write!(
                f,
                "{voter} is enrolled with another weight or key: enrol everybody once, or take \
                 another name for the vote"
            ),
            Self::NoVoter { voter, vote } => write!(
                f,
                "{voter} has no vote in {vote}: who may vote was fixed when it was opened"
            ),
            Self::NotNow { vote, phase } => write!(f, "vote {vote} {}", phase.advice()),
            Self::HasVoted { .. }
            | Self::OldBallot { .. }
            | Self::OtherBallot { .. }
            | Self::IsAside { .. }
            | Self::Unsigned { .. }
            | Self::Forged { .. }
            | Self::NoKey { .. }
            | Self::MustSeal { .. }
            | Self::NotSealed { .. }
            | Self::NothingSealed { .. }
            | Self::OtherSeal { .. } => self.tell_of_ballot(f),
            Self::NotYours { vote, proposer } => write!(
                f,
                "vote {vote} is that of {proposer}: only who proposed it, or keeps the votes, may do \
                 this"
            ),
            Self::NotMediator { mediator } => {
                write!(f, "{mediator} mediates here, and nobody else")
            }
            Self::TextTooLong { max } => write!(f, "a text is longer than {max}: shorten it"),
            Self::BadRuling { why } => write!(f, "this does not answer the question: {why}"),
            Self::BallotsForgotten { vote } => write!(
                f,
                "the ballots of vote {vote} are forgotten, so that nobody can be said to have been \
                 right: judge votes sooner, or let more keep their ballots"
            ),
            Self::JudgedOtherwise { vote } => {
                write!(f, "vote {vote} was judged before, and otherwise: that stands")
            }
        }
    }
}
