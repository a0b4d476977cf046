//! A repository that is made by a test.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use orkestra_runtime::{
    id::{Attempt, RunId, TaskId},
    protocol::{payload::Json, task::Failure},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Context, Work, builtin};

/// The text of the licence that clean repositories have.
pub(super) const MIT: &str = "MIT License\n\nPermission is hereby granted, free of charge, to any \
     person obtaining a copy of this software\n";

/// A git repository in a folder of its own. Its files are its own workspace.
pub(super) struct Scratch {
    pub(super) folder: TempDir,
}

impl Scratch {
    /// An empty one.
    pub(super) fn new() -> Self {
        let scratch = Self { folder: tempfile::tempdir().unwrap() };
        scratch.git(&["init", "-q", "-b", "main"]);
        scratch
    }

    /// One with these files, committed.
    pub(super) fn with(files: &[(&str, &str)]) -> Self {
        let scratch = Self::new();
        for (path, text) in files {
            scratch.write(path, text.as_bytes());
        }
        scratch.commit(0);
        scratch
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(super) fn git(&self, arguments: &[&str]) -> String {
        self.git_on(0, arguments)
    }

    /// Runs git on a day of a year long ago, as somebody who always has the same name.
    fn git_on(&self, day: u64, arguments: &[&str]) -> String {
        let date = format!("{} +0000", 1_600_000_000 + day * 86_400);
        let output = Command::new("git")
            .current_dir(self.path())
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@localhost"])
            .args(["-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"])
            .args(["-c", "protocol.file.allow=always"])
            .args(arguments)
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Commits all there is, so many days after the first.
    pub(super) fn commit(&self, day: u64) {
        self.git(&["add", "--all", "--force"]);
        self.git_on(day, &["commit", "-q", "--allow-empty", "-m", "a change"]);
    }

    /// The input of a reviewer.
    pub(super) fn input(&self) -> Value {
        let commit = self.git(&["rev-parse", "HEAD"]);
        json!({"repository": {"path": self.path(), "commit": commit, "workspace": self.path()}})
    }

    /// What a reviewer answers.
    pub(super) fn review(&self, reviewer: &str) -> Value {
        self.review_with(reviewer, &json!({}))
    }

    /// What a reviewer answers, given options.
    pub(super) fn review_with(&self, reviewer: &str, options: &Value) -> Value {
        run(reviewer, &merged(self.input(), options), &[]).unwrap()
    }
}

/// The input with options.
pub(super) fn merged(mut input: Value, options: &Value) -> Value {
    for (key, value) in options.as_object().unwrap() {
        input[key] = value.clone();
    }
    input
}

/// Runs a reviewer on an input and on results.
pub(super) fn run(
    reviewer: &str,
    input: &Value,
    results: &[(&str, Value)],
) -> Result<Value, Failure> {
    let folder = tempfile::tempdir().unwrap();
    run_in(&Context::alone(folder.path().join("own")), reviewer, input, results)
}

/// Runs a reviewer in a context.
pub(super) fn run_in(
    context: &Context,
    reviewer: &str,
    input: &Value,
    results: &[(&str, Value)],
) -> Result<Value, Failure> {
    let results = results
        .iter()
        .map(|(id, value)| (TaskId::new(*id).unwrap(), Json::of(value).unwrap()))
        .collect();
    let work = Work {
        run: RunId::new("run").unwrap(),
        id: TaskId::new("task").unwrap(),
        attempt: Attempt(1),
        title: String::new(),
        instructions: String::new(),
        input: Json::of(input).unwrap(),
        results,
        timeout_ms: None,
    };
    let reviewer = builtin::find(reviewer).unwrap();
    (reviewer.run)(&work, context).map(|json| json.read().unwrap())
}

/// `severity rule file:line` of each finding above info.
pub(super) fn told(report: &Value) -> Vec<String> {
    lines(report).into_iter().filter(|line| !line.starts_with("info ")).collect()
}

/// `severity rule file:line` of each finding.
pub(super) fn lines(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap();
    let line = |it: &Value| {
        let text = |key: &str| it[key].as_str().unwrap_or_default().to_owned();
        let at = it["line"].as_u64().map_or_else(String::new, |line| format!(":{line}"));
        format!("{} {} {}{at}", text("severity"), text("rule"), text("file")).trim_end().to_owned()
    };
    findings.iter().map(line).collect()
}
