//! The way to the context of a node.

use std::{fmt, time::Duration};

use orkestra_runtime::{Error, ErrorKind, Result};

use crate::{
    client::unanswered,
    context::{
        command::{ContextAnswer, ContextCommand, ContextQuery, ContextReply},
        event::{ProjectPhase, SnapshotNo},
    },
    reach::Shard,
    shard::{
        actor::ShardError,
        machine::{Answer, Command, Query, Reply},
        pool::Pool,
    },
};

/// How long a command or a query may take.
const WITHIN: Duration = Duration::from_secs(30);
/// How long a node that stops waits until its leader has heard so.
const STOPPING_WITHIN: Duration = Duration::from_millis(500);

/// A snapshot that was brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoredSnapshot {
    /// The one of what was the present before: restore it to undo this.
    pub before: SnapshotNo,
    /// The version of the context since then.
    pub version: u64,
}

/// The way to the context of a node. Cheap to clone.
#[derive(Clone)]
pub struct Contexts {
    shard: Shard,
}

impl Contexts {
    pub(crate) const fn new(shard: Shard) -> Self {
        Self { shard }
    }

    /// Takes a snapshot; answers its name and the version of the context. `note` has at most 500
    /// characters.
    pub async fn snapshot(&self, by: &str, note: &str) -> Result<(SnapshotNo, u64)> {
        let (by, note) = (by.to_owned(), note.to_owned());
        match self.command(|to| ContextCommand::Snapshot { to, by, note }).await? {
            ContextReply::Taken { snapshot, version } => Ok((snapshot, version)),
            reply => Err(odd(&reply)),
        }
    }

    /// Makes what was understood at a snapshot, and its phase, the present again; a snapshot of what
    /// is the present now is taken before. Tasks are not touched. An error of kind `NotFound` names
    /// the snapshots that there are.
    pub async fn restore(&self, snapshot: SnapshotNo, by: &str) -> Result<RestoredSnapshot> {
        let by = by.to_owned();
        match self.command(|to| ContextCommand::Restore { to, snapshot, by }).await? {
            ContextReply::Restored { before, version, .. } => {
                Ok(RestoredSnapshot { before, version })
            }
            reply => Err(odd(&reply)),
        }
    }

    /// Says in which phase the work is; answers the version of the context.
    pub async fn set_phase(&self, phase: ProjectPhase, by: &str) -> Result<u64> {
        let by = by.to_owned();
        match self.command(|to| ContextCommand::SetPhase { to, phase, by }).await? {
            ContextReply::PhaseSet { version } => Ok(version),
            reply => Err(odd(&reply)),
        }
    }

    /// Asks something that changes nothing.
    pub async fn query(&self, query: ContextQuery) -> Result<ContextAnswer> {
        let asked = async {
            loop {
                match self.shard.query(Query::Context(query.clone()), WITHIN).await {
                    // The reign that was asked has ended: the next one knows.
                    Err(ShardError::NoAnswer) if !self.shard.is_closed() => {
                        crate::client::a_moment().await;
                    }
                    asked => break asked,
                }
            }
        };
        let read = tokio::time::timeout(WITHIN, asked).await.unwrap_or(Err(ShardError::NoAnswer));
        match read.map_err(|error| unanswered(&error))?.answer {
            Answer::Context(answer) => Ok(answer),
            answer @ (Answer::Task(_)
            | Answer::Lock(_)
            | Answer::Committee(_)
            | Answer::Council(_)) => {
                let why = format!("the shard answered something else: {answer:?}");
                Err(Error::new(ErrorKind::Fault, why))
            }
        }
    }

    /// Says that the node stops, so that the going of its last agent is remembered.
    pub(crate) async fn stopping(&self) {
        let command = Command::Context(ContextCommand::Stopping);
        // Where nobody leads any more there is nothing to remember it.
        if !self.shard.is_closed() {
            let _ = self.shard.tell(command, Pool::Control, STOPPING_WITHIN).await;
        }
    }

    async fn command(
        &self,
        make: impl FnOnce(orkestra_runtime::machine::ReplyTo) -> ContextCommand + Send,
    ) -> Result<ContextReply> {
        let asked = self.shard.command(|to| Command::Context(make(to)), Pool::Outside, WITHIN);
        match asked.await.map_err(|error| unanswered(&error))? {
            Reply::Context(ContextReply::Refused(refusal)) => {
                Err(Error::new(refusal.kind(), refusal.to_string()))
            }
            Reply::Context(reply) => Ok(reply),
            reply @ (Reply::Task(_) | Reply::Lock(_) | Reply::Committee(_) | Reply::Council(_)) => {
                let why = format!("the shard answered something else: {reply:?}");
                Err(Error::new(ErrorKind::Fault, why))
            }
        }
    }
}

fn odd(reply: &ContextReply) -> Error {
    Error::new(ErrorKind::Fault, format!("the context answered something else: {reply:?}"))
}

impl fmt::Debug for Contexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contexts").field("shard", &self.shard).finish()
    }
}
