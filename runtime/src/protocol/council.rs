//! What a council's proposals are checked for, and what the checks say.
//!
//! The coordinator puts a [`ChecksSpec`] into a task, an agent carries it out, and the answer is a
//! [`Checked`]: both sides know these words, and an agent in any language may speak them as JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{id::AgentId, limits::PAYLOAD_INLINE_BYTES_MAX, protocol::payload::Json};

/// The longest proposal that is checked, in bytes: a longer one fails its checks.
pub const CONTENT_BYTES_MAX: usize = PAYLOAD_INLINE_BYTES_MAX;
/// The most patterns of one list.
pub const PATTERNS_MAX: usize = 64;
/// The longest pattern or heading, in bytes.
pub const PATTERN_BYTES_MAX: usize = 512;
/// The most headings that can be required.
pub const HEADINGS_MAX: usize = 64;

/// What proposals are checked for. What is not said is not checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChecksSpec {
    /// What must and what must not stand in them.
    pub policy: PolicySpec,
    /// How they are built and spelled.
    pub lint: LintSpec,
    /// Who tries them out.
    pub dry_run: Option<DryRunSpec>,
}

/// What must and what must not stand in a proposal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicySpec {
    /// Each of these must be found.
    pub required: Vec<Pattern>,
    /// None of these may be found.
    pub forbidden: Vec<Pattern>,
}

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// The text, as it is.
    pub text: String,
    /// Whether it is a regular expression instead. `^` and `$` are the ends of a line.
    #[serde(default)]
    pub regex: bool,
    /// Whether capital and small letters are the same.
    #[serde(default)]
    pub ignore_case: bool,
    /// Whether it stands for whole words only: "just" is not found in "adjust".
    #[serde(default)]
    pub words: bool,
}

impl Pattern {
    /// This text, as it is.
    pub fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// How a proposal is to be built. A limit of 0 is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LintSpec {
    /// What it is written in.
    pub format: Format,
    /// How many bytes it has at least.
    pub min_bytes: u32,
    /// How many bytes it has at most.
    pub max_bytes: u32,
    /// How many characters a line has at most.
    pub max_line: u32,
    /// How many words a sentence has at most, in text and Markdown.
    pub max_sentence: u32,
    /// The headings that it has, in this order; others may stand between (Markdown).
    pub required_headings: Vec<String>,
    /// Whether spaces at the end of a line are an error.
    pub no_trailing_space: bool,
    /// Whether tabs are an error.
    pub no_tabs: bool,
}

/// What a proposal is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Any text.
    #[default]
    Text,
    /// Markdown: headings, lists, links and fences are looked at.
    Markdown,
    /// JSON: it must parse.
    Json,
    /// TOML: it must parse.
    Toml,
}

/// Who tries a proposal out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRunSpec {
    /// The agent: a program that reads the proposal and whose exit code is its answer.
    pub agent: AgentId,
}

impl ChecksSpec {
    /// What is out of bounds in it, if something is. Whether regular expressions are any is not
    /// looked at here.
    pub fn fault(&self) -> Option<String> {
        let Self { policy, lint, dry_run: _ } = self;
        for (name, patterns) in [("required", &policy.required), ("forbidden", &policy.forbidden)] {
            if patterns.len() > PATTERNS_MAX {
                let count = patterns.len();
                return Some(format!(
                    "policy.{name} has {count} patterns, and at most {PATTERNS_MAX} are looked for"
                ));
            }
            if patterns.iter().any(|pattern| pattern.text.is_empty()) {
                return Some(format!("policy.{name} has an empty pattern: say what to look for"));
            }
            if patterns.iter().any(|pattern| pattern.text.len() > PATTERN_BYTES_MAX) {
                return Some(format!(
                    "policy.{name} has a pattern of more than {PATTERN_BYTES_MAX} bytes"
                ));
            }
        }
        if lint.required_headings.len() > HEADINGS_MAX {
            return Some(format!("lint.required_headings has more than {HEADINGS_MAX} headings"));
        }
        let is_bad = |text: &String| text.trim().is_empty() || text.len() > PATTERN_BYTES_MAX;
        if lint.required_headings.iter().any(is_bad) {
            return Some(format!(
                "a heading of lint.required_headings is empty, or longer than \
                 {PATTERN_BYTES_MAX} bytes"
            ));
        }
        if !lint.required_headings.is_empty() && lint.format != Format::Markdown {
            return Some("only Markdown has headings: say lint.format = \"markdown\"".to_owned());
        }
        if lint.max_bytes > 0 && lint.max_bytes < lint.min_bytes {
            return Some("lint.max_bytes is less than lint.min_bytes".to_owned());
        }
        None
    }
}

