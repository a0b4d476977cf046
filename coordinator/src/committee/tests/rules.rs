//! What votes come to by their rules: quorum, shares, ties, vetoes, delegates.

use super::script::{Script, choice, option, proposal, ranking, vote, voter};
use crate::committee::{
    Ballot, BallotFault, CommitteeRefusal, Content, Decision, Member, Proposal, Question, TieWay,
    Why,
    consensus::{ClassicMethod, ClassicRule},
    motion::{Base, MotionRule, QuorumOf},
    tally::{Exact, Kind, Method, Weight},
};

const FIVE: [&str; 5] = ["ann", "ben", "cem", "dot", "eve"];

fn majority() -> Question {
    Question::classic(ClassicMethod::Majority)
}

#[test]
fn a126_two_of_five_are_no_quorum_and_an_emergency_needs_all() {
    let mut s = Script::new();
    s.open(&proposal(majority(), &FIVE, &["a", "b"]));
    s.all(&[("ann", choice("a")), ("ben", choice("a"))]);
    s.wait_ms(10_000);
    let told = s.outcome("v");
    assert_eq!(told.decision, Decision::Unresolved);
    assert!(s.minutes("v").iter().any(|line| line.contains("unresolved")));
    let rule = ClassicRule::of(ClassicMethod::Majority).for_emergency();
    let asked = proposal(Question::Classic(rule), &FIVE, &["a", "b"]);
    s.open(&Proposal { id: vote("w"), ..asked });
    for name in &FIVE[..4] {
        s.cast_in("w", name, Ballot::of(choice("a")));
    }
    s.wait_ms(10_000);
    assert_eq!(s.decision("w"), Decision::Unresolved, "four of five are not all");
}

#[test]
fn abstentions_count_for_the_quorum_and_not_for_the_share() {
    let mut s = Script::new();
    s.open(&proposal(majority(), &FIVE, &["a", "b"]));
    s.all(&[("ann", choice("a")), ("ben", Content::Abstain), ("cem", Content::Abstain)]);
    s.wait_ms(10_000);
    assert_eq!(s.decision("v"), Decision::Chosen(vec![option("a")]));
    assert_eq!(s.outcome("v").turnout.abstained, 2);
}

#[test]
fn a127_a_tie_is_broken_by_the_expert_then_the_proposer_then_a_lot_and_the_path_is_recorded() {
    let tied = |ties: &[TieWay], heavy: &str| {
        let mut s = Script::new();
        let question = Question::classic(ClassicMethod::Plurality);
        let mut asked = proposal(question, &["ann", "ben", "cem", "dot"], &["a", "b"]);
        asked.ties = ties.to_vec();
        if let Some(member) = asked.electorate.get_mut(heavy) {
            member.weight = Weight::new(2, 1).unwrap();
        }
        s.open(&asked);
        s.all(&[("ann", choice("a")), ("ben", choice("b")), ("cem", choice("a"))]);
        s.cast("dot", choice("b"));
        (s.decision("v"), s.outcome("v").tallied.tie.clone().unwrap().steps.len(), s.minutes("v"))
    };
    let all = [TieWay::Expert, TieWay::Proposer, TieWay::Lot];
    let (decision, steps, minutes) = tied(&all, "ben");
    assert_eq!((decision, steps), (Decision::Chosen(vec![option("b")]), 1));
    assert!(minutes.iter().any(|line| line.contains("whoever weighs most is for it (ben)")));
    let (decision, steps, _) = tied(&all, "nobody");
    assert_eq!((decision, steps), (Decision::Chosen(vec![option("a")]), 2), "ann proposed it");
    let (decision, steps, minutes) = tied(&[TieWay::Lot], "nobody");
    assert!(matches!(decision, Decision::Chosen(_)));
    assert_eq!(steps, 1);
    assert!(minutes.iter().any(|line| line.contains("drawn by lot with seed")), "{minutes:?}");
    assert_eq!(tied(&[TieWay::Lot], "nobody").0, decision, "a lot can be drawn again");
    assert_eq!(tied(&[], "nobody").0, Decision::Unresolved);
}

#[test]
fn a128_a_veto_blocks_only_what_is_critical_to_security_and_it_is_proposed_anew() {
    let mut s = Script::new();
    let asked = Proposal { early: false, ..proposal(majority(), &FIVE, &["a", "b"]) };
    s.open(&asked);
    s.all(&[("ann", choice("a")), ("ben", choice("a")), ("cem", choice("a"))]);
    s.cast("dot", Content::Veto);
    s.wait_ms(10_000);
    assert_eq!(s.decision("v"), Decision::Chosen(vec![option("a")]), "here it is an abstention");
    let critical = Proposal { id: vote("w"), security_critical: true, ..asked.clone() };
    s.open(&critical);
    for name in ["ann", "ben", "cem"] {
        s.cast_in("w", name, Ballot::of(choice("a")));
    }
    assert!(s.is_open("w"), "anybody may veto it yet");
    s.cast_in("w", "dot", Ballot::of(Content::Veto));
    s.cast_in("w", "eve", Ballot::of(choice("a")));
    assert_eq!(s.decision("w"), Decision::Vetoed { by: vec![voter("dot")] });
    s.open(&Proposal { id: vote("w-2"), ..critical });
}

