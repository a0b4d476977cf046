//! npm: `package.json` and `package-lock.json`.
//!
//! Rules: `bad_manifest` (high), `bad_lock` (high), `no_lock` (medium), `stale_lock` (medium: the lock
//! was written for other requirements), `wildcard` (medium), `git_unpinned` (low).

use std::collections::BTreeMap;

use orkestra_runtime::{Result, protocol::task::Failure};
use serde_json::Value;

use super::super::{
    finding::{Finding, Review, Severity},
    manifest::line_beginning,
    workspace::{Entry, Workspace, folder_of, resolve},
};

const KINDS: [&str; 3] = ["dependencies", "devDependencies", "optionalDependencies"];
const OTHER_LOCKS: [&str; 5] =
    ["yarn.lock", "pnpm-lock.yaml", "npm-shrinkwrap.json", "bun.lock", "bun.lockb"];

/// How many manifests there are.
pub(super) fn review(workspace: &Workspace<'_>, review: &mut Review) -> Result<usize, Failure> {
    let mut manifests = 0;
    for entry in workspace.entries.iter().filter(|entry| entry.name() == "package.json") {
        workspace.go_on()?;
        if entry.path.split('/').any(|part| part == "node_modules") {
            continue;
        }
        let Some(text) = workspace.text(entry) else { continue };
        manifests += 1;
        match serde_json::from_str::<Value>(&text) {
            Ok(json) => look(workspace, entry, &text, &json, review),
            Err(error) => {
                let message = format!("the manifest cannot be read: {error}");
                let line = error.line();
                review.add(
                    Finding::new(Severity::High, "bad_manifest", message).at(&entry.path, line),
                );
            }
        }
    }
    Ok(manifests)
}

fn wanted(json: &Value) -> BTreeMap<&str, &str> {
    let tables = KINDS.iter().filter_map(|kind| json.get(kind)?.as_object());
    tables.flatten().filter_map(|(name, wanted)| Some((name.as_str(), wanted.as_str()?))).collect()
}

fn look(workspace: &Workspace<'_>, entry: &Entry, text: &str, json: &Value, review: &mut Review) {
    let wanted = wanted(json);
    for (name, requirement) in &wanted {
        let place =
            |finding: Finding| finding.at(&entry.path, line_beginning(text, name)).evidence(name);
        if matches!(requirement.trim(), "*" | "" | "latest" | "x") {
            let message = format!("{name} may be of any version");
            review.add(
                place(Finding::new(Severity::Medium, "wildcard", message))
                    .advice("name the oldest version that works"),
            );
        }
        let git = requirement.contains("git") && requirement.contains('/');
        if git && !requirement.contains('#') {
            let message = format!("{name} follows a branch of a git repository");
            review.add(place(Finding::new(Severity::Low, "git_unpinned", message)));
        }
    }
    if wanted.is_empty() {
        return;
    }
    let path = format!("{}/package-lock.json", entry.folder());
    let lock = workspace.entry(path.trim_start_matches('/'));
    let lock = lock.and_then(|entry| workspace.lock_text(entry));
    match lock.as_deref().map(serde_json::from_str::<Value>) {
        None if !has_lock(workspace, entry.folder()) => {
            let message = "dependencies without a lock file: each build may take others";
            review.add(
                Finding::new(Severity::Medium, "no_lock", message)
                    .file(&entry.path)
                    .advice("commit package-lock.json"),
            );
        }
        None => {}
        Some(Ok(lock)) => compare(entry, text, &wanted, &lock, review),
        Some(Err(error)) => {
            let message = format!("the lock file cannot be read: {error}");
            let finding = Finding::new(Severity::High, "bad_lock", message);
            review.add(finding.at(path.trim_start_matches('/'), error.line()));
        }
    }
}

/// Whether another lock file is here, or any above: a workspace has one for all.
fn has_lock(workspace: &Workspace<'_>, folder: &str) -> bool {
    let mut folder = folder;
    loop {
        let has = |name: &str| resolve(folder, name).is_some_and(|path| workspace.has(&path));
        if has("package-lock.json") || OTHER_LOCKS.iter().any(|name| has(name)) {
            return true;
        }
        if folder.is_empty() {
            return false;
        }
        folder = folder_of(folder);
    }
}

fn compare(
    entry: &Entry,
    text: &str,
    manifest: &BTreeMap<&str, &str>,
    lock: &Value,
    review: &mut Review,
) {
    // Version 1 of the format has no root package to compare with.
    let Some(packages) = lock.get("packages") else { return };
    let empty = Value::Null;
    let locked = wanted(packages.get("").unwrap_or(&empty));
    let mut stale = |name: &str, message: String| {
        review.add(
            Finding::new(Severity::Medium, "stale_lock", message)
                .at(&entry.path, line_beginning(text, name))
                .advice("run npm install and commit package-lock.json"),
        );
    };
    for (name, requirement) in manifest {
        match locked.get(name) {
            None => stale(name, format!("the lock file does not have {name}")),
            Some(locked) if locked != requirement => {
                stale(name, format!("{name} is {requirement}, and {locked} in the lock file"));
            }
            Some(_) if packages.get(format!("node_modules/{name}")).is_none() => {
                stale(name, format!("the lock file has no version of {name}"));
            }
            Some(_) => {}
        }
    }
    for name in locked.keys().filter(|name| !manifest.contains_key(*name)) {
        stale(name, format!("the lock file has {name}, which the manifest does not want"));
    }
}
