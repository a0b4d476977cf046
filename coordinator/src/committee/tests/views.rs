//! What is shown of votes, and what is not yet.

use super::script::{Script, choice, option, proposal, vote, voter};
use crate::committee::{
    Ballot, CommitteeAnswer, CommitteeQuery, Content, Decision, Proposal, Question,
    consensus::ClassicMethod,
    view::{BallotView, Page, PhaseView, VoteView},
};

fn majority() -> Question {
    Question::classic(ClassicMethod::Majority)
}

fn ballots(s: &Script, after: Option<&str>, limit: u64) -> Page<BallotView> {
    let after = after.map(voter);
    match s.query(&CommitteeQuery::Ballots { vote: vote("v"), after, limit }) {
        CommitteeAnswer::Ballots(Some(page)) => page,
        other => panic!("{other:?}"),
    }
}

fn votes(s: &Script, query: &CommitteeQuery) -> (Vec<String>, bool) {
    match s.query(query) {
        CommitteeAnswer::Votes(Page { rows, more }) => {
            let name = |row: VoteView| row.vote.to_string();
            (rows.into_iter().map(name).collect(), more)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_ballots_say_is_shown_when_the_vote_is_closed_and_not_before() {
    let mut s = Script::new();
    let asked = proposal(majority(), &["ann", "ben", "cem"], &["a", "b"]);
    s.open(&Proposal { early: false, ..asked });
    s.try_cast("ben", Ballot::of(choice("b")).because("it is known"));
    s.cast("ann", choice("a"));
    let open = ballots(&s, None, 10);
    assert!(open.rows.iter().all(|row| row.content.is_none() && row.reason.is_empty()));
    assert_eq!(open.rows.len(), 2);
    s.cast("cem", choice("a"));
    let first = ballots(&s, None, 2);
    assert!(first.more);
    assert_eq!(first.rows[0].content, Some(choice("a")));
    assert_eq!(first.rows[1].reason, "it is known");
    let rest = ballots(&s, Some("ben"), 2);
    assert_eq!((rest.rows.len(), rest.more), (1, false));
}

#[test]
fn sealed_ballots_are_shown_as_sealed_until_they_are_revealed() {
    let mut s = Script::new();
    let asked = proposal(majority(), &["ann", "ben"], &["a", "b"]);
    s.open(&Proposal { sealed_ms: Some(5_000), ..asked });
    s.seal("ann", 1, &Ballot::of(choice("a")));
    let row = &ballots(&s, None, 9).rows[0];
    assert_eq!((row.sealed, &row.content), (true, &None));
    s.seal("ben", 2, &Ballot::of(choice("b")));
    s.reveal("ben", 2, Ballot::of(choice("b")));
    let rows = ballots(&s, None, 9).rows;
    let told: Vec<(bool, bool)> =
        rows.iter().map(|row| (row.sealed, row.content.is_some())).collect();
    assert_eq!(told, [(true, false), (false, false)]);
}

#[test]
fn votes_are_listed_from_the_newest_and_by_who_is_waited_for() {
    let mut s = Script::new();
    for name in ["v", "w", "x"] {
        let asked = proposal(majority(), &["ann", "ben"], &["a", "b"]);
        s.open(&Proposal { id: vote(name), ..asked });
    }
    let list = |before, open, limit| CommitteeQuery::List { before, open, limit };
    assert_eq!(votes(&s, &list(None, false, 2)), (vec!["x".to_owned(), "w".to_owned()], true));
    let (w, _) = s.committee().durable.named(&vote("w")).unwrap();
    assert_eq!(votes(&s, &list(Some(w), false, 2)), (vec!["v".to_owned()], false));
    s.cast("ann", choice("a"));
    let waiting = CommitteeQuery::Waiting { voter: voter("ann"), limit: 9 };
    assert_eq!(votes(&s, &waiting).0, ["w", "x"]);
    s.cast("ben", choice("a"));
    assert_eq!(votes(&s, &list(None, true, 9)).0, ["x", "w"]);
    let CommitteeAnswer::Vote(Some(detail)) = s.query(&CommitteeQuery::Get(vote("v"))) else {
        panic!()
    };
    assert_eq!((detail.view.phase.clone(), detail.missing.len()), (PhaseView::Decided, 0));
    assert_eq!(detail.view.decision, "chosen: a");
    let outcome = detail.outcome.unwrap();
    assert_eq!(outcome.decision, Decision::Chosen(vec![option("a")]));
    assert_ne!(outcome.record, detail.record, "the outcome is a link of the chain as well");
    assert!(detail.proposal.electorate.is_empty(), "who may vote is asked for in pages");
}

#[test]
fn a_voter_is_told_all_that_it_needs_to_vote() {
    let mut s = Script::new();
    s.open(&proposal(Question::motion(), &["ann", "ben"], &[]));
    let ask = |s: &Script, who: &str| {
        let query = CommitteeQuery::Voter { vote: vote("v"), voter: voter(who) };
        match s.query(&query) {
            CommitteeAnswer::Voter(view) => view,
            other => panic!("{other:?}"),
        }
    };
    let before = ask(&s, "ann").unwrap();
    assert_eq!((before.scope.clone(), before.may, before.newest), (s.scope("v"), true, 0));
    s.cast("ann", Content::Yes);
    let after = ask(&s, "ann").unwrap();
    assert_eq!((after.may, after.newest), (false, 1));
    assert_eq!(ask(&s, "mallory"), None);
}
