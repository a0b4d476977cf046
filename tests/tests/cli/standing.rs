//! What people have stopped stays stopped, whoever is killed, until somebody lets it go on.

use orkestra_tests::command::{Desk, Running};
use serde_json::Value;

use crate::{RUN_SLOW, SLOW, desk, slow};

/// Three tasks that fail on the only agent, and one that waits for it all the same.
const TORN: &str = r#"
[scenario]
name = "torn"

[agents.fails]
kind = "function"
function = "demo-fail"

[[tasks]]
id = "bad-{{ n }}"
repeat = { n = 3 }
input = { times = 1 }
retry = "none"

[[tasks]]
id = "last"
needs = [
    { task = "bad-0", kind = "soft" },
    { task = "bad-1", kind = "soft" },
    { task = "bad-2", kind = "soft" },
]
"#;

const RUN_TORN: [&str; 6] = ["run", "torn.toml", "--data-dir", "data", "-o", "ndjson"];

/// A question between two who work.
const GATED: &str = r#"
[scenario]
name = "gated"
namespace = "team"

[agents.steady]
kind = "function"
function = "noop"

[[tasks]]
id = "gate"
ask = "approval"

[[tasks]]
id = "ship"
needs = ["gate"]
"#;

const RUN_GATED: [&str; 6] = ["run", "gated.toml", "--data-dir", "data", "-o", "ndjson"];

fn at<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, &["--data-dir", "data"]].concat()
}

fn task(desk: &Desk, name: &str) -> Value {
    desk.run(&at(&["task", "get", name, "-o", "json"])).expect(0).json()
}

fn status(desk: &Desk) -> Value {
    desk.run(&at(&["status", "-o", "json"])).expect(0).json()
}

/// Waits until a process that was started answers at its door.
fn is_up(desk: &Desk, running: &Running) {
    while status(desk)["node"].is_null() {
        assert!(running.age() < orkestra_tests::command::LIMIT, "the node never opened its door");
    }
}

/// A run of naps, the first of which has ended.
fn naps() -> (Desk, Running) {
    let desk = desk();
    desk.write("slow.toml", &SLOW.replace("300", "400").replace("n = 30", "n = 12"));
    let mut running = desk.start(&RUN_SLOW);
    running.await_line("\"task\":\"nap-0\"");
    (desk, running)
}

#[test]
fn a_paused_namespace_is_given_nothing_across_a_kill_though_people_go_on_deciding() {
    let desk = desk();
    desk.write("gated.toml", GATED);
    let mut running = desk.start(&RUN_GATED);
    running.await_line("task_asks");
    let pause = ["pause", "--namespace", "team", "--reason", "inventory"];
    desk.run(&at(&pause)).expect(0).says(&["namespace team is paused"]);
    desk.run(&at(&["task", "approve", "gate"])).expect(0).says(&["settled it"]);
    let held = |desk: &Desk| {
        let ship = task(desk, "ship");
        assert_eq!((&ship["state"], &ship["attempt"]), (&"ready".into(), &0.into()));
        let why = desk.run(&at(&["why", "ship"])).expect(0);
        why.shows(&["its run is paused since", "inventory", "`orkestra resume`"]);
    };
    held(&desk);
    running.kill();
    held(&desk);
    let running = desk.start(&RUN_GATED);
    is_up(&desk, &running);
    held(&desk);
    desk.run(&at(&["resume"])).expect(0).says(&["the default namespace was not paused"]);
    held(&desk);
    desk.run(&at(&["resume", "--namespace", "team"])).expect(0).says(&["team is resumed"]);
    running.end().expect(0);
    assert_eq!(task(&desk, "ship")["state"], "completed");
}

#[test]
fn a_run_that_is_paused_at_work_ends_what_is_under_way_and_goes_on_when_it_is_resumed() {
    let (desk, mut running) = naps();
    desk.run(&at(&["pause", "--run", "slow-1"])).expect(0);
    while status(&desk)["runs"][0]["running"] != 0 {}
    let done = status(&desk)["runs"][0]["completed"].clone();
    running.signal(orkestra_tests::command::Signal::INT);
    running.end().expect(130);
    assert_eq!(status(&desk)["runs"][0]["completed"], done);
    running = desk.start(&RUN_SLOW);
    is_up(&desk, &running);
    assert_eq!(status(&desk)["runs"][0]["completed"], done);
    desk.run(&at(&["resume", "--run", "slow-1"])).expect(0);
    running.end().expect(0);
    for kept in ["paused", "resumed"] {
        let rows = desk.run(&at(&["audit", "list", "--type", kept, "-o", "json"])).expect(0).json();
        assert_eq!(rows.as_array().unwrap().len(), 1, "{kept}: {rows}");
    }
}

