//! A shard: one sequencer, many sub-machines, one journal.
//!
//! Everything that must be in one order belongs to one shard, and one sequencer orders it. The
//! sub-machines (tasks, locks, committees …) are composed to one [`Mind`]; a command is handled as
//! one [`Step`], and all events of a step stand in the same record of the journal or none does.
//!
//! Start reading at [`mind`], then [`step`], then [`sequencer`].

pub mod actor;
pub mod ceiling;
mod councils;
pub mod fold;
#[cfg(test)]
pub(crate) mod kept;
mod levels;
mod locks;
pub mod machine;
pub mod mind;
pub mod pool;
pub mod sequencer;
mod snapshot;
pub mod step;
mod ties;
#[cfg(any(test, feature = "testing"))]
pub mod toy;
mod votes;

pub use ceiling::Ceiling;
pub use fold::{Fold, Genesis};
pub use mind::Mind;
pub use pool::Pool;
pub use step::{Performed, Step, StepFault, perform};
