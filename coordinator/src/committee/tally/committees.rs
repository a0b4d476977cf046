//! Committees that are best as a whole: most approved, split approval, proportional approval,
//! Chamberlin-Courant, minimax approval.

use num_bigint::BigInt;
use num_integer::Integer as _;
use num_traits::Zero as _;

use super::{
    answer::{Answer, Refused},
    method::Method,
    positional::by_score,
    profile::Profile,
};

/// How many committees are looked at, at most.
const LOOKED_AT_MAX: usize = 500_000;
/// How many votes all of them together are held against, at most.
const WORK_MAX: usize = 200_000_000;
/// How many tied committees are listed, at most.
pub(super) const LISTED_MAX: usize = 10_000;

/// How many approve each.
pub(super) fn approvals(profile: &Profile) -> Vec<BigInt> {
    profile.sum(profile.candidates(), |vote, sums| {
        for one in vote {
            sums.add(usize::from(*one));
        }
    })
}

/// Most approvals.
pub(super) fn approval(profile: &Profile) -> Answer {
    by_score(profile, &approvals(profile))
}

/// The most approved together: every set of so many that no other has more approvals than.
pub(super) fn av(profile: &Profile, seats: usize) -> Result<Answer, Refused> {
    best_by_sum(Method::Av, &approvals(profile), seats)
}

/// The same, where each ballot gives one vote in all, in equal parts.
pub(super) fn sav(profile: &Profile, seats: usize) -> Result<Answer, Refused> {
    let all = profile.candidates();
    let by_size = profile.sum(all * (all + 1), |vote, sums| {
        for one in vote {
            sums.add(vote.len() * all + usize::from(*one));
        }
    });
    let common = (1..=all).fold(BigInt::from(1), |common, size| common.lcm(&size.into()));
    let share = |one: usize| -> BigInt {
        (1..=all).map(|size| &by_size[size * all + one] * (&common / size)).sum()
    };
    best_by_sum(Method::Sav, &(0..all).map(share).collect::<Vec<_>>(), seats)
}

/// Who is above the last that fits is in; those equal to it fill up in every way.
fn best_by_sum(method: Method, sums: &[BigInt], seats: usize) -> Result<Answer, Refused> {
    let mut order: Vec<usize> = (0..sums.len()).collect();
    order.sort_by(|a, b| sums[*b].cmp(&sums[*a]));
    let last = &sums[order[seats - 1]];
    let sure: Vec<usize> = (0..sums.len()).filter(|one| sums[*one] > *last).collect();
    let tied: Vec<usize> = (0..sums.len()).filter(|one| sums[*one] == *last).collect();
    let rest = seats - sure.len();
    if combinations(tied.len(), rest) > LISTED_MAX {
        return Err(Refused::TooCostly { method, most: LISTED_MAX });
    }
    let mut committees = Vec::new();
    each_combination(tied.len(), rest, |chosen| {
        let mut committee = sure.clone();
        committee.extend(chosen.iter().map(|place| tied[*place]));
        committee.sort_unstable();
        committees.push(committee);
    });
    committees.sort_unstable();
    Ok(Answer::committees(seats, committees))
}

/// Most for each ballot: one for the first it approves of, a half for the second, a third, …
pub(super) fn pav(profile: &Profile, seats: usize) -> Result<Answer, Refused> {
    let parts = harmonic(seats);
    best(Method::Pav, profile, seats, |by_approved| {
        by_approved.iter().zip(&parts).map(|(has, part)| has * part).sum()
    })
}

/// What a ballot gives a committee that has so many of whom it approves, over a common denominator.
fn harmonic(seats: usize) -> Vec<BigInt> {
    let common = (1..=seats).fold(BigInt::from(1), |common, size| common.lcm(&size.into()));
    let parts = (1..=seats).scan(BigInt::zero(), |sum, size| {
        *sum += &common / size;
        Some(sum.clone())
    });
    std::iter::once(BigInt::zero()).chain(parts).collect()
}

