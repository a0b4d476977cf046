//! Signed and sealed ballots, and those that are forged, replayed, doubled or hidden.

use super::script::{Script, choice, key, keyed, option, proposal, vote, voter};
use crate::committee::{
    Aside, Ballot, Casting, CommitteeCommand, CommitteeEvent, CommitteeRefusal, CommitteeReply,
    Content, Decision, Digest, Electorate, Member, Proposal, Question, Scope, Sealing, Signature,
    Signed, Why, consensus::ClassicMethod, sign, verify, view::PhaseView,
};

fn majority() -> Question {
    Question::classic(ClassicMethod::Majority)
}

/// Ann, ben and cem with keys 1, 2 and 3.
fn with_keys() -> Electorate {
    [("ann", 1), ("ben", 2), ("cem", 3)].map(|(name, number)| (voter(name), keyed(number))).into()
}

fn signed_vote() -> Script {
    let mut s = Script::new();
    let asked = proposal(majority(), &[], &["a", "b"]);
    s.open(&Proposal { electorate: with_keys(), early: false, ..asked });
    s
}

fn forged(name: &str) -> CommitteeRefusal {
    CommitteeRefusal::Forged { voter: voter(name) }
}

fn refusal(reply: CommitteeReply) -> CommitteeRefusal {
    match reply {
        CommitteeReply::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_ballot_counts_only_if_it_is_signed_by_the_key_of_its_voter() {
    let mut s = signed_vote();
    let ballot = Ballot::of(choice("a"));
    let unsigned = CommitteeRefusal::Unsigned { voter: voter("ann") };
    assert_eq!(s.refused_cast("ann", ballot.clone()), unsigned);
    assert_eq!(refusal(s.cast_signed("ann", 2, ballot.clone())), forged("ann"), "ben's key");
    assert!(matches!(s.cast_signed("ann", 1, ballot.clone()), CommitteeReply::Cast { .. }));
    s.cast_signed("ben", 2, ballot.clone());
    s.cast_signed("cem", 3, Ballot::of(choice("b")));
    assert_eq!(s.decision("v"), Decision::Chosen(vec![option("a")]));
    s.check_replay();
}

#[test]
fn who_has_no_key_signs_nothing() {
    let mut s = Script::new();
    s.open(&proposal(majority(), &["ann", "ben"], &["a", "b"]));
    let no_key = CommitteeRefusal::NoKey { voter: voter("ann") };
    assert_eq!(refusal(s.cast_signed("ann", 1, Ballot::of(choice("a")))), no_key);
}

#[test]
fn a_signature_is_good_for_one_ballot_of_one_voter_in_one_vote_and_nowhere_else() {
    let mut s = signed_vote();
    let ballot = Ballot::of(choice("a")).because("it is shorter");
    let here = s.scope("v");
    let signature = sign(&key(1).seed, &here.bytes(&voter("ann"), &ballot)).unwrap();
    let others = [
        Scope { realm: "elsewhere".to_owned(), ..here.clone() },
        Scope { vote: vote("w"), ..here.clone() },
        Scope { number: orkestra_runtime::id::VoteNo(99), ..here.clone() },
        Scope { round: 2, ..here.clone() },
    ];
    for scope in &others {
        let bytes = scope.bytes(&voter("ann"), &ballot);
        assert!(!verify(&key(1).public, &bytes, &signature), "{scope:?}");
        let replayed = Signed::unchecked(sign(&key(1).seed, &bytes).unwrap());
        let casting = Casting {
            vote: vote("v"),
            voter: voter("ann"),
            ballot: ballot.clone(),
            signed: Some(replayed),
        };
        let told = s.ask(|to| CommitteeCommand::Cast { to, casting: Box::new(casting) });
        assert_eq!(refusal(told), forged("ann"), "{scope:?}");
    }
    let altered = [
        Ballot { content: choice("b"), ..ballot.clone() },
        Ballot { seq: 2, ..ballot.clone() },
        Ballot { reason: "it is longer".to_owned(), ..ballot.clone() },
        Ballot { confidence: Some(Default::default()), ..ballot.clone() },
    ];
    for ballot in altered {
        assert!(!verify(&key(1).public, &here.bytes(&voter("ann"), &ballot), &signature));
    }
    assert!(!verify(&key(1).public, &here.bytes(&voter("ben"), &ballot), &signature));
}

#[test]
fn what_was_checked_before_the_sequencer_is_believed_for_those_bytes_and_that_key_only() {
    let mut s = signed_vote();
    let ballot = Ballot::of(choice("a"));
    let bytes = s.scope("v").bytes(&voter("ann"), &ballot);
    let signed = Signed::unchecked(sign(&key(1).seed, &bytes).unwrap());
    assert_eq!(signed.clone().checked(&key(2).public, &bytes), None);
    let checked = signed.checked(&key(1).public, &bytes).unwrap();
    // The mark of another ballot, beside a signature that is none.
    let mut stolen = checked.clone();
    stolen.signature = Signature([7; 64]);
    let cast = |s: &mut Script, signed: Signed, content: Content| {
        let (vote, voter, ballot) = (vote("v"), voter("ann"), Ballot::of(content));
        let casting = Casting { vote, voter, ballot, signed: Some(signed) };
        s.ask(|to| CommitteeCommand::Cast { to, casting: Box::new(casting) })
    };
    assert_eq!(refusal(cast(&mut s, stolen, choice("b"))), forged("ann"));
    let sent = serde_json::to_string(&checked).unwrap();
    let received: Signed = serde_json::from_str(&sent).unwrap();
    assert_ne!(received, checked, "the mark does not leave the process");
    assert!(matches!(cast(&mut s, checked, choice("a")), CommitteeReply::Cast { .. }));
}

#[test]
fn two_ballots_signed_under_one_number_are_kept_as_proof_and_their_voter_is_absent() {
    let mut s = signed_vote();
    s.cast_signed("ann", 1, Ballot::of(choice("a")));
    let told = s.cast_signed("ann", 1, Ballot::of(choice("b")));
    assert_eq!(told, CommitteeReply::Equivocated);
    let (_, _, last) = s.events().next_back().unwrap();
    let CommitteeEvent::Equivocated { first, ballot: Some(second), signature, .. } = last else {
        panic!("{last:?}")
    };
    assert!(verify(&key(1).public, &s.scope("v").bytes(&voter("ann"), second), signature));
    let (_, _, kept) = s.events().find(|(number, _, _)| number == first).unwrap();
    assert!(matches!(kept, CommitteeEvent::Cast { ballot, .. } if ballot.content == choice("a")));
    let aside = CommitteeRefusal::IsAside { voter: voter("ann"), why: Aside::Equivocated };
    assert_eq!(
        refusal(s.cast_signed("ann", 1, Ballot { seq: 2, ..Ballot::of(choice("a")) })),
        aside
    );
    s.cast_signed("ben", 2, Ballot::of(choice("b")));
    s.cast_signed("cem", 3, Ballot::of(choice("b")));
    let told = s.outcome("v");
    assert_eq!((told.turnout.cast, told.turnout.aside.len()), (2, 1));
    assert_eq!(told.why, Why::AllIn);
    s.check_replay();
}

#[test]
fn nobody_silences_a_voter_with_a_key_by_sending_junk_in_its_name() {
    let mut s = signed_vote();
    for _ in 0..3 {
        let (vote, voter, why) = (vote("v"), voter("ann"), "junk".to_owned());
        let told = s.ask(|to| CommitteeCommand::Malformed { to, vote, voter, why });
        assert_eq!(told, CommitteeReply::OnceMore);
    }
    let told = s.cast_signed("ann", 1, Ballot::of(choice("a")));
    assert!(matches!(told, CommitteeReply::Cast { .. }));
}

fn sealed_vote(voters: &[&str]) -> Script {
    let mut s = Script::new();
    let asked = proposal(majority(), voters, &["a", "b"]);
    s.open(&Proposal { sealed_ms: Some(5_000), ..asked });
    s
}

#[test]
fn sealed_ballots_are_revealed_when_all_are_in_and_then_counted() {
    let mut s = sealed_vote(&["ann", "ben", "cem"]);
    let of = |name: &str| Ballot::of(choice(name));
    assert_eq!(s.refused_cast("ann", of("a")), CommitteeRefusal::MustSeal { vote: vote("v") });
    for (number, name) in (1..).zip(["ann", "ben"]) {
        assert_eq!(s.seal(name, number, &of("a")), CommitteeReply::Committed { existed: false });
    }
    assert_eq!(s.seal("ann", 1, &of("a")), CommitteeReply::Committed { existed: true });
    let early = refusal(s.reveal("ann", 1, of("a")));
    assert_eq!(early, CommitteeRefusal::MustSeal { vote: vote("v") });
    s.seal("cem", 3, &of("b"));
    let refused = refusal(s.seal("cem", 4, &of("a")));
    assert!(matches!(refused, CommitteeRefusal::NotNow { phase: PhaseView::Revealing { .. }, .. }));
    let other = CommitteeRefusal::OtherSeal { voter: voter("cem") };
    assert_eq!(refusal(s.reveal("cem", 3, of("a"))), other, "another ballot");
    assert_eq!(refusal(s.reveal("cem", 9, of("b"))), other, "another nonce");
    s.reveal("ann", 1, of("a"));
    s.take_over();
    s.reveal("ben", 2, of("a"));
    assert!(s.is_open("v"));
    s.reveal("cem", 3, of("b"));
    assert_eq!(s.decision("v"), Decision::Chosen(vec![option("a")]));
    assert_eq!(s.outcome("v").why, Why::AllIn);
    s.check_replay();
}

#[test]
fn who_does_not_reveal_is_absent_and_that_is_told() {
    let mut s = sealed_vote(&["ann", "ben", "cem", "dot", "eve"]);
    for (number, name) in (1..).zip(["ann", "ben", "cem", "dot"]) {
        s.seal(name, number, &Ballot::of(choice("a")));
    }
    s.wait_ms(10_000);
    let nothing = CommitteeRefusal::NothingSealed { voter: voter("eve") };
    assert_eq!(refusal(s.reveal("eve", 5, Ballot::of(choice("b")))), nothing);
    for (number, name) in (1..).zip(["ann", "ben", "cem"]) {
        s.reveal(name, number, Ballot::of(choice("a")));
    }
    s.wait_ms(5_000);
    let turnout = &s.outcome("v").turnout;
    assert_eq!((turnout.cast, turnout.unrevealed), (3, 1));
    assert_eq!(turnout.unrevealed_by, [voter("dot")]);
    assert_eq!(s.decision("v"), Decision::Chosen(vec![option("a")]));
    assert_eq!(s.outcome("v").why, Why::Deadline);
    assert!(s.minutes("v").contains(&"1 did not reveal their ballots".to_owned()));
}

#[test]
fn a_sealed_ballot_of_a_voter_with_a_key_is_signed_twice_over() {
    let mut s = Script::new();
    let asked = proposal(majority(), &["ben"], &["a", "b"]);
    let mut electorate = asked.electorate.clone();
    electorate.insert(voter("ann"), keyed(1));
    s.open(&Proposal { sealed_ms: Some(5_000), electorate, ..asked });
    let ballot = Ballot::of(choice("a"));
    let unsigned = CommitteeRefusal::Unsigned { voter: voter("ann") };
    assert_eq!(refusal(s.seal("ann", 1, &ballot)), unsigned);
    let commit = |s: &mut Script, nonce: u8, ballot: &Ballot| {
        let scope = s.scope("v");
        let sealed = scope.seal(&voter("ann"), &Digest([nonce; 32]), ballot);
        let bytes = scope.sealed_bytes(&voter("ann"), 1, &sealed);
        let signed = Some(Signed::unchecked(sign(&key(1).seed, &bytes).unwrap()));
        let sealing = Sealing { vote: vote("v"), voter: voter("ann"), seq: 1, sealed, signed };
        s.ask(|to| CommitteeCommand::Commit { to, sealing })
    };
    assert_eq!(commit(&mut s, 1, &ballot), CommitteeReply::Committed { existed: false });
    s.seal("ben", 2, &ballot);
    assert_eq!(refusal(s.reveal("ann", 1, ballot.clone())), unsigned, "the ballot is signed too");
    let mut again = Script::new();
    let asked = proposal(majority(), &["ben", "cem"], &["a", "b"]);
    let mut electorate = asked.electorate.clone();
    electorate.insert(voter("ann"), keyed(1));
    again.open(&Proposal { sealed_ms: Some(5_000), electorate, ..asked });
    commit(&mut again, 1, &ballot);
    assert_eq!(commit(&mut again, 2, &ballot), CommitteeReply::Equivocated, "two under one number");
    again.check_replay();
}

#[test]
fn one_key_is_one_voters() {
    let mut s = Script::new();
    let mut asked = proposal(majority(), &[], &["a", "b"]);
    asked.electorate = [("ann", 1), ("ben", 1)].map(|(name, n)| (voter(name), keyed(n))).into();
    let proposal = Box::new(asked);
    let refusal = s.refused(|to| CommitteeCommand::Open { to, proposal });
    assert!(refusal.to_string().contains("has the key of another voter"), "{refusal}");
    let text = serde_json::to_string(&Member::default()).unwrap();
    assert_eq!(text, r#"{"weight":"1"}"#);
    assert!(serde_json::from_str::<Member>(r#"{"key":"UABC"}"#).is_err());
}
