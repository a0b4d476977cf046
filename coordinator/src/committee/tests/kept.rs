//! What was written of votes decodes for ever, and its chain of hashes stays the same.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{
    id::{Number, TaskNo, VoteNo},
    time::Wall,
};

use super::script::{choice, keyed, option, options, proposal, vote, voter};
use crate::{
    committee::{
        Aside, Ballot, Climb, CommitteeEvent, Content, Count, Decision, Digest, Ladder, Nature,
        Outcome, Proposal, Question, RULES, Ruling, Rung, Said, Signature, Tallied, TieWay, Truth,
        Turnout, Verdict, Weighting, Why,
        consensus::{ClassicBallot, ClassicMethod},
        deadlock::Deadlock,
        motion::MotionBallot,
        papers::Papers,
        tally::{Exact, Kind as Votes, Method, Ranking, Vote, Weight},
        weights::RecordRule,
    },
    shard::{
        Mind as _, kept,
        machine::{Event, ShardMachine},
    },
};

const NO: VoteNo = VoteNo(41);

fn asked() -> Proposal {
    let question = Question::classic(ClassicMethod::weighted());
    let mut asked = proposal(question, &["ben", "cem"], &["a", "b"]);
    asked.electorate.insert(voter("ann"), keyed(1));
    for member in asked.electorate.values_mut() {
        member.family = Some("large".to_owned());
        member.weight = Weight::new(3, 2).unwrap();
    }
    Proposal {
        title: "t".to_owned(),
        text: "x".to_owned(),
        nature: Nature { is_disjoint: true, is_exclusive: true, is_measurable: true },
        weighting: Weighting::Record(RecordRule::default()),
        changeable: true,
        sealed_ms: Some(5),
        ties: vec![TieWay::Expert, TieWay::Proposer, TieWay::List(vec![option("a"), option("b")])],
        binding: true,
        security_critical: true,
        ladder: Ladder::full(Some(voter("mia")), "paula"),
        for_task: Some(TaskNo(7)),
        ..asked
    }
}

fn tallied(asked: &Proposal, said: &[(&str, Said)]) -> Tallied {
    let papers = Papers {
        number: NO,
        proposal: Arc::new(asked.clone()),
        members: Arc::new(asked.electorate.clone()),
        said: said.iter().map(|(name, said)| (voter(name), said.clone())).collect(),
        changed: [(voter("ben"), said[0].1.clone())].into(),
        first: [(voter("ann"), 1)].into(),
        places: vec![0, 1],
        rounds: vec![],
        pairs: std::collections::BTreeMap::new(),
        reachable: 0,
        is_stalled: false,
    };
    papers.count()
}

fn outcome(tallied: Tallied, decision: Decision, why: Why) -> Arc<Outcome> {
    Arc::new(Outcome {
        vote: vote("v"),
        number: NO,
        round: 1,
        decision,
        why,
        turnout: Turnout {
            eligible: 3,
            cast: 2,
            abstained: 1,
            unrevealed: 1,
            unrevealed_by: vec![voter("cem")],
            aside: [(voter("dot"), Aside::Absent { why: "it failed".to_owned() })].into(),
            late: 1,
        },
        rounds: tallied.round.clone().into_iter().collect(),
        tallied,
        rules: RULES,
        record: Digest([7; 32]),
    })
}

