//! Manifests and lock files that disagree.

use super::scratch::{Scratch, lines, told};

fn dependencies(files: &[(&str, &str)]) -> Vec<String> {
    told(&Scratch::with(files).review("dependencies"))
}

fn locked(packages: &[(&str, &str, bool)]) -> String {
    let source = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
    let one = |(name, version, registry): &(&str, &str, bool)| {
        let source = if *registry { source } else { "" };
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{source}\n")
    };
    format!("version = 4\n\n{}", packages.iter().map(one).collect::<String>())
}

#[test]
fn a_program_without_a_lock_is_told_and_a_library_is_not() {
    let manifest = "[package]\nname = \"a\"\nversion = \"1.0.0\"\n";
    let program = [("Cargo.toml", manifest), ("src/main.rs", "")];
    assert_eq!(dependencies(&program), ["medium dependencies.no_lock Cargo.toml"]);
    assert_eq!(dependencies(&[("Cargo.toml", manifest), ("src/lib.rs", "")]), Vec::<String>::new());
}

#[test]
fn a_lock_that_does_not_have_what_a_manifest_wants_is_stale() {
    let manifest = "[package]\nname = \"a\"\nversion = \"1.1.0\"\n\n[dependencies]\nlog = \"0.4\"\n\
        other = { package = \"real\", version = \"^2.1\" }\nfine = \"1\"\n\n\
        [target.'cfg(unix)'.dev-dependencies]\nunix = \"1\"\n";
    let lock = locked(&[("a", "1.0.0", false), ("fine", "1.9.0", true), ("real", "2.0.5", true)]);
    let files = [("Cargo.toml", manifest), ("Cargo.lock", &lock), ("src/main.rs", "")];
    let report = Scratch::with(&files).review("dependencies");
    let at = |line: u32| format!("medium dependencies.stale_lock Cargo.toml:{line}");
    assert_eq!(told(&report), [3, 6, 7, 11].map(at));
    assert_eq!(report["findings"][0]["message"], "a is 1.1.0, and 1.0.0 in the lock file");
    assert_eq!(
        report["findings"][2]["message"],
        "the lock file has no version of real that is ^2.1"
    );
}

#[test]
fn what_a_workspace_shares_is_looked_up_for_its_members() {
    let root = "[workspace]\nmembers = [\"a\"]\n\n[workspace.dependencies]\nlog = \"0.5\"\n\
        near = { path = \"near\" }\n";
    let member = "[package]\nname = \"a\"\nversion = \"1.0.0\"\n\n[dependencies]\nlog.workspace = true\n\
        near.workspace = true\n";
    let near = "[package]\nname = \"near\"\nversion = \"1.0.0\"\n";
    let packages = [("a", "1.0.0", false), ("log", "0.4.1", true), ("near", "1.0.0", false)];
    let files = [
        ("Cargo.toml", root),
        ("Cargo.lock", &locked(&packages)),
        ("a/Cargo.toml", member),
        ("near/Cargo.toml", near),
    ];
    assert_eq!(dependencies(&files), ["medium dependencies.stale_lock a/Cargo.toml:6"]);
}

#[test]
fn what_is_not_pinned_and_what_is_not_here_is_found() {
    let manifest = "[package]\nname = \"a\"\n\n[dependencies]\nany = \"*\"\n\
        branch = { git = \"https://localhost/x\", branch = \"main\" }\n\
        fixed = { git = \"https://localhost/x\", rev = \"abc\" }\nfar = { path = \"../far\" }\n\
        near = { path = \"near\" }\n";
    let found = dependencies(&[
        ("Cargo.toml", manifest),
        ("near/Cargo.toml", "[package]\nname = \"near\"\n"),
        ("odd/Cargo.toml", "[package\n"),
    ]);
    assert_eq!(
        found,
        [
            "high dependencies.path_outside Cargo.toml:8",
            "high dependencies.bad_manifest odd/Cargo.toml",
            "medium dependencies.wildcard Cargo.toml:5",
            "medium dependencies.git_unpinned Cargo.toml:6",
        ]
    );
}

#[test]
fn several_versions_of_a_package_are_noted() {
    let lock = locked(&[("log", "0.3.0", true), ("log", "0.4.1", true), ("x", "1.0.0", true)]);
    let scratch = Scratch::with(&[("Cargo.lock", &lock)]);
    let report = scratch.review("dependencies");
    assert_eq!(lines(&report), ["info dependencies.duplicate Cargo.lock"]);
    let large = lock
        + &"# 64 bytes of a comment that a program might write into a lock....\n".repeat(70_000);
    let scratch = Scratch::with(&[("Cargo.lock", &large)]);
    assert_eq!(lines(&scratch.review("dependencies")), ["info dependencies.duplicate Cargo.lock"]);
    assert_eq!(report["findings"][0]["message"], "log is locked in several versions: 0.3.0, 0.4.1");
    let scratch = Scratch::with(&[("Cargo.lock", "[[package]]\nname = 3\n")]);
    assert_eq!(lines(&scratch.review("dependencies")), ["high dependencies.bad_lock Cargo.lock"]);
}

#[test]
fn npm_manifests_are_compared_with_their_lock() {
    let manifest = "{\n  \"dependencies\": {\n    \"a\": \"^1.0.0\",\n    \"b\": \"^2.0.0\",\n    \"c\": \"*\",\n    \
        \"d\": \"^4.0.0\"\n  }\n}\n";
    let lock = "{\"packages\": {\"\": {\"dependencies\": {\"a\": \"^1.0.0\", \"b\": \"^1.0.0\", \"c\": \"*\"}}, \
        \"node_modules/a\": {}, \"node_modules/b\": {}, \"node_modules/c\": {}}}";
    let found = dependencies(&[("package.json", manifest), ("package-lock.json", lock)]);
    assert_eq!(
        found,
        [
            "medium dependencies.stale_lock package.json:4",
            "medium dependencies.wildcard package.json:5",
            "medium dependencies.stale_lock package.json:6",
        ]
    );
    let found = dependencies(&[("web/package.json", "{\"dependencies\": {\"a\": \"1\"}}")]);
    assert_eq!(found, ["medium dependencies.no_lock web/package.json"]);
    let found = dependencies(&[("package.json", "{\n\"a\": }")]);
    assert_eq!(found, ["high dependencies.bad_manifest package.json:2"]);
}

#[test]
fn requirements_must_be_pinned_once() {
    let text = "# ours\na==1.0\nb>=2\nA==1.1 # twice\nc_d[x]==3.0 ; python_version > '3'\nc-d==3.0\n-r other.txt\n\
        git+https://localhost/x.git\ngit+https://localhost/y.git@abc\ne==1 --hash=sha256:0\n";
    assert_eq!(
        dependencies(&[("requirements-dev.txt", text)]),
        [
            "medium dependencies.contradiction requirements-dev.txt:4",
            "medium dependencies.git_unpinned requirements-dev.txt:8",
            "low dependencies.unpinned requirements-dev.txt:3",
            "low dependencies.duplicate_requirement requirements-dev.txt:6",
        ]
    );
}
