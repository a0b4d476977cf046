//! Who is there: nodes say a few times a second that they are, and whoever is silent is missed.
//!
//! Promises:
//! - A node that is silent for [`PresenceSettings::down_after`] is told as down, and a node that
//!   comes back is told as back (the same life of it) or as restarted (a later one).
//! - What an earlier life of a node says is refused and counted; so is a beat that comes late.
//! - Whoever was paused itself, or cut off from everybody, misses nobody because of that.
//! - The table is bounded: so many nodes are known, and one more is refused and counted.
//!
//! It does not promise to be right: a node that is told as down may be at work, cut off from here.
//! Nothing that must be safe may hang on it; leases and fences are for that.

mod hands;
mod machine;
mod member;
#[cfg(test)]
mod tests;

pub use hands::{Presence, PresenceParts, Watchman, presence};
pub use machine::{Effect, Event, NODES_MAX, PresenceMachine, PresenceSettings};
pub use member::{Member, Members, State};
