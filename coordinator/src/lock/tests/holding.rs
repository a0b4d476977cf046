//! Who holds what together with whom, and who is next.

use orkestra_runtime::id::RequestNo;

use super::script::{Script, exclusive, given, permits, shared};
use crate::lock::{LockCommand, LockRefusal, LockReply, Patience};

#[test]
fn one_holds_exclusively_many_share_and_permits_are_counted() {
    let mut script = Script::new();
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| script.open(name));
    script.have(ann, &[exclusive("a")]);
    let busy = script.refused(bob, &[exclusive("a")], Patience::Try).to_string();
    assert_eq!(
        busy,
        "lock a cannot be had now: session ann holds it, and 0 wait; ask with a time to wait, or \
         again later"
    );
    script.refused(bob, &[shared("a")], Patience::Try);
    script.have(ann, &[shared("b")]);
    script.have(bob, &[shared("b")]);
    script.refused(eve, &[exclusive("b")], Patience::Try);
    script.have(ann, &[permits("c", 2, 3)]);
    script.have(bob, &[permits("c", 1, 3)]);
    script.refused(eve, &[permits("c", 1, 3)], Patience::Try);
    script.check_replay();
}

#[test]
fn a_writer_is_not_starved_by_readers_nor_readers_by_writers() {
    let mut script = Script::new();
    let [ann, bob, eve, joe, zoe] = ["ann", "bob", "eve", "joe", "zoe"].map(|n| script.open(n));
    let first = script.have(ann, &[shared("a")])[0];
    let writer = script.queue(bob, &[exclusive("a")]);
    // A reader could share with ann, but the writer asked before.
    let reader = script.queue(eve, &[shared("a")]);
    let second_reader = script.queue(joe, &[shared("a")]);
    let second_writer = script.queue(zoe, &[exclusive("a")]);
    let next = script.hand_over(ann, "a", first);
    assert_eq!(next.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [writer]);
    let next = script.hand_over(bob, "a", next[0].1[0]);
    assert_eq!(next.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [reader, second_reader]);
    assert_eq!(script.hand_over(eve, "a", next[0].1[0]), []);
    let last = script.hand_over(joe, "a", next[1].1[0]);
    assert_eq!(last[0].0, second_writer);
    script.check_replay();
}

#[test]
fn several_locks_are_had_in_one_step_or_waited_for_together() {
    let mut script = Script::new();
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| script.open(name));
    let a = script.have(ann, &[exclusive("a")])[0];
    let wants = [exclusive("a"), shared("b"), permits("c", 1, 1)];
    let both = script.queue(bob, &wants);
    // Nobody overtakes at a lock that is free, and waited for.
    script.refused(eve, &[exclusive("b")], Patience::Try);
    let after = script.queue(eve, &[permits("c", 1, 1)]);
    let next = script.hand_over(ann, "a", a);
    assert_eq!(next.len(), 1);
    assert_eq!(next[0].0, both);
    let token = next[0].1[0];
    assert_eq!(next[0].1, [token, token, token], "one grant, one token");
    let last = script.hand_over(bob, "c", token);
    assert_eq!(last[0].0, after);
    script.check_replay();
}

#[test]
fn who_holds_a_lock_has_it_again_as_often_as_it_asks_and_keeps_its_token() {
    let mut script = Script::new();
    let [ann, bob] = ["ann", "bob"].map(|name| script.open(name));
    let token = script.have(ann, &[exclusive("a")])[0];
    let waits = script.queue(bob, &[exclusive("a")]);
    // Though bob waits, and also where less is enough.
    assert_eq!(script.have(ann, &[exclusive("a")]), [token]);
    assert_eq!(script.have(ann, &[shared("a"), exclusive("b")])[0], token);
    assert_eq!(script.hand_over(ann, "a", token), []);
    assert_eq!(script.hand_over(ann, "a", token), []);
    assert_eq!(script.hand_over(ann, "a", token)[0].0, waits);
    let permit = script.have(ann, &[permits("c", 2, 3)])[0];
    assert_eq!(script.have(ann, &[permits("c", 1, 3)]), [permit]);
    assert_eq!(script.have(bob, &[permits("c", 1, 3)]).len(), 1, "the same permits, not more");
    script.check_replay();
}

#[test]
fn more_of_a_lock_that_one_holds_is_refused_with_what_to_do() {
    let mut script = Script::new();
    let [ann, bob] = ["ann", "bob"].map(|name| script.open(name));
    script.have(ann, &[shared("a")]);
    script.have(bob, &[shared("a")]);
    // If either waited, each would wait for the other.
    for session in [ann, bob] {
        let refused = script.refused(session, &[exclusive("a")], Patience::Endless);
        assert!(matches!(refused, LockRefusal::Upgrade { .. }));
        assert_eq!(
            refused.to_string(),
            "lock a is held or awaited as shared by the same session, and cannot become exclusive \
             on the way, since two who wait for that wait for each other: release it first, or ask \
             for it as exclusive from the beginning"
        );
    }
    script.have(ann, &[permits("c", 1, 2)]);
    let refused = script.refused(ann, &[permits("c", 2, 2)], Patience::Try);
    assert!(matches!(refused, LockRefusal::Upgrade { .. }));
}

#[test]
fn more_than_is_awaited_already_is_refused_too() {
    let mut script = Script::new();
    let [ann, bob] = ["ann", "bob"].map(|name| script.open(name));
    script.have(ann, &[exclusive("a")]);
    script.queue(bob, &[shared("a")]);
    let refused = script.refused(bob, &[exclusive("a")], Patience::Endless);
    assert!(matches!(refused, LockRefusal::Upgrade { .. }));
}

