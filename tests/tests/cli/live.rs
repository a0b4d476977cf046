//! Changing a run while it goes on, from another process.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{fs::FileTypeExt as _, net::UnixStream},
    path::Path,
};

use orkestra_tests::command::{Desk, Running};
use serde_json::Value;

use crate::{RUN_SLOW, desk, slow};

/// A gate for two people, a question for one of them, and a nap that needs both.
const ASKING: &str = r#"
[scenario]
name = "asking"

[agents.sleeper]
kind = "function"
function = "demo-sleep"

[agents.ada]
kind = "person"

[agents.grace]
kind = "person"

[[tasks]]
id = "gate"
title = "Release?"
agents = ["ada", "grace"]
ask = { kind = "approval", rule = "all" }

[[tasks]]
id = "version"
title = "Which version?"
agents = ["ada"]
ask = "answer"

[[tasks]]
id = "nap"
needs = ["gate", "version"]
input = { ms = 1 }
"#;

const RUN_ASKING: [&str; 6] = ["run", "asking.toml", "--data-dir", "data", "-o", "ndjson"];

const STATUS: &str = "{\"v\":1,\"id\":1,\"command\":\"status\"}\n";

fn at<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, &["--data-dir", "data"]].concat()
}

/// Starts the slow scenario with naps that take longer than any test, and waits for the first.
fn start(desk: &Desk) -> Running {
    let mut running = desk.start(&[&RUN_SLOW[..], &["--set", "ms=900000"]].concat());
    running.await_line("\"task\":\"nap-0\"");
    running
}

fn status(desk: &Desk) -> Value {
    desk.run(&at(&["status", "-o", "json"])).expect(0).json()
}

fn connect(socket: &Path) -> BufReader<UnixStream> {
    BufReader::new(UnixStream::connect(socket).unwrap())
}

fn ask(asker: &mut BufReader<UnixStream>, line: &str) -> Value {
    asker.get_mut().write_all(line.as_bytes()).unwrap();
    let mut answer = String::new();
    asker.read_line(&mut answer).unwrap();
    serde_json::from_str(&answer).unwrap()
}

#[test]
fn a_task_of_a_run_that_goes_on_is_cancelled_and_tried_again_from_another_process() {
    let desk = slow();
    let mut running = start(&desk);
    let pid = running.pid();
    let socket = desk.path("data/control.sock");
    assert!(socket.symlink_metadata().unwrap().file_type().is_socket());

    let cancelled = desk.run(&at(&["task", "cancel", "nap-29", "--reason", "late"])).expect(0);
    cancelled.says(&[
        "task nap-29 of run slow-1 is cancelled\n",
        &format!("29 tasks of the run have not ended: process {pid}, which is at work, goes on"),
    ]);
    let line = running.await_line("task_ended");
    assert!(line.contains("nap-29") && line.contains("cancelled"), "{line}");
    let uid = rustix::process::geteuid().as_raw();
    let got = desk.run(&at(&["task", "get", "nap-29"])).expect(0);
    got.shows(&[&format!("uid {uid}"), "late"]);

    let retried = desk.run(&at(&["task", "retry", "nap-29", "-o", "json"])).expect(0).json();
    assert_eq!(
        (&retried["change"], &retried["task"], &retried["tasks"], &retried["open"]),
        (&"retried".into(), &"nap-29".into(), &1.into(), &30.into())
    );
    assert_eq!(retried["pid"], pid);
    desk.run(&at(&["task", "cancel", "nap-99"])).expect(2).says(&["has no task \"nap-99\""]);
    desk.run(&at(&["cancel", "fast-1"])).expect(2).says(&["there are slow-1"]);

    let now = status(&desk);
    assert_eq!((&now["pid"], &now["runs"][0]["running"]), (&pid.into(), &1.into()));
    assert_eq!(now["node"]["durability"], "fsync");
    let whole = desk.run(&at(&["cancel", "slow-1"])).expect(0);
    whole.says(&["run slow-1 is cancelled, with 30 tasks\n", "every task of the run has ended"]);
    running.end().shows(&["run_ended"]);
    assert!(!socket.exists(), "the socket outlived its node");
    desk.run(&at(&["status"])).expect(0).shows(&["nobody is at work", "every run has ended"]);
}

#[test]
fn what_a_killed_node_left_is_changed_in_its_folder_and_its_socket_is_replaced() {
    let desk = slow();
    let running = start(&desk);
    assert_eq!(status(&desk)["node"]["boot"], 1);
    running.kill();
    let socket = desk.path("data/control.sock");
    assert!(socket.exists(), "a killed process cannot have removed it");

    let now = status(&desk);
    assert_eq!(
        (&now["pid"], &now["node"], &now["open_runs"]),
        (&Value::Null, &Value::Null, &1.into())
    );
    let cancelled = desk.run(&at(&["task", "cancel", "nap-29"])).expect(0);
    cancelled.says(&[
        "task nap-29 of run slow-1 is cancelled\n",
        "29 tasks of the run have not ended: `orkestra run …` with the file of scenario slow goes",
    ]);
    let running = start(&desk);
    assert_eq!(status(&desk)["pid"], running.pid());
    desk.run(&at(&["task", "cancel", "nap-28"])).expect(0);
    running.kill();
}

