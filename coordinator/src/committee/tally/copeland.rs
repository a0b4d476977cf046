//! Copeland and Llull: how many of the others one beats.

use super::{
    answer::Answer,
    exact::Exact,
    pairwise::Pairwise,
    profile::{highest, ranked_by},
};

/// Points for a victory and for a tie, per method.
pub(super) fn count(pairwise: &Pairwise, (victory, tie): (i64, i64)) -> Answer {
    let points = |a: usize| -> i64 {
        let of = |b: usize| match (pairwise.beats(a, b), pairwise.beats(b, a)) {
            (true, _) => victory,
            (false, false) => tie,
            (false, true) => 0,
        };
        pairwise.others(a).map(of).sum()
    };
    let points: Vec<i64> = (0..pairwise.candidates()).map(points).collect();
    let units: Vec<_> = points.iter().map(|one| (*one).into()).collect();
    Answer {
        winners: Some(highest(&units, |_| true)),
        ranking: Some(ranked_by(&points)),
        scores: Some(points.into_iter().map(Exact::whole).collect()),
        ..Answer::default()
    }
}
