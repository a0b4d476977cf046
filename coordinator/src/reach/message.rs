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
    /// What an answer that is kept under a token has from this byte on.
    Part(u64, u64),
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
    /// Nothing is remembered under this token: follow, or ask, anew.
    Unknown,
    /// The answer does not fit a frame: it is kept for whoever asked.
    Kept {
        /// Under which token.
        token: u64,
        /// How many bytes it has.
        bytes: u64,
    },
    /// A part of an answer that is kept.
    Part(#[serde(with = "serde_bytes")] Vec<u8>),
}

/// What comes back: an answer, or why there is none.
pub(super) type Back = Result<Told, ShardError>;

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use orkestra_runtime::{machine::ReplyTo, wire};

    use super::*;
    use crate::{
        shard::{StepFault, sequencer::Refusal},
        task::{Query as TaskQuery, TaskCommand},
    };

    fn run() -> RunId {
        RunId::new("r").unwrap()
    }

    fn asks() -> Vec<(&'static str, Asked)> {
        let seal = TaskCommand::Seal { to: ReplyTo(9), run: run(), tasks: 300 };
        vec![
            ("command", Asked::Command(Command::Task(seal.clone()), Pool::Outside)),
            ("tell", Asked::Tell(Command::Task(seal), Pool::Control)),
            ("query", Asked::Query(Query::Task(TaskQuery::Runs))),
            ("await", Asked::Await(run())),
            ("follow", Asked::Follow(run(), 7)),
            ("next", Asked::Next(7)),
            ("unfollow", Asked::Unfollow(7)),
            ("part", Asked::Part(7, 300)),
        ]
    }

    fn answers() -> Vec<(&'static str, Back)> {
        let refused = |fault| Err(ShardError::Refused(Refusal::Step(fault)));
        vec![
            ("taken", Ok(Told::Taken)),
            ("unknown", Ok(Told::Unknown)),
            ("kept", Ok(Told::Kept { token: 7, bytes: 70_000 })),
            ("part", Ok(Told::Part(vec![1, 2, 3]))),
            ("no_one", Err(ShardError::NoOne)),
            ("full", refused(StepFault::Full)),
            ("too_large", refused(StepFault::TooLarge { bytes: 9, bytes_max: 8 })),
        ]
    }

    /// The line of a frame in the file of kept ones.
    fn line<W: Wire>(name: &str, frame: &W) -> String {
        let frame = wire::encode(frame).unwrap();
        let mut line = format!("{name} ");
        frame.iter().for_each(|byte| write!(line, "{byte:02x}").unwrap());
        line
    }

    fn kept(kind: Kind) -> Vec<String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/kept");
        let path = format!("{folder}/{}.v{}.txt", kind.name, kind.version);
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        kept.lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_asked_of_a_shard_is_spelled_as_it_always_was() {
        let body = |asked: &Asked| rmp_serde::to_vec_named(asked).unwrap();
        let spelled = asks()
            .into_iter()
            .map(|(name, asked)| line(name, &ShardAsk { within_ms: 5_000, body: body(&asked) }));
        assert_eq!(spelled.collect::<Vec<_>>(), kept(ShardAsk::KIND));
    }

    #[test]
    fn what_a_shard_answers_is_spelled_as_it_always_was() {
        let spelled = answers().into_iter().map(|(name, back)| {
            line(name, &ShardAnswer { body: rmp_serde::to_vec_named(&back).unwrap() })
        });
        assert_eq!(spelled.collect::<Vec<_>>(), kept(ShardAnswer::KIND));
    }
}
