//! What is said beside a message's body.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};

/// The most headers that a message has.
pub const HEADERS_MAX: usize = 32;
/// The most bytes that all names and values of a message's headers have together.
pub const HEADERS_BYTES_MAX: usize = 4 * 1024;

/// Names and values, by name; a name may have more than one value, which keep their order. Names are
/// told apart by upper and lower case.
///
/// A name is printable ASCII without spaces and colons. A value has no control characters and
/// neither begins nor ends with a space, so that it comes back as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Arc<str>, Arc<str>)>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The same and one more. An error of kind `Invalid` says what is wrong with it, or that there
    /// are more than [`HEADERS_MAX`], or more than [`HEADERS_BYTES_MAX`] bytes.
    pub fn with(mut self, name: &str, value: &str) -> Result<Self> {
        let refused = |why: &str| {
            let shown: String = name.chars().take(40).collect();
            Err(Error::new(ErrorKind::Invalid, format!("cannot set the header {shown:?}: {why}")))
        };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic() && b != b':') {
            return refused("a name is printable ASCII without spaces and colons");
        }
        if value.chars().any(char::is_control) || value.trim() != value {
            return refused("a value has no control characters and no spaces around it");
        }
        if self.0.len() >= HEADERS_MAX {
            return refused("a message has 32 headers at most");
        }
        if self.bytes() + name.len() + value.len() > HEADERS_BYTES_MAX {
            return refused("the headers of a message have 4 KiB at most");
        }
        let behind = self.0.partition_point(|(other, _)| **other <= *name);
        self.0.insert(behind, (name.into(), value.into()));
        Ok(self)
    }

    /// The first value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// All names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_stand_by_name_and_a_name_gives_its_first_value() {
        let headers = Headers::new().with("Kind", "a b").unwrap().with("At", "1").unwrap();
        let headers = headers.with("Kind", "c").unwrap();
        assert_eq!(headers.get("Kind"), Some("a b"));
        assert_eq!(headers.get("kind"), None);
        assert_eq!(
            headers.iter().collect::<Vec<_>>(),
            [("At", "1"), ("Kind", "a b"), ("Kind", "c")]
        );
    }

    #[test]
    fn a_header_cannot_smuggle_another_one_in() {
        for (name, value) in
            [("", "x"), ("a b", "x"), ("a:", "x"), ("a", "x\r\nb: y"), ("a", "x\n"), ("a", " x")]
        {
            assert!(Headers::new().with(name, value).is_err(), "{name:?}: {value:?}");
        }
    }

    #[test]
    fn headers_are_bounded_in_number_and_in_bytes() {
        let mut headers = Headers::new();
        for _ in 0..HEADERS_MAX {
            headers = headers.with("n", "v").unwrap();
        }
        assert!(headers.with("n", "v").is_err());
        assert!(Headers::new().with("n", &"v".repeat(HEADERS_BYTES_MAX - 1)).is_ok());
        assert!(Headers::new().with("n", &"v".repeat(HEADERS_BYTES_MAX)).is_err());
    }
}
