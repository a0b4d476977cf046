//! The log ability: ordered records, appended only by a writer who knows the end.

use std::{fmt, str::FromStr, sync::Arc};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture, stream::BoxStream};

use crate::error::{Error, ErrorKind, Result};

/// The position of a record in its log: contiguous, from 1. Zero is the position before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// The name of a log: 1 to 64 bytes of `A-Z a-z 0-9 _ -`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogName(Arc<str>);

impl LogName {
    /// Checks and keeps a name.
    pub fn new(name: &str) -> Result<Self> {
        let fits = (1..=64).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !fits {
            let shown: String = name.chars().take(40).collect();
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("{shown:?} cannot name a log: use 1 to 64 letters, digits, _ and -"),
            ));
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LogName {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        Self::new(name)
    }
}

impl fmt::Debug for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One record of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its position.
    pub sequence: Sequence,
    /// What was appended, byte for byte.
    pub record: Bytes,
}

/// Why an append did not end well, and whether the record may be in the log all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// The log ends elsewhere: surely not appended. Carries where it ends.
    Conflict(Sequence),
    /// No room: surely not appended; works again when there is room.
    Full,
    /// The record is larger than a log takes: surely not appended.
    TooLarge,
    /// It may have been appended, and it may still land later. Whoever wrote must stop, read the
    /// end, and begin a new epoch.
    Unknown(String),
}

impl AppendError {
    /// Whether the record is surely not in the log and never will be.
    pub const fn is_surely_undone(&self) -> bool {
        match self {
            Self::Conflict(_) | Self::Full | Self::TooLarge => true,
            Self::Unknown(_) => false,
        }
    }
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(end) => write!(f, "the log ends at {} already", end.0),
            Self::Full => f.write_str("there is no room"),
            Self::TooLarge => f.write_str("the record is too large"),
            Self::Unknown(why) => write!(f, "the record may or may not be in the log: {why}"),
        }
    }
}

impl std::error::Error for AppendError {}

/// Records as they are appended, in order and without a gap, until it is dropped.
pub type Follow = BoxStream<'static, Result<Entry>>;

/// Ordered records. All methods may be called from many tasks at once.
pub trait Logs: Send + Sync + fmt::Debug + 'static {
    /// Appends one record if the log still ends at `end`, and answers its position.
    ///
    /// A log comes into being with its first record. Dropping the future does not undo the append.
    fn append(
        &self,
        log: &LogName,
        end: Sequence,
        record: Bytes,
    ) -> BoxFuture<'static, Result<Sequence, AppendError>>;

    /// Where the log ends: the position of its last record, zero when it has none.
    fn end(&self, log: &LogName) -> BoxFuture<'static, Result<Sequence>>;

    /// Reads records from `from` on, in order, until `bytes_max` are gathered (at least one record
    /// if there is any). Empty means that the log ends before `from`. Reading below what was
    /// trimmed begins at the first record that is left.
    fn read(
        &self,
        log: &LogName,
        from: Sequence,
        bytes_max: usize,
    ) -> BoxFuture<'static, Result<Vec<Entry>>>;

    /// Reads records from `from` on and goes on with new ones as they are appended.
    fn follow(&self, log: &LogName, from: Sequence) -> Follow;

    /// Begins a log that never had a record at `first`, as if all before were trimmed: what was kept
    /// of another log, whose beginning is forgotten, goes on here under its own positions. An error
    /// of kind `Conflict` says that the log ends elsewhere; one that ends right before `first`
    /// already stays as it is.
    fn begin(&self, log: &LogName, first: Sequence) -> BoxFuture<'static, Result<()>> {
        let message = format!("log {log} cannot begin at {} here", first.0);
        std::future::ready(Err(Error::new(ErrorKind::Invalid, message))).boxed()
    }

    /// Forgets all records below `first`. The end does not move.
    fn trim(&self, log: &LogName, first: Sequence) -> BoxFuture<'static, Result<()>>;
}

/// Whether a log that ends at `end` has to be begun at `first`.
pub(super) fn must_begin(log: &LogName, end: Sequence, first: Sequence) -> Result<bool> {
    if end.0 + 1 == first.0.max(1) {
        return Ok(false);
    }
    if end.0 == 0 {
        return Ok(true);
    }
    let message = format!("log {log} cannot begin at {}: it ends at {}", first.0, end.0);
    Err(Error::new(ErrorKind::Conflict, message))
}
