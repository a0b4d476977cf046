//! The seeded simulator of a shard: one world, many leaders, faults, and clients who keep books.
//!
//! A history has two halves. In the first everything may go wrong: appends whose word is lost or
//! that land late, rivals, full disks, crashes, clock jumps, snapshots and trims. In the second
//! nothing goes wrong any more, and the world must come to rest. Throughout, the [`Books`] of the
//! clients must hold; they know only what clients saw.
//!
//! The sequencer, the journal, promotion and snapshots are the real ones; the log is simulated.

mod leader;
mod oracle;
mod store;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use oracle::Books;
pub use store::Store;
use world::World;

/// A bug that is planted in the simulated hands, to see whether the books find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// None.
    Nothing,
    /// An append is answered as durable before it is made.
    AnswerEarly,
    /// The log takes appends wherever their writer thinks it ends.
    NoFence,
    /// A reign begins without its record.
    NoEpochRecord,
    /// A replay applies every event twice.
    ApplyTwice,
    /// Effects are carried out last to first.
    Backwards,
    /// An append that timed out is taken as made.
    UnknownIsDone,
    /// A snapshot leaves out what outlives the journal.
    ForgetfulSnapshot,
    /// The log is trimmed up to its end.
    TrimTooFar,
    /// Queries are answered from memory without waiting.
    DirtyReads,
    /// A replay leaves out the last record.
    ShortReplay,
    /// The number of a reign is given out again.
    EpochAgain,
    /// A leader is not told that its lease has lapsed.
    NoLease,
    /// A crash leaves a part of a record in the log.
    TornRecord,
}

impl Plant {
    /// All bugs.
    pub const ALL: [Self; 13] = [
        Self::AnswerEarly,
        Self::NoFence,
        Self::NoEpochRecord,
        Self::ApplyTwice,
        Self::Backwards,
        Self::UnknownIsDone,
        Self::ForgetfulSnapshot,
        Self::TrimTooFar,
        Self::DirtyReads,
        Self::ShortReplay,
        Self::EpochAgain,
        Self::NoLease,
        Self::TornRecord,
    ];
}

/// What happened in a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Transfers that were acknowledged.
    pub done: u64,
    /// Settled reads.
    pub reads: u64,
    /// Reigns that began.
    pub reigns: u64,
    /// Reigns that ended by a lost word or a rival.
    pub restarts: u64,
    /// Leaders that crashed.
    pub crashes: u64,
    /// Times that a shard was parked.
    pub parked: u64,
    /// Late appends that were tried, whether they landed or not.
    pub late: u64,
    /// Snapshots that were kept.
    pub snapshots: u64,
    /// Everything that happened, in order.
    pub trace: Vec<String>,
}

/// Runs one history. An error says what does not hold, or that nothing happened.
pub fn run(seed: u64, plant: Plant) -> Result<History, String> {
    let ran = catch_unwind(AssertUnwindSafe(|| World::new(seed, plant).and_then(World::run)));
    let history = ran.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        Err(said.unwrap_or_else(|| "a panic".into()))
    })?;
    if history.done < 5 || history.reigns < 2 || history.reads == 0 {
        return Err(format!("idle, and proves nothing: {} transfers", history.done));
    }
    Ok(history)
}

/// The one command that repeats a seed.
pub fn repeat(seed: u64) -> String {
    format!("cargo run -p orkestra-tests --bin simulate -- --seeds 1 --seed {seed}")
}
