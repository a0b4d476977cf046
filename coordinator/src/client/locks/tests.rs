//! Stories of processes that share something, over a whole node.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{
    ErrorKind,
    fabric::embedded::Embedded,
    id::{LockKey, SessionId},
    time::{Clock as _, SystemClock},
};

use super::*;
use crate::{
    lock::{LockSettings, Mode, Patience, Want},
    system::{System, SystemSpec},
};

const SOON: Duration = Duration::from_secs(20);
const LEASE: Duration = Duration::from_millis(400);

/// A node whose locks may have short leases.
async fn node() -> System {
    let fabric = Arc::new(Embedded::memory());
    let mut spec = SystemSpec::new(fabric, std::env::temp_dir()).unwrap();
    spec.settings.locks =
        LockSettings { lease_min: LEASE, delay: Duration::from_millis(200), ..Default::default() };
    System::start(spec).await.unwrap()
}

fn named(name: &str) -> SessionSpec {
    let name = SessionId::new(name).unwrap();
    SessionSpec { name, lease: Some(LEASE), by: "a test".to_owned() }
}

fn key(name: &str) -> LockKey {
    LockKey::new(name).unwrap()
}

fn alone(name: &str) -> Vec<Want> {
    vec![Want { key: key(name), mode: Mode::Exclusive }]
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("it comes to its end")
}

