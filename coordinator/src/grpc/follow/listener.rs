//! One who listens: from the feed while he keeps up, from the journal while he does not.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use orkestra_proto::orkestra::v1::{EventUpdate, Mark, event_update};
use orkestra_runtime::ErrorKind;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tonic::Status;

use super::feed::{Feed, Next, Told};
use crate::{
    grpc::status::{Reason, failed, refused},
    public::events::{About, Cursor},
};

/// How many events are looked at before others have their turn.
const LOOKED_AT_MAX: usize = 512;
/// After how many events of which none was wanted a place is told where to go on.
const MARK_AFTER: u64 = 4_096;

/// An event, or a place.
pub(in crate::grpc) type Update = EventUpdate;

/// Which events are wanted.
#[derive(Clone, Debug)]
pub(in crate::grpc) struct Wanted {
    /// Of which namespace, as it is kept.
    pub(in crate::grpc) namespace: Arc<str>,
    /// Only these kinds; none: all.
    pub(in crate::grpc) kinds: BTreeSet<String>,
}

impl Wanted {
    fn has(&self, namespace: &str, kind: &str) -> bool {
        namespace == &*self.namespace && (self.kinds.is_empty() || self.kinds.contains(kind))
    }
}

/// One who listens.
#[derive(Debug)]
pub(in crate::grpc) struct Listener {
    feed: Arc<Feed>,
    news: watch::Receiver<u64>,
    wanted: Wanted,
    /// Everything up to here was looked at.
    after: u64,
    /// The latest place that was told, or shown by an event.
    marked: u64,
    is_caught_up: bool,
    ahead: VecDeque<Update>,
    /// While he reads by himself.
    own: Option<(Box<Cursor>, OwnedSemaphorePermit)>,
}

impl Listener {
    /// One who wants what comes after a position; none: only what comes from now on.
    pub(in crate::grpc) async fn begin(
        feed: Arc<Feed>,
        wanted: Wanted,
        after: Option<u64>,
    ) -> Result<Self, Status> {
        let mut listener = Self {
            news: feed.news(),
            feed,
            wanted,
            after: 0,
            marked: 0,
            is_caught_up: false,
            ahead: VecDeque::new(),
            own: None,
        };
        listener.feed.ready().await;
        let end = listener.feed.end();
        let after = after.unwrap_or(end);
        if after > end {
            let why = format!(
                "nothing is at position {after}: the latest is {end}; a position counts only for the \
                 cluster and the namespace that it was told for"
            );
            return Err(refused(Reason::OutOfRange, why));
        }
        (listener.after, listener.marked) = (after, after);
        Ok(listener)
    }

    /// The next event that is wanted, or a place. Dropping the future loses nothing.
    pub(in crate::grpc) async fn next(&mut self) -> Result<Update, Status> {
        loop {
            if let Some(update) = self.ahead.pop_front() {
                return Ok(update);
            }
            if self.own.is_some() {
                self.read_on().await?;
                continue;
            }
            match self.feed.after(self.after, LOOKED_AT_MAX) {
                Next::Events(events, reached) => {
                    for told in events {
                        self.take(&told);
                    }
                    self.reach(reached);
                }
                Next::Gone => self.read_by_himself().await?,
                Next::Nothing if !self.is_caught_up => {
                    self.is_caught_up = true;
                    self.mark(false);
                }
                Next::Nothing => {
                    if self.news.changed().await.is_err() {
                        return Err(refused(Reason::Unavailable, "nobody reads the journal"));
                    }
                }
            }
        }
    }

    fn take(&mut self, told: &Told) {
        let event = &told.event;
        if event.position > self.after && self.wanted.has(&told.namespace, &event.kind) {
            self.marked = event.position;
            let update = event_update::Update::Event(event.clone());
            self.ahead.push_back(EventUpdate { update: Some(update) });
        }
    }

    /// Everything up to a position was looked at.
    fn reach(&mut self, position: u64) {
        self.after = self.after.max(position);
        if self.after - self.marked >= MARK_AFTER {
            self.mark(false);
        }
    }

    fn mark(&mut self, gap: bool) {
        self.marked = self.after;
        let update = event_update::Update::Mark(Mark { position: self.after, gap });
        self.ahead.push_back(EventUpdate { update: Some(update) });
    }

    /// Begins to read the journal: as few as possible do that at once.
    async fn read_by_himself(&mut self) -> Result<(), Status> {
        let readers = Arc::clone(self.feed.readers());
        let Ok(turn) = readers.acquire_owned().await else {
            return Err(refused(Reason::Stopping, "nobody reads journals any more"));
        };
        // While he waited for his turn the feed may have been begun anew.
        if !matches!(self.feed.after(self.after, 1), Next::Gone) {
            return Ok(());
        }
        let cursor = Cursor::begin(self.feed.journal().clone()).await;
        let cursor = cursor.map_err(|error| failed(&error))?;
        let first = cursor.last().0;
        if first > self.after {
            // What lies between is kept no more.
            self.after = first;
            self.mark(true);
        }
        self.own = Some((Box::new(cursor), turn));
        Ok(())
    }

    /// Reads some of the journal, until the feed has what comes next.
    async fn read_on(&mut self) -> Result<(), Status> {
        let Some((mut cursor, turn)) = self.own.take() else { return Ok(()) };
        for _ in 0..LOOKED_AT_MAX {
            let (after, wanted) = (self.after, self.wanted.clone());
            let next = cursor.next_if(|about: About<'_>| {
                about.number.0 > after && about.namespace == &*wanted.namespace
            });
            match next.await {
                Ok(Some(event)) => {
                    if let Some(event) = event {
                        self.take(&Told::of(&event));
                    }
                    self.reach(cursor.last().0);
                }
                Ok(None) => return Ok(()),
                // It was trimmed meanwhile: whoever asks again begins where it begins now.
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(failed(&error)),
            }
        }
        if matches!(self.feed.after(self.after, 1), Next::Gone) {
            self.own = Some((cursor, turn));
        }
        Ok(())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.feed.leave();
    }
}
