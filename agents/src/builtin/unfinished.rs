//! Unfinished: what was left for later, and for how long it has been.
//!
//! Rules: `marker` (low: a word in a comment that says something is missing), `placeholder`
//! (medium, low in tests: code that panics when reached because it was not written), `skipped_test`
//! (low). The age is the number of days between the line's commit and the reviewed one, by `git
//! blame`; at most `blame_files_max` files (an option, 200 unless told) are asked about; the rest
//! have no age, nor have lines from before a shallow clone.

use std::collections::BTreeMap;

use orkestra_runtime::{
    Result,
    protocol::{payload::Json, task::Failure},
};
use regex::bytes::Regex;
use serde::Deserialize;

use super::{
    finding::{Finding, Review, Severity, count},
    lexer::{Family, Part, parts},
    workspace::{Entry, Lines, Workspace},
};
use crate::{Context, Work};

const DAY_SECONDS: i64 = 24 * 60 * 60;
/// How many hits of one file are kept.
const FILE_HITS_MAX: usize = 200;
/// The longest line, to either side of a hit, that is quoted.
const LINE_BYTES_MAX: usize = 2 * 1024;

#[derive(Deserialize)]
#[serde(default)]
struct Options {
    blame_files_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { blame_files_max: 200 }
    }
}

/// The words are put together here, so that this file has none of them.
const MARKERS: &str = concat!(r"\b(?:TO", r"DO|FIX", r"ME|XX", r"X|HA", r"CK)\b[:( ]?");
const PLACEHOLDERS: &str = concat!(r"\b(?:to", r"do|unimple", r"mented)!\s?[(\[{]");
const SKIPPED: &str = concat!(
    r"#\[ign",
    r"ore\b|@pytest\.mark\.sk",
    r"ip|@unittest\.sk",
    r"ip|\b(?:it|test|describe)\.sk",
    r"ip\(|\bx(?:it|test|describe)\(|\bt\.Sk",
    r"ip(?:Now|f)?\(|@Dis",
    r"abled\b|@Ign",
    r"ore\b"
);

struct Rules {
    any: Regex,
    marker: Regex,
    placeholder: Regex,
    skipped: Regex,
}

struct Hit {
    line: usize,
    rule: &'static str,
    severity: Severity,
    text: String,
}

/// Searches, then asks git about the lines that were hit.
pub(super) fn run(work: &Work, context: &Context) -> Result<Json, Failure> {
    let options: Options = work.input()?;
    let workspace = Workspace::open(work, context)?;
    let mut review = Review::new("unfinished")?;
    let rules = Rules::new()?;
    let mut hits: BTreeMap<String, Vec<Hit>> = BTreeMap::new();
    workspace.each_file(|entry| {
        let found = rules.search(&workspace, entry);
        if !found.is_empty() {
            hits.insert(entry.path.clone(), found);
        }
        Ok(())
    })?;
    let now = committed_at(&workspace)?;
    let shallow = workspace.git.is_shallow()?;
    let (mut oldest, mut asked) = (None, 0);
    for (path, hits) in &hits {
        workspace.go_on()?;
        let mut ages = BTreeMap::new();
        if asked < options.blame_files_max {
            asked += 1;
            context.progress(90, format!("the age of what is left in {path}"));
            ages = blame(&workspace, path, hits, shallow)?;
        }
        for hit in hits {
            let days = ages.get(&hit.line).map(|then| (now - then).max(0) / DAY_SECONDS);
            oldest = oldest.max(days);
            review.add(finding(path, hit, days));
        }
    }
    review.fact("files_with_hits", hits.len());
    review.fact("files_without_age", hits.len() - asked);
    review.fact("oldest_days", oldest);
    review.fact("shallow", shallow);
    let age = oldest
        .and_then(|days| usize::try_from(days).ok())
        .map_or_else(String::new, |days| format!(", the oldest for {}", count(days, "day")));
    let summary = match review.found() {
        0 => "nothing is left for later".to_owned(),
        found => format!("{} left for later{age}", count(found, "thing")),
    };
    review.finish(summary)
}

fn finding(path: &str, hit: &Hit, days: Option<i64>) -> Finding {
    let what = match hit.rule {
        "marker" => "something is left for later",
        "placeholder" => "code that was not written yet",
        _ => "a test that does not run",
    };
    let age = days.map_or_else(
        || "of unknown age".to_owned(),
        |days| format!("for {}", count(usize::try_from(days).unwrap_or_default(), "day")),
    );
    let advice = if hit.rule == "skipped_test" {
        "mend the test or remove it"
    } else {
        "do it, or move it to an issue"
    };
    let in_tests = path.split('/').any(|part| matches!(part, "test" | "tests" | "benches"));
    let severity = if in_tests { Severity::Low } else { hit.severity };
    Finding::new(severity, hit.rule, format!("{what}, {age}"))
        .at(path, hit.line)
        .evidence(&hit.text)
        .advice(advice)
}

