//! Inventory: what the repository is made of, and whether it has what a release needs.
//!
//! Facts: files, bytes, lines by language, test files, CI files. Rules: `no_readme` is left to the
//! documentation reviewer; `no_tests` (medium) when there is code and not one test; `no_ci` and
//! `no_changelog` (low).

use std::collections::BTreeMap;

use orkestra_runtime::{
    Result,
    protocol::{payload::Json, task::Failure},
};
use serde_json::json;
use tokei::{Config, LanguageType};

use super::{
    finding::{Finding, Review, Severity, count},
    workspace::{Entry, Mode, Workspace},
};
use crate::{Context, Work};

#[derive(Default)]
struct Lines {
    files: usize,
    code: usize,
    comments: usize,
    blanks: usize,
}

#[derive(Default)]
struct Counted {
    languages: BTreeMap<&'static str, Lines>,
    code_files: usize,
    tests: usize,
    ci: usize,
    unread: usize,
}

/// Counts; no options.
pub(super) fn run(work: &Work, context: &Context) -> Result<Json, Failure> {
    let workspace = Workspace::open(work, context)?;
    let mut review = Review::new("inventory")?;
    let mut counted = Counted::default();
    let config = Config::default();
    workspace.each_file(|entry| {
        look(&workspace, entry, &config, &mut counted);
        Ok(())
    })?;
    judge(&counted, &workspace, &mut review);
    let lines: usize = counted.languages.values().map(|lines| lines.code).sum();
    let files = workspace.entries.len();
    let languages = counted.languages.iter().map(|(name, lines)| {
        let Lines { files, code, comments, blanks } = lines;
        let counts = json!({"files": files, "code": code, "comments": comments, "blanks": blanks});
        ((*name).to_owned(), counts)
    });
    review.fact("languages", languages.collect::<serde_json::Map<_, _>>());
    review.fact("files", files);
    review.fact("bytes", workspace.entries.iter().map(|entry| entry.bytes).sum::<u64>());
    review.fact("lines_of_code", lines);
    review.fact("test_files", counted.tests);
    review.fact("ci_files", counted.ci);
    review.fact("files_unread", counted.unread);
    let of = |mode: Mode| workspace.entries.iter().filter(|entry| entry.mode == mode).count();
    review.fact("symlinks", of(Mode::Symlink));
    review.fact("submodules", of(Mode::Submodule));
    let summary = format!(
        "{}, {} of code in {}, {}",
        count(files, "file"),
        count(lines, "line"),
        count(counted.languages.len(), "language"),
        count(counted.tests, "test file")
    );
    review.finish(summary)
}

fn look(workspace: &Workspace<'_>, entry: &Entry, config: &Config, counted: &mut Counted) {
    if is_ci(&entry.path) {
        counted.ci += 1;
    }
    // The language is told by the name alone: to look for `#!` would open the file once more.
    let name = entry.name();
    let language = LanguageType::from_file_extension(&entry.extension());
    let Some(language) = language.or_else(|| LanguageType::from_name(name)) else { return };
    let Some(text) = workspace.text_bytes(entry) else {
        counted.unread += 1;
        return;
    };
    let stats = language.parse_from_slice(&text, config).summarise();
    let lines = counted.languages.entry(language.name()).or_default();
    lines.files += 1;
    lines.code += stats.code;
    lines.comments += stats.comments;
    lines.blanks += stats.blanks;
    let code = is_code(&entry.extension());
    counted.code_files += usize::from(code);
    let script = matches!(entry.extension().as_str(), "sh" | "bats" | "ps1" | "pl");
    if (code && has_tests(&text)) || ((code || script) && is_test(&entry.path)) {
        counted.tests += 1;
    }
}

fn judge(counted: &Counted, workspace: &Workspace<'_>, review: &mut Review) {
    if counted.code_files > 0 && counted.tests == 0 {
        let message = format!("{} of code and not one test", count(counted.code_files, "file"));
        review.add(
            Finding::new(Severity::Medium, "no_tests", message)
                .advice("add tests of what the program promises"),
        );
    }
    if counted.code_files > 0 && counted.ci == 0 {
        review.add(
            Finding::new(Severity::Low, "no_ci", "nothing checks each change")
                .advice("add a workflow that builds and tests each change"),
        );
    }
    let has = |names: &[&str]| {
        workspace.entries.iter().any(|entry| {
            let name = entry.name().to_lowercase();
            entry.folder().is_empty() && names.iter().any(|begin| name.starts_with(begin))
        })
    };
    let changelog = has(&["changelog", "changes", "history", "news", "releases"]);
    review.fact("readme", has(&["readme"]));
    review.fact("licence", has(&["license", "licence", "copying", "unlicense"]));
    review.fact("changelog", changelog);
    if counted.code_files > 0 && !changelog {
        review.add(
            Finding::new(Severity::Low, "no_changelog", "there is no changelog")
                .advice("add CHANGELOG.md, with what who upgrades must know"),
        );
    }
}

fn is_ci(path: &str) -> bool {
    const FILES: [&str; 8] = [
        ".gitlab-ci.yml",
        ".travis.yml",
        "azure-pipelines.yml",
        "Jenkinsfile",
        ".drone.yml",
        "bitbucket-pipelines.yml",
        "appveyor.yml",
        ".cirrus.yml",
    ];
    const FOLDERS: [&str; 5] =
        [".github/workflows/", ".circleci/", ".ci/", ".buildkite/", ".woodpecker/"];
    FILES.contains(&path) || FOLDERS.iter().any(|folder| path.starts_with(folder))
}

fn is_code(extension: &str) -> bool {
    const CODE: [&str; 27] = [
        "rs", "py", "js", "mjs", "cjs", "ts", "tsx", "jsx", "go", "java", "kt", "c", "cc", "cpp",
        "h", "hpp", "cs", "rb", "php", "swift", "scala", "ex", "exs", "erl", "hs", "lua", "zig",
    ];
    CODE.contains(&extension)
}

fn is_test(path: &str) -> bool {
    let lower = path.to_lowercase();
    let name = lower.rsplit('/').next().unwrap_or_default();
    let folder = |part: &str| matches!(part, "test" | "tests" | "spec" | "__tests__");
    lower.split('/').rev().skip(1).any(folder)
        || name.starts_with("test_")
        || ["_test.", ".test.", ".spec.", "_spec."].iter().any(|part| name.contains(part))
}

/// Whether a file of code brings tests of its own, as is usual in Rust.
fn has_tests(text: &[u8]) -> bool {
    let marks: [&[u8]; 2] = [b"#[test]", b"#[tokio::test"];
    marks.iter().any(|mark| text.windows(mark.len()).any(|window| window == *mark))
}
