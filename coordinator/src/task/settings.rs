//! What an operator may set. Nothing here is read while events are applied.

use std::time::Duration;

use orkestra_runtime::{id::ShardId, protocol::check::Switches};

/// How the task machine of a leader behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSettings {
    /// The shard, for effect keys.
    pub shard: ShardId,
    /// How long an attempt is believed to run without a sign of its worker.
    pub lease: Duration,
    /// How many failures of one task, over all its lives, make it a poison task.
    pub poison_after: u32,
    /// How often a task may be lost with its node before it counts as poison.
    pub losses_max: u32,
    /// How many tasks in a row must fail on an agent to open its breaker, at most 64; 0: breakers never open.
    pub breaker_failures: u32,
    /// How long an agent whose breaker is open is given nothing.
    pub breaker_cooldown: Duration,
    /// How often ready tasks are looked at though nothing happened: a safety net.
    pub assign_sweep: Duration,
    /// How often the health of the team is judged though nobody asks: by whoever watches the node,
    /// not by the machine.
    pub health_sweep: Duration,
    /// How often tasks in progress that nobody holds are looked for.
    pub recovery_sweep: Duration,
    /// How many ended runs are kept in memory.
    pub retain_runs: u32,
    /// How many ended tasks of a stream are kept in memory.
    pub retain_tasks: u32,
    /// How long ended runs, and ended tasks of streams, are kept in memory at most.
    pub retain_for: Duration,
    /// Whether an agent's capacity is shared with other shards, so that it must be asked for before
    /// anything is given to it. False: all of it is this shard's.
    pub needs_credit: bool,
    /// How long what an agent granted counts at most; also the pace of asking for it.
    pub credit_term: Duration,
    /// Which checks are made otherwise than by default, unless a task says so itself.
    pub checks: Switches,
}

impl Default for TaskSettings {
    fn default() -> Self {
        Self {
            shard: ShardId(0),
            lease: Duration::from_secs(30),
            poison_after: 5,
            losses_max: 100,
            breaker_failures: 3,
            breaker_cooldown: Duration::from_mins(5),
            assign_sweep: Duration::from_secs(30),
            health_sweep: Duration::from_mins(5),
            recovery_sweep: Duration::from_mins(10),
            retain_runs: 100,
            retain_tasks: 10_000,
            retain_for: Duration::from_hours(7 * 24),
            needs_credit: false,
            credit_term: Duration::from_secs(5),
            checks: Switches::default(),
        }
    }
}
