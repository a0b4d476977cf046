//! The way to locks: sessions that live by renewals, and guards that know until when they hold.
//!
//! ```text
//! Locks -- open --> Session -- acquire --> Guard -- release
//!                   renews its lease       tells its tokens, and when it is lost
//! ```
//!
//! Promises: a guard stops to hold, by this process's own monotonic clock, before its lock can be
//! given to anybody else; whatever is asked twice because an answer was lost is done once. What is
//! written outside under a lock must show the token all the same: a process that is paused between
//! its look at the guard and its write cannot know that it was.

mod guard;
mod keeper;
mod session;
#[cfg(test)]
mod tests;
mod way;

use std::{fmt, sync::Arc, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::Messages,
    id::{SessionNo, ShardId, Token},
    machine::ReplyTo,
    time::Clock,
};

pub use guard::Guard;
pub use session::{Session, SessionSpec};
use way::Way;
pub(crate) use way::{Door, Unasked};

use super::{WITHIN, a_moment};
use crate::{
    lock::{
        Grant, LockAnswer, LockCommand, LockQuery, LockReason, LockRefusal, LockReply, Release,
        Theft,
    },
    reach::{Asking, Shard},
};

/// Why nothing came of a request for locks.
#[derive(Debug)]
pub enum LockError {
    /// It was refused: nothing was done.
    Refused(LockRefusal),
    /// It could not be asked, or what became of it is not known.
    Failed(Error),
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LockError {}

impl From<LockError> for Error {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Refused(refusal) => Self::new(refusal.kind(), refusal.to_string()),
            LockError::Failed(error) => error,
        }
    }
}

/// The way to the locks of a namespace. Cheap to clone.
#[derive(Clone)]
pub struct Locks {
    way: Way,
    clock: Arc<dyn Clock>,
}

impl Locks {
    pub(crate) const fn new(shard: Shard, clock: Arc<dyn Clock>) -> Self {
        Self { way: Way::Shard(shard), clock }
    }

    /// The way through the door of another process.
    pub(crate) fn through(door: Arc<dyn Door>, clock: Arc<dyn Clock>) -> Self {
        Self { way: Way::Door(door), clock }
    }

    /// Opens a session, which is renewed from now on until it is closed or dropped.
    pub async fn open(&self, spec: SessionSpec) -> Result<Session, LockError> {
        Session::open(self.clone(), spec).await
    }

    /// Gives locks back in the name of a session that this process need not have opened: whoever
    /// knows its number and the tokens may.
    pub async fn release(&self, release: Release) -> Result<(), LockError> {
        let make = |to| LockCommand::Release { to, release: release.clone() };
        match self.done(make, WITHIN).await? {
            LockReply::Released => Ok(()),
            reply => Err(odd(&reply)),
        }
    }

    /// Takes a lock from whoever holds it; answers the greatest token that is no good any more. It is
    /// asked once: after an error of kind `Unavailable`, look whether it happened.
    pub async fn steal(&self, theft: Theft) -> Result<Token, LockError> {
        let to = ReplyTo::default();
        match told(
            self.way.command(LockCommand::Steal { to, theft }, (Asking::Once, WITHIN)).await,
        )? {
            LockReply::Stolen { token } => Ok(token),
            LockReply::Refused(refusal) => Err(LockError::Refused(refusal)),
            reply => Err(odd(&reply)),
        }
    }

    /// Ends a session for whoever opened it; all that it held is kept back for a while.
    pub async fn end(&self, session: SessionNo, by: &str) -> Result<(), LockError> {
        let (reason, by) = (LockReason::Manual, by.to_owned());
        let make = |to| {
            let (by, why) = (by.clone(), String::new());
            LockCommand::End { to, session, reason, by, why, delay_ms: None }
        };
        match self.done(make, WITHIN).await? {
            LockReply::Closed => Ok(()),
            reply => Err(odd(&reply)),
        }
    }

