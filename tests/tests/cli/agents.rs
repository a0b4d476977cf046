//! Command agents: programs that are missing, and secrets that stay secret.

use std::{fs, path::Path};

use crate::desk;

const GHOST: &str = r#"
[scenario]
name = "ghost"

[agents.ghost]
kind = "command"
argv = ["no-program-of-this-name"]
protocol = "plain"

[[tasks]]
id = "haunt"
deadline = "5s"
"#;

#[test]
fn a_task_whose_agent_lacks_its_program_waits_and_everybody_can_see_why() {
    let desk = desk();
    desk.write("ghost.toml", GHOST);
    let mut running = desk.start(&["run", "ghost.toml", "--data-dir", "data", "-o", "ndjson"]);
    running.await_line("progress");
    let look = |args: &[&str]| desk.run(&[args, &["--data-dir", "data"]].concat()).expect(0).out;
    // The agent looks for its program on its own time.
    let seen = (0..50).find(|_| look(&["agent", "list"]).contains("unavailable"));
    assert!(seen.is_some(), "the agent never said that it is unavailable");
    let agents = look(&["agent", "list"]);
    assert!(agents.contains("no-program-of-this-name"), "{agents}");
    let why = look(&["why", "haunt"]);
    assert!(
        why.contains("ghost is unavailable: ") && why.contains("no-program-of-this-name"),
        "{why}"
    );
    let ended = running.end().expect(1).lines();
    let story = ended.iter().find(|line| line["event"] == "task_ended").unwrap();
    assert_eq!(story["reason"], "deadline exceeded");
}

/// One agent is given the secret and tells it to everybody; the other looks for it.
const CANARY: &str = r#"
[scenario]
name = "canary"

[agents.keeper]
kind = "command"
argv = ["sh", "-c", "printf %s $SECRET | wc -c; echo $SECRET; echo $SECRET >&2; echo $SECRET > kept; rm kept"]
protocol = "plain"
stdin = "none"
capabilities = ["keep"]
secrets = { SECRET = { env = "CANARY_SOURCE" } }

[agents.gossip]
kind = "command"
argv = ["sh", "-c", "echo $SECRET $CANARY_SOURCE; env; echo $SECRET >&2; exit 3"]
protocol = "plain"
stdin = "none"
capabilities = ["gossip"]
success_codes = [3]

[agents.careless]
kind = "command"
argv = ["sh", "-c", "echo $SECRET >&2; exit 7"]
protocol = "plain"
stdin = "none"
capabilities = ["fail"]
secrets = { SECRET = { env = "CANARY_SOURCE" } }

[[tasks]]
id = "keep"
requires = ["keep"]

[[tasks]]
id = "gossip"
requires = ["gossip"]
needs = ["keep"]

[[tasks]]
id = "fail"
requires = ["fail"]
retry = "none"
"#;

#[test]
fn a_secret_is_given_to_its_agent_alone_and_written_nowhere() {
    let canary = ["canary", "4f1c9be2", "sings"].join("-");
    let desk = desk().env("CANARY_SOURCE", &canary);
    desk.write("canary.toml", CANARY);
    let mut said = String::new();
    let mut tell = |args: &[&str], code: i32| {
        let out = desk.run(&[args, &["--data-dir", "data"]].concat()).expect(code);
        said.push_str(&out.out);
        said.push_str(&out.err);
        out
    };
    tell(&["run", "canary.toml", "-vv"], 1);
    let kept = tell(&["task", "get", "keep", "-o", "json"], 0);
    assert!(kept.out.contains(&canary.len().to_string()), "it was not given: {}", kept.out);
    let gossip = tell(&["task", "get", "gossip", "-o", "json"], 0);
    assert!(gossip.out.contains("PATH="), "the other agent saw nothing at all: {}", gossip.out);
    assert!(!gossip.out.contains("CANARY_SOURCE"), "{}", gossip.out);
    tell(&["task", "get", "fail", "-o", "json"], 0);
    tell(&["audit", "export"], 0);
    tell(&["why", "fail"], 0);
    assert!(!said.contains(&canary), "it was said:\n{said}");
    let mut looked_at = 0;
    check_files(&desk.path("data"), canary.as_bytes(), &mut looked_at);
    assert!(looked_at >= 2, "only {looked_at} files: this test is blind");
}

#[test]
fn a_secret_that_is_not_there_makes_its_agent_unavailable_by_name() {
    let desk = desk();
    let hurried = CANARY.replace("[[tasks]]", "[[tasks]]\ndeadline = \"2s\"");
    desk.write("canary.toml", &hurried);
    desk.run(&["run", "canary.toml", "--data-dir", "data", "-o", "ndjson"]).expect(1);
    let agents: String = desk.run(&["agent", "list", "--data-dir", "data"]).expect(0).out;
    assert!(agents.contains("CANARY_SOURCE"), "{agents}");
}

/// No file below a folder contains the bytes.
pub(crate) fn check_files(folder: &Path, bytes: &[u8], looked_at: &mut usize) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            check_files(&path, bytes, looked_at);
        } else {
            let found = fs::read(&path).unwrap().windows(bytes.len()).any(|part| part == bytes);
            assert!(!found, "it stands in {}", path.display());
            *looked_at += 1;
        }
    }
}
