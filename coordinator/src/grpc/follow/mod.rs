//! Public events for all who listen at this door: one reader of a journal, however many streams.
//!
//! Promises: whoever listens gets the events of his namespace in the order of their positions, each
//! once, from any position that is kept; what the reader holds is bounded, and whoever falls behind
//! that reads the journal himself until he has caught up. Nobody waits for the slowest.

mod feed;
mod listener;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use orkestra_runtime::{ErrorKind, Result, id::ShardId};
use tokio::sync::{Notify, Semaphore};

pub(super) use feed::{Feed, Told};
pub(super) use listener::{Listener, Update, Wanted};

use crate::public::{
    PublicShard, Shards,
    events::{About, Cursor},
};

/// How often a journal is looked at while something happens, and while nothing does.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(200));
/// After how many events names are forgotten, and what is kept of them read from a snapshot.
const FOLDED_MAX: u64 = 500_000;
/// How many events are handed on before it is looked who else waits.
const BATCH: usize = 1_024;
/// How many listeners read a journal by themselves at once.
const READERS_MAX: usize = 4;
/// For how many looks a feed is kept that nobody listens to.
const UNHEARD_LOOKS_MAX: u32 = 300;

/// All feeds of a door.
pub(super) struct Hub {
    shards: Arc<dyn Shards>,
    feeds: Mutex<BTreeMap<ShardId, Arc<Feed>>>,
    /// Told when somebody begins to listen.
    wake: Notify,
    readers: Arc<Semaphore>,
}

/// A feed as it is read.
struct Reading {
    feed: Arc<Feed>,
    cursor: Option<Box<Cursor>>,
    unheard: u32,
}

impl Hub {
    pub(super) fn new(shards: Arc<dyn Shards>) -> Self {
        let readers = Arc::new(Semaphore::new(READERS_MAX));
        Self { shards, feeds: Mutex::default(), wake: Notify::new(), readers }
    }

    /// The events of the shard in which a namespace lives.
    pub(super) fn feed(&self, namespace: &str) -> Arc<Feed> {
        let PublicShard { shard, journal, .. } = self.shards.of(namespace);
        let feed = {
            let mut feeds = self.feeds();
            let made = || Arc::new(Feed::new(journal, Arc::clone(&self.readers)));
            let feed = feeds.entry(shard).or_insert_with(made);
            feed.listen();
            Arc::clone(feed)
        };
        self.wake.notify_one();
        feed
    }

    /// Reads what becomes durable for all who listen, while anybody does.
    pub(super) async fn run(self: Arc<Self>) -> Result<()> {
        let mut readings: BTreeMap<ShardId, Reading> = BTreeMap::new();
        let mut again = LOOK_EVERY.0;
        loop {
            self.take_up(&mut readings);
            if readings.is_empty() {
                self.wake.notified().await;
                continue;
            }
            let mut count = 0;
            for reading in readings.values_mut() {
                count += reading.look().await?;
            }
            again = if count > 0 { LOOK_EVERY.0 } else { (again * 2).min(LOOK_EVERY.1) };
            tokio::select! {
                () = tokio::time::sleep(again) => {}
                () = self.wake.notified() => {}
            }
        }
    }

    /// Takes up feeds that are new, and lets those go that nobody has listened to for long.
    fn take_up(&self, readings: &mut BTreeMap<ShardId, Reading>) {
        let mut feeds = self.feeds();
        for (shard, reading) in readings.iter_mut() {
            reading.unheard = if reading.feed.is_heard() { 0 } else { reading.unheard + 1 };
            // Whoever begins to listen does it under the same lock.
            if reading.unheard > UNHEARD_LOOKS_MAX {
                feeds.remove(shard);
            }
        }
        readings.retain(|shard, _| feeds.contains_key(shard));
        for (shard, feed) in feeds.iter() {
            readings.entry(*shard).or_insert_with(|| Reading {
                feed: Arc::clone(feed),
                cursor: None,
                unheard: 0,
            });
        }
    }

    fn feeds(&self) -> MutexGuard<'_, BTreeMap<ShardId, Arc<Feed>>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    /// Reads on to the end of what is durable; answers how many events that were.
    async fn look(&mut self) -> Result<usize> {
        match self.read_on().await {
            Ok(count) => Ok(count),
            // It was trimmed meanwhile, or cannot be read now: begin anew.
            Err(error) if error.is_retryable() || error.kind() == ErrorKind::NotFound => {
                tracing::debug!(%error, "a journal could not be read for those who listen");
                self.cursor = None;
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    async fn read_on(&mut self) -> Result<usize> {
        let mut cursor = match self.cursor.take() {
            Some(cursor) if cursor.folded() < FOLDED_MAX => cursor,
            Some(_) | None => Box::new(Cursor::begin(self.feed.journal().clone()).await?),
        };
        self.feed.begin_at(cursor.last().0);
        let (known, mut count, mut batch) = (self.feed.end(), 0, Vec::new());
        loop {
            let wanted = |about: About<'_>| about.number.0 > known;
            let next = cursor.next_if(wanted).await?;
            let is_end = next.is_none();
            if let Some(event) = next {
                count += 1;
                batch.extend(event.map(|event| Arc::new(Told::of(&event))));
            }
            if is_end || batch.len() >= BATCH {
                self.feed.hand_on(batch.drain(..), cursor.last().0);
            }
            if is_end {
                break;
            }
        }
        self.feed.is_read_to_the_end();
        self.cursor = Some(cursor);
        Ok(count)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("shards", &self.shards).finish_non_exhaustive()
    }
}