/// Outcomes of each kind of question, decided and not.
fn outcomes() -> Vec<Arc<Outcome>> {
    let asked = asked();
    let of = |option| Said::Classic(ClassicBallot::For(option));
    let classic = tallied(&asked, &[("ann", of(0)), ("ben", of(1)), ("cem", of(0))]);
    let tied = tallied(&asked, &[("ann", of(0)), ("ben", of(1))]);
    let motion = Proposal { question: Question::motion(), options: vec![], ..asked.clone() };
    let yes = Said::Motion(MotionBallot::Yes);
    let motion = tallied(&motion, &[("ann", yes), ("ben", Said::Delegate(voter("ann")))]);
    let election = Proposal {
        question: Question::election(Votes::Ranked, Method::Schulze),
        tallies: vec![Method::Borda, Method::StvScottish],
        ..asked
    };
    let order = |order: [u16; 2]| Said::Election(Some(Vote::Ranking(Ranking::strict(order))));
    let election = tallied(&election, &[("ann", order([0, 1])), ("ben", order([1, 0]))]);
    let (by, why) = (|| "kim".to_owned(), || "w".to_owned());
    let chosen = || Decision::Chosen(vec![option("a")]);
    let next = Decision::Next { vote: vote("v.r2"), rung: Rung::Reask };
    let ruled = Why::Person { ruling: Ruling::Choose(vec![option("a")]), by: by(), why: why() };
    let nothing =
        || Tallied { verdict: Verdict::Undecided, count: Count::Nothing, ..classic.clone() };
    vec![
        outcome(classic.clone(), chosen(), Why::AllIn),
        outcome(tied, next, Why::Deadline),
        outcome(motion, Decision::Passed, Why::Settled),
        outcome(election, chosen(), Why::Ahead),
        outcome(nothing(), Decision::Failed, Why::Asked { by: by(), why: why() }),
        outcome(nothing(), Decision::Withdrawn, Why::Withdrawn { by: by(), why: why() }),
        outcome(nothing(), Decision::Vetoed { by: vec![voter("ann")] }, ruled),
        outcome(nothing(), Decision::Unresolved, Why::Deadline),
    ]
}

/// What voters say: ballots of each kind, a sealed one, and two under one number.
fn ballots() -> Vec<CommitteeEvent> {
    let hash = Digest([9; 32]);
    let signature = || Some(Signature([8; 64]));
    let ballot = |content| Ballot {
        seq: 2,
        confidence: Weight::new(4, 5),
        ..Ballot::of(content).because("r")
    };
    let cast = |content| CommitteeEvent::Cast {
        vote: NO,
        voter: voter("ann"),
        ballot: ballot(content),
        hash,
        signature: signature(),
        nonce: Some(Digest([6; 32])),
    };
    let contents = [
        Content::Yes,
        Content::No,
        Content::Abstain,
        Content::Veto,
        Content::Delegate(voter("ben")),
        choice("a"),
        Content::Ranking(vec![vec![option("a")], vec![option("b"), option("c")]]),
        Content::Approved([option("a")].into()),
        Content::Scores([(option("a"), 5)].into()),
        Content::Points([(option("a"), 3)].into()),
    ];
    let mut all = vec![
        CommitteeEvent::Committed {
            vote: NO,
            voter: voter("ann"),
            seq: 1,
            sealed: hash,
            signature: signature(),
        },
        CommitteeEvent::Equivocated {
            vote: NO,
            voter: voter("ann"),
            first: Number(44),
            seq: 1,
            ballot: Some(ballot(choice("b"))),
            hash,
            signature: Signature([5; 64]),
        },
    ];
    all.extend(contents.map(cast));
    all
}

