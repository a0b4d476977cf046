//! The durable state of all sub-machines as bytes.

use orkestra_runtime::Result;
use serde::{Deserialize, Serialize};

use super::machine::ShardMachine;
use crate::{
    committee::{CommitteeMachine, CommitteeSettings},
    context::{ContextMachine, ContextSettings},
    council::CouncilMachine,
    lock::{LockMachine, LockSettings},
    task::{TaskMachine, TaskSettings},
    versioned,
};

/// The version of snapshots that this program writes, raised with that of any sub-machine. Version 1
/// held tasks alone, version 2 tasks and the context, version 3 locks besides, version 4 votes.
pub(super) const VERSION: u32 = 5;

#[derive(Serialize, Deserialize)]
struct Snapshot {
    v: u32,
    #[serde(with = "serde_bytes")]
    tasks: Vec<u8>,
    /// Nothing in what version 1 wrote: then the context begins empty.
    #[serde(default, with = "serde_bytes")]
    context: Vec<u8>,
    /// Nothing in what versions 1 and 2 wrote: then nobody holds a lock.
    #[serde(default, with = "serde_bytes")]
    locks: Vec<u8>,
    /// Nothing in what versions 1 to 3 wrote: then there are no votes.
    #[serde(default, with = "serde_bytes")]
    committee: Vec<u8>,
    /// Nothing in what versions 1 to 4 wrote: then there are no councils.
    #[serde(default, with = "serde_bytes")]
    councils: Vec<u8>,
}

pub(super) fn write(machine: &ShardMachine) -> Vec<u8> {
    let ShardMachine { tasks, context, locks, committee, councils } = machine;
    let snapshot = Snapshot {
        v: VERSION,
        tasks: tasks.snapshot(),
        context: context.snapshot(),
        locks: locks.snapshot(),
        committee: committee.snapshot(),
        councils: councils.snapshot(),
    };
    // Writing plain data to memory cannot fail; an empty snapshot is refused when it is read.
    rmp_serde::to_vec_named(&snapshot).unwrap_or_default()
}

pub(super) fn read(bytes: &[u8]) -> Result<ShardMachine> {
    let Snapshot { tasks, context, locks, committee, councils, .. } =
        versioned::read("this shard", VERSION, bytes)?;
    let tasks = TaskMachine::restore(TaskSettings::default(), &tasks)?;
    let context = match &context[..] {
        [] => ContextMachine::default(),
        bytes => ContextMachine::restore(ContextSettings::default(), bytes)?,
    };
    let locks = match &locks[..] {
        [] => LockMachine::default(),
        bytes => LockMachine::restore(LockSettings::default(), bytes)?,
    };
    let committee = match &committee[..] {
        [] => CommitteeMachine::default(),
        bytes => CommitteeMachine::restore(CommitteeSettings::default(), bytes)?,
    };
    let councils = match &councils[..] {
        [] => CouncilMachine::default(),
        bytes => CouncilMachine::restore(bytes)?,
    };
    Ok(ShardMachine { tasks, context, locks, committee, councils })
}
