//! The fabric of many machines: NATS. Nothing outside this folder knows it.
//!
//! | ability | on NATS |
//! |---|---|
//! | messages | core, below the subject prefix `ork.v1.{cluster}.` |
//! | logs | one `JetStream` stream a log, appended to with the expected last sequence |
//! | registers | one KV bucket; a revision is its stream's sequence |
//! | blobs | one stream, a blob in parts, its head written last |
//! | inboxes | streams of others, with limits; a durable pull consumer each |
//!
//! What happens when something goes wrong:
//!
//! | fault | messages | logs | registers, blobs |
//! |---|---|---|---|
//! | the connection is lost | what was sent and not yet read is lost; to publish is refused (`Unavailable`); open questions end at once (`NoAnswer`); new ones wait for the connection, and are `NoOne` without it; subscriptions stand again by themselves | an append that was away is `Unknown`; a new one waits for the connection; a follower goes on at its own position, without loss or doubling | a change that was away is `Unknown`; a watcher reads again and tells what is another |
//! | a server restarts | the same | the same; what was acknowledged is there | the same |
//! | a stream's leader dies | nothing | appends are held back, then `Unknown`; after some 5 s another leads; nothing acknowledged is lost | the same |
//! | a subscriber is slow | the subscription says `Full` once for all that was lost | a follower is never slow: it asks for more when it has read | the same for watchers |
//! | a stream is full | | `Full`, surely not appended, works again after trimming | `Full` |
//! | something is too large | `Invalid`, `TooLarge`; never sent | `TooLarge`; never sent | `Full`, `Invalid` |
//! | junk on a subject | refused and counted, the next message is heard | a record is handed out as it is, its reader judges | a register that is too large is as if absent; a damaged blob is `Corrupt` |
//!
//! Promises: what was acknowledged is there when servers die and come back, as [`Durability`] says.
//! A writer who lost his place is refused by the log itself.
//!
//! Does not promise: that servers keep what was acknowledged when all machines lose power, unless
//! they sync ([`NatsSettings::servers_sync`]).

mod bare;
mod blobs;
mod bucket;
mod connect;
mod faults;
mod following;
mod inbox;
mod logs;
mod messages;
mod mux;
mod names;
mod registers;
mod settings;
mod status;
mod streams;
mod tail;
mod watching;
mod wire;

use std::sync::Arc;

use futures::{FutureExt as _, future::BoxFuture};
use tokio::sync::watch;

use super::{Blobs, Durability, Fabric, Inboxes, Logs, Messages, Registers};
use crate::error::Result;
use blobs::NatsBlobs;
use inbox::NatsInboxes;
use logs::NatsLogs;
use messages::NatsMessages;
use names::Names;
use registers::NatsRegisters;
use streams::Streams;
use wire::Wire;

pub use bare::Bare;
pub use bucket::Contender;
pub use names::CLUSTER_BYTES_MAX;
pub use settings::{NatsAuth, NatsSettings, NatsStore, NatsTls};
pub use status::{Connection, NatsCounters, NatsFeatures};

/// A fabric on NATS servers.
#[derive(Debug)]
pub struct Nats {
    names: Names,
    wire: Arc<Wire>,
    /// The same, unless things are kept in another account.
    store: Arc<Wire>,
    streams: Arc<Streams>,
    many: bool,
}

impl Nats {
    /// Connects, and finds or makes what the cluster keeps there.
    ///
    /// An error of kind `Invalid` says what is wrong with the settings, with what the server was
    /// shown, or with what it can do; `Unavailable` that there was no server, or no stream, in
    /// [`NatsSettings::connect_within`]. None shows a secret.
    pub async fn connect(settings: NatsSettings) -> Result<Self> {
        let names = Names::new(&settings.cluster)?;
        let wire = Box::pin(connect::connect(&settings)).await?;
        let many = connect::learn_features(&wire.client, &wire.status, settings.servers_sync);
        let store = match settings.of_store() {
            None => Arc::clone(&wire),
            Some(settings) => match Box::pin(connect::connect(&settings)).await {
                Ok(store) => store,
                Err(error) => {
                    wire.close().await;
                    return Err(error);
                }
            },
        };
        let streams = Arc::new(Streams::new(Arc::clone(&store), &settings, &names));
        let fabric = Self { names, wire, store, streams, many };
        let within = settings.connect_within;
        if let Err(error) = connect::set_up(&fabric.streams, &fabric.names, within).await {
            fabric.close().await;
            return Err(error);
        }
        Ok(fabric)
    }

    /// Whether there is a connection, now and after each change.
    pub fn connection(&self) -> watch::Receiver<Connection> {
        self.wire.status.watch()
    }

    /// What was counted so far.
    pub fn counters(&self) -> NatsCounters {
        self.wire.status.counters()
    }

    /// What the servers are, and what follows from what they lack. More may be known later, when
    /// more streams were seen.
    pub fn features(&self) -> NatsFeatures {
        let mut features = self.wire.status.features().clone();
        if !Arc::ptr_eq(&self.wire, &self.store) {
            let of_store = self.store.status.features().notices.clone();
            features.notices.extend(of_store);
        }
        features
    }
}

impl Fabric for Nats {
    fn durability(&self) -> Durability {
        self.streams.durability()
    }

    /// The connection of the messages: what is kept elsewhere says by itself when it cannot be
    /// reached.
    fn connected(&self) -> watch::Receiver<bool> {
        self.wire.status.is_up()
    }

    fn messages(&self) -> Arc<dyn Messages> {
        let (wire, prefix) = (Arc::clone(&self.wire), Arc::clone(&self.names.prefix));
        Arc::new(NatsMessages { wire, prefix })
    }

    fn outside(&self) -> Option<Arc<dyn Messages>> {
        Some(Arc::new(NatsMessages { wire: Arc::clone(&self.wire), prefix: "".into() }))
    }

    fn prefix(&self) -> Arc<str> {
        Arc::clone(&self.names.prefix)
    }

    fn logs(&self) -> Arc<dyn Logs> {
        let (streams, names) = (Arc::clone(&self.streams), self.names.clone());
        Arc::new(NatsLogs { streams, names, many: self.many })
    }

    fn registers(&self) -> Arc<dyn Registers> {
        Arc::new(NatsRegisters { streams: Arc::clone(&self.streams), names: self.names.clone() })
    }

    fn blobs(&self) -> Arc<dyn Blobs> {
        Arc::new(NatsBlobs { streams: Arc::clone(&self.streams), names: self.names.clone() })
    }

    /// None where the store is only opened: consumers are for coordinators.
    fn inboxes(&self) -> Option<Arc<dyn Inboxes>> {
        let (wire, streams) = (Arc::clone(&self.wire), Arc::clone(&self.streams));
        let replicas = streams.replicas;
        (!streams.is_opened).then(|| Arc::new(NatsInboxes { wire, streams, replicas }) as _)
    }

    /// Returns when what was sent is on its way, or the server does not take it any more.
    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            self.wire.close().await;
            if !Arc::ptr_eq(&self.wire, &self.store) {
                self.store.close().await;
            }
        }
        .boxed()
    }
}
