//! Where events become records: one gathers, others wait, one is away.

use std::collections::VecDeque;

use bytes::Bytes;
use orkestra_runtime::{
    Result,
    fabric::Sequence,
    id::{Epoch, Number, ShardId},
    record::{Head, seal},
    time::Wall,
};

/// A record that is ready to be appended.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    pub(super) last: Number,
    pub(super) record: Bytes,
}

/// Records on their way to the journal.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) shard: ShardId,
    pub(super) epoch: Epoch,
    /// Where the journal ends.
    pub(super) end: Sequence,
    /// The first event of the gathering record and its shard time, if it has events.
    pub(super) gathering: Option<(Number, Wall)>,
    sealed: VecDeque<Sealed>,
    sealed_bytes: usize,
    pub(super) in_flight: Option<Sealed>,
}

impl Outgoing {
    pub(super) const fn new(shard: ShardId, epoch: Epoch, end: Sequence) -> Self {
        Self {
            shard,
            epoch,
            end,
            gathering: None,
            sealed: VecDeque::new(),
            sealed_bytes: 0,
            in_flight: None,
        }
    }

    /// Nothing is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.gathering.is_none() && self.sealed.is_empty() && self.in_flight.is_none()
    }

    /// How many bytes wait, besides those that gather and those that are away.
    pub(super) const fn sealed_bytes(&self) -> usize {
        self.sealed_bytes
    }

    /// Makes a record of the first `bytes` of what has gathered; `last` is its last event, and
    /// the rest, if any, gathers on at the same time, since it was applied with it.
    pub(super) fn close(&mut self, buffer: &mut Vec<u8>, bytes: usize, last: Number) -> Result<()> {
        let Some((first, at)) = self.gathering.take() else { return Ok(()) };
        let head = Head { shard: self.shard, epoch: self.epoch, first, last, at };
        let record = Bytes::from(seal(&head, buffer.get(..bytes).unwrap_or_default())?);
        buffer.drain(..bytes);
        if !buffer.is_empty() {
            self.gathering = Some((last.next(), at));
        }
        self.sealed_bytes += record.len();
        self.sealed.push_back(Sealed { last, record });
        Ok(())
    }

    /// The next record to be sent, if none is away.
    pub(super) fn send(&mut self) -> Option<&Sealed> {
        if self.in_flight.is_some() {
            return None;
        }
        let sealed = self.sealed.pop_front()?;
        self.sealed_bytes -= sealed.record.len();
        Some(self.in_flight.insert(sealed))
    }

    /// Whether a record is sealed and waits to be sent.
    pub(super) fn has_sealed(&self) -> bool {
        !self.sealed.is_empty()
    }
}
