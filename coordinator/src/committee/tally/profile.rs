//! Ballots made ready for counting: equal votes together, and what they weigh as whole numbers.
//!
//! All weights are multiples of one over their common denominator, so every sum is a sum of whole
//! numbers. They are added in 128 bits where no sum can leave them, and in numbers of any size
//! where one might: the result is the same, only the time differs.

use std::collections::BTreeSet;

use num_bigint::BigInt;
use num_integer::Integer as _;
use num_traits::Zero as _;

use super::{
    ballots::Ballot,
    election::Election,
    exact::{Exact, Weight},
};

/// How many bits of 128 all votes together may take: the rest is room for [`Sums::give`].
const SMALL_BITS: u64 = 96;
/// Distinct votes with what they weigh.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    candidates: usize,
    /// The marks of all distinct votes, one after the other.
    marks: Vec<u16>,
    /// Where the marks of each vote end.
    ends: Vec<usize>,
    units: Units,
    /// How many units one voter of weight one has.
    unit: BigInt,
    total: BigInt,
}

#[derive(Clone, Debug)]
enum Units {
    Small(Vec<i128>),
    Big(Vec<BigInt>),
}

impl Units {
    /// What the ballots at each place weigh together.
    fn of(ballots: &[Ballot], (places, distinct): (&[usize], usize), unit: &BigInt) -> Self {
        let each = ballots.iter().zip(places);
        if ballots.iter().all(|ballot| ballot.weight == Weight::ONE) {
            // Counts of 64 bits leave 128 only with more ballots than there can be.
            let mut units = vec![0_i128; distinct];
            each.for_each(|(ballot, place)| units[*place] += i128::from(ballot.count));
            return Self::Small(units);
        }
        let mut units = vec![BigInt::zero(); distinct];
        for (ballot, place) in each {
            let (p, q) = ballot.weight.parts();
            units[*place] += BigInt::from(ballot.count) * p * (unit / q);
        }
        Self::Big(units)
    }

    fn total(&self) -> BigInt {
        match self {
            Self::Small(units) => units.iter().map(|units| BigInt::from(*units)).sum(),
            Self::Big(units) => units.iter().sum(),
        }
    }

    fn fitted(self, total: &BigInt) -> Self {
        match (self, total.bits() <= SMALL_BITS) {
            (Self::Big(units), true) => {
                Self::Small(units.iter().filter_map(|units| units.try_into().ok()).collect())
            }
            (Self::Small(units), false) => Self::Big(units.into_iter().map(BigInt::from).collect()),
            (units @ Self::Small(_), true) | (units @ Self::Big(_), false) => units,
        }
    }
}

/// For each ballot the first with the same vote: itself, if there is none before it.
///
/// Votes are brought together by a short hash. Different votes with one hash keep apart; equal ones
/// with a different one between them may too, which costs time and changes no sum.
fn firsts_like(ballots: &[Ballot]) -> Vec<usize> {
    let hash = |ballot: &Ballot| {
        let marks = ballot.vote.marks().iter();
        marks.fold(0_u64, |hash, mark| {
            (hash.rotate_left(5) ^ u64::from(*mark)).wrapping_mul(0x517C_C1B7_2722_0A95)
        })
    };
    let mut order: Vec<(u64, usize)> =
        ballots.iter().enumerate().map(|(at, ballot)| (hash(ballot), at)).collect();
    order.sort_unstable();
    let mut firsts: Vec<usize> = (0..ballots.len()).collect();
    for alike in order.chunk_by(|one, other| one.0 == other.0) {
        let mut first = alike[0].1;
        for (_, at) in &alike[1..] {
            if ballots[*at].vote == ballots[first].vote {
                firsts[*at] = first;
            } else {
                first = *at;
            }
        }
    }
    firsts
}

/// What one vote weighs.
#[derive(Clone, Copy, Debug)]
enum Unit<'a> {
    Small(i128),
    Big(&'a BigInt),
}

/// Sums of what votes weigh, a slot each.
#[derive(Debug)]
pub(super) struct Sums<'a> {
    slots: Slots,
    unit: Unit<'a>,
}

#[derive(Debug)]
enum Slots {
    Small(Vec<i128>),
    Big(Vec<BigInt>),
}

impl Sums<'_> {
    /// Adds what the vote at hand weighs to a slot, so many times; not over 2^30.
    #[inline]
    pub(super) fn give(&mut self, slot: usize, times: i64) {
        match (&mut self.slots, self.unit) {
            (Slots::Small(slots), Unit::Small(unit)) => slots[slot] += unit * i128::from(times),
            (Slots::Big(slots), Unit::Big(unit)) => slots[slot] += unit * times,
            // Slots are made of the kind that the units are.
            (Slots::Small(_), Unit::Big(_)) | (Slots::Big(_), Unit::Small(_)) => {}
        }
    }

    /// The same, once: the case that is worth being fast.
    #[inline]
    pub(super) fn add(&mut self, slot: usize) {
        match (&mut self.slots, self.unit) {
            (Slots::Small(slots), Unit::Small(unit)) => slots[slot] += unit,
            _ => self.give(slot, 1),
        }
    }
}

