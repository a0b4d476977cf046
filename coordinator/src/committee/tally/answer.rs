//! What a count comes to.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ballots::Kind, exact::Exact, method::Method};

/// What a method says of an election. Sets are ascending; what a method does not have is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Everybody who wins, tied winners together; none when nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub winners: Option<Vec<usize>>,
    /// All candidates, best first, equals together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranking: Option<Vec<Vec<usize>>>,
    /// The score of each candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<Vec<Exact>>,
    /// Who defeats whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defeats: Option<Vec<(usize, usize)>>,
    /// The largest defeat of each candidate, zero for who has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_defeat: Option<Vec<Exact>>,
    /// How far the best rankings are from all ballots together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance: Option<Exact>,
    /// Every best ranking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rankings: Option<Vec<Vec<usize>>>,
    /// How many are to be elected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats: Option<usize>,
    /// Who is elected together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elected: Option<Vec<usize>>,
    /// Every winning committee.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committees: Option<Vec<Vec<usize>>>,
    /// What each round of elimination came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds: Option<Vec<Round>>,
    /// Ties on the way that were broken, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ties: Option<Vec<Broken>>,
}

/// One round of a count that goes by rounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// What each candidate who takes part has.
    pub votes: Vec<(usize, Exact)>,
    /// Who is elected at its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elected: Vec<usize>,
    /// Who is out after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub out: Vec<usize>,
}

/// A tie on the way of a count for seats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// Who was tied.
    pub among: Vec<usize>,
    /// Who was chosen, to be elected first or to be out.
    pub chosen: usize,
    /// What decided.
    pub by: BrokenBy,
}

/// What broke a tie on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrokenBy {
    /// The latest earlier stage in which they were not equal.
    EarlierStage,
    /// The fixed list of the election, or the order of the candidates where it has none.
    FixedList,
}

impl Answer {
    pub(super) fn winners(winners: Vec<usize>) -> Self {
        Self { winners: Some(winners), ..Self::default() }
    }

    pub(super) fn committees(seats: usize, committees: Vec<Vec<usize>>) -> Self {
        Self { seats: Some(seats), committees: Some(committees), ..Self::default() }
    }

    /// The sets of candidates that may be elected: each winner alone, or whole committees.
    pub fn elected_sets(&self) -> Vec<Vec<usize>> {
        if let Some(committees) = &self.committees {
            return committees.clone();
        }
        match (&self.elected, &self.winners) {
            (Some(elected), _) => vec![elected.clone()],
            (None, Some(winners)) => winners.iter().map(|winner| vec![*winner]).collect(),
            (None, None) => Vec::new(),
        }
    }
}

/// Why a method has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "refused", rename_all = "snake_case")]
pub enum Refused {
    /// It is not defined for ballots of this kind.
    NotDefined {
        /// The method.
        method: Method,
        /// What the ballots are.
        kind: Kind,
    },
    /// It breaks ties by a fixed list, and there is none.
    NoTieBreak {
        /// The method.
        method: Method,
    },
    /// It elects several, and how many is not said.
    NoSeats {
        /// The method.
        method: Method,
    },
    /// There are too many ways to look at.
    TooCostly {
        /// The method.
        method: Method,
        /// How many ways are looked at, at most.
        most: usize,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDefined { method, kind } => {
                write!(f, "{method} is not defined for ballots of kind {kind}")
            }
            Self::NoTieBreak { method } => write!(
                f,
                "{method} breaks ties by a fixed list, and the election has none: add tie_break"
            ),
            Self::NoSeats { method } => write!(
                f,
                "{method} elects several, and the election does not say how many: add seats"
            ),
            Self::TooCostly { method, most } => write!(
                f,
                "{method} would have to look at more than {most} ways: there are too many \
                 candidates or ties for it"
            ),
        }
    }
}

impl std::error::Error for Refused {}
