//! The connection as the abilities use it: send, ask, and know when it is over.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::{
    Client, HeaderMap, Message, StatusCode,
    client::{PublishError, PublishErrorKind, traits::Publisher as _},
    connection::State,
    message::OutboundMessage,
};
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _};
use tokio::{sync::watch, task::JoinSet};

use super::{
    faults::{closed, disconnected},
    mux::Mux,
    status::{Status, count},
};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::AskError,
};

/// How soon the client is looked at again that may not have said that it is connected.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Something to be sent.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) subject: String,
    pub(super) headers: Option<HeaderMap>,
    pub(super) body: Bytes,
}

impl Parcel {
    pub(super) fn new(subject: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self { subject: subject.into(), headers: None, body: body.into() }
    }

    pub(super) fn with(mut self, headers: HeaderMap) -> Self {
        self.headers = (!headers.is_empty()).then_some(headers);
        self
    }

    fn outbound(self, reply: Option<String>) -> OutboundMessage {
        OutboundMessage {
            subject: self.subject.into(),
            reply: reply.map(Into::into),
            payload: self.body,
            headers: self.headers,
        }
    }
}

/// One connection and what waits for it.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) client: Client,
    pub(super) status: Arc<Status>,
    /// For how long one answer of a server is waited for.
    pub(super) within: Duration,
    mux: Mux,
    over: watch::Sender<bool>,
    tasks: Mutex<JoinSet<()>>,
}

impl Wire {
    /// Begins to listen for answers.
    pub(super) async fn new(
        client: Client,
        mux: Mux,
        status: Arc<Status>,
        within: Duration,
    ) -> Result<Arc<Self>> {
        let mut answers = client.subscribe(mux.subject()).await.map_err(|error| {
            Error::new(ErrorKind::Unavailable, "cannot listen for answers").because(error)
        })?;
        let mut tasks = JoinSet::new();
        let hearing = mux.clone();
        tasks.spawn(async move {
            while let Some(message) = answers.next().await {
                hearing.hear(message);
            }
        });
        let over = watch::channel(false).0;
        Ok(Arc::new(Self { client, status, within, mux, over, tasks: Mutex::new(tasks) }))
    }

    /// The most bytes that a message may have here.
    pub(super) fn bytes_max(&self) -> usize {
        self.client.max_payload()
    }

    pub(super) fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    /// Ends when the fabric is closed.
    pub(super) async fn over(&self) -> Error {
        let mut over = self.over.subscribe();
        // The sender lives as long as this.
        let _ = over.wait_for(|over| *over).await;
        closed()
    }

    /// Whether there is a connection. The client drops what it has to say of itself when it has
    /// much to say: so what it is counts, and what was told is set right.
    fn is_connected(&self) -> bool {
        let is = self.client.connection_state() == State::Connected;
        let told = self.status.is_connected();
        match (is, told) {
            (true, false) => self.status.connected(),
            (false, true) => self.status.disconnected(),
            (true, true) | (false, false) => {}
        }
        is
    }

    /// Waits until there is a connection.
    async fn connected(&self) {
        if self.is_connected() {
            return;
        }
        let mut connection = self.status.watch();
        while !self.is_connected() {
            // The sender lives as long as this.
            let _ = tokio::time::timeout(LOOK_AGAIN, connection.changed()).await;
        }
    }

    /// Sends. Without a connection nothing is kept for later: words of yesterday do harm.
    pub(super) async fn send(&self, parcel: Parcel) -> Result<()> {
        self.send_back_to(parcel, None).await
    }

    /// Sends, and says whether the server knew of anybody who listens. It says that nobody does at
    /// once, and so before it answers what is sent after it.
    pub(super) async fn send_heard(&self, parcel: Parcel) -> Result<bool> {
        let mut question = self.mux.ask_one();
        self.send_back_to(parcel, Some(question.inbox.clone())).await?;
        self.round_trip().await?;
        Ok(!question.answers.try_recv().is_ok_and(|message| is_nobody(&message)))
    }

    /// The same, and names where answers go.
    pub(super) async fn send_back_to(&self, parcel: Parcel, reply: Option<String>) -> Result<()> {
        if self.is_over() {
            return Err(closed());
        }
        let subject = parcel.subject.clone();
        if !self.is_connected() {
            return Err(disconnected(&format!("send to {subject}")));
        }
        self.hand_on(parcel.outbound(reply)).await.map_err(|error| {
            let kind = match error.kind() {
                PublishErrorKind::MaxPayloadExceeded | PublishErrorKind::InvalidSubject => {
                    ErrorKind::Invalid
                }
                PublishErrorKind::Send => ErrorKind::Unavailable,
            };
            Error::new(kind, format!("cannot send to {subject}")).because(error)
        })
    }

