//! Ballots: one set of them, which any method may count.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    exact::Weight,
    ranking::{Ranking, TIED, candidate},
};

/// How many candidates an election may have.
pub const CANDIDATES_MAX: usize = 300;

/// The best score that a ballot may give, unless an election says another.
pub const SCORE_MAX: u16 = 5;

/// What all ballots of an election are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Rankings of every candidate, without ties.
    Ranked,
    /// Rankings without ties that may stop early.
    RankedTruncated,
    /// Rankings with ties that may stop early.
    RankedWeak,
    /// Sets of approved candidates.
    Approval,
    /// A score for each candidate.
    Score,
    /// One candidate, or none.
    Single,
    /// Points dealt out among the candidates.
    Cumulative,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Ranked,
        Self::RankedTruncated,
        Self::RankedWeak,
        Self::Approval,
        Self::Score,
        Self::Single,
        Self::Cumulative,
    ];

    /// The kind as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ranked => "ranked",
            Self::RankedTruncated => "ranked_truncated",
            Self::RankedWeak => "ranked_weak",
            Self::Approval => "approval",
            Self::Score => "score",
            Self::Single => "single",
            Self::Cumulative => "cumulative",
        }
    }

    /// The field of a ballot of this kind that holds the vote.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Ranked | Self::RankedTruncated | Self::RankedWeak => "ranking",
            Self::Approval => "approved",
            Self::Score => "scores",
            Self::Single => "choice",
            Self::Cumulative => "points",
        }
    }

    /// Whether ballots are rankings.
    pub const fn is_ranked(self) -> bool {
        matches!(self, Self::Ranked | Self::RankedTruncated | Self::RankedWeak)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a ballot says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vote {
    /// A ranking.
    Ranking(Ranking),
    /// The approved candidates, in any order.
    Approved(Box<[u16]>),
    /// A score for each candidate, in their order.
    Scores(Box<[u16]>),
    /// One candidate; none is an abstention.
    Choice(Option<u16>),
    /// Points for each candidate, in their order.
    Points(Box<[u16]>),
}

impl Vote {
    /// What the vote is, as plain numbers.
    pub(super) fn marks(&self) -> &[u16] {
        match self {
            Self::Ranking(ranking) => ranking.marks(),
            Self::Approved(marks) | Self::Scores(marks) | Self::Points(marks) => marks,
            Self::Choice(choice) => choice.as_slice(),
        }
    }

    /// The same vote, written in the one way in which all votes are compared.
    #[must_use]
    pub fn canonical(&self) -> Self {
        match self {
            Self::Ranking(ranking) => Self::Ranking(ranking.canonical()),
            Self::Approved(approved) => {
                let mut approved = approved.clone();
                approved.sort_unstable();
                Self::Approved(approved)
            }
            Self::Scores(_) | Self::Choice(_) | Self::Points(_) => self.clone(),
        }
    }

    /// Why this is no vote in an election of this kind; the place is that within the vote, if it
    /// is one place.
    pub(super) fn fault(&self, kind: Kind, bounds: Bounds) -> Option<VoteFault> {
        let seen = |list: &[u16], of: fn(u16) -> usize| {
            let mut seen = vec![false; bounds.candidates];
            list.iter().enumerate().find_map(|(place, mark)| match seen.get_mut(of(*mark)) {
                None => Some(VoteFault::NoCandidate { place, candidate: of(*mark) }),
                Some(true) => Some(VoteFault::Twice { place, candidate: of(*mark) }),
                Some(seen) => {
                    *seen = true;
                    None
                }
            })
        };
        match (self, kind) {
            (Self::Ranking(ranking), Kind::Ranked | Kind::RankedTruncated | Kind::RankedWeak) => {
                let marks = ranking.marks();
                let tied = marks.iter().position(|mark| mark & TIED != 0);
                let is_short = !marks.is_empty() && marks.len() < bounds.candidates;
                seen(marks, candidate).or_else(|| match (tied, kind) {
                    (Some(place), Kind::Ranked | Kind::RankedTruncated) => {
                        Some(VoteFault::Tied { place })
                    }
                    _ => (is_short && kind == Kind::Ranked).then_some(VoteFault::Incomplete),
                })
            }
            (Self::Approved(list), Kind::Approval) => seen(list, usize::from),
            (Self::Choice(choice), Kind::Single) => seen(choice.as_slice(), usize::from),
            (Self::Scores(list), Kind::Score) => {
                let over = list.iter().position(|score| *score > bounds.score_max);
                if list.len() == bounds.candidates {
                    over.map(|place| VoteFault::Score { place, max: bounds.score_max })
                } else {
                    Some(VoteFault::Length { has: list.len(), needs: bounds.candidates })
                }
            }
            (Self::Points(list), Kind::Cumulative) => (list.len() != bounds.candidates)
                .then_some(VoteFault::Length { has: list.len(), needs: bounds.candidates }),
            _ => Some(VoteFault::OtherKind { kind }),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) candidates: usize,
    pub(super) score_max: u16,
}

/// Why something is no vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VoteFault {
    /// It is a vote of another kind.
    OtherKind {
        /// The kind of the election.
        kind: Kind,
    },
    /// It names a candidate that there is not.
    NoCandidate {
        /// The how manieth it names, from 0.
        place: usize,
        /// What it names.
        candidate: usize,
    },
    /// It names a candidate again.
    Twice {
        /// The how manieth it names, from 0.
        place: usize,
        /// What it names.
        candidate: usize,
    },
    /// It ranks candidates equal where that is not allowed.
    Tied {
        /// The how manieth it names, from 0.
        place: usize,
    },
    /// It leaves out a candidate where that is not allowed.
    Incomplete,
    /// A score is above the best one.
    Score {
        /// The candidate.
        place: usize,
        /// The best score.
        max: u16,
    },
    /// It does not have one number for each candidate.
    Length {
        /// How many it has.
        has: usize,
        /// How many there are to be.
        needs: usize,
    },
}

impl fmt::Display for VoteFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherKind { kind } => {
                write!(f, "a ballot of kind {kind} must have {:?}", kind.field())
            }
            Self::NoCandidate { candidate, .. } => write!(f, "there is no candidate {candidate}"),
            Self::Twice { candidate, .. } => write!(f, "candidate {candidate} is named twice"),
            Self::Tied { .. } => write!(f, "candidates are ranked equal"),
            Self::Incomplete => write!(f, "not every candidate is ranked"),
            Self::Score { max, .. } => write!(f, "a score is from 0 to {max}"),
            Self::Length { has, needs } => {
                write!(f, "there are {needs} candidates, and numbers for {has}")
            }
        }
    }
}

/// Equal voters with one vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    /// How many voters.
    pub count: u64,
    /// What each of them weighs.
    #[serde(default)]
    pub weight: Weight,
    /// What they say.
    pub vote: Vote,
}

impl Ballot {
    /// The ballot of one voter who weighs one.
    pub const fn one(vote: Vote) -> Self {
        Self { count: 1, weight: Weight::ONE, vote }
    }
}
