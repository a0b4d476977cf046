//! The streams of a cluster: made once, never changed silently, asked for their ends.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::jetstream::{
    Context, ContextBuilder,
    message::StreamMessage,
    stream::{LastRawMessageErrorKind, Stream},
};
use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::{
    faults::{self, Ack, Refusal},
    names::Names,
    settings::{NatsSettings, NatsStore},
    status::Status,
    wire::{Parcel, Wire},
};
use crate::{
    error::Result,
    fabric::{AskError, Durability},
};

/// How long to wait before a stream without a leader is asked again.
pub(super) const PAUSE: Duration = Duration::from_millis(50);
/// The largest number of subjects that a server lists in one answer is 100,000.
const SUBJECT_PAGES_MAX: usize = 100;

/// How often a question without an answer is asked, each for half the time of an answer.
const API_TRIES: u32 = 4;

/// What is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Every message is kept until it is trimmed.
    Journal,
    /// The last message of each subject is kept, by the conventions of a KV bucket.
    State,
    /// The last message of each subject is kept.
    Blobs,
}

#[derive(Clone, Debug, Deserialize)]
struct Config {
    num_replicas: usize,
    storage: String,
}

#[derive(Clone, Debug, Deserialize)]
struct State {
    first_seq: u64,
    last_seq: u64,
    #[serde(default)]
    subjects: Option<BTreeMap<String, u64>>,
}

/// Where a stream begins and ends, told by its leader.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Info {
    config: Config,
    state: State,
    /// How many subjects there are in all, where they were asked for.
    #[serde(default)]
    total: usize,
}

impl Info {
    /// The first message that is kept; one more than the last when none is.
    pub(super) fn first(&self) -> u64 {
        self.state.first_seq.max(1)
    }

    pub(super) fn last(&self) -> u64 {
        self.state.last_seq
    }
}

/// The streams of a cluster.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) wire: Arc<Wire>,
    pub(super) context: Context,
    pub(super) may_create: bool,
    /// What stands before the subject of each question to the administration.
    pub(super) api: Arc<str>,
    /// Whether changes have to be asked for: nobody delivers them into another account.
    pub(super) is_opened: bool,
    pub(super) replicas: usize,
    bytes_max: Option<u64>,
    servers_sync: bool,
    /// What is promised by the weakest stream that was seen.
    weakest: Mutex<Option<Durability>>,
    /// Held while a stream is made: whoever waits finds it made.
    making: tokio::sync::Mutex<()>,
}

impl Streams {
    pub(super) fn new(wire: Arc<Wire>, settings: &NatsSettings, names: &Names) -> Self {
        let within = settings.answer_within;
        let (is_opened, api) = match settings.store {
            NatsStore::Here | NatsStore::Login { .. } => (false, "$JS.API".to_owned()),
            NatsStore::Opened => (true, names.opened_api()),
        };
        let context = ContextBuilder::new().timeout(within).ack_timeout(within);
        let context = context.api_prefix(&api).build(wire.client.clone());
        Self {
            wire,
            context,
            may_create: settings.may_create && !is_opened,
            api: api.into(),
            is_opened,
            replicas: settings.replicas,
            bytes_max: settings.stream_bytes_max,
            servers_sync: settings.servers_sync,
            weakest: Mutex::new(None),
            making: tokio::sync::Mutex::new(()),
        }
    }

    /// What survives which failure, by the streams as they are.
    pub(super) fn durability(&self) -> Durability {
        let weakest = *self.weakest.lock().unwrap_or_else(PoisonError::into_inner);
        weakest.unwrap_or(Durability::Memory)
    }

    /// Asks the administration of the streams. Whoever leads it may die with a question in hand, so
    /// one without an answer is asked again: nothing that is asked here is worse done twice.
    pub(super) async fn api<T: DeserializeOwned>(
        &self,
        what: &str,
        request: &serde_json::Value,
    ) -> Result<T, Refusal> {
        let request = request.to_string();
        let mut tries = 0;
        loop {
            tries += 1;
            let parcel = Parcel::new(format!("{}.{what}", self.api), request.clone());
            match self.wire.ask(parcel, self.wire.within / 2).await {
                Err(AskError::NoAnswer) if tries < API_TRIES && !self.wire.is_over() => {}
                answer => return faults::read(&answer?.payload),
            }
        }
    }

