//! What can be asked of locks at the door, and how another process reaches them through it.
//!
//! Every request has a connection of its own, so that one that waits for a lock stops no renewal.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{RequestNo, SessionNo},
    machine::ReplyTo,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{client::Link, request::Request};
use crate::{
    client::locks::{Door, Unasked},
    lock::{
        Acquire, Grant, LockAnswer, LockCommand, LockQuery, LockReason, LockReply, Opening,
        Release, Theft,
    },
};

/// Something that is asked of locks. Where it has a `by`, whoever minds the door writes there who
/// asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockAsk {
    /// Opens a session.
    Open(Opening),
    /// Lets a session live for another lease.
    Renew {
        /// Which.
        session: SessionNo,
    },
    /// Ends a session in order.
    Close {
        /// Which.
        session: SessionNo,
    },
    /// Wants locks. Whoever waits longer than a request may take asks the same again.
    Acquire(Acquire),
    /// Wants no more what a request asked for.
    Cancel {
        /// Which session.
        session: SessionNo,
        /// Which of its requests.
        request: RequestNo,
    },
    /// Gives locks back.
    Release(Release),
    /// Takes a lock from whoever holds it.
    Steal(Theft),
    /// Ends a session for it.
    End {
        /// Which.
        session: SessionNo,
        /// Why.
        reason: LockReason,
        /// Why, in words.
        #[serde(default)]
        why: String,
        /// For how long what it held is kept back, in milliseconds; none: as configured.
        #[serde(default)]
        delay_ms: Option<u64>,
    },
    /// Ends what is stale: see [`LockCommand::Clean`].
    Clean {
        /// After how much silence a session is stale though its lease is longer, in milliseconds.
        #[serde(default)]
        silent_ms: Option<u64>,
    },
    /// Asks whether a token is good.
    Check(Grant),
    /// Asks something that changes nothing.
    Look(LockQuery),
}

impl LockAsk {
    /// The question, if it is one; otherwise what is to be done, in the name of whoever asks.
    pub(super) fn told(self, by: &str) -> std::result::Result<LockQuery, LockCommand> {
        let (to, by) = (ReplyTo::default(), by.to_owned());
        Err(match self {
            Self::Look(query) => return Ok(query),
            Self::Open(opening) => LockCommand::Open { to, opening: Opening { by, ..opening } },
            Self::Renew { session } => LockCommand::Renew { to, session },
            Self::Close { session } => LockCommand::Close { to, session },
            Self::Acquire(ask) => LockCommand::Acquire { to, ask },
            Self::Cancel { session, request } => LockCommand::Cancel { to, session, request },
            Self::Release(release) => LockCommand::Release { to, release },
            Self::Steal(theft) => LockCommand::Steal { to, theft: Theft { by, ..theft } },
            Self::End { session, reason, why, delay_ms } => {
                LockCommand::End { to, session, reason, by, why, delay_ms }
            }
            Self::Clean { silent_ms } => LockCommand::Clean { to, by, silent_ms },
            Self::Check(shown) => LockCommand::Check { to, shown },
        })
    }

    /// What is asked by a command of whoever stands outside; none of what only a shard tells itself.
    fn of(command: LockCommand) -> Option<Self> {
        Some(match command {
            LockCommand::Open { opening, .. } => Self::Open(opening),
            LockCommand::Renew { session, .. } => Self::Renew { session },
            LockCommand::Close { session, .. } => Self::Close { session },
            LockCommand::Acquire { ask, .. } => Self::Acquire(ask),
            LockCommand::Cancel { session, request, .. } => Self::Cancel { session, request },
            LockCommand::Release { release, .. } => Self::Release(release),
            LockCommand::Steal { theft, .. } => Self::Steal(theft),
            LockCommand::End { session, reason, why, delay_ms, .. } => {
                Self::End { session, reason, why, delay_ms }
            }
            LockCommand::Clean { silent_ms, .. } => Self::Clean { silent_ms },
            LockCommand::Check { shown, .. } => Self::Check(shown),
            LockCommand::AcquireFor { .. }
            | LockCommand::EndAttempts(_)
            | LockCommand::Waits { .. }
            | LockCommand::Await { .. }
            | LockCommand::Recall { .. }
            | LockCommand::Grant { .. }
            | LockCommand::Look { .. }
            | LockCommand::Sweep
            | LockCommand::Later => return None,
        })
    }
}

/// The way to the locks of the process that is at work in a folder.
#[derive(Debug)]
pub(crate) struct LockDoor {
    data_dir: PathBuf,
}

impl LockDoor {
    pub(crate) const fn of(data_dir: PathBuf) -> Self {
        Self { data_dir }
    }

    async fn ask<T: DeserializeOwned>(&self, ask: LockAsk) -> Result<T, Unasked> {
        let link = Link::open(&self.data_dir).await.map_err(Unasked::Failed)?;
        // It may be stopping, and another one starting.
        let mut link = link.ok_or_else(|| Unasked::NoAnswer(nobody(&self.data_dir)))?;
        let asked = link.ask(&Request::Lock { ask }, None).await;
        asked.map_err(|error| match error.kind() {
            // One who was turned away, or has waited for a while, asks the same again.
            ErrorKind::Unavailable | ErrorKind::Full => Unasked::NoAnswer(error),
            _ => Unasked::Failed(error),
        })
    }
}

/// Locks are kept by a process that is at work, and none is.
pub(crate) fn nobody(data_dir: &Path) -> Error {
    let message = format!(
        "nobody is at work in {}, and locks are only given and renewed by a process that is: start \
         `orkestra run` there, or name a cluster with --nats URL",
        data_dir.display()
    );
    Error::new(ErrorKind::Unavailable, message)
}

impl Door for LockDoor {
    fn command(
        &self,
        command: LockCommand,
        within: Duration,
    ) -> BoxFuture<'_, Result<LockReply, Unasked>> {
        async move {
            let Some(ask) = LockAsk::of(command) else {
                let why = "only a shard tells itself this";
                return Err(Unasked::Failed(Error::new(ErrorKind::Fault, why)));
            };
            let asked = tokio::time::timeout(within, self.ask(ask)).await;
            asked.unwrap_or_else(|_| {
                let why = format!("the process that is at work did not answer within {within:?}");
                Err(Unasked::NoAnswer(Error::new(ErrorKind::Unavailable, why)))
            })
        }
        .boxed()
    }

    fn query(&self, query: LockQuery) -> BoxFuture<'_, Result<LockAnswer, Unasked>> {
        self.ask(LockAsk::Look(query)).boxed()
    }
}
