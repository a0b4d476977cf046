//! Who beats whom: the Condorcet winner and loser, and the sets around them.

use super::{
    answer::Answer,
    pairwise::{Follows, Pairwise},
};

/// Who strictly beats every other.
pub(super) fn winner(pairwise: &Pairwise) -> Answer {
    Answer::winners(pairwise.winner().into_iter().collect())
}

/// Who strictly loses to every other; with one candidate nobody.
pub(super) fn loser(pairwise: &Pairwise) -> Answer {
    let loses = |a: &usize| pairwise.others(*a).all(|b| pairwise.beats(b, *a));
    let is_alone = pairwise.candidates() == 1;
    Answer::winners((0..pairwise.candidates()).filter(|a| !is_alone && loses(a)).collect())
}

/// Who loses to nobody.
pub(super) fn weak_winners(pairwise: &Pairwise) -> Answer {
    let holds = |a: &usize| pairwise.others(*a).all(|b| !pairwise.beats(b, *a));
    Answer::winners((0..pairwise.candidates()).filter(holds).collect())
}

/// The smallest set whose members strictly beat all outsiders: whoever can come to everybody along
/// pairs that are not lost.
pub(super) fn smith_set(pairwise: &Pairwise) -> Vec<usize> {
    let candidates = pairwise.candidates();
    let comes_to = Follows::when(candidates, |a, b| !pairwise.beats(b, a)).closed();
    let is_in = |a: &usize| pairwise.others(*a).all(|b| comes_to.has(*a, b));
    (0..candidates).filter(is_in).collect()
}

/// The union of the smallest sets that nobody outside strictly beats: whoever can come back along
/// victories to all who can come to them.
pub(super) fn schwartz_set(pairwise: &Pairwise) -> Vec<usize> {
    let candidates = pairwise.candidates();
    let comes_to = Follows::when(candidates, |a, b| pairwise.beats(a, b)).closed();
    let is_in =
        |a: &usize| pairwise.others(*a).all(|b| !comes_to.has(b, *a) || comes_to.has(*a, b));
    (0..candidates).filter(is_in).collect()
}

/// Who is covered by nobody: `a` covers `b` when it beats `b`, and whoever beats `a` beats `b` too.
pub(super) fn uncovered_set(pairwise: &Pairwise) -> Vec<usize> {
    let candidates = pairwise.candidates();
    let beats = Follows::when(candidates, |a, b| pairwise.beats(a, b));
    let covers = |a: usize, b: usize| {
        beats.has(a, b) && (0..candidates).all(|c| !beats.has(c, a) || beats.has(c, b))
    };
    let is_in = |b: &usize| pairwise.others(*b).all(|a| !covers(a, *b));
    (0..candidates).filter(is_in).collect()
}
