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

use super::{
    cursor::{About, Cursor},
    event::PublicEvent,
};
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
        let (mut count, mut heard) = (0, Heard::default());
        loop {
            let wanted = |about: About<'_>| about.at >= since && heard.is_wanted(&about);
            let Some(next) = cursor.next_if(wanted).await? else { break };
            count += 1;
            let Some(event) = next else { continue };
            self.publish(&event, &mut heard).await?;
        }
        if cursor.folded() < FOLDED_MAX {
            self.told.insert(shard, cursor);
        }
        Ok(count)
    }

    async fn publish(&self, event: &PublicEvent, heard: &mut Heard) -> Result<()> {
        let subject = names::event(told_namespace(&event.namespace), &event.kind)?;
        let body = event.data.to_string().into_bytes().into();
        let headers = event.headers()?;
        let told = if heard.is_known(event) {
            self.messages.publish_with(&subject, headers, body).await
        } else {
            let told = self.messages.publish_heard(&subject, headers, body).await;
            told.map(|is_heard| heard.learn(event, is_heard))
        };
        match told {
            Err(error) if error.kind() != ErrorKind::Invalid => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Which events somebody listens to, for as long as what was read in one look at the journal is
/// told: the first of each kind is sent in any case, and shows it.
///
/// What nobody listens to need not be made and sent. It was durable before it was found out that
/// nobody listens: so whoever begins to listen later, and then reads what there is, misses nothing.
#[derive(Debug, Default)]
struct Heard {
    look: u64,
    kinds: BTreeMap<&'static str, BTreeMap<String, bool>>,
}

impl Heard {
    fn is_wanted(&mut self, about: &About<'_>) -> bool {
        if self.look != about.look {
            (self.look, self.kinds) = (about.look, BTreeMap::new());
        }
        let known = self.kinds.get(about.kind).and_then(|kind| kind.get(about.namespace));
        known.copied().unwrap_or(true)
    }

    fn is_known(&self, event: &PublicEvent) -> bool {
        let kind = self.kinds.get(event.audited);
        kind.is_some_and(|kind| kind.contains_key(&event.namespace))
    }

    fn learn(&mut self, event: &PublicEvent, is_heard: bool) {
        let kind = self.kinds.entry(event.audited).or_default();
        kind.insert(event.namespace.clone(), is_heard);
    }
}
