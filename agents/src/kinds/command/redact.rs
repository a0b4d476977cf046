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
        text
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
