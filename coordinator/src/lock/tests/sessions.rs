//! How long sessions live, and what becomes of their locks.

use orkestra_runtime::{
    id::{SessionNo, Token},
    time::Wall,
};

use super::script::{Script, exclusive, given, key, permits, shared};
use crate::lock::{
    Grant, LockAnswer, LockCommand, LockEvent, LockQuery, LockReason, LockRefusal, LockReply,
    Owner, Patience, Release,
};

#[test]
fn a107_at_the_end_of_its_lease_a_lock_is_held_and_a_moment_later_it_is_broken_by_timeout() {
    let mut script = Script::new();
    let ann = script.open_for("ann", 3_600_000);
    script.have(ann, &[exclusive("a")]);
    script.wait_ms(3_600_000);
    assert_eq!(script.events().count(), 2, "its age is the timeout: it is fresh");
    script.wait_ms(1);
    let ended = script.events().last().unwrap();
    let LockEvent::Ended { owner, reason, .. } = ended else { panic!("{ended:?}") };
    assert_eq!((*owner, *reason), (Owner::Session(ann), LockReason::Timeout));
    script.check_replay();
}

#[test]
fn a107_a_session_that_did_not_say_lives_an_hour() {
    let mut script = Script::new();
    let told = script.try_open("ann", 1, None);
    let LockReply::Opened { lease_ms, existed: false, .. } = told else { panic!("{told:?}") };
    assert_eq!(lease_ms, 3_600_000);
}

#[test]
fn a_renewal_writes_nothing_and_is_good_a_millisecond_before_the_end() {
    let mut script = Script::new();
    let ann = script.open_for("ann", 1_000);
    script.have(ann, &[exclusive("a")]);
    let written = script.journal.len();
    for _ in 0..5 {
        script.wait_ms(999);
        assert_eq!(script.renew(ann), LockReply::Renewed { lease_ms: 1_000, losses: 0 });
    }
    script.wait_ms(1_000);
    assert_eq!(script.renew(ann), LockReply::Renewed { lease_ms: 1_000, losses: 0 });
    assert_eq!(script.journal.len(), written);
    script.wait_ms(1_001);
    assert_eq!(script.renew(ann), LockReply::Refused(LockRefusal::SessionGone { session: ann }));
}

#[test]
fn a_new_leader_gives_every_session_and_every_wait_a_full_term() {
    let mut script = Script::new();
    let [ann, bob] = [script.open_for("ann", 1_000), script.open_for("bob", 5_000)];
    script.have(ann, &[exclusive("a")]);
    let (_, _, replies) = script.ask(bob, &[exclusive("a")], Patience::For { ms: 1_500 });
    assert_eq!(replies, []);
    script.wait_ms(900);
    script.take_over();
    let before = script.journal.len();
    script.wait_ms(1_000);
    assert_eq!(script.journal.len(), before, "late is safe, early is not");
    script.wait_ms(1);
    assert!(matches!(script.events().last(), Some(LockEvent::Ended { .. })));
    script.wait_ms(498);
    assert_eq!(script.journal.len(), before + 1);
    script.wait_ms(1);
    assert!(matches!(script.events().last(), Some(LockEvent::Withdrawn { .. })));
    script.check_replay();
}

#[test]
fn jumps_of_the_wall_clock_change_nothing() {
    let hour = 3_600_000;
    let told = [0, hour, 0, 2 * hour].map(|jump| {
        let mut script = Script::new();
        let [ann, bob] = [script.open_for("ann", 1_000), script.open_for("bob", 60_000)];
        script.have(ann, &[exclusive("a")]);
        script.ask(bob, &[exclusive("a")], Patience::For { ms: 40_000 });
        script.now.wall = Wall::from_ms(10 * hour + jump);
        script.settle();
        script.wait_ms(500);
        // Shard time never goes back; the machine must not mind if it stands.
        script.now.wall = Wall::from_ms(10 * hour + jump);
        let mut replies = script.wait_ms(501);
        replies.extend(script.wait_ms(14_999));
        assert_eq!(replies, [], "it is kept back");
        replies.extend(script.wait_ms(1));
        (given(replies), script.journal.into_iter().map(|(_, event)| event).collect::<Vec<_>>())
    });
    assert!(told.iter().all(|one| *one == told[0]));
}

#[test]
fn what_is_lost_without_a_word_is_kept_back_from_those_who_could_not_have_shared_it() {
    let mut script = Script::new();
    let [ann, bob] = [script.open_for("ann", 1_000), script.open_for("bob", 60_000)];
    script.have(ann, &[exclusive("a"), shared("b"), permits("c", 1, 2)]);
    let waits = script.queue(bob, &[exclusive("a")]);
    script.wait_ms(1_001);
    // Readers do no harm to a reader of whom nothing is heard, and there is another permit.
    script.have(bob, &[shared("b"), permits("c", 1, 2)]);
    let eve = script.open_for("eve", 60_000);
    script.refused(eve, &[exclusive("b")], Patience::Try);
    script.refused(eve, &[permits("c", 1, 2)], Patience::Try);
    assert_eq!(script.wait_ms(14_999), []);
    let next = given(script.wait_ms(1));
    assert_eq!(next[0].0, waits);
    script.have(eve, &[permits("c", 1, 2)]);
    script.check_replay();
}

