//! What tasks carry: JSON, in place while it is small, in a blob when it is large or sensitive.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::error::{Error, ErrorKind, Result};
pub use crate::fabric::BlobName;

/// JSON text that was checked when it came in. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(Arc<str>);

impl Json {
    /// The JSON of a value.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let text = serde_json::to_string(value).map_err(|error| {
            Error::new(ErrorKind::Invalid, "cannot write a value as JSON").because(error)
        })?;
        Ok(Self(text.into()))
    }

    /// Checks that a text is JSON, and keeps it as it is.
    pub fn parse(text: &str) -> Result<Self> {
        serde_json::from_str::<&serde_json::value::RawValue>(text)
            .map_err(|error| Error::new(ErrorKind::Invalid, "this is not JSON").because(error))?;
        Ok(Self(text.into()))
    }

    /// The JSON `null`.
    pub fn null() -> Self {
        Self("null".into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads it as a value.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.0).map_err(|error| {
            Error::new(ErrorKind::Invalid, "this JSON is not what was expected").because(error)
        })
    }
}

impl Default for Json {
    fn default() -> Self {
        Self::null()
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An input or an output: JSON in place, or the name of the blob that holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// In place; at most [`PAYLOAD_INLINE_BYTES_MAX`](crate::limits::PAYLOAD_INLINE_BYTES_MAX).
    Inline(Json),
    /// In a blob, which was durable before this was said.
    Blob {
        /// Its name.
        name: BlobName,
        /// Its length in bytes.
        bytes: u64,
    },
    /// In a [sealed](crate::fabric::seal) blob whatever its size, since it may have to be deleted.
    Sensitive {
        /// The blob's name, which tells nothing of the content.
        name: BlobName,
        /// The length of the JSON in bytes.
        bytes: u64,
    },
}

impl Payload {
    /// Nothing: the JSON `null`.
    pub fn null() -> Self {
        Self::Inline(Json::null())
    }

    /// The blob that holds it, if one does.
    pub const fn blob(&self) -> Option<&BlobName> {
        match self {
            Self::Inline(_) => None,
            Self::Blob { name, .. } | Self::Sensitive { name, .. } => Some(name),
        }
    }

    /// Whether it may have to be deleted.
    pub const fn is_sensitive(&self) -> bool {
        matches!(self, Self::Sensitive { .. })
    }
}

/// The JSON that stands in place; of anything else what it is, and of what is sensitive no more
/// than its length.
impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(json) => fmt::Display::fmt(json, f),
            Self::Blob { name, bytes } => write!(f, "(blob {name}, {bytes} bytes)"),
            Self::Sensitive { bytes, .. } => write!(f, "(sensitive, {bytes} bytes)"),
        }
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::null()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sensitive_is_shown_by_its_length_alone() {
        let payload = Payload::Sensitive { name: BlobName::of(b"sealed"), bytes: 123 };
        assert_eq!(payload.to_string(), "(sensitive, 123 bytes)");
        assert_eq!(
            (payload.is_sensitive(), payload.blob()),
            (true, Some(&BlobName::of(b"sealed")))
        );
        let json = Json::of(&payload).unwrap();
        assert_eq!(json.read::<Payload>().unwrap(), payload);
        assert_eq!(Payload::null().to_string(), "null");
    }
}
