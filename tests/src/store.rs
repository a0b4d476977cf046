//! Filling, reading and copying stores in directories.

#![expect(clippy::unwrap_used, reason = "what cannot be set up ends the test")]

use std::{fs, io::ErrorKind, path::Path};

use bytes::Bytes;
use orkestra_runtime::fabric::{Fabric as _, Key, LogName, Sequence, embedded::Embedded};

/// The log that these tests write.
pub fn journal() -> LogName {
    LogName::new("journal").unwrap()
}

/// A register.
pub fn lease() -> Key {
    Key::new("shard.0.lease").unwrap()
}

/// A short record that says which it is.
pub fn record(number: u64) -> Bytes {
    Bytes::from(format!("record {number}"))
}

/// A record whose text can be found in a file, long enough to fill some pages.
pub fn long_record(number: u64) -> Bytes {
    Bytes::from(format!("record {number} {}", "x".repeat(700)))
}

/// Appends `count` records to the journal.
pub async fn fill(fabric: &Embedded, count: u64, record: fn(u64) -> Bytes) {
    let logs = fabric.logs();
    let end = logs.end(&journal()).await.unwrap().0;
    for end in end..end + count {
        logs.append(&journal(), Sequence(end), record(end + 1)).await.unwrap();
    }
}

/// Reads the whole journal, which must be contiguous from 1, and tells how long it is.
pub async fn sound(fabric: &Embedded, record: fn(u64) -> Bytes) -> orkestra_runtime::Result<u64> {
    let end = fabric.logs().end(&journal()).await?.0;
    let entries = fabric.logs().read(&journal(), Sequence(1), usize::MAX).await?;
    for (number, entry) in (1..).zip(&entries) {
        assert_eq!((entry.sequence, &entry.record), (Sequence(number), &record(number)));
    }
    assert_eq!(entries.len() as u64, end);
    Ok(end)
}

/// Copies a directory as a power cut would leave it: no lock, no shared memory.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(name));
        } else if entry.file_type().unwrap().is_file() && name != "lock" && name != "store.db-shm" {
            // A write-ahead log goes when its last reader does.
            match fs::copy(entry.path(), to.join(name)) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                copied => drop(copied.unwrap()),
            }
        }
    }
}
