//! Minimax: whose worst defeat is the smallest.

use std::cmp::Reverse;

use num_bigint::BigInt;
use num_traits::Zero as _;

use super::{
    answer::Answer,
    pairwise::{Measure, Pairwise},
    profile::{Profile, lowest, ranked_by},
};

pub(super) fn count(profile: &Profile, pairwise: &Pairwise, measure: Measure) -> Answer {
    let worst = |a: usize| {
        let defeats = pairwise.others(a).filter(|b| pairwise.beats(*b, a));
        let sizes = defeats.map(|b| match measure {
            Measure::Margins => pairwise.margin(b, a),
            Measure::WinningVotes => pairwise.support(b, a).clone(),
        });
        sizes.max().unwrap_or_else(BigInt::zero)
    };
    let worst: Vec<BigInt> = (0..pairwise.candidates()).map(worst).collect();
    let falling: Vec<Reverse<&BigInt>> = worst.iter().map(Reverse).collect();
    Answer {
        winners: Some(lowest(&worst, |_| true)),
        ranking: Some(ranked_by(&falling)),
        worst_defeat: Some(profile.exacts(&worst)),
        ..Answer::default()
    }
}