#[tokio::test]
async fn a_lock_is_held_beyond_its_lease_by_renewals_and_handed_on_when_it_is_given_back() {
    let system = node().await;
    let (ann, bob) = (
        system.locks().open(named("ann")).await.unwrap(),
        system.locks().open(named("bob")).await.unwrap(),
    );
    let held = ann.acquire(alone("file"), Patience::Try).await.unwrap();
    let refused = bob.acquire(alone("file"), Patience::Try).await.unwrap_err();
    assert!(matches!(refused, LockError::Refused(LockRefusal::Busy { .. })), "{refused}");
    let mut waits = Box::pin(bob.acquire(alone("file"), Patience::Endless));
    // Twice its lease: it is held, and surely so.
    let early = tokio::time::timeout(LEASE * 2, &mut waits).await;
    assert!(early.is_err() && held.valid_until().is_some());
    let first = held.token().unwrap();
    held.release(LockReason::Complete).await.unwrap();
    let next = soon(waits).await.unwrap();
    assert!(next.token().unwrap() > first, "tokens rise");
    let stale = system.locks().check(Grant { key: key("file"), token: first }).await.unwrap_err();
    assert!(stale.to_string().contains("is no longer good"), "{stale}");
    system.locks().check(next.grants()[0].clone()).await.unwrap();
    bob.close().await.unwrap();
    ann.close().await.unwrap();
    system.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_dropped_is_given_back_and_what_nobody_waits_for_is_not_given() {
    let system = node().await;
    let (ann, bob) = (
        system.locks().open(named("ann")).await.unwrap(),
        system.locks().open(named("bob")).await.unwrap(),
    );
    let held = ann.acquire(alone("file"), Patience::Try).await.unwrap();
    let gone = tokio::time::timeout(
        Duration::from_millis(50),
        bob.acquire(alone("file"), Patience::Endless),
    );
    assert!(gone.await.is_err());
    drop(held);
    // Had the place of who went away not been given up, it would be held by nobody for ever.
    let cat = system.locks().open(named("cat")).await.unwrap();
    let next = soon(cat.acquire(alone("file"), Patience::Endless)).await.unwrap();
    next.release(LockReason::Complete).await.unwrap();
    system.stop().await.unwrap();
}

#[tokio::test]
async fn a_session_that_is_dropped_holds_nothing_after_its_lease_and_a_while() {
    let system = node().await;
    let ann = system.locks().open(named("ann")).await.unwrap();
    let held = ann.acquire(alone("file"), Patience::Try).await.unwrap();
    let token = held.token().unwrap();
    drop(ann);
    let why = soon(held.lost()).await;
    assert!(why.contains("not renewed in time"), "{why}");
    assert_eq!(held.valid_until(), None);
    let bob = system.locks().open(named("bob")).await.unwrap();
    let next = soon(bob.acquire(alone("file"), Patience::Endless)).await.unwrap();
    assert!(next.token().unwrap() > token);
    bob.close().await.unwrap();
    system.stop().await.unwrap();
}

#[tokio::test]
async fn whoever_is_stolen_from_hears_of_it_and_of_what_only() {
    let system = node().await;
    let ann = system.locks().open(named("ann")).await.unwrap();
    let file = ann.acquire(alone("file"), Patience::Try).await.unwrap();
    let other = ann.acquire(alone("other"), Patience::Try).await.unwrap();
    let theft = Theft {
        key: key("file"),
        token: file.token().unwrap(),
        by: "bob".to_owned(),
        why: "she went on holiday".to_owned(),
        delay_ms: Some(0),
    };
    let stolen = system.locks().steal(theft.clone()).await.unwrap();
    assert!(stolen >= file.token().unwrap());
    let why = soon(file.lost()).await;
    assert!(why.contains("lock file with token"), "{why}");
    assert!(file.valid_until().is_none() && other.valid_until().is_some());
    let again = system.locks().steal(theft).await.unwrap_err();
    assert_eq!(Error::from(again).kind(), ErrorKind::Conflict);
    let released = other.release(LockReason::Complete).await;
    assert!(released.is_ok(), "{released:?}");
    ann.close().await.unwrap();
    system.stop().await.unwrap();
}

/// A session that would renew itself only after a quarter of an hour.
fn patient(name: &str) -> SessionSpec {
    SessionSpec { lease: Some(Duration::from_hours(1)), ..named(name) }
}

async fn steal(system: &System, held: &Guard) -> Token {
    let Grant { key, token } = held.grants()[0].clone();
    let (by, why) = ("bob".to_owned(), "it is urgent".to_owned());
    let theft = Theft { key, token, by, why, delay_ms: Some(0) };
    system.locks().steal(theft).await.unwrap()
}

#[tokio::test]
async fn a_theft_and_an_end_are_heard_at_once_however_long_the_lease_is() {
    let system = node().await;
    let ann = system.locks().open(patient("ann")).await.unwrap();
    let file = ann.acquire(alone("file"), Patience::Try).await.unwrap();
    steal(&system, &file).await;
    assert!(soon(file.lost()).await.contains("was taken from its session"));
    let next = ann.acquire(alone("next"), Patience::Try).await.unwrap();
    system.locks().end(ann.number(), "an operator").await.unwrap();
    assert!(soon(next.lost()).await.contains("is gone"));
    system.stop().await.unwrap();
}

#[tokio::test]
async fn the_service_of_locks_begins_again_alone_and_no_lock_and_no_token_knows_of_it() {
    let system = node().await;
    let shard = system.tree().below(&["house", "shards", "shard-0"]).await.unwrap();
    let lives = async || {
        let children = shard.which_children().await.unwrap();
        let others = children.into_iter().filter(|child| child.id.as_str() != "locks");
        others.map(|child| (child.id.to_string(), child.incarnation)).collect::<Vec<_>>()
    };
    let (before, ann) = (lives().await, system.locks().open(named("ann")).await.unwrap());
    let first = ann.acquire(alone("first"), Patience::Try).await.unwrap();
    let second = ann.acquire(alone("second"), Patience::Try).await.unwrap();
    shard.terminate_child("locks").await.unwrap();
    // Nobody tells of it, and the next renewal does.
    let stolen = steal(&system, &first).await;
    soon(first.lost()).await;
    assert!(second.valid_until().is_some());
    shard.restart_child("locks").await.unwrap();
    assert_eq!(lives().await, before, "it begins again alone");
    let bob = system.locks().open(patient("bob")).await.unwrap();
    let again = bob.acquire(alone("first"), Patience::Try).await.unwrap();
    assert!(again.token().unwrap() > stolen);
    steal(&system, &again).await;
    soon(again.lost()).await;
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_take_turns_never_are_at_it_at_the_same_time() {
    let system = node().await;
    let clock = SystemClock::start();
    let turns = futures::future::join_all((0..12).map(|at| {
        let (locks, clock) = (system.locks(), &clock);
        async move {
            let session = locks.open(named(&format!("s{at}"))).await.unwrap();
            let mut mine = Vec::new();
            for _ in 0..10 {
                let held = soon(session.acquire(alone("file"), Patience::Endless)).await.unwrap();
                let from = clock.now().moment;
                tokio::task::yield_now().await;
                mine.push((from, clock.now().moment, held.token().unwrap()));
                held.release(LockReason::Complete).await.unwrap();
            }
            session.close().await.unwrap();
            mine
        }
    }))
    .await;
    let mut all: Vec<_> = turns.into_iter().flatten().collect();
    all.sort_unstable_by_key(|(from, ..)| *from);
    assert_eq!(all.len(), 120);
    assert!(all.windows(2).all(|pair| pair[0].1 <= pair[1].0 && pair[0].2 < pair[1].2), "{all:?}");
    system.stop().await.unwrap();
}
