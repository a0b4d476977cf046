//! Tells events as they become durable, of the shards that this node leads.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use orkestra_runtime::{
    ErrorKind, Result, duty,
    fabric::Messages,
    id::ShardId,
    journal::Journal,
    names,
    supervise::{ChildSpec, Started, Starting},
    time::{Clock, Wall},
};

use super::cursor::Cursor;
use crate::public::{Parts, Shards, told_namespace};

/// How often journals are looked at while something happens, and while nothing does.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(400));
/// Events that are so old when a node begins to lead are told again: the leader before may not have
/// come to it.
const AGAIN: Duration = Duration::from_secs(10);
/// After how many events names are forgotten, and what is kept of them read from a snapshot.
const FOLDED_MAX: u64 = 500_000;

/// Whoever tells events, as a child.
pub(in crate::public) fn child(parts: &Parts) -> ChildSpec {
    let (messages, clock) = (Arc::clone(&parts.messages), Arc::clone(&parts.clock));
    let shards = Arc::clone(&parts.shards);
    ChildSpec::worker("events", move |starting: Starting| {
        let clock = Arc::clone(&clock);
        let live = Live {
            shards: Arc::clone(&shards),
            messages: Arc::clone(&messages),
            clock: Arc::clone(&clock),
            told: BTreeMap::new(),
        };
        async move {
            let cell = duty::spawn_linked(live.run(), clock, starting.supervisor).await?;
            Ok(Started::from(cell))
        }
    })
}

struct Live {
    shards: Arc<dyn Shards>,
    messages: Arc<dyn Messages>,
    clock: Arc<dyn Clock>,
    /// How far each shard was told that is led here.
    told: BTreeMap<ShardId, Cursor>,
}

impl Live {
    async fn run(mut self) -> Result<()> {
        let mut again = LOOK_EVERY.0;
        loop {
            let mut count = 0;
            for at in self.shards.all() {
                if !self.shards.is_led_here(at.shard) {
                    self.told.remove(&at.shard);
                    continue;
                }
                count += match self.tell(at.shard, &at.journal).await {
                    Ok(count) => count,
                    // It was trimmed meanwhile, or cannot be read now: begin anew.
                    Err(error) if error.is_retryable() || error.kind() == ErrorKind::NotFound => {
                        self.told.remove(&at.shard);
                        0
                    }
                    Err(error) => return Err(error),
                };
            }
            again = if count > 0 { LOOK_EVERY.0 } else { (again * 2).min(LOOK_EVERY.1) };
            tokio::time::sleep(again).await;
        }
    }

    /// Tells what has become durable of a shard; answers how many events that were.
    async fn tell(&mut self, shard: ShardId, journal: &Journal) -> Result<u64> {
        let is_fresh = !self.told.contains_key(&shard);
        let mut cursor = match self.told.remove(&shard) {
            Some(cursor) => cursor,
            None => Cursor::begin(journal.clone()).await?,
        };
        let now = self.clock.now().wall;
        let ago = u64::try_from(AGAIN.as_millis()).unwrap_or(u64::MAX);
        let since = Wall::from_ms(if is_fresh { now.as_ms().saturating_sub(ago) } else { 0 });
        let mut count = 0;
        while let Some(event) = cursor.next().await? {
            if event.at < since {
                continue;
            }
            count += 1;
            let subject = names::event(told_namespace(&event.namespace), &event.kind)?;
            let body = event.data.to_string().into_bytes().into();
            let told = self.messages.publish_with(&subject, event.headers()?, body).await;
            if let Err(error) = told
                && error.kind() != ErrorKind::Invalid
            {
                return Err(error);
            }
        }
        if cursor.folded() < FOLDED_MAX {
            self.told.insert(shard, cursor);
        }
        Ok(count)
    }
}
