//! Readers of foreign text that are private, for tests that try to break them.

use std::ops::Range;

use orkestra_runtime::{Result, protocol::task::Failure};

use super::{lexer, redact::Redactor};

/// Where the comments, texts and code of a source begin and end, in order; none if nothing is known
/// of files with this extension.
pub fn parts(extension: &str, source: &[u8]) -> Option<Vec<Range<usize>>> {
    let family = lexer::Family::of(extension, "")?;
    Some(lexer::parts(family, source).into_iter().map(|(_, range)| range).collect())
}

/// A text without what looks like a secret.
pub fn struck(text: &str) -> Result<String, Failure> {
    static REDACTOR: std::sync::OnceLock<Redactor> = std::sync::OnceLock::new();
    if let Some(redactor) = REDACTOR.get() {
        return Ok(redactor.strike(text));
    }
    let redactor = Redactor::new()?;
    Ok(REDACTOR.get_or_init(|| redactor).strike(text))
}