#[test]
fn the_context_is_kept_and_the_folder_compacted_beside_a_run() {
    let desk = slow();
    let running = start(&desk);
    let taken = desk.run(&at(&["context", "snapshot", "--reason", "first"])).expect(0);
    taken.says(&["is taken; the context has version"]);
    let listed = desk.run(&at(&["context", "list", "-o", "json"])).expect(0).json();
    let snapshot = listed[0]["id"].to_string();
    let restored = desk.run(&at(&["context", "restore", &snapshot, "-o", "json"])).expect(0);
    assert_eq!(restored.json()["change"], "restored");
    desk.run(&at(&["context", "restore", "999999"])).expect(2);
    desk.run(&at(&["context", "phase", "testing"])).expect(0).says(&["the phase is testing"]);

    let compacted = desk.run(&at(&["compact", "--keep-records", "0", "-o", "json"])).expect(0);
    let compacted = compacted.json();
    assert!(compacted["snapshot_at"].as_u64().unwrap() > 30, "{compacted}");
    assert_eq!(status(&desk)["runs"][0]["running"], 1);
    desk.run(&at(&["cancel", "slow-1"])).expect(0);
    running.end().shows(&["run_ended"]);
    desk.run(&at(&["compact"])).expect(0).shows(&["up to event"]);
}

#[test]
fn junk_and_a_crowd_at_the_door_disturb_no_run() {
    let desk = slow();
    let running = start(&desk);
    let socket = desk.path("data/control.sock");

    let mut junk = connect(&socket);
    assert_eq!(ask(&mut junk, "\u{0}\u{1} GET / HTTP/1.1\n")["error"]["code"], "UNREADABLE");
    assert_eq!(ask(&mut junk, STATUS)["ok"]["pid"], running.pid());
    junk.get_mut().write_all(b"{\"v\":1,\"id\"").unwrap();
    let mut crowd: Vec<_> = (0..63).map(|_| connect(&socket)).collect();
    for asker in &mut crowd {
        assert_eq!(ask(asker, STATUS)["id"], 1);
    }
    desk.run(&at(&["task", "cancel", "nap-29"])).expect(4).says(&["64 connections are open"]);
    // Whoever is in is served still, and the run goes on.
    assert_eq!(ask(&mut crowd[62], STATUS)["ok"]["runs"][0]["running"], 1);
    drop(crowd);
    drop(junk);
    let is_free = (0..2_000).any(|_| desk.run(&at(&["cancel", "slow-1"])).code == Some(0));
    assert!(is_free, "nobody was let in when the crowd had gone");
    running.end().shows(&["run_ended"]);
}

#[test]
fn a_folder_with_a_long_path_has_its_door_in_a_short_one() {
    let desk = slow();
    std::fs::create_dir(desk.path("run")).unwrap();
    let runtime = desk.path("run").to_string_lossy().into_owned();
    let desk = desk.env("XDG_RUNTIME_DIR", &runtime);
    let data = "d".repeat(120);
    let run = ["run", "slow.toml", "--data-dir", &data, "-o", "ndjson", "--set", "ms=900000"];
    let mut running = desk.start(&run);
    running.await_line("\"task\":\"nap-0\"");
    let cancelled = desk.run(&["cancel", "slow-1", "--data-dir", &data]).expect(0);
    cancelled.says(&["run slow-1 is cancelled, with 30 tasks"]);
    running.end().shows(&["run_ended"]);
    assert!(!desk.path(&data).join("control.sock").exists());
    let uid = rustix::process::geteuid().as_raw();
    let apart = desk.path("run").join(format!("orkestra-{uid}"));
    assert_eq!(std::fs::read_dir(apart).unwrap().count(), 0, "the socket outlived its node");
}

/// Starts the scenario that asks, and waits until both questions are open.
fn start_asking() -> (Desk, Running) {
    let desk = desk();
    desk.write("asking.toml", ASKING);
    let mut running = desk.start(&RUN_ASKING);
    running.await_line("task_asks");
    running.await_line("task_asks");
    (desk, running)
}

fn pending(desk: &Desk) -> Vec<Value> {
    desk.run(&at(&["task", "pending", "-o", "ndjson"])).expect(0).lines()
}

