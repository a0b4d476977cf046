//! The register ability: small values with revisions.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use futures::{future::BoxFuture, stream::BoxStream};

use crate::error::{Error, ErrorKind, Result};

/// The name of a register: tokens of `A-Z a-z 0-9 _ -` with dots between, 256 bytes at most.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// Checks and keeps a key.
    pub fn new(text: &str) -> Result<Self> {
        let fits = text.len() <= 256
            && text.split('.').all(|token| {
                !token.is_empty()
                    && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
            });
        if !fits {
            let shown: String = text.chars().take(40).collect();
            return Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "{shown:?} is not a key: use tokens of letters, digits, _ and - with dots between"
                ),
            ));
        }
        Ok(Self(text.into()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `prefix` with more tokens behind it.
    pub fn is_under(&self, prefix: &Self) -> bool {
        self.0.strip_prefix(&*prefix.0).is_some_and(|rest| rest.starts_with('.'))
    }
}

/// The revision of a value. Only rises, over all keys of a fabric, across deletes and restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// The largest value that a register takes; a larger one is refused as `Full`.
pub const REGISTER_BYTES_MAX: usize = 64 * 1024;

/// What a register holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// When it was set, as a number that only rises.
    pub revision: Revision,
    /// What was set.
    pub bytes: Bytes,
}

/// Why a register was not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetError {
    /// It holds something else: surely not set. Carries what it holds, none when it is absent.
    Conflict(Option<Value>),
    /// No room: surely not set.
    Full,
    /// It may have been set.
    Unknown(String),
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(Some(value)) => {
                write!(f, "the register is at revision {}", value.revision.0)
            }
            Self::Conflict(None) => f.write_str("the register is absent"),
            Self::Full => f.write_str("there is no room"),
            Self::Unknown(why) => write!(f, "the register may or may not be set: {why}"),
        }
    }
}

impl std::error::Error for SetError {}

/// Values of one key as they change: the present one first (none when absent), then the latest
/// after each change. Changes in quick succession may show as one.
pub type Watch = BoxStream<'static, Result<Option<Value>>>;

/// Values of all keys under a prefix as they change: all present ones first, then each key with its
/// latest value after a change, none when it was removed. Changes in quick succession may show as
/// one. Never tells the same revision of a key twice.
pub type WatchUnder = BoxStream<'static, Result<(Key, Option<Value>)>>;

/// Small values with revisions.
pub trait Registers: Send + Sync + fmt::Debug + 'static {
    /// What the register holds.
    fn get(&self, key: &Key) -> BoxFuture<'static, Result<Option<Value>>>;

    /// Sets an absent register.
    fn create(&self, key: &Key, bytes: Bytes) -> BoxFuture<'static, Result<Revision, SetError>>;

    /// Sets a register that is still at `revision`.
    fn compare_and_set(
        &self,
        key: &Key,
        revision: Revision,
        bytes: Bytes,
    ) -> BoxFuture<'static, Result<Revision, SetError>>;

    /// Removes a register that is still at `revision`.
    fn delete(&self, key: &Key, revision: Revision) -> BoxFuture<'static, Result<(), SetError>>;

    /// Follows a register.
    fn watch(&self, key: &Key) -> Watch;

    /// All registers whose keys have more tokens behind `prefix` (any number of them), by key.
    fn list(&self, prefix: &Key) -> BoxFuture<'static, Result<Vec<(Key, Value)>>>;

    /// Follows all registers whose keys have more tokens behind `prefix` (any number of them).
    fn watch_under(&self, prefix: &Key) -> WatchUnder;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_under_a_prefix_only_by_whole_tokens() {
        let under =
            |key: &str, prefix: &str| Key::new(key).unwrap().is_under(&Key::new(prefix).unwrap());
        assert!(under("node.a", "node"));
        assert!(under("node.a.b", "node"));
        assert!(!under("node", "node"));
        assert!(!under("nodes.a", "node"));
        assert!(!under("node-a", "node"));
    }
}
