//! Kept records: what a released version wrote decodes for ever.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must end")]

use std::{fmt::Write as _, fs, path::Path};

use orkestra_coordinator::shard::toy::Event;
use orkestra_runtime::{
    id::{Epoch, Number, ShardId},
    record::{Head, Kind, RECORD_VERSION, Record, decode, encode_event, seal, seal_epoch},
    time::Wall,
};

fn head(first: u64, last: u64) -> Head {
    Head {
        shard: ShardId(3),
        epoch: Epoch(7),
        first: Number(first),
        last: Number(last),
        at: Wall::from_ms(1_795_236_059_007),
    }
}

/// What each kept file of a version holds, by its name.
fn kept() -> Vec<(&'static str, Record<Event>)> {
    let events = vec![
        Event::Funded { account: 1, amount: 1_000 },
        Event::Moved { key: 70_000, from: 1, to: 2, amount: 300, lot: 5 },
        Event::Counted,
        Event::Wrote("text".into()),
    ];
    vec![
        ("epoch.hex", Record { kind: Kind::Epoch, head: head(41, 40), events: Vec::new() }),
        ("events.hex", Record { kind: Kind::Events, head: head(41, 44), events }),
    ]
}

fn write(record: &Record<Event>) -> Vec<u8> {
    let mut buffer = Vec::new();
    for event in &record.events {
        encode_event(event, &mut buffer).unwrap();
    }
    match record.kind {
        Kind::Events => seal(&record.head, &buffer).unwrap(),
        Kind::Epoch => seal_epoch(&record.head).unwrap(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.trim().len()).step_by(2).map(digit).collect()
}

fn text(version: u8, name: &str, record: &Record<Event>) -> String {
    let name = format!("v{version}-{name}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("kept/records").join(name);
    let kept = fs::read_to_string(&path);
    assert!(kept.is_ok(), "{} is missing; it would hold {}", path.display(), hex(&write(record)));
    kept.unwrap()
}

#[test]
fn what_every_version_wrote_decodes_for_ever() {
    for version in 1..=RECORD_VERSION {
        for (name, record) in kept() {
            let text = text(version, name, &record);
            assert_eq!(decode::<Event>(&bytes(&text)).unwrap(), record, "v{version}-{name}");
        }
    }
}

#[test]
fn what_is_written_is_spelled_as_this_version_always_spelled_it() {
    for (name, record) in kept() {
        let text = text(RECORD_VERSION, name, &record);
        assert_eq!(hex(&write(&record)), text.trim(), "{name}: raise the version instead");
    }
}
