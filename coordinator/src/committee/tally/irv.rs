//! Instant runoff and what is made of it: Benham, Smith-IRV, the runoff of the top two.

use num_bigint::BigInt;

use super::{
    answer::{Answer, Refused},
    condorcet::smith_set,
    method::Method,
    pairwise::Pairwise,
    positional::first_places,
    profile::{Profile, highest, lowest},
    rounds::{Race, Step, every_way, firsts, majority, remaining, round},
};

/// All who have the fewest first places are out at once; when those are all who remain, they all
/// win.
///
/// It is run to the end. Whoever has a majority of the ballots that still count can never have the
/// fewest, so stopping there would elect the same.
pub(super) fn simultaneous(profile: &Profile) -> Answer {
    let mut race: Race = vec![true; profile.candidates()];
    let (mut ranking, mut rounds) = (Vec::new(), Vec::new());
    loop {
        let votes = firsts(profile, &race);
        let out = lowest(&votes, |one| race[one]);
        if out.is_empty() {
            break;
        }
        rounds.push(round(profile, &race, &votes, &out));
        for one in &out {
            race[*one] = false;
        }
        ranking.push(out);
    }
    ranking.reverse();
    if let Some(last) = rounds.last_mut() {
        last.out.clear();
    }
    Answer {
        winners: ranking.first().cloned(),
        ranking: Some(ranking),
        rounds: Some(rounds),
        ..Answer::default()
    }
}

/// One is out at a time: of those tied for fewest, the one latest in the fixed list.
pub(super) fn by_list(profile: &Profile, places: &[usize]) -> Answer {
    let mut race: Race = vec![true; profile.candidates()];
    let mut rounds = Vec::new();
    loop {
        let votes = firsts(profile, &race);
        let left = remaining(&race);
        let tied = lowest(&votes, |one| race[one]);
        let out = tied.into_iter().max_by_key(|one| places[*one]);
        let is_over = left.len() == 1 || majority(profile, &votes).is_some();
        let (true, Some(out)) = (!is_over, out) else {
            rounds.push(round(profile, &race, &votes, &[]));
            let winners = majority(profile, &votes).map_or(left, |winner| vec![winner]);
            let winners = Some(winners);
            return Answer { winners, rounds: Some(rounds), ..Answer::default() };
        };
        rounds.push(round(profile, &race, &votes, &[out]));
        race[out] = false;
    }
}

fn step(profile: &Profile, race: &[bool]) -> Step {
    let votes = firsts(profile, race);
    if let Some(winner) = majority(profile, &votes) {
        return Step::Won(vec![winner]);
    }
    drop_one(race, &votes)
}

/// One of those who have the fewest is out, unless only one remains.
pub(super) fn drop_one(race: &[bool], votes: &[BigInt]) -> Step {
    let left = remaining(race);
    if left.len() == 1 { Step::Won(left) } else { Step::OneOut(lowest(votes, |one| race[one])) }
}

/// Instant runoff, whichever way ties are broken.
pub(super) fn put(profile: &Profile) -> Result<Answer, Refused> {
    let race = vec![true; profile.candidates()];
    every_way((Method::IrvPut, race, profile.distinct()), |race| step(profile, race))
}

/// Instant runoff among the Smith set; the majority is still of all ballots.
pub(super) fn smith_put(profile: &Profile, pairwise: &Pairwise) -> Result<Answer, Refused> {
    let mut race = vec![false; profile.candidates()];
    for one in smith_set(pairwise) {
        race[one] = true;
    }
    every_way((Method::SmithIrvPut, race, profile.distinct()), |race| step(profile, race))
}

/// Instant runoff until somebody beats all who remain.
pub(super) fn benham_put(profile: &Profile, pairwise: &Pairwise) -> Result<Answer, Refused> {
    let race = vec![true; profile.candidates()];
    every_way((Method::BenhamPut, race, profile.distinct()), |race| {
        let left = remaining(race);
        let beats_all = |a: &&usize| left.iter().all(|b| b == *a || pairwise.beats(**a, *b));
        match left.iter().find(beats_all) {
            Some(winner) => Step::Won(vec![*winner]),
            None => drop_one(race, &firsts(profile, race)),
        }
    })
}

/// The two with most first places against each other: every pair that ties allow; a tied runoff
/// elects both.
pub(super) fn top_two_put(profile: &Profile, pairwise: &Pairwise) -> Answer {
    let votes = first_places(profile);
    let top = highest(&votes, |_| true);
    let pairs: Vec<(usize, usize)> = if let [first] = top[..] {
        let second = highest(&votes, |one| one != first);
        second.into_iter().map(|second| (first, second)).collect()
    } else {
        let with_later = |(place, a): (usize, &usize)| {
            let a = *a;
            top[place + 1..].iter().map(move |b| (a, *b)).collect::<Vec<_>>()
        };
        top.iter().enumerate().flat_map(with_later).collect()
    };
    if pairs.is_empty() {
        return Answer::winners(top);
    }
    let mut winners: Vec<usize> =
        pairs.into_iter().flat_map(|pair| runoff(pairwise, pair)).collect();
    winners.sort_unstable();
    winners.dedup();
    Answer::winners(winners)
}

/// Who wins between two; both when they tie.
pub(super) fn runoff(pairwise: &Pairwise, (a, b): (usize, usize)) -> Vec<usize> {
    match (pairwise.beats(a, b), pairwise.beats(b, a)) {
        (true, _) => vec![a],
        (_, true) => vec![b],
        (false, false) => vec![a, b],
    }
}
