//! Counting again from what was written, and finding what was altered.

use std::sync::Arc;

use orkestra_runtime::{id::Number, time::Wall};

use super::script::{Script, choice, keyed, option, proposal, vote, voter};
use crate::committee::{
    Ballot, CommitteeEvent, Decision, Difference, Ladder, Proposal, Question, Recount, Recounted,
    Rung, TieWay, consensus::ClassicMethod,
};

fn recount(s: &Script, name: &str) -> (Vec<Recounted>, Option<Difference>) {
    recount_of(s, name, s.events().map(|(number, at, event)| (number, at, event.clone())))
}

fn recount_of(
    s: &Script,
    name: &str,
    events: impl Iterator<Item = (Number, Wall, CommitteeEvent)>,
) -> (Vec<Recounted>, Option<Difference>) {
    let mut again = Recount::of(s.committee().durable.named(&vote(name)).unwrap().0, true);
    for (number, at, event) in events {
        again.hear(number, at, &event);
    }
    again.finish()
}

/// Signed ballots, a tie that a lot breaks, a runoff before.
fn held() -> Script {
    let mut s = Script::new();
    let ladder = Ladder { rungs: vec![Rung::Runoff], ..Ladder::default() };
    let question = Question::classic(ClassicMethod::Majority);
    let mut asked = proposal(question, &["ben", "cem", "dot"], &["a", "b", "c"]);
    asked.electorate.insert(voter("ann"), keyed(1));
    s.open(&Proposal { ladder, ties: vec![TieWay::Expert, TieWay::Lot], ..asked });
    s.cast_signed("ann", 1, Ballot::of(choice("a")).because("it is shorter"));
    s.all(&[("ben", choice("b")), ("cem", choice("c")), ("dot", choice("a"))]);
    for name in ["ben", "cem", "dot"] {
        s.cast_in("v.r2", name, Ballot::of(choice("a")));
    }
    s
}

#[test]
fn a_recount_comes_to_the_same_from_the_events_alone() {
    let s = held();
    let (rounds, difference) = recount(&s, "v");
    assert_eq!(difference, None);
    let last = rounds.last().unwrap();
    assert_eq!(
        (&last.vote, &last.decision),
        (&s.outcome(last.vote.as_str()).vote, &Some(s.decision(last.vote.as_str())))
    );
    let (_, vote) = s.committee().durable.named(&last.vote).unwrap();
    assert_eq!(last.record, vote.chain);
}

#[test]
fn whatever_is_altered_in_the_record_is_found_where_it_was_altered() {
    let s = held();
    let events: Vec<(Number, Wall, CommitteeEvent)> =
        s.events().map(|(number, at, event)| (number, at, event.clone())).collect();
    let mut altered = 0;
    for place in 0..events.len() {
        for event in forgeries(&events[place].2) {
            let mut events = events.clone();
            events[place].2 = event;
            let (_, difference) = recount_of(&s, "v", events.clone().into_iter());
            let found = difference.unwrap_or_else(|| panic!("not found: {:?}", events[place]));
            assert!(found.number >= events[place].0, "{found:?} before {place}");
            altered += 1;
        }
        // One that is left out is found at the latest when the vote is decided.
        let mut fewer = events.clone();
        fewer.remove(place);
        let is_last = place + 1 == events.len();
        let (rounds, difference) = recount_of(&s, "v", fewer.into_iter());
        let is_open = rounds.iter().any(|round| round.decision.is_none());
        assert!(difference.is_some() || (is_last && is_open), "{place} is not missed");
    }
    assert!(altered >= 12, "{altered}");
}

fn forgeries(event: &CommitteeEvent) -> Vec<CommitteeEvent> {
    let mut found = Vec::new();
    match event {
        CommitteeEvent::Opened { proposal, climb, .. } => {
            let mut other = (**proposal).clone();
            other.options.pop();
            let mut event = event.clone();
            if let CommitteeEvent::Opened { proposal, .. } = &mut event {
                *proposal = Arc::new(other);
            }
            found.push(event.clone());
            if climb.is_some()
                && let CommitteeEvent::Opened { proposal: now, climb: Some(climb), .. } = &mut event
            {
                *now = Arc::clone(proposal);
                climb.rung = Rung::Reask;
                found.push(event);
            }
        }
        CommitteeEvent::Cast { ballot, voter: who, .. } => {
            let mut other = event.clone();
            if let CommitteeEvent::Cast { ballot: now, .. } = &mut other {
                *now = Ballot { content: choice("b"), seq: 9, ..ballot.clone() };
            }
            found.push(other);
            let mut other = event.clone();
            if let CommitteeEvent::Cast { voter: now, .. } = &mut other {
                *now = voter(if who.as_str() == "dot" { "cem" } else { "dot" });
            }
            found.push(other);
            let mut other = event.clone();
            if let CommitteeEvent::Cast { signature: Some(signature), .. } = &mut other {
                signature.0[5] ^= 1;
                found.push(other);
            }
        }
        CommitteeEvent::Decided { vote, outcome } => {
            let mut other = (**outcome).clone();
            other.decision = Decision::Chosen(vec![option("b")]);
            found.push(CommitteeEvent::Decided { vote: *vote, outcome: Arc::new(other) });
            let mut other = (**outcome).clone();
            other.turnout.cast += 1;
            found.push(CommitteeEvent::Decided { vote: *vote, outcome: Arc::new(other) });
        }
        CommitteeEvent::Closed { vote, .. } => {
            let why = crate::committee::Why::Ahead;
            found.push(CommitteeEvent::Closed { vote: *vote, why });
        }
        _ => {}
    }
    found
}

#[test]
fn the_chain_says_so_when_only_the_time_of_an_event_was_altered() {
    let s = held();
    let mut events: Vec<_> = s.events().map(|(n, at, event)| (n, at, event.clone())).collect();
    events[1].1 = Wall::from_ms(999);
    let (_, difference) = recount_of(&s, "v", events.into_iter());
    let found = difference.unwrap();
    assert!(
        found.why.contains("what happened before it is not what it was decided by"),
        "{found:?}"
    );
}

#[test]
fn a_record_that_does_not_reach_back_to_the_opening_says_so() {
    let s = held();
    let events = s.events().skip(1).map(|(number, at, event)| (number, at, event.clone()));
    let (_, difference) = recount_of(&s, "v", events);
    assert!(difference.unwrap().why.contains("never opened"));
}
