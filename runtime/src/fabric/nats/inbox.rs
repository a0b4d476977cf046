//! Inboxes on `JetStream`: durable pull consumers with explicit acknowledgement.

use std::{sync::Arc, time::Duration};

use async_nats::{HeaderMap, StatusCode};
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture};
use serde::Deserialize;
use serde_json::json;

use super::{
    faults::{self, Ack, Refusal},
    streams::{PAUSE, Streams},
    wire::{Parcel, Wire},
};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{
        Inbox, InboxSpec, Inboxes, LETTER_WITHIN_MAX, Letter, Pattern, Settle, StreamSpec, Subject,
        Verdict,
    },
};

/// The header by which the server knows a message that it keeps already.
const ID: &str = "Nats-Msg-Id";
/// For how long it does.
const TWICE_WITHIN: Duration = Duration::from_mins(2);
/// How much longer than the server an answer is waited for.
const SLACK: Duration = Duration::from_secs(2);
/// How many letters of one inbox may be with its readers.
const UNSETTLED_MAX: u64 = 1_000;
/// The longest reason that is told to the server.
const WHY_BYTES_MAX: usize = 256;

/// Streams of others, and inboxes in them.
#[derive(Debug)]
pub(super) struct NatsInboxes {
    /// Where messages are said.
    pub(super) wire: Arc<Wire>,
    /// Where streams are.
    pub(super) streams: Arc<Streams>,
    pub(super) replicas: usize,
}

#[derive(Debug, Deserialize)]
struct StreamInfo {
    config: StreamConfig,
}

