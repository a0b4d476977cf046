//! What survives in a directory: restarts, kills, second openers, torn and damaged files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must end")]

#[path = "durability/locks.rs"]
mod locks;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use bytes::Bytes;
use futures::StreamExt as _;
use orkestra_runtime::{
    ErrorKind,
    chance::Chance,
    fabric::{
        AppendError, BlobName, Fabric, Key, LogName, Revision, Sequence,
        embedded::{self, Embedded, Settings},
    },
};
use orkestra_tests::store::{copy, fill, journal, lease, long_record, record, sound};

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart_and_revisions_go_on_rising() {
    let home = tempfile::tempdir().unwrap();
    let fabric = Embedded::open(home.path()).unwrap();
    fill(&fabric, 5, record).await;
    fabric.logs().trim(&journal(), Sequence(3)).await.unwrap();
    let registers = fabric.registers();
    let first = registers.create(&lease(), Bytes::from_static(b"n1")).await.unwrap();
    let gone = registers.create(&Key::new("gone").unwrap(), Bytes::new()).await.unwrap();
    registers.delete(&Key::new("gone").unwrap(), gone).await.unwrap();
    let blob = fabric.blobs().put(Bytes::from_static(b"large")).await.unwrap();
    fabric.close().await;

    let fabric = Embedded::open(home.path()).unwrap();
    let entries = fabric.logs().read(&journal(), Sequence(1), 1_000).await.unwrap();
    let found: Vec<_> = entries.into_iter().map(|e| (e.sequence.0, e.record)).collect();
    assert_eq!(found, [(3, record(3)), (4, record(4)), (5, record(5))]);
    let held = fabric.registers().get(&lease()).await.unwrap().unwrap();
    assert_eq!((held.revision, &held.bytes[..]), (first, &b"n1"[..]));
    let next = fabric.registers().create(&Key::new("gone").unwrap(), Bytes::new()).await.unwrap();
    assert!(next > Revision(gone.0 + 1), "{next:?} after {gone:?} and its deletion");
    let kept = fabric.blobs().get(&blob).await.unwrap();
    assert_eq!(kept, Some(Bytes::from_static(b"large")));
    fabric.close().await;
}

#[tokio::test]
async fn closing_carries_out_what_was_queued() {
    let home = tempfile::tempdir().unwrap();
    let fabric = Embedded::open(home.path()).unwrap();
    let appends: Vec<_> = (0..100)
        .map(|number| {
            let log = LogName::new(&format!("log-{number}")).unwrap();
            fabric.logs().append(&log, Sequence(0), record(1))
        })
        .collect();
    let (verdicts, ()) = futures::join!(futures::future::join_all(appends), fabric.close());
    assert!(verdicts.iter().all(|verdict| *verdict == Ok(Sequence(1))));
    assert_eq!(fs::metadata(home.path().join("store.db-wal")).map_or(0, |file| file.len()), 0);
    let fabric = Embedded::open(home.path()).unwrap();
    for number in 0..100 {
        let log = LogName::new(&format!("log-{number}")).unwrap();
        assert_eq!(fabric.logs().end(&log).await.unwrap(), Sequence(1));
    }
}

