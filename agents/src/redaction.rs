//! Takes what must not be seen out of what agents say: the values of secrets, and what stands in
//! sensitive inputs.
//!
//! Found are values as they are and as JSON spells them, also in ASCII, and in JSON whatever comes to them once it
//! is read. Not found is what an agent spells in another way, or cuts into pieces.

use std::borrow::Cow;

use orkestra_runtime::protocol::{
    payload::Json,
    task::{Failure, FailureKind},
    understanding::Understanding,
};
use serde_json::Value;

use crate::secret::Secret;

/// The shortest text of a sensitive content that is looked for, in bytes: shorter ones are words
/// that anybody may say.
const SENSITIVE_BYTES_MIN: usize = 8;
/// The shortest part of a value that counts as one, where a text was cut in its middle, in bytes.
const PART_BYTES_MIN: usize = 3;

/// Why a value is hidden, and so what stands in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Sensitive,
    Secret,
}

impl Why {
    const fn instead(self) -> &'static str {
        match self {
            Self::Sensitive => "[sensitive]",
            Self::Secret => "[secret]",
        }
    }
}

/// The values to be taken out; shown to nobody. The default takes nothing out.
#[derive(Clone, Default)]
pub(crate) struct Redaction {
    /// Longest first, so that a value that contains another is taken out whole.
    values: Vec<(String, Why)>,
}

impl Redaction {
    /// Takes out a secret as well.
    pub(crate) fn add_secret(&mut self, secret: &Secret) {
        self.add(secret.reveal(), Why::Secret);
        self.order();
    }

    /// Takes out every text and every long number of a sensitive content as well.
    pub(crate) fn add_content(&mut self, json: &Json) {
        match json.read::<Value>() {
            Ok(value) => self.add_leaves(&value),
            // Nested deeper than anybody reads it: then it is known as a whole.
            Err(_) => self.add(json.as_str(), Why::Sensitive),
        }
        self.order();
    }

