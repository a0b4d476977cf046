//! Tasks that are submitted from files, and runs that are watched.

use std::{fs::File, path::Path};

use orkestra_runtime::leadership::placement::shard_of;
use orkestra_tests::command::{Desk, Running, Said};
use serde_json::Value;

use crate::{cluster::Stage, slow};

/// Naps one after another, each of so many milliseconds.
fn naps(count: usize, ms: u64) -> String {
    let nap = |at: usize| {
        let needs = at.checked_sub(1).map(|before| format!("needs = ['nap-{before}']\n"));
        format!(
            "[[tasks]]\nid = 'nap-{at}'\n{}[tasks.input]\nms = {ms}\n",
            needs.unwrap_or_default()
        )
    };
    (0..count).map(nap).collect()
}

fn run_of(said: &Said) -> String {
    let told: Value = serde_json::from_str(&said.out).unwrap();
    told["run"].as_str().unwrap().to_owned()
}

fn ended(lines: &[Value]) -> usize {
    lines.iter().filter(|line| line["event"] == "task_ended").count()
}

#[test]
fn what_is_submitted_under_a_key_is_done_once_and_is_watched_over_the_death_of_its_leader() {
    let stage = Stage::new();
    let mut nodes = vec![("node-1", stage.node("node-1")), ("node-2", stage.node("node-2"))];
    // Whatever run brings an agent, it stays.
    stage.run(&["run", "slow.toml", "--set", "ms=1"]).expect(0);
    stage.desk.write("naps.toml", &format!("key = 'mine'\n{}", naps(12, 300)));
    let submit = ["task", "submit", "--file", "naps.toml", "-o", "json"];
    let run = run_of(&stage.run(&submit).expect(0));
    let leader = stage.leader_of(shard_of("", 16));
    let url = stage.servers.url();
    let watch = Stage::at(&url, &["task", "watch", &run, "-o", "ndjson"]);
    let mut watching = stage.desk.start(&watch);
    watching.await_line("\"task\":\"nap-1\"");
    let at = nodes.iter().position(|(name, _)| *name == leader).unwrap();
    let (_, killed) = nodes.remove(at);
    killed.kill();
    let again: Value = serde_json::from_str(&stage.run(&submit).expect(0).out).unwrap();
    assert_eq!((&again["run"], &again["existed"]), (&run.as_str().into(), &true.into()));
    let lines = watching.end().expect(0).lines();
    assert_eq!(ended(&lines), 12, "each ending is told once: {lines:?}");
    assert_eq!(lines.last().unwrap()["counts"]["completed"], 12);
    stage.run(&["task", "watch", &run]).expect(0).says(&["12 tasks (12 completed"]);

    // One that fails, as JSON, into a run that is named and gets no more.
    stage.desk.write("bad.json", r#"{"id": "odd", "retries": 0, "input": {"ms": "long"}}"#);
    let odd = ["task", "submit", "--file", "bad.json", "--run", "odd", "--seal", "--wait"];
    stage.run(&odd).expect(1).says(&["task odd failed", "1 tasks (0 completed, 1 failed"]);
    stage.run(&["task", "watch", "nothing"]).expect(2).says(&["there is no run \"nothing\""]);
    let differs = ["task", "submit", "--file", "naps.toml", "--key", "another"];
    stage.run(&differs).expect(2).says(&["the file says something else than --key"]);
}

#[test]
fn a_file_that_is_wrong_is_told_with_its_place_before_anything_is_asked() {
    let desk = crate::desk();
    desk.write("bad.toml", "[[tasks]]\nid = 'a'\nneed = ['b']\n");
    let refused = desk.run(&["task", "submit", "--file", "bad.toml"]).expect(2);
    refused.says(&["bad.toml:3:1", "unknown field `need`", "did you mean \"needs\"?"]);
    desk.write("bad.json", "[\n  {\"id\": \"a\", \"retries\": -1}\n]\n");
    let refused = desk.run(&["task", "submit", "--file", "bad.json"]).expect(2);
    refused.says(&["bad.json:2:", "invalid value: integer `-1`"]);
    desk.run(&["task", "submit", "--file", "gone.json"]).expect(2).says(&["cannot read gone.json"]);
}

fn with_input(desk: &Desk, args: &[&str], input: &Path) -> Said {
    let mut command = desk.command(args);
    command.stdin(File::open(input).unwrap());
    Running::of(command).end()
}

#[test]
fn tasks_go_to_the_process_that_is_at_work_in_a_folder_and_wait_in_one_where_nobody_is() {
    let desk = slow();
    let mut running = desk.start(&["run", "slow.toml", "-o", "ndjson"]);
    running.await_line("\"task\":\"nap-0\"");
    desk.write("one", r#"{"id": "extra", "input": {"ms": 1}}"#);
    let submit = ["task", "submit", "--file", "-", "--key", "k", "-o", "json"];
    let run = run_of(&with_input(&desk, &submit, &desk.path("one")).expect(0));
    let lines = desk.run(&["task", "watch", &run, "-o", "ndjson"]).expect(0).lines();
    assert_eq!(ended(&lines), 1, "{lines:?}");
    let last = lines.last().unwrap();
    assert_eq!((&last["event"], &last["counts"]["completed"]), (&"run_ended".into(), &1.into()));
    assert!(last["took_ms"].is_u64(), "it is told as of every run: {last}");
    running.kill();

    let submit = ["task", "submit", "--file", "-", "--run", "later"];
    let told = with_input(&desk, &submit, &desk.path("one")).expect(0);
    told.says(&["submitted 1 task to run later", "takes more tasks until it is sealed"]);
    desk.run(&["task", "list", "--run", "later"]).expect(0).shows(&["extra"]);
    desk.run(&["task", "watch", "later"]).expect(4).says(&["nobody is at work in"]);
}
