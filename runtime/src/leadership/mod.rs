//! Who leads: one register a shard, held by whoever renews it, and given to another only after it
//! stood still.
//!
//! | part | what it does |
//! |---|---|
//! | [`Standing`] | what stands in the register |
//! | [`LeaseMachine`] | decides when to claim, renew and give back: pure |
//! | [`Steward`] | carries out what it decides over a fabric's registers |
//! | [`Seat`] | tells a shard what it is to do now, and hears what became of it |
//! | [`placement`] | which node should lead which shard |
//!
//! Promises:
//! - A revision of the register has one holder at most, since every write names the revision that
//!   it replaces.
//! - A register is taken over only after one revision stood still for the holder's whole lease and a
//!   margin, by the clock of whoever takes it and counted from when it saw the revision. The
//!   holder's own term counts from before its renewal was sent. So no two nodes believe in a term at
//!   the same time, as long as their clocks run at rates that differ by less than the margin.
//! - No clock of one machine is ever compared with one of another.
//! - Whoever wakes after a pause has a term that is over, whatever it did before.
//! - What became of a write whose answer was lost is found out by reading, never assumed.
//!
//! It promises nothing about what is written to a journal: there the expected end of the log keeps
//! two leaders apart. A lease decides who may begin a reign, and until when a reign may say what no
//! append proves. Where a whole machine is suspended and its monotonic clock stands still, a term
//! may seem to last longer than it does; appends are safe even then.

mod hands;
mod lease;
mod machine;
pub mod placement;
#[cfg(test)]
mod tests;
mod words;

pub use hands::{Role, Seat, Steward, StewardParts, Wish, steward};
pub use lease::{Held, LEASE_MS_MAX, Revision, Seen, Standing};
pub use machine::LeaseMachine;
pub use words::{Effect, Event, LeaseSettings, SetFault};
