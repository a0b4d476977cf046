//! Versions, tags and hot spots.

use serde_json::json;

use super::scratch::{Scratch, lines, merged, run, told};
use crate::builtin::REVIEWERS;

fn released(version: &str, changelog: &str) -> Scratch {
    let manifest = format!("[package]\nname = \"a\"\nversion = \"{version}\"\n");
    let scratch = Scratch::with(&[("Cargo.toml", &manifest), ("CHANGELOG.md", changelog)]);
    scratch.git(&["tag", "v0.3.0"]);
    scratch
}

#[test]
fn a_version_that_was_tagged_before_the_last_commits_is_found() {
    let scratch = released("0.3.0", "## 0.3.0\n");
    assert_eq!(told(&scratch.review("history")), Vec::<String>::new());
    scratch.commit(1);
    let report = scratch.review("history");
    assert_eq!(told(&report), ["medium history.version_not_raised Cargo.toml:3"]);
    let message = "version 0.3.0 was tagged already, 1 commit ago";
    assert_eq!(report["findings"][0]["message"], message);
    assert_eq!(report["facts"]["last_tag"], "v0.3.0");
    assert_eq!(report["facts"]["commits_since_tag"], 1);
    assert_eq!(report["facts"]["commit_date"], "2020-09-14 12:26:40 +0000");
    assert_eq!(report["summary"], "2 commits, 1 commit since tag v0.3.0");
}

#[test]
fn a_changelog_must_name_the_version_itself() {
    for (changelog, found) in [
        ("## 0.4.1\n", vec![]),
        ("- v0.4.1.\n", vec![]),
        ("## 0.4.10, 0.4.1.2, 10.4.1\n", vec!["medium history.changelog_silent CHANGELOG.md"]),
    ] {
        let scratch = released("0.4.1", changelog);
        scratch.commit(1);
        assert_eq!(told(&scratch.review("history")), found, "{changelog}");
    }
}

#[test]
fn versions_of_other_manifests_are_read_too() {
    for (file, text) in [
        ("package.json", "{\n\"version\": \"0.3.0\"}"),
        ("pyproject.toml", "[project]\nversion = \"0.3.0\"\n"),
        ("Cargo.toml", "[workspace.package]\nversion = \"0.3.0\"\n"),
    ] {
        let scratch = Scratch::with(&[(file, text)]);
        scratch.git(&["tag", "tool-0.3.0"]);
        scratch.commit(1);
        let expected = format!("medium history.version_not_raised {file}:2");
        assert_eq!(told(&scratch.review("history")), [expected]);
    }
}

#[test]
fn hot_spots_are_often_changed_and_large() {
    let scratch =
        Scratch::with(&[("hot", "a"), ("cold", "much that never changes"), ("warm", "a")]);
    for day in 1..4 {
        scratch.write("hot", format!("{day}{}", "x".repeat(100)).as_bytes());
        scratch.write("warm", format!("{day}").as_bytes());
        scratch.commit(day);
    }
    let facts = scratch.review("history")["facts"].clone();
    assert_eq!(
        facts["hot_spots"],
        json!([{"file": "hot", "commits": 4}, {"file": "warm", "commits": 4}])
    );
    assert_eq!([&facts["commits"], &facts["merges"]], [4, 0]);
    assert_eq!([&facts["signed"], &facts["shallow"]], [false, false]);
}

#[test]
fn nothing_that_a_repository_configures_is_run_or_changes_an_answer() {
    let word = ["TO", "DO"].concat();
    let scratch = released("0.3.0", "## 0.3.0\n");
    scratch.write("é.rs", format!("// {word}\n").as_bytes());
    scratch.write(".gitattributes", b"*.rs diff=odd filter=odd\n");
    scratch.commit(1);
    let before = REVIEWERS.map(|reviewer| scratch.review(reviewer).to_string());
    let input = scratch.input();
    let trace = scratch.path().join(".git/ran");
    let run_me = format!("touch {} #", trace.display());
    for key in [
        "core.fsmonitor",
        "core.pager",
        "diff.external",
        "diff.odd.textconv",
        "diff.odd.command",
        "filter.odd.smudge",
        "filter.odd.clean",
        "gpg.program",
        "core.sshCommand",
        "core.editor",
    ] {
        scratch.git(&["config", key, &run_me]);
    }
    for (key, value) in [
        ("core.quotepath", "on"),
        ("blame.ignoreRevsFile", "nowhere"),
        ("color.ui", "always"),
        ("log.showSignature", "true"),
        ("log.date", "relative"),
        ("format.pretty", "oneline"),
        ("diff.algorithm", "patience"),
        ("diff.renames", "copies"),
    ] {
        scratch.git(&["config", key, value]);
    }
    let after = REVIEWERS.map(|reviewer| run(reviewer, &input, &[]).unwrap().to_string());
    assert_eq!(before, after);
    assert!(before.iter().any(|report| report.contains("é.rs")));
    assert!(!trace.exists());
}

#[test]
fn a_shallow_clone_is_told_honestly() {
    let scratch = released("0.5.0", "## 0.5.0\n");
    scratch.write("a.rs", concat!("// TO", "DO\n").as_bytes());
    scratch.commit(1);
    scratch.commit(9);
    let copy = Scratch::new();
    let from = format!("file://{}", scratch.path().display());
    copy.git(&["clone", "-q", "--depth", "1", &from, "copy"]);
    let path = copy.path().join("copy");
    let place = json!({"repository": {
        "path": path, "workspace": path, "commit": scratch.git(&["rev-parse", "HEAD"]),
    }});
    let report = run("history", &merged(scratch.input(), &place), &[]).unwrap();
    assert_eq!(lines(&report), ["info history.shallow"]);
    assert_eq!(report["facts"]["shallow"], true);
    let report = run("unfinished", &merged(scratch.input(), &place), &[]).unwrap();
    assert_eq!(report["findings"][0]["message"], "something is left for later, of unknown age");
}
