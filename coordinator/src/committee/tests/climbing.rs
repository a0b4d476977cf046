//! What is tried when a vote decides nothing.

use super::script::{
    Script, choice, electorate, keeper, option, options, proposal, ranking, vote, voter,
};
use crate::committee::{
    Aside, Ballot, CommitteeCommand, CommitteeNews, CommitteeRefusal, CommitteeReply, Content,
    Decision, Ladder, Mediation, Officer, Proposal, Question, Ruling, Rung, Told, Why,
    consensus::ClassicMethod,
    deadlock::Deadlock,
    tally::{Kind, Method},
    view::PhaseView,
};

const FIVE: [&str; 5] = ["ann", "ben", "cem", "dot", "eve"];

fn next(name: &str, rung: Rung) -> Decision {
    Decision::Next { vote: vote(name), rung }
}

fn climbs(rungs: &[Rung]) -> Ladder {
    Ladder { rungs: rungs.to_vec(), rounds_max: 5, ..Ladder::default() }
}

fn all_in(s: &mut Script, name: &str, ballots: &[(&str, Content)]) {
    for (who, content) in ballots {
        let told = s.cast_in(name, who, Ballot::of(content.clone()));
        assert!(matches!(told, CommitteeReply::Cast { .. }), "{who} in {name}: {told:?}");
    }
}

#[test]
fn a131_without_a_pass_the_two_that_lead_run_off_once() {
    let mut s = Script::new();
    let question = Question::classic(ClassicMethod::Majority);
    let ladder = Ladder::of(&question);
    s.open(&Proposal { ladder, ..proposal(question, &FIVE, &["a", "b", "c"]) });
    s.all(&[("ann", choice("a")), ("ben", choice("a")), ("cem", choice("b"))]);
    s.all(&[("dot", choice("b")), ("eve", choice("c"))]);
    assert_eq!(s.decision("v"), next("v.r2", Rung::Runoff));
    let runoff = s.committee().durable.named(&vote("v.r2")).unwrap().1;
    let named: Vec<&str> = runoff.proposal.options.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(named, ["a", "b"]);
    assert_eq!(runoff.round(), 2);
    let gone = s.cast_in("v.r2", "ann", Ballot::of(choice("c")));
    assert!(matches!(gone, CommitteeReply::Refused(CommitteeRefusal::Ballot { .. })));
    all_in(&mut s, "v.r2", &[("ann", choice("a")), ("ben", choice("a")), ("eve", choice("a"))]);
    assert_eq!(s.decision("v.r2"), Decision::Chosen(vec![option("a")]));
    let switched = &s.outcome("v.r2").tallied.switched;
    assert_eq!(
        (switched.asked_twice, switched.switched),
        (3, 1),
        "eve was for the one that is out"
    );
    s.check_replay();
}

#[test]
fn a_runoff_that_decides_nothing_is_not_repeated() {
    let mut s = Script::new();
    let question = Question::classic(ClassicMethod::Majority);
    let ladder = climbs(&[Rung::Runoff]);
    let names = &FIVE[..4];
    s.open(&Proposal { ladder, ..proposal(question, names, &["a", "b", "c"]) });
    s.all(&[
        ("ann", choice("a")),
        ("ben", choice("a")),
        ("cem", choice("b")),
        ("dot", choice("b")),
    ]);
    assert_eq!(s.decision("v"), next("v.r2", Rung::Runoff));
    let same =
        [("ann", choice("a")), ("ben", choice("a")), ("cem", choice("b")), ("dot", choice("b"))];
    all_in(&mut s, "v.r2", &same);
    let told = s.outcome("v.r2");
    assert_eq!(told.decision, Decision::Unresolved);
    let stuck = &told.tallied.deadlocks;
    assert!(stuck.contains(&Deadlock::Repeated { rounds: 2 }), "{stuck:?}");
    assert!(stuck.contains(&Deadlock::Unmoved), "{stuck:?}");
}

