//! Committees built one member at a time, in every way of breaking ties: sequential proportional
//! approval, sequential Chamberlin-Courant, sequential Phragmén.

use std::collections::BTreeSet;

use num_bigint::BigInt;
use num_integer::Integer as _;
use num_rational::BigRational;
use num_traits::{One as _, Zero as _};

use super::{
    answer::{Answer, Refused},
    committees::LISTED_MAX,
    method::Method,
    profile::{Profile, highest},
};

/// How many numbers are kept at once, at most.
const KEPT_MAX: usize = 5_000_000;

/// Voters who approve of the same candidates.
#[derive(Clone, Debug)]
pub(super) struct Bloc {
    pub(super) approves: Vec<bool>,
    pub(super) voters: BigRational,
}

/// The voters, by what they approve of.
pub(super) fn blocs(profile: &Profile) -> Vec<Bloc> {
    let of = |vote: &[u16]| {
        let mut approves = vec![false; profile.candidates()];
        for one in vote {
            approves[usize::from(*one)] = true;
        }
        approves
    };
    profile.weighed().map(|(vote, voters)| Bloc { approves: of(vote), voters: voters.0 }).collect()
}

/// A committee so far, with what each bloc has: a load, or a budget, for each of its voters.
pub(super) type Partial = (Vec<bool>, Vec<BigRational>);

/// Goes on from every partial committee to every next one until none has a next; answers the last
/// ones.
pub(super) fn every_way(
    method: Method,
    begin: BTreeSet<Partial>,
    next: impl Fn(&Partial) -> Vec<Partial>,
) -> Result<BTreeSet<Partial>, Refused> {
    // Each keeps a number for every bloc.
    let blocs = begin.iter().map(|(_, each)| each.len()).max().unwrap_or(0);
    let most = (KEPT_MAX / blocs.max(1)).clamp(1, LISTED_MAX);
    let (mut ended, mut open) = (BTreeSet::new(), begin);
    while !open.is_empty() {
        let mut further = BTreeSet::new();
        for partial in open {
            let ways = next(&partial);
            if ways.is_empty() {
                ended.insert(partial);
            } else {
                further.extend(ways);
            }
            if further.len() + ended.len() > most {
                return Err(Refused::TooCostly { method, most });
            }
        }
        open = further;
    }
    Ok(ended)
}

/// The committees, each ascending, each once, in order.
pub(super) fn listed(seats: usize, ended: BTreeSet<Partial>) -> Answer {
    let members = |(is_in, _): Partial| (0..is_in.len()).filter(|one| is_in[*one]).collect();
    let committees: BTreeSet<Vec<usize>> = ended.into_iter().map(members).collect();
    Answer::committees(seats, committees.into_iter().collect())
}

pub(super) fn size((is_in, _): &Partial) -> usize {
    is_in.iter().filter(|is_in| **is_in).count()
}

/// Who adds most where the first member a ballot approves of is worth one, and each further one
/// what `part` says of how many it has already.
fn greedy(
    method: Method,
    (profile, seats): (&Profile, usize),
    part: impl Fn(usize) -> BigInt,
) -> Result<Answer, Refused> {
    let all = profile.candidates();
    let parts: Vec<BigInt> = (0..seats).map(part).collect();
    let begin = BTreeSet::from([(vec![false; all], Vec::new())]);
    let ended = every_way(method, begin, |partial| {
        let (is_in, _) = partial;
        if size(partial) == seats {
            return Vec::new();
        }
        let by_had = profile.sum(all * seats, |vote, sums| {
            let had = vote.iter().filter(|one| is_in[usize::from(**one)]).count();
            for one in vote.iter().filter(|one| !is_in[usize::from(**one)]) {
                sums.add(usize::from(*one) * seats + had);
            }
        });
        let gain = |one: usize| -> BigInt {
            by_had[one * seats..].iter().zip(&parts).map(|(has, part)| has * part).sum()
        };
        let gains: Vec<BigInt> = (0..all).map(gain).collect();
        let best = highest(&gains, |one| !is_in[one]);
        best.into_iter().map(|one| (with(is_in, one), Vec::new())).collect()
    })?;
    Ok(listed(seats, ended))
}

pub(super) fn with(is_in: &[bool], one: usize) -> Vec<bool> {
    let mut next = is_in.to_vec();
    next[one] = true;
    next
}

pub(super) fn seq_pav(profile: &Profile, seats: usize) -> Result<Answer, Refused> {
    let common = (1..=seats).fold(BigInt::one(), |common, size| common.lcm(&size.into()));
    greedy(Method::SeqPav, (profile, seats), |had| &common / (had + 1))
}

pub(super) fn seq_cc(profile: &Profile, seats: usize) -> Result<Answer, Refused> {
    let first = |had: usize| if had == 0 { BigInt::one() } else { BigInt::zero() };
    greedy(Method::SeqCc, (profile, seats), first)
}

/// Each member is a load of one, shared by those who approve of them; the next is whoever leaves
/// the highest load lowest.
pub(super) fn seq_phragmen(profile: &Profile, seats: usize) -> Result<Answer, Refused> {
    let blocs = blocs(profile);
    let begin = (vec![false; profile.candidates()], vec![BigRational::zero(); blocs.len()]);
    let ended = every_way(Method::SeqPhragmen, BTreeSet::from([begin]), |partial| {
        phragmen_step(&blocs, seats, partial)
    })?;
    Ok(listed(seats, ended))
}

/// Every next member by Phragmén's rule. Somebody of whom nobody approves comes only after all of
/// whom anybody does.
pub(super) fn phragmen_step(blocs: &[Bloc], seats: usize, partial: &Partial) -> Vec<Partial> {
    let (is_in, loads) = partial;
    if size(partial) == seats {
        return Vec::new();
    }
    let load_with = |one: usize| {
        let of = || blocs.iter().zip(loads).filter(|(bloc, _)| bloc.approves[one]);
        let voters: BigRational = of().map(|(bloc, _)| bloc.voters.clone()).sum();
        let borne: BigRational = of().map(|(bloc, load)| &bloc.voters * load).sum();
        (!voters.is_zero()).then(|| (borne + BigRational::one()) / voters)
    };
    let left: Vec<(usize, Option<BigRational>)> =
        (0..is_in.len()).filter(|one| !is_in[*one]).map(|one| (one, load_with(one))).collect();
    let least = left.iter().filter_map(|(_, load)| load.as_ref()).min();
    let best = left.iter().filter(|(_, load)| load.as_ref() == least);
    best.map(|(one, load)| {
        let mut loads = loads.clone();
        if let Some(load) = load {
            let bear = loads.iter_mut().zip(blocs).filter(|(_, bloc)| bloc.approves[*one]);
            bear.for_each(|(mine, _)| mine.clone_from(load));
        }
        (with(is_in, *one), loads)
    })
    .collect()
}
