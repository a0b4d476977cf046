//! Everything is bounded, and each bound says what to do.

use std::time::Duration;

use super::script::{Script, choice, electorate, option, options, proposal, vote, voter};
use crate::committee::{
    Ballot, BallotFault, Choice, CommitteeAnswer, CommitteeCommand, CommitteeQuery,
    CommitteeRefusal, CommitteeReply, Content, Decision, Electorate, Ladder, Member, Proposal,
    ProposalFault, Question, Rung, TieWay, Weighting,
    consensus::{ClassicMethod, ClassicRule},
    settings::{CommitteeSettings, REASON_BYTES_MAX, REASONS_BYTES_MAX, TEXT_BYTES_MAX},
    tally::{Exact, Kind, Method, Weight},
};

fn majority() -> Question {
    Question::classic(ClassicMethod::Majority)
}

fn refused(proposal: Proposal) -> ProposalFault {
    let mut s = Script::new();
    let proposal = Box::new(proposal);
    match s.refused(|to| CommitteeCommand::Open { to, proposal }) {
        CommitteeRefusal::Proposal { fault } => {
            // What to do is said after a colon, or in so many words.
            assert!(fault.to_string().len() > 20, "{fault}");
            assert_eq!(s.journal.len(), 0);
            fault
        }
        other => panic!("{other:?}"),
    }
}

fn base() -> Proposal {
    proposal(majority(), &["ann", "ben"], &["a", "b"])
}

#[test]
fn a_proposal_that_cannot_be_voted_on_is_refused_with_what_is_wrong() {
    use ProposalFault as F;
    assert_eq!(refused(Proposal { id: vote("x.r2"), ..base() }), F::Reserved);
    assert_eq!(refused(Proposal { id: vote(&"x".repeat(121)), ..base() }), F::NameTooLong);
    let is = |proposal: Proposal, what: &str| {
        let fault = refused(proposal);
        let (F::TooLong { what: found, .. }
        | F::Count { what: found, .. }
        | F::Part { what: found }) = &fault
        else {
            panic!("{what}: {fault:?}")
        };
        assert!(found.contains(what), "{what}: {fault:?}");
    };
    is(Proposal { title: "é".repeat(301), ..base() }, "title");
    is(Proposal { text: "x".repeat(TEXT_BYTES_MAX + 1), ..base() }, "text");
    is(Proposal { domain: "x".repeat(501), ..base() }, "domain");
    is(Proposal { electorate: Electorate::new(), ..base() }, "voters");
    is(Proposal { options: vec![], ..base() }, "options");
    is(Proposal { deadline_ms: 0, ..base() }, "time");
    is(Proposal { sealed_ms: Some(u64::MAX), ..base() }, "time");
    is(Proposal { ladder: Ladder { rounds_max: 0, ..Ladder::default() }, ..base() }, "rounds");
    is(Proposal { tallies: vec![Method::Borda], ..base() }, "methods");
    let rule = ClassicRule { quorum: Exact::whole(2), ..ClassicRule::of(ClassicMethod::Majority) };
    is(Proposal { question: Question::Classic(rule), ..base() }, "quorum");
    let long = Choice { text: "x".repeat(8_193), ..options(&["c"]).remove(0) };
    is(Proposal { options: vec![long], ..base() }, "option");
    let twice = Proposal { options: options(&["a", "a"]), ..base() };
    assert_eq!(refused(twice), F::OptionTwice { option: option("a") });
    let question = Question::motion();
    assert_eq!(refused(Proposal { question, ..base() }), F::MotionWithOptions);
    let lot = Proposal { binding: true, ties: vec![TieWay::Lot], ..base() };
    assert_eq!(refused(lot), F::Lot);
    let list = Proposal { ties: vec![TieWay::List(vec![option("a")])], ..base() };
    assert_eq!(refused(list), F::BadList);
    let rungs = vec![Rung::Reask, Rung::Reask];
    let ladder = Ladder { rungs, ..Ladder::default() };
    assert_eq!(refused(Proposal { ladder, ..base() }), F::RungTwice { rung: Rung::Reask });
    let ladder = Ladder { rungs: vec![Rung::Mediator], ..Ladder::default() };
    assert_eq!(refused(Proposal { ladder, ..base() }), F::NoMediator);
}

