//! The six classic methods: unanimous, supermajority, majority, plurality, ranked choice, weighted.
//!
//! Everybody is for one option, abstains, or says nothing. Abstentions count for taking part and not
//! for the share. Promises:
//!
//! 1. No option wins that did not reach what its method asks for: a vote that fails has no winner.
//! 2. A tie is told as one; breaking it is a step of its own.
//! 3. A veto blocks where the vote is critical to security, whoever says it; elsewhere it is an
//!    abstention.
//! 4. [`ClassicVote::settled_now`] answers an outcome only if no ballot that is still missing can
//!    change it.

mod ranked_choice;
mod settled;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use num_rational::BigRational;
use num_traits::{Signed as _, Zero as _};
use serde::{Deserialize, Serialize};

use super::{
    motion::QuorumOf,
    tally::{Exact, Round, tie::TieBreak},
};

/// What an option must reach to win.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum ClassicMethod {
    /// All who are for something are for the same.
    Unanimous,
    /// At least this part of those who are for something: `3/4` where nothing else is said.
    Supermajority {
        /// The part.
        share: Exact,
    },
    /// Strictly more than half of those who are for something.
    Majority,
    /// More than any other.
    Plurality,
    /// Rankings; who is lowest is out, until one has more than half of those who still rank
    /// somebody who is in.
    RankedChoice,
    /// At least this part of the weight of those who are for something.
    Weighted {
        /// The part: `1/2` where nothing else is said.
        threshold: Exact,
    },
}

impl ClassicMethod {
    /// Supermajority as it is without a part of its own: three quarters.
    pub fn supermajority() -> Self {
        Self::Supermajority { share: Exact::ratio(3, 4).unwrap_or_else(Exact::one) }
    }

    /// Weighted as it is without a threshold of its own: half.
    pub fn weighted() -> Self {
        Self::Weighted { threshold: Exact::ratio(1, 2).unwrap_or_else(Exact::one) }
    }
}

/// The rule of a vote, frozen when it is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassicRule {
    /// What an option must reach.
    #[serde(flatten)]
    pub method: ClassicMethod,
    /// Which part of those who may vote must take part.
    pub quorum: Exact,
    /// Of what that is a part.
    #[serde(default = "members")]
    pub quorum_of: QuorumOf,
    /// Whether voters count by what they weigh in the domain; the weighted method always does.
    #[serde(default)]
    pub by_expertise: bool,
    /// Whether one veto blocks it.
    #[serde(default)]
    pub security_critical: bool,
}

const fn members() -> QuorumOf {
    QuorumOf::Members
}

impl ClassicRule {
    /// A method with what else holds where nothing is said: three of five must take part.
    pub fn of(method: ClassicMethod) -> Self {
        Self {
            method,
            quorum: Exact::ratio(3, 5).unwrap_or_else(Exact::one),
            quorum_of: QuorumOf::Members,
            by_expertise: false,
            security_critical: false,
        }
    }

    /// The same for an emergency: everybody must take part.
    #[must_use]
    pub fn for_emergency(self) -> Self {
        Self { quorum: Exact::one(), ..self }
    }
}

/// What a voter says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassicBallot {
    /// For one option.
    For(usize),
    /// For these, best first; the first counts where one is asked for.
    Ranking(Vec<usize>),
    /// Present, and for none.
    Abstain,
    /// Against the vote as such.
    Veto,
}

impl ClassicBallot {
    /// The options it is for, best first.
    fn ranking(&self) -> &[usize] {
        match self {
            Self::For(option) => std::slice::from_ref(option),
            Self::Ranking(ranking) => ranking,
            Self::Abstain | Self::Veto => &[],
        }
    }
}

/// A vote with what came in on it. Options are 0, 1, …
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassicVote {
    /// Its rule.
    pub rule: ClassicRule,
    /// How many options there are.
    pub options: usize,
    /// Who may vote, and what each weighs in the domain; never below zero.
    pub voters: BTreeMap<String, Exact>,
    /// What came in. What names an option that there is not counts as an abstention.
    pub ballots: BTreeMap<String, ClassicBallot>,
}

/// How a vote ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ClassicOutcome {
    /// This option wins.
    Passed {
        /// The option.
        winner: usize,
    },
    /// These reached what is asked for, and none more than the others.
    Tied {
        /// The options, ascending.
        among: Vec<usize>,
    },
    /// No option reached what is asked for.
    Failed,
    /// Too few took part.
    NoQuorum,
    /// Somebody vetoed it.
    Vetoed {
        /// Who did.
        by: Vec<String>,
    },
}

/// How far those who are for something agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsensusLevel {
    /// Nobody is for anything, or nobody more than for something else.
    None,
    /// One leads.
    Split,
    /// One has at least four fifths.
    Strong,
    /// All are for the same.
    Unanimous,
}

/// What came in, and what it comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassicCount {
    /// How many may vote.
    pub eligible: usize,
    /// How many took part.
    pub cast: usize,
    /// How many of them are for something.
    pub active: usize,
    /// What each option has: heads, or weight.
    pub totals: Vec<Exact>,
    /// The part of what all have together that the best has.
    pub share: Exact,
    /// How far they agree.
    pub level: ConsensusLevel,
    /// The rounds of ranked choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rounds: Vec<Round>,
    /// What it comes to.
    #[serde(flatten)]
    pub outcome: ClassicOutcome,
}

