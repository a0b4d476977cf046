//! Tells whoever follows a log or watches a register that it has changed.
//!
//! A signal carries nothing: who hears it reads again. So a signal that is missed between two
//! reads loses nothing, and changes in quick succession cost one read.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use tokio::sync::watch;

use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{Entry, Follow, Key, LogName, Logs, Registers, Sequence, Told, Watch, WatchUnder},
};

/// How much a follower reads at once.
const FOLLOW_BYTES: usize = 1024 * 1024;

/// Who waits for changes, by name. None once the fabric is closed.
#[derive(Debug)]
pub(super) struct Signals(Mutex<Option<BTreeMap<Arc<str>, watch::Sender<()>>>>);

impl Default for Signals {
    fn default() -> Self {
        Self(Mutex::new(Some(BTreeMap::new())))
    }
}

impl Signals {
    fn with<T>(
        &self,
        act: impl FnOnce(&mut Option<BTreeMap<Arc<str>, watch::Sender<()>>>) -> T,
    ) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A receiver that hears of changes from now on. Ended at once when all is closed.
    pub(super) fn listen(&self, name: &str) -> watch::Receiver<()> {
        self.with(|open| match open {
            Some(waiting) => {
                waiting.entry(name.into()).or_insert_with(|| watch::channel(()).0).subscribe()
            }
            None => watch::channel(()).1,
        })
    }

    /// A receiver that hears of changes of all names that have more tokens behind `prefix`.
    pub(super) fn listen_under(&self, prefix: &str) -> watch::Receiver<()> {
        self.listen(&under(prefix))
    }

    /// Wakes whoever waits for this name.
    pub(super) fn changed(&self, name: &str) {
        self.with(|open| {
            let Some(waiting) = open else { return };
            let mut wake = |name: &str| {
                if let Some(sender) = waiting.get(name)
                    && sender.send(()).is_err()
                {
                    waiting.remove(name);
                }
            };
            wake(name);
            for (dot, _) in name.match_indices('.') {
                wake(&under(&name[..dot]));
            }
        });
    }

    /// Ends every wait, now and later.
    pub(super) fn close(&self) {
        self.with(Option::take);
    }
}

/// What waits for all names under a prefix; no name is like it.
fn under(prefix: &str) -> String {
    format!("{prefix}.>")
}

/// What is told to whoever is cut off by the end of the fabric.
pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Unavailable, "the fabric was closed")
}

/// How a stream learns of changes: by a signal, and for a store that another process writes by
/// looking again after `poll`.
#[derive(Debug)]
pub(super) struct Ear {
    pub(super) signal: watch::Receiver<()>,
    pub(super) poll: Option<Duration>,
}

impl Ear {
    /// Waits for a change since the last call of `reset`.
    async fn wait(&mut self) -> Result<()> {
        let changed = self.signal.changed();
        match self.poll {
            None => changed.await.map_err(|_| closed()),
            Some(poll) => match tokio::time::timeout(poll, changed).await {
                Ok(heard) => heard.map_err(|_| closed()),
                Err(_) => Ok(()),
            },
        }
    }

    fn reset(&mut self) {
        self.signal.mark_unchanged();
    }
}

struct Following {
    logs: Arc<dyn Logs>,
    log: LogName,
    ear: Ear,
    next: Sequence,
    begun: bool,
    ended: bool,
    ready: VecDeque<Entry>,
}

impl Following {
    async fn next(&mut self) -> Option<Result<Entry>> {
        if self.ended {
            return None;
        }
        let entry = self.advance().await;
        self.ended = entry.is_err();
        Some(entry)
    }

    async fn advance(&mut self) -> Result<Entry> {
        loop {
            // A log in memory is always ready; without this a long one would starve other tasks.
            tokio::task::coop::consume_budget().await;
            if let Some(entry) = self.ready.pop_front() {
                if self.begun && entry.sequence != self.next {
                    return Err(Error::new(
                        ErrorKind::NotFound,
                        format!(
                            "cannot follow log {} past {}: it was trimmed up to {} meanwhile",
                            self.log, self.next.0, entry.sequence.0
                        ),
                    ));
                }
                self.begun = true;
                self.next = Sequence(entry.sequence.0 + 1);
                return Ok(entry);
            }
            self.ear.reset();
            self.ready = self.logs.read(&self.log, self.next, FOLLOW_BYTES).await?.into();
            if self.ready.is_empty() {
                self.ear.wait().await?;
            }
        }
    }
}

/// Reads a log from `from` on, and goes on as it grows.
pub(super) fn follow(logs: Arc<dyn Logs>, log: LogName, from: Sequence, ear: Ear) -> Follow {
    let next = Sequence(from.0.max(1));
    let ready = VecDeque::new();
    let following = Following { logs, log, ear, next, begun: false, ended: false, ready };
    stream::unfold(following, |mut following| async move {
        let item = following.next().await?;
        Some((item, following))
    })
    .boxed()
}

/// The value of a register now, and after each change.
pub(super) fn watch(registers: Arc<dyn Registers>, key: Key, ear: Ear) -> Watch {
    let first = (registers, key, ear, None, false);
    stream::unfold(first, |(registers, key, mut ear, mut last, ended)| async move {
        if ended {
            return None;
        }
        loop {
            tokio::task::coop::consume_budget().await;
            ear.reset();
            let fault = match registers.get(&key).await {
                // The first value is always told; a later one only if it is another.
                Ok(value) if last.as_ref() != Some(&value) => {
                    last = Some(value.clone());
                    return Some((Ok(value), (registers, key, ear, last, false)));
                }
                Ok(_) => ear.wait().await.err(),
                Err(error) => Some(error),
            };
            if let Some(error) = fault {
                return Some((Err(error), (registers, key, ear, last, true)));
            }
        }
    })
    .boxed()
}

/// The values of all registers under a prefix now, and after each change.
pub(super) fn watch_under(registers: Arc<dyn Registers>, prefix: Key, ear: Ear) -> WatchUnder {
    let first = (registers, prefix, ear, Told::default(), false);
    stream::unfold(first, |(registers, prefix, mut ear, mut told, ended)| async move {
        if ended {
            return None;
        }
        loop {
            tokio::task::coop::consume_budget().await;
            if let Some(news) = told.next() {
                return Some((Ok(news), (registers, prefix, ear, told, false)));
            }
            ear.reset();
            let fault = match registers.list(&prefix).await {
                Ok(present) => {
                    if told.all_are(present) {
                        continue;
                    }
                    ear.wait().await.err()
                }
                Err(error) => Some(error),
            };
            if let Some(error) = fault {
                return Some((Err(error), (registers, prefix, ear, told, true)));
            }
        }
    })
    .boxed()
}
