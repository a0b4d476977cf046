//! Where in a JSON text something stands.

use std::fmt;

use crate::written::Fault;

/// A step from a value to one within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Item(usize),
}

/// The way from the whole document to a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place(Vec<Step>);

impl Place {
    pub(super) fn of(key: &str, item: usize) -> Self {
        Self::default().key(key).item(item)
    }

    pub(super) fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    pub(super) fn item(&self, item: usize) -> Self {
        self.with(Step::Item(item))
    }

    pub(super) fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The key at its end.
    pub(super) fn last_key(&self) -> Option<&str> {
        self.0.iter().rev().find_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Item(_) => None,
        })
    }
}

/// As people write it: `elections[3].ballots[0].weight`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if at == 0 => write!(f, "{key}")?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Item(item) => write!(f, "[{item}]")?,
            }
        }
        Ok(())
    }
}

/// Something that is wrong at a place, shown with its line.
pub(super) fn fault(text: &str, place: &Place, message: &str, help: Option<String>) -> Fault {
    let begin = Scanner { text: text.as_bytes(), at: 0 }.find(&place.0);
    let key = place.to_string();
    let told = if key.is_empty() { message.to_owned() } else { format!("{key}: {message}") };
    at_byte(text, begin, (&key, &told), help)
}

/// Something that is wrong at a byte of the text.
pub(super) fn at_byte(
    text: &str,
    at: usize,
    (key, message): (&str, &str),
    help: Option<String>,
) -> Fault {
    const SHOWN_MAX: usize = 100;
    let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let before = &text[..at];
    let line_begin = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_begin..].lines().next().unwrap_or_default();
    let column = before[line_begin..].chars().count() + 1;
    // A whole election may stand in one line: that is shown only when it can be seen at once.
    let (shown, width) = if line.chars().count() <= SHOWN_MAX {
        let rest = line.get(at - line_begin..).unwrap_or_default();
        let is_word = |c: &char| !matches!(c, ',' | ']' | '}' | ':');
        (line.to_owned(), rest.chars().take_while(is_word).count().clamp(1, 40))
    } else {
        (String::new(), 1)
    };
    Fault {
        line: before.matches('\n').count() + 1,
        column,
        key: key.to_owned(),
        message: message.to_owned(),
        help,
        text: shown,
        width,
    }
}

/// Walks over a JSON text that was read once already, without building anything.
struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    /// The byte at which the value stands; where the way ends, that of the last value on it.
    fn find(mut self, steps: &[Step]) -> usize {
        self.space();
        for step in steps {
            let value = self.at;
            let found = match step {
                Step::Key(key) => self.enter_key(key),
                Step::Item(item) => self.enter_item(*item),
            };
            if !found {
                return value;
            }
        }
        self.at
    }

    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        while self.peek().is_ascii_whitespace() {
            self.at += 1;
        }
    }

    fn enter_key(&mut self, wanted: &str) -> bool {
        if self.peek() != b'{' {
            return false;
        }
        self.at += 1;
        loop {
            self.space();
            if self.peek() != b'"' {
                return false;
            }
            let begin = self.at;
            self.skip();
            let written = &self.text[begin..self.at];
            let key: Option<String> = serde_json::from_slice(written).ok();
            self.space();
            self.at += 1;
            self.space();
            if key.as_deref() == Some(wanted) {
                return true;
            }
            self.skip();
            self.space();
            if self.peek() != b',' {
                return false;
            }
            self.at += 1;
        }
    }

    fn enter_item(&mut self, wanted: usize) -> bool {
        if self.peek() != b'[' {
            return false;
        }
        self.at += 1;
        for _ in 0..wanted {
            self.space();
            self.skip();
            self.space();
            if self.peek() != b',' {
                return false;
            }
            self.at += 1;
        }
        self.space();
        !matches!(self.peek(), b']' | 0)
    }

    /// Skips the value that begins here.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.text.len() {
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    while !matches!(self.peek(), b'"' | 0) {
                        self.at += if self.peek() == b'\\' { 2 } else { 1 };
                    }
                }
                b'[' | b'{' => depth += 1,
                b']' | b'}' | b',' if depth == 0 => return,
                b']' | b'}' => depth -= 1,
                _ => {
                    // A number or a word: it ends before what follows it. At least one byte is
                    // skipped, so that even what is no JSON comes to an end.
                    self.at += 1;
                    while !matches!(self.peek(), b',' | b']' | b'}' | b':' | b'"' | 0) {
                        self.at += 1;
                    }
                    if depth == 0 {
                        return;
                    }
                    self.between();
                    continue;
                }
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
            self.between();
        }
    }

    /// Skips what separates values within one.
    fn between(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t' | b',' | b':') {
            self.at += 1;
        }
    }
}