/// One event of each kind, with everything that it can hold.
fn events() -> Vec<CommitteeEvent> {
    let (until, hash) = (Wall::from_ms(1_795_236_059_999), Digest([9; 32]));
    let signature = || Some(Signature([8; 64]));
    let aside = |why| CommitteeEvent::SetAside { vote: NO, voter: voter("dot"), why };
    let climb = Climb { from: NO, rung: Rung::Mediator, place: 3, round: 2 };
    let opened = |climb, enrolled| CommitteeEvent::Opened {
        proposal: Arc::new(asked()),
        realm: "here".to_owned(),
        until,
        sent: hash,
        enrolled,
        climb,
    };
    let mut all = vec![
        CommitteeEvent::Enrolled { vote: vote("v"), members: Arc::new(asked().electorate) },
        opened(None, Some((3, hash))),
        opened(Some(climb), None),
        CommitteeEvent::Late { vote: NO, voter: voter("ann"), hash, signature: signature() },
        CommitteeEvent::Malformed { vote: NO, voter: voter("ann"), why: "w".to_owned() },
        aside(Aside::Equivocated),
        aside(Aside::Malformed),
        CommitteeEvent::Unsealing { vote: NO, why: Why::AllIn, until },
        CommitteeEvent::Mediated {
            vote: NO,
            by: voter("mia"),
            note: "n".to_owned(),
            options: options(&["c"]),
            until,
        },
        CommitteeEvent::Closed { vote: NO, why: Why::Settled },
        CommitteeEvent::Judged {
            vote: NO,
            truth: Truth::Motion(true),
            by: "kim".to_owned(),
            why: "w".to_owned(),
            many: false,
        },
        CommitteeEvent::Judged {
            vote: NO,
            truth: Truth::Options(vec![option("a")]),
            by: "kim".to_owned(),
            why: "w".to_owned(),
            many: false,
        },
        CommitteeEvent::Forgotten {
            ballots: vec![NO],
            votes: vec![VoteNo(40)],
            drafts: vec![vote("w")],
        },
    ];
    all.extend(ballots());
    let decided = |outcome| CommitteeEvent::Decided { vote: NO, outcome };
    all.extend(outcomes().into_iter().map(decided));
    all
}

/// What came with votes that stall, families that are held, and large votes that are judged.
fn later_events() -> Vec<CommitteeEvent> {
    let asked = proposal(Question::motion(), &["ben"], &[]);
    let asked = Proposal {
        stalled_after_ms: Some(4_000),
        family_cap: Exact::ratio(1, 3),
        weighting: Weighting::Record(RecordRule::default()),
        enrolled: 2,
        ..asked
    };
    let why = || Why::Stalled;
    let mut tallied = tallied(&asked, &[("ben", Said::Motion(MotionBallot::No))]);
    tallied.deadlocks = vec![Deadlock::Stalled];
    let decided = outcome(tallied, Decision::Failed, why());
    vec![
        CommitteeEvent::Opened {
            proposal: Arc::new(asked),
            realm: "r".to_owned(),
            until: Wall::from_ms(9),
            sent: Digest([3; 32]),
            enrolled: Some((2, Digest([4; 32]))),
            climb: None,
        },
        CommitteeEvent::Unsealing { vote: NO, why: why(), until: Wall::from_ms(9) },
        CommitteeEvent::Closed { vote: NO, why: why() },
        CommitteeEvent::Decided { vote: NO, outcome: decided },
        CommitteeEvent::Judged {
            vote: NO,
            truth: Truth::Motion(false),
            by: "kim".to_owned(),
            why: "w".to_owned(),
            many: true,
        },
    ]
}

/// The hash of a chain of events that are all of one vote.
fn chain(events: &[CommitteeEvent]) -> String {
    let link = |before: Digest, (number, event): (u64, &CommitteeEvent)| {
        event.link(&before, Number(number), kept::AT + Duration::from_millis(number))
    };
    (kept::FIRST..).zip(events).fold(Digest([0; 32]), link).to_string()
}

const LEFT_OUT: &str = "a field that is added is left out where it says nothing";

#[test]
fn what_was_written_of_votes_decodes_for_ever_and_its_chain_stays_the_same() {
    let events = events();
    let hash = "f7501646e6dc685a27effd35d09331123eb07242e3baa58a8900cecb2a367f3b";
    assert_eq!(chain(&events), hash, "{LEFT_OUT}");
    kept::holds("v2-committee.hex", events.into_iter().map(Event::Committee).collect());
    let events = later_events();
    let levels: Vec<u16> =
        events.iter().map(|event| ShardMachine::level(&Event::Committee(event.clone()))).collect();
    assert_eq!(levels, [5; 5], "who reads less would do something else with them");
    let hash = "960905191bfc6bb5ded777336af6551c307f5c936a3ad8c7b41cf345b2b10000";
    assert_eq!(chain(&events), hash, "{LEFT_OUT}");
    kept::holds("v5-committee.hex", events.into_iter().map(Event::Committee).collect());
}
