//! Large: files that make every clone slow, binaries, and what a build can make again.
//!
//! Rules: `size` (low above 1 MiB, medium above 5, high above 50; options `low_bytes`,
//! `medium_bytes`, `high_bytes`), `generated` (medium; one finding a folder), `program` (medium: a
//! compiled program or library), `binary` (info) and `lfs` (info: only a pointer is here).

use std::collections::BTreeMap;

use orkestra_runtime::{
    Result,
    protocol::{payload::Json, task::Failure},
};
use serde::Deserialize;

use super::{
    finding::{Finding, Review, Severity, count},
    workspace::{Entry, Workspace, is_binary},
};
use crate::{Context, Work};

const MIB: u64 = 1024 * 1024;
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/v1";

#[derive(Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "scenarios spell them, and bytes is their unit")]
struct Options {
    low_bytes: u64,
    medium_bytes: u64,
    high_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { low_bytes: MIB, medium_bytes: 5 * MIB, high_bytes: 50 * MIB }
    }
}

#[derive(Default)]
struct Counted {
    binaries: usize,
    pointers: usize,
    generated: BTreeMap<String, usize>,
    largest: Vec<(u64, String)>,
}

/// Weighs each file.
pub(super) fn run(work: &Work, context: &Context) -> Result<Json, Failure> {
    let options: Options = work.input()?;
    let workspace = Workspace::open(work, context)?;
    let mut review = Review::new("large")?;
    let mut counted = Counted::default();
    workspace.each_file(|entry| {
        weigh(entry, &options, &mut review);
        counted.largest.push((entry.bytes, entry.path.clone()));
        if let Some(place) = generated(&entry.path) {
            *counted.generated.entry(place).or_default() += 1;
        } else if let Some(head) = workspace.bytes(entry, 8 * 1024) {
            look(entry, &head, &mut counted, &mut review);
        }
        Ok(())
    })?;
    for (place, files) in &counted.generated {
        let message = format!("{} that a build or a system makes again", count(*files, "file"));
        review.add(
            Finding::new(Severity::Medium, "generated", message)
                .file(place)
                .evidence(place)
                .advice("remove it from the repository and name it in .gitignore"),
        );
    }
    counted.largest.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let largest: Vec<_> = counted
        .largest
        .iter()
        .take(5)
        .map(|(bytes, path)| serde_json::json!({"file": path, "bytes": bytes}))
        .collect();
    review.fact("largest", largest);
    review.fact("binary_files", counted.binaries);
    review.fact("lfs_pointers", counted.pointers);
    let summary = format!(
        "{} too large, generated or compiled; {}",
        count(review.found(), "thing"),
        count(counted.binaries, "binary file")
    );
    review.finish(summary)
}

fn weigh(entry: &Entry, options: &Options, review: &mut Review) {
    let severity = match entry.bytes {
        bytes if bytes > options.high_bytes => Severity::High,
        bytes if bytes > options.medium_bytes => Severity::Medium,
        bytes if bytes > options.low_bytes => Severity::Low,
        _ => return,
    };
    let message = format!("the file has {} KiB", entry.bytes / 1024);
    review.add(
        Finding::new(severity, "size", message)
            .file(&entry.path)
            .advice("keep it outside of the repository, or in Git LFS"),
    );
}

fn look(entry: &Entry, head: &[u8], counted: &mut Counted, review: &mut Review) {
    if head.starts_with(LFS) {
        counted.pointers += 1;
        let message = "only a Git LFS pointer is here; its content was not reviewed";
        review.add(Finding::new(Severity::Info, "lfs", message).file(&entry.path));
        return;
    }
    let program = is_program(head);
    if program {
        review.add(
            Finding::new(Severity::Medium, "program", "a compiled program or library")
                .file(&entry.path)
                .advice("build it from source, or publish it with the release"),
        );
    }
    if program || is_binary(head) {
        counted.binaries += 1;
        if !program && !is_picture(&entry.extension()) {
            review.add(Finding::new(Severity::Info, "binary", "a binary file").file(&entry.path));
        }
    }
}

fn is_program(head: &[u8]) -> bool {
    let magics: [&[u8]; 6] = [
        b"\x7fELF",
        b"MZ\x90\x00",
        b"\xcf\xfa\xed\xfe",
        b"\xfe\xed\xfa\xcf",
        b"\xca\xfe\xba\xbe",
        b"!<arch>\n",
    ];
    magics.iter().any(|magic| head.starts_with(magic))
}

fn is_picture(extension: &str) -> bool {
    const PICTURES: [&str; 12] =
        ["png", "jpg", "jpeg", "gif", "webp", "ico", "woff", "woff2", "ttf", "otf", "pdf", "avif"];
    PICTURES.contains(&extension)
}

/// Where something generated lies: the folder that holds it all, or the file itself.
fn generated(path: &str) -> Option<String> {
    const FOLDERS: [&str; 9] = [
        "node_modules",
        "__pycache__",
        ".venv",
        ".pytest_cache",
        ".mypy_cache",
        ".gradle",
        ".next",
        ".terraform",
        "bower_components",
    ];
    // Cargo's folder is told by what is in it: `target` is also a fine name for a module.
    const INSIDE_TARGET: [&str; 5] =
        ["debug", "release", ".rustc_info.json", "CACHEDIR.TAG", ".fingerprint"];
    let parts: Vec<&str> = path.split('/').collect();
    for (nth, part) in parts.iter().enumerate() {
        let next = parts.get(nth + 1).copied();
        let cargo = *part == "target" && next.is_some_and(|next| INSIDE_TARGET.contains(&next));
        if next.is_some() && (cargo || FOLDERS.contains(part)) {
            return Some(parts.get(..=nth)?.join("/"));
        }
    }
    let name = parts.last()?;
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    let made = matches!(extension, Some("pyc" | "pyo" | "o" | "obj" | "class" | "swp" | "profraw"));
    (made || matches!(*name, ".DS_Store" | "Thumbs.db" | "desktop.ini")).then(|| path.to_owned())
}
