//! Councils as they are written; see [`words`](super::words).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A council: agents who propose, criticise, revise, and of whose proposals the best one wins.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct CouncilWritten {
    /// Which agents take its seats, in turn; by default all that have the role's name or `council`
    /// among their capabilities.
    #[serde(default)]
    pub(super) agents: Vec<String>,
    /// How many seats it has; by default as many as agents are named, or three.
    #[schemars(range(min = 1, max = 64))]
    pub(super) seats: Option<u32>,
    /// How many rounds of critique and revision there are; by default 1.
    #[schemars(range(max = 5))]
    pub(super) rounds: Option<u32>,
    /// Who criticises whom; by default each the next one.
    pub(super) exchange: Option<ExchangeWritten>,
    /// Who wins; by default the first by score.
    pub(super) selection: Option<SelectionWritten>,
    /// What every proposal is checked for.
    pub(super) checks: Option<ChecksWritten>,
    /// How much each check weighs in the score; by default 1.
    pub(super) weights: Option<WeightsWritten>,
    /// Which agents rank what passed, where a committee selects; by default those who deliberate.
    #[serde(default)]
    pub(super) judges: Vec<String>,
    /// What people call the models behind its agents.
    pub(super) model: Option<String>,
    /// What else its agents are told with every step.
    #[serde(default)]
    pub(super) params: BTreeMap<String, String>,
}

/// Something that a council thinks about: what wins is the task's result.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct DeliberationWritten {
    /// Whose council: its role.
    pub(super) role: String,
    /// What is to be done; a template. By default the instructions of the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) task: Option<String>,
    /// By what proposals are judged; a template.
    #[serde(default)]
    pub(super) rubric: String,
    /// What a proposal must meet; templates.
    #[serde(default)]
    pub(super) requirements: Vec<String>,
    /// What else agents are told: templates, by name.
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, String>,
    /// How many seats deliberate; by default three.
    #[schemars(range(min = 1, max = 16))]
    pub(super) seats: Option<u32>,
    /// How many rounds of critique and revision; by default as the council is set.
    #[schemars(range(max = 5))]
    pub(super) rounds: Option<u32>,
    /// Who criticises whom; by default as the council is set.
    pub(super) exchange: Option<ExchangeWritten>,
    /// Who wins; by default as the council is set.
    pub(super) selection: Option<SelectionWritten>,
    /// What proposals are checked for; by default as the council is set.
    pub(super) checks: Option<ChecksWritten>,
    /// How often each step is tried; by default ten times.
    #[schemars(range(min = 1))]
    pub(super) tries: Option<u32>,
    /// How long it may take (`5m`, and by default so).
    pub(super) timeout: Option<String>,
    /// What shuffles are drawn from.
    pub(super) seed: Option<u64>,
}

/// Who criticises whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum ExchangeWritten {
    /// Each the next one.
    Ring,
    /// Each all others.
    All,
    /// Nobody.
    None,
}

/// Who wins: by name alone, or with how.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(super) enum SelectionWritten {
    /// By name.
    Name(SelectionName),
    /// In full.
    Full(SelectionFull),
}

/// Who wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum SelectionName {
    /// The first by score.
    Score,
    /// Of the first three by score, the first that is well formed and works.
    Architect,
    /// Whom a committee chooses of those that passed all checks.
    Committee,
}

/// Who wins, and how: exactly one of these.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SelectionFull {
    /// Of the first so many by score, the first that is well formed and works.
    #[schemars(range(min = 1))]
    pub(super) architect: Option<u32>,
    /// Whom a committee chooses by this method of counting.
    pub(super) committee: Option<String>,
}

/// What proposals are checked for.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub(crate) struct ChecksWritten {
    /// What must and what must not stand in them.
    pub(super) policy: PolicyWritten,
    /// How they are built.
    pub(super) lint: LintWritten,
    /// Which agent tries them out: a command whose exit code is its answer.
    pub(super) dry_run: Option<String>,
}

/// What must and what must not stand in a proposal.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub(crate) struct PolicyWritten {
    /// All of these must be found.
    pub(super) required: Vec<PatternWritten>,
    /// None of these may be found.
    pub(super) forbidden: Vec<PatternWritten>,
}

/// Something that is looked for: a text as it is, or more.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum PatternWritten {
    /// As it is.
    Text(String),
    /// In full.
    Full(PatternFull),
}

/// Something that is looked for: a text or a regular expression.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatternFull {
    /// A text as it is.
    pub(super) text: Option<String>,
    /// Or a regular expression; `^` and `$` are the ends of a line.
    pub(super) regex: Option<String>,
    /// Whether large and small letters are the same.
    #[serde(default)]
    pub(super) ignore_case: bool,
    /// Whether it stands for whole words only.
    #[serde(default)]
    pub(super) words: bool,
    /// What is said where it is missing, or found though it must not be.
    #[serde(default)]
    pub(super) message: String,
}

/// How a proposal must be built.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub(crate) struct LintWritten {
    /// In what it is written; what cannot be read as that is an error.
    pub(super) format: Option<FormatWritten>,
    /// How many bytes it must have; by default 1.
    pub(super) min_bytes: Option<u64>,
    /// How many bytes it may have; by default 64 KiB.
    pub(super) max_bytes: Option<u64>,
    /// How many characters a line may have.
    pub(super) max_line: Option<u32>,
    /// How many words a sentence may have, in text and Markdown.
    pub(super) max_sentence: Option<u32>,
    /// Headings that must stand in it, in this order (Markdown).
    pub(super) required_headings: Vec<String>,
    /// Whether lines that end with spaces are warned of.
    pub(super) no_trailing_space: bool,
    /// Whether tabs are warned of.
    pub(super) no_tabs: bool,
}

/// In what a proposal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum FormatWritten {
    /// Any text.
    Text,
    /// Markdown.
    Markdown,
    /// JSON.
    Json,
    /// TOML.
    Toml,
}

/// How much each check weighs.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct WeightsWritten {
    /// What stands in it.
    pub(super) policy: Option<u32>,
    /// How it is built.
    pub(super) lint: Option<u32>,
    /// Whether it works.
    pub(super) dry_run: Option<u32>,
}