#[test]
fn an_election_that_cannot_be_counted_is_refused_before_anybody_votes() {
    use ProposalFault as F;
    let of = |kind, method| Proposal { question: Question::election(kind, method), ..base() };
    let (kind, method) = (Kind::Approval, Method::Schulze);
    assert_eq!(refused(of(kind, method)), F::Method { method, kind });
    let method = Method::IrvTb;
    assert_eq!(refused(of(Kind::Ranked, method)), F::NoList { method });
    assert_eq!(refused(of(Kind::Ranked, Method::StvMeek)), F::Seats { max: 2 });
    let method = Method::CondorcetLoser;
    assert_eq!(refused(of(Kind::Ranked, method)), F::NoElection { method });
    let mut asked = of(Kind::Ranked, Method::Schulze);
    if let Question::Election { ahead_by, .. } = &mut asked.question {
        *ahead_by = Some(2);
    }
    assert_eq!(refused(asked), F::AheadBy);
    let mut vetoes = base();
    vetoes.electorate.insert(voter("sec"), Member { veto: true, ..Member::default() });
    assert!(matches!(refused(vetoes), F::OnlyMotions { .. }));
}

#[test]
fn weights_that_would_grow_without_end_are_refused() {
    let with = |weights: &[(u64, u64)]| {
        let mut asked = base();
        for (number, (p, q)) in weights.iter().enumerate() {
            let weight = Weight::new(*p, *q).unwrap();
            let member = Member { weight, ..Member::default() };
            asked.electorate.insert(voter(&format!("v{number}")), member);
        }
        asked
    };
    let primes = [999_983, 999_979, 999_961].map(|prime| (1, prime));
    assert_eq!(refused(with(&primes)), ProposalFault::WeightsTooFine);
    assert_eq!(refused(with(&[(u64::MAX, 1)])), ProposalFault::WeightsTooFine);
    let mut nothing = with(&[]);
    for member in nothing.electorate.values_mut() {
        member.weight = Weight::new(0, 1).unwrap();
    }
    assert_eq!(refused(nothing), ProposalFault::Weightless);
}

#[test]
fn weights_by_expertise_are_for_voters_who_stand_in_the_proposal() {
    let mut s = Script::new();
    let (v, members) = (vote("v"), [(voter("zoe"), Member::default())].into());
    s.ask(|to| CommitteeCommand::Enrol { to, vote: v, members });
    let asked = Proposal { weighting: Weighting::Expertise, enrolled: 1, ..base() };
    let proposal = Box::new(asked);
    let refusal = s.refused(|to| CommitteeCommand::Open { to, proposal });
    let fault = ProposalFault::WeightsElsewhere { max: 0 };
    assert_eq!(refusal, CommitteeRefusal::Proposal { fault });
}

