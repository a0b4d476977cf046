//! Methods by place: plurality, antiplurality, Borda, absolute majority, Bucklin.

use num_bigint::BigInt;
use num_traits::Zero as _;

use super::{
    answer::Answer,
    pairwise::Pairwise,
    profile::{Profile, highest, lowest, ranked_by},
    ranking::candidate,
    rounds::{firsts, majority},
};

/// Scores, who has the highest, and everybody by score.
pub(super) fn by_score(profile: &Profile, scores: &[BigInt]) -> Answer {
    Answer {
        winners: Some(highest(scores, |_| true)),
        ranking: Some(ranked_by(scores)),
        scores: Some(profile.exacts(scores)),
        ..Answer::default()
    }
}

/// What each has as first choice.
pub(super) fn first_places(profile: &Profile) -> Vec<BigInt> {
    firsts(profile, &vec![true; profile.candidates()])
}

/// Most first places.
pub(super) fn plurality(profile: &Profile) -> Answer {
    by_score(profile, &first_places(profile))
}

/// More than half of all votes as first choice.
pub(super) fn absolute_majority(profile: &Profile) -> Answer {
    Answer::winners(majority(profile, &first_places(profile)).into_iter().collect())
}

/// Fewest last places.
pub(super) fn antiplurality(profile: &Profile) -> Answer {
    let lasts = super::rounds::lasts(profile, &vec![true; profile.candidates()]);
    Answer::winners(lowest(&lasts, |_| true))
}

/// What each has over all who remain, together: the Borda score where rankings are complete.
pub(super) fn borda_scores(pairwise: &Pairwise, race: &[bool]) -> Vec<BigInt> {
    let score = |a: usize| -> BigInt {
        pairwise.others(a).filter(|b| race[*b]).map(|b| pairwise.support(a, b)).sum()
    };
    (0..race.len()).map(|a| if race[a] { score(a) } else { BigInt::zero() }).collect()
}

/// The number of candidates below, on each ballot.
pub(super) fn borda(profile: &Profile, pairwise: &Pairwise) -> Answer {
    by_score(profile, &borda_scores(pairwise, &vec![true; profile.candidates()]))
}

/// The number of candidates below less that of candidates above, on each ballot.
pub(super) fn borda_symmetric(profile: &Profile, pairwise: &Pairwise) -> Answer {
    let score = |a: usize| -> BigInt { pairwise.others(a).map(|b| pairwise.margin(a, b)).sum() };
    by_score(profile, &(0..profile.candidates()).map(score).collect::<Vec<_>>())
}

/// The first rank at which somebody is that high or higher on more than half of all ballots; most
/// such ballots win.
pub(super) fn bucklin(profile: &Profile) -> Answer {
    let all = profile.candidates();
    let at = profile.sum(all * all, |vote, sums| {
        for (rank, mark) in vote.iter().enumerate() {
            sums.add(rank * all + candidate(*mark));
        }
    });
    let mut up_to = vec![BigInt::zero(); all];
    for rank in 0..all {
        up_to.iter_mut().zip(&at[rank * all..]).for_each(|(sum, more)| *sum += more);
        if up_to.iter().any(|sum| profile.is_majority(sum)) {
            break;
        }
    }
    Answer::winners(highest(&up_to, |_| true))
}

/// The Condorcet winner, else Borda.
pub(super) fn black(profile: &Profile, pairwise: &Pairwise) -> Answer {
    pairwise.winner().map_or_else(
        || Answer::winners(borda(profile, pairwise).winners.unwrap_or_default()),
        |winner| Answer::winners(vec![winner]),
    )
}
