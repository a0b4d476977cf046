//! One agent at work: an actor that owns the agent's capacity and lets user code run beside it.
//!
//! Promises:
//! - user code never runs in the actor: attempts run in tasks that end with it;
//! - an attempt ends by its result, its failure, a panic, its time limit, its silence or a
//!   cancellation, and by exactly one of them;
//! - an outcome is kept, and delivered again with growing delays, until it is acknowledged;
//! - an attempt that is held is not begun again, one that has ended is answered from memory;
//! - never more attempts run than the capacity; what is assigned beyond it is handed back at once;
//! - after a panic, a hang or a killed process (see [`Terms::restart_on`]) the worker reports,
//!   hands back what else it held, and ends as failed, so that its supervisor starts it with a fresh
//!   agent;
//! - files are checked before and after the agent's code, beside the actor, for tasks that declare
//!   a workspace;
//! - draining takes nothing new and ends, at the latest, at its limit.
//!
//! What it does not promise: that a cancelled attempt had no effect outside, and that outcomes
//! survive the worker: a new incarnation tells the coordinator that the old one's memory is gone.
//!
//! `machine.rs` decides, `actor.rs` acts, `attempt.rs` is what runs beside the actor, `inbox.rs` is
//! the way back. An idle worker is one actor and nothing else.

mod actor;
mod attempt;
mod held;
mod inbox;
mod machine;
mod spec;
mod words;

pub use actor::{OwnMail, WorkerAddress, WorkerHands, WorkerMail, spawn, spawn_linked};
pub use machine::{UNACKNOWLEDGED_MAX, WorkerMachine};
pub use spec::{AgentFactory, Heart, Introduce, Sink, Terms, WorkerSpec};
pub use words::{Collected, Effect, Event};

#[cfg(test)]
mod checks_tests;
#[cfg(test)]
mod machine_tests;
#[cfg(test)]
mod supervised_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world_tests;