/// Most ballots with somebody they approve of.
pub(super) fn cc(profile: &Profile, seats: usize) -> Result<Answer, Refused> {
    best(Method::Cc, profile, seats, |by_approved| by_approved[1..].iter().sum())
}

/// The committee whose distance to the ballot farthest from it is the smallest; every vote counts
/// once, however many cast it.
pub(super) fn minimax_av(profile: &Profile, seats: usize) -> Result<Answer, Refused> {
    let all = profile.candidates();
    may_look(Method::MinimaxAv, profile, seats)?;
    let farthest = |committee: &[bool]| {
        let distance = |vote: &[u16]| {
            let common = vote.iter().filter(|one| committee[usize::from(**one)]).count();
            vote.len() + seats - 2 * common
        };
        profile.votes().map(distance).max().unwrap_or(0)
    };
    let (mut least, mut found) = (usize::MAX, Vec::new());
    each_committee(all, seats, |committee, members| {
        let distance = farthest(committee);
        if distance < least {
            (least, found) = (distance, Vec::new());
        }
        if distance == least {
            found.push(members.to_vec());
        }
    });
    list(Method::MinimaxAv, seats, found)
}

/// The committees with the most of what is worked out from how many ballots approve of none, one,
/// two, … of their members.
fn best(
    method: Method,
    profile: &Profile,
    seats: usize,
    worth: impl Fn(&[BigInt]) -> BigInt,
) -> Result<Answer, Refused> {
    may_look(method, profile, seats)?;
    let (mut most, mut found) = (None, Vec::new());
    each_committee(profile.candidates(), seats, |committee, members| {
        let by_approved = profile.sum(seats + 1, |vote, sums| {
            sums.add(vote.iter().filter(|one| committee[usize::from(**one)]).count());
        });
        let worth = worth(&by_approved);
        if most.as_ref().is_none_or(|most| worth > *most) {
            found.clear();
            most = Some(worth.clone());
        }
        if most.as_ref() == Some(&worth) {
            found.push(members.to_vec());
        }
    });
    list(method, seats, found)
}

fn list(method: Method, seats: usize, found: Vec<Vec<usize>>) -> Result<Answer, Refused> {
    if found.len() > LISTED_MAX {
        return Err(Refused::TooCostly { method, most: LISTED_MAX });
    }
    Ok(Answer::committees(seats, found))
}

fn may_look(method: Method, profile: &Profile, seats: usize) -> Result<(), Refused> {
    let ways = combinations(profile.candidates(), seats);
    if ways > LOOKED_AT_MAX || ways.saturating_mul(profile.distinct()) > WORK_MAX {
        return Err(Refused::TooCostly { method, most: LOOKED_AT_MAX });
    }
    Ok(())
}

/// How many ways there are to choose so many of so many; `usize::MAX` stands for all from there on.
fn combinations(of: usize, chosen: usize) -> usize {
    let mut ways: usize = 1;
    for step in 0..chosen.min(of - chosen.min(of)) {
        match ways.checked_mul(of - step) {
            Some(more) => ways = more / (step + 1),
            None => return usize::MAX,
        }
    }
    ways
}

/// Every way to choose so many of so many, in ascending order.
fn each_combination(of: usize, chosen: usize, mut look: impl FnMut(&[usize])) {
    let mut places: Vec<usize> = (0..chosen).collect();
    if chosen > of {
        return;
    }
    loop {
        look(&places);
        let Some(at) = (0..chosen).rev().find(|at| places[*at] < of - chosen + at) else { return };
        places[at] += 1;
        for next in at + 1..chosen {
            places[next] = places[next - 1] + 1;
        }
    }
}

fn each_committee(all: usize, seats: usize, mut look: impl FnMut(&[bool], &[usize])) {
    let mut committee = vec![false; all];
    each_combination(all, seats, |members| {
        committee.fill(false);
        for one in members {
            committee[*one] = true;
        }
        look(&committee, members);
    });
}
