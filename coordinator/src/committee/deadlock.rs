//! Why a vote does not come to an end: a reason one can act on, not a yes or no.

use num_rational::BigRational;
use serde::{Deserialize, Serialize};

use super::tally::{Answer, Counting, Exact};

/// A reason why a vote is stuck.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Deadlock {
    /// Too few took part.
    NoQuorum {
        /// How many did.
        present: usize,
        /// How many must.
        needed: usize,
        /// Whether those who can still be reached are too few as well.
        is_unreachable: bool,
    },
    /// The best did not reach what is asked for.
    ThresholdMissed {
        /// What the best has.
        best: Exact,
        /// What is asked for.
        needed: Exact,
    },
    /// Several are best, and no lot may decide.
    TopTie {
        /// The options.
        among: Vec<usize>,
    },
    /// Each of these is beaten by another of them.
    PairwiseCycle {
        /// The options.
        among: Vec<usize>,
    },
    /// Somebody vetoed it.
    Veto {
        /// Who did.
        by: Vec<String>,
    },
    /// Nearly all are for one of two, and put the other last.
    Polarised {
        /// The two.
        between: (usize, usize),
        /// Which part of all.
        share: Exact,
    },
    /// The same two led, and nothing won, in so many rounds.
    Repeated {
        /// The rounds.
        rounds: usize,
    },
    /// Nobody said anything else than in the round before.
    Unmoved,
    /// No new ballot for as long as was waited.
    Stalled,
    /// As many rounds as there may be were held.
    RoundsSpent {
        /// The rounds.
        rounds: usize,
    },
}

/// A round that ended without a winner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundEnd {
    /// The two that led, in any order.
    pub leading: (usize, usize),
    /// A hash of who said what.
    pub ballots: [u8; 32],
}

/// What may be waited for and tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patience {
    /// After how many rounds in a row with the same two leading it is stuck; two at least.
    pub repeats_max: usize,
    /// How many rounds there may be.
    pub rounds_max: usize,
}

impl Default for Patience {
    fn default() -> Self {
        Self { repeats_max: 2, rounds_max: 3 }
    }
}

/// What rounds without a winner say, the latest last.
pub fn of_rounds(rounds: &[RoundEnd], patience: &Patience) -> Vec<Deadlock> {
    let mut found = Vec::new();
    let pair = |end: &RoundEnd| {
        let (a, b) = end.leading;
        (a.min(b), a.max(b))
    };
    if let Some(last) = rounds.last() {
        let same = rounds.iter().rev().take_while(|end| pair(end) == pair(last)).count();
        if same >= patience.repeats_max.max(2) {
            found.push(Deadlock::Repeated { rounds: same });
        }
        let before = rounds.len().checked_sub(2).map(|at| &rounds[at]);
        if before.is_some_and(|before| before.ballots == last.ballots) {
            found.push(Deadlock::Unmoved);
        }
        if rounds.len() >= patience.rounds_max {
            found.push(Deadlock::RoundsSpent { rounds: rounds.len() });
        }
    }
    found
}

/// Who takes part, and who could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attendance {
    /// How many voted.
    pub present: usize,
    /// How many of the others can still be reached.
    pub reachable: usize,
    /// How many must take part.
    pub needed: usize,
}

impl Attendance {
    /// Whether it is stuck: at the deadline because too few came, before it only when those who can
    /// be reached are not enough.
    pub const fn deadlock(self, is_over: bool) -> Option<Deadlock> {
        let Self { present, reachable, needed } = self;
        let is_unreachable = present + reachable < needed;
        if is_unreachable || (is_over && present < needed) {
            Some(Deadlock::NoQuorum { present, needed, is_unreachable })
        } else {
            None
        }
    }
}

/// What the ballots of an election say, given what a method answers.
pub fn of_ballots(counting: &Counting<'_>, answer: &Answer, lot_allowed: bool) -> Vec<Deadlock> {
    let mut found = Vec::new();
    if let Some(winners) = answer.winners.as_ref().filter(|won| won.len() > 1 && !lot_allowed) {
        found.push(Deadlock::TopTie { among: winners.clone() });
    }
    let table = counting.table();
    if let (Some(smith), Some(table)) = (counting.smith_set(), table) {
        let beats = |a: usize, b: usize| table[a][b] > table[b][a];
        // A tie is no circle: somebody must beat, and be beaten.
        let is_cycle = smith.iter().any(|a| smith.iter().any(|b| beats(*a, *b)));
        if smith.len() > 1 && is_cycle {
            found.push(Deadlock::PairwiseCycle { among: smith });
        }
    }
    found.extend(polarised(counting));
    found
}

/// Whether more than four fifths are for one of two options and put the other last, and neither
/// side is all of them.
fn polarised(counting: &Counting<'_>) -> Option<Deadlock> {
    let ranks = counting.ranks();
    let all = counting.election().candidates();
    if all < 3 {
        return None;
    }
    let total: BigRational = ranks.iter().map(|(_, weighs)| &weighs.0).sum();
    let is_first = |ranks: &[usize], one: usize| {
        (0..all).all(|other| other == one || ranks[other] > ranks[one])
    };
    let is_last = |ranks: &[usize], one: usize| {
        (0..all).all(|other| other == one || ranks[other] < ranks[one])
    };
    let side = |a: usize, b: usize| -> BigRational {
        let who = ranks.iter().filter(|(ranks, _)| is_first(ranks, a) && is_last(ranks, b));
        who.map(|(_, weighs)| &weighs.0).sum()
    };
    let zero = BigRational::from_integer(0.into());
    let pairs = (0..all).flat_map(|a| (a + 1..all).map(move |b| (a, b)));
    for (a, b) in pairs {
        let (one, other) = (side(a, b), side(b, a));
        let both = &one + &other;
        if one > zero && other > zero && both > &total * BigRational::new(4.into(), 5.into()) {
            return Some(Deadlock::Polarised { between: (a, b), share: Exact(both / total) });
        }
    }
    None
}
