//! Checks around tasks, and the doctor, as a user types them.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::Value;

use crate::{RUN_SLOW, desk, slow};

const CHECKED: &str = r#"
[scenario]
name = "checked"

[inputs.text]
type = "string"
default = "fine"

[agents.writer]
kind = "command"
protocol = "plain"
argv = ["sh", "-c", "printf '%s' \"$0\" > {{ scenario.folder }}/work/out/answer", "{{ inputs.text }}"]

[[tasks]]
id = "write"
retry = "none"
workspace = { dir = "work", output_dir = "out", output_file = "out/answer" }
checks = { disk_space = "off", no_errors = "fail", git_clean = "off", git_committed = "off" }
"#;

fn checks_of(audit: &Value, kind: &str) -> Vec<String> {
    let rows = audit.as_array().unwrap().iter().filter(|row| row["event_type"] == kind);
    let results = rows.flat_map(|row| row["details"]["results"].as_array().unwrap());
    let spelled = results.map(|r| format!("{} {}", r["check_name"], r["level"]).replace('"', ""));
    spelled.collect()
}

#[test]
fn a139_a_task_with_a_workspace_is_checked_before_and_after_and_that_is_on_record() {
    let desk = desk();
    desk.write("s.toml", CHECKED);
    fs::create_dir(desk.path("work")).unwrap();
    desk.run(&["run", "s.toml", "--data-dir", "data"]).expect(0);
    assert_eq!(desk.read("work/out/answer"), "fine");
    let audit = ["audit", "list", "--type", "checks", "--data-dir", "data", "-o", "json"];
    let audit = desk.run(&audit).expect(0).json();
    assert_eq!(
        checks_of(&audit, "checks_pre"),
        [
            "task_queue_exists pass",
            "valid_json pass",
            "task_exists pass",
            "task_status pass",
            "dependencies_met pass",
            "no_lock_conflict pass",
            "agent_available pass",
            "output_writable pass",
        ]
    );
    assert_eq!(
        checks_of(&audit, "checks_post"),
        [
            "task_completed pass",
            "output_exists pass",
            "output_not_empty pass",
            "lock_released pass",
            "completion_time pass",
            "no_errors pass",
            "queue_consistent pass",
        ]
    );
    desk.run(&["task", "get", "write", "--data-dir", "data"]).expect(0).shows(&[
        "state        completed",
        "pass     Output Exists: ",
        "pass     Queue Consistent: ",
    ]);
}

#[test]
fn a139_what_a_check_blocks_is_a_failed_attempt_that_says_why() {
    let desk = desk();
    desk.write("s.toml", CHECKED);
    fs::create_dir(desk.path("work")).unwrap();
    let run = ["run", "s.toml", "--data-dir", "data", "--set", "text=an ERROR"];
    desk.run(&run).expect(1);
    let got = desk.run(&["task", "get", "write", "--data-dir", "data", "-o", "json"]);
    let got = got.expect(0).json();
    assert_eq!(got["state"], "failed");
    let told = got["last_failure"]["message"].as_str().unwrap();
    assert!(told.starts_with("blocked by post-task checks: No Errors (fail): "), "{told}");
}

fn finding<'a>(diagnosis: &'a Value, name: &str) -> &'a Value {
    let findings = diagnosis["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["name"] == name).unwrap()
}

#[test]
fn a140_the_doctor_looks_at_a_live_folder_and_heals_a_dead_one() {
    let desk = slow();
    let mut running = desk.start(&RUN_SLOW);
    running.await_line("task_ended");
    let look = ["doctor", "--data-dir", "data", "-o", "json"];
    let alive = desk.run(&look).json();
    assert_eq!((&alive["durability"], &alive["actions"]), (&"fsync".into(), &Value::Array(vec![])));
    for name in ["File Integrity", "Snapshots", "Valid References", "No Cycles", "Counts"] {
        assert_eq!(finding(&alive, name)["level"], "pass", "{alive:#}");
    }
    // Whoever is at work there heals, and goes on; an earlier start left the folder of an attempt.
    fs::create_dir_all(desk.path("data/attempts/sleeper/1-9-1")).unwrap();
    let healed = desk.run(&["doctor", "--heal", "--data-dir", "data", "-o", "json"]).json();
    assert_eq!(healed["actions"][0]["action"], "folder_removed", "{healed:#}");
    assert_eq!(healed["actions"][1]["action"], "snapshots_verified");
    assert_eq!(finding(&healed, "Control Door")["level"], "pass");
    running.await_line("task_ended");
    running.kill();

    // A folder that an attempt of the dead life left behind.
    let dead = desk.path("data/attempts/sleeper/4294967297-9-1");
    fs::create_dir_all(&dead).unwrap();
    let healed = desk.run(&["doctor", "--heal", "--data-dir", "data", "-o", "json"]).json();
    assert_eq!(healed["actions"][0]["action"], "snapshots_verified", "{healed:#}");
    assert!(!dead.exists(), "whoever starts in the folder removes it");
    // The run goes on where it was.
    desk.run(&[&RUN_SLOW[..], &["--set", "ms=300"]].concat()).expect(0);
}

#[test]
fn a140_the_doctor_ends_with_a_summary_and_with_1_when_something_is_wrong() {
    let desk = slow();
    let fast = ["run", "slow.toml", "--data-dir", "data", "--set", "ms=1"];
    desk.run(&fast).expect(0);
    fs::set_permissions(desk.path("data"), fs::Permissions::from_mode(0o777)).unwrap();
    desk.run(&["doctor", "--data-dir", "data"]).expect(1).shows(&[
        "fail",
        "others can write there (mode 777)",
        "chmod 700 data",
        " fault",
    ]);
    desk.write("s.toml", "[scenario]\nname = 's'\n[agents.a]\nkind = 'command'\nargv = ['no-such-program']\n[[tasks]]\nid = 't'\n");
    desk.run(&["doctor", "--data-dir", "none", "--scenario", "s.toml"]).expect(1).shows(&[
        "nothing was run in none yet",
        "Agent a",
        "no-such-program",
    ]);
    assert!(!desk.path("none").exists());
}
