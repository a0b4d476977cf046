//! A process that holds a lock, and writes under it when it is told to, whatever its guard says: as one
//! does that looked at its guard and was paused before it wrote.

use std::{io::BufRead as _, sync::Arc, time::Duration};

use orkestra_coordinator::{
    client::{Cluster, locks::SessionSpec},
    lock::{Mode, Patience, Want},
};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::nats::{Nats, NatsSettings},
    id::{LockKey, SessionId},
};
use tokio::sync::mpsc;

/// The namespace in which locks are held.
pub const NAMESPACE: &str = "n0";

/// What a holder is told at its start.
#[derive(Clone, Debug)]
pub struct Holding {
    /// Where the server is.
    pub url: String,
    /// How many shards the cluster has.
    pub shards: u16,
    /// Which lock.
    pub key: LockKey,
    /// The lease of its session.
    pub lease: Duration,
}

/// Holds a lock, says `held TOKEN`, and answers lines of its standard input until that ends: `write`
/// by `written TOKEN` or `refused`, `guard` by `good` or `lost`.
pub async fn hold(holding: &Holding, mut say: impl FnMut(String)) -> Result<()> {
    let mut settings = NatsSettings::new(&holding.url);
    settings.may_create = false;
    let fabric = Arc::new(Nats::connect(settings).await?);
    let cluster = Cluster::over(fabric.as_ref(), holding.shards)?;
    let locks = cluster.locks_of(NAMESPACE);
    let (name, by) = (SessionId::new("holder")?, "a process that is paused".to_owned());
    let session = locks.open(SessionSpec { name, lease: Some(holding.lease), by }).await?;
    let want = Want { key: holding.key.clone(), mode: Mode::Exclusive };
    let guard = session.acquire(vec![want], Patience::Endless).await?;
    let nothing = || Error::new(ErrorKind::Fault, "a guard of no lock");
    let held = guard.grants().first().cloned().ok_or_else(nothing)?;
    say(format!("held {}", held.token));
    let (lines, mut told) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(std::result::Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = told.recv().await {
        match line.as_str() {
            "write" => match locks.check(held.clone()).await {
                Ok(()) => say(format!("written {}", held.token)),
                Err(error) => say(format!("refused: {error}")),
            },
            _ if guard.valid_until().is_some() => say("good".to_owned()),
            _ => say("lost".to_owned()),
        }
    }
    Ok(())
}
