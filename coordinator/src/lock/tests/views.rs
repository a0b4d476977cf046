//! What is shown, and how the shard holds the machine.

use orkestra_runtime::{
    chance::Chance,
    id::{Number, SessionId},
};

use super::script::{Script, exclusive, key, permits, shared};
use crate::{
    lock::{
        Grant, Kind, LockAnswer, LockCommand, LockEffect, LockQuery, LockReason, Patience, Release,
        Who, view::LockDetail,
    },
    shard::{
        Mind as _,
        machine::{Effect, Event, ShardMachine},
        perform,
    },
};

fn detail(script: &Script, name: &str) -> Option<Box<LockDetail>> {
    let query = LockQuery::Get { key: key(name), skip: 0, limit: 100 };
    let LockAnswer::Lock(detail) = script.query(&query) else { panic!("another answer") };
    detail
}

#[test]
fn a_lock_shows_who_holds_it_who_lost_it_and_who_waits_in_order() {
    let mut script = Script::new();
    let [ann, bob, eve] = [("ann", 1_000), ("bob", 60_000), ("eve", 60_000)]
        .map(|(name, lease_ms)| script.open_for(name, lease_ms));
    script.have(ann, &[shared("a")]);
    let token = script.have(bob, &[shared("a")])[0];
    script.have(bob, &[shared("a"), exclusive("b")]);
    script.ask(eve, &[exclusive("a")], Patience::For { ms: 30_000 });
    script.wait_ms(1_001);
    let shown = detail(&script, "a").unwrap();
    assert_eq!(shown.lock.newest, token);
    assert_eq!((shown.lock.holders, shown.lock.waiting, shown.lock.lost), (1, 1, 1));
    let [holder] = &shown.holders[..] else { panic!("{shown:?}") };
    assert_eq!((holder.who.to_string(), holder.depth), ("session bob".to_owned(), 2));
    let [lost] = &shown.lost[..] else { panic!("{shown:?}") };
    assert_eq!((lost.who.to_string(), lost.left_ms), ("session ann".to_owned(), 14_999));
    let [waiter] = &shown.waiters[..] else { panic!("{shown:?}") };
    assert_eq!((waiter.place, waiter.left_ms), (1, Some(28_999)));
    let name = SessionId::new("bob").unwrap();
    let answer = script.query(&LockQuery::Session(name));
    let LockAnswer::Session(Some(session)) = answer else { panic!("{answer:?}") };
    assert_eq!((session.held.len(), session.session.left_ms), (2, 58_999));
    assert_eq!(detail(&script, "unused"), None);
}

#[test]
fn lists_come_in_pages() {
    let mut script = Script::new();
    let ann = script.open("ann");
    for name in ["a", "b", "c", "d", "e"] {
        script.have(ann, &[permits(name, 1, 2)]);
    }
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let answer = script.query(&LockQuery::List { after, limit: 2 });
        let LockAnswer::Locks(page) = answer else { panic!("{answer:?}") };
        assert!(page.rows.len() <= 2);
        assert!(page.rows.iter().all(|row| row.kind == Kind::Semaphore { of: 2 }));
        assert!(page.rows.iter().all(|row| matches!(row.held_by[..], [Who::Session(_)])));
        seen.extend(page.rows.iter().map(|row| row.key.to_string()));
        after = page.rows.last().map(|row| row.key.clone());
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    let answer = script.query(&LockQuery::Sessions { after: None, limit: 10 });
    let LockAnswer::Sessions(page) = answer else { panic!("{answer:?}") };
    assert_eq!((page.rows.len(), page.rows[0].holds), (1, 5));
    let gauges = script.locks().gauges();
    assert_eq!((gauges.sessions, gauges.locks, gauges.granted), (1, 5, 5));
}

#[test]
fn events_of_locks_are_of_a_level_that_older_programs_do_not_read() {
    let mut script = Script::new();
    let [ann, bob] = ["ann", "bob"].map(|name| script.open(name));
    let token = script.have(ann, &[exclusive("a")])[0];
    script.queue(bob, &[exclusive("a")]);
    script.release(ann, "a", token);
    assert!(script.journal.iter().all(|(_, event)| ShardMachine::level(event) == 2));
}

#[test]
fn a_snapshot_from_before_there_were_locks_is_read_and_nobody_holds_any() {
    let mut script = Script::new();
    let ann = script.open("ann");
    script.have(ann, &[exclusive("a")]);
    let newer: Parts = rmp_serde::from_slice(&script.machine.snapshot()).unwrap();
    assert_eq!(newer.v, 5);
    let older = Parts { v: 2, ..newer };
    let machine = ShardMachine::restore(&rmp_serde::to_vec_named(&older).unwrap()).unwrap();
    assert_eq!(machine.locks().gauges().sessions, 0);
    assert_eq!(machine.tasks().snapshot(), script.machine.tasks().snapshot());
}

/// What a shard kept before there were locks.
#[derive(serde::Serialize, serde::Deserialize)]
struct Parts {
    v: u32,
    #[serde(with = "serde_bytes")]
    tasks: Vec<u8>,
    #[serde(with = "serde_bytes")]
    context: Vec<u8>,
}

#[test]
fn a_grant_that_fits_no_step_any_more_is_made_in_the_next() {
    // What is free is given at a pace, and nothing of it is forgotten when a step ends early.
    let mut script = Script::new();
    let [ann, bob] = ["ann", "bob"].map(|name| script.open(name));
    let token = script.have(ann, &[exclusive("a")])[0];
    let asked = script.queue(bob, &[exclusive("a")]);
    let locks = vec![Grant { key: key("a"), token }];
    let (request, reason, to) = (script.request(), LockReason::Complete, script.asker());
    let release = Release { session: ann, request, locks, reason };
    // The machine alone, without what follows in the step.
    let next = Number(script.journal.len() as u64 + 1);
    let decision = script.locks().decide(script.now, next, &LockCommand::Release { to, release });
    let [event] = &decision.events[..] else { panic!("{decision:?}") };
    let event = Event::Lock(event.clone());
    script.machine.apply(next, script.now.wall, &event);
    script.machine.lead(script.now, next, &event);
    script.journal.push((script.now.wall, event));
    assert_eq!(script.machine.wakeup(script.now), Some(script.now.moment));
    let due = script.machine.due(script.now).unwrap();
    let mut chance = Chance::from_seed(1);
    let next = Number(script.journal.len() as u64 + 1);
    let done = perform(&mut script.machine, script.now, &mut chance, next, &due).unwrap();
    assert!(script.machine.due(script.now).is_none());
    let [Effect::Lock(LockEffect::Reply { to, .. })] = &done.effects[..] else { panic!() };
    assert_eq!((done.events.len(), to.0), (1, asked));
}
