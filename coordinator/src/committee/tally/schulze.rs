//! Schulze, and Split Cycle: defeats that paths of other defeats do not undo.

use super::{
    answer::Answer,
    pairwise::{Measure, Pairwise, Strengths},
};

/// `a` defeats `b` when the strongest path from `a` to `b` is stronger than the one back.
pub(super) fn schulze(pairwise: &Pairwise, measure: Measure) -> Answer {
    let paths = pairwise.strengths(measure).paths();
    undefeated(&paths, |a, b| paths.of(a, b) > paths.of(b, a))
}

/// `a` defeats `b` when it beats it by more than the strongest path back.
pub(super) fn split_cycle(pairwise: &Pairwise) -> Answer {
    let strengths = pairwise.strengths(Measure::Margins);
    let paths = strengths.clone().paths();
    undefeated(&paths, |a, b| strengths.of(a, b) > paths.of(b, a))
}

fn undefeated(paths: &Strengths, defeats: impl Fn(usize, usize) -> bool) -> Answer {
    let all = paths.candidates();
    let pairs = (0..all).flat_map(|a| (0..all).map(move |b| (a, b)));
    let defeats: Vec<(usize, usize)> = pairs.filter(|(a, b)| a != b && defeats(*a, *b)).collect();
    let mut is_defeated = vec![false; all];
    for (_, loser) in &defeats {
        is_defeated[*loser] = true;
    }
    Answer {
        winners: Some((0..all).filter(|a| !is_defeated[*a]).collect()),
        defeats: Some(defeats),
        ..Answer::default()
    }
}
