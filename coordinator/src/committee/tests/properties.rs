//! What voting theory says of the methods: for each property, the methods that have it, over many
//! drawn elections, and one that does not have it, by an example.

use std::collections::BTreeSet;

use super::draws::{Draws, index, ranked};
use crate::committee::{
    settled::elects_condorcet_winner,
    tally::{Answer, Ballot, Counting, Election, Kind, Method, Ranking, Vote, Weight},
};

fn winners(election: &Election, method: Method) -> Vec<usize> {
    Counting::of(election).answer(method).unwrap().winners.unwrap()
}

/// The same election with each ranking made into another one.
fn with_rankings(
    election: &Election,
    all: usize,
    make: impl Fn(usize, &[u16]) -> Vec<u16>,
) -> Election {
    let ballots = election.ballots().iter().enumerate().map(|(at, ballot)| {
        let Vote::Ranking(ranking) = &ballot.vote else { panic!("no ranking") };
        let order: Vec<u16> = ranking.groups().concat();
        Ballot { vote: Vote::Ranking(Ranking::strict(make(at, &order))), ..ballot.clone() }
    });
    Election::new("made", (Kind::Ranked, all), ballots.collect()).unwrap()
}

fn renamed(vote: &Vote, to: &[usize]) -> Vote {
    let name = |one: &u16| index(to[usize::from(*one)]);
    let in_order = |list: &[u16]| -> Box<[u16]> {
        let mut moved = vec![0; list.len()];
        list.iter().zip(to).for_each(|(mark, place)| moved[*place] = *mark);
        moved.into()
    };
    match vote {
        Vote::Ranking(ranking) => {
            let groups = ranking.groups();
            let groups = groups.iter().map(|group| group.iter().map(name).collect::<Vec<_>>());
            Vote::Ranking(Ranking::of_groups(groups))
        }
        Vote::Approved(approved) => Vote::Approved(approved.iter().map(name).collect()),
        Vote::Choice(choice) => Vote::Choice(choice.as_ref().map(name)),
        Vote::Scores(scores) => Vote::Scores(in_order(scores)),
        Vote::Points(points) => Vote::Points(in_order(points)),
    }
}

fn sets(answer: &Answer) -> BTreeSet<BTreeSet<usize>> {
    answer.elected_sets().into_iter().map(|set| set.into_iter().collect()).collect()
}

#[test]
fn who_cast_a_ballot_and_when_does_not_matter() {
    let mut draws = Draws(1);
    for kind in Kind::ALL {
        for _ in 0..30 {
            let election = draws.election(kind);
            // Each ballot taken apart into voters, in another order.
            let order = draws.shuffled(election.ballots().len());
            let ballots = order.into_iter().flat_map(|at| {
                let ballot = &election.ballots()[at];
                let one = Ballot { count: 1, ..ballot.clone() };
                std::iter::repeat_n(one, usize::try_from(ballot.count).unwrap())
            });
            let apart = election.with_ballots(ballots.collect());
            let (one, other) = (Counting::of(&election), Counting::of(&apart));
            for method in Method::of(kind) {
                assert_eq!(one.answer(method), other.answer(method), "{method}: {election:?}");
            }
        }
    }
}

#[test]
fn what_a_candidate_is_called_does_not_matter() {
    let mut draws = Draws(2);
    for kind in Kind::ALL {
        for _ in 0..30 {
            let election = draws.election(kind);
            let to = draws.shuffled(election.candidates());
            let list = draws.shuffled(election.candidates());
            let ballots = election.ballots().iter();
            let ballots =
                ballots.map(|b| Ballot { vote: renamed(&b.vote, &to), ..b.clone() }).collect();
            let other = election.with_ballots(ballots);
            let other = other.with_tie_break(list.iter().map(|one| to[*one]).collect()).unwrap();
            let election = election.with_tie_break(list).unwrap();
            let (one, other) = (Counting::of(&election), Counting::of(&other));
            for method in Method::of(kind) {
                let expected: BTreeSet<BTreeSet<usize>> = sets(&one.answer(method).unwrap())
                    .into_iter()
                    .map(|set| set.into_iter().map(|member| to[member]).collect())
                    .collect();
                assert_eq!(
                    sets(&other.answer(method).unwrap()),
                    expected,
                    "{method}: {election:?}"
                );
            }
        }
    }
}

