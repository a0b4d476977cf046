//! What happened in votes: stored for ever, so it only grows at its ends.

use std::sync::Arc;

use orkestra_runtime::{
    id::{Number, VoteId, VoteNo, VoterId},
    time::Wall,
};
use serde::{Deserialize, Serialize};

use super::{
    ballot::Ballot,
    command::Truth,
    digest::{Canon, Digest, Signature},
    outcome::{Aside, Outcome, Why},
    proposal::{Choice, Electorate, Proposal, Rung},
};

/// A vote that follows from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Climb {
    /// From which.
    pub from: VoteNo,
    /// How it is tried now.
    pub rung: Rung,
    /// Which place that has on the ladder.
    pub place: u32,
    /// Which round of its question it is.
    pub round: u32,
}

/// What happened. Numbers of events are names: a vote's is that of its `Opened`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitteeEvent {
    /// Voters were named for a vote that is not open yet.
    Enrolled {
        /// For which.
        vote: VoteId,
        /// Who.
        members: Arc<Electorate>,
    },
    /// A vote was opened; all that stands here is frozen.
    Opened {
        /// What is proposed, with the voters that it names and what they weigh.
        proposal: Arc<Proposal>,
        /// Where it is held.
        realm: String,
        /// Until when voters may vote, a mediator may propose, or a person may decide.
        until: Wall,
        /// The hash of the proposal as it was sent: the same again is this vote.
        sent: Digest,
        /// How many voters were enrolled before, and the hash of all that enrolled them.
        #[serde(default)]
        enrolled: Option<(u64, Digest)>,
        /// What it follows from: then its voters are those of that vote.
        #[serde(default)]
        climb: Option<Climb>,
    },
    /// A ballot came in, or a sealed one was revealed.
    Cast {
        /// In which vote.
        vote: VoteNo,
        /// Whose.
        voter: VoterId,
        /// What it says.
        ballot: Ballot,
        /// Its hash.
        hash: Digest,
        /// Its signature; none of a voter without a key.
        #[serde(default)]
        signature: Option<Signature>,
        /// With what it was sealed.
        #[serde(default)]
        nonce: Option<Digest>,
    },
    /// A sealed ballot came in.
    Committed {
        /// In which vote.
        vote: VoteNo,
        /// Whose.
        voter: VoterId,
        /// Its number.
        seq: u64,
        /// What the voter committed to.
        sealed: Digest,
        /// Its signature; none of a voter without a key.
        #[serde(default)]
        signature: Option<Signature>,
    },
    /// A voter signed a second ballot under a number, or sealed a second one: it is set aside, and
    /// both are the proof.
    Equivocated {
        /// In which vote.
        vote: VoteNo,
        /// Who.
        voter: VoterId,
        /// Which event the first stands in.
        first: Number,
        /// Under which number.
        seq: u64,
        /// The second ballot; none if it was sealed.
        #[serde(default)]
        ballot: Option<Ballot>,
        /// Its hash, or what was committed to.
        hash: Digest,
        /// Its signature.
        signature: Signature,
    },
    /// A ballot came after the vote was closed: it counts nowhere.
    Late {
        /// In which vote.
        vote: VoteNo,
        /// Whose.
        voter: VoterId,
        /// Its hash.
        hash: Digest,
        /// Its signature.
        #[serde(default)]
        signature: Option<Signature>,
    },
    /// A voter answered with something that is no ballot.
    Malformed {
        /// In which vote.
        vote: VoteNo,
        /// Who.
        voter: VoterId,
        /// What is wrong with it.
        why: String,
    },
    /// A voter counts as absent.
    SetAside {
        /// In which vote.
        vote: VoteNo,
        /// Who.
        voter: VoterId,
        /// Why.
        why: Aside,
    },
    /// All sealed ballots are in, and are revealed now.
    Unsealing {
        /// In which vote.
        vote: VoteNo,
        /// Why no more are taken.
        why: Why,
        /// Until when.
        until: Wall,
    },
    /// Somebody proposed what might help, and all vote on it.
    Mediated {
        /// In which vote.
        vote: VoteNo,
        /// Who.
        by: VoterId,
        /// What is said to all.
        note: String,
        /// What may be chosen besides.
        options: Vec<Choice>,
        /// Until when.
        until: Wall,
    },
    /// No ballot counts that comes after this.
    Closed {
        /// Which vote.
        vote: VoteNo,
        /// Why.
        why: Why,
    },
    /// A vote came to something.
    Decided {
        /// Which.
        vote: VoteNo,
        /// To what.
        outcome: Arc<Outcome>,
    },
    /// It was found out what was right.
    Judged {
        /// Of which vote.
        vote: VoteNo,
        /// What.
        truth: Truth,
        /// Who says so.
        by: String,
        /// Why.
        why: String,
        /// Whether it has so many voters that nobody else's record makes room for theirs.
        #[serde(default, skip_serializing_if = "is_not")]
        many: bool,
    },
    /// Something of decided votes left memory; the journal keeps what it has.
    Forgotten {
        /// Votes of which only the outcome is kept.
        ballots: Vec<VoteNo>,
        /// Votes of which nothing is.
        votes: Vec<VoteNo>,
        /// Voters who were enrolled for votes that were never opened.
        drafts: Vec<VoteId>,
    },
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_not(flag: &bool) -> bool {
    !*flag
}

/// What a link of the chain begins with.
const LINK: &str = "orkestra-vote-chain-v1";

impl CommitteeEvent {
    /// Which vote it is about; none of what is about a vote that is not open, or about several.
    pub const fn vote(&self, number: Number) -> Option<VoteNo> {
        match self {
            Self::Opened { .. } => Some(VoteNo(number.0)),
            Self::Cast { vote, .. }
            | Self::Committed { vote, .. }
            | Self::Equivocated { vote, .. }
            | Self::Late { vote, .. }
            | Self::Malformed { vote, .. }
            | Self::SetAside { vote, .. }
            | Self::Unsealing { vote, .. }
            | Self::Mediated { vote, .. }
            | Self::Closed { vote, .. }
            | Self::Decided { vote, .. }
            | Self::Judged { vote, .. } => Some(*vote),
            Self::Enrolled { .. } | Self::Forgotten { .. } => None,
        }
    }

    /// The same, as it would have been written at the time of another: when something ends that the
    /// leader's clock said.
    pub(super) fn at_the_time_of(mut self, other: &Self) -> Self {
        match (&mut self, other) {
            (Self::Opened { until, .. }, Self::Opened { until: then, .. })
            | (Self::Mediated { until, .. }, Self::Mediated { until: then, .. }) => *until = *then,
            _ => {}
        }
        self
    }

    /// The hash of this after all that was before it.
    ///
    /// It is that of the event as JSON, with its number and time, and of the hash before. A field that
    /// is added later must be left out of the JSON where it says nothing, or old chains would break.
    pub(super) fn link(&self, before: &Digest, number: Number, at: Wall) -> Digest {
        // What cannot be written cannot have been read: an empty text stands for it.
        let json = serde_json::to_vec(self).unwrap_or_default();
        let canon = Canon::of(LINK).bytes(&before.0).number(number.0).number(at.as_ms());
        canon.bytes(&json).digest()
    }
}

/// What every chain begins with.
pub(super) const BEGINNING: Digest = Digest([0; 32]);
