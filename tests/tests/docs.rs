//! What the documents say, done and compared.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use orkestra_coordinator::{cli, config::KEYS, output::Exit};

/// The documents, from the root of the project.
const DOCUMENTS: [&str; 19] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/cluster.md",
    "docs/command-agents.md",
    "docs/operations.md",
    "docs/control.md",
    "docs/context.md",
    "docs/councils.md",
    "docs/grpc.md",
    "docs/locks.md",
    "docs/metrics.md",
    "docs/nats.md",
    "docs/people.md",
    "docs/planning.md",
    "docs/checks.md",
    "docs/scenarios.md",
    "docs/voting.md",
];
const ORKESTRA: &str = env!("CARGO_BIN_EXE_orkestra-under-test");
const REVIEW: &str = "examples/release-review.toml";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The blocks of a document in a language, without their fences.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, part) in text.split("```").enumerate() {
        let inside = index % 2 == 1;
        if let Some((first, rest)) = part.split_once('\n').filter(|_| inside)
            && first == language
        {
            found.push(rest.to_owned());
        }
    }
    found
}

/// The block that follows a sentence.
fn block_after(text: &str, sentence: &str, language: &str) -> String {
    let at = text.find(sentence);
    assert!(at.is_some(), "nowhere: {sentence}");
    blocks(&text[at.unwrap()..], language).into_iter().next().unwrap()
}

/// A document without its blocks.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// What stands between single backticks.
fn quoted(text: &str) -> Vec<String> {
    prose(text)
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .map(Into::into)
        .collect()
}

/// What is told to be typed: the words behind `orkestra`, or behind what runs it from its sources.
fn command_lines(text: &str) -> Vec<String> {
    let starts = ["orkestra ", "cargo run --release -- "];
    let words = |line: &str| {
        let line = line.trim().trim_start_matches("$ ");
        let typed = starts.iter().find_map(|start| line.strip_prefix(start))?;
        let typed = typed.split(" #").next().unwrap().split(" >").next().unwrap();
        Some(typed.trim().to_owned())
    };
    let typed = blocks(text, "sh").join("\n") + "\n" + &blocks(text, "console").join("\n");
    typed
        .lines()
        .filter_map(words)
        .chain(quoted(text).iter().filter_map(|one| words(one)))
        .collect()
}

fn run(program: &str, arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).env("CI", "1");
    command.output().unwrap()
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A repository with one commit, and a folder for what is kept.
fn scratch() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("repository");
    fs::create_dir(&repository).unwrap();
    fs::write(repository.join("README.md"), "# Nothing much\n").unwrap();
    let who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
    for step in [&["init", "-q"][..], &["add", "."], &["commit", "-q", "-m", "Begin"]] {
        let done = run("git", &[&who[..], step].concat(), &repository);
        assert!(done.status.success(), "{}", text_of(&done.stderr));
    }
    folder
}

/// What remains of a line when names, numbers and times are taken out.
fn shape(line: &str) -> String {
    let answers = line.replace(": yes", ": ANSWER").replace(": no", ": ANSWER");
    let mut words: Vec<String> = Vec::new();
    for word in answers.split_whitespace() {
        let bare = word.trim_matches(|c: char| c.is_ascii_punctuation());
        let begins_with_digit = bare.starts_with(|c: char| c.is_ascii_digit());
        let is_unit = ["s", "ms", "µs"].contains(&bare);
        if is_unit && words.last().is_some_and(|last| last.starts_with('0')) {
            // A number and its unit: which one depends on how fast the machine is.
            words.pop();
        }
        if is_unit || (begins_with_digit && bare.ends_with('s')) {
            words.push("TIME".to_owned());
            continue;
        }
        let mut shaped = String::new();
        for c in word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }) {
            if c != '0' || !shaped.ends_with('0') {
                shaped.push(c);
            }
        }
        words.push(shaped);
    }
    words.join(" ")
}

#[test]
fn the_program_of_the_readme_is_the_example() {
    let shown = block_after(&read("README.md"), "A program of your own", "rust");
    assert_eq!(shown, read("examples/hello.rs"));
}

#[test]
fn whatever_is_to_be_typed_can_be_typed() {
    let mut count = 0;
    let scenarios = [
        "examples/approval.toml",
        "examples/council.toml",
        "examples/crash.toml",
        "examples/pipeline.toml",
        REVIEW,
    ];
    for document in DOCUMENTS.into_iter().chain(scenarios) {
        let text = read(document);
        let comments = text.lines().filter_map(|line| line.strip_prefix("#   orkestra "));
        let lines: Vec<String> = if scenarios.contains(&document) {
            comments.map(Into::into).collect()
        } else {
            command_lines(&text)
        };
        for line in lines {
            assert_eq!(cli::parses(&line), Ok(()), "{document}: {line}");
            count += 1;
        }
    }
    assert!(count > 20, "only {count} command lines were found: this test is blind");
}

#[test]
fn the_first_command_prints_what_the_readme_shows() {
    let folder = scratch();
    let repo = format!("repo={}", folder.path().join("repository").display());
    let data = folder.path().join("kept").display().to_string();
    let ran = run(ORKESTRA, &["run", REVIEW, "--data-dir", &data, "--set", &repo], &root());
    let shown = block_after(&read("README.md"), "It prints", "text");
    let told = text_of(&ran.stderr) + &text_of(&ran.stdout);
    let mut told_shapes = told.lines().map(shape);
    for line in shown.lines().filter(|line| *line != "…") {
        let is_told = told_shapes.any(|told| told == shape(line));
        assert!(is_told, "not printed, or not in this order: {line}\n{told}");
    }
    let is_yes = text_of(&ran.stdout).contains(": yes");
    assert_eq!(ran.status.code(), Some(i32::from(!is_yes)), "{told}");
}