#[test]
fn every_method_answers_for_every_kind_that_it_says_it_counts() {
    let mut draws = Draws(3);
    for kind in Kind::ALL {
        let election = draws.election(kind);
        let counting = Counting::of(&election);
        for method in Method::ALL {
            let answer = counting.answer(*method);
            assert_eq!(answer.is_ok(), method.counts(kind), "{method} of {kind}: {answer:?}");
            assert_eq!(method.as_str().parse(), Ok(*method));
        }
    }
}

#[test]
fn whoever_beats_all_others_wins_where_that_is_promised() {
    let mut draws = Draws(4);
    let mut found = 0;
    for _ in 0..300 {
        let election = draws.election(Kind::Ranked);
        let best = winners(&election, Method::CondorcetWinner);
        if best.is_empty() {
            continue;
        }
        found += 1;
        let promised = Method::of(Kind::Ranked).filter(|method| elects_condorcet_winner(*method));
        for method in promised {
            assert_eq!(winners(&election, method), best, "{method}: {election:?}");
        }
    }
    assert!(found > 100, "only {found}: this proves little");
    // The middle city beats each other one, and these do not elect it.
    let capital = ranked(&[(42, "0123"), (26, "1230"), (15, "2310"), (17, "3210")]);
    assert_eq!(winners(&capital, Method::CondorcetWinner), [1]);
    assert_eq!(winners(&capital, Method::Plurality), [0]);
    assert_eq!(winners(&capital, Method::IrvPut), [3]);
}

#[test]
fn schulze_elects_from_the_smith_set_and_never_who_loses_to_all() {
    let mut draws = Draws(5);
    for _ in 0..300 {
        let election = draws.election(Kind::RankedWeak);
        let (smith, loser) =
            (winners(&election, Method::SmithSet), winners(&election, Method::CondorcetLoser));
        for method in [Method::SchulzeMargins, Method::SchulzeWinningVotes] {
            let elected = winners(&election, method);
            assert!(!elected.is_empty() && elected.iter().all(|one| smith.contains(one)));
            assert!(elected.iter().all(|one| !loser.contains(one)), "{election:?}");
        }
    }
    let capital = ranked(&[(42, "0123"), (26, "1230"), (15, "2310"), (17, "3210")]);
    let loser = winners(&capital, Method::CondorcetLoser);
    assert_eq!(
        winners(&capital, Method::Plurality),
        loser,
        "plurality does elect who loses to all"
    );
}

#[test]
fn a_winner_who_is_raised_still_wins_where_that_is_promised() {
    let methods = [
        Method::Plurality,
        Method::Antiplurality,
        Method::Borda,
        Method::Bucklin,
        Method::Copeland,
        Method::Llull,
        Method::Minimax,
        Method::Schulze,
        Method::SplitCycle,
        Method::RankedPairsPut,
        Method::Kemeny,
    ];
    let mut draws = Draws(6);
    for _ in 0..200 {
        let election = draws.election(Kind::Ranked);
        for method in methods {
            let winner = draws.one_of(&winners(&election, method));
            let raised_on = draws.below(election.ballots().len());
            let raised = with_rankings(&election, election.candidates(), |at, order| {
                let mut order = order.to_vec();
                let place = order.iter().position(|one| *one == index(winner)).unwrap();
                if at == raised_on && place > 0 {
                    order.swap(place, place - 1);
                }
                order
            });
            assert!(winners(&raised, method).contains(&winner), "{method}: {election:?}");
        }
    }
    // Instant runoff: two more for 0 send 0 against 2, whom it cannot beat, instead of 1.
    let before = ranked(&[(6, "012"), (2, "102"), (4, "120"), (5, "201")]);
    let after = ranked(&[(8, "012"), (4, "120"), (5, "201")]);
    assert_eq!(winners(&before, Method::IrvPut), [0]);
    assert_eq!(winners(&after, Method::IrvPut), [2]);
}

