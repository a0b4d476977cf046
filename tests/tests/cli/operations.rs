//! Looking after a data directory: backups, restored folders, compaction, what a kill leaves behind.

use std::fs;

use orkestra_tests::command::{Desk, Signal};
use serde_json::Value;

use crate::{RUN_SLOW, SLOW, desk};

const COMPACT: [&str; 7] = ["compact", "--data-dir", "data", "--keep-records", "0", "-o", "json"];

fn backup(desk: &Desk, into: &str) -> Value {
    let said = desk.run(&["backup", "--data-dir", "data", "--into", into, "-o", "json"]).expect(0);
    said.json()
}

#[test]
fn a_run_is_backed_up_while_it_goes_on_and_the_copy_goes_on_elsewhere() {
    let desk = desk();
    desk.write("slow.toml", &SLOW.replace("300", "100"));
    let mut running = desk.start(&RUN_SLOW);
    running.await_line("\"nap-3\"");
    let told = backup(&desk, "saved");
    assert_eq!(told["counts"]["tasks"], 30);
    assert!(told["counts"]["open_tasks"].as_u64().unwrap() > 10, "{told}");
    assert_eq!(told["missing"], serde_json::json!([]));
    let [bytes, last] =
        [&told["bytes"], &told["journal"]["last_event"]].map(|n| n.as_u64().unwrap());
    assert!(bytes > 10_000 && last > 30, "{told}");
    running.await_line("\"nap-29\"");
    running.end().expect(0);

    let again = ["backup", "--data-dir", "data", "--into", "saved"];
    desk.run(&again).expect(2).says(&["something is there; name a new or an empty folder"]);
    let restore = ["restore", "--from", "saved", "--data-dir", "restored"];
    desk.run(&restore).expect(0).shows(&["restored restored:", "30 tasks"]).says(&[
        "goes on from there",
        "what agents did outside after the backup was taken is done again",
    ]);
    let run = ["run", "slow.toml", "--data-dir", "restored"];
    desk.run(&run).expect(0).says(&["run slow-1 goes on where it was", "30 completed"]);
    desk.run(&restore).expect(2).says(&["something is there"]);
    let nothing = ["backup", "--data-dir", "nowhere", "--into", "other"];
    desk.run(&nothing).expect(2).says(&["there is no run in nowhere"]);
    assert!(!desk.path("nowhere").exists() && !desk.path("other").exists());
}

#[test]
fn a_compacted_folder_is_smaller_and_goes_on() {
    let desk = desk();
    desk.write("slow.toml", &SLOW.replace("300", "20").replace("n = 30", "n = 60"));
    let mut running = desk.start(&RUN_SLOW);
    running.await_line("\"nap-40\"");
    running.signal(Signal::INT);
    running.end().expect(130);
    let before = desk.run(&["audit", "list", "--data-dir", "data", "-o", "json"]).expect(0).json();
    let told = desk.run(&COMPACT).expect(0).json();
    assert!(told["records_forgotten"].as_u64().unwrap() > 40, "{told}");
    let size = |when: &str| told[when]["store"].as_u64().unwrap();
    assert!(size("after") < size("before"), "{told}");
    assert_eq!(size("after"), fs::metadata(desk.path("data/store.db")).unwrap().len());
    let after = desk.run(&["audit", "list", "--data-dir", "data", "-o", "json"]).expect(0).json();
    assert!(after.as_array().unwrap().len() < before.as_array().unwrap().len());
    let said = desk.run(&RUN_SLOW).expect(0).says(&["run slow-1 goes on where it was: "]);
    let last = said.lines().into_iter().last().unwrap();
    assert_eq!((&last["counts"]["completed"], &last["attempts"]), (&60.into(), &60.into()));
    desk.run(&["compact", "--data-dir", "data"])
        .expect(0)
        .shows(&["before", "forgotten  0 records"]);
    desk.run(&["compact", "--data-dir", "none"]).expect(2).says(&["there is no run in none"]);
}

/// A program that works in its folder for long.
const LONG: &str = r#"
[scenario]
name = "long"

[inputs.seconds]
type = "integer"
default = 1

[agents.program]
kind = "command"
argv = ["sh", "-c", "echo mine > file; echo at work >&2; sleep 1; cat file"]
protocol = "plain"
stdin = "none"

[[tasks]]
id = "work"
"#;

#[test]
fn folders_of_attempts_that_a_killed_run_left_are_removed_by_the_next() {
    let desk = desk();
    desk.write("long.toml", LONG);
    let run = ["run", "long.toml", "--data-dir", "data", "-o", "ndjson"];
    let running = desk.start(&run);
    let file = || {
        let folders = fs::read_dir(desk.path("data/attempts/program")).ok()?;
        folders.flatten().map(|folder| folder.path().join("file")).find(|file| file.exists())
    };
    while file().is_none() {
        assert!(running.age() < orkestra_tests::command::LIMIT, "it never began");
        std::thread::yield_now();
    }
    let left = file().unwrap();
    running.kill();
    assert!(left.exists(), "the kill left nothing: this test is blind");
    let mut again = desk.start(&run);
    again.await_line("progress");
    assert!(!left.exists());
    again.end().expect(0);
    assert!(file().is_none());
}

#[test]
fn a_run_is_compacted_while_it_goes_on() {
    let desk = desk();
    desk.write("slow.toml", &SLOW.replace("300", "50").replace("n = 30", "n = 60"));
    let mut running = desk.start(&RUN_SLOW);
    running.await_line("\"nap-10\"");
    let first = desk.run(&COMPACT).expect(0).json();
    assert_eq!(first["records_forgotten"], 0, "one snapshot is not two: {first}");
    running.await_line("\"nap-30\"");
    let second = desk.run(&COMPACT).expect(0).json();
    assert!(second["records_forgotten"].as_u64().unwrap() > 10, "{second}");
    assert!(second["snapshot_at"].as_u64() > first["snapshot_at"].as_u64(), "{second}");
    running.await_line("\"nap-59\"");
    let end = running.end().expect(0).lines().into_iter().last().unwrap();
    assert_eq!((&end["counts"]["completed"], &end["attempts"]), (&60.into(), &60.into()));
    desk.run(&["why", "nap-3", "--data-dir", "data"]).expect(0).shows(&["nap-3 is completed"]);
}
