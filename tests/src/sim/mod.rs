//! The seeded simulator of a shard: one world, many leaders, faults, and clients who keep books.
//!
//! A history has two halves. In the first everything may go wrong: appends whose word is lost or
//! that land late, rivals, full disks, crashes, clock jumps, snapshots and trims. In the second
//! nothing goes wrong any more, and the world must come to rest. Throughout, the [`Books`] of the
//! clients must hold; they know only what clients saw.
//!
//! The sequencer, the journal, promotion and snapshots are the real ones; the log is simulated.
//!
//! Where to add to it: what may go wrong is an action of `world/mod.rs` and a method of
//! `world/weather.rs` that counts itself as a fault; what clients may ask is in `world/clients.rs`
//! and what they may expect in `oracle.rs`; a bug that can be planted is a line of `mutants.rs`.

mod leader;
mod mutants;
mod nodes;
mod oracle;
mod store;
mod team;
mod world;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

pub use mutants::{MUTANTS, Plant, TEAM_MUTANTS, TeamPlant};
pub use nodes::{NODE_MUTANTS, NodePlant, NodesHistory, run_nodes};
pub use oracle::Books;
pub use store::Store;
pub use team::{TeamHistory, run_team};
use world::World;

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
    /// How many things were done to the world.
    pub steps: u64,
    /// What went wrong, by kind.
    pub faults: BTreeMap<&'static str, u64>,
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

/// Runs one history of the shard, one of the team and one of several nodes.
pub fn run_all(seed: u64) -> Result<(History, TeamHistory, NodesHistory), String> {
    let history = run(seed, Plant::Nothing)?;
    let ran = catch_unwind(AssertUnwindSafe(|| run_team(seed, TeamPlant::Nothing)));
    let team = ran.unwrap_or_else(|_| Err("a panic".into()));
    let team = team.map_err(|fault| format!("of the team: {fault}"))?;
    let ran = catch_unwind(AssertUnwindSafe(|| run_nodes(seed, NodePlant::Nothing)));
    let nodes = ran.unwrap_or_else(|_| Err("a panic".into()));
    Ok((history, team, nodes.map_err(|fault| format!("of nodes: {fault}"))?))
}

/// The one command that repeats a seed.
pub fn repeat(seed: u64) -> String {
    format!(
        "cargo run --release -p orkestra-tests --bin simulate -- --seeds 1 --seed {seed} --trace"
    )
}
