//! Many at once.

use super::script::{Script, exclusive, given, shared};
use crate::lock::{Bound, LockCommand, LockRefusal, LockReply, Patience, SESSIONS_MAX};

#[test]
fn a106_of_a_thousand_who_ask_for_one_lock_exactly_one_has_it() {
    let mut script = Script::new();
    let mut holders = 0;
    for n in 0..1_000 {
        let session = script.open(&format!("node-{}/task-7/{n}", n % 5));
        let (_, _, replies) = script.ask(session, &[exclusive("task-7")], Patience::Try);
        match &replies[0].1 {
            LockReply::Granted { .. } => holders += 1,
            LockReply::Refused(LockRefusal::Busy { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(holders, 1);
}

#[test]
fn ten_thousand_wait_for_one_lock_and_are_served_in_their_order() {
    let mut script = Script::new();
    let holder = script.open_for("holder", 3_600_000);
    let mut token = script.have(holder, &[exclusive("a")])[0];
    let mut waiting = Vec::new();
    for n in 0..10_000 {
        let session = script.open_for(&format!("s{n}"), 3_600_000);
        waiting.push((script.queue(session, &[exclusive("a")]), session));
    }
    let mut session = holder;
    for (to, next) in waiting {
        let given = script.hand_over(session, "a", token);
        assert_eq!(given.len(), 1);
        assert_eq!(given[0].0, to, "somebody overtook");
        assert!(given[0].1[0] > token);
        (session, token) = (next, given[0].1[0]);
    }
    script.check_replay();
}

#[test]
fn thousands_of_readers_behind_a_writer_are_let_in_at_a_pace_all_of_them_and_in_order() {
    let mut script = Script::new();
    let writer = script.open_for("writer", 3_600_000);
    let token = script.have(writer, &[exclusive("a")])[0];
    let readers: Vec<u64> = (0..5_000)
        .map(|n| {
            let session = script.open_for(&format!("s{n}"), 3_600_000);
            script.queue(session, &[shared("a")])
        })
        .collect();
    let given = script.hand_over(writer, "a", token);
    assert_eq!(given.into_iter().map(|(to, _)| to).collect::<Vec<_>>(), readers);
    script.check_replay();
}

#[test]
fn a_session_with_thousands_of_locks_ends_in_one_event_and_all_who_waited_go_on() {
    let mut script = Script::new();
    let [ann, bob] = [script.open_for("ann", 1_000), script.open_for("bob", 3_600_000)];
    let keys: Vec<String> = (0..4_000).map(|n| format!("k{n}")).collect();
    for keys in keys.chunks(50) {
        let wants: Vec<_> = keys.iter().map(|key| exclusive(key)).collect();
        script.have(ann, &wants);
    }
    let asked: Vec<u64> =
        (0..100).map(|n| script.queue(bob, &[exclusive(&keys[n * 40])])).collect();
    let before = script.journal.len();
    let mut replies = script.wait_ms(1_001);
    replies.extend(script.wait_ms(15_000));
    let mut given: Vec<u64> = given(replies).into_iter().map(|(to, _)| to).collect();
    given.sort_unstable();
    assert_eq!(given, asked);
    // One end, the locks that come back in a few events, and the grants.
    assert_eq!(script.journal.len() - before, 1 + 4_000 / 200 + 100);
    script.check_replay();
}

#[test]
fn there_are_so_many_sessions_and_no_more() {
    let mut script = Script::new();
    for n in 0..SESSIONS_MAX {
        script.open_for(&format!("s{n}"), 3_600_000);
    }
    let told = script.try_open("one-more", 1, None);
    assert_eq!(told, LockReply::Refused(Bound::Sessions.refused()));
    let to = script.asker();
    let session = orkestra_runtime::id::SessionNo(1);
    script.only(to, LockCommand::Close { to, session });
    script.open("one-more");
}
