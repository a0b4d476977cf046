//! The sequencer as an actor: mail in, appends and effects out, one reign after another.
//!
//! | part | what it does |
//! |---|---|
//! | [`ShardHandle`] | asks: takes a permit, sends, waits for the answer, and says whether it may have happened |
//! | [`ShardHands`] | how the effects of a mind are carried out, and which of them are answers |
//! | [`Runner`] | begins a reign, hears of its end, begins the next; keeps snapshots beside it |
//!
//! Where others may lead the shard, the runner has a [`Seat`](orkestra_runtime::leadership::Seat):
//! it follows until it is told to lead, and closes its reign before it gives the lease back.
//!
//! The journal has no actor of its own: one append is under way at a time, as a task of the
//! sequencer's shell, and its end comes back as an event.

mod beside;
mod follower;
mod handle;
mod hands;
mod keeper;
#[cfg(test)]
mod led_tests;
mod runner;
mod settings;
mod tenure;
#[cfg(test)]
mod tests;
mod window;

pub use handle::{Read, Reigns, ShardError, ShardHandle};
pub use hands::{Ports, ShardHands};
pub use runner::{Runner, ShardParts, shard};
pub use settings::Settings;
