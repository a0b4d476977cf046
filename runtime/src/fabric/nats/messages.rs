//! Messages on core NATS.

use std::{
    collections::VecDeque,
    pin::{Pin, pin},
    str::FromStr as _,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use async_nats::{HeaderMap, HeaderName, HeaderValue, Subscriber};
use bytes::Bytes;
use futures::{FutureExt as _, Stream, StreamExt as _, future::BoxFuture};

use super::{
    faults::closed,
    status::count,
    wire::{Parcel, Wire},
};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{
        AskError, Headers, Message, Messages, Pattern, Reply, Subject, Subscription,
        embedded::SUBSCRIPTION_CAPACITY_MAX,
    },
    limits::FRAME_BYTES_MAX,
};

/// Messages under a prefix, or without one.
#[derive(Clone, Debug)]
pub(super) struct NatsMessages {
    pub(super) wire: Arc<Wire>,
    /// With its dot; empty outside.
    pub(super) prefix: Arc<str>,
}

impl NatsMessages {
    fn parcel(&self, subject: &Subject, headers: &Headers, body: Bytes) -> Parcel {
        Parcel::new(format!("{}{}", self.prefix, subject.as_str()), body).with(to_nats(headers))
    }

    /// Reads what came; none when it is none of ours.
    fn read(&self, message: async_nats::Message) -> Option<Message> {
        let text = message.subject.strip_prefix(&*self.prefix)?;
        let is_outside = self.prefix.is_empty();
        let subject = if is_outside { Subject::outside(text) } else { Subject::new(text) };
        let reply = match message.reply {
            Some(reply) => Some(self.reply(reply)?),
            None => None,
        };
        let headers = from_nats(message.headers.as_ref())?;
        if message.payload.len() > FRAME_BYTES_MAX {
            return None;
        }
        Some(Message { subject: subject.ok()?, headers, body: message.payload, reply })
    }

    /// The way back. An asker must not make us write where only we may: what is a server's or a
    /// cluster's is no inbox.
    fn reply(&self, inbox: async_nats::Subject) -> Option<Reply> {
        if inbox.starts_with('$') || inbox.starts_with("ork.") {
            return None;
        }
        let wire = Arc::clone(&self.wire);
        Some(Reply::new(move |headers, body| {
            if body.len() > FRAME_BYTES_MAX || wire.is_over() {
                return count(&wire.status.counts.answers_lost);
            }
            wire.send_now(Parcel::new(inbox.as_str(), body).with(to_nats(&headers)));
        }))
    }
}

/// Our names and values are checked to be theirs.
fn to_nats(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter() {
        if let (Ok(name), Ok(value)) = (HeaderName::from_str(name), HeaderValue::from_str(value)) {
            map.append(name, value);
        }
    }
    map
}

/// None when they are more than a message may have, or odd.
fn from_nats(map: Option<&HeaderMap>) -> Option<Headers> {
    let mut headers = Headers::new();
    for (name, values) in map.into_iter().flat_map(HeaderMap::iter) {
        for value in values {
            headers = headers.with(name.as_ref(), value.as_str()).ok()?;
        }
    }
    Some(headers)
}

fn too_large(bytes: usize, subject: &Subject) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!(
            "cannot send {bytes} bytes to {}: at most {FRAME_BYTES_MAX} are allowed",
            subject.as_str()
        ),
    )
}

