//! Many voters: what casting costs does not grow with them, and they are counted elsewhere.

use super::script::{Script, choice, option, proposal, ranking, vote, voter};
use crate::committee::{
    Ballot, Casting, CommitteeCommand, CommitteeReply, Content, Decision, Electorate, Member,
    Proposal, Question, Recount, Why,
    casting::is_step,
    consensus::ClassicMethod,
    settings::INLINE_MEMBERS_MAX,
    tally::{Kind, Method},
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
    s.open(proposal);
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
    assert_eq!(told.tallied.effective, None, "nobody knows of so many");
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
