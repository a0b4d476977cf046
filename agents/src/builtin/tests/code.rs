//! What was left for later, and what is too large.

use serde_json::json;

use super::scratch::{Scratch, lines, told};

fn todo() -> String {
    ["TO", "DO"].concat()
}

#[test]
fn what_is_left_for_later_is_found_with_its_age() {
    let scratch = Scratch::with(&[("a.rs", &format!("fn a() {{}}\n// {}: later\n", todo()))]);
    let text = format!("fn a() {{}}\n// {}: later\n    // {}\n", todo(), ["FIX", "ME"].concat());
    scratch.write("a.rs", text.as_bytes());
    scratch.commit(30);
    scratch.write("b.rs", b"");
    scratch.commit(35);
    let report = scratch.review("unfinished");
    assert_eq!(told(&report), ["low unfinished.marker a.rs:2", "low unfinished.marker a.rs:3"]);
    let messages = [&report["findings"][0]["message"], &report["findings"][1]["message"]];
    assert_eq!(
        messages,
        ["something is left for later, for 35 days", "something is left for later, for 5 days"]
    );
    assert_eq!(report["facts"]["oldest_days"], 35);
    assert_eq!(report["findings"][0]["evidence"], format!("// {}: later", todo()));
}

#[test]
fn without_blame_the_age_is_unknown_and_said_to_be() {
    let scratch = Scratch::with(&[("a.py", &format!("# {}\n", todo()))]);
    let report = scratch.review_with("unfinished", &json!({"blame_files_max": 0}));
    assert_eq!(report["findings"][0]["message"], "something is left for later, of unknown age");
    assert_eq!(report["facts"]["files_without_age"], 1);
    assert_eq!(report["summary"], "1 thing left for later");
}

#[test]
fn placeholders_and_skipped_tests_are_found_in_every_language() {
    let rust = format!(
        "fn a() {{\n    {}!()\n}}\n\n#[{}]\nfn b() {{ {}!(\"x\") }}\n",
        todo().to_lowercase(),
        ["ign", "ore"].concat(),
        ["unimple", "mented"].concat()
    );
    let skip = ["sk", "ip"].concat();
    let script = format!("it('a', f);\nit.{skip}('b', f);\nx{}('c', f);\n", "it");
    let python = format!("import pytest\n@pytest.mark.{skip}\ndef test_a(): pass\n");
    let go = format!("func TestA(t *testing.T) {{\n\tt.{}(\"x\")\n}}\n", ["Sk", "ip"].concat());
    let files = [("a.rs", rust.as_str()), ("b.js", &script), ("c.py", &python), ("d_test.go", &go)];
    assert_eq!(
        told(&Scratch::with(&files).review("unfinished")),
        [
            "medium unfinished.placeholder a.rs:2",
            "medium unfinished.placeholder a.rs:6",
            "low unfinished.skipped_test a.rs:5",
            "low unfinished.skipped_test b.js:2",
            "low unfinished.skipped_test b.js:3",
            "low unfinished.skipped_test c.py:2",
            "low unfinished.skipped_test d_test.go:2",
        ]
    );
}

#[test]
fn a_marker_in_a_string_or_in_prose_is_none() {
    let word = todo();
    let rust = format!(
        "fn a<'a>() -> &'a str {{\n    let _ = ('\"', r#\"// {word}\"#, '\\'');\n    \"// {word}: \
         no\\\"\"\n}}\n/* {word}s */ // me{word}\n"
    );
    let python = format!("a = '# {word}'\nb = \"\"\"\n# {word}\n\"\"\"\n");
    let files = [("a.rs", rust.as_str()), ("b.py", &python), ("c.md", &word)];
    assert_eq!(lines(&Scratch::with(&files).review("unfinished")), Vec::<String>::new());
}

#[test]
fn large_files_weigh_by_their_size() {
    let scratch = Scratch::new();
    for (name, bytes) in [("a", 10), ("b", 11), ("c", 21), ("d", 31)] {
        scratch.write(name, &vec![b'x'; bytes]);
    }
    scratch.commit(0);
    let options = json!({"low_bytes": 10, "medium_bytes": 20, "high_bytes": 30});
    assert_eq!(
        told(&scratch.review_with("large", &options)),
        ["high large.size d", "medium large.size c", "low large.size b"]
    );
    scratch.write("e", &vec![b'x'; 1024 * 1024 + 1]);
    scratch.commit(1);
    assert_eq!(told(&scratch.review("large")), ["low large.size e"]);
}

#[test]
fn generated_files_programs_binaries_and_pointers_are_told_apart() {
    let scratch = Scratch::new();
    scratch.write("web/node_modules/x/a.js", b"1");
    scratch.write("web/node_modules/y/b.js", b"2");
    scratch.write("target/debug/a", b"3");
    scratch.write("src/target/mod.rs", b"//! A fine name for a module.\n");
    scratch.write("a/b.pyc", b"4");
    scratch.write(".DS_Store", b"5");
    scratch.write("tool", b"\x7fELF\0");
    scratch.write("x.bin", b"\0");
    scratch.write("x.png", b"\0");
    scratch.write("x.psd", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n");
    scratch.commit(0);
    let report = scratch.review("large");
    assert_eq!(
        lines(&report),
        [
            "medium large.generated .DS_Store",
            "medium large.generated a/b.pyc",
            "medium large.generated target",
            "medium large.program tool",
            "medium large.generated web/node_modules",
            "info large.binary x.bin",
            "info large.lfs x.psd",
        ]
    );
    assert_eq!(report["facts"]["binary_files"], 3);
    assert_eq!(report["facts"]["lfs_pointers"], 1);
}
