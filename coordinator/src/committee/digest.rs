//! Hashes, signatures, and the one way in which things are written before they are hashed or signed.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

/// Declares so many bytes: hexadecimal digits for people and JSON, plain bytes in the journal.
macro_rules! bytes {
    ($(#[$doc:meta])* $type:ident, $len:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(pub [u8; $len]);

        impl $type {
            fn of_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// What hexadecimal digits say; none if they are not as many as they must be.
            pub fn of_hex(text: &str) -> Option<Self> {
                if !text.is_ascii() || text.len() != 2 * $len {
                    return None;
                }
                let digit = |at: usize| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok();
                let bytes = (0..$len).map(digit).collect::<Option<Vec<u8>>>()?;
                Self::of_slice(&bytes)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($type))?;
                f.write_char('(')?;
                self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_char(')')
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_bytes(&self.0)
                }
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($what)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        let found = $type::of_hex(text);
                        found.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
                    }

                    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<$type, E> {
                        let found = $type::of_slice(bytes);
                        found.ok_or_else(|| E::invalid_length(bytes.len(), &self))
                    }
                }
                deserializer.deserialize_any(Visitor)
            }
        }
    };
}

bytes!(
    /// A SHA-256.
    Digest,
    32,
    "a hash of 64 hexadecimal digits"
);
bytes!(
    /// An Ed25519 signature.
    Signature,
    64,
    "a signature of 128 hexadecimal digits"
);

impl Digest {
    /// The hash of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// The bytes that are hashed or signed: parts, each with its length before it, so that no two lists
/// of parts come to the same bytes.
#[derive(Clone, Debug)]
pub(super) struct Canon(Vec<u8>);

impl Canon {
    /// Begins with what the bytes are for, so that they are for nothing else.
    pub(super) fn of(tag: &str) -> Self {
        Self(Vec::with_capacity(256)).text(tag)
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    pub(super) fn number(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn digest(self) -> Digest {
        Digest::of(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_digits_in_json_and_bytes_in_the_journal() {
        let hash = Digest::of(b"a");
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(json.len(), 66);
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), hash);
        let packed = rmp_serde::to_vec_named(&hash).unwrap();
        assert_eq!(packed.len(), 34);
        assert_eq!(rmp_serde::from_slice::<Digest>(&packed).unwrap(), hash);
        for bad in ["\"\"", "\"zz\"", "7", "\"é\""] {
            assert!(serde_json::from_str::<Digest>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_two_lists_of_parts_are_the_same_bytes() {
        let of = |parts: &[&str]| {
            parts.iter().fold(Canon::of("t"), |canon, part| canon.text(part)).done()
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["a", ""]), of(&["a"]));
    }
}
