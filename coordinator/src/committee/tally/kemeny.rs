//! Kemeny: the rankings that contradict the ballots least.

use num_bigint::BigInt;
use num_traits::Zero as _;

use super::{
    answer::{Answer, Refused},
    method::Method,
    pairwise::Pairwise,
    profile::Profile,
};

/// How many candidates it is worked out for: time and memory double with each.
const CANDIDATES_MAX: usize = 14;
/// How many best rankings are listed; winners are right beyond it too.
const RANKINGS_MAX: usize = 5_040;

/// Works from the last place up: what is best for a set of candidates in the last places does not
/// depend on the order of those above.
pub(super) fn count(profile: &Profile, pairwise: &Pairwise) -> Result<Answer, Refused> {
    let all = pairwise.candidates();
    if all > CANDIDATES_MAX {
        return Err(Refused::TooCostly { method: Method::Kemeny, most: 1 << CANDIDATES_MAX });
    }
    let members = |set: usize| (0..all).filter(move |one| set & (1 << one) != 0);
    // What it costs to put one above each of a set.
    let above = |one: usize, set: usize| -> BigInt {
        members(set).map(|below| pairwise.support(below, one)).sum()
    };
    let full = (1_usize << all) - 1;
    let mut least = vec![BigInt::zero(); full + 1];
    let mut tops: Vec<Vec<usize>> = vec![Vec::new(); full + 1];
    for set in 1..=full {
        let mut best: Option<BigInt> = None;
        for top in members(set) {
            let rest = set & !(1 << top);
            let cost = above(top, rest) + &least[rest];
            match &best {
                Some(known) if *known < cost => {}
                Some(known) if *known == cost => tops[set].push(top),
                Some(_) | None => {
                    tops[set] = vec![top];
                    best = Some(cost);
                }
            }
        }
        least[set] = best.unwrap_or_default();
    }
    let mut rankings = Vec::new();
    list(&tops, (full, &mut Vec::new()), &mut rankings);
    Ok(Answer {
        winners: Some(tops[full].clone()),
        distance: Some(profile.exact(&least[full])),
        rankings: Some(rankings),
        ..Answer::default()
    })
}

fn list(
    tops: &[Vec<usize>],
    (set, above): (usize, &mut Vec<usize>),
    rankings: &mut Vec<Vec<usize>>,
) {
    if set == 0 {
        rankings.push(above.clone());
        return;
    }
    for top in &tops[set] {
        if rankings.len() >= RANKINGS_MAX {
            return;
        }
        above.push(*top);
        list(tops, (set & !(1 << top), above), rankings);
        above.pop();
    }
}
