//! The housekeeping of a fabric that keeps its own files.

use std::fmt;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::{error::Result, time::Wall};

/// How much room a fabric takes, in bytes on its disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// The file of logs and registers.
    pub store: u64,
    /// What was committed lately and stands beside that file.
    pub write_ahead: u64,
    /// All blobs.
    pub blobs: u64,
    /// How many blobs there are.
    pub blob_count: u64,
}

impl Sizes {
    /// All of it.
    pub const fn total(&self) -> u64 {
        self.store + self.write_ahead + self.blobs
    }
}

/// What was forgotten since nobody names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    /// How many blobs.
    pub blobs: u64,
    /// How many bytes they took.
    pub bytes: u64,
}

/// What became of the room that trimmed records left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shrunk {
    /// It was given back.
    Done,
    /// The store was made by a version that cannot give room back piece by piece, and is too large
    /// to be written anew while somebody waits for it; its room is used again.
    Later,
}

/// What a fabric does for its files when it is asked. All of it goes on beside reads and writes.
pub trait Keeper: Send + Sync + fmt::Debug + 'static {
    /// How much room it takes.
    fn sizes(&self) -> BoxFuture<'static, Result<Sizes>>;

    /// Forgets blobs that were put, or put again, before a time, and that nothing names: no record,
    /// no register, and no blob that a register names. Whatever looks like a name counts as one.
    ///
    /// A blob whose name somebody holds without having written it yet must be younger than
    /// `put_before`.
    fn sweep(&self, put_before: Wall) -> BoxFuture<'static, Result<Swept>>;

    /// Gives room that is not used back to the file system, in portions between which others write.
    /// With `may_wait` a store that cannot do so in portions is written anew as a whole, however
    /// long everybody who writes waits for that.
    ///
    /// An error of kind `Full` means that there is no room for doing so.
    fn shrink(&self, may_wait: bool) -> BoxFuture<'static, Result<Shrunk>>;
}
