//! Which blobs stored bytes name, without knowing what else they say.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{
    error::{Error, ErrorKind, Result},
    fabric::BlobName,
};

/// The fields that name a blob, in whatever is stored: any, a sealed one, and the key of one. No
/// other field may, so that what a journal names is found without knowing what else it says.
const FIELDS: [&str; 3] = ["blob", "sensitive", "input_key"];
/// Within it, the name may stand in a field of this name.
const NAME: &str = "name";

/// Hands on every blob that a record or a snapshot names: by a field `blob`, `sensitive` or
/// `input_key` that holds a name, or something with a `name`. Bytes within that hold fields again are
/// looked into.
pub fn blobs_named(bytes: &[u8], each: &mut dyn FnMut(BlobName)) -> Result<()> {
    let mut decoder = rmp_serde::Deserializer::from_read_ref(bytes);
    decoder.set_max_depth(128);
    Walk { each, place: Place::Elsewhere }.deserialize(&mut decoder).map_err(|error| {
        Error::new(ErrorKind::Corrupt, "cannot look for blobs in what is stored").because(error)
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Elsewhere,
    /// The value of a field that names a blob.
    Blob,
    /// The value of a field `name` within one.
    Name,
}

struct Walk<'a> {
    each: &'a mut dyn FnMut(BlobName),
    place: Place,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, decoder: D) -> Result<(), D::Error> {
        decoder.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Key>()? {
            let place = match key {
                Key::Blob => Place::Blob,
                Key::Name if self.place == Place::Blob => Place::Name,
                Key::Name | Key::Other => Place::Elsewhere,
            };
            map.next_value_seed(Walk { each: &mut *self.each, place })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Walk { each: &mut *self.each, place: self.place })?.is_some() {}
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        if self.place != Place::Elsewhere
            && let Ok(name) = text.parse()
        {
            (self.each)(name);
        }
        Ok(())
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<(), E> {
        // Bytes that hold no fields name nothing.
        let is_map = bytes.first().is_some_and(|first| matches!(first, 0x80..=0x8f | 0xde | 0xdf));
        if is_map {
            let _ = blobs_named(bytes, self.each);
        }
        Ok(())
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, decoder: D) -> Result<(), D::Error> {
        self.deserialize(decoder)
    }

    fn visit_some<D: Deserializer<'de>>(self, decoder: D) -> Result<(), D::Error> {
        self.deserialize(decoder)
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A key of a map, as far as it matters; it may be a number.
enum Key {
    Blob,
    Name,
    Other,
}

impl<'de> de::Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(decoder: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                Ok(match key {
                    NAME => Key::Name,
                    field if FIELDS.contains(&field) => Key::Blob,
                    _ => Key::Other,
                })
            }

            fn visit_u64<E>(self, _: u64) -> Result<Key, E> {
                Ok(Key::Other)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Key, E> {
                Ok(Key::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Key, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Key::Other)
            }
        }
        decoder.deserialize_any(Keys)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn blobs_are_found_by_the_field_that_names_them_however_deep() {
        let name = |text: &str| BlobName::of(text.as_bytes());
        let inner =
            rmp_serde::to_vec_named(&json!({ "tasks": { "blob": name("inner") } })).unwrap();
        let mut stored = rmp_serde::to_vec_named(&json!({
            "hash": name("not named"),
            "name": name("not named"),
            "events": [{ "output": { "blob": { "name": name("output"), "bytes": 7 } } }, null, -3],
            "artifact": { "name": "report", "blob": name("artifact"), "bytes": 1.5 },
            "input": { "sensitive": { "name": name("sealed"), "bytes": 9 } },
            "opening": { "input_key": name("key"), "sensitive": ["input", "output"] },
        }))
        .unwrap();
        stored[0] += 1; // one field more: bytes, which JSON does not have
        stored.push(0xa5);
        stored.extend_from_slice(b"state");
        stored.extend_from_slice(&[0xc5, 0, u8::try_from(inner.len()).unwrap()]);
        stored.extend_from_slice(&inner);
        let mut found = Vec::new();
        blobs_named(&stored, &mut |name| found.push(name)).unwrap();
        found.sort();
        let mut expected = ["output", "artifact", "sealed", "key", "inner"].map(name);
        expected.sort();
        assert_eq!(found, expected);
        assert!(blobs_named(&stored[..stored.len() - 1], &mut |_| {}).is_err());
    }
}
