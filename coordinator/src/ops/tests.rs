//! Backups, restored folders and compactions, beside a node that goes on.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use orkestra_agents::{Context, Work};
use orkestra_runtime::{
    ErrorKind, Result,
    fabric::{BlobName, Fabric as _, Shrunk, embedded::Embedded},
    id::{RunId, TaskId},
    protocol::{
        payload::Json,
        task::{Failure, TaskSpec},
    },
    time::{Clock as _, Now, SystemClock, Wall},
};

use super::*;
use crate::system::System;

const TASKS: usize = 40;

/// Puts out more than an event holds, other bytes for every task.
async fn large(work: Work, _: Context) -> Result<Json, Failure> {
    tokio::time::sleep(Duration::from_millis(2)).await;
    let text = format!("{} ", work.id).repeat(40_000);
    Json::of(&text).map_err(|error| Failure::error(error.to_string()))
}

fn graph() -> Vec<TaskSpec> {
    (0..TASKS).map(|n| TaskSpec::named(format!("t{n}")).unwrap()).collect()
}

fn run() -> RunId {
    RunId::new("r").unwrap()
}

fn now() -> Now {
    SystemClock::start().now()
}

async fn start(folder: &Path) -> System {
    let builder = System::builder().data_dir(folder).unwrap();
    builder.function("large", 2, large).unwrap().start().await.unwrap()
}

/// Whether every task's output is there and its own.
async fn check_outputs(system: &System) {
    for n in 0..TASKS {
        let id = TaskId::new(format!("t{n}")).unwrap();
        let output = system.tasks().output(&run(), &id).await.unwrap().unwrap();
        assert!(output.as_str().starts_with(&format!("\"t{n} t{n} ")), "{id}");
    }
}

fn nothing(_: orkestra_runtime::fabric::embedded::Copying) {}

/// What stands in a folder besides what is named.
fn others(folder: &Path, known: &[&str]) -> Vec<String> {
    let found = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name());
    let found = found.map(|name| name.to_string_lossy().into_owned());
    found.filter(|name| !known.contains(&name.as_str())).collect()
}

fn blob_path(folder: &Path, name: &BlobName) -> std::path::PathBuf {
    folder.join("blobs").join(&name.as_str()[..2]).join(name.as_str())
}