#[derive(Debug, Deserialize)]
struct StreamConfig {
    #[serde(default)]
    subjects: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct ConsumerInfo {
    config: ConsumerConfig,
}

#[derive(Debug, Deserialize)]
struct ConsumerConfig {
    #[serde(default)]
    ack_policy: String,
    #[serde(default)]
    filter_subject: String,
    #[serde(default)]
    deliver_subject: String,
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// What becomes a token of the subjects of the interface must not be more.
fn check_name(what: &str, name: &str) -> Result<()> {
    let fits = (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fits {
        return Ok(());
    }
    let shown: String = name.chars().take(40).collect();
    let message = format!("{shown:?} cannot name {what}: use 1 to 64 letters, digits, - and _");
    Err(Error::new(ErrorKind::Invalid, message))
}

/// Whether all that a pattern listens to is among what another does.
fn covers(wide: &str, narrow: &str) -> bool {
    let mut narrow = narrow.split('.');
    for part in wide.split('.') {
        match (part, narrow.next()) {
            (">", Some(_)) => return true,
            ("*", Some(token)) if token != ">" => {}
            (part, Some(token)) if part == token => {}
            (_, _) => return false,
        }
    }
    narrow.next().is_none()
}

async fn make_stream(this: &NatsInboxes, spec: &StreamSpec) -> Result<bool> {
    check_name("a stream", &spec.name)?;
    let what = format!("find the stream {}", spec.name);
    let (ask, nothing) = (format!("STREAM.INFO.{}", spec.name), json!({}));
    let info = || this.streams.api::<StreamInfo>(&ask, &nothing);
    let (found, is_new) = match info().await {
        Ok(found) => (found, false),
        Err(Refusal::NoStream) => {
            let subjects: Vec<&str> = spec.subjects.iter().map(Pattern::as_str).collect();
            let request = json!({
                "name": spec.name,
                "subjects": subjects,
                "retention": "limits",
                "storage": "file",
                "discard": "old",
                "num_replicas": this.replicas,
                "max_msgs": spec.keep_count,
                "max_bytes": -1,
                "max_age": nanos(spec.keep_for),
                "max_msg_size": -1,
                "max_consumers": -1,
                "duplicate_window": nanos(TWICE_WITHIN.min(spec.keep_for)),
            });
            let create = format!("STREAM.CREATE.{}", spec.name);
            let made = this.streams.api::<StreamInfo>(&create, &request).await;
            // Another may have made it in the same moment: what counts is that it is there.
            match (made, info().await) {
                (made, Ok(found)) => (found, made.is_ok()),
                (Err(refusal), Err(_)) | (Ok(_), Err(refusal)) => {
                    return Err(refusal.into_error(&format!("make the stream {}", spec.name)));
                }
            }
        }
        Err(refusal) => return Err(refusal.into_error(&what)),
    };
    for wanted in &spec.subjects {
        if !found.config.subjects.iter().any(|kept| covers(kept, wanted.as_str())) {
            let message = format!(
                "the stream {} is there and does not keep {}: add that subject to it, or remove the \
                 stream so that it is made anew",
                spec.name,
                wanted.as_str()
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
    }
    Ok(is_new)
}

impl Inboxes for NatsInboxes {
    fn stream(&self, spec: &StreamSpec) -> BoxFuture<'_, Result<bool>> {
        let spec = spec.clone();
        async move { make_stream(self, &spec).await }.boxed()
    }

    fn inbox(&self, spec: &InboxSpec) -> BoxFuture<'_, Result<Arc<dyn Inbox>>> {
        let inbox = NatsInbox { streams: Arc::clone(&self.streams), spec: spec.clone() };
        async move {
            check_name("a stream", &inbox.spec.stream)?;
            check_name("an inbox", &inbox.spec.name)?;
            inbox.find_or_make().await?;
            Ok(Arc::new(inbox) as Arc<dyn Inbox>)
        }
        .boxed()
    }

    fn send(&self, subject: &str, id: &str, body: Bytes) -> BoxFuture<'_, Result<()>> {
        let subject = Subject::outside(subject);
        let id = id.to_owned();
        async move {
            let subject = subject?;
            let mut headers = HeaderMap::new();
            headers.insert(ID, id);
            let parcel = Parcel::new(subject.as_str(), body).with(headers);
            let kept = match self.wire.ask(parcel, self.wire.within).await {
                Ok(answer) => faults::read::<Ack>(&answer.payload),
                Err(error) => Err(error.into()),
            };
            kept.map(drop)
                .map_err(|refusal| refusal.into_error(&format!("send to {}", subject.as_str())))
        }
        .boxed()
    }
}

/// A durable pull consumer.
#[derive(Debug)]
struct NatsInbox {
    streams: Arc<Streams>,
    spec: InboxSpec,
}

impl NatsInbox {
    async fn find_or_make(&self) -> Result<()> {
        let InboxSpec { stream, name, subject, settle_within } = &self.spec;
        let info = format!("CONSUMER.INFO.{stream}.{name}");
        let found = match self.streams.api::<ConsumerInfo>(&info, &json!({})).await {
            Err(Refusal::NoConsumer) => {
                let request = json!({
                    "stream_name": stream,
                    "action": "create",
                    "config": {
                        "name": name,
                        "durable_name": name,
                        "deliver_policy": "all",
                        "ack_policy": "explicit",
                        "ack_wait": nanos(*settle_within),
                        "max_deliver": -1,
                        "max_ack_pending": UNSETTLED_MAX,
                        "filter_subject": subject.as_str(),
                        "replay_policy": "instant",
                    },
                });
                let create = format!("CONSUMER.CREATE.{stream}.{name}.{}", subject.as_str());
                let made = self.streams.api::<ConsumerInfo>(&create, &request).await;
                match made {
                    Ok(made) => Ok(made),
                    // Another may have made it in the same moment.
                    Err(refusal) => {
                        let found = self.streams.api::<ConsumerInfo>(&info, &json!({})).await;
                        found.map_err(|_| refusal)
                    }
                }
            }
            found => found,
        };
        let found =
            found.map_err(|refusal| refusal.into_error(&format!("find the inbox {name}")))?;
        let ConsumerConfig { ack_policy, filter_subject, deliver_subject } = found.config;
        let is_ours = ack_policy == "explicit"
            && filter_subject == subject.as_str()
            && deliver_subject.is_empty();
        if is_ours {
            return Ok(());
        }
        let message = format!(
            "the consumer {name} of the stream {stream} is there and is no pull consumer of {} with \
             explicit acknowledgement: remove it so that it is made anew",
            subject.as_str()
        );
        Err(Error::new(ErrorKind::Invalid, message))
    }

