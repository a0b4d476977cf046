//! Votes from opening to outcome.

use super::script::{Script, choice, electorate, keeper, option, proposal, ranking, vote, voter};
use crate::committee::{
    Ballot, BallotFault, CommitteeCommand, CommitteeRefusal, CommitteeReply, Content, Count,
    Decision, Ladder, Member, Proposal, Question, Rung, TieWay, Why,
    consensus::{ClassicMethod, ClassicRule},
    motion::{Base, MotionRule, QuorumOf},
    tally::{Exact, Kind, Method, Weight},
    view::PhaseView,
};

const FIVE: [&str; 5] = ["ann", "ben", "cem", "dot", "eve"];

fn majority() -> Question {
    Question::classic(ClassicMethod::Majority)
}

#[test]
fn a_motion_is_passed_by_more_than_half_and_closed_when_nothing_can_change_it() {
    let mut s = Script::new();
    s.open(&proposal(Question::motion(), &FIVE, &[]));
    s.all(&[("ann", Content::Yes), ("ben", Content::Yes), ("cem", Content::No)]);
    assert!(s.is_open("v"), "two more against would be a majority");
    s.cast("dot", Content::Yes);
    assert_eq!(s.decision("v"), Decision::Passed);
    assert_eq!(s.outcome("v").why, Why::Settled);
    let Count::Motion(count) = &s.outcome("v").tallied.count else { panic!() };
    assert_eq!((count.yes.to_string(), count.no.to_string()), ("3".to_owned(), "1".to_owned()));
    s.check_replay();
}

#[test]
fn a_motion_that_is_not_closed_early_is_closed_at_its_deadline_by_what_is_in() {
    let mut s = Script::new();
    s.open(&Proposal { early: false, ..proposal(Question::motion(), &FIVE, &[]) });
    s.all(&[("ann", Content::Yes), ("ben", Content::Yes), ("cem", Content::Yes)]);
    s.wait_ms(9_999);
    assert!(s.is_open("v"));
    s.wait_ms(1);
    assert_eq!(s.decision("v"), Decision::Passed);
    assert_eq!(s.outcome("v").why, Why::Deadline);
    assert_eq!(s.outcome("v").turnout.cast, 3);
}

#[test]
fn a146_ballots_survive_a_take_over_in_mid_vote_and_the_tally_is_unchanged() {
    let run = |restarts: bool| {
        let mut s = Script::new();
        let question = Question::election(Kind::Ranked, Method::Schulze);
        s.open(&Proposal { early: false, ..proposal(question, &FIVE, &["a", "b", "c"]) });
        let orders = [["a", "b", "c"], ["b", "c", "a"], ["b", "a", "c"], ["c", "b", "a"]];
        for (name, order) in FIVE.iter().zip(orders) {
            s.cast(name, ranking(&order));
            if restarts {
                s.take_over();
                s.check_replay();
            }
        }
        s.wait_ms(10_000);
        (s.decision("v"), s.outcome("v").tallied.clone(), s.outcome("v").record)
    };
    let undisturbed = run(false);
    assert_eq!(undisturbed.0, Decision::Chosen(vec![option("b")]));
    assert_eq!(run(true), undisturbed);
}

#[test]
fn a_deadline_that_passed_while_nobody_led_closes_the_vote_when_somebody_does() {
    let mut s = Script::new();
    s.open(&proposal(majority(), &FIVE, &["a", "b"]));
    s.cast("ann", choice("a"));
    s.now.wall = s.now.wall + std::time::Duration::from_hours(1);
    s.take_over();
    assert_eq!(s.decision("v"), Decision::Unresolved);
    assert_eq!(s.outcome("v").why, Why::Deadline);
}

#[test]
fn a129_a_second_ballot_of_a_voter_is_refused_and_the_same_again_is_the_same() {
    let mut s = Script::new();
    s.open(&proposal(majority(), &FIVE, &["a", "b"]));
    let ballot = Ballot::of(choice("a")).because("it is shorter");
    let CommitteeReply::Cast { hash, seq: 1, existed: false } = s.try_cast("ann", ballot.clone())
    else {
        panic!()
    };
    assert_eq!(hash, s.scope("v").hash(&voter("ann"), &ballot), "the hash can be worked out again");
    let before = s.journal.len();
    let again = s.try_cast("ann", ballot.clone());
    assert_eq!(again, CommitteeReply::Cast { hash, seq: 1, existed: true });
    let has_voted = CommitteeRefusal::HasVoted { voter: voter("ann"), seq: 1 };
    let other = Ballot { content: choice("b"), ..ballot.clone() };
    assert_eq!(s.refused_cast("ann", other.clone()), has_voted);
    assert_eq!(s.refused_cast("ann", Ballot { seq: 2, ..other.clone() }), has_voted);
    assert_eq!(s.journal.len(), before, "nothing is written of it");
    assert_ne!(
        hash,
        s.scope("v").hash(&voter("ann"), &other),
        "an altered ballot has another hash"
    );
}

