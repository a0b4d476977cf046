//! Stories of a shard with its context, as its sequencer would drive it.

mod bounds;
mod coming_and_going;
mod restoring;
mod script;
mod telling;
