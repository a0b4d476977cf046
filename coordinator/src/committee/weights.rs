//! What voters weigh by their record: how often they were right, as was found out later.
//!
//! A record holds verified outcomes only (tests passed, a change was reverted, a person said so),
//! never agreement with the majority, which would reward following it. The weight is the log-odds of
//! the smoothed hit rate, `max(0, ln((hits + 1) / (misses + 1)))`: the best weights for independent
//! voters (Nitzan and Paroush 1982), with one hit and one miss assumed beforehand. Outcomes count
//! less the older they are: half as much after each half-life, in a straight line between.
//!
//! All of it is whole numbers and fractions, and the logarithm is worked out in whole numbers, so a
//! recount comes to the same on every machine. A vote freezes the weights that it was opened with.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One as _, Zero as _};
use serde::{Deserialize, Serialize};

use super::tally::Exact;

/// One outcome that was found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Whether the voter was right.
    pub hit: bool,
    /// How sure the voter was, from 0 to 1, if that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Exact>,
}

/// How records become weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordRule {
    /// With fewer outcomes a voter weighs one.
    pub outcomes_min: usize,
    /// After how many outcomes one counts half; they count alike for ever when it is not said.
    #[serde(default)]
    pub half_life: Option<u32>,
    /// How many times the median weight anybody weighs at most.
    pub cap: u32,
}

impl Default for RecordRule {
    fn default() -> Self {
        Self { outcomes_min: 20, half_life: Some(50), cap: 3 }
    }
}

/// After so many half-lives an outcome counts no more: less than a millionth is left of it.
const HALF_LIVES_MAX: u32 = 20;
/// Weights have so many parts in one: six decimals, always rounded down.
const PARTS: u32 = 1_000_000;

impl RecordRule {
    /// What each voter of an electorate weighs; records have the oldest outcome first.
    ///
    /// When nobody earns more than nothing, all weigh one.
    pub fn weights(&self, records: &BTreeMap<String, Vec<Judged>>) -> BTreeMap<String, Exact> {
        let records = records.iter().map(|(voter, record)| (voter.clone(), &record[..])).collect();
        self.weights_among(&records, 0).0
    }

    /// The same where so many others vote of whom nothing is known, and what each of those weighs.
    pub fn weights_among<K: Ord + Clone>(
        &self,
        records: &BTreeMap<K, &[Judged]>,
        others: usize,
    ) -> (BTreeMap<K, Exact>, Exact) {
        let mut logarithms = BTreeMap::new();
        let earned: BTreeMap<&K, BigRational> = records
            .iter()
            .map(|(voter, record)| (voter, self.earned(record, &mut logarithms)))
            .collect();
        let positive = earned.values().filter(|weight| !weight.is_zero()).collect();
        let Some(median) = median(positive, others) else {
            let ones = records.keys().map(|voter| (voter.clone(), Exact::one()));
            return (ones.collect(), Exact::one());
        };
        let most = median * BigInt::from(self.cap);
        let capped = |weight: BigRational| Exact(weight.min(most.clone()));
        let weights =
            earned.iter().map(|(voter, weight)| ((*voter).clone(), capped(weight.clone())));
        (weights.collect(), capped(BigRational::one()))
    }

    /// What one record is worth, before it is capped. Records that are alike have one logarithm.
    fn earned(
        &self,
        record: &[Judged],
        logarithms: &mut BTreeMap<(u128, u128), BigRational>,
    ) -> BigRational {
        if record.len() < self.outcomes_min {
            return BigRational::one();
        }
        let whole = self.whole();
        let (mut hits, mut misses) = (whole, whole);
        for (age, judged) in record.iter().rev().enumerate() {
            let left = self.left_after(age);
            if left == 0 {
                break;
            }
            if judged.hit { hits += left } else { misses += left }
        }
        if hits <= misses {
            return BigRational::zero();
        }
        let ratio = || logarithm(&BigRational::new(hits.into(), misses.into()));
        logarithms.entry((hits, misses)).or_insert_with(ratio).clone()
    }

    /// Into how many parts an outcome is divided, so that what is left of one is a whole number of them.
    fn whole(&self) -> u128 {
        let half_life = self.half_life.map(|outcomes| outcomes.max(1));
        half_life.map_or(1, |half_life| (u128::from(half_life) * 2) << (HALF_LIVES_MAX - 1))
    }

