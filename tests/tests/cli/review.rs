//! The release review, on repositories that are made for it.
//!
//! What is planted is put together here, so that this project's own review does not find it.

use std::{fs, path::Path};

use orkestra_tests::command::Desk;

use crate::{agents::check_files, desk, example, repository::Repository};

const LICENCE: &str = "MIT License\n\nPermission is hereby granted, free of charge, to any person \
    obtaining a copy of this software\n";
const MANIFEST: &str = "[package]\nname = \"tidy\"\nversion = \"0.3.0\"\nedition = \"2024\"\n\
    license = \"MIT\"\n";
const LOCK: &str = "version = 4\n\n[[package]]\nname = \"tidy\"\nversion = \"0.3.0\"\n";
const MAIN: &str =
    "//! Tidy.\nfn main() {}\n\n#[test]\nfn one_is_one() {\n    assert_eq!(1, 1);\n}\n";

/// A repository in which there is nothing to mend.
pub(crate) fn clean() -> Vec<(&'static str, String)> {
    [
        ("LICENSE", LICENCE),
        ("README.md", "# Tidy\n\nSee [the change](CHANGELOG.md#030).\n"),
        ("CHANGELOG.md", "# Changes\n\n## 0.3.0\n\nAll is new.\n"),
        ("Cargo.toml", MANIFEST),
        ("Cargo.lock", LOCK),
        (".ci/run", "cargo test\n"),
        ("src/main.rs", MAIN),
    ]
    .map(|(path, text)| (path, text.to_owned()))
    .to_vec()
}

/// Reviews the repository `repo` of the desk, with a report in `report.md`.
fn review(desk: &Desk, code: i32) -> String {
    let scenario = example("release-review.toml");
    let run = ["run", &scenario, "--set", "repo=repo", "--report", "report.md"];
    let said = desk.run(&[&run[..], &["--data-dir", "data"]].concat()).expect(code);
    let word = if code == 0 { "yes" } else { "no" };
    said.says(&["report written to report.md", "0 failed"])
        .shows(&[&format!("Is this repository ready to release?: {word}")]);
    desk.read("report.md")
}

#[test]
fn a_clean_repository_is_ready() {
    let desk = desk();
    Repository::with(&desk.path("repo"), &clean());
    let report = review(&desk, 0);
    assert!(report.starts_with("# Ready to release\n"), "{report}");
    assert!(report.contains("4 of 4 voted: passed."), "{report}");
    for voter in ["security", "quality", "legal", "operations"] {
        let line = format!("- signoff-{voter} votes yes: nothing speaks against it for {voter}\n");
        assert!(report.contains(&line), "{report}");
    }
    assert!(report.contains("- by weight: 4 yes, 0 no, 0 abstained, of 4\n"), "{report}");
    assert!(report.contains("## Blockers\n\nNone."), "{report}");
    let vote = |word: &str| {
        let asked = ["vote", word, "release-review-1.verdict", "--data-dir", "data"];
        desk.run(&asked).expect(0)
    };
    let shown = ["decided: passed", "quorum 3/4", "signoff-legal votes yes", "decision: passed"];
    vote("get").shows(&shown);
    vote("recount");
}

/// The example with the sign-off of some perspectives broken.
fn broken(desk: &Desk, perspectives: &[&str]) {
    let mut text = fs::read_to_string(example("release-review.toml")).unwrap();
    for name in perspectives {
        let (sound, gone) = (format!("\"{name}\""), format!("\"no-{name}\""));
        text = text.replace(&format!("perspective = {sound}"), &format!("perspective = {gone}"));
    }
    let agents = Path::new(&example("release-review.toml")).parent().unwrap().join("agents");
    copy(&agents, &desk.path("agents"));
    desk.write("broken.toml", &text);
}

#[test]
fn a_sign_off_that_fails_is_absent_and_without_a_quorum_it_is_not_ready() {
    for (absent, code, verdict) in [
        (&["legal"][..], 0, "# Ready to release\n"),
        (&["legal", "quality"], 1, "# Not ready to release\n"),
    ] {
        let desk = desk();
        Repository::with(&desk.path("repo"), &clean());
        broken(&desk, absent);
        let run = ["run", "broken.toml", "--set", "repo=repo", "--report", "report.md"];
        desk.run(&[&run[..], &["--data-dir", "data"]].concat()).expect(code);
        let report = desk.read("report.md");
        assert!(report.starts_with(verdict), "{report}");
        for name in absent {
            let line =
                format!("- signoff-{name} counts as absent: it will not vote: its task failed");
            assert!(report.contains(&line), "{report}");
        }
        assert_eq!(report.contains("too few were present: no quorum"), code == 1, "{report}");
    }
}