    /// Sends without waiting for room; counts what could not be sent.
    pub(super) fn send_now(&self, parcel: Parcel) {
        let sent = self.client.publish_message(parcel.outbound(None));
        // Without this a task that has used up its turn could not send, however much room there is.
        let sent = tokio::task::unconstrained(sent).now_or_never();
        if !matches!(sent, Some(Ok(()))) {
            count(&self.status.counts.answers_lost);
        }
    }

    /// Hands a message to the connection. Nearly always there is room at once: what waits for room
    /// is large, and is made only where there is none, so that whoever asks stays small.
    async fn hand_on(&self, message: OutboundMessage) -> Result<(), PublishError> {
        // Headers would have to be copied for that.
        if message.headers.is_none()
            && let Some(sent) = self.client.publish_message(message.clone()).now_or_never()
        {
            return sent;
        }
        Box::pin(self.client.publish_message(message)).await
    }

    /// Sends a question, which is answered at an inbox.
    async fn question(&self, parcel: Parcel, inbox: String) -> Result<(), AskError> {
        self.hand_on(parcel.outbound(Some(inbox))).await.map_err(|error| match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => AskError::TooLarge,
            PublishErrorKind::InvalidSubject | PublishErrorKind::Send => AskError::NoOne,
        })
    }

    /// Asks and gives the first answer. While there is no connection nothing is sent; when none
    /// comes in time, surely nothing is done.
    pub(super) async fn ask(&self, parcel: Parcel, within: Duration) -> Result<Message, AskError> {
        if self.is_over() {
            return Err(AskError::NoAnswer);
        }
        let mut sent = false;
        let asked = async {
            if !self.is_connected() {
                Box::pin(self.connected()).await;
            }
            sent = true;
            let mut question = self.mux.ask_one();
            let inbox = std::mem::take(&mut question.inbox);
            self.question(parcel, inbox).await?;
            match (&mut question.answers).await {
                Ok(message) if is_nobody(&message) => Err(AskError::NoOne),
                Ok(message) => Ok(message),
                Err(_) => Err(AskError::NoAnswer),
            }
        };
        let asked = tokio::time::timeout(within, asked).await;
        asked.unwrap_or(Err(if sent { AskError::NoAnswer } else { AskError::NoOne }))
    }

    /// Asks and hands each answer to `take` until it wants no more, the time is out, or no more
    /// can come.
    pub(super) async fn ask_many(
        &self,
        parcel: Parcel,
        within: Duration,
        max: usize,
        mut take: impl FnMut(Message) -> bool,
    ) -> Result<(), AskError> {
        if self.is_over() {
            return Err(AskError::NoAnswer);
        }
        let mut ended = false;
        let asked = async {
            self.connected().await;
            let mut question = self.mux.ask(max);
            let inbox = std::mem::take(&mut question.inbox);
            self.question(parcel, inbox).await?;
            while let Some(message) = question.answers.recv().await {
                if is_nobody(&message) {
                    return Err(AskError::NoOne);
                }
                if !take(message) {
                    ended = true;
                    return Ok(());
                }
            }
            Ok(())
        };
        match tokio::time::timeout(within, asked).await {
            Ok(Err(error)) => Err(error),
            Ok(Ok(())) if ended => Ok(()),
            Ok(Ok(())) | Err(_) => Err(AskError::NoAnswer),
        }
    }

    /// Returns when the server has read all that was sent before.
    pub(super) async fn round_trip(&self) -> Result<()> {
        if self.is_over() {
            return Err(closed());
        }
        let mut question = self.mux.ask_one();
        let parcel = Parcel::new(question.inbox.clone(), Bytes::new());
        let trip = async {
            self.connected().await;
            self.send(parcel).await?;
            match (&mut question.answers).await {
                Ok(_) => Ok(()),
                Err(_) => Err(disconnected("hear from the server")),
            }
        };
        let trip = tokio::time::timeout(self.within, trip).await;
        trip.unwrap_or_else(|_| Err(disconnected("hear from the server")))
    }

    /// Sends what is on its way, and ends everything that waits.
    pub(super) async fn close(&self) {
        if self.over.send_replace(true) {
            return;
        }
        self.mux.cut();
        // A server that does not take it any more must not hold up the end.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.client.flush()).await;
        let _ = tokio::time::timeout(Duration::from_secs(1), self.client.drain()).await;
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

/// Whether it is the server's word that nobody listens.
fn is_nobody(message: &Message) -> bool {
    message.status == Some(StatusCode::NO_RESPONDERS)
}