    /// How many parts are left of an outcome after so many later ones.
    fn left_after(&self, age: usize) -> u128 {
        let Some(half_life) = self.half_life.map(|outcomes| outcomes.max(1)) else { return 1 };
        let age = u32::try_from(age).unwrap_or(u32::MAX);
        let (halved, on) = (age / half_life, age % half_life);
        if halved >= HALF_LIVES_MAX {
            return 0;
        }
        (u128::from(half_life) * 2 - u128::from(on)) << (HALF_LIVES_MAX - 1 - halved)
    }
}

/// The lesser middle of these and of so many ones; none where there is nothing.
fn median(mut found: Vec<&BigRational>, ones: usize) -> Option<BigRational> {
    found.sort_unstable();
    let one = BigRational::one();
    let middle = (found.len() + ones).checked_sub(1)? / 2;
    let below = found.partition_point(|weight| **weight < one);
    Some(if middle < below {
        found.get(middle).map_or(one, |weight| (*weight).clone())
    } else if middle < below + ones {
        one
    } else {
        found.get(middle - ones).map_or(one, |weight| (*weight).clone())
    })
}

/// The natural logarithm of a number above one, to six decimals, rounded down.
///
/// The number is halved until it is below two; what is left has a series that ends soon.
fn logarithm(number: &BigRational) -> BigRational {
    let scale = BigInt::from(10).pow(24);
    let two = BigRational::from_integer(2.into());
    let (mut rest, mut halved) = (number.clone(), 0_u32);
    while rest >= two {
        rest /= &two;
        halved += 1;
    }
    // ln x = 2 (y + y^3/3 + y^5/5 + ...) with y = (x - 1) / (x + 1), at most a third here.
    let series = |x: &BigRational| {
        let one = BigRational::one();
        let y = ((x - &one) / (x + &one) * &scale).to_integer();
        let square = &y * &y / &scale;
        let (mut power, mut sum, mut odd) = (y, BigInt::zero(), 1_u32);
        while !power.is_zero() {
            sum += &power / odd;
            power = power * &square / &scale;
            odd += 2;
        }
        sum * 2
    };
    let sum = series(&rest) + series(&two) * halved;
    BigRational::new(sum * PARTS / scale, PARTS.into())
}