    fn add_leaves(&mut self, value: &Value) {
        match value {
            Value::String(text) if text.len() >= SENSITIVE_BYTES_MIN => {
                self.add(text, Why::Sensitive);
            }
            Value::Number(number) => {
                let text = number.to_string();
                if text.len() >= SENSITIVE_BYTES_MIN {
                    self.add(&text, Why::Sensitive);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.add_leaves(item)),
            Value::Object(entries) => entries.values().for_each(|item| self.add_leaves(item)),
            Value::Null | Value::Bool(_) | Value::String(_) => {}
        }
    }

    fn add(&mut self, plain: &str, why: Why) {
        if let Ok(quoted) = serde_json::to_string(plain) {
            // Without the quotation marks around it, and only those.
            self.values.push((quoted[1..quoted.len() - 1].to_owned(), why));
        }
        self.values.push((plain.to_owned(), why));
    }

    fn order(&mut self) {
        self.values.retain(|(value, _)| !value.is_empty());
        self.values.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
        self.values.dedup();
    }

    /// The same for secrets alone.
    #[must_use]
    pub(crate) fn of_secrets(&self) -> Self {
        let secrets = self.values.iter().filter(|(_, why)| *why == Why::Secret);
        Self { values: secrets.cloned().collect() }
    }

    /// A text without the values.
    pub(crate) fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for (value, why) in &self.values {
            if text.contains(value.as_str()) {
                text = Cow::Owned(text.replace(value.as_str(), why.instead()));
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
        let mut found: Vec<(usize, usize, Why)> = Vec::new();
        for (value, why) in &self.values {
            let matches = meant.match_indices(value.as_str());
            found.extend(matches.filter_map(|(at, _)| {
                Some((*places.get(at)?, *places.get(at + value.len())?, *why))
            }));
        }
        found.sort_unstable();
        let (mut cleaned, mut done) = (String::new(), 0);
        for (begin, end, why) in &found {
            if *begin >= done {
                cleaned.push_str(text.get(done..*begin)?);
                cleaned.push_str(why.instead());
            }
            done = done.max(*end);
        }
        cleaned.push_str(text.get(done..)?);
        (!found.is_empty()).then_some(cleaned)
    }

    /// Cleans the end of a longer text, which may begin within a value.
    pub(crate) fn clean_end(&self, text: &str) -> String {
        let rest_of = |value: &str| {
            let longest = value.len().min(text.len() + 1);
            let mut rests = (PART_BYTES_MIN..longest).rev();
            rests.find(|rest| {
                let rest = value.as_bytes().get(value.len() - rest..);
                rest.is_some_and(|rest| text.as_bytes().starts_with(rest))
            })
        };
        let cut = self.values.iter().filter_map(|(value, _)| rest_of(value)).max().unwrap_or(0);
        let cut = (cut..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        self.clean(&text[cut..]).into_owned()
    }

    /// Cleans the beginning of a longer text, which may end within a value.
    fn clean_beginning(&self, text: &str) -> String {
        let begun_of = |value: &str| {
            let longest = value.len().min(text.len() + 1);
            let mut begun = (PART_BYTES_MIN..longest).rev();
            begun.find(|begun| {
                value.as_bytes().get(..*begun).is_some_and(|part| text.as_bytes().ends_with(part))
            })
        };
        let cut = self.values.iter().filter_map(|(value, _)| begun_of(value)).max().unwrap_or(0);
        let end = (0..=text.len() - cut).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        self.clean(&text[..end]).into_owned()
    }

    /// JSON without the values, in texts and in the names of fields. A failure when it cannot be
    /// searched: then it is not kept.
    pub(crate) fn clean_json(&self, json: Json) -> Result<Json, Failure> {
        if self.values.is_empty() {
            return Ok(json);
        }
        let unsearched = |error: orkestra_runtime::Error| {
            // The error may show what it should not.
            drop(error);
            let why = "what it answered cannot be searched for secrets: it is nested too deep, or \
                       holds a number beyond all bounds";
            Failure::new(FailureKind::BadOutput, why).for_good()
        };
        let mut value = json.read::<Value>().map_err(unsearched)?;
        if self.clean_value(&mut value) { Json::of(&value).map_err(unsearched) } else { Ok(json) }
    }

    /// Answers whether anything was taken out.
    fn clean_value(&self, value: &mut Value) -> bool {
        match value {
            Value::Null | Value::Bool(_) => false,
            Value::String(text) => match self.clean(text) {
                Cow::Borrowed(_) => false,
                Cow::Owned(cleaned) => {
                    *value = Value::String(cleaned);
                    true
                }
            },
            Value::Number(number) => {
                let text = number.to_string();
                let found = self.values.iter().find(|(hidden, _)| *hidden == text);
                let Some((_, why)) = found else { return false };
                *value = Value::String(why.instead().to_owned());
                true
            }
            Value::Array(items) => {
                // Each of them, whatever was found before.
                items.iter_mut().filter_map(|item| self.clean_value(item).then_some(())).count() > 0
            }
            Value::Object(entries) => {
                let mut found = entries.keys().any(|key| matches!(self.clean(key), Cow::Owned(_)));
                if found {
                    let old = std::mem::take(entries).into_iter();
                    entries.extend(old.map(|(key, item)| (self.clean(&key).into_owned(), item)));
                }
                for item in entries.values_mut() {
                    found = self.clean_value(item) || found;
                }
                found
            }
        }
    }

    /// An understanding without the values.
    pub(crate) fn clean_understanding(&self, mut told: Understanding) -> Understanding {
        let clean = |text: &mut String| {
            if let Cow::Owned(cleaned) = self.clean(text) {
                *text = cleaned;
            }
        };
        [&mut told.role, &mut told.current_understanding].into_iter().for_each(clean);
        for texts in [&mut told.pending_decisions, &mut told.concerns, &mut told.suggestions] {
            texts.iter_mut().for_each(clean);
        }
        told
    }

    /// A failure without the values.
    pub(crate) fn clean_failure(&self, mut failure: Failure) -> Failure {
        if !self.values.is_empty() {
            failure.message = match failure.message.strip_suffix('…') {
                Some(cut) => format!("{}…", self.clean_beginning(cut)),
                None => self.clean(&failure.message).into_owned(),
            };
        }
        failure
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
    use crate::testing::json;

    fn redaction(values: &[&str]) -> Redaction {
        let mut redaction = Redaction::default();
        for value in values {
            redaction.add_secret(&Secret::new(*value));
        }
        redaction
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
        let canary = redaction(&["canary"]);
        assert_eq!(canary.clean_end("nary and more canary"), " and more [secret]");
        assert_eq!(canary.clean_end("ary"), "");
        assert_eq!(redaction(&[]).clean_end("all of it"), "all of it");
        let cut = canary.clean_failure(Failure::error("canary and cana…"));
        assert_eq!(cut.message, "[secret] and …");
    }

    #[test]
    fn json_is_searched_as_it_reads_and_not_as_it_is_spelled() {
        let redaction = redaction(&["canär"]);
        let clean = |text| redaction.clean_json(json(text)).unwrap();
        assert_eq!(clean(r#"{"a":["can\u00e4r"]}"#).as_str(), r#"{"a":["[secret]"]}"#);
        assert_eq!(clean(r#"{ "canär": 1.0 }"#).as_str(), r#"{"[secret]":1.0}"#);
        assert_eq!(clean(r#"{ "as": "it was" }"#).as_str(), r#"{ "as": "it was" }"#);
    }

    #[test]
    fn texts_and_long_numbers_of_a_sensitive_content_are_taken_out() {
        let mut redaction = Redaction::default();
        redaction.add_content(&json(r#"{"name":"Ada L.","card":[4000123412341234,7],"no":"yes"}"#));
        assert_eq!(redaction.clean("7 yes Ada L. 4000123412341234"), "7 yes Ada L. [sensitive]");
        redaction.add_content(&json(r#""Ada Lovelace""#));
        assert_eq!(redaction.clean("Ada Lovelace"), "[sensitive]");
        let cleaned = redaction.clean_json(json("[4000123412341234]")).unwrap();
        assert_eq!(cleaned.as_str(), r#"["[sensitive]"]"#);
        assert_eq!(redaction.of_secrets().clean("Ada Lovelace"), "Ada Lovelace");
    }

    #[test]
    fn what_cannot_be_searched_is_not_kept() {
        // Nobody could write this today, but an earlier version let it in.
        let odd: Json = serde_json::from_str(r#""[1e999, \"canary\"]""#).unwrap();
        let refused = redaction(&["canary"]).clean_json(odd).unwrap_err();
        assert_eq!(refused.kind, FailureKind::BadOutput);
        assert!(!refused.message.contains("canary"), "{refused}");
    }
}
