//! Which parts of a source file are comments and which are code, near enough for reviewers.

use std::ops::Range;

/// How a language marks comments and strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// `//`, `/* */`; strings end with their line, backquoted ones do not.
    C,
    /// Like C, with nested comments, raw strings, lifetimes and strings of many lines.
    Rust,
    /// `#`; strings in triple quotes.
    Hash,
    /// `--`
    Dashes,
    /// `<!-- -->`
    Markup,
}

impl Family {
    /// The family of a file, by its extension in lower case and its name.
    pub(crate) fn of(extension: &str, name: &str) -> Option<Self> {
        match extension {
            "rs" => Some(Self::Rust),
            "c" | "h" | "cc" | "cpp" | "hpp" | "cs" | "java" | "kt" | "js" | "mjs" | "cjs"
            | "jsx" | "ts" | "tsx" | "go" | "swift" | "scala" | "php" | "proto" | "dart"
            | "css" | "scss" | "zig" | "groovy" => Some(Self::C),
            "py" | "pyi" | "sh" | "bash" | "zsh" | "rb" | "pl" | "toml" | "yml" | "yaml" | "ex"
            | "exs" | "r" | "jl" | "nix" | "cmake" | "mk" | "tf" => Some(Self::Hash),
            "lua" | "sql" | "hs" | "elm" | "ada" => Some(Self::Dashes),
            "html" | "htm" | "xml" | "vue" | "svelte" => Some(Self::Markup),
            _ if matches!(name, "Makefile" | "Dockerfile" | "Justfile") => Some(Self::Hash),
            _ => None,
        }
    }
}

/// What a part of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Code,
    Comment,
    Text,
}

/// The parts of a file, in order and without gaps.
pub(crate) fn parts(family: Family, source: &[u8]) -> Vec<(Part, Range<usize>)> {
    let mut parts = Vec::new();
    let (mut at, mut code) = (0, 0);
    while at < source.len() {
        let rest = source.get(at..).unwrap_or_default();
        let before = at.checked_sub(1).and_then(|at| source.get(at)).copied();
        let Some((part, length)) = part_at(family, rest, before) else {
            at += 1;
            continue;
        };
        if code < at {
            parts.push((Part::Code, code..at));
        }
        at += length;
        code = at;
        parts.push((part, at - length..at));
    }
    if code < at {
        parts.push((Part::Code, code..at));
    }
    parts
}

/// The comment or the string that begins here, and its length.
fn part_at(family: Family, rest: &[u8], before: Option<u8>) -> Option<(Part, usize)> {
    let first = *rest.first()?;
    match family {
        Family::C | Family::Rust if rest.starts_with(b"//") => Some(comment_line(rest)),
        Family::C | Family::Rust if rest.starts_with(b"/*") => {
            Some((Part::Comment, block_comment(rest, family == Family::Rust)))
        }
        Family::Hash if first == b'#' && before.is_none_or(|byte| byte.is_ascii_whitespace()) => {
            Some(comment_line(rest))
        }
        Family::Dashes if rest.starts_with(b"--") => Some(comment_line(rest)),
        Family::Markup if rest.starts_with(b"<!--") => {
            Some((Part::Comment, until(rest, b"-->", 4)))
        }
        Family::Markup => None,
        Family::Rust if first == b'r' && !before.is_some_and(is_word) => raw_string(rest),
        Family::Rust
            if first == b'b' && rest.get(1) == Some(&b'r') && !before.is_some_and(is_word) =>
        {
            raw_string(rest.get(1..)?).map(|(part, length)| (part, length + 1))
        }
        Family::Rust if first == b'\'' => character(rest),
        Family::Hash if rest.starts_with(b"\"\"\"") => {
            Some((Part::Text, until(rest, b"\"\"\"", 3)))
        }
        Family::Hash if rest.starts_with(b"'''") => Some((Part::Text, until(rest, b"'''", 3))),
        Family::C if first == b'`' => Some((Part::Text, quoted(rest, b'`', true))),
        _ if first == b'"' => Some((Part::Text, quoted(rest, b'"', family == Family::Rust))),
        _ if first == b'\'' => Some((Part::Text, quoted(rest, b'\'', false))),
        _ => None,
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn comment_line(rest: &[u8]) -> (Part, usize) {
    let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    (Part::Comment, length)
}

/// The length up to and with an end that is looked for from `from` on; all when there is none.
fn until(rest: &[u8], end: &[u8], from: usize) -> usize {
    let tail = rest.get(from..).unwrap_or_default();
    let found = tail.windows(end.len()).position(|window| window == end);
    found.map_or(rest.len(), |at| from + at + end.len())
}

fn block_comment(rest: &[u8], nested: bool) -> usize {
    if !nested {
        return until(rest, b"*/", 2);
    }
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match rest.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => {
                (depth, at) = (depth.saturating_sub(1), at + 2);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a string with escapes; one that may not have many lines ends with its line.
fn quoted(rest: &[u8], quote: u8, many_lines: bool) -> usize {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 1,
            b'\n' if !many_lines => return at,
            byte if *byte == quote => return at + 1,
            _ => {}
        }
        at += 1;
    }
    rest.len()
}

/// `r"…"`, `r#"…"#` and so on; nothing when it is a raw name.
fn raw_string(rest: &[u8]) -> Option<(Part, usize)> {
    let hashes = rest.iter().skip(1).take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return None;
    }
    let mut end = vec![b'"'];
    end.resize(1 + hashes, b'#');
    Some((Part::Text, until(rest, &end, hashes + 2)))
}

/// A character in single quotes; nothing when it is a lifetime.
fn character(rest: &[u8]) -> Option<(Part, usize)> {
    if rest.get(1) == Some(&b'\\') {
        return Some((Part::Text, quoted(rest, b'\'', false)));
    }
    let end = rest.iter().take(6).skip(2).position(|byte| *byte == b'\'')? + 2;
    let inner = std::str::from_utf8(rest.get(1..end)?).ok()?;
    (inner.chars().count() == 1).then_some((Part::Text, end + 1))
}