#[test]
fn a_run_that_was_killed_goes_on_as_the_readme_says() {
    let folder = scratch();
    let repo = format!("repo={}", folder.path().join("repository").display());
    let data = folder.path().join("kept").display().to_string();
    let typed = ["run", REVIEW, "--data-dir", &data, "--set", &repo];
    let mut first = Command::new(ORKESTRA)
        .args(typed)
        .args(["--output", "ndjson"])
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(first.stdout.take().unwrap()).lines();
    let ended = lines.map(Result::unwrap).find(|line| line.contains("\"task_ended\""));
    assert!(ended.is_some(), "the first run told of no task");
    first.kill().unwrap();
    first.wait().unwrap();
    let second = run(ORKESTRA, &typed, &root());
    let told = text_of(&second.stderr);
    let shown = block_after(&read("README.md"), "Kill it", "text");
    let shown = shown.lines().next().unwrap();
    assert!(told.lines().any(|line| shape(line) == shape(shown)), "{shown}\n{told}");
    assert!(told.contains("17 tasks (17 completed"), "{told}");
}

#[test]
fn the_crash_scenario_completes_and_its_log_reads_as_the_readme_shows() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("kept").display().to_string();
    let ran = run(ORKESTRA, &["run", "examples/crash.toml", "--data-dir", &data], &root());
    assert_eq!(ran.status.code(), Some(0), "{}", text_of(&ran.stderr));
    let typed = ["supervision", "log", "--child", "agents/panics", "--data-dir", &data];
    let told = text_of(&run(ORKESTRA, &typed, &root()).stdout);
    let shown = block_after(&read("README.md"), "The log then says", "text");
    let mut told_shapes = told.lines().map(shape);
    for line in shown.lines() {
        let is_told = told_shapes.any(|told| told == shape(line));
        assert!(is_told, "not told, or not in this order: {line}\n{told}");
    }
}

#[test]
fn examples_print_what_they_proved() {
    let folder = tempfile::tempdir().unwrap();
    let readme = read("README.md");
    for (program, proof) in [
        (env!("CARGO_BIN_EXE_example-hello"), "3 of 3 tasks completed; the sum is 6\n"),
        (
            env!("CARGO_BIN_EXE_example-lock"),
            "refused: true; the token rises: true; the old one is stale: true\n",
        ),
        (env!("CARGO_BIN_EXE_example-crash"), "done after 2 attempts and 1 restart of the agent\n"),
    ] {
        let ran = run(program, &[], folder.path());
        assert_eq!(text_of(&ran.stdout), proof, "{}", text_of(&ran.stderr));
        assert!(readme.contains(proof), "the README does not show: {proof}");
    }
}

#[test]
fn exit_codes_are_those_of_the_help() {
    let shown = block_after(&read("README.md"), "## Exit codes", "text");
    let help = Exit::HELP.split_once('\n').unwrap().1;
    let lines = |text: &str| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    assert_eq!(lines(&shown), lines(help));
}

#[test]
fn every_key_of_the_configuration_is_read() {
    let readers = rust_files().into_iter().filter(|path| {
        let path = path.to_string_lossy();
        path.contains("coordinator/src/") && !path.contains("coordinator/src/config/")
    });
    let code: String = readers.map(|path| fs::read_to_string(path).unwrap()).collect();
    for key in KEYS {
        let field = format!("config.{}", key.name.replace('.', "_"));
        assert!(code.contains(&field), "nobody reads {field}: {} promises something", key.name);
    }
}

#[test]
fn every_invariant_names_tests_that_are_there() {
    let text = read("ARCHITECTURE.md");
    let from = text.find("## Invariants").unwrap();
    let until = from + text[from + 3..].find("\n## ").unwrap() + 3;
    let rows: Vec<&str> =
        text[from..until].lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 10, "the invariants were not found");
    let all: String = rust_files().iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    for row in rows {
        let named = quoted(row.rsplit(" | ").next().unwrap());
        assert!(!named.is_empty(), "held by no test: {row}");
        for name in named {
            assert!(all.contains(&format!("fn {name}(")), "there is no test {name}: {row}");
        }
    }
}

#[test]
fn every_path_that_is_named_is_there() {
    let folders =
        ["runtime/", "agents/", "coordinator/", "tests/", "examples/", "config/", "docs/", ".ci/"];
    let mut count = 0;
    for document in DOCUMENTS {
        for path in quoted(&read(document)) {
            if folders.iter().any(|folder| path.starts_with(folder)) && !path.contains(' ') {
                assert!(root().join(&path).exists(), "{document}: there is no {path}");
                count += 1;
            }
        }
    }
    assert!(count > 20, "only {count} paths were found: this test is blind");
}

#[test]
fn a_line_holds_one_sentence() {
    for document in DOCUMENTS {
        for line in prose(&read(document)).lines().filter(|line| !line.starts_with('|')) {
            let mut ends = line.match_indices(". ").map(|(at, _)| &line[at + 2..]);
            let another = ends.find(|rest| rest.starts_with(char::is_uppercase));
            assert_eq!(another, None, "{document}: two sentences in one line");
        }
    }
}

fn rust_files() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        ["runtime", "agents", "coordinator", "tests"].map(|folder| root().join(folder)).into();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found
}
