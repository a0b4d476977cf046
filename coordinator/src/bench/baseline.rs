//! What the machine does by itself.

use std::{fs::File, io::Write as _, sync::Arc, time::Duration};

use orkestra_runtime::{
    Result,
    time::{Clock, Moment},
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::{
    Place, cannot,
    figure::{Durations, Figure, rate},
};

/// How many appends and commits are made at most, and for how long.
const APPENDS: usize = 2_000;
pub(super) const APPENDS_WITHIN: Duration = Duration::from_secs(1);
const AGAIN_WITHIN: Duration = Duration::from_millis(300);
/// How many messages are sent.
pub(super) const MESSAGES: usize = 500_000;
/// How long an appended record is, in bytes.
const RECORD: [u8; 256] = [7; 256];

/// What the figures stand beside.
#[derive(Debug)]
pub(super) struct Baselines {
    /// One append after another to a growing file: how many a second, p50, p99.
    pub(super) append_rate: Figure,
    pub(super) append: [Figure; 2],
    commit_rate: Figure,
    commit: [Figure; 2],
    pub(super) channel: Figure,
    ractor: Figure,
}

impl Baselines {
    pub(super) fn figures(&self) -> Vec<Figure> {
        let [p50, p99] = &self.commit;
        let mut figures = vec![self.append_rate.clone()];
        figures.extend(self.append.clone());
        figures.push(self.commit_rate.clone().beside(&self.append_rate));
        figures.push(p50.clone().beside(&self.append[0]));
        figures.push(p99.clone().beside(&self.append[1]));
        figures.push(self.channel.clone());
        figures.push(self.ractor.clone().beside(&self.channel));
        figures
    }
}

impl Baselines {
    /// The same with appends as they are now: a shared disk changes within seconds.
    pub(super) async fn with_appends_of_now(self, place: &Place) -> Result<Self> {
        let there = place.clone();
        let written = tokio::task::spawn_blocking(move || appends(&there, AGAIN_WITHIN)).await;
        let (rate, took) = written.map_err(|error| cannot("measure the disk", error))??;
        Ok(Self { append_rate: rate, append: took.figures("baseline.append"), ..self })
    }
}

pub(super) async fn measure(place: &Place) -> Result<Baselines> {
    let there = place.clone();
    let disk = move || -> Result<_> { Ok((appends(&there, APPENDS_WITHIN)?, commits(&there)?)) };
    let written = tokio::task::spawn_blocking(disk);
    let (appends, commits) = written.await.map_err(|error| cannot("measure the disk", error))??;
    Ok(Baselines {
        append_rate: appends.0,
        append: appends.1.figures("baseline.append"),
        commit_rate: commits.0,
        commit: commits.1.figures("baseline.sqlite"),
        channel: channel(&place.clock).await,
        ractor: ractor(&place.clock).await?,
    })
}

/// Does something again and again, and takes the time of each.
pub(super) fn repeat(
    name: &str,
    (clock, within): (&dyn Clock, Duration),
    mut once: impl FnMut() -> Result<()>,
) -> Result<(Figure, Durations)> {
    let mut took = Durations::default();
    let began = clock.now().moment;
    let mut before = began;
    while took.len() < APPENDS && before.since(began) < within {
        once()?;
        let now = clock.now().moment;
        took.push(now.since(before));
        before = now;
    }
    Ok((Figure::new(name, rate(took.len(), before.since(began)), "/s"), took))
}

fn appends(place: &Place, within: Duration) -> Result<(Figure, Durations)> {
    let file = File::create(place.room("appends"));
    let mut file = file.map_err(|error| cannot("make a file", error))?;
    repeat("baseline.append", (place.clock.as_ref(), within), || {
        let written = file.write_all(&RECORD).and_then(|()| file.sync_data());
        written.map_err(|error| cannot("append to a file", error))
    })
}

fn commits(place: &Place) -> Result<(Figure, Durations)> {
    let broken = |error: rusqlite::Error| cannot("commit to a database", error);
    let db = rusqlite::Connection::open(place.room("commits.sqlite")).map_err(broken)?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE record (place INTEGER PRIMARY KEY, bytes BLOB NOT NULL)",
    )
    .map_err(broken)?;
    let mut insert = db.prepare("INSERT INTO record (bytes) VALUES (?)").map_err(broken)?;
    repeat("baseline.sqlite", (place.clock.as_ref(), APPENDS_WITHIN), || {
        insert.execute([&RECORD[..]]).map(drop).map_err(broken)
    })
}

/// How many messages a second went from `began` to now.
pub(super) fn message_rate(name: &str, clock: &dyn Clock, began: Moment) -> Figure {
    Figure::new(name, rate(MESSAGES, clock.now().moment.since(began)), "/s")
}

async fn channel(clock: &Arc<dyn Clock>) -> Figure {
    let (sender, mut receiver) = mpsc::unbounded_channel::<u64>();
    let mut reader = JoinSet::new();
    reader.spawn(async move { while receiver.recv().await.is_some() {} });
    let began = clock.now().moment;
    for number in 0..MESSAGES as u64 {
        // It reads until this sender is gone.
        let _ = sender.send(number);
    }
    drop(sender);
    while reader.join_next().await.is_some() {}
    message_rate("baseline.channel", clock.as_ref(), began)
}

/// Counts, and says when it has counted all.
struct Counter;

impl Actor for Counter {
    type Msg = u64;
    type State = (usize, Option<oneshot::Sender<()>>);
    type Arguments = oneshot::Sender<()>;

    async fn pre_start(
        &self,
        _: ActorRef<u64>,
        done: oneshot::Sender<()>,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok((0, Some(done)))
    }

    async fn handle(
        &self,
        _: ActorRef<u64>,
        _: u64,
        (count, done): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        *count += 1;
        if *count == MESSAGES
            && let Some(done) = done.take()
        {
            // Whoever measures waits for it.
            let _ = done.send(());
        }
        Ok(())
    }
}

pub(super) async fn ractor(clock: &Arc<dyn Clock>) -> Result<Figure> {
    let (done, counted) = oneshot::channel();
    let spawned = Actor::spawn(None, Counter, done).await;
    let (actor, handle) = spawned.map_err(|error| cannot("start an actor", error))?;
    let began = clock.now().moment;
    for number in 0..MESSAGES as u64 {
        actor.cast(number).map_err(|error| cannot("write to an actor", error))?;
    }
    counted.await.map_err(|error| cannot("wait for an actor", error))?;
    let figure = message_rate("baseline.ractor", clock.as_ref(), began);
    actor.stop(None);
    handle.await.map_err(|error| cannot("stop an actor", error))?;
    Ok(figure)
}
