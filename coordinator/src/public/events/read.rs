//! Reads events again, from any position that is kept.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use orkestra_runtime::{
    ErrorKind,
    id::{Number, ShardId},
    journal::Journal,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{EVENTS_MAX, cursor::Cursor, event::PublicEvent};
use crate::{
    door::Code,
    public::{Shards, answer::Trouble, answer::told, kept_namespace, request::WORD_BYTES_MAX},
};

/// How many events an answer holds unless asked otherwise.
const EVENTS: usize = 100;
/// How many events are looked at for one answer: where none is wanted, it is empty and says where to
/// read on.
const LOOKED_AT_MAX: usize = 20_000;
/// How many places are remembered where somebody will read on.
const CURSORS_MAX: usize = 64;
/// How many bytes of events an answer has room for.
const BYTES_MAX: usize = WORD_BYTES_MAX - 64 * 1024;

/// Reads events again.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reread {
    /// Of which shard; by default of the one in which the namespace lives.
    pub shard: Option<u16>,
    /// After which number; 0 is before all.
    #[serde(default)]
    pub after: u64,
    /// How many at most.
    pub limit: Option<usize>,
    /// Only these kinds.
    pub kinds: Option<Vec<String>>,
    /// Only of this namespace.
    pub namespace: Option<String>,
}

/// Answers who reads events again. Whoever reads on from where he stopped is not read for from the
/// beginning.
pub(in crate::public) struct Reader {
    shards: Arc<dyn Shards>,
    cursors: Mutex<VecDeque<(ShardId, Cursor)>>,
}

impl Reader {
    pub(in crate::public) fn new(shards: Arc<dyn Shards>) -> Self {
        Self { shards, cursors: Mutex::default() }
    }

    pub(in crate::public) async fn answer(
        &self,
        reread: Reread,
    ) -> Result<Map<String, Value>, Trouble> {
        let journals: BTreeMap<ShardId, Journal> =
            self.shards.all().into_iter().map(|at| (at.shard, at.journal)).collect();
        let shard = match reread.shard {
            Some(shard) => ShardId(shard),
            None => self.shards.of(kept_namespace(reread.namespace.as_deref())).shard,
        };
        let Some(journal) = journals.get(&shard) else {
            let message = format!("there is no shard {shard}: there are {}", journals.len());
            return Err(Trouble::new(Code::NotFound, message));
        };
        let wanted = |event: &PublicEvent| {
            let namespace = reread.namespace.as_deref().map(|name| kept_namespace(Some(name)));
            reread.kinds.as_ref().is_none_or(|kinds| kinds.contains(&event.kind))
                && namespace.is_none_or(|namespace| event.namespace == namespace)
        };
        let mut cursor = self.cursor(shard, journal, Number(reread.after)).await?;
        let first = cursor.last();
        let limit = reread.limit.unwrap_or(EVENTS).clamp(1, EVENTS_MAX);
        let (mut events, mut bytes, mut looked, mut more) = (Vec::new(), 0, 0, true);
        while events.len() < limit && looked < LOOKED_AT_MAX && bytes < BYTES_MAX / 2 {
            let Some(event) = cursor.next().await? else {
                more = false;
                break;
            };
            looked += 1;
            if event.number.0 > reread.after && wanted(&event) {
                let event = event.structured();
                bytes += event.to_string().len();
                events.push(event);
            }
        }
        let last = cursor.last().0.max(reread.after);
        // Where the journal begins later than what was asked for, something is missing.
        let gap = first.0 > reread.after;
        self.keep(shard, cursor);
        told(&json!({ "shard": shard, "events": events, "last": last, "more": more, "gap": gap }))
    }

    /// A cursor that stands where somebody stopped, or before.
    async fn cursor(
        &self,
        shard: ShardId,
        journal: &Journal,
        after: Number,
    ) -> Result<Cursor, Trouble> {
        let known = {
            let mut cursors = self.cursors();
            let found = cursors.iter().position(|(of, at)| *of == shard && at.last() == after);
            found.and_then(|index| cursors.remove(index))
        };
        if let Some((_, cursor)) = known {
            return Ok(cursor);
        }
        let mut cursor = Cursor::begin(journal.clone()).await?;
        while cursor.last() < after {
            match cursor.next().await {
                Ok(Some(_)) => {}
                // Nothing is there yet after what was asked for.
                Ok(None) => break,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    cursor = Cursor::begin(journal.clone()).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(cursor)
    }

    fn keep(&self, shard: ShardId, cursor: Cursor) {
        let mut cursors = self.cursors();
        if cursors.len() >= CURSORS_MAX {
            cursors.pop_front();
        }
        cursors.push_back((shard, cursor));
    }

    fn cursors(&self) -> MutexGuard<'_, VecDeque<(ShardId, Cursor)>> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
