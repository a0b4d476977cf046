//! Licences: what the files say, what the manifests say, and whether they agree.
//!
//! Rules: `no_file` (high), `unrecognised_file` (low), `no_expression` (medium; low for a package
//! that is never published), `bad_expression` (medium: no SPDX expression), `contradiction` (high:
//! no licence file grants what the manifest says), `header_contradiction` (medium) and `bad_header`
//! (low) for SPDX headers. Texts are told by their words; how others are to be read is not judged.

use std::collections::BTreeSet;

use orkestra_runtime::{
    Result,
    protocol::{payload::Json, task::Failure},
};
use regex::bytes::Regex;
use serde_json::Value;
use spdx::{Expression, LicenseReq, ParseMode};

use super::{
    finding::{Finding, Review, Severity, count},
    manifest::{Manifests, line_beginning},
    workspace::{Workspace, line_of},
};
use crate::{Context, Work};

/// How far into a file a header is looked for, in bytes.
const HEADER_BYTES: usize = 2 * 1024;

/// What is written at the head of a manifest.
struct Declared {
    file: String,
    line: usize,
    expression: Option<String>,
    published: bool,
}

/// Compares; no options.
pub(super) fn run(work: &Work, context: &Context) -> Result<Json, Failure> {
    let workspace = Workspace::open(work, context)?;
    let mut review = Review::new("licences")?;
    let granted = read_files(&workspace, &mut review);
    let declared = declarations(&workspace)?;
    for it in &declared {
        judge(it, &granted, &mut review);
    }
    let headers = read_headers(&workspace, &granted, &mut review)?;
    review.fact("recognised", granted.iter().copied().collect::<Vec<_>>());
    review.fact("manifests", declared.len());
    review.fact("headers", headers);
    let granted: Vec<_> = granted.into_iter().collect();
    let names = if granted.is_empty() { "no licence".to_owned() } else { granted.join(", ") };
    let manifests = count(declared.len(), "manifest");
    let summary = format!("{names} in files, {manifests}, {}", count(review.found(), "problem"));
    review.finish(summary)
}

/// The licences of the files at the root and in `LICENSES/`.
fn read_files(workspace: &Workspace<'_>, review: &mut Review) -> BTreeSet<&'static str> {
    let (mut granted, mut files) = (BTreeSet::new(), 0);
    for entry in &workspace.entries {
        let name = entry.name().to_lowercase();
        let named =
            ["license", "licence", "copying", "unlicense"].iter().any(|it| name.starts_with(it));
        let here = (entry.folder().is_empty() && named)
            || matches!(entry.folder(), "LICENSES" | "LICENCES");
        if !here {
            continue;
        }
        files += 1;
        let found = workspace.text(entry).map(|text| recognise(&text)).unwrap_or_default();
        if found.is_empty() {
            let message = "the text of this licence is not known here";
            review.add(
                Finding::new(Severity::Low, "unrecognised_file", message)
                    .file(&entry.path)
                    .advice("use the unchanged text of a well-known licence"),
            );
        }
        granted.extend(found);
    }
    if files == 0 {
        let message = "there is no licence file: nobody may use this";
        review.add(
            Finding::new(Severity::High, "no_file", message)
                .advice("add LICENSE with the text of the licence"),
        );
    }
    granted
}

/// The licences whose words a text has.
fn recognise(text: &str) -> Vec<&'static str> {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let has = |part: &str| words.contains(part);
    let mut found = Vec::new();
    if has("apache license") && has("version 2.0") {
        found.push("Apache-2.0");
    }
    if has("permission is hereby granted, free of charge, to any person obtaining a copy") {
        found.push("MIT");
    }
    if has("permission to use, copy, modify, and/or distribute this software for any purpose") {
        found.push(if has("provided that the above copyright notice") { "ISC" } else { "0BSD" });
    }
    if has("redistribution and use in source and binary forms") {
        found.push(if has("neither the name") { "BSD-3-Clause" } else { "BSD-2-Clause" });
    }
    if has("mozilla public license") && has("2.0") {
        found.push("MPL-2.0");
    }
    if has("this is free and unencumbered software released into the public domain") {
        found.push("Unlicense");
    }
    if has("gnu affero general public license") && has("version 3") {
        found.push("AGPL-3.0");
    } else if has("gnu lesser general public license") {
        found.push(if has("version 3") { "LGPL-3.0" } else { "LGPL-2.1" });
    } else if has("gnu general public license") {
        found.push(if has("version 3") { "GPL-3.0" } else { "GPL-2.0" });
    }
    found
}

/// What all manifests declare.
fn declarations(workspace: &Workspace<'_>) -> Result<Vec<Declared>, Failure> {
    let manifests = Manifests::read(workspace)?;
    let mut declared = Vec::new();
    for manifest in manifests.by_folder.values().filter(|it| it.package().is_some()) {
        let key = |key| manifests.package_key(manifest, key);
        let expression = key("license").and_then(|it| it.as_str().map(str::to_owned));
        if expression.is_none() && key("license-file").is_some() {
            continue;
        }
        declared.push(Declared {
            file: manifest.path.clone(),
            line: manifest.line("license"),
            expression,
            published: manifest.is_published(&manifests),
        });
    }
    for entry in &workspace.entries {
        workspace.go_on()?;
        let found = match entry.name() {
            "package.json" if !entry.path.contains("node_modules/") => {
                workspace.text(entry).and_then(|text| from_npm(&entry.path, &text))
            }
            "pyproject.toml" => {
                workspace.text(entry).and_then(|text| from_python(&entry.path, &text))
            }
            _ => None,
        };
        declared.extend(found);
    }
    Ok(declared)
}

