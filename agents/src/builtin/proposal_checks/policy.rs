//! What must and what must not stand in a proposal.

use orkestra_runtime::protocol::council::{Pattern, PolicyFound, PolicySpec};
use regex::{Regex, RegexBuilder};

use super::{
    super::finding::{count, shorten},
    LISTED_MAX, SHOWN_CHARS_MAX,
    lines::Lines,
};

/// How large a compiled pattern may be, in bytes.
const COMPILED_BYTES_MAX: usize = 256 * 1024;
/// How many places of one forbidden pattern are told.
const PLACES_MAX: usize = 5;
/// How much of what is to be said instead is said, in characters.
const MESSAGE_CHARS_MAX: usize = 200;

/// The first pattern that is none.
pub(super) fn fault(spec: &PolicySpec) -> Option<String> {
    let mut patterns = spec.required.iter().chain(&spec.forbidden);
    patterns.find_map(|pattern| compile(pattern).err())
}

/// Looks for each pattern. An error is a pattern that is none.
pub(super) fn check(content: &str, spec: &PolicySpec) -> Result<PolicyFound, String> {
    let lines = Lines::of(content);
    let mut violations = Vec::new();
    for pattern in &spec.required {
        if !compile(pattern)?.is_match(content) {
            violations.push(told(pattern, format!("required, but not there: {}", shown(pattern))));
        }
    }
    for pattern in &spec.forbidden {
        let found = compile(pattern)?;
        let mut at: Vec<usize> = found.find_iter(content).map(|it| lines.at(it.start())).collect();
        let Some(times) = Some(at.len()).filter(|times| *times > 0) else { continue };
        at.dedup();
        let more = if at.len() > PLACES_MAX { ", …" } else { "" };
        let at: Vec<String> = at.iter().take(PLACES_MAX).map(ToString::to_string).collect();
        let line = if at.len() == 1 { "line" } else { "lines" };
        let places = at.join(", ");
        let times = count(times, "time");
        let what = shown(pattern);
        let what = told(pattern, format!("forbidden, but there: {what}"));
        violations.push(format!("{what}, {times} ({line} {places}{more})"));
    }
    let found = violations.len();
    violations.truncate(LISTED_MAX);
    let message = match (found, spec.required.len() + spec.forbidden.len()) {
        (0, 0) => "nothing is required or forbidden".to_owned(),
        (0, all) => format!("{} kept", count(all, "rule")),
        (found, all) => format!("{found} of {} broken", count(all, "rule")),
    };
    Ok(PolicyFound { passed: found == 0, violations, message })
}

/// What whoever wrote the pattern wants to be said, and otherwise what is the matter.
fn told(pattern: &Pattern, otherwise: String) -> String {
    if pattern.message.is_empty() {
        otherwise
    } else {
        shorten(&pattern.message, MESSAGE_CHARS_MAX)
    }
}

fn shown(pattern: &Pattern) -> String {
    let text = shorten(&pattern.text, SHOWN_CHARS_MAX);
    if pattern.regex { format!("/{text}/") } else { format!("{text:?}") }
}

fn compile(pattern: &Pattern) -> Result<Regex, String> {
    let source = if pattern.regex { pattern.text.clone() } else { regex::escape(&pattern.text) };
    let source = if pattern.words { format!(r"\b(?:{source})\b") } else { source };
    RegexBuilder::new(&source)
        .case_insensitive(pattern.ignore_case)
        .multi_line(true)
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX * 4)
        .build()
        .map_err(|error| {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("{} is no pattern: {why}", shown(pattern))
        })
}
