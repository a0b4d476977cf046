//! Health of folders, alive and dead, and milestones of runs that are killed.

use serde_json::Value;

use crate::{RUN_SLOW, desk, slow};

/// One agent that always fails, though not often enough for its breaker to open, and one that never
/// does.
const TORN: &str = r#"
[scenario]
name = "torn"

[agents.fails]
kind = "function"
function = "demo-fail"

[agents.steady]
kind = "function"
function = "noop"

[[tasks]]
id = "bad-{{ n }}"
repeat = { n = 2 }
agents = ["fails"]
input = { times = 9 }
retry = { max = 0, base = "10ms", factor = 1, cap = "10ms", jitter = 0 }

[[tasks]]
id = "good-{{ n }}"
repeat = { n = 2 }
agents = ["steady"]
"#;

fn milestones(lines: &[Value]) -> Vec<(u64, u64, bool)> {
    let reached = lines.iter().filter(|line| line["event"] == "milestone");
    reached
        .map(|line| {
            let number = |key: &str| line[key].as_u64().unwrap();
            (number("percent"), number("at"), line["caught_up"] == true)
        })
        .collect()
}

#[test]
fn milestones_are_told_once_and_keep_their_times_across_a_kill() {
    let desk = slow();
    let run = ["run", "slow.toml", "--data-dir", "data", "-o", "ndjson"];
    let mut first = desk.start(&RUN_SLOW);
    first.await_line("\"milestone\"");
    let first = milestones(&first.kill().lines_that_are_whole());
    assert!(!first.is_empty() && first[0].0 == 25 && !first[0].2, "{first:?}");

    let second = milestones(&desk.run(&run).expect(0).lines());
    let percents: Vec<u64> = second.iter().map(|reached| reached.0).collect();
    assert_eq!(percents, [25, 50, 75, 90, 100]);
    for ((percent, at, _), (same, then, caught_up)) in first.iter().zip(&second) {
        assert_eq!((percent, at, true), (same, then, *caught_up), "it was reached once");
    }
    assert!(second[4..].iter().all(|(.., caught_up)| !caught_up));

    let health = ["health", "-o", "json", "--data-dir", "data"];
    let shown = desk.run(&health).expect(0).json();
    let kept: Vec<(u64, u64)> = shown["run"]["milestones"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["percent"].as_u64().unwrap(), one["at"].as_u64().unwrap()))
        .collect();
    let told: Vec<(u64, u64)> = second.iter().map(|(percent, at, _)| (*percent, *at)).collect();
    assert_eq!(kept, told);
    // It was killed once, and lived twice.
    assert_eq!(shown["system"]["starts"], 2);
    assert_eq!(shown["incidents_by_type"]["node_killed"]["recovered"], 1);
    assert_eq!(shown["run"]["phases"]["completed"], 30);
}

#[test]
fn a138_an_unhealthy_folder_is_told_as_such_with_its_reasons_and_a_code() {
    let desk = desk();
    desk.write("torn.toml", TORN);
    let run = ["run", "torn.toml", "--data-dir", "data"];
    desk.run(&run).expect(1);
    let shown = desk.run(&["health", "--data-dir", "data"]).expect(1);
    let shown =
        shown.shows(&["system       unhealthy: 1 of 2 agents are active, 50 % of the latest 4"]);
    shown.shows(&["fails    critical", "attempt_failed", "given up", "2 completed, 2 failed"]);
    let json = desk.run(&["health", "-o", "json", "--data-dir", "data"]).expect(1).json();
    assert_eq!((&json["system"]["health"], &json["pid"]), (&"unhealthy".into(), &Value::Null));
    let agents = json["agents"].as_array().unwrap();
    let of = |name: &str| agents.iter().find(|agent| agent["agent"] == name).unwrap();
    assert_eq!(
        (&of("fails")["health"], &of("fails")["consecutive_failures"]),
        (&"critical".into(), &2.into())
    );
    assert_eq!(
        (&of("steady")["health"], &of("steady")["availability_percent"]),
        (&"healthy".into(), &100.0.into())
    );
    let tally = &json["incidents_by_type"]["attempt_failed"];
    assert_eq!((&tally["given_up"], &tally["recovered"]), (&2.into(), &0.into()));
    assert!(json["system"]["throughput_per_hour"].as_f64().unwrap() > 0.0);
    desk.run(&["health", "--run", "torn-9", "--data-dir", "data"])
        .expect(2)
        .says(&["there is no run \"torn-9\""]);
    desk.run(&["health", "--data-dir", "nothing"]).expect(2).says(&["there is no run in nothing"]);
}

#[test]
fn the_health_of_a_folder_can_be_seen_while_somebody_works_in_it() {
    let desk = slow();
    let mut running = desk.start(&RUN_SLOW);
    running.await_line("task_ended");
    let shown = desk.run(&["health", "-o", "json", "--data-dir", "data"]).expect(0).json();
    assert_eq!(shown["pid"], running.pid());
    assert_eq!(
        (&shown["system"]["health"], &shown["system"]["active"]),
        (&"healthy".into(), &1.into())
    );
    assert!(shown["run"]["completion_percent"].as_f64().unwrap() > 0.0);
    running.await_line("task_ended");
    running.kill();
}

#[test]
fn a_change_of_health_is_told_while_a_run_goes_on() {
    let desk = desk();
    desk.write("torn.toml", TORN);
    let run = ["run", "torn.toml", "--data-dir", "data"];
    let lines = desk.run(&[&run[..], &["-o", "ndjson"]].concat()).expect(1).lines();
    let health: Vec<&Value> = lines.iter().filter(|line| line["event"] == "health").collect();
    let last = health.last().unwrap();
    assert_eq!((&health[0]["from"], &last["to"]), (&"healthy".into(), &"unhealthy".into()));
    let elsewhere = ["run", "torn.toml", "--data-dir", "elsewhere"];
    desk.run(&elsewhere).expect(1).says(&["health: unhealthy, after"]);
}