impl ClassicVote {
    /// Counts what came in.
    pub fn count(&self) -> ClassicCount {
        let votes = self.votes();
        let mut totals = vec![BigRational::zero(); self.options];
        for (ranking, counts) in &votes {
            if let Some(first) = ranking.first() {
                totals[*first] += counts;
            }
        }
        let sum: BigRational = totals.iter().sum();
        let most = totals.iter().max().cloned().unwrap_or_else(BigRational::zero);
        let share = if sum.is_zero() { BigRational::zero() } else { &most / &sum };
        let leaders: Vec<usize> =
            (0..self.options).filter(|one| most.is_positive() && totals[*one] == most).collect();
        let mut rounds = Vec::new();
        let outcome = if let Some(outcome) = self.blocked() {
            outcome
        } else if self.rule.method == ClassicMethod::RankedChoice {
            let ran = ranked_choice::run(self, &votes);
            rounds = ran.rounds;
            ran.winner.map_or(ClassicOutcome::Failed, |winner| ClassicOutcome::Passed { winner })
        } else if self.is_reached(&share) {
            match leaders[..] {
                [] => ClassicOutcome::Failed,
                [winner] => ClassicOutcome::Passed { winner },
                [..] => ClassicOutcome::Tied { among: leaders.clone() },
            }
        } else {
            ClassicOutcome::Failed
        };
        ClassicCount {
            eligible: self.voters.len(),
            cast: self.cast().count(),
            active: votes.len(),
            level: level(&share, leaders.len()),
            totals: totals.into_iter().map(Exact).collect(),
            share: Exact(share),
            rounds,
            outcome,
        }
    }

    /// The voters who took part.
    fn cast(&self) -> impl Iterator<Item = (&String, &ClassicBallot)> {
        self.ballots.iter().filter(|(voter, _)| self.voters.contains_key(*voter))
    }

    /// What each is for who is for something, and what they count.
    fn votes(&self) -> Vec<(Vec<usize>, BigRational)> {
        let is_weighed =
            self.rule.by_expertise || matches!(self.rule.method, ClassicMethod::Weighted { .. });
        let vote = |(voter, ballot): (&String, &ClassicBallot)| {
            let mut ranking: Vec<usize> = Vec::new();
            for option in ballot.ranking().iter().filter(|option| **option < self.options) {
                if !ranking.contains(option) {
                    ranking.push(*option);
                }
            }
            let weight = self.voters.get(voter).filter(|_| is_weighed);
            let counts = weight.map_or_else(|| Exact::one().0, |weight| weight.0.clone());
            (!ranking.is_empty()).then_some((ranking, counts))
        };
        self.cast().filter_map(vote).collect()
    }

    /// What keeps any option from winning, if anything does.
    fn blocked(&self) -> Option<ClassicOutcome> {
        let vetoed = self.cast().filter(|(_, ballot)| **ballot == ClassicBallot::Veto);
        let by: Vec<String> = vetoed.map(|(voter, _)| voter.clone()).collect();
        if self.rule.security_critical && !by.is_empty() {
            return Some(ClassicOutcome::Vetoed { by });
        }
        let heads = |count: usize| BigRational::from_integer(count.into());
        let (present, all) = match self.rule.quorum_of {
            QuorumOf::Members => (heads(self.cast().count()), heads(self.voters.len())),
            QuorumOf::Weight => (
                self.cast().filter_map(|(voter, _)| self.voters.get(voter)).map(|w| &w.0).sum(),
                self.voters.values().map(|weight| &weight.0).sum(),
            ),
        };
        (present < &self.rule.quorum.0 * all).then_some(ClassicOutcome::NoQuorum)
    }

    /// Whether the best has what its method asks for.
    fn is_reached(&self, share: &BigRational) -> bool {
        match &self.rule.method {
            ClassicMethod::Unanimous => *share == Exact::one().0,
            ClassicMethod::Supermajority { share: needed } => *share >= needed.0,
            ClassicMethod::Majority => share + share > Exact::one().0,
            ClassicMethod::Plurality => share.is_positive(),
            ClassicMethod::Weighted { threshold } => *share >= threshold.0,
            ClassicMethod::RankedChoice => false,
        }
    }

    /// The options of a runoff after a vote that no option won: the two with most, and whoever has
    /// as many as the second. None where there are not three options, or where it would be the same
    /// vote again.
    pub fn runoff(&self, count: &ClassicCount) -> Option<Vec<usize>> {
        if self.options < 3 || count.outcome != ClassicOutcome::Failed {
            return None;
        }
        let mut order: Vec<usize> = (0..self.options).collect();
        order.sort_by(|a, b| count.totals[*b].cmp(&count.totals[*a]));
        let second = &count.totals[order[1]];
        let mut left: Vec<usize> =
            order.iter().copied().filter(|one| count.totals[*one] >= *second).collect();
        left.sort_unstable();
        (left.len() < self.options && !second.is_zero()).then_some(left)
    }
}

impl ClassicOutcome {
    /// The outcome after its tie was broken; unchanged when it is none, or nothing decided.
    #[must_use]
    pub fn after(self, broken: &TieBreak) -> Self {
        match (&self, broken.chosen) {
            (Self::Tied { among }, Some(winner)) if among.contains(&winner) => {
                Self::Passed { winner }
            }
            _ => self,
        }
    }
}

/// How far they agree of whom this share is for the best, and so many options are best.
pub(super) fn level(share: &BigRational, leaders: usize) -> ConsensusLevel {
    let (one, four_fifths) = (Exact::one().0, BigRational::new(4.into(), 5.into()));
    match leaders {
        1 if *share == one => ConsensusLevel::Unanimous,
        1 if *share >= four_fifths => ConsensusLevel::Strong,
        1 => ConsensusLevel::Split,
        _ => ConsensusLevel::None,
    }
}
