//! What a user may set of a shard.

use std::time::Duration;

/// What a user may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A snapshot is made after so many records, or after [`snapshot_bytes`](Self::snapshot_bytes).
    pub snapshot_every: u64,
    /// A snapshot is made after so many bytes of records: under load a record holds many events.
    pub snapshot_bytes: u64,
    /// So many records behind the older snapshot are kept for audits, but of those that this reign
    /// wrote no more than [`bytes_kept`](Self::bytes_kept) at the next snapshot.
    pub records_kept: u64,
    /// So many bytes of records are kept for audits.
    pub bytes_kept: u64,
    /// An append that takes longer counts as perhaps made.
    pub append_within: Duration,
    /// Whether others may lead the shard, so that a reign needs a lease for what no append proves:
    /// then it says nothing of the kind before [`ShardHandle::lease`](super::ShardHandle::lease) was called.
    pub needs_lease: bool,
    /// Where others may lead: no call to the fabric, other than for blobs, takes longer.
    pub call_within: Duration,
    /// Where others may lead: a reign that is to be handed over and is not closed by then is killed,
    /// and whoever waits there is told that no answer comes.
    pub close_within: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            snapshot_every: 10_000,
            snapshot_bytes: 128 * 1024 * 1024,
            records_kept: 100_000,
            bytes_kept: 1024 * 1024 * 1024,
            append_within: Duration::from_secs(10),
            needs_lease: false,
            call_within: Duration::from_secs(5),
            close_within: Duration::from_secs(3),
        }
    }
}
