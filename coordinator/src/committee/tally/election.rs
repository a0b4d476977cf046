//! An election: what every method counts.

use super::{
    answer::Refused,
    ballots::{Ballot, Bounds, CANDIDATES_MAX, Kind, SCORE_MAX, VoteFault},
    method::Method,
};

/// An election: who can be elected, and every ballot. Checked when it is made, never again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Election {
    id: String,
    kind: Kind,
    candidates: usize,
    score_max: u16,
    seats: Option<usize>,
    tie_break: Option<Vec<usize>>,
    ballots: Vec<Ballot>,
}

/// Why something is no election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ElectionFault {
    /// There is no candidate, or there are too many.
    Candidates,
    /// There are no seats, or more than candidates.
    Seats,
    /// The fixed list does not name every candidate once.
    TieBreak,
    /// A ballot stands for nobody.
    NoVoters {
        /// The ballot.
        ballot: usize,
    },
    /// A ballot is not as the kind wants it.
    Vote {
        /// The ballot.
        ballot: usize,
        /// What is wrong with it.
        fault: VoteFault,
    },
}

impl Election {
    /// An election of candidates 0, 1, … by these ballots.
    pub fn new(
        id: impl Into<String>,
        (kind, candidates): (Kind, usize),
        ballots: Vec<Ballot>,
    ) -> Result<Self, ElectionFault> {
        Self::scored(id, (kind, candidates, SCORE_MAX), ballots)
    }

    /// The same, with another best score.
    pub fn scored(
        id: impl Into<String>,
        (kind, candidates, score_max): (Kind, usize, u16),
        ballots: Vec<Ballot>,
    ) -> Result<Self, ElectionFault> {
        if candidates == 0 || candidates > CANDIDATES_MAX {
            return Err(ElectionFault::Candidates);
        }
        let bounds = Bounds { candidates, score_max };
        for (place, ballot) in ballots.iter().enumerate() {
            if ballot.count == 0 {
                return Err(ElectionFault::NoVoters { ballot: place });
            }
            if let Some(fault) = ballot.vote.fault(kind, bounds) {
                return Err(ElectionFault::Vote { ballot: place, fault });
            }
        }
        let (seats, tie_break) = (None, None);
        Ok(Self { id: id.into(), kind, candidates, score_max, seats, tie_break, ballots })
    }

    /// The same election for so many seats.
    pub fn with_seats(mut self, seats: usize) -> Result<Self, ElectionFault> {
        if seats == 0 || seats > self.candidates {
            return Err(ElectionFault::Seats);
        }
        self.seats = Some(seats);
        Ok(self)
    }

    /// The same election with a fixed list for breaking ties, highest priority first.
    pub fn with_tie_break(mut self, list: Vec<usize>) -> Result<Self, ElectionFault> {
        let mut sorted = list.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..self.candidates) {
            return Err(ElectionFault::TieBreak);
        }
        self.tie_break = Some(list);
        Ok(self)
    }

    /// The same election with other ballots, for tests: they are not checked.
    #[cfg(test)]
    pub(in crate::committee) fn with_ballots(&self, ballots: Vec<Ballot>) -> Self {
        Self { ballots, ..self.clone() }
    }

    /// The same election, each vote written in the one way in which votes are compared.
    pub(super) fn canonical(&self) -> Self {
        let vote = |ballot: &Ballot| Ballot { vote: ballot.vote.canonical(), ..ballot.clone() };
        Self { ballots: self.ballots.iter().map(vote).collect(), ..self.clone() }
    }

    /// What it is called.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What its ballots are.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// How many candidates there are.
    pub const fn candidates(&self) -> usize {
        self.candidates
    }

    /// The best score that a ballot may give.
    pub const fn score_max(&self) -> u16 {
        self.score_max
    }

    /// Every ballot, as it was cast.
    pub fn ballots(&self) -> &[Ballot] {
        &self.ballots
    }

    /// How many are to be elected, if that is said.
    pub const fn seats(&self) -> Option<usize> {
        self.seats
    }

    /// The place of each candidate in the fixed list, 0 the highest; that of the candidates
    /// themselves where there is no list and `method` can do without.
    pub(super) fn places(&self, method: Method) -> Result<Vec<usize>, Refused> {
        let list = self.tie_break.as_deref().ok_or(Refused::NoTieBreak { method })?;
        Ok(places(list))
    }

    pub(super) fn places_or_order(&self) -> Vec<usize> {
        self.tie_break.as_deref().map_or_else(|| (0..self.candidates).collect(), places)
    }
}

fn places(list: &[usize]) -> Vec<usize> {
    let mut places = vec![0; list.len()];
    for (place, candidate) in list.iter().enumerate() {
        places[*candidate] = place;
    }
    places
}
