//! A lock as one makes it on a bucket with nothing but the client: what our locks are measured by.
//!
//! Whoever can create the key holds the lock; whoever cannot waits until it sees the key deleted, and
//! tries again. Each contender watches the key for as long as it is there, so that no deletion is
//! missed and none costs a new consumer. To create a key that was deleted is three messages, as the
//! client does it; a contender that goes by revisions sets the key on that of the deletion which it has
//! seen, and that is one.

use std::fmt;

use async_nats::jetstream::{
    self,
    kv::{self, Operation},
    stream::StorageType,
};
use bytes::Bytes;
use futures::StreamExt as _;

use super::bare::{Bare, failed};
use crate::error::Result;

/// One who contends for a lock on a bucket.
pub struct Contender {
    store: kv::Store,
    watch: kv::Watch,
    key: String,
    /// Whether it sets the key on the revision of a deletion, and does not create it again.
    by_revision: bool,
    /// The revision of the last deletion that was seen.
    deleted: Option<u64>,
}

impl Bare {
    /// Makes a bucket on files, on so many servers.
    pub async fn make_bucket(&self, name: &str, replicas: usize) -> Result<()> {
        let config = kv::Config {
            bucket: name.to_owned(),
            storage: StorageType::File,
            num_replicas: replicas,
            ..kv::Config::default()
        };
        let made = jetstream::new(self.wire.client.clone()).create_key_value(config).await;
        made.map(drop).map_err(|error| failed("make a bucket", error))
    }

    /// Removes a bucket.
    pub async fn remove_bucket(&self, name: &str) -> Result<()> {
        let removed = jetstream::new(self.wire.client.clone()).delete_key_value(name).await;
        removed.map(drop).map_err(|error| failed("remove a bucket", error))
    }

    /// One who contends for the lock that is a key of a bucket.
    pub async fn contender(
        &self,
        (bucket, key): (&str, &str),
        by_revision: bool,
    ) -> Result<Contender> {
        let store = jetstream::new(self.wire.client.clone()).get_key_value(bucket).await;
        let store = store.map_err(|error| failed("find a bucket", error))?;
        let watch = store.watch(key).await.map_err(|error| failed("watch a key", error))?;
        Ok(Contender { store, watch, key: key.to_owned(), by_revision, deleted: None })
    }
}

impl Contender {
    /// Holds the lock when this ends; the answer is the revision, which is its token.
    pub async fn acquire(&mut self) -> Result<u64> {
        loop {
            if let Some(revision) = self.set().await? {
                return Ok(revision);
            }
            while let Some(seen) = self.watch.next().await {
                let seen = seen.map_err(|error| failed("watch a key", error))?;
                self.deleted = (seen.operation != Operation::Put).then_some(seen.revision);
                if self.deleted.is_some() {
                    break;
                }
            }
        }
    }

    /// Sets the key if nobody else has; the answer is the revision if it did.
    async fn set(&mut self) -> Result<Option<u64>> {
        let mine = Bytes::from_static(b"mine");
        if let Some(deleted) = self.deleted.filter(|_| self.by_revision) {
            return match self.store.update(&self.key, mine, deleted).await {
                Ok(revision) => Ok(Some(revision)),
                Err(error) if error.kind() == kv::UpdateErrorKind::WrongLastRevision => Ok(None),
                Err(error) => Err(failed("set a key", error)),
            };
        }
        match self.store.create(&self.key, mine).await {
            Ok(revision) => Ok(Some(revision)),
            Err(error) if error.kind() == kv::CreateErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(failed("create a key", error)),
        }
    }

    /// Gives the lock back, if it is still held with this revision.
    pub async fn release(&mut self, revision: u64) -> Result<()> {
        let deleted = self.store.delete_expect_revision(&self.key, Some(revision)).await;
        deleted.map_err(|error| failed("delete a key", error))
    }
}

impl fmt::Debug for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contender").field("key", &self.key).finish_non_exhaustive()
    }
}