#[test]
fn what_is_kept_back_is_so_for_a_full_term_under_a_new_leader() {
    let mut script = Script::new();
    let [ann, bob] = [script.open_for("ann", 1_000), script.open_for("bob", 60_000)];
    script.have(ann, &[exclusive("a")]);
    script.wait_ms(2_000);
    script.take_over();
    script.wait_ms(14_999);
    script.refused(bob, &[exclusive("a")], Patience::Try);
    script.wait_ms(1);
    script.have(bob, &[exclusive("a")]);
}

#[test]
fn closing_a_session_frees_all_in_one_step_and_takes_it_out_of_all_queues() {
    let mut script = Script::new();
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| script.open(name));
    script.have(ann, &[exclusive("a"), exclusive("b")]);
    script.have(eve, &[exclusive("c")]);
    let own = script.queue(ann, &[exclusive("c")]);
    let one = script.queue(bob, &[exclusive("a")]);
    let two = script.queue(bob, &[exclusive("b")]);
    let next = Script::close(&mut script, ann);
    assert_eq!(next[0], (own, LockReply::Refused(LockRefusal::SessionGone { session: ann })));
    assert_eq!(next[1].1, LockReply::Closed);
    let next = given(next[2..].to_vec());
    assert_eq!(next.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [one, two]);
    // Closing it again is no fault.
    assert_eq!(script.close(ann)[0].1, LockReply::Closed);
    script.check_replay();
}

#[test]
fn a_session_is_opened_once_and_its_name_belongs_to_whoever_drew_its_number() {
    let mut script = Script::new();
    let ann = script.open_for("ann", 1_000);
    script.wait_ms(900);
    let again = script.try_open("ann", 1, None);
    script.referee.renewed(ann, script.now.moment);
    assert_eq!(again, LockReply::Opened { session: ann, lease_ms: 1_000, existed: true });
    // Opening it again is a sign of life.
    script.wait_ms(1_000);
    let told = script.try_open("ann", 2, None);
    let LockReply::Refused(refusal) = told else { panic!("{told:?}") };
    assert_eq!(
        refusal.to_string(),
        "session ann is somebody else's (\"ann of the team\"): wait until it is closed or its \
         lease has run out, or take another name"
    );
    script.wait_ms(1);
    let told = script.try_open("ann", 2, None);
    let LockReply::Opened { session, existed: false, .. } = told else { panic!("{told:?}") };
    assert!(session > ann);
    // The first life of the name has no say any more.
    let told = script.refused(ann, &[exclusive("a")], Patience::Try);
    assert_eq!(told, LockRefusal::SessionGone { session: ann });
}

#[test]
fn a108_who_does_not_hold_a_lock_cannot_release_it_and_an_old_token_is_refused() {
    let mut script = Script::new();
    let [ann, bob] = ["ann", "bob"].map(|name| script.open(name));
    let old = script.have(ann, &[exclusive("a")])[0];
    let refused = |replies: Vec<(u64, LockReply)>| match &replies[..] {
        [(_, LockReply::Refused(refusal))] => refusal.to_string(),
        other => panic!("{other:?}"),
    };
    let told = refused(script.release(bob, "a", old));
    assert_eq!(told, "lock a is not held by this session, but by session ann");
    let told = refused(script.release(ann, "a", Token(old.0 - 1)));
    assert!(told.starts_with("token 2 of lock a is no longer good (the newest is 3)"), "{told}");
    script.release(ann, "a", old);
    let told = refused(script.release(ann, "a", old));
    assert!(told.contains("is no longer good"), "twice is once too often: {told}");
    let new = script.have(bob, &[exclusive("a")])[0];
    assert!(new > old);
    let told = refused(script.release(ann, "a", old));
    assert!(told.contains(&format!("(the newest is {new})")), "{told}");
    let told = refused(script.release(SessionNo(99), "a", new));
    assert!(told.starts_with("session number 99 is gone"), "{told}");
    // And the reasons of whoever keeps the locks are no holder's.
    let (to, request) = (script.asker(), script.request());
    let locks = vec![Grant { key: key("a"), token: new }];
    let release = Release { session: bob, request, locks, reason: LockReason::Stale };
    let told = refused(script.tell(LockCommand::Release { to, release }));
    assert_eq!(told, "the reason STALE cannot be given here: say another");
    script.check_replay();
}

