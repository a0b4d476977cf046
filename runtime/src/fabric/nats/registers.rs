//! Registers in a KV bucket. A revision is the sequence of the bucket's stream, so it rises over
//! all keys and across deletes.

use std::sync::Arc;

use async_nats::{HeaderMap, HeaderValue, header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE};
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};

use super::{
    faults::{Refusal, closed},
    names::Names,
    streams::Streams,
    watching,
    wire::Parcel,
};
use crate::{
    error::Result,
    fabric::{Key, REGISTER_BYTES_MAX, Registers, Revision, SetError, Value, Watch, WatchUnder},
};

const OPERATION: &str = "KV-Operation";
/// How many registers are read at once for a list.
const READS_AT_ONCE: usize = 16;
/// How often a register may be deleted and made again by others while one is being made.
const CREATE_TRIES: usize = 8;

/// The last thing that was said of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) revision: u64,
    /// None when it was to delete the key.
    pub(super) value: Option<Value>,
}

impl Last {
    /// Reads a message of the bucket. A value that is larger than a register is junk, and is taken
    /// for what it stands in the way of: nothing.
    pub(super) fn read(revision: u64, headers: Option<&HeaderMap>, bytes: Bytes) -> Self {
        let operation = headers.and_then(|headers| headers.get(OPERATION));
        let is_put = operation.is_none_or(|operation| operation.as_str() == "PUT");
        let is_value = is_put && bytes.len() <= REGISTER_BYTES_MAX;
        let value = is_value.then(|| Value { revision: Revision(revision), bytes });
        Self { revision, value }
    }
}

/// The registers of a cluster. Cheap to clone; clones are the same registers.
#[derive(Clone, Debug)]
pub(super) struct NatsRegisters {
    pub(super) streams: Arc<Streams>,
    pub(super) names: Names,
}

impl NatsRegisters {
    /// The last thing that was said of a key, by the word of the bucket's leader.
    pub(super) async fn last(&self, key: &str) -> Result<Option<Last>, Refusal> {
        let subject = self.names.state_subject(key);
        let found = self.streams.last(&self.names.state(), &subject).await?;
        Ok(found.map(|found| Last::read(found.sequence, Some(&found.headers), found.payload)))
    }

    /// The last thing that was said of each key under a prefix.
    pub(super) async fn last_under(&self, prefix: &Key) -> Result<Vec<(Key, Last)>, Refusal> {
        let filter = self.names.state_subject(&format!("{}.>", prefix.as_str()));
        let subjects = self.streams.subjects(&self.names.state(), &filter).await?;
        let keys: Vec<_> =
            subjects.iter().filter_map(|subject| self.names.state_key(subject)).collect();
        let reads = keys.into_iter().map(|key| self.clone().last_with(key).boxed());
        let read: Vec<_> = stream::iter(reads).buffered(READS_AT_ONCE).collect().await;
        read.into_iter().filter_map(Result::transpose).collect()
    }

    async fn last_with(self, key: Key) -> Result<Option<(Key, Last)>, Refusal> {
        Ok(self.last(key.as_str()).await?.map(|last| (key, last)))
    }

    async fn get(&self, key: &Key) -> Result<Option<Value>> {
        if self.streams.wire.is_over() {
            return Err(closed());
        }
        let last = self.last(key.as_str()).await;
        let last =
            last.map_err(|refusal| refusal.into_error(&format!("read register {}", key.as_str())))?;
        Ok(last.and_then(|last| last.value))
    }

