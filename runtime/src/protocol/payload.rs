//! What tasks carry: JSON, in place while it is small, in a blob when it is large.

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
}

impl Payload {
    /// Nothing: the JSON `null`.
    pub fn null() -> Self {
        Self::Inline(Json::null())
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::null()
    }
}
