//! Questions that wait for their answers, on one subscription.
//!
//! The client has such a thing of its own, and it forgets a question only when it is answered: of
//! each one that times out some 420 bytes stay behind for ever. Here a question leaves with its
//! asker, and all that are open end with the connection that they went out on.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_nats::Message;
use tokio::sync::{mpsc, oneshot};

/// Where one asker waits.
#[derive(Debug)]
enum Port {
    /// Most want one answer, and for that a channel of many is a large thing to make.
    One(oneshot::Sender<Message>),
    Many(mpsc::Sender<Message>),
}

/// The askers by the last token of their inboxes.
#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    askers: HashMap<u64, Port>,
}

/// Where answers come back to. Cheap to clone; clones are the same place.
#[derive(Clone, Debug)]
pub(super) struct Mux {
    prefix: Arc<str>,
    waiting: Arc<Mutex<Waiting>>,
}

/// An open question; forgotten when it is dropped.
#[derive(Debug)]
pub(super) struct Question<A> {
    /// The subject on which it is answered.
    pub(super) inbox: String,
    pub(super) answers: A,
    number: u64,
    mux: Mux,
}

impl Mux {
    /// For the subjects that have one token behind `inbox`.
    pub(super) fn new(inbox: &str) -> Self {
        Self { prefix: format!("{inbox}.").into(), waiting: Arc::default() }
    }

    /// What to subscribe to.
    pub(super) fn subject(&self) -> String {
        format!("{}*", self.prefix)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A question that takes as many answers as `max` before they are read.
    pub(super) fn ask(&self, max: usize) -> Question<mpsc::Receiver<Message>> {
        let (port, answers) = mpsc::channel(max.max(1));
        self.keep(Port::Many(port), answers)
    }

    /// A question that takes the first answer.
    pub(super) fn ask_one(&self) -> Question<oneshot::Receiver<Message>> {
        let (port, answer) = oneshot::channel();
        self.keep(Port::One(port), answer)
    }

    fn keep<A>(&self, port: Port, answers: A) -> Question<A> {
        let mut waiting = self.waiting();
        waiting.last += 1;
        let number = waiting.last;
        waiting.askers.insert(number, port);
        drop(waiting);
        Question { inbox: format!("{}{number}", self.prefix), answers, number, mux: self.clone() }
    }

    /// Hands an answer to whoever asked; what nobody waits for is dropped.
    pub(super) fn hear(&self, message: Message) {
        let number = message.subject.strip_prefix(&*self.prefix).and_then(|text| text.parse().ok());
        let Some(number) = number else { return };
        let mut waiting = self.waiting();
        let port = match waiting.askers.get(&number) {
            Some(Port::Many(port)) => Some(Port::Many(port.clone())),
            Some(Port::One(_)) => waiting.askers.remove(&number),
            None => None,
        };
        drop(waiting);
        match port {
            Some(Port::One(port)) => drop(port.send(message)),
            // A full one has all the answers that it wants.
            Some(Port::Many(port)) => drop(port.try_send(message)),
            None => {}
        }
    }

    /// Ends all open questions: their answers cannot come any more.
    pub(super) fn cut(&self) {
        let askers = std::mem::take(&mut self.waiting().askers);
        drop(askers);
    }
}

impl<A> Drop for Question<A> {
    fn drop(&mut self) {
        self.mux.waiting().askers.remove(&self.number);
    }
}
