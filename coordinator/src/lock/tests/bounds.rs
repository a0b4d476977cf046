//! Everything is bounded, and each refusal says what to do.

use orkestra_runtime::id::{LockKey, RequestNo, SessionId};

use super::script::{Script, exclusive, permits};
use crate::lock::{
    Bound, LockRefusal, LockReply, Patience, REQUEST_LOCKS_MAX, REQUESTS_KEPT, TEXT_CHARS_MAX,
    WAITS_MAX, Want,
};

#[test]
fn keys_and_sessions_are_names_of_bounded_length() {
    let told = |name: &str| LockKey::new(name).map(drop).unwrap_err().to_string();
    assert!(told("a b").starts_with("\"a b\" cannot name a lock: ' ' is not allowed"));
    assert!(told(&"x".repeat(129)).contains("129 bytes"));
    LockKey::new("deploy/prod:eu-1").unwrap();
    assert!(SessionId::new("").is_err());
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let mut script = Script::new();
    let ann = script.open("ann");
    let mut told = |wants: &[Want]| script.refused(ann, wants, Patience::Endless).to_string();
    assert_eq!(told(&[]), "the request names no lock: name one at least");
    assert_eq!(
        told(&[exclusive("a"), exclusive("b"), exclusive("a")]),
        "the request names lock a twice: name it once, as strong as needed"
    );
    assert!(told(&[permits("a", 0, 3)]).starts_with("lock a cannot be had with 0 of 3 permits"));
    assert!(told(&[permits("a", 4, 3)]).starts_with("lock a cannot be had with 4 of 3 permits"));
    assert!(told(&[permits("a", 1, 1_000_001)]).ends_with("let there be at most 1000000"));
    let many: Vec<Want> = (0..=REQUEST_LOCKS_MAX).map(|n| exclusive(&format!("k{n}"))).collect();
    assert_eq!(
        told(&many),
        "there may be no more than 64 locks in one request: ask for fewer, or for one that stands \
         for all"
    );
    assert_eq!(script.journal.len(), 1, "nothing was written");
}

#[test]
fn a_lease_has_bounds_and_so_has_what_is_said() {
    let mut script = Script::new();
    for lease_ms in [0, 99, 86_400_001] {
        let told = script.try_open("ann", 1, Some(lease_ms));
        let LockReply::Refused(refusal) = told else { panic!("{told:?}") };
        let expected =
            format!("a lease of {lease_ms} ms is not allowed: say one from 100 to 86400000 ms");
        assert_eq!(refusal.to_string(), expected);
    }
    let ann = script.open_for("ann", 100);
    script.open_for("bob", 86_400_000);
    let token = script.have(ann, &[exclusive("a")])[0];
    let (key, delay_ms) = (exclusive("a").key, None);
    for (by, why) in
        [("x".repeat(TEXT_CHARS_MAX + 1), String::new()), (String::new(), "x".repeat(501))]
    {
        let to = script.asker();
        let theft = crate::lock::Theft { key: key.clone(), token, by, why, delay_ms };
        let told = script.only(to, crate::lock::LockCommand::Steal { to, theft });
        assert_eq!(told, LockReply::Refused(LockRefusal::TextTooLong { chars: 501 }));
    }
}

#[test]
fn one_session_waits_with_so_many_requests_and_no_more() {
    let mut script = Script::new();
    let [ann, bob] = ["ann", "bob"].map(|name| script.open(name));
    let token = script.have(ann, &[exclusive("a")])[0];
    for _ in 0..WAITS_MAX {
        script.queue(bob, &[exclusive("a")]);
    }
    let refused = script.refused(bob, &[exclusive("a")], Patience::Endless);
    assert_eq!(refused, Bound::Waits.refused());
    let granted = script.hand_over(ann, "a", token);
    assert_eq!(granted.len(), WAITS_MAX, "the first is given it, and again to all the others");
    script.check_replay();
}

#[test]
fn what_is_forgotten_is_refused_and_not_done_again() {
    let mut script = Script::new();
    let ann = script.open_for("ann", 600_000);
    let (_, first, _) = script.ask(ann, &[exclusive("a")], Patience::Try);
    let kept = script.ask(ann, &[exclusive("b")], Patience::Try).1;
    // The first is among as many as are kept still.
    while script.locks().durable.sessions[&ann].forgotten < first {
        script.have(ann, &[exclusive("a")]);
    }
    let asked = script.request().0;
    assert_eq!(asked, REQUESTS_KEPT as u64 + 2);
    let (_, replies) = script.ask_as(ann, first, &[exclusive("a")], Patience::Try);
    let (request, forgotten) = (first, first);
    let refusal = LockRefusal::RequestForgotten { request, forgotten };
    assert_eq!(replies[0].1, LockReply::Refused(refusal));
    let (_, replies) = script.ask_as(ann, kept, &[exclusive("b")], Patience::Try);
    assert!(matches!(replies[0].1, LockReply::Granted { .. }));
    let (_, replies) = script.ask_as(ann, RequestNo(0), &[exclusive("b")], Patience::Try);
    assert!(matches!(replies[0].1, LockReply::Refused(LockRefusal::RequestForgotten { .. })));
    script.check_replay();
}
