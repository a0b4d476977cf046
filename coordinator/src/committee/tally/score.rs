//! Scores: sum, median, STAR, majority gauge, majority judgement; and points.

use num_bigint::BigInt;
use num_traits::{One as _, Zero as _};

use super::{
    answer::{Answer, Refused},
    irv::runoff,
    method::Method,
    pairwise::Pairwise,
    positional::by_score,
    profile::{Profile, highest, ranked_by},
};

/// How many medians are taken away, at most, to tell candidates apart.
const MEDIANS_MAX: usize = 200_000;

/// The sum of what each is given, of scores or of points.
pub(super) fn sums(profile: &Profile) -> Vec<BigInt> {
    profile.sum(profile.candidates(), |vote, sums| {
        for (one, score) in vote.iter().enumerate() {
            sums.give(one, i64::from(*score));
        }
    })
}

/// The highest sum.
pub(super) fn sum(profile: &Profile) -> Answer {
    by_score(profile, &sums(profile))
}

/// The two highest sums against each other, by who is scored higher on more ballots: every pair
/// that ties allow; a tied runoff elects both.
pub(super) fn star(profile: &Profile) -> Answer {
    let sums = sums(profile);
    let pairwise = Pairwise::of_scores(profile);
    let top = highest(&sums, |_| true);
    let mut winners: Vec<usize> = if let [first] = top[..] {
        let second = highest(&sums, |one| one != first);
        if second.is_empty() {
            vec![first]
        } else {
            second.into_iter().flat_map(|second| runoff(&pairwise, (first, second))).collect()
        }
    } else {
        let pairs = top.iter().flat_map(|a| top.iter().map(move |b| (*a, *b)));
        pairs.filter(|(a, b)| a < b).flat_map(|pair| runoff(&pairwise, pair)).collect()
    };
    winners.sort_unstable();
    winners.dedup();
    Answer::winners(winners)
}

/// What each candidate has of each score, the lowest score first.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Grades(Vec<BigInt>);

/// A score with what is strictly below and above it.
struct Median {
    score: usize,
    below: BigInt,
    above: BigInt,
}

fn grades(profile: &Profile, score_max: u16) -> Vec<Grades> {
    let width = usize::from(score_max) + 1;
    let sums = profile.sum(profile.candidates() * width, |vote, sums| {
        for (one, score) in vote.iter().enumerate() {
            sums.add(one * width + usize::from(*score));
        }
    });
    sums.chunks(width).map(|sums| Grades(sums.to_vec())).collect()
}

impl Grades {
    fn total(&self) -> BigInt {
        self.0.iter().sum()
    }

    /// The lower median; that of no votes is 0.
    fn median(&self) -> Median {
        let total = self.total();
        let mut below = BigInt::zero();
        for (score, has) in self.0.iter().enumerate() {
            let up_to = &below + has;
            if &up_to * 2 >= total {
                return Median { score, above: total - up_to, below };
            }
            below = up_to;
        }
        Median { score: 0, below: BigInt::zero(), above: BigInt::zero() }
    }

    /// How often the median can be taken away and still be the median.
    fn repeats(&self, median: &Median) -> BigInt {
        let Median { score, below, above } = median;
        let least = BigInt::one().max(below - above + 1).max(above - below);
        &self.0[*score] - least + 1
    }
}

/// The highest lower median.
pub(super) fn median(profile: &Profile, score_max: u16) -> Answer {
    let medians: Vec<BigInt> =
        grades(profile, score_max).iter().map(|grades| grades.median().score.into()).collect();
    Answer {
        winners: Some(highest(&medians, |_| true)),
        ranking: Some(ranked_by(&medians)),
        scores: Some(medians.into_iter().map(super::exact::Exact::whole).collect()),
        ..Answer::default()
    }
}

/// The highest lower median; among equals the larger of the share above it, which counts for, and
/// the share below it, which counts against.
pub(super) fn majority_gauge(profile: &Profile, score_max: u16) -> Answer {
    let gauge = |grades: &Grades| {
        let Median { score, below, above } = grades.median();
        (score, if above > below { above } else { -below })
    };
    let gauges: Vec<(usize, BigInt)> = grades(profile, score_max).iter().map(gauge).collect();
    let ranking = ranked_by(&gauges);
    let winners = ranking.first().cloned();
    Answer { winners, ranking: Some(ranking), ..Answer::default() }
}

/// The highest lower median; while several have it, it is taken away from each of them, once, and
/// they are looked at again (Balinski and Laraki). Voters who weigh more than one count as several.
pub(super) fn majority_judgement(profile: &Profile, score_max: u16) -> Result<Answer, Refused> {
    let mut left: Vec<(usize, Grades)> =
        grades(profile, score_max).into_iter().enumerate().collect();
    for _ in 0..MEDIANS_MAX {
        let medians: Vec<Median> = left.iter().map(|(_, grades)| grades.median()).collect();
        let best = medians.iter().map(|median| median.score).max().unwrap_or_default();
        let mut next: Vec<((usize, Grades), Median)> =
            left.into_iter().zip(medians).filter(|(_, median)| median.score == best).collect();
        let is_equal = next.windows(2).all(|two| two[0].0.1 == two[1].0.1);
        if is_equal || next.iter().all(|((_, grades), _)| grades.total().is_zero()) {
            return Ok(Answer::winners(next.into_iter().map(|((one, _), _)| one).collect()));
        }
        let times = next.iter().map(|((_, grades), median)| grades.repeats(median)).min();
        let times = times.unwrap_or_else(BigInt::one);
        for ((_, grades), _) in &mut next {
            grades.0[best] -= &times;
        }
        left = next.into_iter().map(|(kept, _)| kept).collect();
    }
    Err(Refused::TooCostly { method: Method::MajorityJudgement, most: MEDIANS_MAX })
}
