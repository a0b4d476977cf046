//! Single transferable vote by Meek: whoever is elected keeps just so much of each vote as the
//! quota needs.
//!
//! Keep factors have no finite form, so they are worked out to eighteen decimals, always rounded the
//! same way: every machine comes to the same numbers.

use num_bigint::BigInt;
use num_traits::{ToPrimitive as _, Zero as _};

use super::{
    answer::{Answer, Broken, BrokenBy, Round},
    exact::Exact,
    profile::{Profile, lowest},
    ranking::candidate,
};

/// One, as a keep factor.
const WHOLE: i128 = 1_000_000_000_000_000_000;
/// What is over the quota together is nothing once it is this part of all votes.
const NOTHING: i64 = 10_000_000_000;
/// How often keep factors are mended between two decisions, at most.
const TURNS_MAX: usize = 5_000;

struct Count<'a> {
    profile: &'a Profile,
    seats: usize,
    /// What each keeps of a vote: a whole one for who is not elected yet, nothing for who is out.
    keeps: Vec<i128>,
    elected: Vec<usize>,
    hopefuls: Vec<usize>,
}

/// What each has, and the quota times seats and one, both in units times [`WHOLE`].
struct Counted {
    has: Vec<BigInt>,
    quotas: BigInt,
}

pub(super) fn count(profile: &Profile, seats: usize, places: &[usize]) -> Answer {
    let all = profile.candidates();
    let (elected, hopefuls) = (Vec::new(), (0..all).collect());
    let mut count = Count { profile, seats, keeps: vec![WHOLE; all], elected, hopefuls };
    let (mut rounds, mut ties) = (Vec::new(), Vec::new());
    while count.elected.len() < seats {
        let counted = count.converge();
        let mut reached: Vec<usize> = count.hopefuls.clone();
        reached.retain(|one| count.has_quota(&counted, *one));
        reached.sort_by(|a, b| {
            counted.has[*b].cmp(&counted.has[*a]).then(places[*a].cmp(&places[*b]))
        });
        reached.truncate(seats - count.elected.len());
        let mut round = count.round(&counted);
        if reached.is_empty() {
            let lowest = lowest(&counted.has, |one| count.hopefuls.contains(&one));
            let Some(out) = lowest.iter().copied().max_by_key(|one| places[*one]) else { break };
            if lowest.len() > 1 {
                ties.push(Broken { among: lowest, chosen: out, by: BrokenBy::FixedList });
            }
            count.keeps[out] = 0;
            count.hopefuls.retain(|one| *one != out);
            round.out.push(out);
        }
        count.elect(&reached);
        round.elected = reached;
        if count.elected.len() + count.hopefuls.len() <= seats {
            let rest = count.hopefuls.clone();
            count.elect(&rest);
            round.elected.extend(rest);
        }
        rounds.push(round);
    }
    count.elected.sort_unstable();
    Answer {
        seats: Some(seats),
        elected: Some(count.elected),
        rounds: Some(rounds),
        ties: (!ties.is_empty()).then_some(ties),
        ..Answer::default()
    }
}

impl Count<'_> {
    fn elect(&mut self, reached: &[usize]) {
        self.elected.extend(reached);
        self.hopefuls.retain(|one| !reached.contains(one));
    }

    /// Mends the keep factors of the elected until somebody new has the quota, or nothing is over.
    fn converge(&mut self) -> Counted {
        let mut counted = self.counted();
        for _ in 0..TURNS_MAX {
            let over: BigInt = self
                .elected
                .iter()
                .map(|one| &counted.has[*one] * (self.seats + 1) - &counted.quotas)
                .filter(|over| over > &BigInt::zero())
                .sum();
            let is_somebody_new = self.hopefuls.iter().any(|one| self.has_quota(&counted, *one));
            if is_somebody_new || over * NOTHING <= self.profile.total() * WHOLE {
                break;
            }
            for one in &self.elected {
                let has = &counted.has[*one] * (self.seats + 1);
                if !has.is_zero() {
                    // Rounded up: whoever is elected is never left below the quota.
                    let keeps: BigInt = (&counted.quotas * self.keeps[*one] + &has - 1) / has;
                    self.keeps[*one] = keeps.to_i128().unwrap_or(WHOLE).min(WHOLE);
                }
            }
            counted = self.counted();
        }
        counted
    }

    fn has_quota(&self, counted: &Counted, one: usize) -> bool {
        &counted.has[one] * (self.seats + 1) >= counted.quotas && !counted.has[one].is_zero()
    }

    /// Each vote goes down its ranking; everybody keeps their part of what comes to them.
    fn counted(&self) -> Counted {
        let has = self.profile.sum_parts(self.keeps.len(), |vote, give| {
            let mut left = WHOLE;
            for mark in vote {
                let keeps = left * self.keeps[candidate(*mark)] / WHOLE;
                if keeps > 0 {
                    give(candidate(*mark), keeps);
                    left -= keeps;
                }
                if left == 0 {
                    break;
                }
            }
        });
        let quotas = has.iter().sum();
        Counted { has, quotas }
    }

    fn round(&self, counted: &Counted) -> Round {
        let shown = |one: usize| {
            // Six decimals are enough to read, and short enough to keep.
            let millionths = &counted.has[one] / (WHOLE / 1_000_000);
            Exact(self.profile.exact(&millionths).0 / BigInt::from(1_000_000))
        };
        let takes_part = (0..self.keeps.len()).filter(|one| self.keeps[*one] > 0);
        let votes = takes_part.map(|one| (one, shown(one))).collect();
        Round { votes, elected: Vec::new(), out: Vec::new() }
    }
}
