//! The client as it is, without a fabric around it: what the fabric is measured by, and nothing
//! else. It promises no more than the client does, and its subjects have no prefix.

use std::sync::Arc;

use async_nats::{
    HeaderMap,
    jetstream::{self, stream},
};
use bytes::Bytes;
use futures::{
    StreamExt as _,
    stream::{BoxStream, FuturesUnordered},
};

use super::{NatsSettings, connect, names::Names, wire::Wire};
use crate::error::{Error, ErrorKind, Result};

/// A connection as it is. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bare {
    pub(super) wire: Arc<Wire>,
}

pub(super) fn failed(
    what: &str,
    error: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the bare client cannot {what}")).because(error)
}

impl Bare {
    /// Connects with the settings of a fabric, and makes nothing there.
    pub async fn connect(settings: &NatsSettings) -> Result<Self> {
        Ok(Self { wire: connect::connect(settings).await? })
    }

    /// Asks, and gives the first answer.
    pub async fn request(&self, subject: &'static str, body: Bytes) -> Result<Bytes> {
        let answer = self.wire.client.request(subject, body).await;
        answer.map(|message| message.payload).map_err(|error| failed("ask", error))
    }

    /// Answers every question with what it says, until it is dropped.
    pub async fn echo(&self, subject: &'static str) -> Result<()> {
        let client = &self.wire.client;
        let mut asked = client.subscribe(subject).await.map_err(|error| failed("listen", error))?;
        while let Some(message) = asked.next().await {
            let Some(reply) = message.reply else { continue };
            let sent = client.publish(reply, message.payload).await;
            sent.map_err(|error| failed("answer", error))?;
        }
        Ok(())
    }

    /// Sends to whoever listens, with headers.
    pub async fn publish(
        &self,
        subject: &'static str,
        headers: &[(&'static str, &str)],
        body: Bytes,
    ) -> Result<()> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, *value);
        }
        let sent = self.wire.client.publish_with_headers(subject, map, body).await;
        sent.map_err(|error| failed("send", error))
    }

    /// What is sent from now on.
    pub async fn listen(&self, subject: &'static str) -> Result<BoxStream<'static, Bytes>> {
        let client = &self.wire.client;
        let heard = client.subscribe(subject).await.map_err(|error| failed("listen", error))?;
        // Whoever is told that he listens is heard of by the server.
        self.wire.round_trip().await?;
        Ok(heard.map(|message| message.payload).boxed())
    }

    /// Makes a stream on files for one subject, on so many servers.
    pub async fn make_stream(&self, name: &str, subject: &str, replicas: usize) -> Result<()> {
        let config = stream::Config {
            name: name.to_owned(),
            subjects: vec![subject.to_owned()],
            num_replicas: replicas,
            ..stream::Config::default()
        };
        let made = jetstream::new(self.wire.client.clone()).create_stream(config).await;
        made.map(drop).map_err(|error| failed("make a stream", error))
    }

    /// Removes a stream.
    pub async fn remove_stream(&self, name: &str) -> Result<()> {
        let removed = jetstream::new(self.wire.client.clone()).delete_stream(name).await;
        removed.map(drop).map_err(|error| failed("remove a stream", error))
    }

    /// Removes all that a cluster keeps: for one that was made only to be measured.
    pub async fn remove_cluster(&self, cluster: &str) -> Result<()> {
        let names = Names::new(cluster)?;
        let journals = format!("ORK_JOURNAL_{cluster}_");
        let context = jetstream::new(self.wire.client.clone());
        let mut streams = context.stream_names();
        let mut found = Vec::new();
        while let Some(name) = streams.next().await {
            let name = name.map_err(|error| failed("list the streams", error))?;
            if name == names.state() || name == names.blobs() || name.starts_with(&journals) {
                found.push(name);
            }
        }
        for name in found {
            self.remove_stream(&name).await?;
        }
        Ok(())
    }

    /// Publishes so many messages to a stream one after another, each acknowledged before the next;
    /// with more `at_once`, that many wait for their acknowledgement.
    pub async fn keep(
        &self,
        subject: &'static str,
        body: &Bytes,
        (count, at_once): (usize, usize),
    ) -> Result<()> {
        let context = jetstream::new(self.wire.client.clone());
        let mut waiting = FuturesUnordered::new();
        for _ in 0..count {
            if waiting.len() >= at_once.max(1)
                && let Some(kept) = waiting.next().await
            {
                kept?;
            }
            let (context, body) = (context.clone(), body.clone());
            waiting.push(async move {
                let sent = context.publish(subject, body).await;
                let kept = sent.map_err(|error| failed("publish", error))?.await;
                kept.map(drop).map_err(|error| failed("publish", error))
            });
        }
        while let Some(kept) = waiting.next().await {
            kept?;
        }
        Ok(())
    }

    /// Ends the connection.
    pub async fn close(&self) {
        self.wire.close().await;
    }
}
