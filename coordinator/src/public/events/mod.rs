//! What happened, told to anybody: a view of the journal, as `CloudEvents`.
//!
//! Live, an event is published once by whoever leads its shard, and may come twice around a change
//! of leaders. Read again, events come in order, each once, from any position that is kept.

mod cursor;
mod event;
mod live;
mod read;

pub(crate) use cursor::{About, Cursor};
pub(crate) use event::PublicEvent;
pub(super) use live::child;
pub(super) use read::Reader;
pub use read::Reread;

/// How many events one answer holds at most.
pub const EVENTS_MAX: usize = 1_000;