/// As if it had been put long ago.
fn age(folder: &Path, name: &BlobName) {
    let file = File::options().append(true).open(blob_path(folder, name)).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_node_is_compacted_again_and_again_and_loses_nothing() {
    let home = tempfile::tempdir().unwrap();
    let system = start(home.path()).await;
    system.tasks().begin(&run(), graph()).await.unwrap();
    let run = run();
    let (ended, forgotten) = tokio::join!(system.tasks().wait(&run), async {
        let mut forgotten = 0;
        for _ in 0..6 {
            let compacted = system.compact(Some(0)).await.unwrap();
            assert_eq!((compacted.room, compacted.blobs_kept_since), (Shrunk::Done, None));
            forgotten += compacted.records_forgotten;
            assert_eq!(compacted.first_record, forgotten + 1);
        }
        forgotten
    });
    assert_eq!(ended.unwrap().counts.completed, TASKS as u64);
    assert!(forgotten > 0);
    check_outputs(&system).await;
    system.compact(Some(0)).await.unwrap();
    check_outputs(&system).await;
    system.stop().await.unwrap();

    let again = start(home.path()).await;
    let ended = again.tasks().wait(&run).await.unwrap();
    assert_eq!((ended.counts.completed, ended.attempts), (TASKS as u64, TASKS as u64));
    check_outputs(&again).await;
    again.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_blobs_that_are_old_and_that_nothing_names_are_forgotten() {
    let home = tempfile::tempdir().unwrap();
    let system = start(home.path()).await;
    system.tasks().begin(&run(), graph()).await.unwrap();
    system.tasks().wait(&run()).await.unwrap();
    system.stop().await.unwrap();
    // Twice, so that what names the outputs stands in snapshots alone.
    for _ in 0..2 {
        compact_folder(home.path(), 0, now()).await.unwrap();
    }
    let fabric = Embedded::open(home.path()).unwrap();
    let put = |text: &'static str| fabric.blobs().put(Bytes::from_static(text.as_bytes()));
    let (old, again, young) = (put("old"), put("put again"), put("young"));
    let (old, again, young) = (old.await.unwrap(), again.await.unwrap(), young.await.unwrap());
    let all: Vec<BlobName> = names(home.path());
    assert!(all.len() > TASKS);
    for name in all.iter().filter(|name| **name != young) {
        age(home.path(), name);
    }
    // Whoever puts it again may be about to name it.
    fabric.blobs().put(Bytes::from_static(b"put again")).await.unwrap();
    let torn = blob_path(home.path(), &old).with_file_name("new-7");
    fs::write(&torn, "torn").unwrap();
    fabric.close().await;

    let compacted = compact_folder(home.path(), 0, now()).await.unwrap();
    assert_eq!((compacted.blobs_forgotten.blobs, compacted.blobs_forgotten.bytes), (1, 3));
    assert!(!blob_path(home.path(), &old).exists());
    assert!(blob_path(home.path(), &again).exists() && blob_path(home.path(), &young).exists());
    let again = start(home.path()).await;
    check_outputs(&again).await;
    again.stop().await.unwrap();
}

fn names(folder: &Path) -> Vec<BlobName> {
    let mut names = Vec::new();
    for folder in fs::read_dir(folder.join("blobs")).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            names.extend(file.unwrap().file_name().to_str().unwrap().parse::<BlobName>());
        }
    }
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_running_node_is_one_state_of_it_and_goes_on_elsewhere() {
    let home = tempfile::tempdir().unwrap();
    let (data, saved, other) =
        (home.path().join("data"), home.path().join("saved"), home.path().join("other"));
    let system = start(&data).await;
    system.tasks().begin(&run(), graph()).await.unwrap();
    let manifest = back_up(&data, &saved, Wall::from_ms(7), nothing).await.unwrap();
    assert_eq!(manifest.taken_at, "1970-01-01T00:00:00.007Z");
    assert_eq!((manifest.counts.runs, manifest.counts.tasks), (1, TASKS as u64));
    assert!(manifest.journal.last_record > 0 && manifest.missing.is_empty());
    assert_eq!(
        others(&saved, &["blobs", "manifest.json", "store.db", "supervision.jsonl"]),
        [""; 0]
    );
    assert_eq!(system.tasks().wait(&run()).await.unwrap().counts.completed, TASKS as u64);

    let restored = restore(&saved, &other, nothing).await.unwrap();
    assert_eq!(restored, manifest);
    let elsewhere = start(&other).await;
    elsewhere.tasks().begin(&run(), graph()).await.unwrap();
    assert_eq!(elsewhere.tasks().wait(&run()).await.unwrap().counts.completed, TASKS as u64);
    check_outputs(&elsewhere).await;
    elsewhere.stop().await.unwrap();

    let taken = restore(&saved, &data, nothing).await.unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::Conflict);
    assert!(taken.to_string().contains("is at work there"), "{taken}");
    let there = back_up(&data, &saved, Wall::from_ms(7), nothing).await.unwrap_err();
    assert_eq!(there.kind(), ErrorKind::Invalid);
    system.stop().await.unwrap();
    assert_eq!(others(home.path(), &["data", "saved", "other"]), [""; 0]);
}

