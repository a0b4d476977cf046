//! Where links and inline paths point.

use std::collections::BTreeMap;

use ignore::gitignore::Gitignore;

use super::{
    super::{
        finding::{Finding, Review, Severity},
        workspace::{Workspace, folder_of, resolve},
    },
    is_ignored,
    page::Page,
};

/// How many links were followed, and how many lead away from the repository.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) checked: usize,
    pub(super) outside: usize,
}

/// Follows the links of one page.
pub(super) fn check(
    workspace: &Workspace<'_>,
    pages: &BTreeMap<String, Page>,
    path: &str,
    counted: &mut Counted,
    review: &mut Review,
) {
    for link in pages.get(path).into_iter().flat_map(|page| &page.links) {
        let address = link.text.trim();
        if address.is_empty() || is_elsewhere(address) {
            counted.outside += 1;
            continue;
        }
        let (file, anchor) = address.split_once('#').unwrap_or((address, ""));
        let file = decode(file.split('?').next().unwrap_or_default());
        let target =
            if file.is_empty() { Some(path.to_owned()) } else { resolve(folder_of(path), &file) };
        // `../../issues` is an address on the server that shows the page.
        let Some(target) = target else {
            counted.outside += 1;
            continue;
        };
        counted.checked += 1;
        if !workspace.has(&target) {
            review.add(
                Finding::new(
                    Severity::Medium,
                    "broken_link",
                    format!("the link leads to no file: {target}"),
                )
                .at(path, link.line)
                .evidence(address)
                .advice("correct the link or add the file"),
            );
            continue;
        }
        let anchor = decode(anchor).to_lowercase();
        let known = pages.get(&target).is_none_or(|page| page.anchors.contains(&anchor));
        if !anchor.is_empty() && anchor != "top" && !known {
            let message = format!("{target} has no heading for #{anchor}");
            review.add(
                Finding::new(Severity::Low, "broken_anchor", message)
                    .at(path, link.line)
                    .evidence(address)
                    .advice("correct the part behind #"),
            );
        }
    }
}

/// Whether an address has a scheme or a host.
fn is_elsewhere(address: &str) -> bool {
    let scheme = address.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    });
    scheme || address.starts_with("//")
}

/// Resolves `%20` and its like.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = byte.filter(|_| *first == b'%') {
            bytes.push(byte);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Looks at inline code that is a path into a folder which is there.
pub(super) fn check_paths(
    workspace: &Workspace<'_>,
    ignored: &Gitignore,
    (path, page): (&str, &Page),
    review: &mut Review,
) {
    for code in &page.code {
        let Some(named) = as_path(&code.text) else { continue };
        let first = named.split('/').next().unwrap_or_default();
        let folder = folder_of(path);
        // It may be meant from the root or from the page; one that begins in neither means no file.
        let bases: Vec<String> =
            ["", folder].iter().filter_map(|base| resolve(base, named)).collect();
        let begins = ["", folder]
            .iter()
            .filter_map(|base| resolve(base, first))
            .any(|it| !it.is_empty() && workspace.has(&it));
        let exists = bases.iter().any(|it| workspace.has(it) || is_ignored(ignored, it));
        let suffix = format!("/{}", named.trim_end_matches('/'));
        let elsewhere = || {
            workspace.entries.iter().any(|entry| {
                entry.path.ends_with(&suffix) || entry.path.contains(&format!("{suffix}/"))
            })
        };
        if begins && !exists && !bases.is_empty() && !elsewhere() {
            review.add(
                Finding::new(
                    Severity::Low,
                    "missing_path",
                    format!("{named} is not in the repository"),
                )
                .at(path, code.line)
                .evidence(&code.text)
                .advice("correct the path or add the file"),
            );
        }
    }
}

/// The path that inline code is, if it can be nothing else.
fn as_path(code: &str) -> Option<&str> {
    let code = code.strip_prefix("./").unwrap_or(code);
    let code = match code.rsplit_once(':') {
        Some((file, line)) if line.bytes().all(|byte| byte.is_ascii_digit()) => file,
        _ => code,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let begins = code.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.');
    let extension = code.rsplit('/').next().and_then(|name| name.rsplit_once('.'));
    let is_file = extension.is_some_and(|(stem, extension)| {
        !stem.is_empty()
            && (1..=5).contains(&extension.len())
            && extension.starts_with(|c: char| c.is_ascii_lowercase())
    });
    let path = code.contains('/') && !code.contains("//") && !code.contains("...");
    (path && begins && code.chars().all(plain) && (is_file || code.ends_with('/'))).then_some(code)
}