#[test]
fn a_lock_is_of_one_kind_for_as_long_as_anybody_uses_it() {
    let mut script = Script::new();
    let [ann, bob] = ["ann", "bob"].map(|name| script.open(name));
    let token = script.have(ann, &[permits("a", 1, 2)])[0];
    let told = script.refused(bob, &[exclusive("a")], Patience::Endless).to_string();
    let expected = "lock a is in use as a semaphore of 2 permits: ask for it as that, or use \
                    another key";
    assert_eq!(told, expected);
    let refused = script.refused(bob, &[permits("a", 1, 3)], Patience::Endless);
    assert!(matches!(refused, LockRefusal::KindMismatch { .. }));
    script.release(ann, "a", token);
    script.have(bob, &[exclusive("a")]);
}

#[test]
fn who_waited_long_enough_is_told_so_and_those_behind_move_up() {
    let mut script = Script::new();
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| script.open(name));
    script.have(ann, &[shared("a")]);
    let (late, _, replies) = script.ask(bob, &[exclusive("a")], Patience::For { ms: 500 });
    assert_eq!(replies, []);
    let behind = script.queue(eve, &[shared("a")]);
    assert_eq!(script.wait_ms(499), []);
    let mut replies = script.wait_ms(1);
    let told = (late, LockReply::Refused(LockRefusal::TimedOut { ms: 500 }));
    assert_eq!(replies.remove(0), told);
    assert_eq!(given(replies)[0].0, behind);
    script.check_replay();
}

#[test]
fn the_same_request_is_answered_the_same_and_waits_once() {
    let mut script = Script::new();
    let [ann, bob] = ["ann", "bob"].map(|name| script.open(name));
    let (_, granted, first) = script.ask(ann, &[exclusive("a")], Patience::Try);
    let (_, again) = script.ask_as(ann, granted, &[exclusive("a")], Patience::Try);
    assert_eq!(again[0].1, first[0].1);
    let token = given(first)[0].1[0];
    // A refusal too, though the lock is free by then.
    let (_, tried, busy) = script.ask(bob, &[exclusive("a")], Patience::Try);
    script.release(ann, "a", token);
    let (_, again) = script.ask_as(bob, tried, &[exclusive("a")], Patience::Try);
    assert_eq!(again[0].1, busy[0].1);
    // What is asked anew under an old number is not done.
    let (_, other) = script.ask_as(ann, granted, &[exclusive("b")], Patience::Try);
    let request = granted;
    assert_eq!(other[0].1, LockReply::Refused(LockRefusal::RequestConflict { request }));

    let token = script.have(ann, &[exclusive("a")])[0];
    let (one, waits, _) = script.ask(bob, &[exclusive("a")], Patience::Endless);
    let (two, replies) = script.ask_as(bob, waits, &[exclusive("a")], Patience::Endless);
    assert_eq!(replies, []);
    let next = script.hand_over(ann, "a", token);
    assert_eq!(next.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [one, two]);
    assert_eq!(next[0].1, next[1].1, "both are told of the one grant");
    script.check_replay();
}

#[test]
fn the_answer_that_a_lost_leader_owed_is_given_by_the_next() {
    let mut script = Script::new();
    let [ann, bob] = ["ann", "bob"].map(|name| script.open(name));
    let (_, granted, first) = script.ask(ann, &[exclusive("a")], Patience::Try);
    let (_, waits, _) = script.ask(bob, &[exclusive("a")], Patience::Endless);
    // The leader dies between the grant and the reply; whoever asked asks again.
    script.take_over();
    let (_, again) = script.ask_as(ann, granted, &[exclusive("a")], Patience::Try);
    assert_eq!(again[0].1, first[0].1);
    let (to, replies) = script.ask_as(bob, waits, &[exclusive("a")], Patience::Endless);
    assert_eq!(replies, []);
    let next = script.hand_over(ann, "a", given(first)[0].1[0]);
    assert_eq!(next[0].0, to);
}

#[test]
fn what_is_cancelled_is_free_whether_it_waits_was_granted_or_never_came() {
    let mut script = Script::new();
    let [ann, bob] = ["ann", "bob"].map(|name| script.open(name));
    let (_, first, _) = script.ask(ann, &[exclusive("a")], Patience::Try);
    let (asker, second, _) = script.ask(bob, &[exclusive("a")], Patience::Endless);
    let mut cancel = |session, request| {
        let to = script.asker();
        script.tell(LockCommand::Cancel { to, session, request })
    };
    let told = cancel(bob, second);
    assert_eq!(told[0], (asker, LockReply::Refused(LockRefusal::Cancelled)));
    assert_eq!(told[1].1, LockReply::Cancelled);
    assert_eq!(cancel(ann, first)[0].1, LockReply::Cancelled);
    // And again, and what is still on its way.
    assert_eq!(cancel(ann, first)[0].1, LockReply::Cancelled);
    assert_eq!(cancel(bob, RequestNo(77))[0].1, LockReply::Cancelled);
    let (_, late) = script.ask_as(bob, RequestNo(77), &[exclusive("a")], Patience::Endless);
    assert_eq!(late[0].1, LockReply::Refused(LockRefusal::Cancelled));
    script.have(ann, &[exclusive("a")]);
    script.check_replay();
}
