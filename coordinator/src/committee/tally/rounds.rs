//! What methods by rounds share: who is first or last among those who remain, and the search
//! through every way of breaking ties.

use std::collections::BTreeSet;

use num_bigint::BigInt;

use super::{
    answer::{Answer, Refused, Round},
    method::Method,
    profile::Profile,
    ranking::candidate,
};

/// How many sets of candidates are looked at, at most, where every way of breaking ties counts.
const WAYS_MAX: usize = 20_000;
/// How much all of them together may take, where a vote that is looked at takes one.
const WORK_MAX: usize = 1_000_000_000;
/// What two candidates against each other take, beside that.
const PAIR_WORK: usize = 20;

/// Who remains: one flag for each candidate.
pub(super) type Race = Vec<bool>;

/// Those who remain, ascending.
pub(super) fn remaining(race: &[bool]) -> Vec<usize> {
    (0..race.len()).filter(|one| race[*one]).collect()
}

/// What each has first places among those who remain.
pub(super) fn firsts(profile: &Profile, race: &[bool]) -> Vec<BigInt> {
    profile.sum(race.len(), |vote, sums| {
        if let Some(first) = vote.iter().find(|mark| race[candidate(**mark)]) {
            sums.add(candidate(*first));
        }
    })
}

/// What each has last places among those who remain, of complete rankings.
pub(super) fn lasts(profile: &Profile, race: &[bool]) -> Vec<BigInt> {
    profile.sum(race.len(), |vote, sums| {
        if let Some(last) = vote.iter().rev().find(|mark| race[candidate(**mark)]) {
            sums.add(candidate(*last));
        }
    })
}

/// Who has more than half of all votes as first choice among those who remain.
pub(super) fn majority(profile: &Profile, firsts: &[BigInt]) -> Option<usize> {
    (0..firsts.len()).find(|one| profile.is_majority(&firsts[*one]))
}

/// One round, as it is told.
pub(super) fn round(profile: &Profile, race: &[bool], votes: &[BigInt], out: &[usize]) -> Round {
    let votes = remaining(race).into_iter().map(|one| (one, profile.exact(&votes[one])));
    Round { votes: votes.collect(), elected: Vec::new(), out: out.to_vec() }
}

/// What a round of one way comes to.
pub(super) enum Step {
    /// These win.
    Won(Vec<usize>),
    /// One of these is out: each in a way of its own.
    OneOut(Vec<usize>),
}

/// Everybody who wins under some way of breaking every tie: each set of those who remain is looked
/// at once, since how it came about does not matter.
///
/// It goes through `votes` distinct votes for each set; without ties there are no more sets than
/// candidates, and so many are always looked at.
pub(super) fn every_way(
    (method, race, votes): (Method, Race, usize),
    step: impl Fn(&[bool]) -> Step,
) -> Result<Answer, Refused> {
    let all = race.len();
    let most = (WORK_MAX / (votes + PAIR_WORK * all * all)).clamp(all, WAYS_MAX.max(all));
    let mut winners = BTreeSet::new();
    let mut seen = BTreeSet::from([race.clone()]);
    let mut open = vec![race];
    while let Some(race) = open.pop() {
        if seen.len() > most {
            return Err(Refused::TooCostly { method, most });
        }
        match step(&race) {
            Step::Won(won) => winners.extend(won),
            Step::OneOut(tied) => {
                for out in tied {
                    let mut next = race.clone();
                    next[out] = false;
                    if seen.insert(next.clone()) {
                        open.push(next);
                    }
                }
            }
        }
    }
    Ok(Answer::winners(winners.into_iter().collect()))
}
