//! What a leader may write while nodes of several versions are there.
//!
//! Every kind of event has a level ([`Mind::level`](super::Mind::level)): the one in which it, or a
//! field of it that matters, appeared. Each node says in its heartbeats up to which level it reads.
//! A leader writes nothing above the lowest of them, since whoever could not read the journal could
//! not lead after it.

use orkestra_runtime::id::NodeId;

/// The highest level of events that everybody reads who may lead after this reign, and who it is
/// that reads no more. Where nobody else can lead there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// The highest level that may be written. Every event is above level 0.
    pub level: u16,
    /// Who reads no more than this.
    pub node: NodeId,
    /// Which program that node runs, for people.
    pub version: String,
}
