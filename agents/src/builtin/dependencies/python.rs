//! pip: `requirements*.txt`.
//!
//! Rules: `unpinned` (low), `duplicate_requirement` (low), `contradiction` (medium: pinned to two
//! versions), `git_unpinned` (medium: no commit or tag behind `@`).

use std::collections::BTreeMap;

use orkestra_runtime::{Result, protocol::task::Failure};

use super::super::{
    finding::{Finding, Review, Severity},
    workspace::Workspace,
};

/// How many files there are.
pub(super) fn review(workspace: &Workspace<'_>, review: &mut Review) -> Result<usize, Failure> {
    let mut files = 0;
    for entry in &workspace.entries {
        workspace.go_on()?;
        let name = entry.name();
        let text_file = name.rsplit_once('.').is_some_and(|(_, extension)| extension == "txt");
        if name.starts_with("requirements")
            && text_file
            && let Some(text) = workspace.text(entry)
        {
            files += 1;
            look(&entry.path, &text, review);
        }
    }
    Ok(files)
}

fn look(path: &str, text: &str, review: &mut Review) {
    let mut seen: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for (line, written) in text.lines().enumerate().map(|(at, line)| (at + 1, line)) {
        let wanted = written.split(" #").next().unwrap_or_default();
        let wanted = wanted.trim().trim_end_matches('\\').trim();
        if wanted.is_empty() || wanted.starts_with('#') {
            continue;
        }
        if wanted.contains("git+") {
            let address = wanted.rsplit("://").next().unwrap_or_default();
            let pinned = address.rsplit('/').next().is_some_and(|last| last.contains('@'));
            if !pinned {
                let message = "a git repository without a commit or a tag";
                review.add(
                    Finding::new(Severity::Medium, "git_unpinned", message)
                        .at(path, line)
                        .evidence(wanted)
                        .advice("put @ and a commit behind the address"),
                );
            }
            continue;
        }
        if wanted.starts_with('-') || wanted.contains("://") {
            continue;
        }
        let (name, rule) = split(wanted);
        if !rule.starts_with("==") {
            let message = format!("{name} is not pinned to a version");
            review.add(
                Finding::new(Severity::Low, "unpinned", message)
                    .at(path, line)
                    .evidence(wanted)
                    .advice("pin it with =="),
            );
        }
        if let Some((first, earlier)) = seen.get(&name) {
            review.add(again(&name, &rule, earlier, *first).at(path, line).evidence(wanted));
        } else {
            seen.insert(name, (line, rule));
        }
    }
}

fn again(name: &str, rule: &str, earlier: &str, first: usize) -> Finding {
    let both_pinned = rule.starts_with("==") && earlier.starts_with("==");
    if both_pinned && rule != earlier {
        let message = format!("{name} is {rule} here and {earlier} on line {first}");
        Finding::new(Severity::Medium, "contradiction", message).advice("keep one of them")
    } else {
        let message = format!("{name} stands on line {first} already");
        Finding::new(Severity::Low, "duplicate_requirement", message).advice("keep one of them")
    }
}

/// The normalised name and what is demanded of its version, without marks, hashes and blanks.
fn split(wanted: &str) -> (String, String) {
    let wanted = wanted.split(';').next().unwrap_or_default();
    let wanted = wanted.split(" --").next().unwrap_or_default();
    let end = wanted.find(['=', '<', '>', '~', '!', '[', ' ', '@']).unwrap_or(wanted.len());
    let (name, rest) = wanted.split_at(end);
    let rule = rest.rsplit_once(']').map_or(rest, |(_, rule)| rule);
    let name = name.to_lowercase().replace(['_', '.'], "-");
    (name, rule.chars().filter(|c| !c.is_whitespace()).collect())
}