#[test]
fn a134_it_is_asked_again_then_mediated_then_a_person_decides_and_each_level_is_recorded() {
    let mut s = Script::new();
    let mut ladder = climbs(&[Rung::Reask, Rung::Mediator, Rung::Person]);
    ladder.mediator = Some(voter("mia"));
    ladder.person = "paula".to_owned();
    let question = Question::classic(ClassicMethod::Unanimous);
    s.open(&Proposal { ladder, ..proposal(question, &["ann", "ben"], &["a", "b"]) });
    let split = [("ann", choice("a")), ("ben", choice("b"))];
    all_in(&mut s, "v", &split);
    assert_eq!(s.decision("v"), next("v.r2", Rung::Reask));
    all_in(&mut s, "v.r2", &split);
    assert_eq!(s.decision("v.r2"), next("v.r3", Rung::Mediator));
    assert!(s.told.contains(&(vote("v.r3"), Told::Mediate(voter("mia")))));
    let early = s.cast_in("v.r3", "ann", Ballot::of(choice("a")));
    assert!(matches!(early, CommitteeReply::Refused(CommitteeRefusal::NotNow { .. })), "{early:?}");
    let mediate = |s: &mut Script, by: &str| {
        let options = options(&["both"]);
        let mediation = Box::new(Mediation { note: "why not both?".to_owned(), options });
        let (vote, by) = (vote("v"), voter(by));
        s.ask(|to| CommitteeCommand::Mediate { to, vote, by, mediation })
    };
    let not_she = CommitteeRefusal::NotMediator { mediator: voter("mia") };
    assert_eq!(mediate(&mut s, "ann"), CommitteeReply::Refused(not_she));
    assert!(matches!(mediate(&mut s, "mia"), CommitteeReply::Mediated { .. }));
    all_in(&mut s, "v.r3", &[("ann", choice("both")), ("ben", choice("b"))]);
    assert_eq!(s.decision("v.r3"), next("v.r4", Rung::Person));
    assert!(s.told.contains(&(vote("v.r4"), Told::Decide("paula".to_owned()))));
    let rule = |s: &mut Script, by: &str, ruling: Ruling| {
        let officer = Officer { by: by.to_owned(), is_keeper: false, why: "we ship".to_owned() };
        s.ask(|to| CommitteeCommand::Decide { to, vote: vote("v"), ruling, officer })
    };
    let both = || Ruling::Choose(vec![option("both")]);
    let refused = rule(&mut s, "ann", both());
    assert!(matches!(refused, CommitteeReply::Refused(CommitteeRefusal::NotYours { .. })));
    let refused = rule(&mut s, "paula", Ruling::Pass);
    assert!(matches!(refused, CommitteeReply::Refused(CommitteeRefusal::BadRuling { .. })));
    s.take_over();
    let decision = Decision::Chosen(vec![option("both")]);
    let told = rule(&mut s, "paula", both());
    assert_eq!(told, CommitteeReply::Decided { vote: vote("v.r4"), decision: decision.clone() });
    assert_eq!(s.decision("v.r4"), decision);
    assert!(matches!(s.outcome("v.r4").why, Why::Person { .. }));
    assert_eq!(s.outcome("v.r4").rounds.len(), 3);
    s.check_replay();
}