impl Rules {
    fn new() -> Result<Self, Failure> {
        let pattern = |text: &str| {
            Regex::new(text)
                .map_err(|error| Failure::error(format!("cannot compile a pattern: {error}")))
        };
        Ok(Self {
            any: pattern(&format!("{MARKERS}|{PLACEHOLDERS}|{SKIPPED}"))?,
            marker: pattern(MARKERS)?,
            placeholder: pattern(PLACEHOLDERS)?,
            skipped: pattern(SKIPPED)?,
        })
    }

    fn search(&self, workspace: &Workspace<'_>, entry: &Entry) -> Vec<Hit> {
        let Some(family) = Family::of(&entry.extension(), entry.name()) else { return Vec::new() };
        let text = workspace.text_bytes(entry).filter(|text| self.any.is_match(text));
        let Some(text) = text else { return Vec::new() };
        let mut lines = Lines::new(&text);
        let mut hits: Vec<Hit> = Vec::new();
        for (part, range) in parts(family, &text) {
            for (pattern, rule, severity) in self.of(part) {
                for found in pattern.find_iter(text.get(range.clone()).unwrap_or_default()) {
                    let offset = range.start + found.start();
                    let line = lines.of(offset);
                    let known =
                        hits.iter().rev().take(3).any(|hit| (hit.line, hit.rule) == (line, rule));
                    if !known && hits.len() < FILE_HITS_MAX {
                        let text = line_at(&text, offset);
                        hits.push(Hit { line, rule, severity, text });
                    }
                }
            }
        }
        hits
    }

    /// The rules for a part of a file.
    fn of(&self, part: Part) -> Vec<(&Regex, &'static str, Severity)> {
        match part {
            Part::Comment => vec![(&self.marker, "marker", Severity::Low)],
            Part::Code => vec![
                (&self.placeholder, "placeholder", Severity::Medium),
                (&self.skipped, "skipped_test", Severity::Low),
            ],
            Part::Text => Vec::new(),
        }
    }
}

/// The whole line that an offset is in: a part of it could be a part of a secret, which is not told
/// from other words.
fn line_at(text: &[u8], offset: usize) -> String {
    let (before, after) = text.split_at_checked(offset).unwrap_or((text, &[]));
    let begin = before.iter().rev().take(LINE_BYTES_MAX).position(|byte| *byte == b'\n');
    let end = after.iter().take(LINE_BYTES_MAX).position(|byte| *byte == b'\n');
    let begin = begin.or_else(|| (before.len() < LINE_BYTES_MAX).then_some(before.len()));
    let end = end.or_else(|| (after.len() < LINE_BYTES_MAX).then_some(after.len()));
    let (Some(begin), Some(end)) = (begin, end) else { return "(a very long line)".to_owned() };
    let line = text.get(offset - begin..offset + end).unwrap_or_default();
    String::from_utf8_lossy(line).into_owned()
}

fn committed_at(workspace: &Workspace<'_>) -> Result<i64, Failure> {
    let commit = workspace.git.commit();
    let seconds = workspace.git.text(&["show", "-s", "--format=%ct", commit])?;
    Ok(seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or_default())
}

/// When the lines of the hits were committed, in seconds since 1970.
fn blame(
    workspace: &Workspace<'_>,
    path: &str,
    hits: &[Hit],
    shallow: bool,
) -> Result<BTreeMap<usize, i64>, Failure> {
    let fixed = ["blame", "--porcelain", "--no-textconv", "--no-ignore-revs-file"];
    let mut arguments: Vec<String> = fixed.map(str::to_owned).to_vec();
    arguments.extend(hits.iter().map(|hit| format!("-L{0},{0}", hit.line)));
    arguments.extend([workspace.git.commit().to_owned(), "--".to_owned(), path.to_owned()]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some(output) = workspace.git.text(&arguments)? else { return Ok(BTreeMap::new()) };
    let mut times: BTreeMap<String, i64> = BTreeMap::new();
    let mut lines: Vec<(usize, String)> = Vec::new();
    for line in output.lines().filter(|line| !line.starts_with('\t')) {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["committer-time", seconds] => {
                if let (Some((_, commit)), Ok(seconds)) = (lines.last(), seconds.parse()) {
                    times.insert(commit.clone(), seconds);
                }
            }
            // In a shallow clone the oldest commit is not the one that the line is from.
            ["boundary"] if shallow => {
                if let Some((_, commit)) = lines.last() {
                    times.remove(commit);
                }
            }
            [commit, _, line, ..] if matches!(commit.len(), 40 | 64) => {
                if let Ok(line) = line.parse() {
                    lines.push((line, (*commit).to_owned()));
                }
            }
            _ => {}
        }
    }
    let aged = |(line, commit): (usize, String)| times.get(&commit).map(|time| (line, *time));
    Ok(lines.into_iter().filter_map(aged).collect())
}
