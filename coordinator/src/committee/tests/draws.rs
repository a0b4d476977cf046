//! Elections that look drawn and are the same each time.

use crate::committee::tally::{Ballot, Election, Kind, Ranking, Vote, Weight};

/// Numbers that look drawn.
pub(in crate::committee) struct Draws(pub(in crate::committee) u64);

impl Draws {
    pub(in crate::committee) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) >> 1).unwrap() % bound
    }

    pub(in crate::committee) fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    pub(in crate::committee) fn shuffled(&mut self, all: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..all).collect();
        for at in (1..all).rev() {
            order.swap(at, self.below(at + 1));
        }
        order
    }

    fn vote(&mut self, kind: Kind, all: usize) -> Vote {
        let order: Vec<u16> = self.shuffled(all).into_iter().map(index).collect();
        let listed = self.below(all + 1);
        match kind {
            Kind::Ranked => Vote::Ranking(Ranking::strict(order)),
            Kind::RankedTruncated => {
                Vote::Ranking(Ranking::strict(order[..listed].iter().copied()))
            }
            Kind::RankedWeak => {
                let mut groups: Vec<Vec<u16>> = Vec::new();
                for one in &order[..listed] {
                    match groups.last_mut() {
                        Some(group) if self.below(2) == 0 => group.push(*one),
                        _ => groups.push(vec![*one]),
                    }
                }
                Vote::Ranking(Ranking::of_groups(groups))
            }
            Kind::Approval => Vote::Approved(order[..listed].into()),
            Kind::Score => Vote::Scores((0..all).map(|_| index(self.below(6))).collect()),
            Kind::Single => Vote::Choice((listed > 0).then(|| order[0])),
            Kind::Cumulative => Vote::Points((0..all).map(|_| index(self.below(11))).collect()),
        }
    }

    /// A small election, so that ties are common.
    pub(in crate::committee) fn election(&mut self, kind: Kind) -> Election {
        let (all, distinct) = (2 + self.below(4), 1 + self.below(6));
        let ballot = |draws: &mut Self| Ballot {
            count: 1 + draws.below(4) as u64,
            weight: draws.one_of(&[
                Weight::ONE,
                Weight::ONE,
                Weight::new(1, 3).unwrap(),
                Weight::new(3, 2).unwrap(),
            ]),
            vote: draws.vote(kind, all),
        };
        let ballots = (0..distinct).map(|_| ballot(self)).collect();
        let election = Election::new("drawn", (kind, all), ballots).unwrap();
        let seats = 1 + self.below(all);
        election.with_tie_break(self.shuffled(all)).unwrap().with_seats(seats).unwrap()
    }
}

pub(in crate::committee) fn index(number: usize) -> u16 {
    u16::try_from(number).unwrap()
}

/// An election by strict rankings, each cast so often.
pub(in crate::committee) fn ranked(ballots: &[(u64, &str)]) -> Election {
    let all = ballots[0].1.len();
    let ballot = |(count, order): &(u64, &str)| {
        let order = order.chars().map(|c| index(c.to_digit(10).unwrap() as usize));
        Ballot { count: *count, ..Ballot::one(Vote::Ranking(Ranking::strict(order))) }
    };
    Election::new("told", (Kind::Ranked, all), ballots.iter().map(ballot).collect()).unwrap()
}
