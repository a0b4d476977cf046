//! How much a number of voters is worth: nine who always err together are one.
//!
//! The effective number of independent voters is `(sum w)^2 / sum_ij w_i w_j r_ij`, where `r_ij` is
//! how far two voters' errors go together and `r_ii` is 1. It is Kish's effective sample size (1965)
//! with his design effect for correlated members: with equal weights and one correlation `r` it is
//! `n / (1 + (n - 1) r)`. `r_ij` is Cohen's kappa (1960) of being right or wrong over the decisions
//! that both took part in and that were verified: how much more often than by chance they are right
//! and wrong together. Kappa is a fraction, where a correlation would be a root, so all is exact.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One as _, Signed as _, Zero as _};
use serde::{Deserialize, Serialize};

use super::tally::Exact;

/// With fewer decisions in common nothing is known of two voters.
pub const TOGETHER_MIN: u64 = 20;

/// How two voters did in the decisions that both took part in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Together {
    /// Both were right.
    pub both_right: u64,
    /// Both were wrong.
    pub both_wrong: u64,
    /// Only the first was right.
    pub only_first: u64,
    /// Only the second was right.
    pub only_second: u64,
}

impl Together {
    /// How far their errors go together, from 0 to 1; none when too little is known, or when nobody
    /// ever erred, or nobody was ever right.
    pub fn goes_together(&self) -> Option<Exact> {
        let whole = |number: u64| BigRational::from_integer(number.into());
        let Self { both_right, both_wrong, only_first, only_second } = *self;
        let all: BigRational =
            [both_right, both_wrong, only_first, only_second].map(whole).iter().sum();
        if all < whole(TOGETHER_MIN) {
            return None;
        }
        let one = BigRational::one();
        let agree = (whole(both_right) + whole(both_wrong)) / &all;
        let first = (whole(both_right) + whole(only_first)) / &all;
        let second = (whole(both_right) + whole(only_second)) / &all;
        let by_chance = &first * &second + (&one - first) * (&one - second);
        if by_chance == one {
            return None;
        }
        let kappa = (agree - &by_chance) / (one - by_chance);
        Some(Exact(if kappa.is_negative() { BigRational::zero() } else { kappa }))
    }
}

/// How many independent voters some voters are worth, to hundredths, rounded down.
///
/// `goes_together` says how far two of them, by place, err together; from 0 to 1.
pub fn effective_number(weights: &[Exact], goes_together: impl Fn(usize, usize) -> Exact) -> Exact {
    let sum: BigRational = weights.iter().map(|weight| &weight.0).sum();
    let mut joint = BigRational::zero();
    for (i, one) in weights.iter().enumerate() {
        joint += &one.0 * &one.0;
        for (j, other) in weights.iter().enumerate().skip(i + 1) {
            joint += &one.0 * &other.0 * goes_together(i, j).0 * BigInt::from(2);
        }
    }
    worth(&sum, joint)
}

/// A voter, as far as it matters for how many it is worth: its weight, and its family.
pub type Known<'a> = (Exact, Option<&'a str>);

/// The same for however many voters, of whom some pairs are known, each with how far the two err
/// together; of all others those of one family err together as far as `in_family`, and strangers not
/// at all. It takes as long as there are voters and known pairs, and not as there are pairs.
pub fn effective_number_of_families<'a>(
    voters: &[Known<'a>],
    pairs: impl IntoIterator<Item = (usize, usize, Exact)>,
    in_family: &Exact,
) -> Exact {
    // Many weigh the same: fractions are added once for all of those.
    let mut alike: BTreeMap<(Option<&'a str>, &Exact), u64> = BTreeMap::new();
    for (weight, family) in voters {
        *alike.entry((*family, weight)).or_default() += 1;
    }
    let mut families: BTreeMap<Option<&str>, (BigRational, BigRational)> = BTreeMap::new();
    for ((family, weight), many) in alike {
        let together = &weight.0 * BigInt::from(many);
        let (total, squares) = families.entry(family).or_default();
        *squares += &together * &weight.0;
        *total += together;
    }
    let (mut sum, mut joint) = (BigRational::zero(), BigRational::zero());
    for (family, (total, squares)) in families {
        if family.is_some() {
            joint += (&total * &total - &squares) * &in_family.0;
        }
        joint += squares;
        sum += total;
    }
    for (i, j, together) in pairs {
        let ((one, family), (other, of_other)) = (&voters[i], &voters[j]);
        let is_one_family = family.is_some() && family == of_other;
        let else_taken = if is_one_family { in_family.clone() } else { Exact::zero() };
        joint += &one.0 * &other.0 * (together.0 - else_taken.0) * BigInt::from(2);
    }
    worth(&sum, joint)
}

/// To hundredths, rounded down.
fn worth(sum: &BigRational, joint: BigRational) -> Exact {
    if joint.is_zero() {
        return Exact::zero();
    }
    let hundredths = (sum * sum / joint * BigInt::from(100)).floor();
    Exact(hundredths / BigInt::from(100))
}

/// Who changed their mind between what they said first, alone, and last, having seen the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switched {
    /// How many said something both times.
    pub asked_twice: usize,
    /// How many of them said something else the second time.
    pub switched: usize,
    /// Towards what they went, and how many.
    pub towards: BTreeMap<usize, usize>,
    /// How many went to what most had said first; that is following, or being convinced.
    pub to_first_leader: usize,
}

