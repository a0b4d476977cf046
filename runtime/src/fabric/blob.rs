//! The blob ability: large values, named by their hash.

use std::{fmt, str::FromStr, sync::Arc};

use bytes::Bytes;
use futures::future::BoxFuture;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};

/// The name of a blob: the SHA-256 of its bytes, as 64 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobName(Arc<str>);

impl BlobName {
    /// The name of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use fmt::Write as _;
        let mut hex = String::with_capacity(64);
        for byte in Sha256::digest(bytes) {
            let _ = write!(hex, "{byte:02x}");
        }
        Self(hex.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BlobName {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let fits = text.len() == 64
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(Error::new(
                ErrorKind::Invalid,
                "a blob is named by 64 lower-case hexadecimal digits",
            ))
        }
    }
}

impl fmt::Debug for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for BlobName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for BlobName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Large values by hash.
pub trait Blobs: Send + Sync + fmt::Debug + 'static {
    /// Keeps bytes and answers their name. Keeping the same bytes again is free of effect. An error
    /// of kind `Full` means that there is no room, `Invalid` that they are more than
    /// [`BLOB_BYTES_MAX`](crate::limits::BLOB_BYTES_MAX).
    fn put(&self, bytes: Bytes) -> BoxFuture<'static, Result<BlobName>>;

    /// The bytes of a name, none when it is not kept. Bytes that no longer match their name are an
    /// error of kind `Corrupt`.
    fn get(&self, name: &BlobName) -> BoxFuture<'static, Result<Option<Bytes>>>;

    /// Forgets a blob. Forgetting an absent one is free of effect.
    fn delete(&self, name: &BlobName) -> BoxFuture<'static, Result<()>>;

    /// The names of all blobs that are [sealed](super::seal), in any order.
    fn sealed(&self) -> BoxFuture<'static, Result<Vec<BlobName>>>;
}
