//! Locks: taken and given back, handed over, and waited for by ten thousand.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{
    Error, Result,
    id::{LockKey, SessionId},
    time::Clock,
};
use tokio::task::JoinSet;

use super::{
    Figure, Place,
    baseline::Baselines,
    cannot, child,
    figure::{Durations, ms, number, rate},
};
use crate::{
    client::locks::{Locks, Session, SessionSpec},
    lock::{LockAnswer, LockQuery, LockReason, Mode, Patience, Want},
    system::System,
};

/// How long the measurement takes, after how long of warming up.
pub(super) const WARM: Duration = Duration::from_millis(500);
pub(super) const MEASURED: Duration = Duration::from_secs(2);
/// How many sessions take locks of their own, and how many each takes at once.
const SESSIONS: usize = 32;
const AT_ONCE: usize = 64;
/// How many contend for one lock.
pub(super) const CONTENDERS: usize = 16;
/// How many wait for one lock.
const WAITERS: usize = 10_000;
const WAITERS_LEASE: Duration = Duration::from_mins(30);

/// Locks that nobody else wants are taken and given back, many at once.
pub(super) async fn pairs(place: &Place, baselines: &Baselines) -> Result<Vec<Figure>> {
    let system = System::builder().data_dir(place.room("locks.pairs"))?.start().await?;
    let mut workers = JoinSet::new();
    for at in 0..SESSIONS {
        let session = Arc::new(open(&system.locks(), &format!("s{at}")).await?);
        for own in 0..AT_ONCE {
            let (key, clock) = (LockKey::new(format!("{at}/{own}"))?, Arc::clone(&place.clock));
            workers.spawn(take_turns(Arc::clone(&session), key, clock));
        }
    }
    let took = all(workers).await?;
    system.stop().await?;
    let count = took.len();
    let pairs = Figure::new("locks.pairs.rate", rate(count, MEASURED), "/s");
    let commands = Figure::new("locks.pairs.operations", rate(2 * count, MEASURED), "/s");
    let mut figures = vec![pairs, commands].into_iter();
    let mut figures: Vec<Figure> =
        figures.by_ref().map(|figure| figure.beside(&baselines.append_rate)).collect();
    let latencies = took.figures("locks.pairs").into_iter().zip(&baselines.append);
    figures.extend(latencies.map(|(figure, append)| figure.beside(append)));
    Ok(figures)
}

/// One lock goes round among those who contend for it. A turn is two appends one after the other: that
/// of the place in the queue which the last holder takes at once, and that of the next release, which
/// waits for it.
pub(super) async fn handover(place: &Place, baselines: &Baselines) -> Result<Vec<Figure>> {
    let system = System::builder().data_dir(place.room("locks.handover"))?.start().await?;
    let took = contended(&system.locks(), &place.clock).await?;
    system.stop().await?;
    let rate = Figure::new("locks.handover.rate", rate(took.len(), MEASURED), "/s");
    Ok(vec![rate.beside(&baselines.append_rate)])
}

/// Lets sessions contend for one lock: how long each turn took, from the wish to the end.
pub(super) async fn contended(locks: &Locks, clock: &Arc<dyn Clock>) -> Result<Durations> {
    let mut workers = JoinSet::new();
    // Those of the turn before have not closed their sessions.
    let turn = clock.now().moment.as_nanos();
    for at in 0..CONTENDERS {
        let session = Arc::new(open(locks, &format!("contender-{turn}-{at}")).await?);
        workers.spawn(take_turns(session, LockKey::new("contended")?, Arc::clone(clock)));
    }
    all(workers).await
}

/// Everybody waits for one lock, and it goes through all of them.
pub(super) async fn waiters(place: &Place) -> Result<Vec<Figure>> {
    let system = System::builder().data_dir(place.room("data"))?.start().await?;
    let before = child::memory_kib("VmHWM").unwrap_or_default();
    let first = open(&system.locks(), "first").await?;
    let key = LockKey::new("waited-for")?;
    let held = first.acquire(wants(&key), Patience::Try).await?;
    let mut waiting = JoinSet::new();
    for at in 0..WAITERS {
        let session = open(&system.locks(), &format!("w{at}")).await?;
        let key = key.clone();
        waiting.spawn(async move {
            let held = session.acquire(wants(&key), Patience::Endless).await?;
            let token = held.token().map_or(0, |token| token.0);
            held.release(LockReason::Complete).await?;
            Ok::<_, Error>(token)
        });
    }
    let locks = system.locks();
    while let LockAnswer::Gauges(gauges) = locks.query(LockQuery::Gauges).await? {
        if gauges.waiting == WAITERS as u64 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let began = place.clock.now().moment;
    held.release(LockReason::Complete).await?;
    while let Some(one) = waiting.join_next().await {
        one.map_err(|error| cannot("wait for a lock", error))??;
    }
    let took = place.clock.now().moment.since(began);
    let peak = child::memory_kib("VmHWM").unwrap_or_default();
    system.stop().await?;
    let kib = f64::from(peak.saturating_sub(before)) / number(WAITERS);
    Ok(vec![
        Figure::new("locks.waiters.rate", rate(WAITERS, took), "/s"),
        Figure::new("locks.waiters.time", ms(took), "ms"),
        Figure::new("locks.waiters.memory_each", kib, "KiB"),
        Figure::new("locks.waiters.memory", f64::from(peak) / 1_024.0, "MiB"),
    ])
}

fn wants(key: &LockKey) -> Vec<Want> {
    vec![Want { key: key.clone(), mode: Mode::Exclusive }]
}

async fn open(locks: &Locks, name: &str) -> Result<Session> {
    let (name, by) = (SessionId::new(name)?, "a bench".to_owned());
    Ok(locks.open(SessionSpec { name, lease: Some(WAITERS_LEASE), by }).await?)
}

/// Takes a lock and gives it back until the time is up: how long each turn took that ended within
/// what is measured.
async fn take_turns(
    session: Arc<Session>,
    key: LockKey,
    clock: Arc<dyn Clock>,
) -> Result<Durations> {
    let began = clock.now().moment;
    let mut took = Durations::default();
    loop {
        let from = clock.now().moment;
        let held = session.acquire(wants(&key), Patience::Endless).await?;
        held.release(LockReason::Complete).await?;
        let now = clock.now().moment;
        let so_far = now.since(began);
        if so_far >= WARM + MEASURED {
            return Ok(took);
        }
        if so_far >= WARM {
            took.push(now.since(from));
        }
    }
}

/// What all of them measured.
async fn all(mut workers: JoinSet<Result<Durations>>) -> Result<Durations> {
    let mut together = Durations::default();
    while let Some(one) = workers.join_next().await {
        together.extend(one.map_err(|error| cannot("take turns at a lock", error))??);
    }
    Ok(together)
}
