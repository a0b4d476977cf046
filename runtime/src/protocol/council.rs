//! What is asked of a proposal of a council before it may win, and what was found: known to whoever
//! asks and to whoever checks.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{id::AgentId, limits::PAYLOAD_INLINE_BYTES_MAX, protocol::payload::Json};

/// What an agent must be able to do to check proposals by their text.
pub const CHECKS_CAPABILITY: &str = "proposal-checks";
/// The longest proposal that is checked, in bytes: a longer one fails its checks.
pub const CONTENT_BYTES_MAX: usize = PAYLOAD_INLINE_BYTES_MAX;
/// The most patterns of one list, and the most headings.
pub const PATTERNS_MAX: usize = 64;
/// The longest pattern, heading or message, in bytes.
pub const PATTERN_BYTES_MAX: usize = 512;

/// What is asked of a proposal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChecksSpec {
    /// What it must say and must not say.
    pub policy: PolicySpec,
    /// What form it must have.
    pub lint: LintSpec,
    /// Who tries it out, if anybody does.
    pub dry_run: Option<DryRunSpec>,
}

/// What a proposal must say and must not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicySpec {
    /// All of these must be found.
    pub required: Vec<Pattern>,
    /// None of these may be found.
    pub forbidden: Vec<Pattern>,
}

/// Something that is looked for in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pattern {
    /// The text, or the regular expression; there `^` and `$` are the ends of a line.
    pub text: String,
    /// Whether it is a regular expression; else it is looked for as it is.
    pub regex: bool,
    /// Whether large and small letters are the same.
    pub ignore_case: bool,
    /// What is said where it is missing, or found though it must not be; empty: the pattern itself.
    pub message: String,
    /// Whether it stands for whole words only: `just` is not found in `adjust`.
    pub words: bool,
}

impl Pattern {
    /// A text that is looked for as it is.
    pub fn literal(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A regular expression.
    pub fn regex(text: impl Into<String>) -> Self {
        Self { text: text.into(), regex: true, ..Self::default() }
    }
}

/// What form a proposal must have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LintSpec {
    /// How it is written; what cannot be read as that is an error.
    pub format: TextFormat,
    /// How many bytes it must have.
    pub min_bytes: u64,
    /// How many bytes it may have.
    pub max_bytes: u64,
    /// How many characters a line may have; none: as many as it has.
    pub max_line: Option<u32>,
    /// Headings that must stand in it; only of Markdown.
    pub required_headings: Vec<String>,
    /// Whether lines that end with spaces are warned of.
    pub no_trailing_space: bool,
    /// How many words a sentence may have, in text and Markdown; none: as many as it has.
    pub max_sentence: Option<u32>,
    /// Whether tabs are warned of.
    pub no_tabs: bool,
}

impl Default for LintSpec {
    fn default() -> Self {
        Self {
            format: TextFormat::Text,
            min_bytes: 1,
            max_bytes: PAYLOAD_INLINE_BYTES_MAX as u64,
            max_line: None,
            required_headings: Vec::new(),
            no_trailing_space: false,
            max_sentence: None,
            no_tabs: false,
        }
    }
}

/// How a proposal is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextFormat {
    /// In any way.
    #[default]
    Text,
    /// In Markdown.
    Markdown,
    /// In JSON.
    Json,
    /// In TOML.
    Toml,
}

/// Who tries a proposal out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRunSpec {
    /// Which agent: its result says `exit_code`, and 0 means that it works.
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
            if patterns
                .iter()
                .any(|pattern| pattern.text.len().max(pattern.message.len()) > PATTERN_BYTES_MAX)
            {
                return Some(format!(
                    "policy.{name} has a pattern of more than {PATTERN_BYTES_MAX} bytes"
                ));
            }
        }
        if lint.required_headings.len() > PATTERNS_MAX {
            return Some(format!("lint.required_headings has more than {PATTERNS_MAX} headings"));
        }
        let is_bad = |text: &String| text.trim().is_empty() || text.len() > PATTERN_BYTES_MAX;
        if lint.required_headings.iter().any(is_bad) {
            return Some(format!(
                "a heading of lint.required_headings is empty, or longer than \
                 {PATTERN_BYTES_MAX} bytes"
            ));
        }
        if !lint.required_headings.is_empty() && lint.format != TextFormat::Markdown {
            return Some("only Markdown has headings: say lint.format = \"markdown\"".to_owned());
        }
        if lint.max_bytes < lint.min_bytes {
            return Some("lint.max_bytes is less than lint.min_bytes".to_owned());
        }
        None
    }
}

/// Something that a task gives to a council: what wins is the task's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskCouncil {
    /// What the council is to think about, as a request for a deliberation. What that is called is
    /// filled in when it is asked for.
    pub request: Json,
}

/// What was found in a proposal: what whoever checks answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChecksFound {
    /// Of what it says.
    pub policy: PolicyFound,
    /// Of its form.
    pub lint: LintFound,
}

/// What was found in what a proposal says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyFound {
    /// Whether it may pass.
    pub passed: bool,
    /// What is missing or must not be there, each with where.
    pub violations: Vec<String>,
    /// The same in one line.
    pub message: String,
}

/// What was found in the form of a proposal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LintFound {
    /// Whether it may pass.
    pub passed: bool,
    /// How many errors there are.
    pub error_count: u32,
    /// How many warnings there are.
    pub warning_count: u32,
    /// The first of both, each with its line.
    pub errors: Vec<String>,
}

/// What trying a proposal out came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DryRunFound {
    /// How the program ended; 0: it works. None: the agent did not say.
    pub exit_code: Option<i32>,
    /// What it said.
    pub output: String,
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
        let spec = read(
            r#"{"policy": {"forbidden": [{"text": "very"}]}, "lint": {"format": "markdown", "max_line": 100}, "dry_run": {"agent": "validator"}}"#,
        );
        assert_eq!(spec.policy.forbidden, [Pattern::literal("very")]);
        assert_eq!((spec.lint.format, spec.lint.max_line), (TextFormat::Markdown, Some(100)));
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
        let many = vec![Pattern::literal("a"); PATTERNS_MAX + 1];
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
