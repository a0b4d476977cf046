//! Every two candidates against each other.

use num_bigint::BigInt;
use num_traits::Zero as _;

use super::{
    profile::Profile,
    ranking::{candidate, groups},
};

/// How much is for each candidate over each other one.
#[derive(Clone, Debug)]
pub(super) struct Pairwise {
    candidates: usize,
    support: Vec<BigInt>,
}

/// What makes one defeat larger than another. Only a strict majority is a defeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Votes for less votes against.
    Margins,
    /// Votes for.
    WinningVotes,
}

impl Pairwise {
    /// Counts rankings; who is not listed is below all who are.
    pub(super) fn of_rankings(profile: &Profile) -> Self {
        let candidates = profile.candidates();
        let support = profile.sum(candidates * candidates, |vote, sums| {
            let mut below = vote.len();
            for group in groups(vote) {
                let above = vote.len() - below;
                below -= group.len();
                for one in group {
                    let row = candidate(*one) * candidates;
                    for other in &vote[above + group.len()..] {
                        sums.add(row + candidate(*other));
                    }
                }
            }
            if vote.len() < candidates && !vote.is_empty() {
                let mut is_listed = vec![false; candidates];
                for one in vote {
                    is_listed[candidate(*one)] = true;
                }
                for one in vote {
                    let row = candidate(*one) * candidates;
                    (0..candidates)
                        .filter(|other| !is_listed[*other])
                        .for_each(|other| sums.add(row + other));
                }
            }
        });
        Self { candidates, support }
    }

    /// Counts scores: a higher one is a preference.
    pub(super) fn of_scores(profile: &Profile) -> Self {
        let candidates = profile.candidates();
        let support = profile.sum(candidates * candidates, |vote, sums| {
            for (one, score) in vote.iter().enumerate() {
                for (other, lower) in vote.iter().enumerate() {
                    if score > lower {
                        sums.add(one * candidates + other);
                    }
                }
            }
        });
        Self { candidates, support }
    }

    pub(super) const fn candidates(&self) -> usize {
        self.candidates
    }

    /// What is for `a` over `b`.
    pub(super) fn support(&self, a: usize, b: usize) -> &BigInt {
        &self.support[a * self.candidates + b]
    }

    pub(super) fn margin(&self, a: usize, b: usize) -> BigInt {
        self.support(a, b) - self.support(b, a)
    }

    /// Whether strictly more is for `a` than for `b`.
    pub(super) fn beats(&self, a: usize, b: usize) -> bool {
        self.support(a, b) > self.support(b, a)
    }

    /// All others than `a`.
    pub(super) fn others(&self, a: usize) -> impl Iterator<Item = usize> {
        (0..self.candidates).filter(move |b| *b != a)
    }

    /// Who beats all others; with one candidate that one.
    pub(super) fn winner(&self) -> Option<usize> {
        (0..self.candidates).find(|a| self.others(*a).all(|b| self.beats(*a, b)))
    }

    /// Defeats by how large they are: 0 for none, equal defeats have equal numbers.
    pub(super) fn strengths(&self, measure: Measure) -> Strengths {
        let of = |a: usize, b: usize| {
            if !self.beats(a, b) {
                return BigInt::zero();
            }
            match measure {
                Measure::Margins => self.margin(a, b),
                Measure::WinningVotes => self.support(a, b).clone(),
            }
        };
        let each = (0..self.candidates).flat_map(|a| (0..self.candidates).map(move |b| (a, b)));
        let sizes: Vec<BigInt> = each.map(|(a, b)| of(a, b)).collect();
        let mut levels: Vec<&BigInt> = sizes.iter().filter(|size| !size.is_zero()).collect();
        levels.sort_unstable();
        levels.dedup();
        let level = |size: &BigInt| match levels.binary_search(&size) {
            Ok(place) => u32::try_from(place + 1).unwrap_or(u32::MAX),
            Err(_) => 0,
        };
        let levels = sizes.iter().map(level).collect();
        Strengths { candidates: self.candidates, levels }
    }
}

/// How large the defeats are, as small numbers that compare as the defeats do.
#[derive(Clone, Debug)]
pub(super) struct Strengths {
    candidates: usize,
    levels: Vec<u32>,
}

impl Strengths {
    pub(super) const fn candidates(&self) -> usize {
        self.candidates
    }

    /// How strongly `a` defeats `b`; 0 when it does not.
    pub(super) fn of(&self, a: usize, b: usize) -> u32 {
        self.levels[a * self.candidates + b]
    }

    /// The strongest path from each to each: as strong as its weakest defeat.
    pub(super) fn paths(mut self) -> Self {
        let candidates = self.candidates;
        for over in 0..candidates {
            let second = self.levels[over * candidates..(over + 1) * candidates].to_vec();
            for from in (0..candidates).filter(|from| *from != over) {
                let first = self.of(from, over);
                if first == 0 {
                    continue;
                }
                let row = &mut self.levels[from * candidates..(from + 1) * candidates];
                for (to, (path, then)) in row.iter_mut().zip(&second).enumerate() {
                    if to != from {
                        *path = (*path).max(first.min(*then));
                    }
                }
            }
        }
        self
    }
}

/// Who follows whom: a relation between candidates that can be closed under following.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Follows {
    candidates: usize,
    words: usize,
    bits: Vec<u64>,
}

impl Follows {
    pub(super) fn none(candidates: usize) -> Self {
        let words = candidates.div_ceil(64);
        Self { candidates, words, bits: vec![0; words * candidates] }
    }

    pub(super) fn when(candidates: usize, holds: impl Fn(usize, usize) -> bool) -> Self {
        let mut follows = Self::none(candidates);
        for a in 0..candidates {
            for b in (0..candidates).filter(|b| *b != a && holds(a, *b)) {
                follows.set(a, b);
            }
        }
        follows
    }

    fn set(&mut self, a: usize, b: usize) {
        self.bits[a * self.words + b / 64] |= 1 << (b % 64);
    }

    pub(super) fn has(&self, a: usize, b: usize) -> bool {
        self.bits[a * self.words + b / 64] & (1 << (b % 64)) != 0
    }

    /// Everything that can be come to by following, from each.
    pub(super) fn closed(mut self) -> Self {
        for over in 0..self.candidates {
            let row = self.row(over);
            for from in 0..self.candidates {
                if self.has(from, over) {
                    self.join(from, &row);
                }
            }
        }
        self
    }

    /// Adds that `b` follows `a` to a relation that is closed, and closes it again.
    pub(super) fn lock(&mut self, a: usize, b: usize) {
        let mut row = self.row(b);
        row[b / 64] |= 1 << (b % 64);
        for from in 0..self.candidates {
            if from == a || self.has(from, a) {
                self.join(from, &row);
            }
        }
    }

    fn row(&self, a: usize) -> Vec<u64> {
        self.bits[a * self.words..(a + 1) * self.words].to_vec()
    }

    fn join(&mut self, a: usize, row: &[u64]) {
        let mine = &mut self.bits[a * self.words..(a + 1) * self.words];
        mine.iter_mut().zip(row).for_each(|(word, more)| *word |= more);
    }

    pub(super) const fn candidates(&self) -> usize {
        self.candidates
    }

    /// Who follows nobody.
    pub(super) fn firsts(&self) -> Vec<usize> {
        let is_first = |b: &usize| (0..self.candidates).all(|a| !self.has(a, *b));
        (0..self.candidates).filter(is_first).collect()
    }
}