#[test]
fn people_decide_from_another_process_while_the_run_goes_on() {
    let (desk, running) = start_asking();
    let open = pending(&desk);
    assert_eq!(
        (&open[0]["task"], &open[0]["rule"], &open[0]["people"][1]),
        (&"gate".into(), &"all".into(), &"grace".into())
    );
    assert_eq!(status(&desk)["runs"][0]["asked"], 2);

    let stranger = ["task", "approve", "gate", "--as", "bob"];
    desk.run(&at(&stranger)).expect(2).says(&["does not ask bob: it asks ada, grace"]);
    let wrong = ["task", "answer", "gate", "--text", "yes", "--as", "ada"];
    desk.run(&at(&wrong)).expect(2).says(&["asks for yes or no"]);
    let first = ["task", "approve", "gate", "--as", "ada", "--reason", "tested"];
    desk.run(&at(&first)).expect(0).says(&[
        "task gate of run asking-1 is approved by ada\n",
        "that did not settle it: `orkestra task pending` shows who is asked still",
    ]);
    desk.run(&at(&["task", "pending"])).expect(0).shows(&["all of ada, grace", "ada approved"]);
    let again = ["task", "reject", "gate", "--as", "ada"];
    desk.run(&at(&again)).expect(2).says(&["a decision is final"]);

    desk.write("answer.json", "{\"major\": 2}");
    let answer = ["task", "answer", "version", "--file", "answer.json", "--as", "ada"];
    desk.run(&at(&answer)).expect(0).says(&["that settled it, and the run goes on"]);
    desk.run(&at(&["task", "approve", "gate", "--as", "grace"])).expect(0).says(&["settled it"]);
    running.end().expect(0).shows(&["\"nap\"", "run_ended"]);

    // The name that was given and the account that asked are both on the record.
    let gate = desk.run(&at(&["task", "get", "gate", "-o", "json"])).expect(0).json();
    let uid = rustix::process::geteuid().as_raw();
    let ada = &gate["decisions"][0];
    assert_eq!((&ada["by"], &ada["reason"]), (&"ada".into(), &"tested".into()));
    assert!(ada["via"].as_str().unwrap().contains(&format!("uid {uid}")), "{ada}");
}

#[test]
fn people_decide_where_nobody_is_at_work_and_the_run_goes_on_from_there() {
    let (desk, running) = start_asking();
    desk.run(&at(&["task", "approve", "gate", "--as", "ada"])).expect(0);
    running.kill();

    let answer = ["task", "answer", "version", "--json", "7", "--as", "ada"];
    desk.run(&at(&answer)).expect(0).says(&[
        "task version of run asking-1 is answered by ada\n",
        "that settled it: `orkestra run …` with the file of its scenario goes on",
    ]);
    let left = pending(&desk);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["decisions"][0]["by"], "ada");
    desk.run(&at(&["task", "approve", "gate", "--as", "grace"])).expect(0).says(&["settled it"]);
    desk.run(&RUN_ASKING).expect(0).says(&["run asking-1 goes on where it was: 2 of 3 tasks"]);
}

#[test]
fn what_is_paused_and_drained_stands_until_somebody_lets_it_go_on() {
    let desk = slow();
    let running = start(&desk);
    desk.run(&at(&["pause", "--run", "slow-1", "--reason", "lunch"])).expect(0).says(&[
        "run slow-1 is paused\n",
        "what is under way goes on, and nothing more is given out",
    ]);
    let again = desk.run(&at(&["pause", "--run", "slow-1"])).expect(0);
    again.says(&["run slow-1 was paused before: nothing was changed"]);
    assert!(status(&desk)["runs"][0]["paused"].as_str().unwrap().ends_with(": lunch"));
    desk.run(&at(&["pause", "--run", "fast-1"])).expect(2).says(&["there are slow-1"]);
    desk.run(&at(&["agent", "drain", "nobody"])).expect(2).says(&["there is no agent \"nobody\""]);
    running.kill();

    // It stands across the death of the process, and is changed in its folder.
    let drained = desk.run(&at(&["agent", "drain", "sleeper"])).expect(0);
    drained
        .says(&["agent sleeper is drained\n", "it finishes what it holds, and is given no more"]);
    desk.run(&at(&["agent", "list"])).expect(0).shows(&["drained"]);
    desk.run(&at(&["resume"])).expect(0).says(&["the default namespace was not paused"]);
    desk.run(&at(&["resume", "--run", "slow-1"])).expect(0).says(&["run slow-1 is resumed"]);

    let mut running = desk.start(&[&RUN_SLOW[..], &["--set", "ms=900000"]].concat());
    let is_up = (0..2_000).any(|_| status(&desk)["node"].is_object());
    assert!(is_up, "the node never opened its door");
    assert_eq!(status(&desk)["runs"][0]["running"], 0);
    let returned = desk.run(&at(&["agent", "resume", "sleeper"])).expect(0);
    returned.says(&["agent sleeper is given work again"]);
    running.await_line("\"task\":\"nap-0\"");
    running.kill();
}
