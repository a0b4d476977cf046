//! The inbox ability: messages of others that wait until somebody has settled them.
//!
//! Where [`Messages`](super::Messages) reach whoever listens in that moment, what comes to an inbox
//! is kept: a reader that dies or is restarted finds it again, and so does another reader of the
//! same inbox. In return it may come more than once, and is settled one by one.
//!
//! | what happens | what becomes of a letter |
//! |---|---|
//! | it is settled with [`Letter::done`] | it never comes again |
//! | with [`Letter::again`] | it comes again, not before the delay |
//! | with [`Letter::never`] | it never comes again, and the server tells whoever watches why |
//! | its reader dies, or settles nothing | it comes again after [`InboxSpec::settle_within`] |
//! | a settling is lost with the connection | it comes again: readers are idempotent by its id |
//!
//! Promises: what the stream keeps comes to the inbox at least once, in order as long as all goes
//! well; what was made before is never changed. It does not promise that something comes once.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::BoxFuture;

use super::Pattern;
use crate::error::Result;

/// The longest time that a reader waits at once.
pub const LETTER_WITHIN_MAX: Duration = Duration::from_mins(1);

/// A stream that keeps what is sent to some subjects, for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSpec {
    /// What it is called: letters, digits, `_` and `-`.
    pub name: String,
    /// Which subjects it keeps, as others write them.
    pub subjects: Vec<Pattern>,
    /// For how long.
    pub keep_for: Duration,
    /// How many messages; older ones go first.
    pub keep_count: u64,
}

/// A place in a stream that is remembered by the servers under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxSpec {
    /// The stream.
    pub stream: String,
    /// What it is called: letters, digits, `_` and `-`. Readers of the same name share it.
    pub name: String,
    /// Which subjects of the stream come to it.
    pub subject: Pattern,
    /// How long a reader may take before somebody else gets the letter.
    pub settle_within: Duration,
}

/// How a letter is settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// What follows from it is durable.
    Done,
    /// It could not be done now.
    Again {
        /// Not before this.
        after: Duration,
    },
    /// It cannot be done, however often it comes.
    Never {
        /// Why, in a line.
        why: String,
    },
    /// It is being worked on still: the time to settle it begins anew.
    Working,
}

/// The way back to whoever keeps a letter.
pub trait Settle: Send + Sync + fmt::Debug + 'static {
    /// Settles it. An error says that nobody knows whether it is settled: it may come again.
    fn settle(&self, verdict: Verdict) -> BoxFuture<'_, Result<()>>;
}

/// A message that waits to be settled.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Where it was sent to.
    pub subject: String,
    /// The id that its sender gave it, if any.
    pub id: Option<String>,
    /// What was sent.
    pub body: Bytes,
    /// Its place in the stream.
    pub sequence: u64,
    /// How often it came, this time included.
    pub deliveries: u64,
    way: Arc<dyn Settle>,
}

impl Letter {
    /// A letter that is settled by this way.
    pub fn new(subject: impl Into<String>, body: Bytes, way: Arc<dyn Settle>) -> Self {
        Self { subject: subject.into(), id: None, body, sequence: 0, deliveries: 1, way }
    }

    /// What follows from it is durable: it never comes again.
    pub async fn done(&self) -> Result<()> {
        self.way.settle(Verdict::Done).await
    }

    /// It could not be done now: it comes again, not before `after`.
    pub async fn again(&self, after: Duration) -> Result<()> {
        self.way.settle(Verdict::Again { after }).await
    }

    /// It cannot be done: it never comes again.
    pub async fn never(&self, why: &str) -> Result<()> {
        self.way.settle(Verdict::Never { why: why.to_owned() }).await
    }

    /// It is being worked on: the time to settle it begins anew.
    pub async fn working(&self) -> Result<()> {
        self.way.settle(Verdict::Working).await
    }
}

/// One reader of an inbox.
pub trait Inbox: Send + Sync + fmt::Debug + 'static {
    /// The next letter; none when none came in time, or when servers had to be waited for. `within`
    /// is cut to [`LETTER_WITHIN_MAX`]. An error of kind `Unavailable` says that it may be asked
    /// again; any other that the inbox is not what it was opened as.
    fn next(&self, within: Duration) -> BoxFuture<'_, Result<Option<Letter>>>;
}

/// Streams of others and inboxes in them.
pub trait Inboxes: Send + Sync + fmt::Debug + 'static {
    /// Finds a stream, or makes it; says whether it was made. One that is there is left as it is,
    /// unless it does not keep these subjects: an error of kind `Invalid` says so.
    fn stream(&self, spec: &StreamSpec) -> BoxFuture<'_, Result<bool>>;

    /// Finds an inbox, or makes it. One that is there is left as it is, unless it is another: an
    /// error of kind `Invalid` says so.
    fn inbox(&self, spec: &InboxSpec) -> BoxFuture<'_, Result<Arc<dyn Inbox>>>;

    /// Sends to a subject that a stream keeps; returns when it is kept. The same id again, soon after,
    /// is kept once. An error of kind `Unavailable` says that it may or may not be kept.
    fn send(&self, subject: &str, id: &str, body: Bytes) -> BoxFuture<'_, Result<()>>;
}
