//! Markdown that points nowhere, and licences that disagree.

use super::scratch::{MIT, Scratch, lines, told};

#[test]
fn links_and_anchors_that_point_nowhere_are_found_at_their_line() {
    let readme = "# One\n\n## Two\n\n## Two\n\n[a](docs/a.md) [b](docs/gone.md)\n[c](#two-1)\n[d](#two-2)\n\
        ![e](<docs/my pic.png>)\n[f](docs/a.md#h-é--x)\n[g](docs/a.md#nope)\n[h](docs) [i](/docs/a.md)\n\
        [j](mailto:a@b) [k](https://x/y) [l](../../issues) <a@b.example>\n<a href=\"gone.html\">m</a>\n";
    let page = "# H é & x\n\n[up](../README.md#one)\n[up](README.md)\n";
    let scratch =
        Scratch::with(&[("README.md", readme), ("docs/a.md", page), ("docs/my pic.png", "x")]);
    let report = scratch.review("documentation");
    assert_eq!(
        told(&report),
        [
            "medium documentation.broken_link README.md:7",
            "medium documentation.broken_link README.md:15",
            "medium documentation.broken_link docs/a.md:4",
            "low documentation.broken_anchor README.md:9",
            "low documentation.broken_anchor README.md:12",
        ]
    );
    assert_eq!(report["facts"]["links_outside"], 3);
}

#[test]
fn inline_paths_into_folders_that_are_there_must_be_there_too() {
    let readme = "# A\n\n`src/a.rs` `src/gone.rs` `src/` `a.rs` `own/gone.rs` `src/<x>.rs` `and/or`\n\
        `./src/a.rs:7` `src/out/x.rs` `inner/b.rs` `src/old/`\n";
    let scratch = Scratch::with(&[
        ("README.md", readme),
        ("src/a.rs", ""),
        ("src/inner/b.rs", ""),
        (".gitignore", "/src/out\n"),
    ]);
    let report = scratch.review("documentation");
    assert_eq!(
        told(&report),
        [
            "low documentation.missing_path README.md:3",
            "low documentation.missing_path README.md:4",
        ]
    );
    assert_eq!(report["findings"][0]["evidence"], "src/gone.rs");
    assert_eq!(report["findings"][1]["evidence"], "src/old/");
}

#[test]
fn commands_of_a_readme_must_name_what_is_there() {
    let readme = "# A\n\n```sh\ngit clone x && cd tool\ncargo run --example hello -- --bin no\n\
        cargo run --example gone\nX=1 cargo run -p tool --bin tool # fine\ncargo test -p gone\n\
        python3 tools/a.py\npython3 tools/gone.py | cat\n./run.sh\n./gone.sh --x\nmake all X=1\n\
        make gone\nnpm run build\nnpm run gone\n./target/debug/tool\n./<yours>\n```\n\n\
        ```console\n$ cd tools\n$ python3 \\\n  lost.py\n./output-not-a-command\n```\n\n```rust\n./no\n```\n";
    let scratch = Scratch::with(&[
        ("README.md", readme),
        (".gitignore", "target/\n"),
        ("Cargo.toml", "[package]\nname = \"tool\"\n"),
        ("src/main.rs", ""),
        ("examples/hello.rs", ""),
        ("tools/a.py", ""),
        ("run.sh", ""),
        ("Makefile", "X := 2\nall: x\n\ttrue\n"),
        ("package.json", "{\"scripts\": {\"build\": \"x\"}}"),
    ]);
    let report = scratch.review("documentation");
    let at = |line: u32| format!("medium documentation.missing_target README.md:{line}");
    assert_eq!(told(&report), [6, 8, 10, 12, 14, 16, 23].map(at));
    assert_eq!(report["findings"][0]["message"], "no package of the repository has gone");
    assert_eq!(report["findings"][2]["message"], "there is no file tools/gone.py");
    assert_eq!(report["findings"][4]["message"], "the Makefile has no target gone");
    assert_eq!(report["findings"][5]["message"], "package.json has no script gone");
}