fn from_npm(path: &str, text: &str) -> Option<Declared> {
    let json: Value = serde_json::from_str(text).ok()?;
    json.get("name")?;
    let expression = json.get("license").and_then(Value::as_str).map(str::to_owned);
    if expression.as_deref().is_some_and(|it| it == "UNLICENSED" || it.starts_with("SEE ")) {
        return None;
    }
    let published = json.get("private").and_then(Value::as_bool) != Some(true);
    Some(Declared {
        file: path.to_owned(),
        line: line_beginning(text, "license"),
        expression,
        published,
    })
}

fn from_python(path: &str, text: &str) -> Option<Declared> {
    let toml: toml::Table = text.parse().ok()?;
    let project = toml.get("project")?;
    let licence = project.get("license");
    let expression = licence.and_then(toml::Value::as_str).map(str::to_owned);
    // The older form is a table with a text or a file: nothing that could be compared.
    if expression.is_none() && (licence.is_some() || project.get("license-files").is_some()) {
        return None;
    }
    Some(Declared {
        file: path.to_owned(),
        line: line_beginning(text, "license"),
        expression,
        published: true,
    })
}

fn judge(it: &Declared, granted: &BTreeSet<&'static str>, review: &mut Review) {
    let Some(text) = &it.expression else {
        let severity = if it.published { Severity::Medium } else { Severity::Low };
        let message = "the package declares no licence";
        review.add(
            Finding::new(severity, "no_expression", message)
                .file(&it.file)
                .advice("declare it as an SPDX expression"),
        );
        return;
    };
    let Ok(expression) = Expression::parse_mode(text, ParseMode::LAX) else {
        let message = "the licence is no SPDX expression";
        review.add(
            Finding::new(Severity::Medium, "bad_expression", message)
                .at(&it.file, it.line)
                .evidence(text)
                .advice("use the identifiers of the SPDX list, joined by AND and OR"),
        );
        return;
    };
    if !granted.is_empty() && !is_granted(&expression, granted) {
        let files = granted.iter().copied().collect::<Vec<_>>().join(", ");
        let message = format!("the manifest says {text}, the licence files are {files}");
        review.add(
            Finding::new(Severity::High, "contradiction", message)
                .at(&it.file, it.line)
                .evidence(text)
                .advice("add the text of the licence, or correct the manifest"),
        );
    }
}

/// Whether the licences at hand can satisfy an expression. One whose text cannot be told from its
/// words counts as granted.
fn is_granted(expression: &Expression, granted: &BTreeSet<&'static str>) -> bool {
    const TOLD: [&str; 13] = [
        "Apache-2.0",
        "MIT",
        "ISC",
        "0BSD",
        "BSD-3-Clause",
        "BSD-2-Clause",
        "MPL-2.0",
        "Unlicense",
        "AGPL-3.0",
        "LGPL-3.0",
        "LGPL-2.1",
        "GPL-3.0",
        "GPL-2.0",
    ];
    expression.evaluate(|wanted: &LicenseReq| {
        let Some(id) = wanted.license.id() else { return true };
        let name = id.name.trim_end_matches("-only").trim_end_matches("-or-later");
        !TOLD.contains(&name) || granted.contains(name)
    })
}

/// Reads the SPDX headers of all files; how many there are.
fn read_headers(
    workspace: &Workspace<'_>,
    granted: &BTreeSet<&'static str>,
    review: &mut Review,
) -> Result<usize, Failure> {
    let pattern =
        concat!(r"(?m)^[^A-Za-z0-9\x22\n]{0,8}SPDX-License-", r"Identifier:[ \t]*([^\r\n]{1,200})");
    let pattern = Regex::new(pattern)
        .map_err(|error| Failure::error(format!("cannot compile a pattern: {error}")))?;
    let mut headers = 0;
    workspace.each_file(|entry| {
        let foreign =
            |part: &str| matches!(part, "vendor" | "third_party" | "node_modules" | "LICENSES");
        if entry.bytes == 0 || entry.path.split('/').any(foreign) {
            return Ok(());
        }
        let Some(head) = workspace.bytes(entry, HEADER_BYTES as u64) else { return Ok(()) };
        let Some(found) = pattern.captures(&head).and_then(|found| found.get(1)) else {
            return Ok(());
        };
        headers += 1;
        let text = String::from_utf8_lossy(found.as_bytes());
        let text = text.trim().trim_end_matches("*/").trim_end_matches("-->").trim();
        let line = line_of(&head, found.start());
        match Expression::parse_mode(text, ParseMode::LAX) {
            Err(_) => review.add(
                Finding::new(Severity::Low, "bad_header", "the header is no SPDX expression")
                    .at(&entry.path, line)
                    .evidence(text),
            ),
            Ok(expression) if !granted.is_empty() && !is_granted(&expression, granted) => {
                let files = granted.iter().copied().collect::<Vec<_>>().join(", ");
                let message = format!("the header says {text}, the licence files are {files}");
                review.add(
                    Finding::new(Severity::Medium, "header_contradiction", message)
                        .at(&entry.path, line)
                        .evidence(text)
                        .advice("add the text of the licence, or correct the header"),
                );
            }
            Ok(_) => {}
        }
        Ok(())
    })?;
    Ok(headers)
}
