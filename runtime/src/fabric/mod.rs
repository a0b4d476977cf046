//! What nodes talk and remember with: one trait, five abilities, several implementations.
//!
//! | ability | promise |
//! |---|---|
//! | [`Messages`] | at most once; "no one listens" is told apart from "no answer came" |
//! | [`Logs`] | a record is appended only if the log still ends where the writer thinks; acknowledged means kept, to the fabric's [`Durability`] |
//! | [`Registers`] | get, create, compare-and-set by revision, delete, watch; revisions only rise, across deletes and restarts |
//! | [`Blobs`] | bytes named by their hash; a blob that was acknowledged is as durable as a record |
//! | [`Inboxes`] | what others sent waits until it is settled, at least once; only where others can send |
//!
//! Every implementation passes the same contract suite (`tests/tests/contract.rs`).
//! Nothing here promises exactly-once delivery: fences and idempotency keys are the caller's.

mod blob;
pub mod embedded;
mod header;
mod inbox;
mod keeper;
mod limited;
mod listen;
mod log;
mod message;
pub mod nats;
mod register;
mod sealed;
mod told;

use std::{fmt, sync::Arc};

use futures::future::BoxFuture;
use tokio::sync::watch;

pub use blob::{BlobName, Blobs};
pub use header::{HEADERS_BYTES_MAX, HEADERS_MAX, Headers};
pub use inbox::{
    Inbox, InboxSpec, Inboxes, LETTER_WITHIN_MAX, Letter, Settle, StreamSpec, Verdict,
};
pub use keeper::{Keeper, Shrunk, Sizes, Swept};
pub use limited::{limited_blobs, limited_logs, limited_registers};
pub use listen::listen;
pub use log::{AppendError, Entry, Follow, LogName, Logs, Sequence};
pub use message::{AskError, Message, Messages, Pattern, Reply, Subject, Subscription};
pub use register::{
    Key, REGISTER_BYTES_MAX, Registers, Revision, SetError, Value, Watch, WatchUnder,
};
pub use sealed::{SEAL_BYTES, is_sealed, keep_sealed, seal, unseal};
use told::Told;

/// What survives which failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// Nothing is kept: for tests.
    Memory,
    /// On one server, which writes to disk later, or does not say when.
    Lazy,
    /// On one disk before it is acknowledged.
    Fsync,
    /// On several servers, each of which writes to disk later, or does not say when.
    ReplicatedLazy,
    /// On several servers' disks before it is acknowledged.
    ReplicatedSync,
}

impl Durability {
    /// The name that receipts and `doctor` show.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Lazy => "lazy",
            Self::Fsync => "fsync",
            Self::ReplicatedLazy => "replicated-lazy",
            Self::ReplicatedSync => "replicated-sync",
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What nodes talk and remember with.
pub trait Fabric: Send + Sync + fmt::Debug + 'static {
    /// What survives which failure.
    fn durability(&self) -> Durability;
    /// Whether it can be spoken with, now and after each change; whoever is told that it can again
    /// says again what may have been lost. Where that never changes, the watch ends at once: see
    /// [`always_connected`].
    fn connected(&self) -> watch::Receiver<bool>;
    /// Messages between nodes.
    fn messages(&self) -> Arc<dyn Messages>;
    /// The same bus without the cluster's prefix, for what others speak there too: subjects and
    /// patterns are made by [`Subject::outside`] and [`Pattern::outside`]. None where nobody else
    /// can speak.
    fn outside(&self) -> Option<Arc<dyn Messages>> {
        None
    }
    /// What others must write before a subject of the cluster, with its last dot; empty where
    /// nothing stands before it.
    fn prefix(&self) -> Arc<str> {
        "".into()
    }
    /// Journals.
    fn logs(&self) -> Arc<dyn Logs>;
    /// Small values with revisions.
    fn registers(&self) -> Arc<dyn Registers>;
    /// Large values by hash.
    fn blobs(&self) -> Arc<dyn Blobs>;
    /// The housekeeping of its own files; none where it has no files, or others look after them.
    fn keeper(&self) -> Option<Arc<dyn Keeper>> {
        None
    }
    /// Messages of others that wait until they are settled; none where nobody else can send.
    fn inboxes(&self) -> Option<Arc<dyn Inboxes>> {
        None
    }
    /// Stops in order: what was acknowledged is kept, what is open is told so.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// What [`Fabric::connected`] tells where there is no connection that could be lost.
pub fn always_connected() -> watch::Receiver<bool> {
    watch::channel(true).1
}
