//! How the connection is, and what the servers can do.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::watch;

use crate::time::{Clock, Wall};

/// Whether there is a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// There is one.
    Connected {
        /// Since when.
        since: Wall,
        /// How many there were before it.
        reconnects: u64,
    },
    /// There is none, and one is being sought.
    Disconnected {
        /// Since when.
        since: Wall,
    },
}

impl Connection {
    /// Whether there is one.
    pub const fn is_connected(&self) -> bool {
        match self {
            Self::Connected { .. } => true,
            Self::Disconnected { .. } => false,
        }
    }
}

/// What was counted since the connection was first made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NatsCounters {
    /// How often the connection was made again.
    pub reconnects: u64,
    /// How often a subscription lost messages because nobody took them.
    pub slow_subscriptions: u64,
    /// How many messages were refused because they cannot be read.
    pub junk: u64,
    /// How many answers could not be sent.
    pub answers_lost: u64,
    /// What the server reported as wrong.
    pub server_errors: u64,
}

/// What the servers are, and what follows from what they lack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NatsFeatures {
    /// The name of the server that was reached.
    pub server: String,
    /// Its version.
    pub version: String,
    /// Sentences for whoever starts a node: what is lacking or not known, and what follows.
    pub notices: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) slow: AtomicU64,
    pub(super) junk: AtomicU64,
    pub(super) answers_lost: AtomicU64,
    pub(super) server_errors: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What is known of the connection, shared by all that use it.
#[derive(Debug)]
pub(super) struct Status {
    clock: Arc<dyn Clock>,
    connection: watch::Sender<Connection>,
    is_up: watch::Sender<bool>,
    connects: AtomicU64,
    pub(super) counts: Counts,
    features: Mutex<NatsFeatures>,
}

impl Status {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let since = clock.now().wall;
        let connection = watch::channel(Connection::Disconnected { since }).0;
        Self {
            clock,
            connection,
            is_up: watch::Sender::new(false),
            connects: AtomicU64::new(0),
            counts: Counts::default(),
            features: Mutex::default(),
        }
    }

    pub(super) fn watch(&self) -> watch::Receiver<Connection> {
        self.connection.subscribe()
    }

    /// The same in a word.
    pub(super) fn is_up(&self) -> watch::Receiver<bool> {
        self.is_up.subscribe()
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connection.borrow().is_connected()
    }

    /// There is a connection; known already, it is not counted again.
    pub(super) fn connected(&self) {
        let since = self.clock.now().wall;
        self.connection.send_if_modified(|connection| {
            let is_news = !connection.is_connected();
            if is_news {
                let before = self.connects.fetch_add(1, Ordering::Relaxed);
                *connection = Connection::Connected { since, reconnects: before };
                self.is_up.send_replace(true);
            }
            is_news
        });
    }

    pub(super) fn disconnected(&self) {
        let since = self.clock.now().wall;
        self.connection.send_if_modified(|connection| {
            let was = connection.is_connected();
            if was {
                *connection = Connection::Disconnected { since };
                self.is_up.send_replace(false);
            }
            was
        });
    }

    pub(super) fn counters(&self) -> NatsCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        NatsCounters {
            reconnects: read(&self.connects).saturating_sub(1),
            slow_subscriptions: read(&self.counts.slow),
            junk: read(&self.counts.junk),
            answers_lost: read(&self.counts.answers_lost),
            server_errors: read(&self.counts.server_errors),
        }
    }

    pub(super) fn features(&self) -> MutexGuard<'_, NatsFeatures> {
        self.features.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a sentence, once.
    pub(super) fn notice(&self, sentence: String) {
        let mut features = self.features();
        if !features.notices.contains(&sentence) {
            features.notices.push(sentence);
        }
    }
}
