//! What can be asked of votes at the door.

use orkestra_runtime::{
    id::{VoteId, VoterId},
    machine::ReplyTo,
};
use serde::{Deserialize, Serialize};

use crate::committee::{
    Casting, CommitteeCommand, CommitteeQuery, Digest, Electorate, Mediation, Officer, Proposal,
    Ruling, Sealing, Truth,
};

/// Something that is asked of votes. What is not a voter's to do is done in the name of whoever asks,
/// who keeps the votes: it is the user of the folder, or an operator of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoteAsk {
    /// Names voters for a vote that is to be opened, where they are too many for its proposal.
    Enrol {
        /// For which.
        vote: VoteId,
        /// Who.
        members: Electorate,
    },
    /// Opens a vote.
    Call {
        /// What is proposed.
        proposal: Box<Proposal>,
    },
    /// Casts a ballot.
    Cast {
        /// Which.
        casting: Box<Casting>,
    },
    /// Commits to a sealed ballot.
    Commit {
        /// To which.
        sealing: Sealing,
    },
    /// Reveals it.
    Reveal {
        /// What was sealed.
        casting: Box<Casting>,
        /// With what.
        nonce: Digest,
    },
    /// Closes a vote before its time.
    Close {
        /// Which.
        vote: VoteId,
        /// Why, for the record.
        #[serde(default)]
        why: String,
    },
    /// Withdraws a vote.
    Withdraw {
        /// Which.
        vote: VoteId,
        /// Why, for the record.
        #[serde(default)]
        why: String,
    },
    /// Says what a mediator proposes.
    Mediate {
        /// In which vote.
        vote: VoteId,
        /// Who mediates.
        by: VoterId,
        /// What.
        mediation: Box<Mediation>,
    },
    /// Decides in the place of a vote that waits for a person.
    Decide {
        /// Which.
        vote: VoteId,
        /// What.
        ruling: Ruling,
        /// Why, for the record.
        #[serde(default)]
        why: String,
    },
    /// Says what was found out to be right.
    Judge {
        /// Of which vote.
        vote: VoteId,
        /// What.
        truth: Truth,
        /// Why, for the record.
        #[serde(default)]
        why: String,
    },
    /// Asks something that changes nothing.
    Look(CommitteeQuery),
}

impl VoteAsk {
    /// The question, if it is one; otherwise what is to be done, in the name of whoever asks.
    pub(super) fn told(self, by: &str) -> Result<CommitteeQuery, Box<CommitteeCommand>> {
        let to = ReplyTo::default();
        let officer = |why| Officer { by: by.to_owned(), is_keeper: true, why };
        Err(Box::new(match self {
            Self::Look(query) => return Ok(query),
            Self::Enrol { vote, members } => CommitteeCommand::Enrol { to, vote, members },
            Self::Call { proposal } => CommitteeCommand::Open { to, proposal },
            Self::Cast { casting } => CommitteeCommand::Cast { to, casting },
            Self::Commit { sealing } => CommitteeCommand::Commit { to, sealing },
            Self::Reveal { casting, nonce } => CommitteeCommand::Reveal { to, casting, nonce },
            Self::Close { vote, why } => {
                CommitteeCommand::Close { to, vote, officer: officer(why) }
            }
            Self::Withdraw { vote, why } => {
                CommitteeCommand::Withdraw { to, vote, officer: officer(why) }
            }
            Self::Mediate { vote, by, mediation } => {
                CommitteeCommand::Mediate { to, vote, by, mediation }
            }
            Self::Decide { vote, ruling, why } => {
                CommitteeCommand::Decide { to, vote, ruling, officer: officer(why) }
            }
            Self::Judge { vote, truth, why } => {
                CommitteeCommand::Judge { to, vote, truth, officer: officer(why) }
            }
        }))
    }
}
