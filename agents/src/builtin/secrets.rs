//! Secrets: keys of well-known services, private keys, and passwords that stand in the code.
//!
//! A finding names the place and the kind; of the secret itself no more than the prefix that all
//! keys of its kind share is ever repeated. Placeholders, examples and hashes are let pass by
//! their words and by their entropy. A line that bears the marker `orkestra:allow-secret`, or stands
//! below one that does, is noted and not held against anybody. Lock files and binary files are not
//! read. What this does not see: secrets of kinds it does not know, and secrets of the past.

use orkestra_runtime::{
    Result,
    protocol::{payload::Json, task::Failure},
};
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::{
    finding::{Finding, Review, Severity, count},
    redact::{ASSIGNED, KINDS, Kind, PRIVATE_KEY},
    workspace::{Entry, Workspace, line_of},
};
use crate::{Context, Work};

/// What makes a match harmless when it stands next to it.
const MARKER: &[u8] = b"orkestra:allow-secret";
/// How many findings one file may give: a file of nothing but keys is one problem.
const FILE_FINDINGS_MAX: usize = 50;

/// Files that are full of hashes, and written by programs.
const LOCK_FILES: [&str; 11] = [
    "Cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "poetry.lock",
    "uv.lock",
    "go.sum",
    "composer.lock",
    "Gemfile.lock",
    "Pipfile.lock",
];

/// Words that only stand in values nobody uses, in lower case.
const PLACEHOLDERS: [&str; 24] = [
    "example",
    "changeme",
    "change-me",
    "change_me",
    "placeholder",
    "dummy",
    "your-",
    "your_",
    "yourkey",
    "xxxx",
    "....",
    "****",
    "<",
    "${",
    "{{",
    "$(",
    "%s",
    "redacted",
    "not-a-real",
    "notreal",
    "sample",
    "insert",
    "struck out",
    "env.",
];

/// Beginnings of values that everybody knows from documents; in lower case.
const WELL_KNOWN: [&str; 3] = ["1234567890", "abcdefghij", "eyjzdwiioiixmjm0nty3odkw"];

/// Looks through the commit; no options.
pub(super) fn run(work: &Work, context: &Context) -> Result<Json, Failure> {
    let workspace = Workspace::open(work, context)?;
    let mut review = Review::new("secrets")?;
    let patterns = Patterns::new()?;
    let (mut read, mut skipped) = (0_usize, 0_usize);
    workspace.each_file(|entry| {
        if LOCK_FILES.contains(&entry.name()) {
            return Ok(());
        }
        match workspace.text_bytes(entry) {
            Some(text) => {
                read += 1;
                patterns.search(entry, &text, &mut review);
            }
            None => skipped += 1,
        }
        Ok(())
    })?;
    review.fact("files_read", read);
    review.fact("files_skipped", skipped);
    review.fact("not_checked", "earlier commits, binary files, lock files, files above 4 MiB");
    let summary = format!("{} in {}", count(review.found(), "secret"), count(read, "file"));
    review.finish(summary)
}

struct Patterns {
    any: RegexSet,
    each: Vec<Regex>,
}

impl Patterns {
    fn new() -> Result<Self, Failure> {
        let broken =
            |error: regex::Error| Failure::error(format!("cannot compile a pattern: {error}"));
        // Bytes are compared as they are: with Unicode's word boundaries it takes many times longer.
        let any =
            RegexSetBuilder::new(KINDS.iter().map(|kind| kind.pattern)).unicode(false).build();
        let each = KINDS.iter().map(|kind| RegexBuilder::new(kind.pattern).unicode(false).build());
        let each = each.collect::<Result<_, _>>().map_err(broken)?;
        Ok(Self { any: any.map_err(broken)?, each })
    }

    fn search(&self, entry: &Entry, text: &[u8], review: &mut Review) {
        // The first kind that claims a place has it: the general ones come last.
        let mut claimed: Vec<std::ops::Range<usize>> = Vec::new();
        for nth in self.any.matches(text) {
            let (Some(kind), Some(pattern)) = (KINDS.get(nth), self.each.get(nth)) else {
                continue;
            };
            for found in pattern.captures_iter(text) {
                let Some(secret) = found.get(1).or_else(|| found.get(0)) else { continue };
                let free =
                    claimed.iter().all(|it| secret.end() <= it.start || it.end <= secret.start());
                if !free || claimed.len() >= FILE_FINDINGS_MAX {
                    continue;
                }
                if is_real(kind, secret.as_bytes(), text.get(secret.end()..).unwrap_or_default()) {
                    claimed.push(secret.range());
                    review.add(finding(kind, entry, text, secret.start(), secret.as_bytes()));
                }
            }
        }
    }
}

