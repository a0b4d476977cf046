//! What tasks carry: JSON, in place while it is small, in a blob when it is large or sensitive.

use std::{fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, DeserializeOwned, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result};
pub use crate::fabric::BlobName;

/// JSON text that was checked when it came in. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
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

    /// Checks that a text is JSON that can be read as a value, and keeps it as it is.
    ///
    /// So it is nested at most 127 deep, its numbers are not too large, and no character of its
    /// texts is spelled by half.
    pub fn parse(text: &str) -> Result<Self> {
        serde_json::from_str::<Sound>(text)
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

/// What comes from outside is JSON too. Only its grammar is looked at: what was ever kept is read.
impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        serde_json::from_str::<&RawValue>(&text).map_err(de::Error::custom)?;
        Ok(Self(text.into()))
    }
}

/// Any value that can be read, without keeping it.
struct Sound;

impl<'de> Deserialize<'de> for Sound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Sound {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        while entries.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
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

    #[test]
    fn what_nobody_could_read_is_refused_when_it_comes_in() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        for text in ["", "x", "1 2", "[1,]", "1e999", r#""\ud800""#, r#"{"\udc00": 1}"#, &deep(128)]
        {
            let told = Json::parse(text).unwrap_err().to_string();
            assert!(told.starts_with("this is not JSON: "), "{told}");
        }
        for text in [" 1 ", "-0.5e3", r#"{"a": [null, true, "\u00e9"]}"#, &deep(127)] {
            assert_eq!(Json::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_is_read_from_outside_is_json_too() {
        assert!(serde_json::from_str::<Payload>(r#"{"inline": "not json"}"#).is_err());
        let kept = serde_json::from_str::<Payload>(r#"{"inline": "[1e999]"}"#).unwrap();
        assert_eq!(kept, Payload::Inline(Json("[1e999]".into())), "it was let in once");
    }
}