impl Messages for NatsMessages {
    fn publish_with(
        &self,
        subject: &Subject,
        headers: Headers,
        body: Bytes,
    ) -> BoxFuture<'static, Result<()>> {
        if body.len() > FRAME_BYTES_MAX {
            return std::future::ready(Err(too_large(body.len(), subject))).boxed();
        }
        let (wire, parcel) = (Arc::clone(&self.wire), self.parcel(subject, &headers, body));
        async move { wire.send(parcel).await }.boxed()
    }

    fn publish_heard(
        &self,
        subject: &Subject,
        headers: Headers,
        body: Bytes,
    ) -> BoxFuture<'static, Result<bool>> {
        if body.len() > FRAME_BYTES_MAX {
            return std::future::ready(Err(too_large(body.len(), subject))).boxed();
        }
        let (wire, parcel) = (Arc::clone(&self.wire), self.parcel(subject, &headers, body));
        async move { wire.send_heard(parcel).await }.boxed()
    }

    fn subscribe(
        &self,
        pattern: &Pattern,
        queue: Option<&str>,
        capacity: usize,
    ) -> BoxFuture<'static, Result<Subscription>> {
        let (this, pattern) = (self.clone(), pattern.as_str().to_owned());
        let queue = queue.map(str::to_owned);
        async move {
            if !(1..=SUBSCRIPTION_CAPACITY_MAX).contains(&capacity) {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!(
                        "cannot listen to {pattern} with a capacity of {capacity}: use 1 to {SUBSCRIPTION_CAPACITY_MAX}"
                    ),
                ));
            }
            if this.wire.is_over() {
                return Err(closed());
            }
            let (client, subject) = (&this.wire.client, format!("{}{pattern}", this.prefix));
            let subscriber = match queue {
                Some(queue) => client.queue_subscribe(subject, queue).await,
                None => client.subscribe(subject).await,
            };
            let subscriber = subscriber.map_err(|error| {
                Error::new(ErrorKind::Unavailable, format!("cannot listen to {pattern}"))
                    .because(error)
            })?;
            // Who is told that he listens is heard of by the server.
            this.wire.round_trip().await?;
            Ok(Listening::new(this, subscriber, capacity).boxed())
        }
        .boxed()
    }

    fn ask(
        &self,
        subject: &Subject,
        body: Bytes,
        within: Duration,
    ) -> BoxFuture<'static, Result<Bytes, AskError>> {
        if body.len() > FRAME_BYTES_MAX {
            return std::future::ready(Err(AskError::TooLarge)).boxed();
        }
        let (wire, parcel) = (Arc::clone(&self.wire), self.parcel(subject, &Headers::new(), body));
        async move {
            let answer = wire.ask(parcel, within).await?;
            // What cannot be read beside an answer makes it none, though nobody wants to know it.
            if answer.headers.is_some() {
                from_nats(answer.headers.as_ref()).ok_or(AskError::Unreadable)?;
            }
            if answer.payload.len() > FRAME_BYTES_MAX {
                return Err(AskError::Unreadable);
            }
            Ok(answer.payload)
        }
        .boxed()
    }

    fn ask_with(
        &self,
        subject: &Subject,
        headers: Headers,
        body: Bytes,
        within: Duration,
    ) -> BoxFuture<'static, Result<(Headers, Bytes), AskError>> {
        if body.len() > FRAME_BYTES_MAX {
            return std::future::ready(Err(AskError::TooLarge)).boxed();
        }
        let (wire, parcel) = (Arc::clone(&self.wire), self.parcel(subject, &headers, body));
        async move {
            let answer = wire.ask(parcel, within).await?;
            let headers = from_nats(answer.headers.as_ref()).ok_or(AskError::Unreadable)?;
            if answer.payload.len() > FRAME_BYTES_MAX {
                return Err(AskError::Unreadable);
            }
            Ok((headers, answer.payload))
        }
        .boxed()
    }

    fn gather(
        &self,
        subject: &Subject,
        body: Bytes,
        within: Duration,
        max: usize,
    ) -> BoxFuture<'static, Result<Vec<Bytes>, AskError>> {
        if body.len() > FRAME_BYTES_MAX {
            return std::future::ready(Err(AskError::TooLarge)).boxed();
        }
        let (wire, parcel) = (Arc::clone(&self.wire), self.parcel(subject, &Headers::new(), body));
        let max = max.min(SUBSCRIPTION_CAPACITY_MAX);
        async move {
            let mut gathered = Vec::new();
            let asked = wire.ask_many(parcel, within, max, |answer| {
                gathered.push(answer.payload);
                gathered.len() < max
            });
            match asked.await {
                // The time being out is not a fault: what has come is the answer.
                Ok(()) | Err(AskError::NoOne) => Ok(gathered),
                Err(AskError::NoAnswer) if !wire.is_over() => Ok(gathered),
                Err(error) => Err(error),
            }
        }
        .boxed()
    }
}

/// A subscription. The client keeps up to its own capacity for it, which is larger than any of
/// ours; whatever is beyond ours when it is looked at is lost, counted and told.
struct Listening {
    messages: NatsMessages,
    subscriber: Subscriber,
    ready: VecDeque<Message>,
    capacity: usize,
    lost: u64,
    over: BoxFuture<'static, Error>,
    ended: bool,
}

impl Listening {
    fn new(messages: NatsMessages, subscriber: Subscriber, capacity: usize) -> Self {
        let wire = Arc::clone(&messages.wire);
        let over = async move { wire.over().await }.boxed();
        let ready = VecDeque::new();
        Self { messages, subscriber, ready, capacity, lost: 0, over, ended: false }
    }

    /// Takes all that has come; true when no more can come.
    fn take_all(&mut self, context: &mut Context<'_>) -> bool {
        loop {
            // With the usual bound on a task's turn it would look as if no more had come.
            let next = pin!(tokio::task::unconstrained(self.subscriber.next())).poll(context);
            match next {
                Poll::Ready(Some(message)) => match self.messages.read(message) {
                    Some(message) if self.ready.len() < self.capacity => {
                        self.ready.push_back(message);
                    }
                    Some(_) => self.lost += 1,
                    None => count(&self.messages.wire.status.counts.junk),
                },
                Poll::Ready(None) => return true,
                Poll::Pending => return false,
            }
        }
    }
}

impl Stream for Listening {
    type Item = Result<Message>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(message) = self.ready.pop_front() {
            return Poll::Ready(Some(Ok(message)));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        let lost = std::mem::take(&mut self.lost);
        if lost > 0 {
            count(&self.messages.wire.status.counts.slow);
            return Poll::Ready(Some(Err(Error::new(
                ErrorKind::Full,
                format!("{lost} messages were lost: more than {} were waiting", self.capacity),
            ))));
        }
        let no_more = self.take_all(context);
        if let Some(message) = self.ready.pop_front() {
            return Poll::Ready(Some(Ok(message)));
        }
        if no_more || self.over.poll_unpin(context).is_ready() {
            self.ended = true;
            return Poll::Ready(Some(Err(closed())));
        }
        Poll::Pending
    }
}