    /// Says something of a key that is still at `revision`.
    async fn say(
        &self,
        key: &Key,
        revision: u64,
        bytes: Option<Bytes>,
    ) -> Result<Revision, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, HeaderValue::from(revision));
        if bytes.is_none() {
            headers.insert(OPERATION, "DEL");
        }
        let (subject, body) = (self.names.state_subject(key.as_str()), bytes.unwrap_or_default());
        let parcel = || Parcel::new(subject.clone(), body.clone()).with(headers.clone());
        self.streams.keep_patiently(&self.names.state(), parcel).await.map(Revision)
    }

    /// Sets a register that is at `revision`; what it holds instead, if it is elsewhere.
    async fn set(
        &self,
        key: &Key,
        revision: Revision,
        bytes: Option<Bytes>,
    ) -> Result<Revision, SetError> {
        if bytes.as_ref().is_some_and(|bytes| bytes.len() > REGISTER_BYTES_MAX) {
            return Err(SetError::Full);
        }
        // The bucket says of an absent key that it is at zero; no register is ever there.
        if revision.0 > 0 {
            match self.say(key, revision.0, bytes).await {
                Err(Refusal::WrongLast) => {}
                other => return other.map_err(|refusal| set_error(&refusal)),
            }
        }
        let held = self.last(key.as_str()).await.map_err(|refusal| set_error(&refusal))?;
        Err(SetError::Conflict(held.and_then(|last| last.value)))
    }

    /// Makes a register where there is none, or where the last thing that was said is "deleted".
    async fn make(&self, key: &Key, bytes: Bytes) -> Result<Revision, SetError> {
        if bytes.len() > REGISTER_BYTES_MAX {
            return Err(SetError::Full);
        }
        let mut at = 0;
        for _ in 0..CREATE_TRIES {
            match self.say(key, at, Some(bytes.clone())).await {
                Err(Refusal::WrongLast) => {}
                other => return other.map_err(|refusal| set_error(&refusal)),
            }
            match self.last(key.as_str()).await.map_err(|refusal| set_error(&refusal))? {
                Some(Last { value: Some(held), .. }) => {
                    return Err(SetError::Conflict(Some(held)));
                }
                Some(Last { revision, value: None }) => at = revision,
                None => at = 0,
            }
        }
        Err(SetError::Unknown("it is made and deleted all the time".to_owned()))
    }
}

fn set_error(refusal: &Refusal) -> SetError {
    match refusal {
        Refusal::Full | Refusal::TooLarge => SetError::Full,
        Refusal::WrongLast => SetError::Conflict(None),
        Refusal::NoStream
        | Refusal::NoConsumer
        | Refusal::NoMessage
        | Refusal::NoJetStream(_)
        | Refusal::NoOne
        | Refusal::Unclear(_) => SetError::Unknown(refusal.to_string()),
    }
}

impl Registers for NatsRegisters {
    fn get(&self, key: &Key) -> BoxFuture<'static, Result<Option<Value>>> {
        let (this, key) = (self.clone(), key.clone());
        async move { Self::get(&this, &key).await }.boxed()
    }

    fn create(&self, key: &Key, bytes: Bytes) -> BoxFuture<'static, Result<Revision, SetError>> {
        let (this, key) = (self.clone(), key.clone());
        async move { this.make(&key, bytes).await }.boxed()
    }

    fn compare_and_set(
        &self,
        key: &Key,
        revision: Revision,
        bytes: Bytes,
    ) -> BoxFuture<'static, Result<Revision, SetError>> {
        let (this, key) = (self.clone(), key.clone());
        async move { this.set(&key, revision, Some(bytes)).await }.boxed()
    }

    fn delete(&self, key: &Key, revision: Revision) -> BoxFuture<'static, Result<(), SetError>> {
        let (this, key) = (self.clone(), key.clone());
        async move { this.set(&key, revision, None).await.map(drop) }.boxed()
    }

    fn watch(&self, key: &Key) -> Watch {
        let news = watching::watch(self.clone(), watching::Scope::One(key.clone()));
        news.map(|news| news.map(|(_, value)| value)).boxed()
    }

    fn list(&self, prefix: &Key) -> BoxFuture<'static, Result<Vec<(Key, Value)>>> {
        let (this, prefix) = (self.clone(), prefix.clone());
        async move {
            if this.streams.wire.is_over() {
                return Err(closed());
            }
            let what = || format!("list the registers under {}", prefix.as_str());
            let found = this.last_under(&prefix).await;
            let found = found.map_err(|refusal| refusal.into_error(&what()))?;
            let mut present: Vec<_> =
                found.into_iter().filter_map(|(key, last)| Some((key, last.value?))).collect();
            present.sort_by(|one, other| one.0.cmp(&other.0));
            Ok(present)
        }
        .boxed()
    }

    fn watch_under(&self, prefix: &Key) -> WatchUnder {
        watching::watch(self.clone(), watching::Scope::Under(prefix.clone())).boxed()
    }
}
