//! What is shown of votes.

use std::sync::Arc;

use orkestra_runtime::{
    id::{Number, VoteId, VoteNo, VoterId},
    time::Wall,
};
use serde::{Deserialize, Serialize};

use super::{
    ballot::{Content, Scope},
    digest::Digest,
    outcome::{Aside, Outcome},
    proposal::{Member, Proposal, Rung},
    tally::Exact,
    weights::Judged,
};

/// The most rows of any list that one answer holds.
pub const ROWS_MAX: usize = 500;

/// A question that changes nothing. Lists answer 500 rows at most, however many are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitteeQuery {
    /// Votes, the newest first.
    List {
        /// Only those before this one.
        #[serde(default)]
        before: Option<VoteNo>,
        /// Only those that are not decided.
        #[serde(default)]
        open: bool,
        /// How many at most.
        limit: u64,
    },
    /// One vote.
    Get(VoteId),
    /// The ballots of a vote, by voter; what they say is shown when it is closed, and never before.
    Ballots {
        /// Of which vote.
        vote: VoteId,
        /// Only those of voters after this one.
        #[serde(default)]
        after: Option<VoterId>,
        /// How many at most.
        limit: u64,
    },
    /// Who may vote, by name.
    Members {
        /// On which vote.
        vote: VoteId,
        /// Only those after this one.
        #[serde(default)]
        after: Option<VoterId>,
        /// How many at most.
        limit: u64,
    },
    /// All that one voter needs to vote.
    Voter {
        /// On which vote.
        vote: VoteId,
        /// Who.
        voter: VoterId,
    },
    /// Open votes in which this voter can say something now.
    Waiting {
        /// Who.
        voter: VoterId,
        /// How many at most.
        limit: u64,
    },
    /// What happened in a vote, as lines for people.
    Minutes(VoteId),
    /// How often voters were right, as was found out later; of 500 voters at most.
    Records {
        /// In which domain.
        domain: String,
        /// Who.
        voters: Vec<VoterId>,
    },
    /// How many there are of what.
    Gauges,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitteeAnswer {
    /// Votes.
    Votes(Page<VoteView>),
    /// A vote; none if there is none of the name.
    Vote(Option<Box<VoteDetail>>),
    /// Ballots; none if there is no such vote.
    Ballots(Option<Page<BallotView>>),
    /// Who may vote; none if there is no such vote.
    Members(Option<Page<(VoterId, Member)>>),
    /// What a voter needs; none if there is no such vote, or the voter has none in it.
    Voter(Option<Box<VoterView>>),
    /// What happened; none if there is no such vote.
    Minutes(Option<Vec<String>>),
    /// Records, the oldest outcome of each first.
    Records(Vec<RecordView>),
    /// Figures.
    Gauges(CommitteeGauges),
}

/// Some rows of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether there are more after them.
    pub more: bool,
}

/// What a vote does now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseView {
    /// Voters vote; sealed, where ballots are sealed.
    Voting {
        /// Until when.
        until: Wall,
    },
    /// Voters reveal what they sealed.
    Revealing {
        /// Until when.
        until: Wall,
    },
    /// Somebody is to say what might help, before all vote again.
    Mediating {
        /// Until when that is waited for.
        until: Wall,
    },
    /// A person is to decide.
    Person {
        /// Until when that is waited for.
        until: Wall,
    },
    /// It is closed, and is being counted.
    Counting,
    /// It is decided.
    Decided,
}

impl PhaseView {
    /// What to do about it, after the name of the vote.
    pub(super) fn advice(&self) -> String {
        match self {
            Self::Voting { until } => {
                format!("is being voted on until {until}: wait until it is closed")
            }
            Self::Revealing { until } => {
                format!("takes no more ballots: what was sealed is revealed until {until}")
            }
            Self::Mediating { until } => {
                format!("waits until {until} for a mediator: vote when it has spoken")
            }
            Self::Person { until } => format!("waits until {until} for a person to decide"),
            Self::Counting => "is closed, and is being counted: look at it again".to_owned(),
            Self::Decided => "is decided: look at what it came to".to_owned(),
        }
    }