#[test]
fn who_is_not_in_the_electorate_has_no_vote_and_nobody_joins_later() {
    let mut s = Script::new();
    s.open(&proposal(majority(), &FIVE, &["a", "b"]));
    let refusal = s.refused_cast("mallory", Ballot::of(choice("a")));
    assert_eq!(refusal, CommitteeRefusal::NoVoter { voter: voter("mallory"), vote: vote("v") });
    let (vote, members) = (vote("v"), electorate(&["mallory"]));
    let refusal = s.refused(|to| CommitteeCommand::Enrol { to, vote: vote.clone(), members });
    assert_eq!(refusal, CommitteeRefusal::NameTaken { vote });
}

#[test]
fn a_late_ballot_is_recorded_as_late_and_counts_nowhere() {
    let mut s = Script::new();
    s.open(&proposal(majority(), &FIVE, &["a", "b"]));
    s.all(&[("ann", choice("a")), ("ben", choice("a")), ("cem", choice("b"))]);
    s.wait_ms(10_000);
    let decided = s.outcome("v");
    let before = s.journal.len();
    let refusal = s.refused_cast("dot", Ballot::of(choice("b")));
    let phase = PhaseView::Decided;
    assert_eq!(refusal, CommitteeRefusal::NotNow { vote: vote("v"), phase });
    assert!(refusal.to_string().contains("look at what it came to"), "{refusal}");
    assert_eq!(s.journal.len(), before + 1);
    s.refused_cast("dot", Ballot::of(choice("a")));
    assert_eq!(s.journal.len(), before + 1, "once is enough");
    assert_eq!(s.outcome("v"), decided);
    s.check_replay();
}