#[test]
fn a_repository_without_a_readme_is_told_so() {
    let scratch = Scratch::with(&[("docs/README.md", "# Not at the root\n")]);
    assert_eq!(told(&scratch.review("documentation")), ["high documentation.no_readme"]);
}

fn licences(files: &[(&str, &str)]) -> Vec<String> {
    lines(&Scratch::with(files).review("licences"))
}

#[test]
fn a_licence_file_must_be_there_and_be_known() {
    assert_eq!(licences(&[("a", "a")]), ["high licences.no_file"]);
    assert_eq!(licences(&[("LICENSE", "Ask me.")]), ["low licences.unrecognised_file LICENSE"]);
    assert_eq!(licences(&[("LICENSE", MIT)]), Vec::<String>::new());
}

#[test]
fn well_known_licences_are_recognised_by_their_words() {
    let known = [
        ("Apache License\nVersion 2.0, January 2004", "Apache-2.0"),
        ("Redistribution and use in source and binary forms, neither the name", "BSD-3-Clause"),
        ("Redistribution and use in source and binary forms", "BSD-2-Clause"),
        ("GNU GENERAL PUBLIC LICENSE\n Version 3", "GPL-3.0"),
        ("Mozilla Public License Version 2.0", "MPL-2.0"),
        ("This is free and unencumbered software released into the public domain.", "Unlicense"),
        (MIT, "MIT"),
    ];
    for (text, name) in known {
        let facts = Scratch::with(&[("COPYING", text)]).review("licences")["facts"].clone();
        assert_eq!(facts["recognised"], serde_json::json!([name]));
    }
}

#[test]
fn a_manifest_that_says_otherwise_than_the_file_is_found() {
    let package = |licence: &str| format!("[package]\nname = \"a\"\nlicense = \"{licence}\"\n");
    let found = |licence: &str| licences(&[("LICENSE", MIT), ("Cargo.toml", &package(licence))]);
    assert_eq!(found("MIT"), Vec::<String>::new());
    assert_eq!(found("MIT OR Apache-2.0"), Vec::<String>::new());
    assert_eq!(found("MIT AND Apache-2.0"), ["high licences.contradiction Cargo.toml:3"]);
    assert_eq!(found("Apache-2.0"), ["high licences.contradiction Cargo.toml:3"]);
    assert_eq!(found("Mine, mine"), ["medium licences.bad_expression Cargo.toml:3"]);
}

#[test]
fn manifests_of_every_kind_are_read_and_a_workspace_speaks_for_its_members() {
    let found = licences(&[
        ("LICENSE", MIT),
        ("Cargo.toml", "[workspace]\nmembers = [\"a\"]\n[workspace.package]\nlicense = \"ISC\"\n"),
        ("a/Cargo.toml", "[package]\nname = \"a\"\nlicense.workspace = true\n"),
        ("b/Cargo.toml", "[package]\nname = \"b\"\n"),
        ("c/Cargo.toml", "[package]\nname = \"c\"\npublish = false\n"),
        ("d/package.json", "{\n  \"name\": \"d\",\n  \"license\": \"GPL-3.0-only\"\n}"),
        ("e/pyproject.toml", "[project]\nname = \"e\"\nlicense = \"MPL-2.0\"\n"),
    ]);
    assert_eq!(
        found,
        [
            "high licences.contradiction a/Cargo.toml:3",
            "high licences.contradiction d/package.json:3",
            "high licences.contradiction e/pyproject.toml:3",
            "medium licences.no_expression b/Cargo.toml",
            "low licences.no_expression c/Cargo.toml",
        ]
    );
}

#[test]
fn headers_that_contradict_or_say_nothing_are_found() {
    let header = |licence: &str| format!("#!/bin/sh\n# SPDX-{}: {licence}\n", "License-Identifier");
    let [fine, other, odd] = [header("MIT"), header("GPL-2.0-only"), header("who knows")];
    let found = licences(&[
        ("LICENSE", MIT),
        ("a.sh", &fine),
        ("b.sh", &other),
        ("c.sh", &odd),
        ("vendor/d.sh", &other),
    ]);
    assert_eq!(
        found,
        ["medium licences.header_contradiction b.sh:2", "low licences.bad_header c.sh:2"]
    );
}