#[test]
fn a_veto_of_a_holder_blocks_a_motion_at_once() {
    let mut s = Script::new();
    let mut asked = proposal(Question::motion(), &FIVE, &[]);
    asked.electorate.insert(voter("sec"), Member { veto: true, ..Member::default() });
    s.open(&asked);
    s.cast("ann", Content::Veto);
    assert!(s.is_open("v"), "ann holds none: it is a no");
    s.cast("sec", Content::Veto);
    assert_eq!(s.decision("v"), Decision::Vetoed { by: vec![voter("sec")] });
    assert_eq!(s.outcome("v").why, Why::Settled);
}

#[test]
fn a130_a_vote_that_fails_has_no_winner() {
    let mut s = Script::new();
    let rule = ClassicRule::of(ClassicMethod::supermajority());
    s.open(&proposal(Question::Classic(rule), &FIVE, &["a", "b"]));
    s.all(&[("ann", choice("a")), ("ben", choice("a")), ("cem", choice("a"))]);
    s.all(&[("dot", choice("b")), ("eve", choice("b"))]);
    assert_eq!(s.decision("v"), Decision::Unresolved);
    assert!(!s.decision("v").is_for());
}

#[test]
fn a_delegate_votes_for_many_and_a_direct_ballot_is_ones_own() {
    let mut s = Script::new();
    let rule = MotionRule::Majority;
    let (quorum, quorum_of) = (Exact::one(), QuorumOf::Members);
    let question =
        Question::Motion { rule, base: Base::Cast, quorum, quorum_of, delegations_max: 2 };
    s.open(&Proposal { early: false, ..proposal(question, &FIVE, &[]) });
    s.cast("ann", Content::Delegate(voter("ben")));
    s.cast("ben", Content::Delegate(voter("cem")));
    s.cast("cem", Content::Yes);
    s.all(&[("dot", Content::No), ("eve", Content::No)]);
    assert_eq!(s.decision("v"), Decision::Passed);
    let mut s = Script::new();
    s.open(&proposal(Question::motion(), &FIVE, &[]));
    for (who, to) in [("ann", "ann"), ("ann", "mallory")] {
        let fault = BallotFault::Delegate { voter: voter(to) };
        let refusal = s.refused_cast(who, Ballot::of(Content::Delegate(voter(to))));
        assert_eq!(refusal, CommitteeRefusal::Ballot { fault });
    }
}

#[test]
fn being_ahead_by_so_many_closes_a_vote() {
    let mut s = Script::new();
    let Question::Election { kind, method, seats, score_max, quorum, quorum_of, .. } =
        Question::election(Kind::Single, Method::Plurality)
    else {
        panic!()
    };
    let ahead_by = Some(3);
    let question =
        Question::Election { kind, method, seats, score_max, quorum, quorum_of, ahead_by };
    let names: Vec<String> = (0..20).map(|number| format!("v{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    s.open(&proposal(question, &names, &["a", "b", "c"]));
    s.all(&[("v0", choice("a")), ("v1", choice("b")), ("v2", choice("a")), ("v3", choice("a"))]);
    assert!(s.is_open("v"));
    s.cast("v4", choice("a"));
    assert_eq!(s.decision("v"), Decision::Chosen(vec![option("a")]));
    assert_eq!(s.outcome("v").why, Why::Ahead);
}

#[test]
fn many_methods_count_the_same_ballots_and_where_they_disagree_is_told() {
    let mut s = Script::new();
    let question = Question::election(Kind::Ranked, Method::Schulze);
    let names: Vec<String> = (0..9).map(|number| format!("v{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let tallies = vec![Method::Plurality, Method::Borda];
    s.open(&Proposal { tallies, ..proposal(question, &names, &["a", "b", "c"]) });
    let orders =
        [["a", "b", "c"], ["a", "b", "c"], ["a", "b", "c"], ["a", "b", "c"], ["b", "c", "a"]];
    for (name, order) in names.iter().zip(orders) {
        s.cast(name, ranking(&order));
    }
    for name in &names[5..7] {
        s.cast(name, ranking(&["b", "c", "a"]));
    }
    for name in &names[7..] {
        s.cast(name, ranking(&["c", "b", "a"]));
    }
    let told = s.outcome("v");
    assert_eq!(told.decision, Decision::Chosen(vec![option("b")]));
    let others = told.tallied.others.as_ref().unwrap();
    assert!(!others.is_agreed());
    assert_eq!(others.answers[&Method::Plurality].winners, Some(vec![0]));
    assert!(s.minutes("v").iter().any(|line| line.contains("methods disagree")));
}
