//! What is right is left alone; what is strange does not break a review; the same gives the same.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use serde_json::json;
use tokio::sync::watch;

use super::scratch::{MIT, Scratch, lines, run, run_in, told};
use crate::{
    Context,
    builtin::{
        REVIEWERS, all, find,
        lexer::{Family, parts},
    },
    context::ProgressSink,
};

const CARGO: &str = "[package]\nname = \"tidy\"\nversion = \"0.3.0\"\nedition = \"2024\"\n\
    license = \"MIT\"\n\n[dependencies]\nlog = \"0.4\"\n";
const LOCK: &str = "version = 4\n\n[[package]]\nname = \"log\"\nversion = \"0.4.29\"\n\
    source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
    checksum = \"5e5032e24019045c762d3c0f28f5b6b8bbf38563a65908389bf7978758920897\"\n\n\
    [[package]]\nname = \"tidy\"\nversion = \"0.3.0\"\ndependencies = [\n \"log\",\n]\n";
const README: &str = "# Tidy\n\nSee [the change](CHANGELOG.md#030) and `src/main.rs`, or \
    [elsewhere](https://localhost/x).\n\n```sh\ncargo run --bin tidy\nmake all\n```\n";
const MAIN: &str =
    "//! Tidy.\nfn main() {}\n\n#[test]\nfn one_is_one() {\n    assert_eq!(1, 1);\n}\n";

fn tidy() -> Scratch {
    Scratch::with(&[
        ("LICENSE", MIT),
        ("README.md", README),
        ("CHANGELOG.md", "# Changes\n\n## 0.3.0\n\nAll is new.\n"),
        ("Cargo.toml", CARGO),
        ("Cargo.lock", LOCK),
        ("Makefile", "all:\n\tcargo build\n"),
        (".ci/run", "#!/bin/sh\ncargo test\n"),
        ("src/main.rs", MAIN),
    ])
}

#[test]
fn a_clean_repository_passes_every_reviewer() {
    let scratch = tidy();
    for reviewer in REVIEWERS {
        assert_eq!(told(&scratch.review(reviewer)), Vec::<String>::new(), "{reviewer}");
    }
}

#[test]
fn every_name_finds_its_reviewer_and_no_other_does() {
    for builtin in all() {
        assert_eq!(find(builtin.name).unwrap().name, builtin.name);
    }
    assert_eq!(all().len(), 12);
    assert!(find("nobody").is_none());
}

#[test]
fn the_same_commit_gives_the_same_bytes() {
    let scratch = tidy();
    scratch.write("src/lib.rs", concat!("// TO", "DO: one\n// FIX", "ME: two\n").as_bytes());
    scratch.commit(1);
    for reviewer in REVIEWERS {
        let [one, two] = [scratch.review(reviewer), scratch.review(reviewer)];
        assert_eq!(one.to_string(), two.to_string(), "{reviewer}");
    }
}

#[test]
fn what_is_not_committed_is_not_reviewed() {
    let scratch = tidy();
    let big = vec![b'x'; 2 * 1024 * 1024];
    scratch.write("stray.txt", &big);
    assert_eq!(told(&scratch.review("large")), Vec::<String>::new());
}

#[test]
fn the_inventory_counts_what_there_is() {
    let facts = tidy().review("inventory")["facts"].clone();
    assert_eq!(facts["files"], 8);
    assert_eq!(facts["test_files"], 1);
    assert_eq!(facts["ci_files"], 1);
    assert_eq!(
        facts["languages"]["Rust"],
        json!({"files": 1, "code": 5, "comments": 1, "blanks": 1})
    );
    assert_eq!([&facts["readme"], &facts["licence"], &facts["changelog"]], [true, true, true]);
}

#[test]
fn code_without_tests_checks_or_a_changelog_is_told() {
    let scratch = Scratch::with(&[("a.rs", "fn a() {}\n")]);
    assert_eq!(
        told(&scratch.review("inventory")),
        ["medium inventory.no_tests", "low inventory.no_changelog", "low inventory.no_ci"]
    );
}

#[test]
fn an_empty_repository_can_be_reviewed() {
    let scratch = Scratch::with(&[]);
    assert_eq!(told(&scratch.review("documentation")), ["high documentation.no_readme"]);
    assert_eq!(told(&scratch.review("licences")), ["high licences.no_file"]);
    for reviewer in ["inventory", "secrets", "dependencies", "unfinished", "large", "history"] {
        assert_eq!(lines(&scratch.review(reviewer)), Vec::<String>::new(), "{reviewer}");
    }
}