impl Profile {
    pub(super) fn of(election: &Election) -> Self {
        let ballots = election.ballots();
        let denominators: BTreeSet<u64> =
            ballots.iter().map(|ballot| ballot.weight.parts().1).collect();
        let unit = denominators.iter().fold(BigInt::from(1), |all, one| all.lcm(&(*one).into()));
        let (mut marks, mut ends) = (Vec::new(), Vec::new());
        let mut places = Vec::with_capacity(ballots.len());
        for (at, (ballot, first)) in ballots.iter().zip(firsts_like(ballots)).enumerate() {
            if first == at {
                marks.extend_from_slice(ballot.vote.marks());
                places.push(ends.len());
                ends.push(marks.len());
            } else {
                places.push(places[first]);
            }
        }
        let units = Units::of(ballots, (&places, ends.len()), &unit);
        let total = units.total();
        let units = units.fitted(&total);
        Self { candidates: election.candidates(), marks, ends, units, unit, total }
    }

    pub(super) const fn candidates(&self) -> usize {
        self.candidates
    }

    /// How many distinct votes there are.
    pub(super) const fn distinct(&self) -> usize {
        self.ends.len()
    }

    /// What all votes weigh together, abstentions included.
    pub(super) const fn total(&self) -> &BigInt {
        &self.total
    }

    /// Whether this is strictly more than half of all votes.
    pub(super) fn is_majority(&self, units: &BigInt) -> bool {
        units * 2 > self.total
    }

    /// A number of units as what it is.
    pub(super) fn exact(&self, units: &BigInt) -> Exact {
        Exact(num_rational::BigRational::new(units.clone(), self.unit.clone()))
    }

    pub(super) fn exacts(&self, units: &[BigInt]) -> Vec<Exact> {
        units.iter().map(|one| self.exact(one)).collect()
    }

    /// The marks of each distinct vote.
    pub(super) fn votes(&self) -> impl Iterator<Item = &[u16]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| &self.marks[begin..*end])
    }

    /// Each distinct vote with what it weighs.
    pub(super) fn weighed(&self) -> impl Iterator<Item = (&[u16], Exact)> {
        let units = (0..self.distinct()).map(|place| self.units_of(place));
        self.votes().zip(units.map(|units| self.exact(&units)))
    }

    /// Lets every vote give what it weighs to slots, and answers their sums.
    pub(super) fn sum(&self, slots: usize, each: impl Fn(&[u16], &mut Sums<'_>)) -> Vec<BigInt> {
        match &self.units {
            Units::Small(units) => {
                let slots = Slots::Small(vec![0; slots]);
                let mut sums = Sums { slots, unit: Unit::Small(0) };
                for (vote, unit) in self.votes().zip(units) {
                    sums.unit = Unit::Small(*unit);
                    each(vote, &mut sums);
                }
                sums.into_units()
            }
            Units::Big(units) => {
                let slots = Slots::Big(vec![BigInt::zero(); slots]);
                let mut sums = Sums { slots, unit: Unit::Small(0) };
                for (vote, unit) in self.votes().zip(units) {
                    sums.unit = Unit::Big(unit);
                    each(vote, &mut sums);
                }
                sums.into_units()
            }
        }
    }
}

/// How much of a vote is given to a slot.
pub(super) type Give<'a> = &'a mut dyn FnMut(usize, i128);

impl Profile {
    /// Lets every vote give parts of what it weighs to slots: each part, and all parts of one vote
    /// together, below 2^61.
    pub(super) fn sum_parts(&self, slots: usize, each: impl Fn(&[u16], Give<'_>)) -> Vec<BigInt> {
        match &self.units {
            Units::Small(units) if self.total.bits() <= 64 => {
                let mut sums = vec![0_i128; slots];
                for (vote, unit) in self.votes().zip(units) {
                    each(vote, &mut |slot, part| sums[slot] += unit * part);
                }
                sums.into_iter().map(BigInt::from).collect()
            }
            Units::Small(_) | Units::Big(_) => {
                let mut sums = vec![BigInt::zero(); slots];
                for (place, vote) in self.votes().enumerate() {
                    let unit = self.units_of(place);
                    each(vote, &mut |slot, part| sums[slot] += &unit * part);
                }
                sums
            }
        }
    }

    fn units_of(&self, place: usize) -> BigInt {
        match &self.units {
            Units::Small(units) => BigInt::from(units[place]),
            Units::Big(units) => units[place].clone(),
        }
    }
}

impl Sums<'_> {
    fn into_units(self) -> Vec<BigInt> {
        match self.slots {
            Slots::Small(slots) => slots.into_iter().map(BigInt::from).collect(),
            Slots::Big(slots) => slots,
        }
    }
}

/// The places of the highest numbers among those that take part.
pub(super) fn highest(numbers: &[BigInt], takes_part: impl Fn(usize) -> bool) -> Vec<usize> {
    extreme(numbers, takes_part, |one, best| one > best)
}

/// The places of the lowest numbers among those that take part.
pub(super) fn lowest(numbers: &[BigInt], takes_part: impl Fn(usize) -> bool) -> Vec<usize> {
    extreme(numbers, takes_part, |one, best| one < best)
}

fn extreme(
    numbers: &[BigInt],
    takes_part: impl Fn(usize) -> bool,
    is_better: impl Fn(&BigInt, &BigInt) -> bool,
) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::new();
    for (place, number) in numbers.iter().enumerate().filter(|(place, _)| takes_part(*place)) {
        match found.first() {
            Some(best) if is_better(&numbers[*best], number) => {}
            Some(best) if !is_better(number, &numbers[*best]) => found.push(place),
            Some(_) | None => found = vec![place],
        }
    }
    found
}

/// Those with the highest numbers first, equals together.
pub(super) fn ranked_by<T: Ord>(numbers: &[T]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|a, b| numbers[*b].cmp(&numbers[*a]).then(a.cmp(b)));
    order.chunk_by(|a, b| numbers[*a] == numbers[*b]).map(<[usize]>::to_vec).collect()
}
