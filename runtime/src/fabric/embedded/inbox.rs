//! What waits for one subscription, and the stream that hands it out.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use futures::Stream;

use super::signals::closed;
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::Message,
};

#[derive(Debug)]
enum Item {
    Message(Message),
    /// This many were lost here, between what waits before and what waits after.
    Lost(u64),
}

#[derive(Debug, Default)]
struct Waiting {
    items: VecDeque<Item>,
    messages: usize,
    waker: Option<Waker>,
    closed: bool,
}

/// A bounded queue that never makes its sender wait: what does not fit is lost and counted.
#[derive(Debug)]
pub(super) struct Inbox {
    waiting: Mutex<Waiting>,
    capacity: usize,
}

impl Inbox {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), capacity })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting().messages < self.capacity
    }

    pub(super) fn push(&self, message: Message) {
        let mut waiting = self.waiting();
        let mut lost = None;
        if waiting.messages < self.capacity {
            waiting.messages += 1;
            waiting.items.push_back(Item::Message(message));
        } else {
            // Dropped below, without the lock: a dropped reply port may run code.
            lost = Some(message);
            match waiting.items.back_mut() {
                Some(Item::Lost(count)) => *count += 1,
                Some(Item::Message(_)) | None => waiting.items.push_back(Item::Lost(1)),
            }
        }
        let waker = waiting.waker.take();
        drop(waiting);
        drop(lost);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// What waits is still handed out; after it comes the error that says "closed".
    pub(super) fn close(&self) {
        let mut waiting = self.waiting();
        waiting.closed = true;
        let waker = waiting.waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The receiving end: leaves the bus when it is dropped.
pub(super) struct Listening {
    inbox: Arc<Inbox>,
    leave: Option<Box<dyn FnOnce() + Send>>,
    ended: bool,
}

impl Listening {
    pub(super) fn new(inbox: Arc<Inbox>, leave: Box<dyn FnOnce() + Send>) -> Self {
        Self { inbox, leave: Some(leave), ended: false }
    }
}

impl Stream for Listening {
    type Item = Result<Message>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let mut waiting = self.inbox.waiting();
        let item = match waiting.items.pop_front() {
            Some(Item::Message(message)) => {
                waiting.messages -= 1;
                Ok(message)
            }
            Some(Item::Lost(count)) => Err(Error::new(
                ErrorKind::Full,
                format!(
                    "{count} messages were lost: more than {} were waiting",
                    self.inbox.capacity
                ),
            )),
            None if waiting.closed => {
                drop(waiting);
                self.ended = true;
                return Poll::Ready(Some(Err(closed())));
            }
            None => {
                waiting.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
        };
        Poll::Ready(Some(item))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(leave) = self.leave.take() {
            leave();
        }
        // Whoever asked and was not heard is told at once rather than when the time is out.
        let unheard = std::mem::take(&mut self.inbox.waiting().items);
        drop(unheard);
    }
}
