//! Folders that older programs left behind: read, gone on with, and never written by one that is
//! older still.

use std::{
    fs,
    path::{Path, PathBuf},
};

use orkestra_coordinator::{
    shard::{
        Mind as _,
        machine::{Event, ShardMachine},
    },
    task::{Answer as TaskAnswer, Query as TaskQuery, view::RunView},
};
use orkestra_runtime::{
    fabric::{Fabric as _, Key, Sequence, embedded::Embedded},
    id::ShardId,
    journal::{Journal, Position},
    time::{Moment, Now, Wall},
};
use orkestra_tests::command::Desk;
use serde_json::{Value, json};

use crate::desk;

/// Every command that would go on with a folder, and what each needs.
const WRITES: [&[&str]; 2] =
    [&["run", "kept.toml", "--data-dir", "data"], &["task", "cancel", "end", "--data-dir", "data"]];

/// The folders that are kept, oldest first: each with `kept.toml`, `data` and `audit.jsonl`.
fn kept() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kept");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_folder = |path: &PathBuf| path.join("kept.toml").exists();
    let mut folders: Vec<PathBuf> = entries.filter(is_folder).collect();
    folders.sort();
    assert!(!folders.is_empty(), "no folder is kept: this test is blind");
    folders
}

/// A desk with a copy of a kept folder, which is never used itself.
fn desk_with(kept: &Path) -> Desk {
    let desk = desk();
    copy(&kept.join("data"), &desk.path("data"));
    fs::copy(kept.join("kept.toml"), desk.path("kept.toml")).unwrap();
    desk
}

