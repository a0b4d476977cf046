//! Asks the leader of a shard on another node.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use orkestra_runtime::{
    Result,
    fabric::{AskError, Messages, Subject},
    id::{RunId, ShardId},
    names, wire,
};

use super::{
    AGAIN, FIRST_TRIP, LISTEN, TRIP,
    message::{Asked, Back, ShardAnswer, ShardAsk, Told},
    parts::ANSWER_BYTES_MAX,
};
use crate::{
    shard::{
        Pool,
        actor::{Read, ShardError},
        machine::{Answer, Command, Query, Reply},
    },
    task::{Ended, RunSummary},
};

/// Whoever waits for longer waits for ever; and adding it to the time now must not fail.
const LONG: Duration = Duration::from_hours(24 * 365);

/// How late an answer may come at most that is waited for.
const LATE_MAX: Duration = Duration::from_millis(500);

/// Whether a question may be asked twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// It may have an effect each time.
    Once,
    /// Asking again is free of effect.
    Repeatedly,
}

/// The way to whoever leads a shard elsewhere. Cheap to clone.
#[derive(Clone)]
pub(crate) struct There {
    shard: ShardId,
    subject: Subject,
    messages: Arc<dyn Messages>,
    closed: Arc<AtomicBool>,
}

impl There {
    /// The way to a shard over a fabric's messages.
    pub(crate) fn new(shard: ShardId, messages: Arc<dyn Messages>) -> Result<Self> {
        let subject = names::shard_ask(shard)?;
        Ok(Self { shard, subject, messages, closed: Arc::default() })
    }

    /// Over what the shard is reached, and which it is.
    pub(super) fn news(&self) -> (Arc<dyn Messages>, ShardId) {
        (Arc::clone(&self.messages), self.shard)
    }

    /// Asks nobody again from now on: whoever owns this stops.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Asks here while this node leads, and elsewhere otherwise, again and again while nobody leads;
    /// and where asking twice does no harm, also when no answer comes: whoever was asked may have
    /// died with the question.
    pub(super) async fn again<T, R>(
        &self,
        (within, asking): (Duration, Asking),
        here: impl Fn(Duration) -> Option<BoxFuture<'static, Result<T, ShardError>>> + Send,
        there: impl Fn(Duration) -> R + Send,
    ) -> Result<T, ShardError>
    where
        R: Future<Output = Result<T, ShardError>> + Send,
    {
        let until = super::now() + within.min(LONG);
        let mut wait = AGAIN.0;
        let mut trip = match asking {
            Asking::Once => TRIP,
            Asking::Repeatedly => FIRST_TRIP,
        };
        loop {
            let left = until.saturating_duration_since(super::now());
            let answer = match here(left) {
                Some(answer) => answer.await,
                None => there(left.min(trip)).await,
            };
            let left = until.saturating_duration_since(super::now());
            match answer {
                Err(ShardError::NoOne) if !left.is_zero() && !self.is_closed() => {
                    tokio::time::sleep(wait.min(left)).await;
                    wait = AGAIN.1.min(wait * 2);
                }
                Err(ShardError::NoAnswer)
                    if asking == Asking::Repeatedly && !left.is_zero() && !self.is_closed() =>
                {
                    // A closing reign answers so at once: asking it again and again must not spin.
                    tokio::time::sleep(AGAIN.0.min(left)).await;
                    trip = TRIP.min(trip * 2);
                }
                answer => return answer,
            }
        }
    }

    pub(super) async fn command(
        &self,
        command: Command,
        pool: Pool,
        within: Duration,
    ) -> Result<Reply, ShardError> {
        let asked = self.ask(&Asked::Command(command, pool), within);
        match asked.await? {
            Told::Reply(reply) => Ok(reply),
            told => Err(odd(&told)),
        }
    }

    pub(super) async fn tell(
        &self,
        command: Command,
        pool: Pool,
        within: Duration,
    ) -> Result<(), ShardError> {
        let asked = self.ask(&Asked::Tell(command, pool), within);
        match asked.await? {
            Told::Taken => Ok(()),
            told => Err(odd(&told)),
        }
    }

    pub(super) async fn query(
        &self,
        query: Query,
        within: Duration,
    ) -> Result<Read<Answer>, ShardError> {
        let asked = self.ask(&Asked::Query(query), within);
        let told = match asked.await? {
            // Seldom, and large: so it lies apart.
            Told::Kept { token, bytes } => Box::pin(self.fetched(token, bytes)).await?,
            told => told,
        };
        match told {
            Told::Answer(answer, settled) => Ok(Read { answer, settled }),
            told => Err(odd(&told)),
        }
    }

