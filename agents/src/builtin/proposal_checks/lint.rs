//! How a proposal is built: length, lines, and what its format demands.

use orkestra_runtime::protocol::council::{LintFound, LintSpec, TextFormat};

use super::{
    super::finding::shorten, LISTED_MAX, SHOWN_CHARS_MAX, lines::Lines, markdown, sentences,
};

/// What was found so far: all is counted, and the first of it listed.
#[derive(Default)]
pub(super) struct Found {
    errors: Vec<(usize, String)>,
    warnings: Vec<(usize, String)>,
}

impl Found {
    /// Something that is wrong; a line of 0 is the whole.
    pub(super) fn error(&mut self, line: usize, what: impl Into<String>) {
        self.errors.push((line, what.into()));
    }

    /// Something that could be better.
    pub(super) fn warning(&mut self, line: usize, what: impl Into<String>) {
        self.warnings.push((line, what.into()));
    }

    fn told(self) -> LintFound {
        let number = |found: &[(usize, String)]| u32::try_from(found.len()).unwrap_or(u32::MAX);
        let (error_count, warning_count) = (number(&self.errors), number(&self.warnings));
        let mut errors = listed(self.errors, "");
        errors.extend(listed(self.warnings, "warning: "));
        errors.truncate(LISTED_MAX);
        LintFound { passed: error_count == 0, error_count, warning_count, errors }
    }
}

/// In the order of their lines.
fn listed(mut found: Vec<(usize, String)>, mark: &str) -> Vec<String> {
    found.sort_by_key(|(line, _)| *line);
    let told = |(line, what): (usize, String)| {
        if line == 0 { format!("{mark}{what}") } else { format!("{mark}line {line}: {what}") }
    };
    found.into_iter().take(LISTED_MAX).map(told).collect()
}

/// Looks at all that the spec asks for.
pub(super) fn check(content: &str, spec: &LintSpec) -> LintFound {
    let mut found = Found::default();
    length(content, spec, &mut found);
    for (index, line) in content.lines().enumerate() {
        self::line(line, index + 1, spec, &mut found);
    }
    match spec.format {
        TextFormat::Text => {
            sentences::check(&sentences::paragraphs(content), spec.max_sentence, &mut found);
        }
        TextFormat::Markdown => markdown::check(content, spec, &mut found),
        TextFormat::Json => json(content, &mut found),
        TextFormat::Toml => toml(content, &mut found),
    }
    found.told()
}

fn length(content: &str, spec: &LintSpec, found: &mut Found) {
    let bytes = content.len();
    if content.trim().is_empty() {
        found.error(0, "it is empty");
        return;
    }
    if spec.min_bytes > bytes as u64 {
        found.error(0, format!("it has {bytes} bytes, and at least {} are asked", spec.min_bytes));
    }
    if bytes as u64 > spec.max_bytes {
        found.error(0, format!("it has {bytes} bytes, and at most {} are allowed", spec.max_bytes));
    }
}

fn line(line: &str, number: usize, spec: &LintSpec, found: &mut Found) {
    let chars = line.chars().count();
    if let Some(most) = spec.max_line.filter(|most| chars as u64 > u64::from(*most)) {
        found.error(number, format!("{chars} characters, and at most {most} are allowed"));
    }
    if spec.no_trailing_space && line.ends_with([' ', '\t']) {
        found.warning(number, "spaces at the end");
    }
    if spec.no_tabs && line.contains('\t') {
        found.warning(number, "a tab");
    }
    let is_odd = |c: char| c.is_control() && c != '\t';
    if line.strip_suffix('\r').unwrap_or(line).chars().any(is_odd) {
        found.error(number, "a control character");
    }
}

fn json(content: &str, found: &mut Found) {
    if let Err(error) = serde_json::from_str::<serde_json::Value>(content) {
        found.error(error.line(), format!("no JSON: {error}"));
    }
}

fn toml(content: &str, found: &mut Found) {
    if let Err(error) = content.parse::<toml::Table>() {
        let at = error.span().map_or(0, |span| Lines::of(content).at(span.start));
        let why = shorten(error.message(), SHOWN_CHARS_MAX);
        found.error(at, format!("no TOML: {why}"));
    }
}
