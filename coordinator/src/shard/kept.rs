//! What was written decodes for ever: records that are kept beside the tests.

use std::{fmt::Write as _, fs, path::Path};

use orkestra_runtime::{
    id::{Epoch, Number, ShardId},
    record::{Head, Kind, Record, decode, encode_event, seal},
    time::Wall,
};

use super::machine::Event;

/// The number of the first event of a record that is kept.
pub(crate) const FIRST: u64 = 41;
/// When it was written.
pub(crate) const AT: Wall = Wall::from_ms(1_795_236_059_007);

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// That a record of this name is kept, that it holds these events, and that they would be written the
/// same today.
#[track_caller]
pub(crate) fn holds(name: &str, events: Vec<Event>) {
    let (first, last) = (Number(FIRST), Number(FIRST - 1 + events.len() as u64));
    let head = Head { shard: ShardId(0), epoch: Epoch(7), first, last, at: AT };
    let mut buffer = Vec::new();
    for event in &events {
        encode_event(event, &mut buffer).unwrap();
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/kept/records");
    let path = Path::new(folder).join(name);
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let kept = kept.trim();
    let would_hold = hex(&seal(&head, &buffer).unwrap());
    assert!(!kept.is_empty(), "{} is missing; it would hold {would_hold}", path.display());
    let digit = |at: usize| u8::from_str_radix(&kept[at..at + 2], 16).unwrap();
    let bytes: Vec<u8> = (0..kept.len()).step_by(2).map(digit).collect();
    assert_eq!(decode::<Event>(&bytes).unwrap(), Record { kind: Kind::Events, head, events });
    // The record around them may be of a later version.
    assert!(kept.contains(&hex(&buffer)), "only add fields, with a default");
}
