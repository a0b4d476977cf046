//! Many voters: what casting costs does not grow with them, and they are counted elsewhere.

use super::script::{Script, choice, keeper, option, proposal, ranking, vote, voter};
use crate::committee::{
    Ballot, Casting, CommitteeCommand, CommitteeReply, Content, Decision, Electorate, Member,
    Proposal, Question, Recount, Truth, Weighting, Why,
    casting::is_step,
    consensus::ClassicMethod,
    settings::{INLINE_MEMBERS_MAX, RECORDS_MAX},
    tally::{Exact, Kind, Method},
    weights::RecordRule,
};

/// A vote of so many, whose names are enrolled in pages.
fn crowd(s: &mut Script, many: usize, proposal: &Proposal) {
    let page = |from: usize| -> Electorate {
        let to = many.min(from + 2_000);
        (from..to).map(|number| (voter(&format!("v{number}")), Member::default())).collect()
    };
    for members in (0..many).step_by(2_000).map(page) {
        let vote = proposal.id.clone();
        s.ask(|to| CommitteeCommand::Enrol { to, vote, members });
    }
    s.open(&Proposal { enrolled: many as u64, ..proposal.clone() });
}

fn cast(s: &mut Script, number: usize, content: Content) {
    let (vote, voter, ballot) = (vote("v"), voter(&format!("v{number}")), Ballot::of(content));
    let to = s.asker();
    let casting = Box::new(Casting { vote, voter, ballot, signed: None });
    // Without looking what is due: that is what is to cost nothing.
    let replies = s.step(CommitteeCommand::Cast { to, casting });
    assert!(matches!(replies[..], [(_, CommitteeReply::Cast { existed: false, .. })]));
}

#[test]
fn ten_thousand_ballots_are_counted_outside_the_sequencer_and_none_is_lost() {
    let mut s = Script::new();
    let question = Question::election(Kind::Ranked, Method::Schulze);
    let asked = proposal(question, &[], &["a", "b", "c"]);
    crowd(&mut s, 10_000, &asked);
    let orders = [["a", "b", "c"], ["b", "c", "a"], ["b", "a", "c"]];
    for number in 0..10_000 {
        cast(&mut s, number, ranking(&orders[number % 3]));
    }
    assert_eq!(s.elsewhere, 1);
    let told = s.outcome("v");
    assert_eq!((told.turnout.cast, &told.why), (10_000, &Why::AllIn));
    assert_eq!(told.decision, Decision::Chosen(vec![option("b")]));
    assert_eq!(told.tallied.effective, Some(Exact::whole(10_000)), "nobody knows better");
    let mut again = Recount::of(s.committee().durable.named(&vote("v")).unwrap().0, true);
    for (number, at, event) in s.events() {
        again.hear(number, at, event);
    }
    assert_eq!(again.finish().1, None);
    s.check_replay();
}

#[test]
fn what_is_counted_elsewhere_is_given_again_after_a_take_over_and_settled_once() {
    let mut s = Script::new();
    s.counts = false;
    let asked = proposal(Question::classic(ClassicMethod::Majority), &[], &["a", "b"]);
    crowd(&mut s, INLINE_MEMBERS_MAX + 1, &asked);
    for number in 0..=INLINE_MEMBERS_MAX {
        cast(&mut s, number, choice("a"));
    }
    assert_eq!(s.elsewhere, 1);
    assert!(s.try_outcome("v").is_none());
    let no = s.committee().durable.named(&vote("v")).unwrap().0;
    s.take_over();
    assert_eq!(s.elsewhere, 2);
    s.wait_ms(11 * 60_000);
    assert_eq!(s.elsewhere, 3, "whoever counted may have gone");
    let tallied = {
        let (_, vote) = s.committee().durable.named(&vote("v")).unwrap();
        Box::new(s.committee().poll(no, vote).count())
    };
    s.tell(CommitteeCommand::Settle { vote: no, tallied: tallied.clone() });
    let told = s.outcome("v");
    assert_eq!(told.decision, Decision::Chosen(vec![option("a")]));
    let before = s.journal.len();
    s.tell(CommitteeCommand::Settle { vote: no, tallied });
    assert_eq!(s.journal.len(), before);
    s.check_replay();
}