impl Switched {
    /// Compares what each voter was for first and last.
    pub fn between(first: &BTreeMap<String, usize>, last: &BTreeMap<String, usize>) -> Self {
        let mut told = Self::default();
        let mut said: BTreeMap<usize, usize> = BTreeMap::new();
        for option in first.values() {
            *said.entry(*option).or_default() += 1;
        }
        let most = said.values().max();
        let leaders: Vec<usize> = said
            .iter()
            .filter(|(_, times)| Some(*times) == most)
            .map(|(option, _)| *option)
            .collect();
        for (voter, before) in first {
            let Some(after) = last.get(voter) else { continue };
            told.asked_twice += 1;
            if before != after {
                told.switched += 1;
                *told.towards.entry(*after).or_default() += 1;
                told.to_first_leader += usize::from(leaders[..] == [*after]);
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_worth_what_they_are_worth_pair_by_pair() {
        let families = [Some("a"), Some("a"), None, Some("b"), Some("a"), Some("b"), None];
        let weights = [1, 3, 2, 2, 1, 5, 2].map(Exact::whole);
        let known = [(0, 1, "1/4"), (1, 3, "9/10"), (2, 6, "1"), (3, 5, "0")];
        let in_family: Exact = "3/5".parse().unwrap();
        let pairs = known.map(|(i, j, together)| (i, j, together.parse::<Exact>().unwrap()));
        let one_by_one = effective_number(&weights, |i, j| {
            let found = pairs.iter().find(|(a, b, _)| (*a, *b) == (i, j));
            let is_one_family = families[i].is_some() && families[i] == families[j];
            let else_taken = if is_one_family { in_family.clone() } else { Exact::zero() };
            found.map_or(else_taken, |(_, _, together)| together.clone())
        });
        let voters: Vec<Known<'_>> = weights.into_iter().zip(families).collect();
        assert_eq!(effective_number_of_families(&voters, pairs, &in_family), one_by_one);
    }

    fn number(weights: &[i64], together: &str) -> String {
        let weights: Vec<Exact> = weights.iter().map(|weight| Exact::whole(*weight)).collect();
        effective_number(&weights, |_, _| together.parse().unwrap()).to_string()
    }

    #[test]
    fn nine_who_err_together_are_one_and_nine_who_do_not_are_nine() {
        assert_eq!(number(&[1; 9], "0"), "9");
        assert_eq!(number(&[1; 9], "1"), "1");
        // 9 / (1 + 8 * 3/5), to hundredths.
        assert_eq!(number(&[1; 9], "3/5"), "31/20");
        // One who weighs ten times as much leaves little room for the others: 14^2 / 104.
        assert_eq!(number(&[10, 1, 1, 1, 1], "0"), "47/25");
        assert_eq!(number(&[], "0"), "0");
    }

    #[test]
    fn going_together_is_more_than_chance() {
        let of = |both_right, both_wrong, only_first, only_second| {
            let together = Together { both_right, both_wrong, only_first, only_second };
            together.goes_together().map(|kappa| kappa.to_string())
        };
        assert_eq!(of(10, 10, 0, 0).unwrap(), "1");
        assert_eq!(of(25, 25, 25, 25).unwrap(), "0");
        assert_eq!(of(0, 0, 10, 10).unwrap(), "0", "erring apart is not counted as better yet");
        assert_eq!(of(40, 40, 10, 10).unwrap(), "3/5");
        assert_eq!(of(5, 5, 5, 4), None, "nineteen decisions are too few");
        assert_eq!(of(50, 0, 0, 0), None, "nobody ever erred");
    }

    #[test]
    fn it_is_told_who_switched_and_towards_what() {
        let said = |list: &[(&str, usize)]| -> BTreeMap<String, usize> {
            list.iter().map(|(voter, option)| ((*voter).to_owned(), *option)).collect()
        };
        let first = said(&[("a", 0), ("b", 0), ("c", 1), ("d", 2), ("e", 1)]);
        let last = said(&[("a", 0), ("b", 2), ("c", 0), ("d", 0), ("f", 1)]);
        let switched = Switched::between(&first, &last);
        assert_eq!((switched.asked_twice, switched.switched), (4, 3));
        assert_eq!(switched.towards, BTreeMap::from([(0, 2), (2, 1)]));
        assert_eq!(switched.to_first_leader, 0, "two led at first");
        let first = said(&[("a", 0), ("b", 0), ("c", 1)]);
        let last = said(&[("a", 0), ("b", 0), ("c", 0)]);
        assert_eq!(Switched::between(&first, &last).to_first_leader, 1);
    }
}
