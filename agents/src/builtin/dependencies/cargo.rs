//! Cargo: `Cargo.toml` and `Cargo.lock`.
//!
//! Rules: `bad_manifest` (high), `bad_lock` (high), `no_lock` (medium: a program without one),
//! `stale_lock` (medium: the lock has not what a manifest wants), `duplicate` (info: several versions
//! of one package), `wildcard` (medium), `git_unpinned` (medium), `path_outside` (high: a path that is
//! not in the repository).

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use cargo_lock::{Lockfile, Package};
use orkestra_runtime::{Result, protocol::task::Failure};
use semver::VersionReq;
use toml::{Table, Value};

use super::super::{
    finding::{Finding, Review, Severity},
    manifest::{Manifest, Manifests},
    workspace::{Workspace, folder_of, resolve},
};

/// What was counted.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) manifests: usize,
    pub(super) locked: usize,
    pub(super) duplicates: usize,
}

/// One dependency of a manifest, with what its workspace adds.
struct Wanted<'a> {
    manifest: &'a Manifest,
    key: &'a str,
    /// The name of the package, where it is not the key.
    name: String,
    value: Value,
    /// The folder that a path in it begins at.
    folder: String,
    /// Whether it stands here, and not in the workspace's table.
    own: bool,
}

pub(super) fn review(workspace: &Workspace<'_>, review: &mut Review) -> Result<Counted, Failure> {
    let manifests = Manifests::read(workspace)?;
    for (path, error) in &manifests.broken {
        let message = format!("the manifest cannot be read: {error}");
        review.add(Finding::new(Severity::High, "bad_manifest", message).file(path));
    }
    let mut counted = Counted { manifests: manifests.by_folder.len(), ..Counted::default() };
    let mut locks = BTreeMap::new();
    for entry in workspace.entries.iter().filter(|entry| entry.name() == "Cargo.lock") {
        workspace.go_on()?;
        let text = workspace.lock_text(entry).unwrap_or_default();
        match Lockfile::from_str(&text) {
            Ok(lock) => {
                counted.locked += lock.packages.len();
                counted.duplicates += duplicates(&entry.path, &lock, review);
                locks.insert(entry.folder().to_owned(), lock);
            }
            Err(error) => {
                let message = format!("the lock file cannot be read: {error}");
                review.add(Finding::new(Severity::High, "bad_lock", message).file(&entry.path));
            }
        }
    }
    for manifest in manifests.by_folder.values() {
        workspace.go_on()?;
        let lock = nearest(&locks, manifest.folder());
        if lock.is_none() {
            missing_lock(workspace, &manifests, manifest, review);
        }
        let wanted = wanted(&manifests, manifest);
        for it in &wanted {
            pinned(workspace, it, review);
        }
        if let Some((folder, lock)) = lock {
            compare(&manifests, manifest, (folder, lock), &wanted, review);
        }
    }
    Ok(counted)
}

fn nearest<'a>(
    locks: &'a BTreeMap<String, Lockfile>,
    folder: &str,
) -> Option<(&'a String, &'a Lockfile)> {
    let mut folder = folder;
    loop {
        if let Some(found) = locks.get_key_value(folder) {
            return Some(found);
        }
        if folder.is_empty() {
            return None;
        }
        folder = folder_of(folder);
    }
}

fn duplicates(path: &str, lock: &Lockfile, review: &mut Review) -> usize {
    let mut versions: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for package in &lock.packages {
        versions.entry(package.name.as_str()).or_default().insert(package.version.to_string());
    }
    versions.retain(|_, versions| versions.len() > 1);
    for (name, versions) in &versions {
        let versions = versions.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let message = format!("{name} is locked in several versions: {versions}");
        review.add(Finding::new(Severity::Info, "duplicate", message).file(path).evidence(name));
    }
    versions.len()
}

fn missing_lock(
    workspace: &Workspace<'_>,
    manifests: &Manifests,
    manifest: &Manifest,
    review: &mut Review,
) {
    let inside =
        |path: &str| resolve(manifest.folder(), path).is_some_and(|path| workspace.has(&path));
    let is_program =
        manifest.toml.contains_key("bin") || inside("src/main.rs") || inside("src/bin");
    let is_member = manifests
        .workspace_of(folder_of(manifest.folder()))
        .is_some_and(|root| root.path != manifest.path);
    if is_program || (manifest.toml.contains_key("workspace") && !is_member) {
        let message = "a program without Cargo.lock: each build may take other dependencies";
        review.add(
            Finding::new(Severity::Medium, "no_lock", message)
                .file(&manifest.path)
                .advice("commit Cargo.lock"),
        );
    }
}