    async fn pull(&self, within: Duration) -> Result<Option<Letter>> {
        let within = within.clamp(Duration::from_millis(1), LETTER_WITHIN_MAX);
        let InboxSpec { stream, name, .. } = &self.spec;
        let wire = &self.streams.wire;
        let request = json!({ "batch": 1, "expires": nanos(within) }).to_string();
        let next = format!("{}.CONSUMER.MSG.NEXT.{stream}.{name}", self.streams.api);
        // A letter comes under the subject that it was sent to, and not under that of its reader: so
        // it needs a subscription of its own.
        let reader = wire.client.new_inbox();
        let mut letters = wire.client.subscribe(reader.clone()).await.map_err(|error| {
            let message = format!("cannot listen to the inbox {name}");
            Error::new(ErrorKind::Unavailable, message).because(error)
        })?;
        wire.send_back_to(Parcel::new(next, request), Some(reader)).await?;
        let answer = match tokio::time::timeout(within + SLACK, letters.next()).await {
            Ok(Some(answer)) => answer,
            Ok(None) => return Err(faults::closed()),
            Err(_) if wire.is_over() => return Err(faults::closed()),
            // The question or its answer was lost with the connection.
            Err(_) => return Ok(None),
        };
        match answer.status {
            None => {}
            Some(StatusCode::NOT_FOUND | StatusCode::TIMEOUT) => return Ok(None),
            // Nobody has the consumer: it, or its stream, was removed, or has another leader.
            Some(_) => return self.missed().await,
        }
        let Some(reply) = answer.reply else {
            return Ok(None);
        };
        let (deliveries, sequence) = place(&reply).unwrap_or((1, 0));
        let id = answer.headers.as_ref().and_then(|headers| headers.get(ID));
        let id = id.map(|id| id.as_str().to_owned());
        let way = Arc::new(Settling { wire: Arc::clone(wire), to: reply.to_string() });
        let mut letter = Letter::new(answer.subject.as_str(), answer.payload, way);
        (letter.id, letter.sequence, letter.deliveries) = (id, sequence, deliveries);
        Ok(Some(letter))
    }

    /// Makes sure of the consumer, and lets whoever leads it begin.
    async fn missed(&self) -> Result<Option<Letter>> {
        tokio::time::sleep(PAUSE).await;
        self.find_or_make().await?;
        Ok(None)
    }
}

impl Inbox for NatsInbox {
    fn next(&self, within: Duration) -> BoxFuture<'_, Result<Option<Letter>>> {
        self.pull(within).boxed()
    }
}

/// How often a message came, and its place in the stream, as its way back says.
fn place(reply: &str) -> Option<(u64, u64)> {
    let tokens: Vec<&str> = reply.split('.').collect();
    // With a domain and an account two more stand before the stream.
    let at = match tokens.len() {
        9 => 4,
        11.. => 6,
        _ => return None,
    };
    Some((tokens.get(at)?.parse().ok()?, tokens.get(at + 1)?.parse().ok()?))
}

/// The way back of one message.
#[derive(Debug)]
struct Settling {
    wire: Arc<Wire>,
    to: String,
}

impl Settle for Settling {
    fn settle(&self, verdict: Verdict) -> BoxFuture<'_, Result<()>> {
        let word = match &verdict {
            Verdict::Done => "+ACK".to_owned(),
            Verdict::Again { after } => {
                format!("-NAK {}", json!({ "delay": nanos(*after) }))
            }
            Verdict::Never { why } => {
                let why: String = why.chars().filter(|c| !c.is_control()).collect();
                let end = why.floor_char_boundary(WHY_BYTES_MAX);
                format!("+TERM {}", &why[..end])
            }
            Verdict::Working => "+WPI".to_owned(),
        };
        let parcel = Parcel::new(self.to.clone(), Bytes::from(word));
        async move {
            // Whoever asks is told when the server has done it.
            let asked = self.wire.ask(parcel, self.wire.within).await;
            asked.map(drop).map_err(|error| Refusal::from(error).into_error("settle a message"))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_tells_how_often_and_where_with_and_without_a_domain() {
        assert_eq!(place("$JS.ACK.S.c.3.7.9.1700.0"), Some((3, 7)));
        assert_eq!(place("$JS.ACK.hub.acc.S.c.3.7.9.1700.0.x"), Some((3, 7)));
        assert_eq!(place("_INBOX.a.b"), None);
    }

    #[test]
    fn a_stream_keeps_what_all_its_subjects_cover_and_no_more() {
        assert!(covers("planning.>", "planning.>"));
        assert!(covers("planning.>", "planning.plan.approved"));
        assert!(covers("agent.*.x", "agent.*.x"));
        assert!(!covers("planning.*", "planning.>"));
        assert!(!covers("planning.plan", "planning.plan.approved"));
        assert!(!covers("planning.>", "planning"));
    }
}
