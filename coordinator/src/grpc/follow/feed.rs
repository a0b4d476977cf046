//! What one reader of a journal has for all who listen: the latest events, and how far it has come.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use orkestra_proto::orkestra::v1::Event;
use orkestra_runtime::journal::Journal;
use tokio::sync::{Semaphore, watch};

use crate::public::events::PublicEvent;

/// How many events are held, and how many bytes of them.
const EVENTS_MAX: usize = 16_384;
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// An event as it is told.
#[derive(Clone, Debug)]
pub(in crate::grpc) struct Told {
    /// Whose, as it is kept.
    pub(super) namespace: String,
    pub(in crate::grpc) event: Event,
}

impl Told {
    pub(super) fn of(event: &PublicEvent) -> Self {
        let told = Event {
            position: event.number.0,
            id: event.id().to_owned(),
            r#type: event.kind_in_full().to_owned(),
            kind: event.kind.clone(),
            time_ms: i64::try_from(event.at.as_ms()).unwrap_or(i64::MAX),
            subject: event.subject().unwrap_or_default().to_owned(),
            data_json: event.data.to_string(),
        };
        Self { namespace: event.namespace.clone(), event: told }
    }

    fn bytes(&self) -> usize {
        let Event { id, r#type, kind, subject, data_json, .. } = &self.event;
        self.namespace.len()
            + id.len()
            + r#type.len()
            + kind.len()
            + subject.len()
            + data_json.len()
    }
}

/// The events of one shard.
pub(in crate::grpc) struct Feed {
    journal: Journal,
    ring: Mutex<Ring>,
    /// Up to where it was read.
    last: watch::Sender<u64>,
    /// Whether it was once read to the end of what is durable.
    is_ready: watch::Sender<bool>,
    listeners: AtomicUsize,
    readers: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Ring {
    events: VecDeque<Arc<Told>>,
    bytes: usize,
    /// Every event after this one, up to `end`, is held.
    after: u64,
    end: u64,
}

/// What comes after a position.
#[derive(Debug)]
pub(super) enum Next {
    /// These, up to the position beside them.
    Events(Vec<Arc<Told>>, u64),
    /// Nothing yet.
    Nothing,
    /// Events that are held no more.
    Gone,
}

impl Feed {
    pub(super) fn new(journal: Journal, readers: Arc<Semaphore>) -> Self {
        Self {
            journal,
            ring: Mutex::default(),
            last: watch::Sender::new(0),
            is_ready: watch::Sender::new(false),
            listeners: AtomicUsize::new(0),
            readers,
        }
    }

    pub(super) const fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(super) const fn readers(&self) -> &Arc<Semaphore> {
        &self.readers
    }

    /// One listener more.
    pub(super) fn listen(&self) {
        self.listeners.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub(super) fn leave(&self) {
        self.listeners.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn is_heard(&self) -> bool {
        self.listeners.load(Ordering::Relaxed) > 0
    }

    /// Nothing up to a position can be read any more, or nothing was read yet.
    pub(super) fn begin_at(&self, position: u64) {
        let mut ring = self.ring();
        if ring.end < position {
            *ring = Ring { after: position, end: position, ..Ring::default() };
        }
    }

    /// Up to where it was read.
    pub(super) fn end(&self) -> u64 {
        self.ring().end
    }

    /// Hands events on that come after all others, up to a position.
    pub(super) fn hand_on(&self, events: impl Iterator<Item = Arc<Told>>, end: u64) {
        {
            let mut ring = self.ring();
            if end <= ring.end {
                return;
            }
            for event in events {
                ring.bytes += event.bytes();
                ring.events.push_back(event);
                while ring.events.len() > EVENTS_MAX || ring.bytes > BYTES_MAX {
                    let Some(oldest) = ring.events.pop_front() else { break };
                    ring.bytes -= oldest.bytes();
                    ring.after = oldest.event.position;
                }
            }
            ring.end = end;
        }
        self.last.send_replace(end);
    }

    pub(super) fn is_read_to_the_end(&self) {
        self.is_ready.send_if_modified(|is_ready| !std::mem::replace(is_ready, true));
    }

    /// At most so many events after a position.
    pub(super) fn after(&self, position: u64, most: usize) -> Next {
        let ring = self.ring();
        if position < ring.after {
            return Next::Gone;
        }
        if position >= ring.end {
            return Next::Nothing;
        }
        let first = ring.events.partition_point(|told| told.event.position <= position);
        let events: Vec<_> = ring.events.iter().skip(first).take(most).cloned().collect();
        let is_all = first + events.len() == ring.events.len();
        let reached = match events.last() {
            Some(last) if !is_all => last.event.position,
            Some(_) | None => ring.end,
        };
        Next::Events(events, reached)
    }

    /// Tells up to where it was read, as that changes.
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// Waits until it was once read to the end.
    pub(super) async fn ready(&self) {
        // It is not gone while somebody waits for it.
        let _ = self.is_ready.subscribe().wait_for(|is_ready| *is_ready).await;
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("journal", &self.journal).finish_non_exhaustive()
    }
}
