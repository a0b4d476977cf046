//! The context of a team: what happened lately, what its agents understand, and points to which
//! that can be brought back.
//!
//! Promises:
//!
//! 1. Everything here is a fold of the journal: events are what the journal says of tasks and
//!    people, told once more in few words; nothing is written a second time.
//! 2. What an agent understands is kept as it said it, until it says something else; the same word
//!    is journaled once.
//! 3. The context version rises with each save (an understanding, a phase, a snapshot, a restore)
//!    and never falls, also when an older snapshot is restored.
//! 4. A snapshot is taken when something happened and ten minutes have passed, when an agent or
//!    the node goes, when somebody asks, and before each restore, which therefore can be undone.
//! 5. It is bounded: 1,000 events, 100 log entries an agent (fewer where more than 500 work),
//!    50 decisions, 20 snapshots, 8 MiB of understandings.
//!
//! Not promised: that restoring touches tasks. What was done was done; a restore brings back what
//! was understood and in which phase, and nothing else.
//!
//! A snapshot holds no copy: understandings are kept once, by the version in which they came, for
//! as long as the present or a snapshot names them. So taking one costs a name an agent, and there
//! is no blob to lose.
//!
//! `machine.rs` decides, `apply.rs` folds its own events and `observe.rs` those of tasks,
//! `look.rs` finds what `view.rs` shows. Votes and rate limits will be told here when there is something that knows of
//! them.

mod apply;
mod change;
mod client;
mod command;
mod event;
mod look;
mod machine;
mod observe;
mod row;
mod snapshot;
mod state;
mod tally;
pub mod view;

#[cfg(test)]
mod tests;

pub use change::{ContextChange, ContextChanged};
pub use client::{Contexts, RestoredSnapshot};
pub use command::{
    ContextAnswer, ContextCommand, ContextDecision, ContextEffect, ContextQuery, ContextRefusal,
    ContextReply,
};
pub use event::{ActiveTask, ContextEvent, ProjectPhase, SnapshotNo, SnapshotReason};
pub use machine::{ContextMachine, ContextSettings};
pub use row::Kind;
pub use tally::Tally;
