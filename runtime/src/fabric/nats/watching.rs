//! Watching registers over the loss of connections, servers and leaders.
//!
//! A tail of the bucket is opened first, and then the registers are read from the bucket's leader:
//! so what changes in between is heard, and what was read is not told again. When a tail ends, the
//! same is done again, and only what is another than before is told.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use async_nats::jetstream::{Message, consumer::DeliverPolicy};
use futures::{Stream, stream};

use super::{
    faults::Refusal,
    registers::{Last, NatsRegisters},
    streams::PAUSE,
    tail::Tail,
};
use crate::{
    error::Result,
    fabric::{Key, Value},
};

/// How often registers are read of whose changes nobody tells.
const ASKING: Duration = Duration::from_millis(250);

/// What is watched.
#[derive(Clone, Debug)]
pub(super) enum Scope {
    One(Key),
    Under(Key),
}

type News = (Key, Option<Value>);

struct Watching {
    registers: NatsRegisters,
    scope: Scope,
    /// The last thing that is known to have been said of each key.
    known: BTreeMap<Key, Known>,
    news: VecDeque<News>,
    tail: Option<Tail>,
    ended: bool,
}

/// What was told of a key.
#[derive(Clone, Copy, Debug)]
struct Known {
    revision: u64,
    /// Whether the watcher believes it to be there.
    present: bool,
}

/// Present values first (for one key: none when it is absent), then each change.
pub(super) fn watch(
    registers: NatsRegisters,
    scope: Scope,
) -> impl Stream<Item = Result<News>> + Send {
    let watching = Watching {
        registers,
        scope,
        known: BTreeMap::new(),
        news: VecDeque::new(),
        tail: None,
        ended: false,
    };
    stream::unfold(watching, |mut watching| async move {
        if watching.ended {
            return None;
        }
        if let Some(news) = watching.news.pop_front() {
            return Some((Ok(news), watching));
        }
        let wire = std::sync::Arc::clone(&watching.registers.streams.wire);
        let item = tokio::select! {
            biased;
            error = wire.over() => Err(error),
            item = watching.advance() => Ok(item),
        };
        watching.ended = item.is_err();
        Some((item, watching))
    })
}

impl Watching {
    async fn advance(&mut self) -> News {
        loop {
            if let Some(news) = self.news.pop_front() {
                return news;
            }
            if self.registers.streams.is_opened {
                let read = self.read().await;
                if read.is_err() || self.news.is_empty() {
                    tokio::time::sleep(ASKING).await;
                }
                continue;
            }
            let Some(tail) = &mut self.tail else {
                match self.open().await {
                    Ok(tail) => self.tail = Some(tail),
                    Err(_) => tokio::time::sleep(PAUSE).await,
                }
                continue;
            };
            match tail.next().await {
                Some(message) => self.hear(message),
                None => self.tail = None,
            }
        }
    }

    /// Opens a tail and reads what is there.
    async fn open(&mut self) -> Result<Tail, Refusal> {
        let names = &self.registers.names;
        let subject = match &self.scope {
            Scope::One(key) => names.state_subject(key.as_str()),
            Scope::Under(prefix) => names.state_subject(&format!("{}.>", prefix.as_str())),
        };
        let streams = &self.registers.streams;
        let tail = Tail::open(streams, &names.state(), &subject, DeliverPolicy::New).await?;
        self.read().await?;
        Ok(tail)
    }

    /// Reads what is there.
    async fn read(&mut self) -> Result<(), Refusal> {
        let found = match &self.scope {
            Scope::One(key) => {
                let last = self.registers.last(key.as_str()).await?;
                vec![(key.clone(), last.unwrap_or(Last { revision: 0, value: None }))]
            }
            Scope::Under(prefix) => self.registers.last_under(prefix).await?,
        };
        for (key, last) in found {
            self.learn(key, last);
        }
        Ok(())
    }

    fn hear(&mut self, message: Message) {
        let Some(key) = self.registers.names.state_key(&message.subject) else { return };
        let Ok(revision) = message.info().map(|info| info.stream_sequence) else { return };
        let async_nats::Message { headers, payload, .. } = message.message;
        self.learn(key, Last::read(revision, headers.as_ref(), payload));
    }

    /// Tells what is new.
    fn learn(&mut self, key: Key, last: Last) {
        let before = self.known.get(&key).copied();
        if before.is_some_and(|before| last.revision <= before.revision) {
            return;
        }
        let known = Known { revision: last.revision, present: last.value.is_some() };
        self.known.insert(key.clone(), known);
        // Whoever watches one key is told first how it is; whoever watches many is told only of
        // those that are, or were.
        let was_told = match &self.scope {
            Scope::One(_) => before.is_none_or(|before| before.present),
            Scope::Under(_) => before.is_some_and(|before| before.present),
        };
        if known.present || was_told {
            self.news.push_back((key, last.value));
        }
    }
}
