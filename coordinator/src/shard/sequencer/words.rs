//! What can happen to a sequencer, and what it asks of the world.

use std::fmt;

use bytes::Bytes;
use orkestra_runtime::{
    fabric::{AppendError, Sequence},
    id::Number,
    machine::ReplyTo,
    time::Moment,
};

use serde::{Deserialize, Serialize};

use crate::shard::{ceiling::Ceiling, mind::Mind, pool::Pool, step::StepFault};

/// What can happen to the sequencer of a mind.
pub type EventOf<M> = Event<<M as Mind>::Command, <M as Mind>::Query>;

/// What the sequencer of a mind asks of the world.
pub type EffectOf<M> = Effect<<M as Mind>::Effect, <M as Mind>::Answer>;

/// What can happen to a sequencer.
#[derive(Debug)]
pub enum Event<C, Q> {
    /// Somebody asks for something to be done.
    Command {
        /// What.
        command: C,
        /// Who is told if it is refused; whoever is answered otherwise stands in the command.
        reply: Option<ReplyTo>,
        /// Whose permit it came with.
        pool: Pool,
    },
    /// Somebody asks what is. Holds a permit of [`Pool::Queries`].
    Query {
        /// What.
        query: Q,
        /// Who is answered.
        reply: ReplyTo,
    },
    /// The record in flight stands in the journal, at this position.
    Appended(Sequence),
    /// The record in flight was not appended, or perhaps.
    AppendFailed(AppendError),
    /// The reign's lease runs until then, counted from before its renewal was sent. Without a word
    /// of it a reign has no lease and needs none: nobody else can lead.
    Lease(Moment),
    /// What everybody who may lead after this reign can read. Without a word of it all may be written
    /// that this program knows.
    Ceiling(Option<Ceiling>),
    /// No more commands are taken; ends when everything is durable and released.
    Close,
}

/// What a sequencer asks of the world.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect<F, A> {
    /// Append a record if the journal ends at `end`. One is under way at a time; how it went comes
    /// back as an event.
    Append {
        /// Where the journal ends.
        end: Sequence,
        /// The number of the record's last event.
        last: Number,
        /// The record.
        record: Bytes,
    },
    /// Everything this effect depends on is durable: carry it out.
    Act(F),
    /// Answer a query.
    Answer {
        /// Who asked.
        to: ReplyTo,
        /// The answer.
        answer: A,
        /// Whether everything it depends on is durable. False only while the shard is parked.
        settled: bool,
    },
    /// Tell somebody that his command was not done and never will be.
    Refuse {
        /// Who asked; none when nobody waits.
        to: Option<ReplyTo>,
        /// Why.
        refusal: Refusal,
    },
    /// Permits of a pool come back.
    Free {
        /// Which pool.
        pool: Pool,
        /// How many.
        count: u32,
    },
    /// The journal is full: writes are refused until `Resumed`.
    Parked,
    /// There is room again.
    Resumed,
    /// Drop everything (ports answer "no answer") and begin again from the journal.
    Restart(Reason),
    /// Everything is durable and released: stop.
    Closed,
}

/// Why a command was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// What it asks for cannot be written.
    Step(StepFault),
    /// More is gathered than the journal can take for now.
    Busy,
    /// The shard is closing.
    Closing,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(fault) => fault.fmt(f),
            Self::Busy => f.write_str("the shard has more to write than it can: try again later"),
            Self::Closing => f.write_str("the shard is closing: ask again when it is open"),
        }
    }
}

/// Why a sequencer must begin again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// An append may or may not have landed. Planned: does not count as a failure.
    Unknown(String),
    /// Somebody else has written. Planned: does not count as a failure.
    Conflict(Sequence),
    /// The program is wrong.
    Fault(String),
}

impl Reason {
    /// Whether the restart is part of the plan, and not a failure.
    pub const fn is_planned(&self) -> bool {
        match self {
            Self::Unknown(_) | Self::Conflict(_) => true,
            Self::Fault(_) => false,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(why) => write!(f, "an append may or may not have landed: {why}"),
            Self::Conflict(end) => write!(f, "somebody else wrote up to record {}", end.0),
            Self::Fault(why) => f.write_str(why),
        }
    }
}
