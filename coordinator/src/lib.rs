//! Keeps order: tasks, the shard's sequencer, the supervision tree, and the `orkestra` command.

pub mod shard;
