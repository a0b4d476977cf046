//! What is asked of a shard that another node leads, and what it answers.

use orkestra_runtime::{
    id::RunId,
    wire::{Kind, Wire},
};
use serde::{Deserialize, Serialize};

use crate::{
    shard::{
        Pool,
        actor::ShardError,
        machine::{Answer, Command, Query, Reply},
    },
    task::{Ended, RunSummary},
};

/// A question to the leader of a shard.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ShardAsk {
    /// How long whoever asks waits, in milliseconds; the leader believes at most [`super::TRIP`].
    pub(super) within_ms: u32,
    /// An [`Asked`], in MessagePack. Written as bytes, which has the spelling of a list of them and
    /// is not done one by one.
    #[serde(with = "serde_bytes")]
    pub(super) body: Vec<u8>,
}

impl Wire for ShardAsk {
    const KIND: Kind = Kind::new("shard.ask", 1);
}

/// What the leader answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ShardAnswer {
    /// A [`Told`] or the error in its place, in MessagePack.
    #[serde(with = "serde_bytes")]
    pub(super) body: Vec<u8>,
}

impl Wire for ShardAnswer {
    const KIND: Kind = Kind::new("shard.answer", 1);
}

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Asked {
    /// Do this, and answer when it is durable.
    Command(Command, Pool),
    /// Do this; the answer says that it was taken.
    Tell(Command, Pool),
    /// What is.
    Query(Query),
    /// Say when this run has ended.
    Await(RunId),
    /// Begin to remember, under this token, which tasks of a run end.
    Follow(RunId, u64),
    /// What has been remembered under a token; waits until there is something.
    Next(u64),
    /// Remember no more under a token.
    Unfollow(u64),
}

/// What is answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Told {
    /// It is done.
    Reply(Reply),
    /// It was taken.
    Taken,
    /// What is, and whether all of it is durable.
    Answer(Answer, bool),
    /// The run has ended.
    Ended(RunSummary),
    /// These tasks have ended; none that nothing did meanwhile.
    Endings(Vec<Ended>),
    /// Nothing is remembered under this token: follow anew.
    Unknown,
}

/// What comes back: an answer, or why there is none.
pub(super) type Back = Result<Told, ShardError>;
