//! Closing early, held against every way in which the missing ballots could come in.

use super::draws::{Draws, index};
use crate::committee::{
    settled::outstanding,
    tally::{Ballot, Counting, Election, Exact, Kind, Method, Ranking, Vote},
};

/// Every vote there can be.
fn every_vote(kind: Kind, all: usize) -> Vec<Vote> {
    match kind {
        Kind::Ranked => {
            orders(all).into_iter().map(|order| Vote::Ranking(Ranking::strict(order))).collect()
        }
        Kind::RankedTruncated => {
            let mut cut: Vec<Vec<u16>> = orders(all)
                .into_iter()
                .flat_map(|order| (0..=all).map(move |listed| order[..listed].to_vec()))
                .collect();
            cut.sort();
            cut.dedup();
            cut.into_iter().map(|order| Vote::Ranking(Ranking::strict(order))).collect()
        }
        Kind::Approval => (0..1_usize << all)
            .map(|set| {
                Vote::Approved((0..all).filter(|one| set >> one & 1 == 1).map(index).collect())
            })
            .collect(),
        Kind::Score => (0..3_usize.pow(u32::try_from(all).unwrap()))
            .map(|way| {
                let score =
                    |one: usize| [0, 3, 5][way / 3_usize.pow(u32::try_from(one).unwrap()) % 3];
                Vote::Scores((0..all).map(score).collect())
            })
            .collect(),
        Kind::Single => (0..all).map(|one| Vote::Choice(Some(index(one)))).collect(),
        Kind::RankedWeak | Kind::Cumulative => Vec::new(),
    }
}

fn orders(all: usize) -> Vec<Vec<u16>> {
    if all == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(all - 1);
    let with_last = |order: &Vec<u16>| {
        let order = order.clone();
        (0..=order.len()).map(move |at| {
            let mut longer = order.clone();
            longer.insert(at, index(all - 1));
            longer
        })
    };
    shorter.iter().flat_map(with_last).collect()
}

/// Whether every way in which two voters of weight one may vote elects the same.
fn is_the_same_by_trying(election: &Election, method: Method) -> bool {
    let votes = every_vote(election.kind(), election.candidates());
    let mut elected = votes.iter().flat_map(|one| votes.iter().map(move |other| (one, other))).map(
        |(one, other)| {
            let mut ballots = election.ballots().to_vec();
            ballots.extend([one, other].map(|vote| Ballot::one(vote.clone())));
            let election = election.with_ballots(ballots);
            Counting::of(&election).answer(method).unwrap().winners
        },
    );
    let first = elected.next();
    elected.all(|winners| Some(winners) == first)
}

#[test]
fn a_vote_is_closed_early_only_when_nothing_can_change_it() {
    let kinds = [Kind::Ranked, Kind::RankedTruncated, Kind::Approval, Kind::Score, Kind::Single];
    let exact = [Method::Plurality, Method::Approval, Method::Borda, Method::ScoreSum];
    let mut draws = Draws(12);
    let (mut settled, mut open) = (0, 0);
    for _ in 0..6 {
        for kind in kinds {
            let election = loop {
                let election = draws.election(kind);
                if election.candidates() == 3 {
                    break election;
                }
            };
            let counting = Counting::of(&election);
            for method in Method::of(kind).filter(|method| !method.is_for_seats()) {
                let told = counting.settled(method, &Exact::whole(2), false);
                if let Some(winners) = &told {
                    settled += 1;
                    assert_eq!(Some(winners), counting.answer(method).unwrap().winners.as_ref());
                    assert!(is_the_same_by_trying(&election, method), "{method}: {election:?}");
                } else {
                    open += 1;
                    // These know exactly; the others may close later than they could.
                    if exact.contains(&method) {
                        assert!(
                            !is_the_same_by_trying(&election, method),
                            "{method}: {election:?}"
                        );
                    }
                }
            }
        }
    }
    assert!(settled > 50 && open > 50, "{settled} settled, {open} open: this proves little");
}

#[test]
fn nothing_is_settled_where_ballots_may_be_changed_or_seats_are_several() {
    let mut draws = Draws(13);
    let election = draws.election(Kind::Ranked);
    let counting = Counting::of(&election);
    for method in Method::of(Kind::Ranked) {
        assert_eq!(counting.settled(method, &Exact::zero(), true), None);
    }
    let one = Exact::one();
    assert_eq!(counting.settled(Method::StvMeek, &one, false), None);
    assert_eq!(outstanding([&one, &one]), Exact::whole(2));
}
