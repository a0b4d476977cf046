//! The door of a node for other processes on the same machine: a socket in its data directory, at
//! which whoever owns the directory asks for changes while the node is at work.
//!
//! Promises: only the owner of the node's process and root are heard, and the kernel says who they
//! are; whoever sends junk, sends half a line, sends nothing or never reads costs a bounded amount
//! of memory for a bounded time, and disturbs nobody else; what is asked here and what is asked of
//! a folder where nobody is at work is carried out by the same code; a door that cannot be opened
//! is told of in the supervision log and leaves the node at work.
//!
//! It does not promise that what was asked has not happened when no answer comes: look before you
//! ask again.
//!
//! | what the asker sees | whether it may have happened | what to do |
//! |---|---|---|
//! | no socket, or nobody behind it | surely not | the folder may be changed directly, if nobody holds it |
//! | `UNREADABLE`, `TOO_LONG`, `UNKNOWN_VERSION`, `UNKNOWN_COMMAND`, `INVALID`, `FORBIDDEN` | surely not | ask differently |
//! | `BUSY`, `FULL` | surely not | ask again later |
//! | `NOT_FOUND`, `CONFLICT` | surely not | look what there is |
//! | `UNAVAILABLE`, no answer, a closed connection | perhaps | look, then ask again |
//!
//! A new command is a variant of [`Request`], its place in `Request::target`, and an arm in
//! `Clerk::carry_out`; `docs/control.md` tells programs of it.

mod asker;
pub(crate) mod clerk;
pub mod client;
mod councils;
mod frame;
mod locks;
mod message;
mod place;
mod report;
mod request;
mod serve;
mod socket;
mod target;
mod votes;

use std::time::Duration;

pub(crate) use asker::Asker;
pub(crate) use clerk::{Clerk, Identity};
pub use client::Link;
pub use councils::CouncilAsk;
pub use locks::LockAsk;
pub(crate) use locks::{LockDoor, nobody};
pub use message::{Code, VERSION};
pub use report::{Changed, Decided, Healed, NodeStatus, Redacted, RunStatus, Stands, Status};
pub use request::{REASON_BYTES_MAX, Reason, Request};
pub(crate) use serve::child;
pub(crate) use target::{no_run, no_task};
pub use votes::VoteAsk;

/// The longest line that is read from an asker, in bytes.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;
/// The longest answer, in bytes.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How many connections are open at once; one more is told so, and closed.
pub const CONNECTIONS_MAX: usize = 64;
/// How long a connection may go without a whole line.
const IDLE_WITHIN: Duration = Duration::from_mins(1);
/// How long one request may take: longer than what it asks of the shard.
const REQUEST_WITHIN: Duration = Duration::from_secs(45);
/// How long an asker may take to read its answer.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
/// How long requests that are under way may go on once the door closes.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// Whether a line is a request that can be carried out; never fails, whatever the bytes are.
pub fn is_request(line: &[u8]) -> bool {
    message::read(line).1.is_ok()
}

#[cfg(test)]
mod tests;