/// Copies a folder as it is, without what was built, what git keeps, and what runs left.
fn copy(from: &Path, into: &Path) {
    fs::create_dir_all(into).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (name, kind) = (entry.file_name(), entry.file_type().unwrap());
        if ["target", ".git", ".orkestra"].iter().any(|other| name == *other) {
            continue;
        }
        if kind.is_dir() {
            copy(&entry.path(), &into.join(name));
        } else if kind.is_file() {
            fs::copy(entry.path(), into.join(name)).unwrap();
        }
    }
}

#[test]
fn this_project_as_it_stands_is_ready() {
    let desk = desk();
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    copy(project, &desk.path("repo"));
    let nothing: [(&str, &str); 0] = [];
    Repository::with(&desk.path("repo"), &nothing);
    let report = review(&desk, 0);
    assert!(report.starts_with("# Ready to release\n"), "{report}");
    assert!(report.contains("## Blockers\n\nNone."), "{report}");
}

/// A key of a kind that everybody knows; nowhere in this project as it is.
fn key() -> String {
    let noise = "Q7ZP2LMX9VKT4RWB";
    ["AK", "IA", noise].concat()
}

#[test]
fn what_is_wrong_is_found_where_it_stands_and_secrets_are_not_repeated() {
    let desk = desk();
    let mark = |sign: &str| sign.repeat(7);
    let conflict = format!("a\n{} HEAD\nb\n{}\nc\n{} other\n", mark("<"), mark("="), mark(">"));
    let key = key();
    let planted = [
        ("README.md", "# Tidy\n\nSee [nothing](gone.md).\n".to_owned()),
        ("Cargo.toml", MANIFEST.replace("MIT", "Apache-2.0")),
        ("Cargo.lock", LOCK.replace("0.3.0", "0.2.0")),
        ("src/key.rs", format!("//! Keys.\n\nconst KEY: &str = \"{key}\";\n")),
        (
            "src/later.rs",
            format!(
                "//! Later.\n// {}: finish this\nfn later() {{\n    {}!()\n}}\n",
                ["TO", "DO"].concat(),
                ["unimpl", "emented"].concat()
            ),
        ),
        ("merge.txt", conflict),
        ("dump.txt", "x".repeat(6 * 1024 * 1024)),
    ];
    let repository = Repository::with(&desk.path("repo"), &clean());
    repository.git(&["tag", "v0.3.0"]);
    for (path, text) in &planted {
        repository.write(path, text.as_bytes());
    }
    repository.commit();

    let report = review(&desk, 1);
    assert!(report.starts_with("# Not ready to release\n"), "{report}");
    assert!(report.contains("- signoff-security vetoes it: "), "{report}");
    assert!(report.contains("- decision: vetoed by signoff-security"), "{report}");
    for (place, rule) in [
        ("`src/key.rs:3`", "secrets.aws_key"),
        ("`README.md:3`", "documentation.broken_link"),
        ("`Cargo.toml:5`", "licences.contradiction"),
        ("`Cargo.toml:3`", "dependencies.stale_lock"),
        ("`src/later.rs:2`", "unfinished.marker"),
        ("`src/later.rs:4`", "unfinished.placeholder"),
        ("`merge.txt:2`", "hygiene.conflict"),
        ("`dump.txt`", "large.size"),
        ("`Cargo.toml:3`", "history.version_not_raised"),
    ] {
        let found = report.lines().any(|line| line.contains(place) && line.contains(rule));
        assert!(found, "{rule} at {place} is not in the report:\n{report}");
    }
    assert!(!report.contains(&key), "the report repeats the key");
    // The workspace is the repository's own files; everything else must not know the key.
    fs::remove_dir_all(desk.path("data/workspaces")).unwrap();
    let mut looked_at = 0;
    check_files(&desk.path("data"), key.as_bytes(), &mut looked_at);
    assert!(looked_at >= 2, "only {looked_at} files: this test is blind");
}

#[expect(clippy::print_stderr, reason = "the figure is for whoever reads the test's output")]
#[test]
fn a_repository_of_five_thousand_files_is_reviewed() {
    let desk = desk();
    let mut files = clean();
    let names: Vec<String> = (0..5_000).map(|n| format!("src/part{}/file{n}.rs", n % 50)).collect();
    let text = |name: &String| format!("//! {name}\n\npub fn f(x: u32) -> u32 {{\n    x + 1\n}}\n");
    files.extend(names.iter().map(|name| (name.as_str(), text(name))));
    Repository::with(&desk.path("repo"), &files);
    let scenario = example("release-review.toml");
    let run = desk.start(&["run", &scenario, "--set", "repo=repo", "-o", "ndjson"]);
    let said = run.end().expect(0);
    let ended = said.lines().pop().unwrap();
    assert_eq!((&ended["event"], &ended["verdict"]), (&"run_ended".into(), &true.into()));
    eprintln!("5,000 files were reviewed in {} ms", ended["took_ms"]);
}
