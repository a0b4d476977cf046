//! Bounds that hold everywhere; a bound that belongs to one component stands beside it.

/// The largest record that a journal takes, and so the most that one step may write.
pub const RECORD_BYTES_MAX: usize = 512 * 1024;

/// The largest frame that is read from another node.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// The largest payload that stands in an event; anything larger goes to a blob, named by hash.
pub const PAYLOAD_INLINE_BYTES_MAX: usize = 64 * 1024;

/// The largest blob.
pub const BLOB_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The longest name of anything: a task, an agent, a namespace.
pub const NAME_BYTES_MAX: usize = 128;

const _: () = assert!(PAYLOAD_INLINE_BYTES_MAX * 4 < RECORD_BYTES_MAX);
const _: () = assert!(RECORD_BYTES_MAX < FRAME_BYTES_MAX);