#[test]
fn voters_who_do_not_fit_the_proposal_are_enrolled_before_in_pages() {
    let mut s = Script::new();
    let page = |from: usize| -> Electorate {
        let name = |number: usize| voter(&format!("voter-with-a-long-name-{number:06}"));
        (from..from + 1_000).map(|number| (name(number), Member::default())).collect()
    };
    let enrol = |s: &mut Script, members: Electorate| {
        s.ask(|to| CommitteeCommand::Enrol { to, vote: vote("v"), members })
    };
    for from in [0, 1_000, 2_000, 1_000] {
        assert!(matches!(enrol(&mut s, page(from)), CommitteeReply::Enrolled { .. }));
    }
    let mut other = page(0);
    let first = other.keys().next().unwrap().clone();
    other.insert(first.clone(), Member { weight: Weight::new(2, 1).unwrap(), ..Member::default() });
    let otherwise = CommitteeRefusal::EnrolledOtherwise { voter: first };
    assert_eq!(enrol(&mut s, other), CommitteeReply::Refused(otherwise));
    let all: Electorate = (0..10).flat_map(|from| page(10_000 + from * 1_000)).collect();
    let CommitteeReply::Refused(CommitteeRefusal::Proposal { fault }) = enrol(&mut s, all.clone())
    else {
        panic!()
    };
    assert!(matches!(fault, ProposalFault::TooLarge { .. }), "{fault}");
    assert!(matches!(
        refused(Proposal { electorate: all, ..base() }),
        ProposalFault::TooLarge { .. }
    ));
    s.take_over();
    let few = Box::new(Proposal { enrolled: 2_999, ..base() });
    let refusal = s.refused(|to| CommitteeCommand::Open { to, proposal: few });
    let fault = ProposalFault::Enrolled { is: 3_000, says: 2_999 };
    assert_eq!(refusal, CommitteeRefusal::Proposal { fault }, "somebody else enrolled one");
    s.open(&Proposal { enrolled: 3_000, ..base() });
    let CommitteeAnswer::Vote(Some(detail)) = s.query(&CommitteeQuery::Get(vote("v"))) else {
        panic!()
    };
    assert_eq!(detail.view.eligible, 3_002);
    assert_eq!(detail.missing.len(), 100);
    let late = s.cast_in("v", "voter-with-a-long-name-002999", Ballot::of(choice("a")));
    assert!(matches!(late, CommitteeReply::Cast { .. }));
    s.check_replay();
}

#[test]
fn who_was_enrolled_for_nothing_is_forgotten() {
    let mut s = Script::new();
    let members = electorate(&["ann"]);
    s.ask(|to| CommitteeCommand::Enrol { to, vote: vote("v"), members });
    assert_eq!(s.committee().durable.drafts.len(), 1);
    s.wait_ms(3_600_000);
    assert_eq!(s.committee().durable.drafts.len(), 0);
    s.check_replay();
}

#[test]
fn what_is_no_ballot_is_refused_and_nothing_is_guessed() {
    use BallotFault as F;
    let fault = |question: Question, ballot: Ballot| {
        let mut s = Script::new();
        s.open(&proposal(question, &["ann", "ben"], &["a", "b", "c"]));
        match s.refused_cast("ann", ballot) {
            CommitteeRefusal::Ballot { fault } => fault,
            other => panic!("{other:?}"),
        }
    };
    let ranked = || Question::election(Kind::Ranked, Method::Schulze);
    let says = |groups: &[&[&str]]| {
        let group = |group: &&[&str]| group.iter().map(|name| option(name)).collect();
        Ballot::of(Content::Ranking(groups.iter().map(group).collect()))
    };
    assert!(matches!(fault(ranked(), Ballot::of(Content::Yes)), F::OtherKind { .. }));
    assert!(matches!(fault(majority(), says(&[&["a"]])), F::OtherKind { .. }));
    assert_eq!(fault(ranked(), says(&[&["a"], &["b"]])), F::Incomplete);
    assert_eq!(fault(ranked(), says(&[&["a", "b"], &["c"]])), F::Equal);
    assert_eq!(fault(ranked(), says(&[&["a"], &["a"], &["c"]])), F::Twice { option: option("a") });
    assert_eq!(fault(ranked(), says(&[&["a"], &["z"]])), F::NoOption { option: option("z") });
    let score = Question::election(Kind::Score, Method::ScoreSum);
    let scores = |given: &[(&str, u16)]| {
        let given = given.iter().map(|(name, score)| (option(name), *score));
        Ballot::of(Content::Scores(given.collect()))
    };
    assert_eq!(fault(score.clone(), scores(&[("a", 1)])), F::Incomplete);
    let over = fault(score, scores(&[("a", 6), ("b", 0), ("c", 0)]));
    assert_eq!(over, F::Score { option: option("a"), max: 5 });
    let points = Question::election(Kind::Cumulative, Method::CumulativeSum);
    let dealt = Content::Points([(option("a"), 3), (option("b"), 3)].into());
    assert_eq!(fault(points, Ballot::of(dealt)), F::Points { max: 5 });
    let ballot = || Ballot::of(choice("a"));
    assert_eq!(fault(majority(), Ballot { seq: 0, ..ballot() }), F::Seq);
    let sure = Weight::new(3, 2);
    assert_eq!(fault(majority(), Ballot { confidence: sure, ..ballot() }), F::Confidence);
    let long = ballot().because("x".repeat(REASON_BYTES_MAX + 1));
    assert_eq!(fault(majority(), long), F::Reason { max: REASON_BYTES_MAX as u64 });
}

