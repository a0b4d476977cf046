//! How what is asked of locks reaches whoever leads: over the way to a shard, or over another one.

use std::{fmt, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use orkestra_runtime::{Error, ErrorKind, Result, fabric::Messages, id::ShardId};

use crate::{
    client::unanswered,
    lock::{LockAnswer, LockCommand, LockQuery, LockReply},
    reach::{Asking, Shard},
    shard::{
        actor::ShardError,
        machine::{Answer, Command, Query, Reply},
        pool::Pool,
    },
};

/// Why nothing was answered.
#[derive(Debug)]
pub(crate) enum Unasked {
    /// No answer came: perhaps done. The same again is safe where it may be asked twice.
    NoAnswer(Error),
    /// It is certain that it was not done, or what was answered is no answer.
    Failed(Error),
}

impl Unasked {
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::NoAnswer(error) | Self::Failed(error) => error,
        }
    }
}

impl From<ShardError> for Unasked {
    fn from(error: ShardError) -> Self {
        let told = unanswered(&error);
        if error == ShardError::NoAnswer { Self::NoAnswer(told) } else { Self::Failed(told) }
    }
}

/// A way to the locks of a process that leads them and is not this one, beside that over NATS.
pub(crate) trait Door: Send + Sync + fmt::Debug {
    /// Passes on a command of whoever stands outside, and waits for its answer.
    fn command(
        &self,
        command: LockCommand,
        within: Duration,
    ) -> BoxFuture<'_, Result<LockReply, Unasked>>;

    /// Passes on a question.
    fn query(&self, query: LockQuery) -> BoxFuture<'_, Result<LockAnswer, Unasked>>;
}

/// How locks are reached. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// Wherever the shard is led.
    Shard(Shard),
    /// At the door of a process.
    Door(Arc<dyn Door>),
}

impl Way {
    /// Whether nobody will ever answer here again.
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Shard(shard) => shard.is_closed(),
            Self::Door(_) => false,
        }
    }

    /// Whether whoever leads is this process now.
    pub(super) fn is_led_here(&self) -> bool {
        match self {
            Self::Shard(shard) => shard.led_here().is_some(),
            Self::Door(_) => false,
        }
    }

    /// Where it is told which sessions have lost something, if it is.
    pub(super) fn news(&self) -> Option<(Arc<dyn Messages>, ShardId)> {
        match self {
            Self::Shard(shard) => shard.news(),
            Self::Door(_) => None,
        }
    }

    /// Gives a command once, or where it may be given twice without effect perhaps again.
    pub(super) async fn command(
        &self,
        command: LockCommand,
        (asking, within): (Asking, Duration),
    ) -> Result<LockReply, Unasked> {
        let shard = match self {
            Self::Shard(shard) => shard,
            Self::Door(door) => return door.command(command, within).await,
        };
        let make = |to| Command::Lock(command).addressed(to);
        match shard.ask(make, Pool::Outside, (within, asking)).await? {
            Reply::Lock(reply) => Ok(reply),
            reply @ (Reply::Task(_)
            | Reply::Context(_)
            | Reply::Committee(_)
            | Reply::Council(_)) => Err(Unasked::Failed(other(&reply))),
        }
    }

    /// Asks something that changes nothing.
    pub(super) async fn query(
        &self,
        query: LockQuery,
        within: Duration,
    ) -> Result<LockAnswer, Unasked> {
        match self {
            Self::Shard(shard) => match shard.query(Query::Lock(query), within).await?.answer {
                Answer::Lock(answer) => Ok(answer),
                answer @ (Answer::Task(_)
                | Answer::Context(_)
                | Answer::Committee(_)
                | Answer::Council(_)) => Err(Unasked::Failed(other(&answer))),
            },
            Self::Door(door) => door.query(query).await,
        }
    }
}

fn other(answer: &impl fmt::Debug) -> Error {
    let why = format!("the shard answered something else: {answer:?}");
    Error::new(ErrorKind::Fault, why)
}