/// What the checks of policy and lint say of one proposal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checked {
    /// Of what stands in it.
    pub policy: PolicyResult,
    /// Of how it is built.
    pub lint: LintResult,
}

/// What the check of policy says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyResult {
    /// Whether all is there that must be, and nothing that must not.
    pub passed: bool,
    /// What is missing, and what is there with its line.
    pub violations: Vec<String>,
    /// The same in one line.
    pub message: String,
}

/// What the check of structure, length and markup says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LintResult {
    /// Whether there is no error.
    pub passed: bool,
    /// How many errors there are, also those that are not listed.
    pub error_count: u32,
    /// How many warnings there are, also those that are not listed.
    pub warning_count: u32,
    /// What is wrong, with its line.
    pub errors: Vec<String>,
    /// What could be better, with its line.
    pub warnings: Vec<String>,
    /// The same in one line.
    pub message: String,
}

/// The text of what an agent proposed: the answer itself where it is a text, or what stands in its
/// `content`. None where it is neither.
pub fn content_of(output: &Json) -> Option<String> {
    match output.read::<Value>().ok()? {
        Value::String(content) => Some(content),
        Value::Object(mut fields) => match fields.remove("content")? {
            Value::String(content) => Some(content),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ChecksSpec {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_is_not_said_is_not_checked() {
        assert_eq!(read("{}"), ChecksSpec::default());
        let spec = read(r#"{"policy": {"forbidden": [{"text": "very"}]}, "lint": {"format": "markdown", "max_line": 100}, "dry_run": {"agent": "validator"}}"#);
        assert_eq!(spec.policy.forbidden, [Pattern::of("very")]);
        assert_eq!((spec.lint.format, spec.lint.max_line), (Format::Markdown, 100));
        assert_eq!(spec.fault(), None);
    }

    #[test]
    fn what_is_out_of_bounds_is_told() {
        let faulty = [
            (r#"{"policy": {"required": [{"text": ""}]}}"#, "an empty pattern"),
            (r#"{"lint": {"required_headings": ["A"]}}"#, "only Markdown has headings"),
            (r#"{"lint": {"min_bytes": 2, "max_bytes": 1}}"#, "less than lint.min_bytes"),
        ];
        for (spec, why) in faulty {
            let told = read(spec).fault().unwrap();
            assert!(told.contains(why), "{told}");
        }
        let many = vec![Pattern::of("a"); PATTERNS_MAX + 1];
        let policy = PolicySpec { forbidden: many, ..PolicySpec::default() };
        let told = ChecksSpec { policy, ..ChecksSpec::default() }.fault().unwrap();
        assert_eq!(told, "policy.forbidden has 65 patterns, and at most 64 are looked for");
    }

    #[test]
    fn a_proposal_is_a_text_or_has_one() {
        let of = |text: &str| content_of(&Json::parse(text).unwrap());
        assert_eq!(of("\"a text\"").as_deref(), Some("a text"));
        assert_eq!(of(r#"{"content": "a text", "notes": "n"}"#).as_deref(), Some("a text"));
        assert_eq!((of("7"), of(r#"{"content": 7}"#), of("{}")), (None, None, None));
    }
}
