//! Says to the shards of this node what everybody reads who may lead them, as nodes come and go.
//!
//! A node that is drained is not waited for: it leads nothing more. One that nobody has heard of yet
//! is not known here; if it finds what it cannot read, it says so and does not lead.

use std::{fmt, sync::Arc};

use orkestra_runtime::{
    Result,
    presence::{Members, Presence},
    protocol::node::Reads,
    record::RECORD_VERSION,
};

use crate::{
    reach::Here,
    shard::{Ceiling, Mind as _, machine::ShardMachine},
};

/// Tells shards what may be written.
pub(super) struct Reading {
    pub(super) handles: Vec<Here>,
    pub(super) presence: Presence,
}

impl Reading {
    /// Runs until it is dropped.
    pub(super) async fn run(self: Arc<Self>) -> Result<()> {
        let mut members = self.presence.members();
        let mut told: Option<Option<Ceiling>> = None;
        loop {
            let ceiling = ceiling(&members.borrow_and_update().clone());
            if told.as_ref() != Some(&ceiling) {
                say(ceiling.as_ref());
                for handle in &self.handles {
                    handle.limit(ceiling.clone());
                }
                told = Some(ceiling);
            }
            if members.changed().await.is_err() {
                return Err(super::lost("who is there"));
            }
        }
    }
}

fn say(ceiling: Option<&Ceiling>) {
    if let Some(Ceiling { level, node, version }) = ceiling {
        tracing::warn!(
            %node, version, level,
            "a node that may lead reads less than this program writes: what it cannot read is \
             refused until it is upgraded or drained"
        );
    } else {
        tracing::info!("all nodes that may lead read what this program writes");
    }
}

/// What may be written: nothing that one of those who may lead cannot read. None: everything.
fn ceiling(members: &Members) -> Option<Ceiling> {
    let beat = &members.least_reader()?.beat;
    let level = level(beat.reads);
    (level < ShardMachine::EVENT_LEVEL).then(|| Ceiling {
        level,
        node: beat.node.clone(),
        version: beat.version.clone(),
    })
}

/// Up to which level of events a node reads: none where it does not read the records.
fn level(reads: Reads) -> u16 {
    if reads.record < u16::from(RECORD_VERSION) { 0 } else { reads.events }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("shards", &self.handles.len()).finish_non_exhaustive()
    }
}
