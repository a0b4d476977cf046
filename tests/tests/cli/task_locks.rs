//! Tasks that hold locks while they run, and whoever asks why one waits.

use crate::desk;

/// Each makes a folder that another has not, writes its tokens down, and removes it again: two at once
/// would fail.
const ALONE: &str = r#"
[scenario]
name = "alone"

[agents.keeper]
kind = "command"
argv = ["sh", "-c", "mkdir \"$0\" && rmdir \"$0\" && printf %s \"$ORKESTRA_LOCK_TOKENS\"", "{{ scenario.folder }}/held"]
protocol = "plain"
stdin = "none"
parse_stdout_as_json = true
capacity = 4

[[tasks]]
id = "keep-{{ n }}"
repeat = { n = 12 }
retry = "none"
locks = ["held", { key = "free", mode = "shared" }]
"#;

#[test]
fn tasks_with_one_lock_are_at_work_one_at_a_time_and_have_rising_tokens() {
    let desk = desk();
    desk.write("alone.toml", ALONE);
    desk.run(&["run", "alone.toml", "--data-dir", "data"]).expect(0);
    let token = |n: u32| {
        let name = format!("keep-{n}");
        let told = desk.run(&["task", "get", &name, "--data-dir", "data", "-o", "json"]).expect(0);
        let task = told.json();
        assert_eq!(task["locks"][0]["key"], "held");
        let output = task["output"]["inline"].as_str().unwrap();
        let tokens: serde_json::Value = serde_json::from_str(output).unwrap();
        tokens["held"].as_u64().unwrap()
    };
    let tokens: Vec<u64> = (0..12).map(token).collect();
    assert!(tokens.is_sorted_by(|before, after| before < after), "{tokens:?}");
}

const HOLDS: &str = r#"
[scenario]
name = "holds"

[agents.sleeper]
kind = "function"
function = "demo-sleep"
capacity = 4

[[tasks]]
id = "first"
input = { ms = 600000 }
locks = ["db"]
priority = "high"

[[tasks]]
id = "second"
input = { ms = 1 }
locks = [{ key = "db", mode = "shared" }]
"#;

#[test]
fn why_a_task_waits_for_a_lock_is_told_with_who_holds_it() {
    let desk = desk();
    desk.write("holds.toml", HOLDS);
    let mut running = desk.start(&["run", "holds.toml", "--data-dir", "data", "-o", "ndjson"]);
    running.await_line("progress");
    let why = || desk.run(&["why", "second", "--data-dir", "data"]).expect(0).out;
    let told = (0..200).map(|_| why()).find(|why| why.contains("it wants lock db (shared; token "));
    assert!(told.is_some(), "it never said so: {}", why());
    assert!(told.unwrap().contains("held by attempt 1 of task first; 0 before it"), "{}", why());
    // Whoever looks into the folder afterwards is told the same.
    running.kill();
    assert!(why().contains("held by attempt 1 of task first; 0 before it"), "{}", why());
}
