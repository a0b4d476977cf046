//! Ranked pairs: the largest defeats are locked in first, and none that would close a circle.

use std::collections::BTreeSet;

use super::{
    answer::{Answer, Refused},
    method::Method,
    pairwise::{Follows, Measure, Pairwise, Strengths},
};

/// How many relations are looked at, at most, where every way of breaking ties counts.
const WAYS_MAX: usize = 50_000;
/// How much all of them together may take, where a defeat that is looked at takes one for each
/// candidate.
const WORK_MAX: usize = 20_000_000;

/// Equal defeats in the order of the fixed list, given as the place of each candidate in it.
///
/// Pairs that tie come last, in both directions, so that the ranking is total.
pub(super) fn by_list(pairwise: &Pairwise, measure: Measure, places: &[usize]) -> Answer {
    let strengths = pairwise.strengths(measure);
    let all = pairwise.candidates();
    let mut pairs: Vec<(usize, usize)> = (0..all)
        .flat_map(|a| pairwise.others(a).map(move |b| (a, b)))
        .filter(|(a, b)| !pairwise.beats(*b, *a))
        .collect();
    pairs.sort_by_key(|(a, b)| (std::cmp::Reverse(strengths.of(*a, *b)), places[*a], places[*b]));
    let mut locked = Follows::none(all);
    for (a, b) in pairs {
        // What follows from larger ones need not be locked again.
        if !locked.has(b, a) && !locked.has(a, b) {
            locked.lock(a, b);
        }
    }
    let mut order: Vec<usize> = (0..all).collect();
    order.sort_by_key(|a| (0..all).filter(|b| locked.has(*b, *a)).count());
    Answer {
        winners: Some(order[..1].to_vec()),
        ranking: Some(order.into_iter().map(|one| vec![one]).collect()),
        ..Answer::default()
    }
}

/// Everybody who wins under some order of equal defeats.
///
/// Defeats of one size lead from a set of relations to a set of relations; equal ones are looked at
/// once. Pairs that tie add nothing: whoever is undefeated may win by some order of them.
pub(super) fn every_way(pairwise: &Pairwise) -> Result<Answer, Refused> {
    let strengths = pairwise.strengths(Measure::Margins);
    let mut relations = BTreeSet::from([Follows::none(pairwise.candidates())]);
    let mut looked_at = 0;
    for defeats in by_size(&strengths) {
        let mut next = BTreeSet::new();
        for mut relation in relations {
            if let [(a, b)] = defeats[..] {
                if !relation.has(b, a) && !relation.has(a, b) {
                    relation.lock(a, b);
                }
                next.insert(relation);
                continue;
            }
            lock_in_any_order(relation, &defeats, &mut (&mut next, &mut looked_at))?;
        }
        relations = next;
    }
    let winners: BTreeSet<usize> = relations.iter().flat_map(Follows::firsts).collect();
    Ok(Answer::winners(winners.into_iter().collect()))
}

/// Defeats of equal size together, the largest first.
fn by_size(strengths: &Strengths) -> Vec<Vec<(usize, usize)>> {
    let all = strengths.candidates();
    let mut pairs: Vec<(usize, usize)> = (0..all)
        .flat_map(|a| (0..all).map(move |b| (a, b)))
        .filter(|(a, b)| strengths.of(*a, *b) > 0)
        .collect();
    let size = |pair: &(usize, usize)| std::cmp::Reverse(strengths.of(pair.0, pair.1));
    pairs.sort_by_key(size);
    pairs.chunk_by(|one, other| size(one) == size(other)).map(<[_]>::to_vec).collect()
}

/// Every relation that equal defeats lead to, by whichever order they are locked in.
fn lock_in_any_order(
    from: Follows,
    defeats: &[(usize, usize)],
    (found, looked_at): &mut (&mut BTreeSet<Follows>, &mut usize),
) -> Result<(), Refused> {
    let each = defeats.len() * from.candidates();
    let most = (WORK_MAX / each.max(1)).clamp(1, WAYS_MAX);
    let mut seen = BTreeSet::from([from.clone()]);
    let mut open = vec![from];
    while let Some(relation) = open.pop() {
        **looked_at += 1;
        if **looked_at > most {
            return Err(Refused::TooCostly { method: Method::RankedPairsPut, most });
        }
        let mut is_final = true;
        // What is locked already, or can be no more, is settled; the others may come next.
        for (a, b) in defeats.iter().filter(|(a, b)| !relation.has(*a, *b) && !relation.has(*b, *a))
        {
            is_final = false;
            let mut next = relation.clone();
            next.lock(*a, *b);
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
        if is_final {
            found.insert(relation);
        }
    }
    Ok(())
}
