//! What is stored: records of the journal, snapshots, and the registers that name them.

use bytes::Bytes;
use futures::FutureExt as _;
use orkestra_coordinator::{
    shard::{
        Mind as _,
        machine::{Event, ShardMachine},
    },
    task::{TaskMachine, TaskSettings},
};
use orkestra_runtime::{
    Error, ErrorKind,
    chance::Chance,
    fabric::{Blobs, Entry, Key, Registers as _, Sequence},
    id::ShardId,
    journal::{Journal, Position, Snapshot},
    record::{Kind, Record, decode, encode_event, seal, seal_epoch},
};
use orkestra_tests::sim::Store;

use super::{
    events,
    target::{Said, Target, attack, refused},
};

fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().unwrap()
}

/// A refusal of what is stored says that it is corrupt, or of a newer program.
fn corrupt(error: &Error) -> Said {
    // Bent bytes may well say that they are of a version to come.
    assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::TooNew), "{error}");
    refused(error)
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

#[test]
fn records_of_the_journal() {
    let look = |bytes: &[u8]| {
        // Wherever a reader stands: before everything, in the middle, and where it cannot be.
        let ends = [r#"{"sequence":6,"number":6,"epoch":1,"at":1000}"#, MOST];
        for position in ends.map(|it| serde_json::from_str::<Position>(it).unwrap()) {
            let mut position = position;
            let entry = Entry { sequence: Sequence(7), record: Bytes::copy_from_slice(bytes) };
            let (mut count, before) = (0, position);
            match position.fold::<Event>(ShardId(0), &entry, &mut |_, _, _| count += 1) {
                Ok(()) => assert_eq!(position.number.0, before.number.0 + count),
                Err(error) => {
                    corrupt(&error);
                    assert_eq!((position, count), (before, 0), "a refused record was folded");
                }
            }
        }
        match decode::<Event>(bytes) {
            Ok(record) => {
                let again = decode::<Event>(&write(&record)).unwrap();
                assert_eq!(again, record);
                Said::Read
            }
            Err(error) => corrupt(&error),
        }
    };
    let words = &["events", "task", "\u{dd}", "completed", "kind", "epoch"];
    attack!(Target::of("records", events::records()).knowing(words), look);
}

/// The last position that there is.
const MOST: &str = r#"{"sequence":18446744073709551615,"number":18446744073709551615,
    "epoch":18446744073709551615,"at":18446744073709551615}"#;

#[test]
fn snapshots_of_a_shard() {
    let look = |bytes: &[u8]| {
        let alone = TaskMachine::restore(TaskSettings::default(), bytes);
        if let Ok(machine) = &alone {
            let once = machine.snapshot();
            let again = TaskMachine::restore(TaskSettings::default(), &once).unwrap();
            assert_eq!(again.snapshot(), once);
        }
        match ShardMachine::restore(bytes) {
            Ok(machine) => {
                let once = machine.snapshot();
                assert_eq!(ShardMachine::restore(&once).unwrap().snapshot(), once);
                Said::Read
            }
            Err(error) => alone.map_or_else(|_| corrupt(&error), |_| Said::Read),
        }
    };
    let seeds = events::snapshots().into_iter();
    let seeds = seeds.chain([7, 13, 23].map(|events| events::machine(events).tasks().snapshot()));
    attack!(Target::of("snapshots", seeds).knowing(&["tasks", "runs", "roster", "ready"]), look);
}

fn journal(store: &Store) -> Journal {
    let parts = || std::sync::Arc::new(store.clone());
    Journal::over(ShardId(0), parts(), parts(), parts()).unwrap()
}

#[test]
fn registers_of_the_journal() {
    let look = |bytes: &[u8]| {
        let store = Store::new(Chance::from_seed(1));
        let journal = journal(&store);
        for key in ["shard.0.snapshots", "shard.0.epoch"] {
            let set = store.create(&Key::new(key).unwrap(), Bytes::copy_from_slice(bytes));
            at_once(set).unwrap();
        }
        let epochs = (at_once(journal.next_epoch()), at_once(journal.next_epoch()));
        match &epochs {
            (Ok(first), Ok(second)) => assert!(second > first, "{second} after {first}"),
            (_, Err(error)) => drop(corrupt(error)),
            (Err(error), Ok(_)) => panic!("{error}, and then there was a number"),
        }
        // The snapshots that it names are not there, which must be told.
        match (at_once(journal.snapshots()), at_once(journal.latest())) {
            (Ok(marks), Ok(None)) if marks.is_empty() => Said::Read,
            (Ok(marks), Err(error)) => {
                assert!(!marks.is_empty());
                corrupt(&error);
                Said::Read
            }
            (Err(error), Err(_)) if epochs.0.is_err() => corrupt(&error),
            (Err(_), Err(_)) => Said::Read,
            (marks, found) => panic!("{marks:?} and {found:?}"),
        }
    };
    attack!(Target::of("registers", []), look);
}

/// What is named by its hash is that or an error, however its bytes were changed.
#[test]
fn snapshots_that_are_named_by_their_hash() {
    let whole = events::machine(13).snapshot();
    let store = Store::new(Chance::from_seed(1));
    let journal = journal(&store);
    let position = Position::default();
    at_once(journal.keep(Snapshot {
        position,
        version: ShardMachine::SNAPSHOT_VERSION,
        bytes: whole.clone().into(),
    }))
    .unwrap();
    let marks = at_once(journal.snapshots()).unwrap();
    let blob = marks[0].blob.clone();
    let kept = at_once(Blobs::get(&store, &blob)).unwrap().unwrap();
    let look = |bytes: &[u8]| {
        // What stands behind the state stays: only the state is bent.
        let content = [bytes, &kept[whole.len()..]].concat();
        store.spoil(&blob, content.clone().into());
        match at_once(journal.latest()) {
            Ok(found) => {
                assert_eq!(found.unwrap().bytes, whole);
                Said::Read
            }
            Err(error) => {
                assert_ne!(content, kept, "{error}");
                corrupt(&error)
            }
        }
    };
    attack!(Target::of("spoiled-snapshots", events::snapshots()), look);
}