#[test]
fn a_drained_agent_is_given_nothing_across_a_kill_and_goes_on_when_it_is_returned() {
    let (desk, running) = naps();
    desk.run(&at(&["agent", "drain", "sleeper", "--reason", "repairs"])).expect(0);
    running.kill();
    let running = desk.start(&RUN_SLOW);
    is_up(&desk, &running);
    let list = desk.run(&at(&["agent", "list", "-o", "json"])).expect(0).json();
    assert_eq!(list[0]["state"], "drained");
    // What was under way was lost with its process; who gets the next is what counts.
    let ready = at(&["task", "list", "--state", "ready", "-o", "json"]);
    let open = loop {
        assert!(running.age() < orkestra_tests::command::LIMIT, "nothing is ready again");
        let list = desk.run(&ready).expect(0).json();
        if let Some(open) = list[0]["id"].as_str() {
            break open.to_owned();
        }
    };
    let why = desk.run(&at(&["why", &open])).expect(0);
    why.shows(&["sleeper is drained by", "repairs"]);
    desk.run(&at(&["agent", "resume", "sleeper"])).expect(0);
    running.end().expect(0);
}

#[test]
fn a_breaker_that_opens_is_seen_wherever_one_looks() {
    let desk = desk().env("ORKESTRA_BREAKER__COOLDOWN", "1h");
    desk.write("torn.toml", TORN);
    let mut running = desk.start(&RUN_TORN);
    running.await_line("\"bad-2\"");
    let seen = |desk: &Desk| {
        let list = desk.run(&at(&["agent", "list"])).expect(0);
        list.shows(&["open", "3 tasks failed in a row; a trial at "]);
        let why = desk.run(&at(&["why", "last"])).expect(0);
        why.shows(&["it is tried on an agent whose breaker is open at ", "fails"]);
        let rows = desk.run(&at(&["audit", "list", "--type", "agent_breaker_opened"])).expect(0);
        rows.shows(&["fails", "\"failures\":3"]);
        let health = desk.run(&at(&["health"])).expect(1);
        health.shows(&["breaker_open", "3 tasks failed in a row", "0 of 1 active"]);
    };
    seen(&desk);
    running.kill();
    seen(&desk);
    desk.run(&at(&["cancel", "torn-1"])).expect(0);
}

#[test]
fn a_breaker_lets_one_trial_through_and_closes_when_that_goes_well() {
    let desk = desk().env("ORKESTRA_BREAKER__COOLDOWN", "100ms");
    desk.write("torn.toml", TORN);
    // Tasks have failed, and so the answer is no.
    desk.run(&RUN_TORN).expect(1);
    let rows = desk.run(&at(&["audit", "list", "-o", "json"])).expect(0).json();
    let kinds = rows.as_array().unwrap().iter().map(|row| row["event_type"].as_str().unwrap());
    let moved: Vec<&str> = kinds
        .skip_while(|kind| *kind != "agent_breaker_opened")
        .filter(|kind| kind.starts_with("task_") || kind.starts_with("agent_b"))
        .collect();
    assert_eq!(
        moved,
        ["agent_breaker_opened", "task_assigned", "task_completed", "agent_breaker_closed"]
    );
}

#[test]
fn a_run_that_somebody_calls_off_is_answered_with_no() {
    let desk = slow();
    let mut running = desk.start(&[&RUN_SLOW[..], &["--set", "ms=900000"]].concat());
    running.await_line("\"task\":\"nap-0\"");
    desk.run(&at(&["cancel", "slow-1", "--reason", "superseded"])).expect(0);
    running.end().expect(1);
    let nap = task(&desk, "nap-7");
    assert!(nap["reason"].as_str().unwrap().ends_with(": superseded"), "{nap}");
    assert!(nap["cancelled_by"].as_str().unwrap().contains("uid "), "{nap}");
    desk.run(&at(&["audit", "list", "--type", "run_cancelled"])).expect(0).shows(&["superseded"]);
}

#[test]
fn a_task_that_a_condition_left_out_is_no_bad_answer() {
    let desk = desk();
    let scenario = GATED
        .replace("ask = \"approval\"", "ask = { on_reject = \"complete\" }")
        .replace(
            "needs = [\"gate\"]",
            "needs = [{ task = \"gate\", kind = \"conditional\", pointer = \"/approved\", equals = true }]",
        );
    desk.write("gated.toml", &scenario);
    let mut running = desk.start(&RUN_GATED);
    running.await_line("task_asks");
    desk.run(&at(&["task", "reject", "gate", "--reason", "not now"])).expect(0);
    running.end().expect(0);
    let ship = task(&desk, "ship");
    assert_eq!((&ship["state"], &ship["cancelled_by"]), (&"cancelled".into(), &Value::Null));
}