    /// An answer that did not fit a frame, part after part. Each has a trip of its own: whoever
    /// fetches is being answered.
    async fn fetched(&self, token: u64, bytes: u64) -> Result<Told, ShardError> {
        let bytes = usize::try_from(bytes).ok().filter(|bytes| *bytes <= ANSWER_BYTES_MAX);
        let bytes = bytes.ok_or(ShardError::NoAnswer)?;
        let mut body: Vec<u8> = Vec::new();
        while body.len() < bytes {
            match self.ask(&Asked::Part(token, body.len() as u64), FIRST_TRIP).await? {
                Told::Part(part) if !part.is_empty() && part.len() <= bytes - body.len() => {
                    body.extend_from_slice(&part);
                }
                Told::Unknown => return Err(ShardError::NoAnswer),
                told => return Err(odd(&told)),
            }
        }
        let back: Back = rmp_serde::from_slice(&body).map_err(|_| ShardError::NoAnswer)?;
        back
    }

    pub(super) async fn ended(&self, run: &RunId) -> Result<RunSummary, ShardError> {
        match self.ask(&Asked::Await(run.clone()), LISTEN).await {
            Ok(Told::Ended(summary)) => Ok(summary),
            Ok(told) => Err(odd(&told)),
            Err(ShardError::NoOne) => {
                tokio::time::sleep(AGAIN.1).await;
                Err(ShardError::NoAnswer)
            }
            Err(error) => Err(error),
        }
    }

    /// Begins to follow the endings of a run under a token.
    pub(super) async fn follow(&self, run: &RunId, token: u64) -> Result<(), ShardError> {
        match self.ask(&Asked::Follow(run.clone(), token), TRIP).await? {
            Told::Taken => Ok(()),
            told => Err(odd(&told)),
        }
    }

    /// The next endings under a token; none when it is not known any more.
    pub(super) async fn next(&self, token: u64) -> Result<Option<Vec<Ended>>, ShardError> {
        // The leader answers within `LISTEN`, whatever happens: nothing may be on its way to one who
        // has given up, and nobody may wait for long for one who is gone.
        let frame = frame(&Asked::Next(token), TRIP)?;
        match self.told(frame, LISTEN * 2).await? {
            Told::Endings(ended) => Ok(Some(ended)),
            Told::Unknown => Ok(None),
            told => Err(odd(&told)),
        }
    }

    pub(super) async fn unfollow(&self, token: u64) {
        // Whoever is gone follows nobody.
        let _ = self.ask(&Asked::Unfollow(token), TRIP).await;
    }

    /// Asks, and waits for the answer. What is asked is written at once, so that nothing of it is
    /// carried along while the answer is waited for.
    fn ask<'a>(
        &'a self,
        asked: &Asked,
        within: Duration,
    ) -> impl Future<Output = Result<Told, ShardError>> + Send + use<'a> {
        let within = within.min(TRIP);
        let frame = frame(asked, within);
        // The leader's own clock runs as long; what it says a moment late is an answer still.
        let patience = within + LATE_MAX.min(within / 4);
        async move { self.told(frame?, patience).await }
    }

    async fn told(&self, frame: Bytes, patience: Duration) -> Result<Told, ShardError> {
        let answer = match self.messages.ask(&self.subject, frame, patience).await {
            Ok(answer) => answer,
            Err(AskError::NoOne) => return Err(ShardError::NoOne),
            Err(AskError::TooLarge) => return Err(too_large()),
            Err(AskError::NoAnswer | AskError::Unreadable) => return Err(ShardError::NoAnswer),
        };
        let Ok(ShardAnswer { body }) = wire::decode(&answer) else {
            return Err(ShardError::NoAnswer);
        };
        let back: Back = rmp_serde::from_slice(&body).map_err(|_| ShardError::NoAnswer)?;
        back
    }
}

/// A question as it is sent.
fn frame(asked: &Asked, within: Duration) -> Result<Bytes, ShardError> {
    let within_ms = u32::try_from(within.as_millis()).unwrap_or(u32::MAX);
    let body = rmp_serde::to_vec_named(asked).map_err(|_| unreadable())?;
    wire::encode(&ShardAsk { within_ms, body }).map_err(|_| too_large())
}

/// A refusal on this side: the question was never sent.
fn refused(why: &str) -> ShardError {
    let fault = crate::shard::StepFault::Fault(why.to_owned());
    ShardError::Refused(crate::shard::sequencer::Refusal::Step(fault))
}

fn too_large() -> ShardError {
    refused("what is asked does not fit a message: send it in parts")
}

fn unreadable() -> ShardError {
    refused("what is asked cannot be written")
}

/// Another answer than the question has cannot be: whatever was done, its answer is not known.
fn odd(told: &Told) -> ShardError {
    tracing::warn!(?told, "the leader of a shard answered something else");
    ShardError::NoAnswer
}

impl fmt::Debug for There {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("There").field("shard", &self.shard).finish_non_exhaustive()
    }
}
