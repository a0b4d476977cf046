//! Votes in which nobody says anything any more.

use super::script::{Script, choice, option, proposal, vote};
use crate::committee::{
    Ballot, CommitteeCommand, CommitteeEvent, CommitteeRefusal, CommitteeReply, Content, Decision,
    Ladder, Mediation, Proposal, ProposalFault, Question, Recount, Rung, Why,
    consensus::ClassicMethod, deadlock::Deadlock, motion::MotionRule,
};

const THREE: [&str; 3] = ["ann", "ben", "cem"];

/// Open for a hundred seconds, and stalled after four without a ballot.
fn stalls(question: Question, rungs: &[Rung]) -> Proposal {
    let choices: &[&str] = if question.is_motion() { &[] } else { &["a", "b", "c"] };
    let ladder = Ladder { rungs: rungs.to_vec(), ..Ladder::default() };
    Proposal {
        deadline_ms: 100_000,
        stalled_after_ms: Some(4_000),
        ladder,
        ..proposal(question, &THREE, choices)
    }
}

fn check_recount(s: &Script) {
    let mut again = Recount::of(s.committee().durable.named(&vote("v")).unwrap().0, true);
    for (number, at, event) in s.events() {
        again.hear(number, at, event);
    }
    assert_eq!(again.finish().1, None);
    s.check_replay();
}

#[test]
fn a_vote_in_which_no_ballot_comes_any_more_is_closed_and_goes_on() {
    let mut s = Script::new();
    s.open(&stalls(Question::classic(ClassicMethod::Unanimous), &[Rung::Reask]));
    s.wait_ms(3_000);
    s.cast("ann", choice("a"));
    s.wait_ms(3_999);
    assert!(s.is_open("v"), "a ballot came three seconds after it was opened");
    s.take_over();
    s.wait_ms(1);
    let told = s.outcome("v");
    assert_eq!(told.why, Why::Stalled);
    assert!(told.tallied.deadlocks.contains(&Deadlock::Stalled), "{:?}", told.tallied.deadlocks);
    let next = Decision::Next { vote: vote("v.r2"), rung: Rung::Reask };
    assert_eq!(told.decision, next);
    s.wait_ms(2_000);
    for name in THREE {
        s.cast_in("v.r2", name, Ballot::of(choice("a")));
    }
    assert_eq!(s.decision("v.r2"), Decision::Chosen(vec![option("a")]));
    check_recount(&s);
}

#[test]
fn what_is_in_decides_where_it_can_and_then_nothing_is_stuck() {
    let mut s = Script::new();
    s.open(&Proposal { early: false, ..stalls(Question::motion(), &[Rung::Reask]) });
    s.cast("ann", Content::Yes);
    s.cast("ben", Content::Yes);
    s.wait_ms(4_000);
    let told = s.outcome("v");
    assert_eq!((&told.why, &told.decision), (&Why::Stalled, &Decision::Passed));
    assert_eq!(told.tallied.deadlocks, []);
    check_recount(&s);
}

#[test]
fn a_vote_that_nobody_begins_is_stalled_in_every_round_and_ends() {
    let mut s = Script::new();
    s.open(&stalls(Question::motion(), &[Rung::Reask]));
    s.wait_ms(8_000);
    assert_eq!(s.decision("v.r2"), Decision::Unresolved);
    assert_eq!(s.outcome("v.r2").why, Why::Stalled);
    check_recount(&s);
}

#[test]
fn a_change_of_mind_is_a_ballot_and_a_deadline_is_not_put_off() {
    let mut s = Script::new();
    let asked = stalls(Question::motion(), &[]);
    s.open(&Proposal { changeable: true, deadline_ms: 9_000, ..asked });
    for seq in 1..=3 {
        s.try_cast("ann", Ballot { seq, ..Ballot::of(Content::Yes) });
        s.wait_ms(2_999);
        assert!(s.is_open("v"));
    }
    s.wait_ms(3);
    assert_eq!(s.outcome("v").why, Why::Deadline);
    check_recount(&s);
}

#[test]
fn sealed_ballots_are_revealed_when_no_more_come_and_a_mediator_is_waited_for() {
    let mut s = Script::new();
    let mut asked = stalls(Question::classic(ClassicMethod::Unanimous), &[Rung::Mediator]);
    asked.ladder.mediator = Some(super::script::voter("mia"));
    s.open(&Proposal { sealed_ms: Some(60_000), ..asked });
    let ballot = Ballot::of(choice("a"));
    s.seal("ann", 1, &ballot);
    s.wait_ms(4_000);
    s.wait_ms(10_000);
    assert!(s.is_open("v"), "to reveal has a time of its own");
    assert!(matches!(s.reveal("ann", 1, ballot), CommitteeReply::Cast { .. }));
    assert_eq!(s.outcome("v").why, Why::Stalled);
    s.wait_ms(60_000);
    let (to, by) = (s.asker(), super::script::voter("mia"));
    let mediation = Box::new(Mediation { note: "vote".to_owned(), options: Vec::new() });
    s.tell(CommitteeCommand::Mediate { to, vote: vote("v"), by, mediation });
    s.wait_ms(3_999);
    assert!(s.is_open("v.r2"), "voters are asked only now");
    s.wait_ms(1);
    assert_eq!(s.outcome("v.r2").why, Why::Stalled);
    check_recount(&s);
}

#[test]
fn silence_that_consents_is_no_stall_and_a_recount_finds_one_that_could_not_be() {
    let mut s = Script::new();
    let mut asked = stalls(Question::motion(), &[]);
    if let Question::Motion { rule, .. } = &mut asked.question {
        *rule = MotionRule::Consent;
    }
    let asked = Box::new(asked);
    let refusal = s.refused(|to| CommitteeCommand::Open { to, proposal: asked });
    assert_eq!(refusal, CommitteeRefusal::Proposal { fault: ProposalFault::SilenceStalls });
    s.open(&proposal(Question::motion(), &THREE, &[]));
    s.cast("ann", Content::Yes);
    let number = s.committee().durable.named(&vote("v")).unwrap().0;
    let mut again = Recount::of(number, true);
    for (number, at, event) in s.events() {
        again.hear(number, at, event);
    }
    let closed = CommitteeEvent::Closed { vote: number, why: Why::Stalled };
    again.hear(orkestra_runtime::id::Number(9), s.now.wall, &closed);
    assert!(again.finish().1.unwrap().why.contains("not to be closed yet"));
}