#[test]
fn when_there_is_no_room_for_more_reasons_voters_vote_without() {
    let mut s = Script::new();
    let full = usize::try_from(REASONS_BYTES_MAX).unwrap() / REASON_BYTES_MAX;
    let names: Vec<String> = (0..full + 9).map(|number| format!("v{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    s.open(&Proposal { early: false, ..proposal(majority(), &names, &["a", "b"]) });
    let long = || Ballot::of(choice("a")).because("x".repeat(REASON_BYTES_MAX));
    for name in &names[..full] {
        assert!(matches!(s.try_cast(name, long()), CommitteeReply::Cast { .. }));
    }
    let refusal = s.refused_cast(names[full], long());
    assert_eq!(refusal, CommitteeRefusal::Ballot { fault: BallotFault::NoRoomForReasons });
    s.cast(names[full], choice("a"));
}

#[test]
fn votes_whose_ballots_could_not_be_kept_are_not_opened() {
    let mut s = Script::new();
    let mut opened = 0;
    for number in 0..200 {
        let id = vote(&format!("v{number}"));
        let page = |page: usize| -> Electorate {
            let name = |one: usize| voter(&format!("v{page}-{one}"));
            (0..2_000).map(|one| (name(one), Member::default())).collect()
        };
        for members in (0..10).map(page) {
            let vote = id.clone();
            s.ask(|to| CommitteeCommand::Enrol { to, vote, members });
        }
        let proposal = Box::new(Proposal { id, enrolled: 20_000, ..base() });
        match s.ask(|to| CommitteeCommand::Open { to, proposal }) {
            CommitteeReply::Opened { .. } => opened += 1,
            CommitteeReply::Refused(CommitteeRefusal::NoRoom { needs, left }) => {
                assert!(needs > left);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!((2..20).contains(&opened), "{opened}");
    let CommitteeAnswer::Gauges(gauges) = s.query(&CommitteeQuery::Gauges) else { panic!() };
    assert!(gauges.reserved_bytes <= crate::committee::settings::KEPT_BYTES_MAX);
}

#[test]
fn decided_votes_lose_their_ballots_first_and_their_outcome_later() {
    let settings = CommitteeSettings {
        retain_ballots: 2,
        retain_votes: 5,
        retain_for: Duration::from_hours(1),
        ..CommitteeSettings::default()
    };
    let mut s = Script::with(settings);
    for number in 0..60 {
        let id = vote(&format!("v{number}"));
        s.open(&Proposal { id: id.clone(), ..proposal(majority(), &["ann"], &["a", "b"]) });
        s.cast_in(id.as_str(), "ann", Ballot::of(choice("a")));
    }
    let durable = &s.committee().durable;
    assert!((5..=25).contains(&durable.votes.len()), "{}", durable.votes.len());
    assert!((2..=22).contains(&durable.ballots), "{}", durable.ballots);
    let bare = durable.votes.values().find(|vote| vote.is_bare).unwrap();
    assert_eq!(bare.outcome().unwrap().decision, Decision::Chosen(vec![option("a")]));
    assert_eq!(bare.outcome().unwrap().turnout.eligible, 1);
    s.check_replay();
    s.wait_ms(3_600_000);
    let durable = &s.committee().durable;
    assert_eq!((durable.votes.len(), durable.rolls.len(), durable.reserved), (0, 0, 0));
    s.check_replay();
}
