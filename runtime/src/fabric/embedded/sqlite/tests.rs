use std::{fs, os::unix::fs::PermissionsExt as _};

use rusqlite::Connection;

use super::*;
use crate::fabric::{
    BlobName, Fabric as _,
    embedded::{Embedded, recover},
};

fn journal() -> LogName {
    LogName::new("journal").unwrap()
}

/// A store with three records, closed, and a connection to spoil it with.
async fn closed_store(dir: &Path) -> Connection {
    let store = Store::open(dir, &Settings::default()).unwrap();
    for end in 0..3 {
        let record = Bytes::from(vec![7; 10]);
        Logs::append(&store, &journal(), Sequence(end), record).await.unwrap();
    }
    store.close().await;
    Connection::open(store_file(dir)).unwrap()
}

/// What in a folder, or the folder itself, is not for its owner alone.
fn open_to_others(path: &Path) -> Vec<PathBuf> {
    let about = fs::symlink_metadata(path).unwrap();
    let mut found = Vec::new();
    if about.permissions().mode() & 0o077 != 0 {
        found.push(path.to_owned());
    }
    if about.is_dir() {
        let inner = fs::read_dir(path).unwrap();
        found.extend(inner.flat_map(|entry| open_to_others(&entry.unwrap().path())));
    }
    found
}

#[tokio::test]
async fn what_is_stored_is_for_its_owner_alone_and_a_folder_that_was_there_keeps_its_mode() {
    let home = tempfile::tempdir().unwrap();
    let (fresh, there) = (home.path().join("deep/fresh"), home.path().join("there"));
    fs::create_dir(&there).unwrap();
    fs::set_permissions(&there, fs::Permissions::from_mode(0o755)).unwrap();
    for dir in [&fresh, &there] {
        let store = Embedded::open(dir).unwrap();
        store.blobs().put(Bytes::from_static(b"an input")).await.unwrap();
        let opened = if dir == &there { vec![there.clone()] } else { Vec::new() };
        assert!(dir.join("store.db-wal").exists());
        assert_eq!(open_to_others(dir), opened);
        store.close().await;
    }
    assert_eq!(fs::metadata(&there).unwrap().permissions().mode() & 0o777, 0o755);

    let (saved, copied) = (home.path().join("saved"), home.path().join("copied"));
    recover(&fresh, &saved).unwrap();
    private::make_dir(&copied).unwrap();
    back_up(&fresh, &copied, &mut |_| {}).unwrap();
    let found = [saved, copied].map(|dir| open_to_others(&dir));
    assert_eq!(found, [Vec::<PathBuf>::new(), Vec::new()]);
}