#[test]
fn with_many_ballots_it_is_looked_at_growing_steps_whether_a_vote_is_settled() {
    let looks: Vec<usize> = (1..=2_000).filter(|ballots| is_step(*ballots)).collect();
    assert!((1..=64).all(is_step));
    assert!(looks.len() < 120, "{}", looks.len());
    let gaps = looks.windows(2).filter(|pair| pair[0] >= 64);
    assert!(gaps.clone().all(|pair| pair[1] - pair[0] >= pair[0] / 16));
    assert!(gaps.clone().all(|pair| pair[1] - pair[0] <= pair[0] / 8));
}

#[test]
fn a_large_vote_is_judged_and_those_who_voted_weigh_by_it_in_the_next() {
    let mut s = Script::new();
    let many = INLINE_MEMBERS_MAX + 100;
    // Each is judged twice: the even are right, the odd are wrong.
    for name in ["past-0", "past-1"] {
        let asked = proposal(Question::motion(), &[], &[]);
        let asked = Proposal { id: vote(name), early: false, ..asked };
        crowd(&mut s, many, &asked);
        for number in 0..many {
            let content = if number % 2 == 0 { Content::Yes } else { Content::No };
            let casting = Casting {
                vote: vote(name),
                voter: voter(&format!("v{number}")),
                ballot: Ballot::of(content),
                signed: None,
            };
            let to = s.asker();
            s.step(CommitteeCommand::Cast { to, casting: Box::new(casting) });
        }
        let (id, truth, officer) = (vote(name), Truth::Motion(true), keeper());
        let told = s.ask(|to| CommitteeCommand::Judge { to, vote: id, truth, officer });
        assert_eq!(told, CommitteeReply::Judged { voters: many as u64 });
    }
    let rule = RecordRule { outcomes_min: 2, half_life: None, cap: 3 };
    let asked = proposal(Question::motion(), &[], &[]);
    let asked = Proposal { weighting: Weighting::Record(rule), early: false, ..asked };
    crowd(&mut s, many + 1, &asked);
    let weight = |s: &Script, number: usize| {
        let (_, found) = s.committee().durable.named(&vote("v")).unwrap();
        s.committee().durable.member(found, &voter(&format!("v{number}"))).unwrap().weight.exact()
    };
    assert!(weight(&s, 0) > Exact::one(), "the logarithm of three");
    assert!(weight(&s, 1).is_zero());
    assert_eq!(weight(&s, many), Exact::one(), "nothing is known of it");
    for number in 0..=many {
        cast(&mut s, number, if number % 2 == 0 { Content::Yes } else { Content::No });
    }
    assert_eq!(s.decision("v"), Decision::Passed, "the wrong half weighs nothing");
    let number = s.committee().durable.named(&vote("v")).unwrap().0;
    for is_whole in [true, false] {
        let mut again = Recount::of(number, is_whole);
        for (number, at, event) in s.events() {
            again.hear(number, at, event);
        }
        let difference = again.finish().1;
        assert_eq!(difference.is_none(), is_whole, "{difference:?}");
    }
    s.check_replay();
}

#[test]
fn a_large_vote_that_is_judged_takes_nobody_elses_record() {
    let mut s = Script::new();
    let rule = |s: &Script| s.committee().durable.records.len();
    let judge = |s: &mut Script, name: &str| {
        let (id, truth, officer) = (vote(name), Truth::Motion(true), keeper());
        s.ask(|to| CommitteeCommand::Judge { to, vote: id, truth, officer });
    };
    let few = Proposal { id: vote("few"), ..proposal(Question::motion(), &["zoe"], &[]) };
    s.open(&few);
    s.cast_in("few", "zoe", Ballot::of(Content::Yes));
    judge(&mut s, "few");
    let many = RECORDS_MAX + 10;
    crowd(&mut s, many, &Proposal { early: false, ..proposal(Question::motion(), &[], &[]) });
    for number in 0..many {
        cast(&mut s, number, Content::Yes);
    }
    judge(&mut s, "v");
    assert_eq!(rule(&s), RECORDS_MAX);
    assert!(s.committee().durable.records.contains_key(&("general".to_owned(), voter("zoe"))));
    s.check_replay();
}
