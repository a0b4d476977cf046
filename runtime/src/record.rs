//! Stored events: `MessagePack` with named fields, versioned.

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};

/// Appends one event to `buffer` as it stands in a record, and answers how many bytes it took.
///
/// On an error the buffer is as it was.
pub fn encode_event<E: Serialize>(event: &E, buffer: &mut Vec<u8>) -> Result<usize> {
    let before = buffer.len();
    let mut serializer = rmp_serde::Serializer::new(&mut *buffer).with_struct_map();
    match event.serialize(&mut serializer) {
        Ok(()) => Ok(buffer.len() - before),
        Err(error) => {
            buffer.truncate(before);
            Err(Error::new(ErrorKind::Fault, "cannot encode an event for the journal")
                .because(error))
        }
    }
}
