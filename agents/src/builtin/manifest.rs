//! The Cargo packages of a commit.

use std::collections::BTreeMap;

use orkestra_runtime::{Result, protocol::task::Failure};
use toml::{Table, Value};

use super::workspace::{Workspace, folder_of, resolve};

/// A `Cargo.toml`, with or without a package.
pub(crate) struct Manifest {
    /// Where the file is.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) toml: Table,
}

/// All `Cargo.toml` of a commit, by folder, and those that cannot be read.
pub(crate) struct Manifests {
    pub(crate) by_folder: BTreeMap<String, Manifest>,
    pub(crate) broken: Vec<(String, String)>,
}

impl Manifests {
    pub(crate) fn read(workspace: &Workspace<'_>) -> Result<Self, Failure> {
        let (mut by_folder, mut broken) = (BTreeMap::new(), Vec::new());
        for entry in workspace.entries.iter().filter(|entry| entry.name() == "Cargo.toml") {
            workspace.go_on()?;
            let Some(text) = workspace.text(entry) else { continue };
            let path = entry.path.clone();
            match text.parse::<Table>() {
                Ok(toml) => {
                    let folder = entry.folder().to_owned();
                    by_folder.insert(folder, Manifest { path, text, toml });
                }
                Err(error) => broken.push((path, error.message().to_owned())),
            }
        }
        Ok(Self { by_folder, broken })
    }

    /// The nearest manifest at or above a folder that declares a workspace.
    pub(crate) fn workspace_of(&self, folder: &str) -> Option<&Manifest> {
        let mut folder = folder;
        loop {
            let manifest = self.by_folder.get(folder);
            if let Some(found) = manifest.filter(|it| it.toml.contains_key("workspace")) {
                return Some(found);
            }
            if folder.is_empty() {
                return None;
            }
            folder = folder_of(folder);
        }
    }

    /// A key of the package, taken from its workspace where it says so.
    pub(crate) fn package_key(&self, manifest: &Manifest, key: &str) -> Option<Value> {
        let value = manifest.package()?.get(key)?;
        if value.get("workspace").and_then(Value::as_bool) != Some(true) {
            return Some(value.clone());
        }
        let root = self.workspace_of(manifest.folder())?;
        root.toml.get("workspace")?.get("package")?.get(key).cloned()
    }
}

impl Manifest {
    pub(crate) fn folder(&self) -> &str {
        folder_of(&self.path)
    }

    pub(crate) fn package(&self) -> Option<&Table> {
        self.toml.get("package").and_then(Value::as_table)
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.package()?.get("name")?.as_str()
    }

    /// Whether the package may be published at all.
    pub(crate) fn is_published(&self, manifests: &Manifests) -> bool {
        manifests.package_key(self, "publish").and_then(|it| it.as_bool()) != Some(false)
    }

    /// The line that a text begins to stand on at the beginning of a line; 1 when nowhere.
    pub(crate) fn line(&self, begin: &str) -> usize {
        line_beginning(&self.text, begin)
    }

    /// Whether it has a target of this kind (`bin`, `example`, `test`, `bench`) and name.
    pub(crate) fn has_target(&self, workspace: &Workspace<'_>, kind: &str, name: &str) -> bool {
        let folder = match kind {
            "bin" => "src/bin",
            "example" => "examples",
            "test" => "tests",
            _ => "benches",
        };
        let inside =
            |path: String| resolve(self.folder(), &path).is_some_and(|it| workspace.has(&it));
        let declared = self.toml.get(kind).and_then(Value::as_array).is_some_and(|targets| {
            targets.iter().any(|it| it.get("name").and_then(Value::as_str) == Some(name))
        });
        declared
            || inside(format!("{folder}/{name}.rs"))
            || inside(format!("{folder}/{name}/main.rs"))
            || (kind == "bin" && self.name() == Some(name) && inside("src/main.rs".to_owned()))
    }
}

/// The line, from 1, that begins with a text after blanks; 1 when there is none.
pub(crate) fn line_beginning(text: &str, begin: &str) -> usize {
    let found = text.lines().position(|line| {
        line.trim_start().trim_start_matches(['"', '\'']).strip_prefix(begin).is_some_and(|rest| {
            !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-'))
        })
    });
    found.map_or(1, |at| at + 1)
}
