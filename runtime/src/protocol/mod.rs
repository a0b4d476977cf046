//! What may be said: plain data without ports, one file a subject.
//!
//! Everything here is both stored (MessagePack with named fields) and sent (bincode frames), so a
//! field is only ever added at the end with a default, and a variant only at the end. No `usize`,
//! no hash map, no type of another crate.

pub mod agent;
pub mod ask;
pub mod check;
pub mod council;
pub mod desk;
mod failure;
pub mod lock;
pub mod node;
pub mod payload;
pub mod task;
pub mod understanding;
pub mod vote;