#[test]
fn the_only_winner_does_not_win_upside_down_where_that_is_promised() {
    let methods = [
        Method::Borda,
        Method::Copeland,
        Method::Schulze,
        Method::SplitCycle,
        Method::RankedPairsPut,
        Method::Kemeny,
    ];
    let upside_down = |election: &Election| {
        with_rankings(election, election.candidates(), |_, order| {
            order.iter().rev().copied().collect()
        })
    };
    let mut draws = Draws(7);
    let mut found = 0;
    for _ in 0..200 {
        let election = draws.election(Kind::Ranked);
        let reversed = upside_down(&election);
        for method in methods {
            if let [only] = winners(&election, method)[..] {
                found += 1;
                assert!(!winners(&reversed, method).contains(&only), "{method}: {election:?}");
            }
        }
    }
    assert!(found > 500, "only {found}: this proves little");
    // A circle of three whose margins are large, and one who loses to each by little.
    let circle =
        ranked(&[(4, "0123"), (4, "1203"), (4, "2013"), (3, "3012"), (3, "3120"), (3, "3201")]);
    let (up, down) =
        (winners(&circle, Method::Minimax), winners(&upside_down(&circle), Method::Minimax));
    assert_eq!((up, down), (vec![3], vec![3]), "minimax elects the same upside down");
}

#[test]
fn a_clone_changes_nothing_for_the_others_where_that_is_promised() {
    let methods = [Method::Schulze, Method::SplitCycle, Method::IrvPut];
    let mut draws = Draws(8);
    for _ in 0..200 {
        let election = draws.election(Kind::Ranked);
        let all = election.candidates();
        let cloned = draws.below(all);
        let first = draws.below(2);
        let with_clone = with_rankings(&election, all + 1, |at, order| {
            let mut order = order.to_vec();
            let place = order.iter().position(|one| *one == index(cloned)).unwrap();
            order.insert(place + (at + first) % 2, index(all));
            order
        });
        for method in methods {
            let before: BTreeSet<usize> = winners(&election, method).into_iter().collect();
            let after: BTreeSet<usize> = winners(&with_clone, method)
                .into_iter()
                .map(|one| if one == all { cloned } else { one })
                .collect();
            assert_eq!(after, before, "{method}: {election:?}");
        }
    }
    // Two alike split the votes of plurality, and Borda helps whoever has a clone.
    let alone = ranked(&[(3, "01"), (2, "10")]);
    assert_eq!(winners(&alone, Method::Borda), [0]);
    let with_clone = ranked(&[(3, "012"), (2, "120")]);
    assert_eq!(winners(&with_clone, Method::Borda), [1]);
    assert_eq!(winners(&ranked(&[(6, "01"), (5, "10")]), Method::Plurality), [0]);
    assert_eq!(winners(&ranked(&[(3, "021"), (3, "201"), (5, "102")]), Method::Plurality), [1]);
}

#[test]
fn one_seat_by_transferable_vote_is_instant_runoff() {
    let mut draws = Draws(9);
    let mut found = 0;
    for _ in 0..200 {
        let election = draws.election(Kind::Ranked).with_seats(1).unwrap();
        let [only] = winners(&election, Method::IrvPut)[..] else { continue };
        let counting = Counting::of(&election);
        for method in [Method::StvScottish, Method::StvMeek] {
            assert_eq!(counting.answer(method).unwrap().elected, Some(vec![only]), "{election:?}");
        }
        found += 1;
    }
    assert!(found > 50, "only {found}: this proves little");
}

#[test]
fn every_bloc_that_is_large_enough_has_a_seat_by_equal_shares() {
    let mut draws = Draws(10);
    for _ in 0..100 {
        let election = draws.election(Kind::Approval);
        let seats = election.seats().unwrap();
        let counting = Counting::of(&election);
        let committees = counting.answer(Method::EqualShares).unwrap().committees.unwrap();
        let total = counting.total().0;
        for candidate in 0..election.candidates() {
            for committee in &committees {
                // Who approves of this candidate and of nobody who is elected.
                let without: Vec<Ballot> = election
                    .ballots()
                    .iter()
                    .filter(|ballot| match &ballot.vote {
                        Vote::Approved(list) => {
                            let has = |one: usize| list.contains(&index(one));
                            has(candidate) && !committee.iter().any(|one| has(*one))
                        }
                        _ => false,
                    })
                    .cloned()
                    .collect();
                let without = Counting::of(&election.with_ballots(without)).total().0;
                let enough = without * num_bigint::BigInt::from(seats);
                assert!(enough < total, "{candidate} was earned: {election:?} {committees:?}");
            }
        }
    }
}