#[test]
fn a109_stale_dead_and_completed_are_cleaned_each_with_its_reason_and_counted() {
    let mut script = Script::new();
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| script.open_for(name, 1_000));
    script.have(ann, &[exclusive("a"), exclusive("b")]);
    script.have(bob, &[exclusive("c")]);
    script.have(eve, &[exclusive("d")]);
    let by = || "watch".to_owned();
    let end = |script: &mut Script, session, reason| {
        let to = script.asker();
        let (by, why) = (by(), "tried out".to_owned());
        script.only(to, LockCommand::End { to, session, reason, by, why, delay_ms: None })
    };
    assert_eq!(end(&mut script, bob, LockReason::DeadProcess), LockReply::Closed);
    assert_eq!(end(&mut script, eve, LockReason::TaskCompleted), LockReply::Closed);
    let told = end(&mut script, ann, LockReason::Complete);
    let refusal = LockRefusal::ReasonNotYours { reason: LockReason::Complete };
    assert_eq!(told, LockReply::Refused(refusal));
    // Before anybody looked at the time: what is overdue is found by whoever cleans.
    script.now.moment = script.now.moment + std::time::Duration::from_millis(1_001);
    let to = script.asker();
    let cleaned = script.only(to, LockCommand::Clean { to, by: by(), silent_ms: None });
    let LockReply::Cleaned { sessions: 1, locks: 2, gone, more: false } = cleaned else {
        panic!("{cleaned:?}")
    };
    assert_eq!(gone[0].who.to_string(), "session ann");
    assert_eq!((gone[0].reason, gone[0].silent_ms), (LockReason::Stale, Some(1_001)));
    let ends = script.events().filter_map(|event| match event {
        LockEvent::Ended { reason, by, delay_ms, .. } => Some((*reason, by.as_str(), *delay_ms)),
        _ => None,
    });
    let expected = [
        (LockReason::DeadProcess, "watch", 15_000),
        (LockReason::TaskCompleted, "watch", 0),
        (LockReason::Stale, "watch", 15_000),
    ];
    assert_eq!(ends.collect::<Vec<_>>(), expected);
    script.check_replay();
}

#[test]
fn a109_silence_of_exactly_the_bound_is_fresh_and_a_millisecond_more_is_stale() {
    let mut script = Script::new();
    let [ann, bob] = ["ann", "bob"].map(|name| script.open_for(name, 7_200_000));
    script.have(ann, &[exclusive("a"), exclusive("b")]);
    script.have(bob, &[exclusive("c")]);
    let silent_ms = Some(3_600_000);
    script.referee.silent_ms = silent_ms;
    let stale = |script: &mut Script| {
        let answer = script.query(&LockQuery::Stale { silent_ms });
        let LockAnswer::Stale(page) = answer else { panic!("{answer:?}") };
        page.rows
    };
    script.wait_ms(1_000);
    let to = script.asker();
    script.tell(LockCommand::Renew { to, session: bob });
    script.wait_ms(3_599_000);
    assert_eq!(stale(&mut script), []);
    script.wait_ms(1);
    let shown = stale(&mut script);
    let [one] = &shown[..] else { panic!("{shown:?}") };
    assert_eq!((one.who.to_string(), one.holds), ("session ann".to_owned(), 2));
    assert_eq!((one.silent_ms, &one.keys[..]), (Some(3_600_001), &[key("a"), key("b")][..]));
    let to = script.asker();
    let clean = LockCommand::Clean { to, by: "watch".to_owned(), silent_ms };
    let cleaned = script.only(to, clean);
    let expected = LockReply::Cleaned { sessions: 1, locks: 2, gone: shown, more: false };
    assert_eq!(cleaned, expected);
    assert_eq!(stale(&mut script), [], "what is cleaned is gone");
    script.check_replay();
}

#[test]
fn a_session_that_is_ended_by_hand_leaves_its_locks_free_only_where_that_is_said_to_be_sure() {
    let mut script = Script::new();
    for (delay_ms, expected) in [(None, 15_000), (Some(0), 0), (Some(700), 700)] {
        let session = script.open_for("ann", 60_000);
        script.have(session, &[exclusive("a")]);
        let (to, reason) = (script.asker(), LockReason::DeadProcess);
        let (by, why) = ("eve".to_owned(), "its machine burnt down".to_owned());
        script.tell(LockCommand::End { to, session, reason, by, why, delay_ms });
        let ended = script.events().last().cloned();
        let Some(LockEvent::Ended { by, why, delay_ms, .. }) = ended else { panic!("{ended:?}") };
        assert_eq!((&*by, &*why, delay_ms), ("eve", "its machine burnt down", expected));
        script.wait_ms(expected);
    }
    script.check_replay();
}

#[test]
fn a109_one_wait_takes_the_place_of_three_attempts_and_then_it_is_no() {
    let mut script = Script::new();
    let [ann, bob] = ["ann", "bob"].map(|name| script.open_for(name, 60_000));
    script.have(ann, &[exclusive("a")]);
    let (to, _, _) = script.ask(bob, &[exclusive("a")], Patience::For { ms: 6_000 });
    assert_eq!(script.wait_ms(5_999), []);
    let told = LockReply::Refused(LockRefusal::TimedOut { ms: 6_000 });
    assert_eq!(script.wait_ms(1), [(to, told)]);
}
