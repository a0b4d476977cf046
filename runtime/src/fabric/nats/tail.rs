//! Messages of a stream as they are stored, until anything goes wrong with them.
//!
//! A tail is short-lived by intent: it ends with the connection, with its consumer, and when the
//! server that keeps the consumer falls silent. Whoever reads it knows his own position and opens
//! the next one there. The client's own consumer that mends itself was seen to take 17 s and to
//! pass on an error.

use std::time::Duration;

use async_nats::jetstream::{
    Message,
    consumer::{AckPolicy, DeliverPolicy, pull},
};
use futures::StreamExt as _;
use tokio::sync::watch;

use super::{faults::Refusal, status::Connection, streams::Streams, wire::Wire};

/// How often the server says that there is nothing new; two silences end a tail.
const HEARTBEAT: Duration = Duration::from_secs(1);
const EXPIRES: Duration = Duration::from_secs(30);
/// How much may be on its way to us.
const BYTES: usize = 4 * 1024 * 1024;

/// A consumer and what it was opened on.
pub(super) struct Tail {
    messages: pull::Stream,
    connection: watch::Receiver<Connection>,
}

impl Tail {
    /// Messages of a subject, from where `from` says.
    pub(super) async fn open(
        streams: &Streams,
        stream: &str,
        subject: &str,
        from: DeliverPolicy,
    ) -> Result<Self, Refusal> {
        let wire: &Wire = &streams.wire;
        let mut connection = wire.status.watch();
        connection.mark_unchanged();
        let config = pull::Config {
            deliver_policy: from,
            ack_policy: AckPolicy::None,
            filter_subject: subject.to_owned(),
            inactive_threshold: EXPIRES,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let unclear = |error: &dyn std::fmt::Display| Refusal::Unclear(error.to_string());
        let consumer = streams.context.create_consumer_on_stream(config, stream).await;
        let consumer = consumer.map_err(|error| unclear(&error))?;
        let messages = consumer.stream().max_bytes_per_batch(BYTES);
        let messages = messages.heartbeat(HEARTBEAT).expires(EXPIRES).messages().await;
        Ok(Self { messages: messages.map_err(|error| unclear(&error))?, connection })
    }

    /// The next message; none when this tail is over.
    pub(super) async fn next(&mut self) -> Option<Message> {
        tokio::select! {
            biased;
            message = self.messages.next() => message?.ok(),
            _ = self.connection.changed() => None,
        }
    }
}
