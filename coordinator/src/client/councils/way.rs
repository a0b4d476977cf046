//! How what is asked of councils reaches whoever leads.

use std::fmt;

use orkestra_runtime::{Error, ErrorKind, Result, machine::ReplyTo};

use super::CouncilError;
use crate::{
    client::{WITHIN, a_moment, unanswered},
    council::{CouncilAnswer, CouncilCommand, CouncilQuery, CouncilReply},
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
    command: CouncilCommand,
) -> Result<CouncilReply, CouncilError> {
    let asked = async {
        loop {
            let again = command.clone();
            let make = |to: ReplyTo| Command::Council(again).addressed(to);
            match shard.command_again(make, Pool::Outside, WITHIN).await {
                Err(ShardError::NoAnswer) if !shard.is_closed() => a_moment().await,
                asked => break asked,
            }
        }
    };
    let asked = tokio::time::timeout(WITHIN, asked).await.unwrap_or(Err(ShardError::NoAnswer));
    told(asked)
}

/// Gives a command once: after an error of kind `Unavailable`, look whether it was done.
pub(super) async fn once(
    shard: &Shard,
    command: CouncilCommand,
) -> Result<CouncilReply, CouncilError> {
    let make = |to: ReplyTo| Command::Council(command).addressed(to);
    told(shard.command(make, Pool::Outside, WITHIN).await)
}

/// Asks something that changes nothing.
pub(super) async fn query(shard: &Shard, query: CouncilQuery) -> Result<CouncilAnswer> {
    let asked = async {
        loop {
            match shard.query(Query::Council(query.clone()), WITHIN).await {
                // The reign that was asked has ended: the next one knows.
                Err(ShardError::NoAnswer) if !shard.is_closed() => a_moment().await,
                asked => break asked,
            }
        }
    };
    let read = tokio::time::timeout(WITHIN, asked).await.unwrap_or(Err(ShardError::NoAnswer));
    match read.map_err(|error| unanswered(&error))?.answer {
        Answer::Council(answer) => Ok(answer),
        answer
        @ (Answer::Task(_) | Answer::Context(_) | Answer::Lock(_) | Answer::Committee(_)) => {
            Err(other(&answer))
        }
    }
}

fn told(asked: Result<Reply, ShardError>) -> Result<CouncilReply, CouncilError> {
    match asked {
        Ok(Reply::Council(CouncilReply::Refused(refusal))) => Err(CouncilError::Refused(refusal)),
        Ok(Reply::Council(reply)) => Ok(reply),
        Ok(reply @ (Reply::Task(_) | Reply::Context(_) | Reply::Lock(_) | Reply::Committee(_))) => {
            Err(CouncilError::Failed(other(&reply)))
        }
        Err(error) => Err(CouncilError::Failed(unanswered(&error))),
    }
}

pub(super) fn other(answer: &impl fmt::Debug) -> Error {
    let why = format!("the shard answered something else: {answer:?}");
    Error::new(ErrorKind::Fault, why)
}