/// All dependencies of a manifest, those of the workspace's table too.
fn wanted<'a>(manifests: &'a Manifests, manifest: &'a Manifest) -> Vec<Wanted<'a>> {
    let mut tables: Vec<&Table> = vec![&manifest.toml];
    let targets = manifest.toml.get("target").and_then(Value::as_table);
    tables.extend(targets.into_iter().flat_map(Table::values).filter_map(Value::as_table));
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let mut found = Vec::new();
    for table in tables {
        for (key, value) in kinds.iter().filter_map(|kind| table.get(*kind)?.as_table()).flatten() {
            let inherited = value.get("workspace").and_then(Value::as_bool) == Some(true);
            let root = manifests.workspace_of(manifest.folder()).filter(|_| inherited);
            let shared = root.and_then(|root| {
                let value = root.toml.get("workspace")?.get("dependencies")?.get(key)?;
                Some((value.clone(), root.folder().to_owned()))
            });
            let (value, folder) =
                shared.unwrap_or_else(|| (value.clone(), manifest.folder().to_owned()));
            found.push(Wanted {
                manifest,
                key,
                name: name(key, &value),
                value,
                folder,
                own: !inherited,
            });
        }
    }
    let shared = manifest.toml.get("workspace").and_then(|it| it.get("dependencies"));
    for (key, value) in shared.and_then(Value::as_table).into_iter().flatten() {
        let folder = manifest.folder().to_owned();
        let value = value.clone();
        // Nothing may use it yet: it is looked at for pins, and not sought in the lock.
        found.push(Wanted { manifest, key, name: String::new(), value, folder, own: true });
    }
    found
}

fn name(key: &str, value: &Value) -> String {
    value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned()
}

fn requirement(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("version")?.as_str())
}

fn pinned(workspace: &Workspace<'_>, it: &Wanted<'_>, review: &mut Review) {
    if !it.own {
        return;
    }
    let line = it.manifest.line(it.key);
    let place = |finding: Finding| finding.at(&it.manifest.path, line).evidence(it.key);
    if requirement(&it.value).is_some_and(|wanted| wanted.trim() == "*") {
        let message = format!("{} may be of any version", it.key);
        review.add(
            place(Finding::new(Severity::Medium, "wildcard", message))
                .advice("name the oldest version that works"),
        );
    }
    let has = |key: &str| it.value.get(key).is_some();
    if has("git") && !has("rev") && !has("tag") {
        let message = format!("{} follows a branch of a git repository", it.key);
        review.add(
            place(Finding::new(Severity::Medium, "git_unpinned", message))
                .advice("name a rev or a tag, or use a published version"),
        );
    }
    if let Some(path) = it.value.get("path").and_then(Value::as_str) {
        let found = (!path.starts_with('/')).then(|| resolve(&it.folder, path)).flatten();
        let inside = found.is_some_and(|folder| {
            workspace.has(format!("{folder}/Cargo.toml").trim_start_matches('/'))
        });
        if !inside {
            let message = format!("{} is a path that is not in the repository", it.key);
            review.add(
                place(Finding::new(Severity::High, "path_outside", message))
                    .advice("nobody else can build this: bring it in, or use a published version"),
            );
        }
    }
}

fn compare(
    manifests: &Manifests,
    manifest: &Manifest,
    (folder, lock): (&String, &Lockfile),
    wanted: &[Wanted<'_>],
    review: &mut Review,
) {
    let Some(name) = manifest.name() else { return };
    let locked = |name: &str| -> Vec<&Package> {
        lock.packages.iter().filter(|package| package.name.as_str() == name).collect()
    };
    // A manifest that the lock does not know may be none of its workspace: a fixture, say.
    let own = locked(name).into_iter().find(|package| package.source.is_none());
    let Some(own) = own else {
        if manifest.folder() == folder.as_str() {
            stale(manifest, name, &format!("the lock file does not have {name} itself"), review);
        }
        return;
    };
    let version = manifests.package_key(manifest, "version");
    if let Some(version) = version.as_ref().and_then(Value::as_str)
        && version != own.version.to_string()
    {
        let message = format!("{name} is {version}, and {} in the lock file", own.version);
        stale(manifest, "version", &message, review);
    }
    for it in wanted.iter().filter(|it| !it.name.is_empty()) {
        let found = locked(&it.name);
        let wanted = requirement(&it.value);
        let accepts = wanted.and_then(|wanted| VersionReq::parse(wanted).ok());
        if found.is_empty() {
            let message = format!("the lock file does not have {}", it.name);
            stale(manifest, it.key, &message, review);
        } else if let (Some(accepts), Some(wanted)) = (accepts, wanted)
            && !found.iter().any(|package| accepts.matches(&package.version))
        {
            let message = format!("the lock file has no version of {} that is {wanted}", it.name);
            stale(manifest, it.key, &message, review);
        }
    }
}

fn stale(manifest: &Manifest, key: &str, message: &str, review: &mut Review) {
    review.add(
        Finding::new(Severity::Medium, "stale_lock", message)
            .at(&manifest.path, manifest.line(key))
            .advice("run cargo once and commit Cargo.lock"),
    );
}