/// How well a voter knew how sure to be: the mean of the squared distance between what was said and
/// what came (Brier 1950). 0 is best, 1/4 is a coin, 1 is worst; none when nothing was said.
pub fn brier(record: &[Judged]) -> Option<Exact> {
    let said: Vec<(&Exact, bool)> =
        record.iter().filter_map(|one| Some((one.confidence.as_ref()?, one.hit))).collect();
    let square = |(confidence, hit): &(&Exact, bool)| {
        let came = if *hit { BigRational::one() } else { BigRational::zero() };
        let off = came - &confidence.0;
        &off * &off
    };
    let sum: BigRational = said.iter().map(square).sum();
    (!said.is_empty()).then(|| Exact(sum / BigInt::from(said.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(hits: usize, misses: usize) -> Vec<Judged> {
        let of = |hit, times| std::iter::repeat_n(Judged { hit, confidence: None }, times);
        of(true, hits).chain(of(false, misses)).collect()
    }

    fn weigh(rule: &RecordRule, records: &[(&str, Vec<Judged>)]) -> BTreeMap<String, String> {
        let records = records.iter().map(|(name, record)| ((*name).to_owned(), record.clone()));
        let weights = rule.weights(&records.collect());
        weights.into_iter().map(|(name, weight)| (name, weight.to_string())).collect()
    }

    #[test]
    fn the_logarithm_is_right_to_six_decimals() {
        let ln = |p: i64, q: i64| logarithm(&BigRational::new(p.into(), q.into()));
        // Worked out elsewhere: ln 2 = 0.693147|18, ln 3 = 1.098612|28, ln 1.5 = 0.405465|10,
        // ln 1000 = 6.907755|27.
        for (p, q, millionths) in
            [(2, 1, 693_147), (3, 1, 1_098_612), (3, 2, 405_465), (1_000, 1, 6_907_755)]
        {
            assert_eq!(ln(p, q), BigRational::new(millionths.into(), PARTS.into()), "ln {p}/{q}");
        }
    }

    #[test]
    fn until_there_is_a_record_everybody_weighs_one() {
        let rule = RecordRule::default();
        let weights = weigh(&rule, &[("new", record(19, 0)), ("none", vec![])]);
        assert_eq!(weights["new"], "1");
        assert_eq!(weights["none"], "1");
        // A year of being wrong is no vote against: it is none.
        assert_eq!(weigh(&rule, &[("bad", record(2, 30)), ("new", vec![])])["bad"], "0");
    }

    #[test]
    fn who_is_right_more_often_weighs_more_and_nobody_weighs_all() {
        let rule = RecordRule { half_life: None, ..RecordRule::default() };
        let mut voters = vec![("a", record(29, 9)), ("b", record(30, 10)), ("c", record(9_999, 0))];
        let weights = weigh(&rule, &voters);
        let close = |text: &str| text.parse::<Exact>().unwrap();
        // 30 to 10 once smoothed is three to one: the logarithm of 3.
        assert_eq!(close(&weights["a"]), Exact::ratio(1_098_612, 1_000_000).unwrap());
        assert!(close(&weights["a"]) > close(&weights["b"]));
        assert_eq!(close(&weights["c"]).0, close(&weights["a"]).0 * BigInt::from(3), "the cap");
        voters.truncate(0);
        assert!(weigh(&rule, &voters).is_empty());
    }

    #[test]
    fn when_nobody_earned_anything_all_weigh_one() {
        let weights = weigh(&RecordRule::default(), &[("a", record(0, 40)), ("b", record(3, 40))]);
        assert_eq!(weights.values().collect::<Vec<_>>(), ["1", "1"]);
    }

    #[test]
    fn what_is_long_ago_counts_for_less() {
        let rule = RecordRule { half_life: Some(10), ..RecordRule::default() };
        let late = [record(0, 20), record(20, 0)].concat();
        let early = [record(20, 0), record(0, 20)].concat();
        let earned = |record: &[Judged]| rule.earned(record, &mut BTreeMap::new());
        assert!(earned(&late) > earned(&record(20, 20)));
        assert!(earned(&early).is_zero());
        assert_eq!(rule.left_after(0), rule.whole());
        assert_eq!(rule.left_after(10) * 2, rule.whole());
        assert_eq!(rule.left_after(15) * 8, rule.whole() * 3);
        assert_eq!(rule.left_after(200), 0);
    }

    #[test]
    fn many_of_whom_nothing_is_known_are_as_if_each_had_an_empty_record() {
        let rule = RecordRule { half_life: Some(7), ..RecordRule::default() };
        let voters = [("a", record(29, 9)), ("b", record(30, 20)), ("c", record(500, 1))];
        for others in [0, 1, 2, 5, 40] {
            let mut all: BTreeMap<String, Vec<Judged>> =
                voters.iter().map(|(name, record)| ((*name).to_owned(), record.clone())).collect();
            let known = all.iter().map(|(name, record)| (name.clone(), &record[..])).collect();
            let (mut found, rest) = rule.weights_among(&known, others);
            let names: Vec<String> = (0..others).map(|number| format!("new-{number}")).collect();
            found.extend(names.iter().map(|name| (name.clone(), rest.clone())));
            all.extend(names.into_iter().map(|name| (name, Vec::new())));
            assert_eq!(found, rule.weights(&all), "{others}");
        }
    }

    #[test]
    fn being_sure_and_wrong_costs_most() {
        let said = |hit, confidence: &str| Judged { hit, confidence: confidence.parse().ok() };
        let of = |record: &[Judged]| brier(record).map(|score| score.to_string());
        assert_eq!(of(&[said(true, "1"), said(false, "0")]).unwrap(), "0");
        assert_eq!(of(&[said(true, "1/2"), said(false, "1/2")]).unwrap(), "1/4");
        assert_eq!(of(&[said(false, "1")]).unwrap(), "1");
        assert_eq!(of(&[said(true, "9/10"), said(false, "4/5")]).unwrap(), "13/40");
        assert_eq!(of(&record(3, 3)), None);
    }
}
