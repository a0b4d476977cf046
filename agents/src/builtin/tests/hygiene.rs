//! The command agent of the examples, through its interpreter and its protocol.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::scratch::{MIT, Scratch, told};

/// The lines that the agent writes for an input.
fn hygiene(input: &Value) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/agents/hygiene.py");
    let mut child = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let assignment = json!({"type": "assignment", "v": 1, "task": "hygiene", "attempt": 1,
        "input": input, "results": []});
    writeln!(child.stdin.take().unwrap(), "{assignment}").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn completed(scratch: &Scratch) -> Value {
    let said = hygiene(&scratch.input());
    assert_eq!(said[0]["type"], "progress");
    let last = said.last().unwrap();
    assert_eq!(last["type"], "completed", "{last}");
    last["output"].clone()
}

#[test]
fn carelessness_is_found_at_its_line() {
    let mark = |c: &str| c.repeat(7);
    let conflict = format!("a\n{} HEAD\nb\n{}\nc\n{} other\n", mark("<"), mark("="), mark(">"));
    let scratch = Scratch::with(&[
        ("LICENSE", MIT),
        ("a.txt", &conflict),
        ("b.json", "{\n\"a\": }\n"),
        ("c.toml", "a = 1\nb = = 2\n"),
        ("d.txt", "one\ntwo\r\nthree\n"),
        ("e.sh", "#!/bin/sh\n"),
        ("f.txt", "text\n"),
        ("tsconfig.json", "// fine\n{}\n"),
        ("title.md", "Title\n=======\n"),
    ]);
    scratch.git(&["update-index", "--chmod=+x", "f.txt"]);
    scratch.git(&["-c", "core.fileMode=false", "commit", "-q", "-m", "mode"]);
    let output = completed(&scratch);
    assert_eq!(
        told(&output),
        [
            "high hygiene.conflict a.txt:2",
            "medium hygiene.unparsable b.json:2",
            "medium hygiene.unparsable c.toml:2",
            "low hygiene.mixed_line_endings d.txt:2",
            "low hygiene.shebang_not_executable e.sh:1",
            "low hygiene.executable_without_shebang f.txt:1",
        ]
    );
    assert_eq!(output["summary"], "9 files, 6 problems");
    assert_eq!(output, completed(&scratch));
}

#[test]
fn a_clean_repository_has_no_finding() {
    let number = "7".repeat(10_000);
    let files = [("LICENSE", MIT), ("a.json", "{}"), ("b.txt", "a\r\nb\r\n"), ("c.json", &number)];
    let scratch = Scratch::with(&files);
    assert_eq!(completed(&scratch)["findings"], json!([]));
}

#[test]
fn an_input_that_cannot_be_reviewed_is_a_failure_for_good() {
    let scratch = Scratch::with(&[]);
    let mut input = scratch.input();
    input["repository"]["commit"] = json!("0".repeat(40));
    let said = hygiene(&input);
    assert_eq!(said.len(), 1);
    assert_eq!([&said[0]["type"], &said[0]["retryable"]], [&json!("failed"), &json!(false)]);
    let message = said[0]["message"].as_str().unwrap();
    assert!(message.starts_with("cannot list the files of the commit: "), "{message}");
    assert_eq!(hygiene(&json!({}))[0]["type"], "failed");
}
