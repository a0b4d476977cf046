//! What stands in a data folder: the store, the lock, the supervision log.

use std::{fs, path::Path};

use bytes::Bytes;
use orkestra_runtime::{
    Error, ErrorKind,
    fabric::{
        Fabric as _, Key, LogName, Sequence,
        embedded::{self, Embedded},
    },
    supervise::log::{Mood, Reader},
};

use super::target::{Said, Target, attack, refused};

const RECORDS: u64 = 6;

fn record(number: u64) -> Bytes {
    Bytes::from(format!("record {number} {}", "x".repeat(90)))
}

fn names() -> (LogName, Key) {
    (LogName::new("journal").unwrap(), Key::new("a.b").unwrap())
}

/// A folder with a log, a register and a blob; answers its database.
async fn fill(folder: &Path) -> Vec<u8> {
    let fabric = Embedded::open(folder).unwrap();
    let (log, key) = names();
    for number in 0..RECORDS {
        fabric.logs().append(&log, Sequence(number), record(number + 1)).await.unwrap();
    }
    fabric.registers().create(&key, Bytes::from_static(b"held")).await.unwrap();
    fabric.close().await;
    fs::read(folder.join("store.db")).unwrap()
}

/// Everything that was put, or the error that says that it is damaged.
async fn read_all(folder: &Path) -> Result<(), Error> {
    let fabric = Embedded::open(folder)?;
    let (log, key) = names();
    let read = async {
        let end = fabric.logs().end(&log).await?;
        let entries = fabric.logs().read(&log, Sequence(1), usize::MAX).await?;
        let value = fabric.registers().get(&key).await?;
        Ok::<_, Error>((end, entries, value))
    };
    let read = read.await;
    fabric.close().await;
    let (end, entries, value) = read?;
    assert_eq!((end, entries.len() as u64), (Sequence(RECORDS), RECORDS), "records are missing");
    for (number, entry) in (1..).zip(entries) {
        assert_eq!((entry.sequence, entry.record), (Sequence(number), record(number)));
    }
    assert_eq!(value.map(|value| value.bytes), Some(Bytes::from_static(b"held")));
    Ok(())
}

/// A damaged store is told, or everything in it is as it was: nothing else is ever read.
#[test]
fn stores() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let home = tempfile::tempdir().unwrap();
    let (folder, saved) = (home.path().join("data"), home.path().join("saved"));
    let whole = runtime.block_on(fill(&home.path().join("whole")));
    let look = |bytes: &[u8]| {
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("store.db"), bytes).unwrap();
        let read = runtime.block_on(read_all(&folder));
        // What is sound of it can be saved, or it is said why not; never does that fail otherwise.
        let said = match read {
            Ok(()) => Said::Read,
            Err(error) => {
                assert!(error.to_string().contains("store.db"), "{error}");
                let recovered = embedded::recover(&folder, &saved);
                drop(recovered.map_err(|error| refused(&error)));
                refused(&error)
            }
        };
        fs::remove_dir_all(&folder).unwrap();
        drop(fs::remove_dir_all(&saved));
        said
    };
    attack!(Target::of("stores", [whole]).knowing(&["CREATE TABLE x(y);", "record"]), look);
}

#[test]
fn lock_files() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let home = tempfile::tempdir().unwrap();
    let look = |bytes: &[u8]| {
        fs::write(home.path().join("lock"), bytes).unwrap();
        // Nobody holds it, whatever it says.
        assert_eq!(embedded::holder(home.path()).unwrap(), None);
        let _entered = runtime.enter();
        let fabric = Embedded::open(home.path()).unwrap();
        let held = Embedded::open(home.path()).unwrap_err();
        assert_eq!(held.kind(), ErrorKind::Conflict);
        runtime.block_on(fabric.close());
        if bytes.is_empty() {
            Said::Refused
        } else {
            refused(&held);
            Said::Read
        }
    };
    attack!(Target::of("locks", [Vec::new()]), look);
}

#[test]
fn supervision_logs() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("supervision.jsonl");
    let look = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let mut reader = Reader::of(&path);
        let reading = reader.read_on().unwrap();
        let ended = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines = bytes[..ended].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        // Each line was read or was counted, and what has no end waits for it.
        let read = reading.records.len();
        assert_eq!(read + reading.unreadable, lines.count());
        assert_eq!(reader.has_rest(), ended < bytes.len());
        for record in &reading.records {
            assert!(!record.line(20).is_empty() && record.mood() != Mood::Bad || record.v <= 1);
        }
        // In two pieces it reads the same.
        let mut slow = Reader::of(&path);
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let mut records = slow.read_on().unwrap().records;
        fs::write(&path, bytes).unwrap();
        records.extend(slow.read_on().unwrap().records);
        assert_eq!(records, reading.records);
        if read > 0 { Said::Read } else { Said::Refused }
    };
    let words = &["\n", "\"v\":2", "\"what\":\"parked\"", "\"took_ms\":", "\"lost\":1", "null"];
    attack!(Target::of("supervision-logs", [Vec::new()]).knowing(words), look);
}
