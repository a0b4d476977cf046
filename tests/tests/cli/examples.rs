//! The examples do what they say.

use crate::{desk, example};

#[test]
fn ten_thousand_tasks_complete() {
    let desk = desk();
    let said = desk.run(&["run", &example("pipeline.toml")]).expect(0);
    said.says(&["run pipeline-1: 10000 tasks (10000 completed, 0 failed, 0 cancelled)"]);
    let again = desk.run(&["run", &example("pipeline.toml"), "-o", "ndjson"]).expect(0);
    let ended = again.lines().pop().unwrap();
    assert_eq!((&ended["run"], &ended["attempts"]), (&"pipeline-2".into(), &10_000.into()));
}

#[test]
fn agents_that_crash_are_started_again_and_every_task_completes() {
    let desk = desk();
    let said = desk.run(&["run", &example("crash.toml")]).expect(0);
    said.says(&["run crash-1: 26 tasks (26 completed, 0 failed, 0 cancelled)", "3 restarts"]);
    let log = desk.read(".orkestra/supervision.jsonl");
    for (agent, why) in [
        ("panics", "panicked: the agent panicked: attempt 1 of 1 that panic"),
        ("hangs", "hung: it gave no sign of life for 2"),
        ("killed", "was killed by SIGKILL"),
    ] {
        for what in ["ended", "restarted"] {
            let story = log.lines().filter(|line| {
                line.contains(&format!("agents/{agent}\""))
                    && line.contains(&format!("\"what\":\"{what}\""))
                    && line.contains(why)
            });
            assert_eq!(story.count(), 1, "{agent} {what}: {why}\n{log}");
        }
        let told = desk.run(&["supervision", "log", "--child", agent]).expect(0);
        told.shows(&[agent, "restarted", why]);
    }
}