fn finding(kind: &Kind, entry: &Entry, text: &[u8], offset: usize, secret: &[u8]) -> Finding {
    let line = line_of(text, offset);
    if is_allowed(text, offset) {
        let message = format!("{} is allowed by a marker", article(kind.name));
        return Finding::new(Severity::Info, "allowed", message).at(&entry.path, line);
    }
    let made_up = kind.severity < Severity::Critical && is_trial(&entry.path, text, offset);
    let severity = if made_up { Severity::Low } else { kind.severity };
    let finding = Finding::new(severity, kind.rule, format!("{} stands here", article(kind.name)))
        .at(&entry.path, line)
        .advice("revoke it, take it from the environment, and remove it from the history");
    match prefix(kind, secret) {
        Some(prefix) => finding.evidence(&format!("begins with {prefix}")),
        None => finding,
    }
}

/// The prefix that all keys of the kind share, at most four characters.
fn prefix(kind: &Kind, secret: &[u8]) -> Option<String> {
    let shared = !matches!(
        kind.rule,
        ASSIGNED | PRIVATE_KEY | "url_password" | "aws_secret" | "slack_webhook"
    );
    let prefix = secret.get(..4).filter(|_| shared)?;
    Some(String::from_utf8_lossy(prefix).into_owned())
}

fn article(name: &str) -> String {
    let vowel = name.starts_with(['A', 'O', 'a', 'o']);
    format!("{} {name}", if vowel { "an" } else { "a" })
}

/// Whether the line or the one above bears the marker.
fn is_allowed(text: &[u8], offset: usize) -> bool {
    let before = text.get(..offset).unwrap_or_default();
    let mut breaks = before.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    let start = breaks.nth(1).map_or(0, |(at, _)| at + 1);
    let after = text.get(offset..).unwrap_or_default();
    let end = offset + after.iter().position(|byte| *byte == b'\n').unwrap_or(after.len());
    let lines = text.get(start..end).unwrap_or_default();
    lines.windows(MARKER.len()).any(|window| window == MARKER)
}

/// Whether this is a test or an example, where passwords are made up.
fn is_trial(path: &str, text: &[u8], offset: usize) -> bool {
    const FOLDERS: [&str; 9] = [
        "test", "tests", "testdata", "fixtures", "examples", "example", "docs", "tests.rs",
        "test.rs",
    ];
    let path = path.to_lowercase();
    let tests = b"#[cfg(test)]";
    let before = text.get(..offset).unwrap_or_default();
    path.split('/').any(|part| FOLDERS.contains(&part))
        || path.contains("_test.")
        || path.contains(".test.")
        || before.windows(tests.len()).any(|window| window == tests)
}

fn is_real(kind: &Kind, secret: &[u8], after: &[u8]) -> bool {
    if kind.rule == PRIVATE_KEY {
        return has_key_body(after);
    }
    let Ok(secret) = std::str::from_utf8(secret) else { return false };
    let lower = secret.to_lowercase();
    let known = PLACEHOLDERS.iter().chain(&WELL_KNOWN).any(|word| lower.contains(word));
    if known || entropy_hundredths(secret) < kind.entropy_min {
        return false;
    }
    match kind.rule {
        ASSIGNED => is_password(secret),
        "openai_key" => secret.bytes().any(|byte| byte.is_ascii_digit()),
        "url_password" => {
            !matches!(lower.as_str(), "password" | "secret" | "postgres" | "mysecret")
                && !secret.contains(['{', '$', '}'])
        }
        _ => true,
    }
}

/// Whether a run of base64 follows, as in a key and not in a sentence about keys.
fn has_key_body(after: &[u8]) -> bool {
    let mut run = 0;
    for byte in after.iter().take(600) {
        let base64 = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        run = if base64 { run + 1 } else { 0 };
        if run >= 32 {
            return true;
        }
    }
    false
}

/// Whether a quoted literal may be a password rather than a name, an address or a hash.
fn is_password(text: &str) -> bool {
    let has = |test: fn(&char) -> bool| usize::from(text.chars().any(|c| test(&c)));
    let kinds = has(char::is_ascii_lowercase)
        + has(char::is_ascii_uppercase)
        + has(char::is_ascii_digit)
        + has(|c| c.is_ascii_punctuation() && !matches!(c, '_' | '-' | '.' | '/' | ':'));
    let digits = text.bytes().any(|byte| byte.is_ascii_digit());
    let hash = matches!(text.len(), 32 | 40 | 64 | 128)
        && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let address =
        text.contains("://") || text.starts_with(['/', '.', '@', '#', '$', '%', '(', '\\']);
    let code = text.contains(['(', ')', '{', '}', '[', ']', '\\', '|', ';']);
    let digest = text.starts_with("sha256-") || text.starts_with("sha512-");
    kinds >= 2 && digits && !hash && !address && !code && !digest
}

/// Shannon's entropy of the characters, in hundredths of a bit each.
fn entropy_hundredths(text: &str) -> u32 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let length = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX).max(1));
    let bits: f64 = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / length)
        .map(|share| -share * share.log2())
        .sum();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "entropy lies between 0 and 8 bits"
    )]
    let hundredths = (bits * 100.0) as u32;
    hundredths
}
