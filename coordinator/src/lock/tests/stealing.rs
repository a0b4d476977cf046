//! Locks that are taken away, and tokens that are old.

use orkestra_runtime::id::Token;

use super::script::{Script, exclusive, given, key, shared};
use crate::lock::{
    Grant, LockCommand, LockEffect, LockEvent, LockRefusal, LockReply, Patience, Theft, Who,
};

fn check(script: &mut Script, token: Token) -> LockReply {
    let to = script.asker();
    let shown = Grant { key: key("a"), token };
    script.only(to, LockCommand::Check { to, shown })
}

#[test]
fn a_token_is_good_while_the_lock_is_held_with_it_and_not_a_moment_longer() {
    let mut script = Script::new();
    let [ann, bob] = ["ann", "bob"].map(|name| script.open_for(name, 1_000));
    let first = script.have(ann, &[exclusive("a")])[0];
    assert_eq!(check(&mut script, first), LockReply::Good);
    script.release(ann, "a", first);
    assert!(matches!(check(&mut script, first), LockReply::Refused(_)));
    let second = script.have(bob, &[exclusive("a")])[0];
    assert!(second > first);
    assert_eq!(check(&mut script, second), LockReply::Good);
    // A holder that was paused past its lease wakes up, and writes.
    script.wait_ms(1_001);
    let LockReply::Refused(refusal) = check(&mut script, second) else { panic!("an old write") };
    let newest = second;
    assert_eq!(refusal, LockRefusal::StaleToken { key: key("a"), token: second, newest });
    assert_eq!(script.locks().check(&key("a"), second), Err(refusal));
}

#[test]
fn of_those_who_share_a_lock_each_has_a_good_token() {
    let mut script = Script::new();
    let [ann, bob] = ["ann", "bob"].map(|name| script.open(name));
    let first = script.have(ann, &[shared("a")])[0];
    let second = script.have(bob, &[shared("a")])[0];
    assert!(second > first);
    assert_eq!(check(&mut script, first), LockReply::Good);
    assert_eq!(check(&mut script, second), LockReply::Good);
}

#[test]
fn tokens_rise_across_forgetting_and_take_over() {
    let mut script = Script::new();
    let ann = script.open_for("ann", 600_000);
    let mut last = Token(0);
    for round in 0..5 {
        let token = script.have(ann, &[exclusive("a")])[0];
        assert!(token > last, "round {round}");
        last = token;
        script.release(ann, "a", token);
        assert_eq!(script.locks().gauges().locks, 0, "nobody uses it: it is forgotten");
        script.take_over();
        assert!(script.locks().newest(&key("a")) >= last);
        assert!(matches!(check(&mut script, last), LockReply::Refused(_)));
    }
}

#[test]
fn a_theft_is_on_the_record_raises_the_token_and_keeps_the_lock_back() {
    let mut script = Script::new();
    let [ann, bob] = ["ann", "bob"].map(|name| script.open_for(name, 600_000));
    let token = script.have(ann, &[exclusive("a")])[0];
    let next = script.queue(bob, &[exclusive("a")]);
    let replies = script.steal("a", None);
    let LockReply::Stolen { token: raised } = replies[0].1 else { panic!("{replies:?}") };
    assert!(raised > token);
    assert!(matches!(check(&mut script, token), LockReply::Refused(_)));
    let LockEvent::Stolen { by, why, from, .. } = script.events().last().unwrap() else {
        panic!("not on the record")
    };
    assert_eq!((by.as_str(), why.as_str()), ("eve", "it hangs"));
    assert!(matches!(&from[..], [Who::Session(name)] if name.as_str() == "ann"));
    let lost = Grant { key: key("a"), token };
    let why = "eve took it: it hangs".to_owned();
    assert_eq!(script.effects, [LockEffect::Lost { session: ann, lost, why }]);
    assert_eq!(script.renew(ann), LockReply::Renewed { lease_ms: 600_000, losses: 1 });
    assert_eq!(script.wait_ms(14_999), []);
    let given = given(script.wait_ms(1));
    assert_eq!(given[0].0, next);
    assert!(given[0].1[0] > raised);
    script.check_replay();
}

#[test]
fn a_theft_that_is_asked_for_twice_robs_nobody_else() {
    let mut script = Script::new();
    let [ann, bob] = ["ann", "bob"].map(|name| script.open(name));
    let token = script.have(ann, &[exclusive("a")])[0];
    script.queue(bob, &[exclusive("a")]);
    let first = script.steal("a", Some(0));
    let LockReply::Stolen { token: raised } = first[0].1 else { panic!("{first:?}") };
    let theft = |token| {
        let (by, why) = ("eve".to_owned(), "it hangs".to_owned());
        Theft { key: key("a"), token, by, why, delay_ms: Some(0) }
    };
    let to = script.asker();
    let again = script.only(to, LockCommand::Steal { to, theft: theft(token) });
    assert_eq!(again, LockReply::Stolen { token: raised });
    let to = script.asker();
    let told = script.only(to, LockCommand::Steal { to, theft: theft(raised) });
    assert!(matches!(told, LockReply::Refused(LockRefusal::StaleToken { .. })), "{told:?}");
    assert_eq!(script.locks().gauges().stolen, 1);
    script.check_replay();
}

#[test]
fn who_knows_that_nobody_works_under_it_any_more_need_not_wait() {
    let mut script = Script::new();
    let [ann, bob] = [script.open_for("ann", 1_000), script.open_for("bob", 600_000)];
    script.have(ann, &[exclusive("a")]);
    let next = script.queue(bob, &[exclusive("a")]);
    script.wait_ms(1_001);
    // It is lost already, and kept back: there is nothing to steal but the delay.
    assert!(matches!(script.steal("a", None)[0].1, LockReply::Refused(_)));
    let replies = script.steal("a", Some(0));
    assert!(matches!(replies[0].1, LockReply::Stolen { .. }));
    assert_eq!(given(replies[1..].to_vec())[0].0, next);
    script.check_replay();
}

#[test]
fn nobody_steals_what_nobody_holds() {
    let mut script = Script::new();
    let told = &script.steal("a", None)[0].1;
    assert!(matches!(told, LockReply::Refused(LockRefusal::StaleToken { .. })), "{told:?}");
    let ann = script.open("ann");
    let (_, _, replies) = script.ask(ann, &[exclusive("a")], Patience::Try);
    assert_eq!(given(replies).len(), 1);
}