    /// The phase in one word.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Voting { .. } => "voting",
            Self::Revealing { .. } => "revealing",
            Self::Mediating { .. } => "mediating",
            Self::Person { .. } => "person",
            Self::Counting => "counting",
            Self::Decided => "decided",
        }
    }
}

/// A vote in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteView {
    /// What it is called.
    pub vote: VoteId,
    /// Its number.
    pub number: VoteNo,
    /// What people call it.
    pub title: String,
    /// What it does now.
    pub phase: PhaseView,
    /// When it was opened.
    pub opened: Wall,
    /// Which round of its question it is.
    pub round: u32,
    /// How it is tried, where it is not the first.
    #[serde(default)]
    pub rung: Option<Rung>,
    /// What the first round is called.
    pub root: VoteId,
    /// How many may vote.
    pub eligible: u64,
    /// How many have; sealed ballots count.
    pub cast: u64,
    /// How many count as absent.
    pub aside: u64,
    /// What it came to, in words; nothing while it is open.
    #[serde(default)]
    pub decision: String,
}

/// A vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteDetail {
    /// What a list shows of it.
    pub view: VoteView,
    /// What is proposed, without the voters.
    pub proposal: Arc<Proposal>,
    /// What ballots are for: this is what they sign.
    pub scope: Scope,
    /// What a mediator said to all.
    #[serde(default)]
    pub note: String,
    /// Who has not voted and still may, by name; the first hundred.
    pub missing: Vec<VoterId>,
    /// What it came to.
    #[serde(default)]
    pub outcome: Option<Arc<Outcome>>,
    /// All rounds of its question that are remembered, the first first.
    pub rounds: Vec<(VoteId, VoteNo)>,
    /// The hash of everything that happened in it so far.
    pub record: Digest,
    /// The number of the last event of it: what happened is in the journal from its own to that.
    pub last: Number,
}

/// A ballot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BallotView {
    /// Whose.
    pub voter: VoterId,
    /// Its number.
    pub seq: u64,
    /// Its hash; of a sealed ballot what was committed to.
    pub hash: Digest,
    /// The number of its event.
    pub number: Number,
    /// When it came.
    pub at: Wall,
    /// Whether it is signed.
    pub signed: bool,
    /// Whether it is sealed still.
    pub sealed: bool,
    /// How many ballots of the voter it replaced.
    pub replaced: u32,
    /// What it says, when the vote is closed.
    #[serde(default)]
    pub content: Option<Content>,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// All that a voter needs to vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoterView {
    /// What ballots are for: this is what they sign.
    pub scope: Scope,
    /// What the voter weighs, and by which key it signs.
    pub member: Member,
    /// What the vote does now.
    pub phase: PhaseView,
    /// Whether ballots are sealed.
    pub sealed: bool,
    /// The number of the newest ballot that is in; 0 if none is.
    pub newest: u64,
    /// Whether the voter can say something now that counts.
    pub may: bool,
    /// Why the voter counts as absent.
    #[serde(default)]
    pub aside: Option<Aside>,
}

/// The record of a voter in a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordView {
    /// Who.
    pub voter: VoterId,
    /// What was found out, the oldest first.
    pub judged: Vec<Judged>,
    /// How well the voter knew how sure to be: 0 is best, 1 worst.
    #[serde(default)]
    pub brier: Option<Exact>,
}

/// How many there are of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitteeGauges {
    /// Votes that are open.
    pub open: u64,
    /// Votes that are closed and being counted.
    pub counting: u64,
    /// Votes that are decided and remembered.
    pub decided: u64,
    /// Ballots that are remembered.
    pub ballots: u64,
    /// Bytes that ballots may come to take, at worst.
    pub reserved_bytes: u64,
    /// Votes opened since this leader began.
    pub opened: u64,
    /// Ballots cast since.
    pub cast: u64,
    /// Voters set aside since for two ballots under one number.
    pub equivocated: u64,
    /// Votes decided since.
    pub concluded: u64,
}
