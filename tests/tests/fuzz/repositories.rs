//! What reviewers read in repositories that anybody may have written.

use std::{fs, path::Path, process::Command};

use orkestra_agents::{
    Context, Work,
    builtin::{self, testing},
};
use orkestra_runtime::{
    id::{Attempt, RunId, TaskId},
    protocol::payload::Json,
};
use serde_json::{Value, json};

use super::target::{Said, Target, attack, refused};

const EXTENSIONS: [&str; 6] = ["rs", "c", "py", "sql", "html", "js"];

#[test]
fn sources_of_every_language() {
    let look = |bytes: &[u8]| {
        for extension in EXTENSIONS {
            let parts = testing::parts(extension, bytes).unwrap();
            // In order, without gaps, none of them empty: nothing of a file is left out.
            let mut at = 0;
            for part in parts {
                assert_eq!(part.start, at, "{extension}");
                assert!(part.end > part.start, "{extension}: {part:?} is empty");
                at = part.end;
            }
            assert_eq!(at, bytes.len(), "{extension}");
        }
        if bytes.is_empty() { Said::Refused } else { Said::Read }
    };
    let words = &[
        "/*", "*/", "//", "\"", "'", "\\", "r#\"", "\"#", "br##\"", "`", "\"\"\"", "'''", "#",
        "--", "<!--", "-->", "\n", "'a", "b'", "é",
    ];
    attack!(Target::of("sources", [Vec::new()]).knowing(words), look);
}

#[test]
fn secrets_in_texts() {
    let look = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let struck = testing::struck(&text).unwrap();
        // What was struck out once is out: a second time there is nothing left to strike.
        assert_eq!(testing::struck(&struck).unwrap(), struck, "of {text:?}");
        if struck == text { Said::Refused } else { Said::Read }
    };
    let words = &[
        "password = \"",
        "secret:",
        "token=>'",
        "AKIA",
        "ghp_",
        "sk-ant-",
        "sk-",
        "xoxb-",
        // Spelled in two, since this repository is reviewed itself.
        concat!("-----BEGIN PRIVATE ", "KEY-----"),
        "eyJhbGciOi.eyJhbGciOi.",
        "://user:",
        "@",
        "\"",
        "npm_",
        "0123456789abcdefABCDEF",
        "AIza",
        "glpat-",
        "\\n",
    ];
    // Put together here, so that nobody who looks for secrets finds any in this project.
    let seeds = [
        ["key = \"AK", "IAIOSFODNN7EXAMPLE\"\npassword", ": \"hunter2hunter2\"\n"].concat(),
        ["url = https://ada", ":swordfish1", "@host/x\ntoken=>'", "0123456789'\n"].concat(),
        ["-----BEGIN PRIV", "ATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "\\n"].concat(),
        ["gh", "p_0123456789abcdefABCDEF0123456789abcdefAB and sk", "-ant-", &"a1".repeat(20)]
            .concat(),
    ];
    let seeds = seeds.map(String::into_bytes);
    attack!(Target::of("secrets", seeds).knowing(words), look);
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@localhost", "-c", "gc.auto=0"])
        .args(["-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The files that reviewers read as more than text.
const FILES: [&str; 9] = [
    "Cargo.toml",
    "Cargo.lock",
    "package.json",
    "package-lock.json",
    "requirements.txt",
    "README.md",
    "Makefile",
    "LICENSE",
    "src/main.rs",
];

fn work(input: &Value, results: Vec<(TaskId, Json)>) -> Work {
    Work {
        run: RunId::new("run").unwrap(),
        id: TaskId::new("task").unwrap(),
        attempt: Attempt(1),
        title: String::new(),
        instructions: String::new(),
        input: Json::of(input).unwrap(),
        results,
        timeout_ms: None,
    }
}

/// Runs a reviewer; what it answers is JSON, what it refuses is a sentence.
pub(crate) fn review(name: &str, input: &Value, results: Vec<(TaskId, Json)>) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let context = Context::alone(folder.path().join("own"));
    let reviewer = builtin::find(name).unwrap();
    match (reviewer.run)(&work(input, results), &context) {
        Ok(json) => {
            json.read::<Value>().unwrap();
            Said::Read
        }
        Err(failure) => refused(&failure),
    }
}

/// Each file is the same bytes: what is no manifest is still a file of that name.
#[test]
fn manifests_locks_and_documents() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join("src")).unwrap();
    for file in FILES {
        fs::write(home.path().join(file), "x").unwrap();
    }
    git(home.path(), &["init", "-q"]);
    git(home.path(), &["add", "--all"]);
    git(home.path(), &["commit", "-q", "-m", "a change"]);
    let commit = git(home.path(), &["rev-parse", "HEAD"]);
    let input = json!({"repository":
        {"path": home.path(), "commit": commit, "workspace": home.path()}});
    let look = |bytes: &[u8]| {
        for file in FILES {
            fs::write(home.path().join(file), bytes).unwrap();
        }
        // One each time: a reviewer begins with git and its patterns, which takes longest.
        let reviewers = ["dependencies", "documentation", "licences", "unfinished", "inventory"];
        let reviewer = reviewers[bytes.len() % reviewers.len()];
        assert_eq!(review(reviewer, &input, Vec::new()), Said::Read, "{reviewer}");
        if bytes.is_empty() { Said::Refused } else { Said::Read }
    };
    let words = &[
        "[dependencies]\n",
        "[[package]]\n",
        "name = \"x\"\n",
        "version = \"1.0.0\"\n",
        "{\"",
        "\"dependencies\":{",
        "packages",
        "](",
        "```sh\n",
        "cargo run -p x\n",
        "SPDX",
        "#",
        "==",
        "git+https://",
        "workspace = true\n",
        "path = \"../..\"\n",
        "TODO",
        "%zz",
        "$ ",
    ];
    attack!(Target::of("repositories", [Vec::new()]).knowing(words), look);
}