#[test]
fn strange_files_do_not_break_a_review() {
    let inner = Scratch::with(&[("a", "a")]);
    let scratch = tidy();
    let odd = scratch.path().join(OsStr::from_bytes(b"odd-\xff\xfe.rs"));
    fs::write(odd, concat!("// TO", "DO: \u{e9}\n")).unwrap();
    scratch.write("latin.md", b"caf\xe9 [x](LICENSE)\n");
    scratch.write("line.json", "7".repeat(3 * 1024 * 1024).as_bytes());
    scratch.write("zero.rs", b"fn a() {}\0\0");
    scratch.write("open.rs", b"fn a() { \"never closed /* r#\" '\\");
    symlink("loop-b", scratch.path().join("loop-a")).unwrap();
    symlink("loop-a", scratch.path().join("loop-b")).unwrap();
    symlink("/etc", scratch.path().join("outside")).unwrap();
    symlink("/etc/passwd", scratch.path().join("README.rst")).unwrap();
    scratch.git(&["submodule", "--quiet", "add", inner.path().to_str().unwrap(), "inner"]);
    scratch.commit(1);
    for reviewer in REVIEWERS {
        scratch.review(reviewer);
    }
    let facts = scratch.review("inventory")["facts"].clone();
    assert_eq!([&facts["symlinks"], &facts["submodules"]], [4, 1]);
    assert_eq!(
        told(&scratch.review("unfinished")),
        ["low unfinished.marker odd-\u{fffd}\u{fffd}.rs:1"]
    );
}

#[test]
fn a_link_in_the_place_of_a_file_is_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    let word = concat!("// TO", "DO\n");
    fs::write(outside.path().join("a.rs"), word).unwrap();
    let scratch = Scratch::with(&[("a.rs", word), ("in/a.rs", word)]);
    assert_eq!(told(&scratch.review("unfinished")).len(), 2);
    fs::remove_file(scratch.path().join("a.rs")).unwrap();
    symlink(outside.path().join("a.rs"), scratch.path().join("a.rs")).unwrap();
    fs::remove_dir_all(scratch.path().join("in")).unwrap();
    symlink(outside.path(), scratch.path().join("in")).unwrap();
    assert_eq!(told(&scratch.review("unfinished")), Vec::<String>::new());
}

#[test]
fn a_commit_that_is_not_there_or_no_name_is_a_failure_that_says_so() {
    let scratch = tidy();
    let mut input = scratch.input();
    input["repository"]["commit"] = json!("--output=x");
    let failure = run("secrets", &input, &[]).unwrap_err();
    assert!(failure.message.contains("it is not a full commit name"), "{failure}");
    assert!(!failure.retryable);
    input["repository"]["commit"] = json!("0".repeat(40));
    let failure = run("secrets", &input, &[]).unwrap_err();
    assert!(failure.message.starts_with("cannot ask git ls-tree about "), "{failure}");
}

#[test]
fn a_cancelled_review_stops_and_a_long_one_tells_how_far_it_is() {
    let scratch = tidy();
    let told = Arc::new(AtomicU32::new(0));
    for (cancelled, tells) in [(true, false), (false, true)] {
        let (_keep, seen) = watch::channel(cancelled);
        let count = Arc::clone(&told);
        let sink: ProgressSink = Arc::new(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let context = Context::new("key", scratch.path().join("own"), seen, sink);
        let why = run_in(&context, "secrets", &scratch.input(), &[]).map_err(|it| it.message).err();
        assert_eq!(why.as_deref(), cancelled.then_some("stopped: the attempt was cancelled"));
        assert_eq!(told.load(Ordering::Relaxed) > 0, tells);
    }
}

#[test]
fn the_parts_of_any_file_follow_each_other_without_gaps() {
    let alphabet =
        ["\"", "'", "/", "*", "#", "r", "b", "\\", "\n", "`", "-", "<!--", "\u{e9}", "x", "'''"];
    let mut state = 1_u64;
    for _ in 0..2_000 {
        let mut text = String::new();
        for _ in 0..40 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text.push_str(alphabet[usize::try_from(state >> 33).unwrap() % alphabet.len()]);
        }
        for family in [Family::C, Family::Rust, Family::Hash, Family::Dashes, Family::Markup] {
            let mut end = 0;
            for (_, range) in parts(family, text.as_bytes()) {
                assert_eq!(range.start, end, "{family:?} {text:?}");
                assert!(range.end > range.start, "{family:?} {text:?}");
                end = range.end;
            }
            assert_eq!(end, text.len(), "{family:?} {text:?}");
        }
    }
}

#[test]
fn five_thousand_files_are_reviewed_whole() {
    let scratch = tidy();
    for number in 0..5_000 {
        let text = format!("//! Part {number}.\n\nfn part() -> u32 {{\n    {number}\n}}\n");
        scratch.write(&format!("src/{}/part{number}.rs", number % 50), text.as_bytes());
    }
    scratch.commit(1);
    for reviewer in REVIEWERS {
        assert_eq!(told(&scratch.review(reviewer)), Vec::<String>::new(), "{reviewer}");
    }
    assert_eq!(scratch.review("secrets")["facts"]["files_read"], 5_007);
}
