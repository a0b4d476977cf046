//! A typed way to an actor, near or far.
//!
//! [`Ref`] hides whether the actor is in this process or behind bytes; it does not hide that asking
//! may fail, and its errors say whether the thing may have been done:
//!
//! | the asker sees | what happened | may it have been done | what to do |
//! |---|---|---|---|
//! | [`AskError::NoOne`] | the actor is gone | surely not | ask again, elsewhere or later |
//! | [`AskError::TooLarge`] | the question does not fit a frame | surely not | ask for less |
//! | [`AskError::NoAnswer`] | the port was dropped, or time ran out | perhaps | find out |
//! | [`AskError::Unreadable`] | the answer is not what was expected | yes | find out |
//!
//! Does not promise a bound: whoever tells or asks holds a permit or a credit, since mailboxes have
//! no bound of their own.

use std::{fmt, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use tokio::sync::oneshot;

use crate::{
    fabric::AskError,
    shell::{Address, Hands},
    wire::{self, Wire, WireError},
};

/// What can be said to an actor, and what it answers.
pub trait Protocol: Wire {
    /// One enum of all answers; a component's handle narrows it.
    type Reply: Wire;
}

/// Workers are told and never asked: what they have to say comes by itself.
impl Protocol for crate::protocol::agent::ToAgent {
    type Reply = ();
}

/// Where an answer goes. Dropping it says "no answer".
pub struct Port<R>(oneshot::Sender<R>);

impl<R> Port<R> {
    /// A port and what comes through it.
    pub fn open() -> (Self, oneshot::Receiver<R>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Answers. Does nothing when whoever asked has given up.
    pub fn answer(self, reply: R) {
        let _ = self.0.send(reply);
    }

    /// Whether whoever asked has given up, so that the question can be dropped unread.
    pub fn is_abandoned(&self) -> bool {
        self.0.is_closed()
    }
}

impl<R> fmt::Debug for Port<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").field("abandoned", &self.is_abandoned()).finish()
    }
}

/// What comes to an actor that speaks a protocol.
#[derive(Debug)]
pub enum Mail<P: Protocol> {
    /// Said; nobody waits.
    Told(P),
    /// Asked; whoever asked waits at the port.
    Asked(P, Port<P::Reply>),
}

impl<P: Protocol> Mail<P> {
    /// What was said or asked.
    pub fn into_body(self) -> P {
        match self {
            Self::Told(body) | Self::Asked(body, _) => body,
        }
    }
}

/// Takes mail to an actor, and gives it back when the actor is gone.
type Post<P> = dyn Fn(Mail<P>) -> Result<(), Mail<P>> + Send + Sync;

/// A typed way to an actor. Cheap to clone; outlives the actor.
pub struct Ref<P: Protocol> {
    post: Arc<Post<P>>,
    strict: bool,
}

impl<P: Protocol> Ref<P> {
    /// A way through a post, which gives mail back when nobody is there to take it.
    pub fn near(post: impl Fn(Mail<P>) -> Result<(), Mail<P>> + Send + Sync + 'static) -> Self {
        Self { post: Arc::new(post), strict: false }
    }

    /// The same way, but everything goes through bytes, as it does to another node: for tests.
    pub fn strict(post: impl Fn(Mail<P>) -> Result<(), Mail<P>> + Send + Sync + 'static) -> Self {
        Self { post: Arc::new(post), strict: true }
    }

    /// A way to an actor of this process whose mail is this protocol.
    pub fn to_actor<H: Hands<Mail = Mail<P>>>(address: Address<H>) -> Self {
        Self::near(move |mail| address.send(mail))
    }

    /// Says something; gives it back when nobody is there, or when it cannot be sent.
    pub fn tell(&self, said: P) -> Result<(), P> {
        if self.strict {
            let Ok(copy) = through_bytes(&said) else { return Err(said) };
            return (self.post)(Mail::Told(copy)).map_err(|_| said);
        }
        (self.post)(Mail::Told(said)).map_err(Mail::into_body)
    }

    /// Asks, and waits for the answer for at most `within`.
    ///
    /// # Cancellation
    ///
    /// Dropping the future gives the question up; the actor may still act on it.
    pub fn ask(
        &self,
        question: P,
        within: Duration,
    ) -> BoxFuture<'static, Result<P::Reply, AskError>> {
        let this = self.clone();
        Box::pin(async move {
            let question = if this.strict {
                through_bytes(&question).map_err(|_| AskError::TooLarge)?
            } else {
                question
            };
            let (port, answer) = Port::open();
            (this.post)(Mail::Asked(question, port)).map_err(|_| AskError::NoOne)?;
            let Ok(Ok(reply)) = tokio::time::timeout(within, answer).await else {
                return Err(AskError::NoAnswer);
            };
            if this.strict {
                return through_bytes(&reply).map_err(|_| AskError::Unreadable);
            }
            Ok(reply)
        })
    }
}

/// Writes a frame and reads it again.
fn through_bytes<W: Wire>(what: &W) -> Result<W, WireError> {
    wire::decode(&wire::encode(what)?)
}

impl<P: Protocol> Clone for Ref<P> {
    fn clone(&self) -> Self {
        Self { post: Arc::clone(&self.post), strict: self.strict }
    }
}

impl<P: Protocol> fmt::Debug for Ref<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ref({})", P::KIND)
    }
}

#[cfg(test)]
mod tests;