#[test]
fn a_mediator_and_a_person_who_say_nothing_hold_nobody_up_for_ever() {
    let mut s = Script::new();
    let mut ladder = climbs(&[Rung::Mediator, Rung::Person]);
    ladder.mediator = Some(voter("mia"));
    ladder.patience_ms = Some(60_000);
    let rule = crate::committee::motion::MotionRule::Consent;
    let Question::Motion { base, quorum, quorum_of, delegations_max, .. } = Question::motion()
    else {
        panic!()
    };
    let question = Question::Motion { rule, base, quorum, quorum_of, delegations_max };
    s.open(&Proposal { ladder, ..proposal(question, &["ann", "ben"], &[]) });
    all_in(&mut s, "v", &[("ann", Content::Yes), ("ben", Content::No)]);
    assert_eq!(s.decision("v"), next("v.r2", Rung::Mediator));
    s.wait_ms(60_000);
    assert_eq!(s.decision("v.r2"), next("v.r3", Rung::Person), "silence of nobody who was asked");
    s.wait_ms(60_000);
    assert_eq!(s.decision("v.r3"), Decision::Unresolved);
    let late = s.ask(|to| CommitteeCommand::Decide {
        to,
        vote: vote("v"),
        ruling: Ruling::Pass,
        officer: keeper(),
    });
    let phase = PhaseView::Decided;
    let not_now = CommitteeRefusal::NotNow { vote: vote("v.r3"), phase };
    assert_eq!(late, CommitteeReply::Refused(not_now));
}

#[test]
fn a135_there_are_no_more_rounds_than_were_said_and_the_outcome_is_complete() {
    let mut s = Script::new();
    let rungs = [Rung::Reask, Rung::Approval, Rung::Compromise, Rung::Person];
    let ladder = Ladder { rungs: rungs.to_vec(), rounds_max: 2, ..Ladder::default() };
    let question = Question::classic(ClassicMethod::Unanimous);
    s.open(&Proposal { ladder, ..proposal(question, &["ann", "ben"], &["a", "b", "c"]) });
    let split = [("ann", choice("a")), ("ben", choice("b"))];
    all_in(&mut s, "v", &split);
    all_in(&mut s, "v.r2", &split);
    assert_eq!(s.decision("v.r2"), next("v.r3", Rung::Person), "two rounds were held");
    s.wait_ms(8 * 24 * 3_600_000);
    assert_eq!(s.decision("v.r3"), Decision::Unresolved);
    let told = s.outcome("v.r2");
    assert_eq!(
        (told.round, told.number),
        (2, s.committee().durable.named(&vote("v.r2")).unwrap().0)
    );
    assert!(told.tallied.deadlocks.contains(&Deadlock::RoundsSpent { rounds: 2 }));
    assert_eq!((told.turnout.eligible, told.turnout.cast), (2, 2));
}

#[test]
fn a_cycle_runs_off_among_those_who_beat_all_others_then_goes_by_approval_and_compromise() {
    let mut s = Script::new();
    let question = Question::election(Kind::Ranked, Method::CondorcetWinner);
    let ladder = climbs(&[Rung::Runoff, Rung::Approval, Rung::Compromise]);
    let names = &FIVE[..3];
    s.open(&Proposal { ladder, ..proposal(question, names, &["a", "b", "c", "d"]) });
    let cycle = [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]];
    let with_d = |order: &[&str; 3]| ranking(&[order[0], order[1], order[2], "d"]);
    for (name, order) in names.iter().zip(&cycle) {
        s.cast(name, with_d(order));
    }
    let told = s.outcome("v");
    assert_eq!(told.decision, next("v.r2", Rung::Runoff));
    assert_eq!(told.tallied.deadlocks, [Deadlock::PairwiseCycle { among: vec![0, 1, 2] }]);
    for (name, order) in names.iter().zip(&cycle) {
        s.cast_in("v.r2", name, Ballot::of(ranking(order)));
    }
    assert_eq!(s.decision("v.r2"), next("v.r3", Rung::Approval));
    for (name, order) in names.iter().zip(&cycle) {
        let approved = Content::Approved([option(order[0])].into());
        s.cast_in("v.r3", name, Ballot::of(approved));
    }
    let told = s.outcome("v.r3");
    assert_eq!(told.decision, next("v.r4", Rung::Compromise));
    let offered = &s.committee().durable.named(&vote("v.r4")).unwrap().1.proposal.options;
    assert!(offered.iter().any(|one| one.id.as_str() == "hybrid.a.b"), "{offered:?}");
    for name in names {
        let approved = Content::Approved([option("hybrid.a.b")].into());
        s.cast_in("v.r4", name, Ballot::of(approved));
    }
    assert_eq!(s.decision("v.r4"), Decision::Chosen(vec![option("hybrid.a.b")]));
    s.check_replay();
}

