//! What a team understands, kept and brought back.

use orkestra_tests::command::{Desk, Signal};
use serde_json::json;

use crate::{RUN_SLOW, SLOW, desk};

/// A program that says what it understands.
const THINKER: &str = r#"
[scenario]
name = "think"

[agents.thinker]
kind = "command"
description = "thinks aloud"
argv = ["sh", "-c", '''
echo '{"type":"understanding","understanding":{"current_understanding":"it is WORD","concerns":["too WORD"],"confidence":0.65}}'
echo '{"type":"completed"}'
''']

[[tasks]]
id = "think"
"#;

fn at<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, &["--data-dir", "data"]].concat()
}

fn think(desk: &Desk, word: &str) {
    desk.write("think.toml", &THINKER.replace("WORD", word));
    desk.run(&at(&["run", "think.toml", "--fresh"])).expect(0);
}

fn understood(desk: &Desk) -> String {
    let show = at(&["context", "show", "--agent", "thinker", "-o", "json"]);
    let view = desk.run(&show).expect(0).json();
    view["agents"][0]["current_understanding"].as_str().unwrap().to_owned()
}

#[test]
fn a136_what_a_program_understands_is_kept_shown_and_restored_by_id() {
    let desk = desk();
    think(&desk, "early");
    let show = ["context", "show", "--agent", "thinker"];
    desk.run(&at(&show)).expect(0).shows(&[
        "role         thinks aloud",
        "understands  it is early",
        "confidence   0.65",
        "concern      too early",
        "completed    think",
    ]);
    let taken = ["context", "snapshot", "--reason", "while it is early", "-o", "json"];
    let taken = desk.run(&at(&taken)).expect(0).json();
    let early = taken["snapshot"].as_u64().unwrap().to_string();

    think(&desk, "late");
    assert_eq!(understood(&desk), "it is late");
    let before = ["context", "show", "--snapshot", &early];
    desk.run(&at(&before)).expect(0).shows(&["it is early", &format!("snapshot     {early} of")]);

    let version = |said: &serde_json::Value| said["context_version"].as_u64().unwrap();
    let restored = desk.run(&at(&["context", "restore", &early, "-o", "json"])).expect(0).json();
    assert_eq!(understood(&desk), "it is early");
    assert!(version(&restored) > version(&taken), "{restored}");
    let undo = restored["before"].as_u64().unwrap().to_string();
    desk.run(&at(&["context", "restore", &undo])).expect(0).says(&["tasks are as they were"]);
    assert_eq!(understood(&desk), "it is late");

    let listed = desk.run(&at(&["context", "list", "-o", "json"])).expect(0).json();
    let reasons: Vec<&str> =
        listed.as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["restore", "restore", "disconnect", "requested", "disconnect"]);
    let rows = ["audit", "list", "--type", "context_restored", "-o", "json"];
    assert_eq!(desk.run(&at(&rows)).expect(0).json().as_array().unwrap().len(), 2);
}

#[test]
fn a_name_that_is_wrong_is_told_with_what_there_is_and_changes_nothing() {
    let desk = desk();
    desk.run(&at(&["context", "snapshot"])).expect(2).says(&["there is no run in data"]);
    think(&desk, "quiet");
    let agent = at(&["context", "show", "--agent", "nobody"]);
    desk.run(&agent).expect(2).says(&["there is no agent \"nobody\"; there are thinker"]);
    let snapshot = at(&["context", "show", "--snapshot", "99999"]);
    desk.run(&snapshot).expect(2).says(&["there is no snapshot 99999"]);
    let restore = at(&["context", "restore", "99999"]);
    desk.run(&restore).expect(2).says(&["there is no snapshot 99999; the latest are "]);
    desk.run(&at(&["context", "restore", "x"])).expect(2).says(&["\"x\" is not a snapshot"]);
    desk.run(&at(&["context", "phase", "resting"])).expect(2).says(&["planning, development"]);
    assert_eq!(desk.run(&at(&["context", "list", "-o", "ndjson"])).expect(0).lines().len(), 1);
}

#[test]
fn a137_whoever_goes_on_with_a_run_is_told_where_it_stood() {
    let desk = desk();
    desk.write("slow.toml", &SLOW.replace("300", "40"));
    let mut running = desk.start(&RUN_SLOW);
    running.await_line("task_ended");
    running.signal(Signal::INT);
    running.end().expect(130);
    desk.run(&at(&["context", "phase", "testing"])).expect(0).says(&["the phase is testing"]);
    let summary = desk.run(&at(&["context", "summary", "-o", "json"])).expect(0).json();
    assert_eq!(
        (&summary["phase"], &summary["agents"][0]["agent_name"]),
        (&"testing".into(), &"sleeper".into())
    );
    let last = summary["events"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["kind"], "decision_made");
    assert_eq!(summary["decisions"][0]["what"], "the phase is testing");
    let latest = &summary["latest_snapshot"];
    assert_eq!((&latest["reason"], &latest["gone"]), (&"disconnect".into(), &json!([])));

    desk.run(&RUN_SLOW).expect(0).says(&[
        "run slow-1 goes on where it was: ",
        ": testing, ",
        " decision_made",
        " decided: the phase is testing",
    ]);
    let events = at(&["context", "show", "--events", "1000", "-o", "json"]);
    let events = desk.run(&events).expect(0).json()["events"].as_array().unwrap().clone();
    let kinds: Vec<&str> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"disconnect"), "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == "reconnect").count(), 1);
}