#[tokio::test]
async fn the_connection_that_writes_waits_for_the_disk_at_each_commit() {
    // No test can pull the plug; that the store is told to wait is as near as one comes.
    let home = tempfile::tempdir().unwrap();
    drop(closed_store(home.path()).await);
    let db = layout::connect(home.path(), layout::Access::Write).unwrap();
    let synchronous: i64 = db.query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap();
    let journal: String = db.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!((synchronous, &*journal), (2, "wal"));
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_and_says_so() {
    let home = tempfile::tempdir().unwrap();
    let db = closed_store(home.path()).await;
    db.execute_batch("UPDATE meta SET format = 2").unwrap();
    drop(db);
    let before = fs::read(store_file(home.path())).unwrap();
    let error = Store::open(home.path(), &Settings::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooNew);
    assert!(before == fs::read(store_file(home.path())).unwrap(), "it was written");
    let told = error.to_string();
    assert!(told.contains("is a store of version 2, and this program knows up to 1"), "{told}");
    assert!(told.contains("store.db"), "{told}");
}

#[tokio::test]
async fn rows_that_have_gone_without_a_trace_are_missed() {
    for (spoil, what) in [
        ("DELETE FROM log", "it holds 0 logs"),
        ("DELETE FROM meta", "cannot read the version of the store"),
        ("UPDATE meta SET revision = 9", "what it says of itself does not match"),
        ("UPDATE log SET ends = 2", "the end of log \"journal\" is unreadable"),
        ("CREATE TABLE more (x)", "its tables are not those of a store"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let db = closed_store(home.path()).await;
        db.execute_batch(spoil).unwrap();
        drop(db);
        let error = Store::open(home.path(), &Settings::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{spoil}: {error}");
        assert!(error.to_string().contains(what), "{spoil}: {error}");
    }
}

#[tokio::test]
async fn records_that_have_gone_from_the_end_are_missed() {
    let home = tempfile::tempdir().unwrap();
    let db = closed_store(home.path()).await;
    db.execute_batch("DELETE FROM record WHERE place & 255 = 3").unwrap();
    drop(db);
    let store = Store::open(home.path(), &Settings::default()).unwrap();
    let error = Logs::read(&store, &journal(), Sequence(1), usize::MAX).await.unwrap_err();
    assert!(error.to_string().contains("record 3 of log journal is missing"), "{error}");
    store.close().await;
    let saved = recover(home.path(), home.path().join("saved")).unwrap();
    assert_eq!(saved.logs[0].last, Sequence(2));
}

#[tokio::test]
async fn a_log_whose_end_is_unreadable_is_recovered_as_far_as_its_records_go() {
    let home = tempfile::tempdir().unwrap();
    let db = closed_store(home.path()).await;
    db.execute_batch("UPDATE log SET ends = 9; UPDATE meta SET revision = 5").unwrap();
    drop(db);
    let into = home.path().join("saved");
    let saved = recover(home.path(), &into).unwrap();
    assert_eq!((saved.logs[0].records, saved.logs[0].last), (3, Sequence(3)));
    assert_eq!(
        saved.left_out,
        [
            "log journal: where it should end is unreadable",
            "what the store says of itself is unreadable"
        ]
    );
    let store = Store::open(&into, &Settings::default()).unwrap();
    assert_eq!(Logs::end(&store, &journal()).await.unwrap(), Sequence(3));
    // No revision of the old store can be given out again.
    let key = Key::new("lease").unwrap();
    let revision = store.create(&key, Bytes::new()).await.unwrap();
    assert!(revision.0 > 1 << 32);
    store.close().await;
}

#[tokio::test]
async fn a_failure_that_is_not_for_want_of_room_is_unknown_and_the_next_write_is_tried_anew() {
    let home = tempfile::tempdir().unwrap();
    drop(closed_store(home.path()).await);
    let store = Store::open(home.path(), &Settings::default()).unwrap();
    let spoiler = Connection::open(store_file(home.path())).unwrap();
    spoiler.execute_batch("ALTER TABLE record RENAME TO hidden").unwrap();
    let record = Bytes::from_static(b"fourth");
    let failed = Logs::append(&store, &journal(), Sequence(3), record.clone()).await;
    assert!(matches!(failed, Err(AppendError::Unknown(_))), "{failed:?}");
    spoiler.execute_batch("ALTER TABLE hidden RENAME TO record").unwrap();
    assert_eq!(Logs::append(&store, &journal(), Sequence(3), record).await, Ok(Sequence(4)));
    store.close().await;
}

#[tokio::test]
async fn a_reader_that_stays_long_does_not_hold_up_an_append() {
    let home = tempfile::tempdir().unwrap();
    drop(closed_store(home.path()).await);
    let store = Store::open(home.path(), &Settings::default()).unwrap();
    // A view of the file that stays open all the while, as a very long read would keep it.
    let long = Connection::open(store_file(home.path())).unwrap();
    long.execute_batch("BEGIN").unwrap();
    let seen = |db: &Connection| {
        db.query_row("SELECT count(*) FROM record", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(seen(&long), 3);
    for end in 3..50 {
        let record = Bytes::from_static(b"more");
        let appended = Logs::append(&store, &journal(), Sequence(end), record).await;
        assert_eq!(appended, Ok(Sequence(end + 1)));
    }
    assert_eq!(seen(&long), 3);
    drop(long);
    store.close().await;
}

#[tokio::test]
async fn a140_a_sound_store_is_looked_through_and_each_damage_is_told() {
    let home = tempfile::tempdir().unwrap();
    let db = closed_store(home.path()).await;
    let blobs = FileBlobs::beside(home.path(), true);
    let name = blobs.put_now(&Bytes::from_static(b"abc")).unwrap();
    let sound = verify(home.path(), 1).unwrap();
    let counts = (sound.logs, sound.records, sound.blobs, sound.blob_bytes, sound.blobs_read);
    assert_eq!((counts, sound.faults.len()), ((1, 3, 1, 3, 1), 0));
    assert_eq!(verify(home.path(), 0).unwrap().blobs_read, 0);
    let other = BlobName::of(b"other");
    assert_eq!(missing_blobs(home.path(), &[name.clone(), other.clone()]), [other]);

    db.execute_batch("UPDATE record SET bytes = x'00' WHERE place & 255 = 2").unwrap();
    let path = home.path().join("blobs").join(&name.as_str()[..2]);
    fs::write(path.join(name.as_str()), "abd").unwrap();
    fs::write(path.join("new-7"), "half").unwrap();
    let damaged = verify(home.path(), 1).unwrap();
    assert_eq!((damaged.records, damaged.unfinished), (1, 1));
    assert_eq!(
        damaged.faults,
        [
            "record 2 of log journal does not match its checksum".to_owned(),
            format!("blob {name} does not match its name"),
        ]
    );
    assert_eq!(verify(home.path().join("none"), 1).unwrap_err().kind(), ErrorKind::NotFound);
}
