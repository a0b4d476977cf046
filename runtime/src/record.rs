//! Stored records: `MessagePack` with named fields, versioned.
//!
//! ```text
//! { v: 2, kind: "events" | "epoch", shard, epoch, first, last, at, events: [ … ] }
//! ```
//!
//! Version 2 is spelled as version 1 was, and says that kinds of events may follow which version 1
//! did not know: so a program of then refuses it as too new, and not as damaged.
//!
//! Promises: a record that was ever written by a released version decodes for ever (kept bytes
//! stand in `tests/kept/records`); fields that this version does not know are skipped, so that
//! records can grow; a version or a kind that it does not know is refused with advice, and so is a
//! record that is larger than a log takes, torn, or followed by anything.
//!
//! An event is encoded once, straight into the buffer in which a record gathers
//! ([`encode_event`]); [`seal`] puts the head before it.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    error::{Error, ErrorKind, Result},
    id::{Epoch, Number, ShardId},
    limits::RECORD_BYTES_MAX,
    time::Wall,
};

/// The version that is written.
pub const RECORD_VERSION: u8 = 2;

/// The most bytes that a record takes besides its events.
pub const HEAD_BYTES_MAX: usize = 128;

/// What stands in a record besides its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whose journal it belongs to.
    pub shard: ShardId,
    /// The reign in which it was written.
    pub epoch: Epoch,
    /// The number of its first event.
    pub first: Number,
    /// The number of its last event; the one before `first` when it has none.
    pub last: Number,
    /// Shard time: never before that of the record before it.
    pub at: Wall,
}

impl Head {
    /// How many events follow.
    pub const fn count(&self) -> u64 {
        self.last.0.saturating_add(1).saturating_sub(self.first.0)
    }
}

/// What a record is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It carries events.
    Events,
    /// It begins a reign and carries none.
    Epoch,
}

/// One record of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<E> {
    /// What it is for.
    pub kind: Kind,
    /// What stands in it besides its events.
    pub head: Head,
    /// Its events; the first has the number `head.first`.
    pub events: Vec<E>,
}

#[derive(Serialize)]
struct HeadOut {
    v: u8,
    kind: Kind,
    shard: ShardId,
    epoch: Epoch,
    first: Number,
    last: Number,
    at: Wall,
}

#[derive(Deserialize)]
struct RecordIn<E> {
    v: u64,
    kind: Kind,
    shard: ShardId,
    epoch: Epoch,
    first: Number,
    last: Number,
    at: Wall,
    events: Vec<E>,
}

/// What every version of a record says of itself.
#[derive(Deserialize)]
struct Opening {
    v: u64,
    kind: String,
}

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

/// Makes a record of events that were encoded one after another by [`encode_event`].
pub fn seal(head: &Head, events: &[u8]) -> Result<Vec<u8>> {
    let count = u32::try_from(head.count()).unwrap_or(u32::MAX);
    let mut record = open(Kind::Events, head, events.len())?;
    record.push(0xdd); // array32: what follows is `count` values
    record.extend_from_slice(&count.to_be_bytes());
    record.extend_from_slice(events);
    Ok(record)
}

/// Makes the record with which a reign begins. `head.last` is the number of the event before it.
pub fn seal_epoch(head: &Head) -> Result<Vec<u8>> {
    let mut record = open(Kind::Epoch, head, 0)?;
    record.push(0x90); // an empty array
    Ok(record)
}

/// Everything of a record up to the value of its field `events`.
fn open(kind: Kind, head: &Head, bytes: usize) -> Result<Vec<u8>> {
    let Head { shard, epoch, first, last, at } = *head;
    let mut record = Vec::with_capacity(HEAD_BYTES_MAX + bytes);
    HeadOut { v: RECORD_VERSION, kind, shard, epoch, first, last, at }
        .serialize(&mut rmp_serde::Serializer::new(&mut record).with_struct_map())
        .map_err(|error| Error::new(ErrorKind::Fault, "cannot encode a record").because(error))?;
    if let Some(fields) = record.first_mut() {
        *fields += 1; // a map of seven fields becomes one of eight
    }
    record.push(0xa6); // a text of six bytes
    record.extend_from_slice(b"events");
    Ok(record)
}

/// Whether this program reads records of the version of this one; looks no further. An error of
/// kind `TooNew` says what to do.
pub fn check_version(bytes: &[u8]) -> Result<()> {
    let opening: Opening = rmp_serde::from_slice(bytes)
        .map_err(|error| corrupt("cannot read a record of the journal").because(error))?;
    if is_known(opening.v) { Ok(()) } else { Err(unknown(opening.v)) }
}

/// Reads a record. An error is of kind `Corrupt`, or of kind `TooNew` and says what to do.
pub fn decode<E: DeserializeOwned>(bytes: &[u8]) -> Result<Record<E>> {
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(corrupt(format!(
            "a record has {} bytes, and at most {RECORD_BYTES_MAX} are allowed",
            bytes.len()
        )));
    }
    let mut rest = bytes;
    let mut decoder = rmp_serde::Deserializer::new(&mut rest);
    decoder.set_max_depth(128);
    let read = RecordIn::<E>::deserialize(&mut decoder);
    drop(decoder);
    let record = read.map_err(|error| explain(bytes, error))?;
    if !is_known(record.v) {
        return Err(unknown(record.v));
    }
    if !rest.is_empty() {
        return Err(corrupt(format!("{} bytes follow the end of a record", rest.len())));
    }
    let RecordIn { kind, shard, epoch, first, last, at, events, .. } = record;
    let head = Head { shard, epoch, first, last, at };
    let fits = match kind {
        Kind::Events => !events.is_empty() && head.count() == events.len() as u64,
        Kind::Epoch => events.is_empty() && last.0.checked_add(1) == Some(first.0),
    };
    if !fits || first.0 == 0 {
        return Err(corrupt(format!(
            "a record says that it carries the events {first} to {last}, and carries {}",
            events.len()
        )));
    }
    Ok(Record { kind, head, events })
}

fn corrupt(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, message)
}

fn is_known(version: u64) -> bool {
    (1..=u64::from(RECORD_VERSION)).contains(&version)
}

fn unknown(version: u64) -> Error {
    if version == 0 {
        corrupt("a record has version 0")
    } else {
        too_new(&format!("has version {version}"))
    }
}

fn too_new(what: &str) -> Error {
    let message = format!(
        "a record {what}, and this program reads up to version {RECORD_VERSION}: a newer program \
         wrote this journal; run that one again, or restore what was kept before it ran"
    );
    Error::new(ErrorKind::TooNew, message)
}

/// Tells a record that is too new from one that is torn.
fn explain(bytes: &[u8], error: rmp_serde::decode::Error) -> Error {
    match rmp_serde::from_slice::<Opening>(bytes) {
        Ok(opening) if opening.v > u64::from(RECORD_VERSION) => {
            too_new(&format!("has version {}", opening.v))
        }
        Ok(opening) if !matches!(opening.kind.as_str(), "events" | "epoch") => {
            too_new(&format!("is of the unknown kind {:?}", opening.kind))
        }
        Ok(_) if error.to_string().contains("unknown variant") => {
            too_new("carries an event of an unknown kind").because(error)
        }
        Ok(_) | Err(_) => corrupt("cannot read a record of the journal").because(error),
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