    /// Ends every session whose lease has run out, which the leader does by itself too, and those that
    /// nobody renewed for longer than `silent`; answers how many there were, and how many locks all
    /// that went held.
    pub async fn clean(&self, by: &str, silent: Option<Duration>) -> Result<(u64, u64), LockError> {
        let silent_ms = silent.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let (mut sessions, mut locks) = (0, 0);
        loop {
            let make = |to| LockCommand::Clean { to, by: by.to_owned(), silent_ms };
            match self.done(make, WITHIN).await? {
                LockReply::Cleaned { sessions: some, locks: held, more, .. } => {
                    (sessions, locks) = (sessions + some, locks + held);
                    if !more {
                        return Ok((sessions, locks));
                    }
                }
                reply => return Err(odd(&reply)),
            }
        }
    }

    /// Says whether a token is good, in order with everything else that happens to the lock.
    pub async fn check(&self, shown: Grant) -> Result<(), LockError> {
        match self.done(|to| LockCommand::Check { to, shown: shown.clone() }, WITHIN).await? {
            LockReply::Good => Ok(()),
            reply => Err(odd(&reply)),
        }
    }

    /// Asks something that changes nothing.
    pub async fn query(&self, query: LockQuery) -> Result<LockAnswer> {
        let asked = async {
            loop {
                match self.way.query(query.clone(), WITHIN).await {
                    // The reign that was asked has ended: the next one knows.
                    Err(Unasked::NoAnswer(_)) if !self.way.is_closed() => a_moment().await,
                    asked => break asked,
                }
            }
        };
        let read = tokio::time::timeout(WITHIN, asked).await;
        read.unwrap_or_else(|_| Err(Unasked::NoAnswer(silent()))).map_err(Unasked::into_error)
    }

    /// Where it is told which sessions have lost something, if it is.
    fn news(&self) -> Option<(Arc<dyn Messages>, ShardId)> {
        self.way.news()
    }

    /// Whether whoever leads is this process now.
    fn is_led_here(&self) -> bool {
        self.way.is_led_here()
    }

    /// Passes on what another process asks, once and as it is.
    pub(crate) async fn pass(&self, command: LockCommand, within: Duration) -> Result<LockReply> {
        let asked = self.way.command(command, (Asking::Once, within)).await;
        asked.map_err(Unasked::into_error)
    }

    /// Asks for what may be asked twice without effect, again while no answer comes.
    pub(crate) async fn asked(
        &self,
        make: impl Fn(ReplyTo) -> LockCommand + Send + Sync,
        within: Duration,
    ) -> Result<LockReply, LockError> {
        let began = self.clock.now().moment;
        let ask = || self.way.command(make(ReplyTo::default()), (Asking::Repeatedly, within));
        // The way keeps the limit itself: who is answered, as most are, needs no other timer.
        let mut asked = ask().await;
        if self.is_to_be_asked_again(&asked) {
            let left = within.saturating_sub(self.clock.now().moment.since(began));
            let again = async {
                loop {
                    a_moment().await;
                    let asked = ask().await;
                    if !self.is_to_be_asked_again(&asked) {
                        break asked;
                    }
                }
            };
            // Seldom, so it lies apart.
            let again = Box::pin(tokio::time::timeout(left, again)).await;
            asked = again.unwrap_or_else(|_| Err(Unasked::NoAnswer(silent())));
        }
        told(asked)
    }

    fn is_to_be_asked_again(&self, asked: &Result<LockReply, Unasked>) -> bool {
        matches!(asked, Err(Unasked::NoAnswer(_))) && !self.way.is_closed()
    }

    /// The same; a refusal is an error.
    async fn done(
        &self,
        make: impl Fn(ReplyTo) -> LockCommand + Send + Sync,
        within: Duration,
    ) -> Result<LockReply, LockError> {
        match self.asked(make, within).await? {
            LockReply::Refused(refusal) => Err(LockError::Refused(refusal)),
            reply => Ok(reply),
        }
    }
}

fn told(asked: Result<LockReply, Unasked>) -> Result<LockReply, LockError> {
    asked.map_err(|unasked| LockError::Failed(unasked.into_error()))
}

fn silent() -> Error {
    let why =
        "no answer came from whoever keeps the locks: look whether it was done, then ask again";
    Error::new(ErrorKind::Unavailable, why)
}

fn odd(reply: &LockReply) -> LockError {
    let why = format!("the locks answered something else: {reply:?}");
    LockError::Failed(Error::new(ErrorKind::Fault, why))
}

impl fmt::Debug for Locks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locks").field("way", &self.way).finish_non_exhaustive()
    }
}
