//! Looking at runs, alive, dead and damaged.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use serde_json::Value;

use crate::{RUN_SLOW, desk, example, slow};

fn at<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, &["--data-dir", "data"]].concat()
}

#[test]
fn a_folder_that_another_process_holds_is_refused_by_its_pid_and_can_be_looked_at() {
    let desk = slow();
    let mut running = desk.start(&RUN_SLOW);
    running.await_line("task_ended");
    let pid = running.pid();
    desk.run(&RUN_SLOW).expect(4).says(&[
        "cannot use the data directory data",
        &format!("process {pid} holds it; stop that process, or use another directory"),
    ]);
    let note = format!("note: process {pid} is at work in data");
    desk.run(&at(&["task", "list"])).expect(0).says(&[&note]).shows(&["nap-0", "completed"]);
    desk.run(&at(&["why", "nap-29"]))
        .expect(0)
        .says(&[&note])
        .shows(&["nap-29 is waiting", "it needs nap-28, which is waiting"]);
    desk.run(&at(&["audit", "list"])).expect(0).says(&[&note]).shows(&["task_completed"]);
    // Nobody who looked has disturbed it.
    running.await_line("task_ended");
    running.kill();
}

#[test]
fn a_killed_run_can_be_looked_at_in_every_way() {
    let desk = slow();
    let mut running = desk.start(&RUN_SLOW);
    running.await_line("task_ended");
    running.await_line("task_ended");
    running.kill();

    let listed = desk.run(&at(&["task", "list", "-o", "json"])).expect(0).json();
    let states: Vec<&str> =
        listed.as_array().unwrap().iter().map(|task| task["state"].as_str().unwrap()).collect();
    assert_eq!((states.len(), &states[..2], states[29]), (30, &["completed"; 2][..], "waiting"));
    let got = desk.run(&at(&["task", "get", "nap-0", "-o", "json"])).expect(0).json();
    assert_eq!(
        (&got["id"], &got["run"], &got["attempt"]),
        (&"nap-0".into(), &"slow-1".into(), &1.into())
    );
    desk.run(&at(&["task", "get", "nap-0"])).expect(0).shows(&["state        completed"]);
    desk.run(&at(&["task", "get", "nap-99"]))
        .expect(2)
        .says(&["run \"slow-1\" has no task \"nap-99\""]);
    desk.run(&at(&["task", "list", "--run", "fast-1"])).expect(2).says(&["slow-1"]);
    desk.run(&at(&["task", "list", "--state", "done"])).expect(2).says(&["held, waiting"]);
    desk.run(&at(&["agent", "list"])).expect(0).shows(&["sleeper", "function"]);
    desk.run(&at(&["why", "nap-29"])).expect(0).says(&["nothing runs in this folder now"]);

    let all = desk.run(&at(&["audit", "export"])).expect(0).lines();
    let of_task = desk.run(&at(&["audit", "list", "--task", "nap-0", "-o", "ndjson"])).lines();
    let types: Vec<&Value> = of_task.iter().map(|row| &row["event_type"]).collect();
    assert_eq!(types, ["task_submitted", "task_assigned", "task_completed"]);
    let slip = at(&["audit", "list", "--type", "task_complete"]);
    desk.run(&slip).expect(2).says(&["did you mean \"task_completed\"?"]);
    let few = ["audit", "list", "--type", "task_completed", "--limit", "1", "-o", "json"];
    assert_eq!(desk.run(&at(&few)).json().as_array().unwrap().len(), 1);

    let exported = desk.run(&at(&["audit", "export", "--dir", "audit"])).expect(0);
    exported.says(&[&format!("{} events written to ", all.len())]);
    let mut rows = 0;
    for file in fs::read_dir(desk.path("audit")).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        let day = name.strip_prefix("audit_").and_then(|rest| rest.strip_suffix(".jsonl"));
        assert!(day.is_some_and(|day| day.len() == 8 && day.parse::<u32>().is_ok()), "{name}");
        rows += fs::read_to_string(file.path()).unwrap().lines().count();
    }
    assert_eq!(rows, all.len());
}

#[test]
fn data_is_written_in_four_ways() {
    let desk = slow();
    desk.run(&at(&["run", "slow.toml", "--set", "ms=0"])).expect(0);
    let json = desk.run(&at(&["task", "list", "-o", "json"])).expect(0).json();
    let ndjson = desk.run(&at(&["task", "list", "-o", "ndjson"])).expect(0).lines();
    assert_eq!(json.as_array().unwrap(), &ndjson);
    let yaml = desk.run(&at(&["task", "list", "-o", "yaml"])).expect(0).out;
    assert_eq!(yaml.lines().filter(|line| line.starts_with("- run: slow-1")).count(), 30, "{yaml}");
    assert!(yaml.lines().all(|line| line.starts_with("- ") || line.starts_with("  ")), "{yaml}");
    let table = desk.run(&at(&["task", "list"])).expect(0).out;
    assert_eq!(table.lines().count(), 31);
    assert!(table.starts_with("TASK "), "{table}");
}

#[test]
fn nothing_is_painted_for_a_pipe_or_against_a_wish() {
    let desk = desk().env("NO_COLOR", "1");
    desk.write("bad.toml", "[scenario]\n");
    let said = desk.run(&["run", "bad.toml"]).expect(2);
    assert!(!said.err.contains('\u{1b}') && said.err.contains("error: "), "{}", said.err);
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let desk = desk();
    desk.run(&at(&["run", &example("pipeline.toml")])).expect(0);
    for command in [&["task", "list"][..], &["audit", "export"], &["task", "list", "-o", "json"]] {
        let mut child = desk
            .command(&at(command))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let ended = child.wait_with_output().unwrap();
        let talk = String::from_utf8_lossy(&ended.stderr);
        assert_eq!((ended.status.code(), &*talk), (Some(0), ""), "{command:?} after {first}");
    }
}

#[test]
fn a_damaged_store_is_named_and_refused_with_advice() {
    let desk = slow();
    desk.run(&at(&["run", "slow.toml", "--set", "ms=0"])).expect(0);
    let store = desk.path("data/store.db");
    let bytes = fs::metadata(&store).unwrap().len();
    fs::write(&store, vec![0x5a; usize::try_from(bytes).unwrap()]).unwrap();
    for command in [&["task", "list"][..], &["audit", "export"], &["run", "slow.toml"]] {
        desk.run(&at(command)).expect(4).says(&[
            "store.db",
            "it is damaged; recover what is left",
            "help: `orkestra recover --into DIR` saves what is left of it",
        ]);
    }
}

#[test]
fn a_folder_that_is_not_there_is_told_with_advice() {
    let desk = desk();
    for command in [&["task", "list"][..], &["why", "x"], &["agent", "list"], &["audit", "list"]] {
        let said = desk.run(&[command, &["--data-dir", "nowhere"]].concat()).expect(2);
        said.says(&["there is no run in nowhere: name another folder with --data-dir"]);
    }
    assert!(!desk.path("nowhere").exists(), "looking made the folder");
}