#[tokio::test]
async fn folders_of_a_library_its_backups_and_restored_ones_are_for_their_owner_alone() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    start(&at("data")).await.stop().await.unwrap();
    back_up(&at("data"), &at("saved"), Wall::from_ms(7), nothing).await.unwrap();
    restore(&at("saved"), &at("other"), nothing).await.unwrap();
    for folder in ["data", "saved", "other"] {
        assert_eq!((folder, mode(&at(folder))), (folder, 0o700));
        for file in others(&at(folder), &["blobs"]) {
            assert_eq!((&*file, mode(&at(folder).join(&file))), (&*file, 0o600));
        }
    }
    // An empty folder that was there keeps the mode that somebody gave it.
    fs::create_dir(at("there")).unwrap();
    fs::set_permissions(at("there"), fs::Permissions::from_mode(0o750)).unwrap();
    restore(&at("saved"), &at("there"), nothing).await.unwrap();
    assert_eq!(mode(&at("there")), 0o750);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_and_compactions_beside_each_other_are_all_whole() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let system = start(&data).await;
    system.tasks().begin(&run(), graph()).await.unwrap();
    let backups = async {
        for n in 0..4 {
            let saved = home.path().join(format!("saved-{n}"));
            let manifest = back_up(&data, &saved, Wall::from_ms(7), nothing).await.unwrap();
            assert!(manifest.missing.is_empty(), "{:?}", manifest.missing);
            restore(&saved, &home.path().join(format!("other-{n}")), nothing).await.unwrap();
        }
    };
    let compactions = async {
        for _ in 0..12 {
            system.compact(Some(0)).await.unwrap();
        }
    };
    let run = run();
    let (ended, (), ()) = tokio::join!(system.tasks().wait(&run), backups, compactions);
    assert_eq!(ended.unwrap().counts.completed, TASKS as u64);
    system.stop().await.unwrap();
    for n in 0..4 {
        let other = start(&home.path().join(format!("other-{n}"))).await;
        other.tasks().begin(&run, graph()).await.unwrap();
        assert_eq!(other.tasks().wait(&run).await.unwrap().counts.completed, TASKS as u64);
        check_outputs(&other).await;
        other.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_damaged_is_refused_by_name_and_nothing_is_restored() {
    let home = tempfile::tempdir().unwrap();
    let (data, saved) = (home.path().join("data"), home.path().join("saved"));
    let system = start(&data).await;
    system.tasks().begin(&run(), graph()).await.unwrap();
    system.tasks().wait(&run()).await.unwrap();
    system.stop().await.unwrap();
    let manifest = back_up(&data, &saved, Wall::from_ms(7), nothing).await.unwrap();
    let blob = manifest.files.keys().find(|path| path.starts_with("blobs/")).unwrap().clone();
    let spoil = async |path: &str, change: &dyn Fn(&Path), kind: ErrorKind, why: &str| {
        let path = saved.join(path);
        let whole = fs::read(&path).unwrap();
        change(&path);
        let refused = restore(&saved, &home.path().join("other"), nothing).await.unwrap_err();
        assert_eq!(refused.kind(), kind, "{refused}");
        assert!(refused.to_string().contains(why), "{refused}");
        assert_eq!(others(home.path(), &["data", "saved"]), [""; 0]);
        fs::write(&path, whole).unwrap();
    };
    let flip = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let remove = |path: &Path| fs::remove_file(path).unwrap();
    let other_bytes = "its bytes are not those that were backed up";
    spoil("store.db", &flip, ErrorKind::Corrupt, other_bytes).await;
    spoil(&blob, &flip, ErrorKind::Corrupt, other_bytes).await;
    spoil(&blob, &remove, ErrorKind::NotFound, &blob).await;
    spoil(MANIFEST, &remove, ErrorKind::NotFound, MANIFEST).await;
    let cut = |path: &Path| fs::write(path, "{\"v\":1,").unwrap();
    spoil(MANIFEST, &cut, ErrorKind::Corrupt, "manifest.json is damaged").await;
    let newer = |path: &Path| fs::write(path, "{\"v\":3}").unwrap();
    spoil(MANIFEST, &newer, ErrorKind::TooNew, "a newer program made this backup").await;
    let out = |path: &Path| {
        let text = fs::read_to_string(path).unwrap().replace("\"store.db\"", "\"../store.db\"");
        fs::write(path, text).unwrap();
    };
    spoil(MANIFEST, &out, ErrorKind::Corrupt, "which leads out of it").await;
    restore(&saved, &home.path().join("other"), nothing).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blob_that_is_lost_is_told_apart_and_the_rest_is_saved() {
    let home = tempfile::tempdir().unwrap();
    let (data, saved) = (home.path().join("data"), home.path().join("saved"));
    let system = start(&data).await;
    system.tasks().begin(&run(), graph()).await.unwrap();
    system.tasks().wait(&run()).await.unwrap();
    system.stop().await.unwrap();
    let lost = names(&data).remove(0);
    fs::remove_file(blob_path(&data, &lost)).unwrap();
    let manifest = back_up(&data, &saved, Wall::from_ms(7), nothing).await.unwrap();
    assert_eq!(manifest.missing.into_iter().collect::<Vec<_>>(), [lost]);
    assert!(manifest.forgotten.is_empty());
    restore(&saved, &home.path().join("other"), nothing).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_looked_into_is_not_called_empty() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    let copy = home.path().join("copy");
    let copied = back_up(&file, &copy, now().wall, nothing).await;
    let refused = [copied.unwrap_err(), compact_folder(&file, 0, now()).await.unwrap_err()];
    for error in refused {
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("cannot look for"), "{error}");
    }
    let nowhere = back_up(&home.path().join("no"), &copy, now().wall, nothing).await;
    assert_eq!(nowhere.unwrap_err().kind(), ErrorKind::NotFound);
}
