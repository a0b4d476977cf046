//! How what is asked of votes reaches whoever leads.

use std::{fmt, time::Duration};

use orkestra_runtime::{Error, ErrorKind, Result, machine::ReplyTo};

use super::VoteError;
use crate::{
    client::{a_moment, unanswered},
    committee::{CommitteeAnswer, CommitteeCommand, CommitteeQuery, CommitteeReply},
    reach::Shard,
    shard::{
        actor::ShardError,
        machine::{Answer, Command, Query, Reply},
        pool::Pool,
    },
};

/// Gives a command, and the same again while no answer comes: the same twice is done once.
pub(super) async fn asked(
    shard: &Shard,
    command: CommitteeCommand,
    within: Duration,
) -> Result<CommitteeReply, VoteError> {
    let asked = async {
        loop {
            let again = command.clone();
            let make = |to: ReplyTo| Command::Committee(again).addressed(to);
            match shard.command_again(make, Pool::Outside, within).await {
                Err(ShardError::NoAnswer) if !shard.is_closed() => a_moment().await,
                asked => break asked,
            }
        }
    };
    let asked = tokio::time::timeout(within, asked).await.unwrap_or(Err(ShardError::NoAnswer));
    told(asked)
}

/// Gives a command once: after an error of kind `Unavailable`, look whether it was done.
pub(super) async fn once(
    shard: &Shard,
    command: CommitteeCommand,
    within: Duration,
) -> Result<CommitteeReply, VoteError> {
    let make = |to: ReplyTo| Command::Committee(command).addressed(to);
    told(shard.command(make, Pool::Outside, within).await)
}

/// Asks something that changes nothing.
pub(super) async fn query(
    shard: &Shard,
    query: CommitteeQuery,
    within: Duration,
) -> Result<CommitteeAnswer> {
    let asked = async {
        loop {
            match shard.query(Query::Committee(query.clone()), within).await {
                // The reign that was asked has ended: the next one knows.
                Err(ShardError::NoAnswer) if !shard.is_closed() => a_moment().await,
                asked => break asked,
            }
        }
    };
    let read = tokio::time::timeout(within, asked).await.unwrap_or(Err(ShardError::NoAnswer));
    match read.map_err(|error| unanswered(&error))?.answer {
        Answer::Committee(answer) => Ok(answer),
        answer @ (Answer::Task(_) | Answer::Context(_) | Answer::Lock(_) | Answer::Council(_)) => {
            Err(other(&answer))
        }
    }
}

fn told(asked: Result<Reply, ShardError>) -> Result<CommitteeReply, VoteError> {
    match asked {
        Ok(Reply::Committee(CommitteeReply::Refused(refusal))) => Err(VoteError::Refused(refusal)),
        Ok(Reply::Committee(reply)) => Ok(reply),
        Ok(reply @ (Reply::Task(_) | Reply::Context(_) | Reply::Lock(_) | Reply::Council(_))) => {
            Err(VoteError::Failed(other(&reply)))
        }
        Err(error) => Err(VoteError::Failed(unanswered(&error))),
    }
}

pub(super) fn other(answer: &impl fmt::Debug) -> Error {
    let why = format!("the shard answered something else: {answer:?}");
    Error::new(ErrorKind::Fault, why)
}
