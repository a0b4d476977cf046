//! History: versions, tags and the changelog; where most of the work went.
//!
//! Rules: `version_not_raised` (medium: the last tag names the version of the manifest, and commits
//! follow it), `changelog_silent` (medium: there is a changelog, and it does not name the version),
//! `shallow` (info: what came before is not here). Whatever else is known is a fact: hot spots
//! (commits times size, the ten highest), the last tag, commits since, whether the commit is signed.

use std::collections::HashMap;

use orkestra_runtime::{
    Result,
    protocol::{payload::Json, task::Failure},
};
use serde_json::{Value, json};

use super::{
    finding::{Finding, Review, Severity, count},
    manifest::{Manifests, line_beginning},
    workspace::Workspace,
};
use crate::{Context, Work};

/// How many commits the hot spots are counted over.
const COMMITS_MAX: &str = "5000";

/// A version that a manifest at the root declares.
struct Version {
    file: String,
    line: usize,
    number: String,
}

/// Asks git; no options.
pub(super) fn run(work: &Work, context: &Context) -> Result<Json, Failure> {
    let workspace = Workspace::open(work, context)?;
    let mut review = Review::new("history")?;
    let git = &workspace.git;
    let commit = git.commit();
    let number = |text: Option<String>| text.and_then(|text| text.parse::<usize>().ok());
    let commits = number(git.text(&["rev-list", "--count", commit])?).unwrap_or_default();
    let merges = number(git.text(&["rev-list", "--count", "--merges", commit])?);
    let shallow = git.is_shallow()?;
    if shallow {
        let message = "the clone is shallow: earlier commits, and perhaps tags, were not seen";
        review.add(Finding::new(Severity::Info, "shallow", message));
    }
    let raw = git.text(&["cat-file", "commit", commit])?.unwrap_or_default();
    let head = raw.split("\n\n").next().unwrap_or_default();
    review.fact("signed", head.lines().any(|line| line.starts_with("gpgsig")));
    review.fact("commit_date", git.commit_date()?);
    context.progress(30, "tags");
    let tag = git.text(&["describe", "--tags", "--abbrev=0", commit])?;
    let since = match &tag {
        Some(tag) => {
            number(git.text(&["rev-list", "--count", &format!("refs/tags/{tag}..{commit}")])?)
        }
        None => None,
    };
    let version = version(&workspace)?;
    if let Some(version) = &version {
        compare(&workspace, version, tag.as_deref(), since, &mut review);
    }
    context.progress(60, "hot spots");
    review.fact("hot_spots", hot_spots(&workspace)?);
    review.fact("commits", commits);
    review.fact("merges", merges);
    review.fact("shallow", shallow);
    review.fact("commits_since_tag", since);
    review.fact("version", version.map(|version| version.number));
    let told = tag.as_ref().map_or_else(
        || "no tag".to_owned(),
        |tag| format!("{} since tag {tag}", count(since.unwrap_or_default(), "commit")),
    );
    review.fact("last_tag", tag);
    review.finish(format!("{}, {told}", count(commits, "commit")))
}

fn compare(
    workspace: &Workspace<'_>,
    version: &Version,
    tag: Option<&str>,
    since: Option<usize>,
    review: &mut Review,
) {
    let tagged = tag.is_some_and(|tag| {
        let number = tag.rsplit_once(['-', '/', '@']).map_or(tag, |(_, number)| number);
        [tag, number].iter().any(|it| it.trim_start_matches('v') == version.number)
    });
    if let (true, Some(since @ 1..)) = (tagged, since) {
        let since = count(since, "commit");
        let message = format!("version {} was tagged already, {since} ago", version.number);
        review.add(
            Finding::new(Severity::Medium, "version_not_raised", message)
                .at(&version.file, version.line)
                .advice("raise the version before the release"),
        );
    }
    let changelog = workspace.entries.iter().find(|entry| {
        entry.folder().is_empty() && entry.name().to_lowercase().starts_with("changelog")
    });
    let Some(changelog) = changelog else { return };
    let text = workspace.text(changelog).unwrap_or_default();
    if !names(&text, &version.number) {
        let message = format!("the changelog does not mention version {}", version.number);
        review.add(
            Finding::new(Severity::Medium, "changelog_silent", message)
                .file(&changelog.path)
                .advice("say what the version adds, changes and mends"),
        );
    }
}

/// Whether a text has a version that is not a part of a longer one.
fn names(text: &str, version: &str) -> bool {
    text.match_indices(version).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let mut after = text.get(at + version.len()..).unwrap_or_default().chars();
        let (next, then) = (after.next(), after.next());
        let goes_on = next.is_some_and(|c| c.is_ascii_alphanumeric())
            || (next == Some('.') && then.is_some_and(|c| c.is_ascii_digit()));
        !before.is_some_and(|c| c.is_ascii_digit() || c == '.') && !goes_on
    })
}

/// The version of the manifest at the root: Cargo's, then npm's, then Python's.
fn version(workspace: &Workspace<'_>) -> Result<Option<Version>, Failure> {
    let manifests = Manifests::read(workspace)?;
    if let Some(manifest) = manifests.by_folder.get("") {
        let own = manifests.package_key(manifest, "version");
        let shared = || manifest.toml.get("workspace")?.get("package")?.get("version").cloned();
        let version = own.or_else(shared).and_then(|it| it.as_str().map(str::to_owned));
        if let Some(version) = version {
            let line = manifest.line("version");
            return Ok(Some(Version { file: manifest.path.clone(), line, number: version }));
        }
    }
    if let Some(text) = workspace.text_at("package.json") {
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        if let Some(version) = json.get("version").and_then(Value::as_str) {
            let line = line_beginning(&text, "version");
            let number = version.to_owned();
            return Ok(Some(Version { file: "package.json".to_owned(), line, number }));
        }
    }
    let Some(text) = workspace.text_at("pyproject.toml") else { return Ok(None) };
    let toml: toml::Table = text.parse().unwrap_or_default();
    let version = toml.get("project").and_then(|it| it.get("version")).and_then(|it| it.as_str());
    Ok(version.map(|version| Version {
        file: "pyproject.toml".to_owned(),
        line: line_beginning(&text, "version"),
        number: version.to_owned(),
    }))
}

/// The ten files of this commit that were changed often and are large.
fn hot_spots(workspace: &Workspace<'_>) -> Result<Value, Failure> {
    let git = &workspace.git;
    let log = git.run(&[
        "log",
        "--format=",
        "--name-only",
        "--no-renames",
        "--no-ext-diff",
        "--max-count",
        COMMITS_MAX,
        git.commit(),
    ])?;
    let mut changes: HashMap<&[u8], u64> = HashMap::new();
    for name in log.split(|byte| *byte == b'\n').filter(|name| !name.is_empty()) {
        *changes.entry(name).or_default() += 1;
    }
    let mut spots: Vec<(u64, u64, &str)> = Vec::new();
    for entry in &workspace.entries {
        if let Some(commits) = changes.get(entry.path.as_bytes()).filter(|commits| **commits > 1) {
            spots.push((commits * entry.bytes, *commits, &entry.path));
        }
    }
    spots.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.2.cmp(b.2)));
    let spots = spots.into_iter().take(10);
    Ok(spots.map(|(_, commits, file)| json!({"file": file, "commits": commits})).collect())
}