pub(crate) fn copy(from: &Path, into: &Path) {
    fs::create_dir_all(into).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = into.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Whether everything that was said then is said now; a later program may say more.
fn says_at_least(now: &Value, then: &Value) -> bool {
    match (now, then) {
        (Value::Object(now), Value::Object(then)) => {
            then.iter().all(|(key, then)| now.get(key).is_some_and(|now| says_at_least(now, then)))
        }
        (now, then) => now == then,
    }
}

#[test]
fn the_audit_of_an_older_folder_reads_the_same_rows() {
    for kept in kept() {
        let desk = desk_with(&kept);
        let told = desk.run(&["audit", "export", "--data-dir", "data", "-o", "ndjson"]).expect(0);
        let now = told.lines();
        let text = fs::read_to_string(kept.join("audit.jsonl")).unwrap();
        let then: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(now.len(), then.len(), "{}", kept.display());
        for (now, then) in now.iter().zip(&then) {
            assert!(says_at_least(now, then), "{}:\nnow  {now}\nthen {then}", kept.display());
        }
    }
}

#[test]
fn a_run_that_an_older_program_began_is_gone_on_with_to_its_end() {
    for kept in kept() {
        let desk = desk_with(&kept);
        let run = ["run", "kept.toml", "--data-dir", "data", "-o", "ndjson"];
        let said = desk.run(&run).expect(1).says(&["run kept-2 goes on where it was: ", " of 45"]);
        let end = said.lines().into_iter().last().unwrap();
        assert_eq!(end["event"], "run_ended");
        let counts = json!({ "total": 45, "completed": 40, "failed": 2, "cancelled": 3 });
        assert!(says_at_least(&end["counts"], &counts), "{end}");
        let get = |task| desk.run(&["task", "get", task, "--data-dir", "data", "-o", "json"]);
        let large = get("large").expect(0).json();
        assert_eq!(large["output"]["blob"]["bytes"], 75_002);
        let late = get("late").expect(0).json();
        assert_eq!((&late["state"], &late["attempt"]), (&"completed".into(), &2.into()));
        let lost = get("nap-4").expect(0).json();
        assert_eq!((&lost["state"], &lost["failures"]), (&"completed".into(), &0.into()));
    }
}

#[test]
fn an_older_folder_is_backed_up_and_compacted_and_its_run_goes_on() {
    for kept in kept() {
        let desk = desk_with(&kept);
        let told = desk.run(&["backup", "--data-dir", "data", "--into", "saved", "-o", "json"]);
        let told = told.expect(0).json();
        assert_eq!((&told["counts"]["runs"], &told["counts"]["tasks"]), (&2.into(), &90.into()));
        let compact = ["compact", "--data-dir", "data", "--keep-records", "0", "-o", "json"];
        let told = desk.run(&compact).expect(0).json();
        assert!(told["records_forgotten"].as_u64().unwrap() > 0, "{told}");
        assert_eq!(told["room"], "done");
        let size = |when: &str| told[when]["store"].as_u64().unwrap();
        assert!(size("after") < size("before"), "{told}");
        for data in ["data", "restored"] {
            let run = ["run", "kept.toml", "--data-dir", data, "-o", "ndjson"];
            let end = desk.run(&run).expect(1).lines().into_iter().last().unwrap();
            assert_eq!(end["counts"]["completed"], 40, "{end}");
            let restore = ["restore", "--from", "saved", "--data-dir", "restored"];
            if data == "data" {
                desk.run(&restore).expect(0);
            }
        }
    }
}

#[tokio::test]
async fn the_snapshots_of_an_older_folder_are_the_fold_of_its_journal() {
    for kept in kept() {
        let desk = desk_with(&kept);
        let fabric = Embedded::open(desk.path("data")).unwrap();
        let journal = Journal::of(&fabric, ShardId(0)).unwrap();
        journal.check(ShardMachine::SNAPSHOT_VERSION).await.unwrap();
        let marks = journal.snapshots().await.unwrap();
        assert_eq!(marks.len(), 2, "{}", kept.display());
        for mark in marks {
            let snapshot = journal.load(&mark).await.unwrap();
            let restored = ShardMachine::restore(&snapshot.bytes).unwrap();
            let (mut folded, mut position) = (ShardMachine::default(), Position::default());
            let apply = |number, at, event: &Event| folded.apply(number, at, event);
            let until = mark.position.sequence();
            journal.read_on(&mut position, until, apply).await.unwrap();
            assert_eq!(position, mark.position);
            // How often agents failed in a row was not kept by version 1, and begins anew.
            assert!(!looks(&folded).is_empty(), "{}", kept.display());
            assert_eq!(looks(&restored), looks(&folded), "{}", kept.display());
        }
        let end = journal.end().await.unwrap();
        assert!(end > Sequence(0));
        fabric.close().await;
    }
}

/// How everything in a shard looks to who asks.
fn looks(machine: &ShardMachine) -> Vec<TaskAnswer> {
    let tasks = machine.tasks();
    let now = Now { moment: Moment::from_ms(0), wall: Wall::from_ms(0) };
    let TaskAnswer::Runs(runs) = tasks.answer(now, &TaskQuery::Runs) else { return Vec::new() };
    let of_run = |run: &RunView| {
        let run = run.summary.run.clone();
        tasks.answer(now, &TaskQuery::Tasks { run, limit: None })
    };
    let of_runs: Vec<TaskAnswer> = runs.iter().map(of_run).collect();
    let agents = tasks.answer(now, &TaskQuery::Agents);
    of_runs.into_iter().chain([agents, TaskAnswer::Runs(runs)]).collect()
}

/// Leaves something of a newer program in a copy of the newest kept folder, and looks whether each
/// command that would write refuses, says this, and leaves everything as it was.
async fn check_refusal(leave: impl AsyncFn(&Embedded), says: &[&str]) {
    let desk = desk_with(kept().last().unwrap());
    let fabric = Embedded::open(desk.path("data")).unwrap();
    leave(&fabric).await;
    fabric.close().await;
    let before = fs::read(desk.path("data/store.db")).unwrap();
    for command in WRITES {
        let told = desk.run(command).expect(4).says(says);
        assert!(!told.err.contains("recover"), "nothing is damaged: {}", told.err);
        assert!(before == fs::read(desk.path("data/store.db")).unwrap(), "{command:?} wrote");
        let wal = fs::metadata(desk.path("data/store.db-wal")).map_or(0, |file| file.len());
        assert_eq!(wal, 0, "{command:?} wrote");
    }
}

#[tokio::test]
async fn records_of_a_newer_program_are_refused_with_advice_before_anything_is_changed() {
    let leave = async |fabric: &Embedded| {
        let journal = Journal::of(fabric, ShardId(0)).unwrap();
        let head = json!({ "v": 3, "kind": "events", "shard": 0, "events": ["something new"] });
        let record = rmp_serde::to_vec_named(&head).unwrap();
        journal.append(journal.end().await.unwrap(), record.into()).await.unwrap();
    };
    let says = ["has version 3", "up to version 2", "a newer program wrote this journal; run that"];
    check_refusal(leave, &says).await;
}

#[tokio::test]
async fn snapshots_of_a_newer_program_are_refused_with_advice_before_anything_is_changed() {
    let leave = async |fabric: &Embedded| {
        let key = Key::new("shard.0.snapshots").unwrap();
        let held = fabric.registers().get(&key).await.unwrap().unwrap();
        let mut marks: Value = serde_json::from_slice(&held.bytes).unwrap();
        marks["snapshots"][1]["version"] = 99.into();
        let marks = marks.to_string().into_bytes().into();
        fabric.registers().compare_and_set(&key, held.revision, marks).await.unwrap();
    };
    check_refusal(leave, &["it has version 99", "a newer program kept it; run that one again"])
        .await;
}