#[test]
fn what_all_weigh_does_not_matter_nor_how_large_the_numbers_are() {
    let mut draws = Draws(11);
    // Primes near 2^64, and as many voters as fit: sums leave 128 bits.
    let huge = Weight::new(18_446_744_073_709_551_557, 18_446_744_073_709_551_533).unwrap();
    for kind in Kind::ALL {
        for _ in 0..10 {
            let election = draws.election(kind);
            let plain = |ballot: &Ballot| Ballot { weight: Weight::ONE, ..ballot.clone() };
            let grown = |ballot: &Ballot| Ballot {
                count: ballot.count << 60,
                weight: huge,
                ..ballot.clone()
            };
            let plain = election.with_ballots(election.ballots().iter().map(plain).collect());
            let grown = election.with_ballots(election.ballots().iter().map(grown).collect());
            let (one, other) = (Counting::of(&plain), Counting::of(&grown));
            for method in Method::of(kind).filter(|method| *method != Method::StvScottish) {
                let (one, other) = (one.answer(method), other.answer(method));
                let (one, other) = (one.unwrap().elected_sets(), other.unwrap().elected_sets());
                assert_eq!(one, other, "{method}: {election:?}");
            }
        }
    }
}

#[test]
fn without_ballots_or_with_one_candidate_every_method_still_answers() {
    let mut draws = Draws(14);
    for kind in Kind::ALL {
        let empty = draws.election(kind).with_ballots(Vec::new());
        let of_none =
            |ballot: &Ballot| Ballot { weight: Weight::new(0, 1).unwrap(), ..ballot.clone() };
        let weighed = draws.election(kind);
        let weightless = weighed.with_ballots(weighed.ballots().iter().map(of_none).collect());
        let alone = Election::new("alone", (kind, 1), Vec::new()).unwrap();
        let alone = alone.with_seats(1).unwrap().with_tie_break(vec![0]).unwrap();
        for election in [empty, weightless, alone] {
            let counting = Counting::of(&election);
            for method in Method::of(kind) {
                let sets = counting.answer(method).unwrap().elected_sets();
                assert!(!method.elects() || !sets.is_empty(), "{method}: {election:?}");
            }
        }
    }
}

#[test]
fn many_candidates_and_ties_are_counted_or_refused_and_never_hang() {
    // Everybody ties with everybody: whoever looks at every way has too many to look at.
    let all = 30;
    let rotated = (0..all).map(|first| {
        let order = (0..all).map(|place| index((first + place) % all));
        Ballot::one(Vote::Ranking(Ranking::strict(order)))
    });
    let election = Election::new("circle", (Kind::Ranked, all), rotated.collect()).unwrap();
    let election = election.with_tie_break((0..all).collect()).unwrap();
    let counting = Counting::of(&election);
    let compared = counting.compare(&Method::of(Kind::Ranked).collect::<Vec<_>>());
    assert_eq!(compared.answers[&Method::Schulze].winners, Some((0..all).collect()));
    let refused = [Method::IrvPut, Method::RankedPairsPut, Method::Kemeny];
    for method in refused {
        assert!(compared.refused.contains_key(&method), "{method}");
    }
}

#[test]
fn a_tenth_and_two_tenths_tie_with_three_tenths() {
    let ballot = |p, candidate| Ballot {
        weight: Weight::new(p, 10).unwrap(),
        ..Ballot::one(Vote::Choice(Some(candidate)))
    };
    let ballots = vec![ballot(1, 0), ballot(2, 0), ballot(3, 1)];
    let election = Election::new("tenths", (Kind::Single, 2), ballots).unwrap();
    assert_eq!(winners(&election, Method::Plurality), [0, 1]);
}
