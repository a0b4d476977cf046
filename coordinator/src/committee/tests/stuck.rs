//! Deadlocks and ways out of them.

use super::draws::ranked;
use crate::committee::{
    compromise::{Leading, Proposal, Template, from_ballots},
    deadlock::{Attendance, Deadlock, Patience, RoundEnd, of_ballots, of_rounds},
    tally::{Counting, Exact, Method},
};

fn exact(text: &str) -> Exact {
    text.parse().unwrap()
}

#[test]
fn a132_the_same_two_leading_again_is_a_deadlock() {
    let end = |leading, ballots| RoundEnd { leading, ballots: [ballots; 32] };
    let patience = Patience { repeats_max: 2, rounds_max: 5 };
    assert_eq!(of_rounds(&[end((0, 1), 1)], &patience), []);
    let found = of_rounds(&[end((0, 1), 1), end((1, 0), 2)], &patience);
    assert_eq!(found, [Deadlock::Repeated { rounds: 2 }]);
    assert_eq!(of_rounds(&[end((0, 1), 1), end((2, 0), 2)], &patience), []);
    let found = of_rounds(&[end((0, 1), 1), end((0, 2), 2), end((2, 1), 2)], &patience);
    assert_eq!(found, [Deadlock::Unmoved]);
    let found = of_rounds(&[end((0, 1), 1), end((0, 2), 2), end((1, 2), 3)], &Patience::default());
    assert_eq!(found, [Deadlock::RoundsSpent { rounds: 3 }]);
}

#[test]
fn a132_a_quorum_that_cannot_be_reached_is_told_before_the_deadline() {
    let attendance = Attendance { present: 1, reachable: 2, needed: 3 };
    assert_eq!(attendance.deadlock(false), None);
    let too_few = Deadlock::NoQuorum { present: 1, needed: 3, is_unreachable: false };
    assert_eq!(attendance.deadlock(true), Some(too_few));
    let gone = Attendance { reachable: 1, ..attendance };
    let unreachable = Deadlock::NoQuorum { present: 1, needed: 3, is_unreachable: true };
    assert_eq!(gone.deadlock(false), Some(unreachable));
}

#[test]
fn a132_ties_circles_and_camps_are_told_apart() {
    let found = |ballots: &[(u64, &str)], lot_allowed| {
        let election = ranked(ballots);
        let counting = Counting::of(&election);
        let answer = counting.answer(Method::Schulze).unwrap();
        of_ballots(&counting, &answer, lot_allowed)
    };
    let tie = [(1, "012"), (1, "102")];
    assert_eq!(found(&tie, false), [Deadlock::TopTie { among: vec![0, 1] }]);
    assert_eq!(found(&tie, true), [], "a lot may decide");
    let circle = [(4, "012"), (3, "120"), (2, "201")];
    assert_eq!(found(&circle, false), [Deadlock::PairwiseCycle { among: vec![0, 1, 2] }]);
    let camps = [(6, "012"), (4, "210"), (1, "102")];
    let share = exact("10/11");
    assert_eq!(found(&camps, false), [Deadlock::Polarised { between: (0, 2), share }]);
}

#[test]
fn the_ballots_themselves_propose_what_nobody_hates() {
    // Two camps put each other's option last; option 1 is everybody's second.
    let election = ranked(&[(5, "0132"), (4, "2130")]);
    let proposals = from_ballots(&Counting::of(&election), 2);
    assert_eq!(
        proposals,
        [
            Proposal::LeastBad { options: vec![1], above_at_most: 1 },
            Proposal::Middle { options: vec![0] },
            Proposal::MostAcceptable { options: vec![1], share: Exact::one() },
            Proposal::Shared { sets: vec![vec![0, 1]] },
        ]
    );
    let nothing = ranked(&[(1, "0")]);
    assert_eq!(from_ballots(&Counting::of(&nothing), 2), []);
}

#[test]
fn a133_the_shape_of_a_compromise_goes_by_rule_or_to_a_person() {
    let leading = |first, second| Leading {
        shares: (exact(first), exact(second)),
        is_disjoint: false,
        is_exclusive: true,
        is_measurable: false,
    };
    let even = leading("2/5", "2/5");
    assert_eq!(even.template(), Some(Template::Sequential));
    assert_eq!(Leading { is_disjoint: true, ..even.clone() }.template(), Some(Template::Split));
    assert_eq!(Leading { is_exclusive: false, ..even }.template(), Some(Template::Hybrid));
    let apart = leading("1/2", "1/5");
    assert_eq!(apart.template(), None);
    let measurable = Leading { is_measurable: true, ..apart };
    assert_eq!(measurable.template(), Some(Template::SideBySide));
    assert_eq!(leading("2/5", "1/4").template(), None, "fifteen points are no small lead");
}