    /// What a stream's leader says of it; none when there is no such stream.
    pub(super) async fn info(&self, stream: &str) -> Result<Option<Info>, Refusal> {
        match self.api::<Info>(&format!("STREAM.INFO.{stream}"), &json!({})).await {
            Ok(info) => {
                self.look(stream, &info.config);
                Ok(Some(info))
            }
            Err(Refusal::NoStream) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// The subjects of a stream that match a filter and keep a message.
    pub(super) async fn subjects(
        &self,
        stream: &str,
        filter: &str,
    ) -> Result<Vec<String>, Refusal> {
        let mut found = Vec::new();
        for _ in 0..SUBJECT_PAGES_MAX {
            let request = json!({ "subjects_filter": filter, "offset": found.len() });
            let info: Info = self.api(&format!("STREAM.INFO.{stream}"), &request).await?;
            let page = info.state.subjects.unwrap_or_default();
            let is_last = page.is_empty() || found.len() + page.len() >= info.total;
            found.extend(page.into_keys());
            if is_last {
                break;
            }
        }
        Ok(found)
    }

    /// The last message of a subject, told by the stream's leader.
    pub(super) async fn last(
        &self,
        stream: &str,
        subject: &str,
    ) -> Result<Option<StreamMessage>, Refusal> {
        if self.wire.is_over() {
            return Err(Refusal::Unclear("the fabric was closed".to_owned()));
        }
        let found = self.handle(stream).await?.get_last_raw_message_by_subject(subject).await;
        match found {
            Ok(message) => Ok(Some(message)),
            Err(error) => match error.kind() {
                LastRawMessageErrorKind::NoMessageFound => Ok(None),
                LastRawMessageErrorKind::JetStream(error) => match Refusal::from(&error) {
                    Refusal::NoMessage => Ok(None),
                    other => Err(other),
                },
                LastRawMessageErrorKind::InvalidSubject | LastRawMessageErrorKind::Other => {
                    Err(Refusal::Unclear(error.to_string()))
                }
            },
        }
    }

    async fn handle(&self, stream: &str) -> Result<Stream<()>, Refusal> {
        let handle = self.context.get_stream_no_info(stream).await;
        handle.map_err(|error| Refusal::Unclear(error.to_string()))
    }

    /// Publishes to a stream and waits for its word. Where nobody answers, surely nothing is done.
    pub(super) async fn keep(&self, stream: &str, parcel: Parcel) -> Result<u64, Refusal> {
        let answer = self.wire.ask(parcel, self.wire.within).await?;
        let ack: Ack = faults::read(&answer.payload)?;
        if ack.stream != stream || ack.duplicate {
            return Err(Refusal::Unclear(format!(
                "stream {} took it for {}",
                ack.stream,
                if ack.duplicate { "a duplicate" } else { "its own" }
            )));
        }
        Ok(ack.sequence)
    }

    /// The same, and again while nobody answers, until the time is out.
    pub(super) async fn keep_patiently(
        &self,
        stream: &str,
        parcel: impl Fn() -> Parcel,
    ) -> Result<u64, Refusal> {
        let patiently = async {
            loop {
                match self.keep(stream, parcel()).await {
                    Err(Refusal::NoOne) => tokio::time::sleep(PAUSE).await,
                    other => return other,
                }
            }
        };
        let kept = tokio::time::timeout(self.wire.within, patiently).await;
        kept.unwrap_or_else(|_| Err(AskError::NoAnswer.into()))
    }

    /// Forgets messages.
    pub(super) async fn purge(
        &self,
        stream: &str,
        request: serde_json::Value,
    ) -> Result<(), Refusal> {
        let what = format!("STREAM.PURGE.{stream}");
        self.api::<serde::de::IgnoredAny>(&what, &request).await.map(drop)
    }

    /// Makes a stream; whoever finds that another made it meanwhile takes that.
    pub(super) async fn make(
        &self,
        kind: Kind,
        stream: &str,
        subjects: &str,
    ) -> Result<Info, Refusal> {
        let keeps_last = if kind == Kind::Journal { -1 } else { 1 };
        let request = json!({
            "name": stream,
            "subjects": [subjects],
            "retention": "limits",
            "storage": "file",
            "discard": "new",
            "num_replicas": self.replicas,
            "max_msgs": -1,
            "max_bytes": self.bytes_max.map_or(-1, u64::cast_signed),
            "max_age": 0,
            "max_msg_size": -1,
            "max_consumers": -1,
            "max_msgs_per_subject": keeps_last,
            "allow_direct": true,
            "deny_delete": true,
            "allow_rollup_hdrs": kind == Kind::State,
        });
        let made = self.api::<Info>(&format!("STREAM.CREATE.{stream}"), &request).await;
        // Another may have made it in the same moment, or the answer was lost: what counts is
        // that it is there.
        match (made, self.info(stream).await?) {
            (_, Some(info)) => Ok(info),
            (Err(refusal), None) => Err(refusal),
            (Ok(_), None) => Err(Refusal::NoStream),
        }
    }

    /// Finds a stream, or makes it if that is allowed.
    pub(super) async fn find_or_make(
        &self,
        kind: Kind,
        stream: &str,
        subjects: &str,
    ) -> Result<Info, Refusal> {
        let _alone = self.making.lock().await;
        match self.info(stream).await? {
            Some(info) => Ok(info),
            None if self.may_create => self.make(kind, stream, subjects).await,
            None => Err(Refusal::NoStream),
        }
    }

    /// Remembers what a stream promises, and says where that is not what was asked for.
    fn look(&self, stream: &str, config: &Config) {
        let class = match (config.storage.as_str(), config.num_replicas, self.servers_sync) {
            ("file", 0 | 1, false) => Durability::Lazy,
            ("file", 0 | 1, true) => Durability::Fsync,
            ("file", _, false) => Durability::ReplicatedLazy,
            ("file", _, true) => Durability::ReplicatedSync,
            (_, _, _) => Durability::Memory,
        };
        let mut weakest = self.weakest.lock().unwrap_or_else(PoisonError::into_inner);
        *weakest = Some(weakest.map_or(class, |weakest| weakest.min(class)));
        drop(weakest);
        let status: &Status = &self.wire.status;
        if config.num_replicas != self.replicas {
            status.notice(format!(
                "stream {stream} is kept on {} servers and not on {}: it is left as it is",
                config.num_replicas, self.replicas
            ));
        }
        if class == Durability::Memory {
            status.notice(format!("stream {stream} is kept in memory: it ends with its servers"));
        }
    }
}

/// A parcel with one header.
pub(super) fn expecting(subject: String, header: &'static str, value: u64, body: Bytes) -> Parcel {
    let mut headers = async_nats::HeaderMap::new();
    headers.insert(header, value.to_string());
    Parcel::new(subject, body).with(headers)
}