/// A process that appends, and the sequences that it says are acknowledged.
fn appender(dir: &Path) -> (Child, impl Iterator<Item = u64>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fabric-appender"))
        .arg(dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The last line may have been cut by the kill.
    (child, lines.map_while(|line| line.ok()?.parse().ok()))
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_was_acknowledged_and_lets_the_directory_go() {
    let home = tempfile::tempdir().unwrap();
    let mut before = 0;
    for kill_after in [1, 50, 200] {
        let (mut child, mut acknowledged) = appender(home.path());
        let mut last = acknowledged.by_ref().nth(kill_after).unwrap();
        child.kill().unwrap();
        last = acknowledged.last().unwrap_or(last);
        child.wait().unwrap();
        assert!(last > before);

        let fabric = Embedded::open(home.path()).unwrap();
        before = sound(&fabric, record).await.unwrap();
        // One more may have been under way.
        assert!(before == last || before == last + 1, "{before} after {last}");
        fabric.close().await;
    }
}

#[tokio::test]
async fn a_second_opener_is_told_who_holds_the_directory() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(embedded::holder(home.path()).unwrap(), None);
    let (mut child, mut acknowledged) = appender(home.path());
    acknowledged.next().unwrap();
    let refused = Embedded::open(home.path()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    let told = refused.to_string();
    assert!(told.contains(&format!("process {} holds it", child.id())), "{told}");
    assert!(told.contains(&home.path().display().to_string()), "{told}");
    assert_eq!(embedded::holder(home.path()).unwrap(), Some(child.id()));

    // Looking is allowed, and sees what is appended meanwhile.
    let looking = Embedded::open_read_only(home.path()).unwrap();
    let mut follow = looking.logs().follow(&journal(), Sequence(1));
    for number in 1..=300 {
        assert_eq!(follow.next().await.unwrap().unwrap().record, record(number));
    }
    looking.close().await;

    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(embedded::holder(home.path()).unwrap(), None);
    let fabric = Embedded::open(home.path()).unwrap();
    assert_eq!(Embedded::open(home.path()).unwrap_err().kind(), ErrorKind::Conflict);
    fabric.close().await;
    assert_eq!(embedded::holder(home.path()).unwrap(), None);
    Embedded::open(home.path()).unwrap().close().await;
}

#[tokio::test]
async fn a_dead_run_can_be_looked_at_and_not_written() {
    let home = tempfile::tempdir().unwrap();
    let (live, copied) = (home.path().join("live"), home.path().join("dead"));
    let fabric = Embedded::open(&live).unwrap();
    fill(&fabric, 3, record).await;
    copy(&live, &copied);
    let looking = Embedded::open_read_only(&copied).unwrap();
    assert_eq!(sound(&looking, record).await.unwrap(), 3);
    let refused = looking.logs().append(&journal(), Sequence(3), record(4)).await;
    assert!(refused.unwrap_err().to_string().contains("reading only"));
    assert!(looking.registers().create(&lease(), Bytes::new()).await.is_err());
    assert!(looking.blobs().put(Bytes::new()).await.is_err());
    assert_eq!(sound(&looking, record).await.unwrap(), 3);
    let absent = Embedded::open_read_only(home.path().join("absent")).unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_torn_write_ahead_log_leaves_a_clean_beginning_that_can_be_written_on() {
    let home = tempfile::tempdir().unwrap();
    let live = home.path().join("live");
    let fabric = Embedded::open(&live).unwrap();
    fill(&fabric, 40, record).await;
    let mut chance = Chance::from_seed(11);
    let mut lengths = Vec::new();
    for turn in 0..24 {
        let torn = home.path().join(format!("torn-{turn}"));
        copy(&live, &torn);
        let wal = torn.join("store.db-wal");
        let mut bytes = fs::read(&wal).unwrap();
        let at = usize::try_from(chance.below(bytes.len() as u64)).unwrap();
        if turn % 2 == 0 {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 0x40;
        }
        fs::write(&wal, bytes).unwrap();
        let fabric = Embedded::open(&torn).unwrap();
        let length = sound(&fabric, record).await.unwrap();
        fill(&fabric, 2, record).await;
        assert_eq!(sound(&fabric, record).await.unwrap(), length + 2);
        fabric.close().await;
        lengths.push(length);
    }
    assert!(lengths.iter().all(|length| *length <= 40), "{lengths:?}");
    assert!(lengths.iter().any(|length| (1..40).contains(length)), "nothing was torn: {lengths:?}");
}

/// A closed store with logs, registers and a blob.
async fn closed_store(dir: &Path) -> BlobName {
    let fabric = Embedded::open(dir).unwrap();
    fill(&fabric, 30, long_record).await;
    let other = LogName::new("other").unwrap();
    fabric.logs().append(&other, Sequence(0), record(1)).await.unwrap();
    for name in ["a", "b", "c"] {
        let key = Key::new(name).unwrap();
        fabric.registers().create(&key, Bytes::from_static(b"held")).await.unwrap();
    }
    let blob = fabric.blobs().put(Bytes::from_static(b"a large value")).await.unwrap();
    fabric.close().await;
    blob
}

/// Everything that `closed_store` put, or the error that says that it is damaged.
async fn read_all(dir: &Path) -> orkestra_runtime::Result<()> {
    let fabric = Embedded::open(dir)?;
    let read = async {
        assert_eq!(sound(&fabric, long_record).await?, 30);
        let other = LogName::new("other").unwrap();
        let entries = fabric.logs().read(&other, Sequence(1), 1_000).await?;
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].record, record(1));
        for (name, revision) in [("a", 1), ("b", 2), ("c", 3)] {
            let value = fabric.registers().get(&Key::new(name).unwrap()).await?.unwrap();
            assert_eq!((value.revision, &value.bytes[..]), (Revision(revision), &b"held"[..]));
        }
        Ok(())
    };
    let read = read.await;
    fabric.close().await;
    read
}

#[tokio::test]
async fn a_flipped_byte_is_found_and_the_file_is_named_and_never_is_something_else_read() {
    let home = tempfile::tempdir().unwrap();
    let whole = home.path().join("whole");
    closed_store(&whole).await;
    read_all(&whole).await.unwrap();
    let bytes = fs::read(whole.join("store.db")).unwrap();
    let mut chance = Chance::from_seed(5);
    let mut found = 0;
    for turn in 0..150 {
        let dir = home.path().join("damaged");
        copy(&whole, &dir);
        let mut damaged = bytes.clone();
        // Every third hits the beginning of a page, where its structure is.
        let at = if turn % 3 == 0 {
            chance.below(bytes.len() as u64 / 4_096) * 4_096 + chance.below(64)
        } else {
            chance.below(bytes.len() as u64)
        };
        damaged[usize::try_from(at).unwrap()] ^= 1 << chance.below(8);
        fs::write(dir.join("store.db"), damaged).unwrap();
        // Unless it says so, everything that is read is what was written: read_all asserts it.
        if let Err(error) = read_all(&dir).await {
            assert!(error.to_string().contains("store.db"), "byte {at}: {error}");
            found += 1;
        }
        fs::remove_dir_all(&dir).unwrap();
    }
    // The others hit room that nothing stands in.
    assert!(found > 40, "found {found} of 150");
}

#[tokio::test]
async fn what_is_sound_of_a_damaged_store_is_recovered_and_the_rest_is_named() {
    let home = tempfile::tempdir().unwrap();
    let (dir, into) = (home.path().join("damaged"), home.path().join("saved"));
    let blob = closed_store(&dir).await;
    let lost = Embedded::open(&dir).unwrap();
    let bad = lost.blobs().put(Bytes::from_static(b"spoiled")).await.unwrap();
    lost.close().await;
    fs::write(dir.join("blobs").join(&bad.as_str()[..2]).join(bad.as_str()), b"other").unwrap();
    let mut bytes = fs::read(dir.join("store.db")).unwrap();
    let text = b"record 17 xxx";
    let at = bytes.windows(text.len()).position(|found| found == text).unwrap();
    bytes[at + 40] = b'y';
    fs::write(dir.join("store.db"), bytes).unwrap();

    let fabric = Embedded::open(&dir).unwrap();
    let refused = fabric.logs().read(&journal(), Sequence(17), 1).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    assert!(refused.to_string().contains("record 17 of log journal"), "{refused}");
    assert_eq!(fabric.logs().read(&journal(), Sequence(18), 1).await.unwrap().len(), 1);
    let spoiled = fabric.blobs().get(&bad).await.unwrap_err();
    assert_eq!(spoiled.kind(), ErrorKind::Corrupt);
    let held = embedded::recover(&dir, &into).unwrap_err();
    assert_eq!(held.kind(), ErrorKind::Conflict);
    fabric.close().await;

    let recovery = embedded::recover(&dir, &into).unwrap();
    let logs: Vec<_> =
        recovery.logs.iter().map(|log| (log.name.as_str(), log.records, log.last.0)).collect();
    assert_eq!(logs, [("journal", 16, 16), ("other", 1, 1)]);
    assert_eq!((recovery.registers, recovery.blobs), (3, 1));
    assert_eq!(
        recovery.left_out,
        [
            "record 17 of log journal does not match its checksum".to_owned(),
            format!("blob {bad} does not match its name"),
        ]
    );
    let fabric = Embedded::open(&into).unwrap();
    assert_eq!(sound(&fabric, long_record).await.unwrap(), 16);
    let revision = fabric.registers().create(&lease(), Bytes::new()).await.unwrap();
    assert_eq!(revision, Revision(4));
    assert!(fabric.blobs().get(&blob).await.unwrap().is_some());
    fabric.close().await;
    let again = embedded::recover(&dir, &into).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_missing_empty_foreign_or_half_file_is_named() {
    let home = tempfile::tempdir().unwrap();
    let whole = home.path().join("whole");
    closed_store(&whole).await;
    let spoil = |name: &str, how: &dyn Fn(&Path)| {
        let dir = home.path().join(name);
        copy(&whole, &dir);
        how(&dir.join("store.db"));
        let error = Embedded::open(&dir).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{name}: {error}");
        error.to_string()
    };
    let told = spoil("missing", &|file| fs::remove_file(file).unwrap());
    assert!(told.contains("store.db is missing, but"), "{told}");
    let told = spoil("empty", &|file| fs::write(file, b"").unwrap());
    assert!(told.contains("store.db"), "{told}");
    let told = spoil("foreign", &|file| fs::write(file, b"this is a letter to my aunt").unwrap());
    assert!(told.contains("store.db"), "{told}");
    let told = spoil("half", &|file| {
        let bytes = fs::read(file).unwrap();
        fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
    });
    assert!(told.contains("store.db"), "{told}");
}

#[tokio::test]
async fn a_full_store_refuses_what_does_not_fit_and_works_again_when_there_is_room() {
    let home = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.store_bytes_max = Some(256 * 1024);
    let fabric = Embedded::open_with(home.path(), &settings).unwrap();
    let logs = fabric.logs();
    let mut end = 0;
    let refused = loop {
        match logs.append(&journal(), Sequence(end), long_record(end + 1)).await {
            Ok(next) => end = next.0,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, AppendError::Full);
    assert!(end > 100, "only {end} fitted");
    assert_eq!(sound(&fabric, long_record).await.unwrap(), end);
    logs.trim(&journal(), Sequence(end / 2)).await.unwrap();
    let next = logs.append(&journal(), Sequence(end), long_record(end + 1)).await;
    assert_eq!(next, Ok(Sequence(end + 1)));
    fabric.close().await;
}

#[tokio::test]
async fn of_several_writes_that_share_a_commit_only_the_one_that_does_not_fit_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.store_bytes_max = Some(256 * 1024);
    let fabric = Embedded::open_with(home.path(), &settings).unwrap();
    let append = |name: &str, bytes: usize| {
        let log = LogName::new(name).unwrap();
        fabric.logs().append(&log, Sequence(0), Bytes::from(vec![1; bytes]))
    };
    let (first, large, last) =
        futures::join!(append("first", 10), append("large", 400_000), append("last", 10));
    assert_eq!((first, large, last), (Ok(Sequence(1)), Err(AppendError::Full), Ok(Sequence(1))));
    assert_eq!(fabric.logs().end(&LogName::new("large").unwrap()).await.unwrap(), Sequence(0));
    fabric.close().await;
}
