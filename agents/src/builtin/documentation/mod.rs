//! Documentation: whether Markdown points at things that are there.
//!
//! Rules: `no_readme` (high), `broken_link` (medium: a relative link to no file), `broken_anchor`
//! (low: a heading that is not there), `missing_path` (low: an inline path into a folder of the
//! repository, to nothing), `missing_target` (medium: a command of a README that names a file, a
//! target or a script which is not there). Anchors follow the rules of GitHub. Links to other
//! servers are counted, not visited.

mod commands;
mod links;
mod page;

use std::collections::BTreeMap;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use orkestra_runtime::{
    Result,
    protocol::{payload::Json, task::Failure},
};

use self::page::{Page, Reader};
use super::{
    finding::{Finding, Review, Severity, count},
    manifest::Manifests,
    workspace::Workspace,
};
use crate::{Context, Work};

/// Reads all Markdown; no options.
pub(super) fn run(work: &Work, context: &Context) -> Result<Json, Failure> {
    let workspace = Workspace::open(work, context)?;
    let mut review = Review::new("documentation")?;
    let reader = Reader::new()?;
    let mut pages: BTreeMap<String, Page> = BTreeMap::new();
    workspace.each_file(|entry| {
        let markdown = matches!(entry.extension().as_str(), "md" | "markdown");
        if let Some(text) = markdown.then(|| workspace.text(entry)).flatten() {
            pages.insert(entry.path.clone(), reader.read(&text));
        }
        Ok(())
    })?;
    let readme = workspace.entries.iter().any(|entry| {
        entry.folder().is_empty() && entry.name().to_lowercase().starts_with("readme")
    });
    if !readme {
        review.add(
            Finding::new(Severity::High, "no_readme", "there is no README")
                .advice("say what it is, how to start it, and what it does not do"),
        );
    }
    let ignored = ignored(&workspace);
    let manifests = Manifests::read(&workspace)?;
    let mut counted = links::Counted::default();
    let mut commands = 0;
    for (path, page) in &pages {
        workspace.go_on()?;
        links::check(&workspace, &pages, path, &mut counted, &mut review);
        let name = path.rsplit('/').next().unwrap_or_default().to_lowercase();
        // A changelog tells of files that were there once.
        if !name.starts_with("change") {
            links::check_paths(&workspace, &ignored, (path, page), &mut review);
        }
        if name.starts_with("readme") {
            let place = commands::Place {
                workspace: &workspace,
                manifests: &manifests,
                ignored: &ignored,
                path,
            };
            commands += commands::check(&place, page, &mut review);
        }
    }
    review.fact("pages", pages.len());
    review.fact("links_checked", counted.checked);
    review.fact("links_outside", counted.outside);
    review.fact("commands_checked", commands);
    review.fact("not_checked", "links to other servers, whether commands work, spelling");
    let summary = format!(
        "{}, {} and {} checked, {}",
        count(pages.len(), "page"),
        count(counted.checked, "link"),
        count(commands, "command"),
        count(review.found(), "problem")
    );
    review.finish(summary)
}

/// What `.gitignore` at the root names: a build or a person makes it, so it may be missing.
fn ignored(workspace: &Workspace<'_>) -> Gitignore {
    let mut builder = GitignoreBuilder::new("");
    for line in workspace.text_at(".gitignore").unwrap_or_default().lines() {
        // A line that cannot be read ignores nothing, as with git.
        let _ = builder.add_line(None, line);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

/// Whether a path, or a folder that it lies in, is ignored.
fn is_ignored(ignored: &Gitignore, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    ignored.matched_path_or_any_parents(path, true).is_ignore()
        || ignored.matched_path_or_any_parents(path, false).is_ignore()
}