#[test]
fn who_was_false_or_will_not_vote_is_not_waited_for_in_later_rounds() {
    let mut s = Script::new();
    let question = Question::classic(ClassicMethod::Unanimous);
    let ladder = climbs(&[Rung::Reask]);
    s.open(&Proposal { ladder, ..proposal(question, &FIVE, &["a", "b"]) });
    let (v, eve, officer) = (vote("v"), voter("eve"), keeper());
    s.ask(|to| CommitteeCommand::Absent { to, vote: v, voter: eve, officer });
    s.all(&[
        ("ann", choice("a")),
        ("ben", choice("b")),
        ("cem", choice("a")),
        ("dot", choice("a")),
    ]);
    assert_eq!(s.decision("v"), next("v.r2", Rung::Reask));
    for name in &FIVE[..4] {
        s.cast_in("v.r2", name, Ballot::of(choice("a")));
    }
    let told = s.outcome("v.r2");
    assert_eq!(
        (told.why.clone(), &told.decision),
        (Why::AllIn, &Decision::Chosen(vec![option("a")]))
    );
    assert!(matches!(told.turnout.aside[&voter("eve")], Aside::Absent { .. }));
}

#[test]
fn a_task_that_waits_learns_of_every_round_and_of_the_end() {
    let mut s = Script::new();
    let task = orkestra_runtime::id::TaskNo(7);
    let question = Question::classic(ClassicMethod::Unanimous);
    let ladder = climbs(&[Rung::Reask]);
    let asked = Proposal { ladder, ..proposal(question, &["ann", "ben"], &["a", "b"]) };
    s.tell(CommitteeCommand::OpenFor { task, proposal: Box::new(asked.clone()) });
    let told = std::mem::take(&mut s.news);
    assert!(
        matches!(&told[..], [CommitteeNews::Opened { vote: found, .. }] if *found == vote("v"))
    );
    let cast = |s: &mut Script, name: &str, who: &str, to: &str| {
        let (ballot, signed) = (Ballot::of(choice(to)), None);
        let casting =
            crate::committee::Casting { vote: vote(name), voter: voter(who), ballot, signed };
        s.tell(CommitteeCommand::CastFor { task, casting: Box::new(casting) });
    };
    cast(&mut s, "v", "ann", "a");
    cast(&mut s, "v", "ben", "z");
    let told = std::mem::take(&mut s.news);
    let of_ben = |news: &CommitteeNews| matches!(news, CommitteeNews::Refused { voter: Some(who), .. } if *who == voter("ben"));
    assert!(told.iter().any(of_ben), "{told:?}");
    cast(&mut s, "v", "ben", "b");
    let told = std::mem::take(&mut s.news);
    assert!(
        matches!(&told[..], [CommitteeNews::Climbed { vote: found, .. }] if *found == vote("v.r2"))
    );
    cast(&mut s, "v.r2", "ann", "b");
    cast(&mut s, "v.r2", "ben", "b");
    let told = std::mem::take(&mut s.news);
    let [CommitteeNews::Decided { task: Some(found), root, outcome, .. }] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!((*found, root), (task, &vote("v")));
    assert_eq!(outcome.decision, Decision::Chosen(vec![option("b")]));
    let other = Proposal { id: vote("w"), electorate: electorate(&["ann"]), ..asked };
    s.tell(CommitteeCommand::OpenFor { task, proposal: Box::new(other) });
    s.tell(CommitteeCommand::WithdrawFor { task, why: "it was cancelled".to_owned() });
    assert_eq!(s.decision("w"), Decision::Withdrawn);
    s.check_replay();
}