#[test]
fn the_same_proposal_again_is_the_same_vote_and_another_of_its_name_is_refused() {
    let mut s = Script::new();
    let asked = proposal(majority(), &FIVE, &["a", "b"]);
    let number = s.open(&asked);
    let again = Box::new(asked.clone());
    let CommitteeReply::Opened { number: found, existed: true, .. } =
        s.ask(|to| CommitteeCommand::Open { to, proposal: again })
    else {
        panic!()
    };
    assert_eq!(found, number);
    let other = Box::new(Proposal { title: "another".to_owned(), ..asked });
    let refusal = s.refused(|to| CommitteeCommand::Open { to, proposal: other });
    assert_eq!(refusal, CommitteeRefusal::NameTaken { vote: vote("v") });
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
fn where_ballots_may_change_the_latest_counts_and_nothing_closes_early() {
    let mut s = Script::new();
    s.open(&Proposal {
        changeable: true,
        ..proposal(majority(), &["ann", "ben", "cem"], &["a", "b"])
    });
    s.all(&[("ann", choice("a")), ("ben", choice("a")), ("cem", choice("a"))]);
    assert!(s.is_open("v"));
    let change = |seq, to: &str| Ballot { seq, ..Ballot::of(choice(to)) };
    assert!(matches!(s.try_cast("ann", change(3, "b")), CommitteeReply::Cast { seq: 3, .. }));
    let old = CommitteeRefusal::OldBallot { voter: voter("ann"), newest: 3 };
    assert_eq!(s.refused_cast("ann", change(2, "a")), old);
    let other = CommitteeRefusal::OtherBallot { voter: voter("ann"), seq: 3 };
    assert_eq!(s.refused_cast("ann", change(3, "a")), other);
    assert!(matches!(s.try_cast("ben", change(2, "b")), CommitteeReply::Cast { seq: 2, .. }));
    s.wait_ms(10_000);
    let told = s.outcome("v");
    assert_eq!(told.decision, Decision::Chosen(vec![option("b")]));
    assert_eq!(told.tallied.first, Some(crate::committee::Verdict::Chosen(vec![0])));
    let switched = &told.tallied.switched;
    assert_eq!((switched.asked_twice, switched.switched), (3, 2));
    s.check_replay();
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
fn who_proposed_a_vote_may_close_or_withdraw_it_and_nobody_else_may() {
    let mut s = Script::new();
    s.open(&proposal(majority(), &FIVE, &["a", "b"]));
    s.all(&[("ann", choice("a")), ("ben", choice("a")), ("cem", choice("b"))]);
    let by = |by: &str| {
        let (by, why) = (by.to_owned(), "enough is said".to_owned());
        crate::committee::Officer { by, is_keeper: false, why }
    };
    let not_yours = CommitteeRefusal::NotYours { vote: vote("v"), proposer: voter("ann") };
    let (v, officer) = (vote("v"), by("ben"));
    assert_eq!(s.refused(|to| CommitteeCommand::Close { to, vote: v, officer }), not_yours);
    let (v, officer) = (vote("v"), by("ben"));
    assert_eq!(s.refused(|to| CommitteeCommand::Withdraw { to, vote: v, officer }), not_yours);
    let (v, officer) = (vote("v"), by("ann"));
    let closed = s.ask(|to| CommitteeCommand::Close { to, vote: v, officer });
    assert_eq!(closed, CommitteeReply::Closed);
    assert_eq!(s.decision("v"), Decision::Chosen(vec![option("a")]));
    let why = Why::Asked { by: "ann".to_owned(), why: "enough is said".to_owned() };
    assert_eq!(s.outcome("v").why, why);
    s.open(&Proposal { id: vote("w"), ..proposal(majority(), &FIVE, &["a", "b"]) });
    let (w, officer) = (vote("w"), keeper());
    let withdrawn = s.ask(|to| CommitteeCommand::Withdraw { to, vote: w, officer });
    assert_eq!(withdrawn, CommitteeReply::Withdrawn);
    assert_eq!(s.decision("w"), Decision::Withdrawn);
    s.check_replay();
}

#[test]
fn what_is_no_ballot_is_asked_for_once_more_and_then_the_voter_is_absent() {
    let mut s = Script::new();
    s.open(&proposal(majority(), &["ann", "ben", "cem"], &["a", "b"]));
    let no_option = BallotFault::NoOption { option: option("z") };
    let refusal = s.refused_cast("ann", Ballot::of(choice("z")));
    assert_eq!(refusal, CommitteeRefusal::Ballot { fault: no_option });
    let why = || "it says \"perhaps\"".to_owned();
    let ann = || (vote("v"), voter("ann"), why());
    let (v, who, because) = ann();
    let told = s.ask(|to| CommitteeCommand::Malformed { to, vote: v, voter: who, why: because });
    assert_eq!(told, CommitteeReply::OnceMore);
    let (v, who, because) = ann();
    let told = s.ask(|to| CommitteeCommand::Malformed { to, vote: v, voter: who, why: because });
    assert_eq!(told, CommitteeReply::SetAside);
    s.all(&[("ben", choice("a")), ("cem", choice("a"))]);
    assert_eq!(s.outcome("v").why, Why::AllIn, "nobody is waited for who is absent");
    assert_eq!(s.outcome("v").turnout.aside.len(), 1);
    s.check_replay();
}

#[test]
fn nobody_waits_for_who_will_not_vote_but_who_votes_after_all_counts() {
    let mut s = Script::new();
    s.open(&proposal(majority(), &FIVE, &["a", "b"]));
    let absent = |s: &mut Script, name: &str| {
        let (vote, voter, officer) = (vote("v"), voter(name), keeper());
        s.ask(|to| CommitteeCommand::Absent { to, vote, voter, officer })
    };
    assert_eq!(absent(&mut s, "ann"), CommitteeReply::SetAside);
    assert_eq!(absent(&mut s, "ben"), CommitteeReply::SetAside);
    s.cast("ann", choice("b"));
    s.all(&[("cem", choice("a")), ("dot", choice("b"))]);
    assert!(s.is_open("v"));
    s.cast("eve", choice("b"));
    assert_eq!(s.outcome("v").turnout.cast, 4);
    assert_eq!(s.decision("v"), Decision::Chosen(vec![option("b")]));
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

#[test]
fn the_minutes_say_who_voted_what_and_why_when_it_is_closed_and_not_before() {
    let mut s = Script::new();
    let asked = proposal(Question::motion(), &["ann", "ben", "cem"], &[]);
    s.open(&Proposal { title: "Ship it".to_owned(), ..asked });
    s.try_cast("ben", Ballot::of(Content::No).because("two checks are red"));
    assert_eq!(
        s.minutes("v"),
        [
            "vote v \"Ship it\": ann proposes it; 3 may vote",
            "1 have voted; what they say is told when it is closed"
        ]
    );
    s.all(&[("ann", Content::Yes), ("cem", Content::Yes)]);
    assert_eq!(
        s.minutes("v"),
        [
            "vote v \"Ship it\": ann proposes it; 3 may vote",
            "ben votes no: two checks are red",
            "ann votes yes",
            "cem votes yes",
            "closed, since everybody had voted: 3 of 3 voted, 0 abstained",
            "by weight: 2 yes, 1 no, 0 abstained, of 3",
            "decision: passed (split)",
        ]
    );
}

#[test]
fn a_vote_with_a_ladder_is_not_closed_as_failed_before_all_have_voted() {
    let mut s = Script::new();
    let question = Question::motion();
    let ladder = Ladder { rungs: vec![Rung::Reask], ..Ladder::default() };
    s.open(&Proposal { ladder, ..proposal(question.clone(), &FIVE, &[]) });
    s.all(&[("ann", Content::No), ("ben", Content::No), ("cem", Content::No)]);
    assert!(s.is_open("v"), "the reasons of the others are wanted");
    s.open(&Proposal { id: vote("w"), ..proposal(question, &FIVE, &[]) });
    for name in &FIVE[..3] {
        s.cast_in("w", name, Ballot::of(Content::No));
    }
    assert_eq!(s.decision("w"), Decision::Failed);
}
