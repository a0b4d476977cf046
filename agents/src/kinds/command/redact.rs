//! Takes the values of known secrets out of what a program writes.

use std::borrow::Cow;

use crate::secret::Secret;

const INSTEAD: &str = "[secret]";

/// The values to be taken out; shown to nobody.
pub(super) struct Redaction {
    /// Longest first, so that a value that contains another is taken out whole.
    values: Vec<String>,
}

impl Redaction {
    pub(super) fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut values = Vec::new();
        for secret in secrets {
            let plain = secret.reveal();
            if let Ok(quoted) = serde_json::to_string(plain) {
                // Without the quotation marks around it, and only those.
                values.push(quoted[1..quoted.len() - 1].to_owned());
            }
            values.push(plain.to_owned());
        }
        values.retain(|value| !value.is_empty());
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        Self { values }
    }

    pub(super) fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for value in &self.values {
            if text.contains(value.as_str()) {
                text = Cow::Owned(text.replace(value.as_str(), INSTEAD));
            }
        }
        if self.values.is_empty() || !text.contains('\\') {
            return text;
        }
        self.clean_meant(&text).map_or(text, Cow::Owned)
    }

    /// Cleans what a text means, read as JSON: any character of a value may be spelled by its
    /// number, and some in two ways. None when nothing was found.
    fn clean_meant(&self, text: &str) -> Option<String> {
        let (meant, places) = meant(text);
        let mut found: Vec<(usize, usize)> = Vec::new();
        for value in &self.values {
            let matches = meant.match_indices(value.as_str());
            found
                .extend(matches.filter_map(|(at, _)| {
                    Some((*places.get(at)?, *places.get(at + value.len())?))
                }));
        }
        found.sort_unstable();
        let (mut cleaned, mut done) = (String::new(), 0);
        for (begin, end) in &found {
            if *begin >= done {
                cleaned.push_str(text.get(done..*begin)?);
                cleaned.push_str(INSTEAD);
            }
            done = done.max(*end);
        }
        cleaned.push_str(text.get(done..)?);
        (!found.is_empty()).then_some(cleaned)
    }

    /// Cleans the end of a longer text, of which the beginning may hold the rest of a value that
    /// was cut in two.
    pub(super) fn clean_end(&self, text: &str) -> String {
        let cleaned = self.clean(text);
        let mut from = self.values.first().map_or(0, |longest| longest.len() - 1);
        from = from.min(cleaned.len());
        while !cleaned.is_char_boundary(from) {
            from += 1;
        }
        cleaned[from..].to_owned()
    }
}

/// What a text means when its escapes are those of JSON, and for each byte of that, and for its end,
/// where in the text it is spelled.
fn meant(text: &str) -> (String, Vec<usize>) {
    let (mut meant, mut places) = (String::with_capacity(text.len()), Vec::new());
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let escaped = (c == '\\').then(|| escape(&text[at + 1..])).flatten();
        let (c, length) = escaped.map_or_else(|| (c, c.len_utf8()), |(c, length)| (c, 1 + length));
        meant.push(c);
        places.resize(meant.len(), at);
        at += length;
    }
    places.push(at);
    (meant, places)
}

/// The character that is spelled after a backslash, and how many bytes that takes.
fn escape(rest: &str) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = rest.get(at..at + 4).filter(|it| it.bytes().all(|b| b.is_ascii_hexdigit()))?;
        u16::from_str_radix(digits, 16).ok()
    };
    let c = match rest.as_bytes().first()? {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        c @ (b'"' | b'\\' | b'/') => char::from(*c),
        b'u' => {
            let first = unit(1)?;
            if let Some(c) = char::from_u32(first.into()) {
                return Some((c, 5));
            }
            let second = rest.get(5..7).filter(|it| *it == "\\u").and_then(|_| unit(7))?;
            let c = char::decode_utf16([first, second]).next()?.ok()?;
            return Some((c, 11));
        }
        _ => return None,
    };
    Some((c, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redaction(values: &[&str]) -> Redaction {
        let secrets: Vec<Secret> = values.iter().copied().map(Secret::new).collect();
        Redaction::of(&secrets)
    }

    #[test]
    fn a_secret_is_taken_out_as_it_is_and_as_json_spells_it() {
        let redaction = redaction(&["a\"b\""]);
        assert_eq!(redaction.clean("x a\"b\" y"), "x [secret] y");
        assert_eq!(redaction.clean(r#"{"k":"a\"b\""}"#), r#"{"k":"[secret]"}"#);
    }

    #[test]
    fn a_secret_is_taken_out_however_json_spells_it() {
        let redaction = redaction(&["p\u{e4}/s&\u{1f600}"]);
        for spelled in [
            r"p\u00e4/s&\ud83d\ude00",
            r"\u0070\u00E4\/\u0073\u0026\uD83D\uDE00",
            "p\u{e4}\\/s&\u{1f600}",
        ] {
            let line = format!(r#"{{"a\n":"x{spelled}y\u00e9","b":"{spelled}"}}"#);
            assert_eq!(redaction.clean(&line), r#"{"a\n":"x[secret]y\u00e9","b":"[secret]"}"#);
        }
        for other in [r"\", r"\u12", r"\ud83d\u0041 p\u00e4/s", r"a\qb"] {
            assert_eq!(redaction.clean(other), other);
        }
    }

    #[test]
    fn a_secret_within_a_secret_does_not_leave_the_rest_of_the_longer_one() {
        assert_eq!(redaction(&["key", "key-long"]).clean("key-long key"), "[secret] [secret]");
    }

    #[test]
    fn half_a_secret_at_the_cut_is_not_shown() {
        assert_eq!(redaction(&["canary"]).clean_end("nary and more canary"), "and more [secret]");
        assert_eq!(redaction(&["canary"]).clean_end("ary"), "");
        assert_eq!(redaction(&[]).clean_end("all of it"), "all of it");
    }
}
