//! What a reviewer hands over: findings, facts, and one sentence.

use std::collections::{BTreeMap, HashMap};

use orkestra_runtime::{
    Result,
    protocol::{payload::Json, task::Failure},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::redact::Redactor;

/// The most findings that one reviewer lists; the gravest are kept, and the rest counted.
pub const FINDINGS_MAX: usize = 500;
/// The longest piece of evidence, in characters; longer ones are cut.
const EVIDENCE_CHARS_MAX: usize = 200;

/// The longest message, in characters.
const MESSAGE_CHARS_MAX: usize = 500;

/// How much a finding matters, the least first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    #[default]
    Info,
    /// A blemish.
    Low,
    /// Should be mended before a release.
    Medium,
    /// Stands in the way of a release.
    High,
    /// Does harm already.
    Critical,
}

impl Severity {
    /// All of them, the gravest first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Info];

    /// Its name, as JSON spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// How many points of a hundred it costs.
    pub const fn weight(self) -> u64 {
        match self {
            Self::Info => 0,
            Self::Low => 1,
            Self::Medium => 4,
            Self::High => 15,
            Self::Critical => 40,
        }
    }
}

/// One thing that a reviewer found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The same for the same thing in every review; sixteen hexadecimal digits.
    pub id: String,
    /// What was broken: the reviewer's name, a dot, and the rule.
    pub rule: String,
    /// How much it matters.
    pub severity: Severity,
    /// The file, from the root of the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in it, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What is wrong, for a person.
    pub message: String,
    /// What it was seen by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Finding {
    /// A finding about the whole repository; the reviewer's name is put before the rule later.
    pub(crate) fn new(severity: Severity, rule: &str, message: impl Into<String>) -> Self {
        Self {
            id: String::new(),
            rule: rule.to_owned(),
            severity,
            file: None,
            line: None,
            message: message.into(),
            evidence: None,
            advice: None,
        }
    }

    /// The same, about a file.
    pub(crate) fn file(mut self, file: &str) -> Self {
        self.file = Some(file.to_owned());
        self
    }

    /// The same, about a line of a file.
    pub(crate) fn at(self, file: &str, line: usize) -> Self {
        Self { line: u32::try_from(line).ok(), ..self.file(file) }
    }

    pub(crate) fn evidence(mut self, evidence: &str) -> Self {
        self.evidence = Some(evidence.trim().to_owned());
        self
    }

    pub(crate) fn advice(mut self, advice: &str) -> Self {
        self.advice = Some(advice.to_owned());
        self
    }

    /// The order in which findings are listed: the gravest first, then by place.
    pub(crate) fn order(&self, other: &Self) -> std::cmp::Ordering {
        other.severity.cmp(&self.severity).then_with(|| self.place().cmp(&other.place()))
    }

    fn place(&self) -> (Option<&str>, Option<u32>, &str, &str) {
        (self.file.as_deref(), self.line, &self.rule, &self.id)
    }
}

/// What a reviewer answers with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Who.
    pub reviewer: String,
    /// One sentence.
    pub summary: String,
    /// What was found, the gravest first.
    pub findings: Vec<Finding>,
    /// What was counted, and what was not looked at.
    #[serde(default)]
    pub facts: BTreeMap<String, Value>,
}

/// A review in the making.
pub(crate) struct Review {
    reviewer: &'static str,
    findings: Vec<Finding>,
    facts: BTreeMap<String, Value>,
    counts: BTreeMap<&'static str, usize>,
    met: HashMap<String, u32>,
    redactor: Redactor,
}

impl Review {
    pub(crate) fn new(reviewer: &'static str) -> Result<Self, Failure> {
        Ok(Self {
            reviewer,
            findings: Vec::new(),
            facts: BTreeMap::new(),
            counts: BTreeMap::new(),
            met: HashMap::new(),
            redactor: Redactor::new()?,
        })
    }

    /// Keeps a finding. What looks like a secret is struck out of its words first, as a reviewer of
    /// comments may quote a line that holds one; only then are they cut, for the half of a secret
    /// does not look like one.
    pub(crate) fn add(&mut self, mut finding: Finding) {
        finding.message = shorten(&self.redactor.strike(&finding.message), MESSAGE_CHARS_MAX);
        let strike = |it: String| shorten(&self.redactor.strike(&it), EVIDENCE_CHARS_MAX);
        finding.evidence = finding.evidence.map(strike);
        finding.rule = format!("{}.{}", self.reviewer, finding.rule);
        let key = finding.evidence.as_deref().unwrap_or(&finding.message);
        let file = finding.file.as_deref().unwrap_or_default();
        let base = format!("{}\0{}\0{file}\0{key}", self.reviewer, finding.rule);
        let nth = self.met.entry(base.clone()).or_default();
        *nth += 1;
        finding.id = digest(&format!("{base}\0{nth}"));
        *self.counts.entry(finding.severity.as_str()).or_default() += 1;
        self.findings.push(finding);
        if self.findings.len() >= FINDINGS_MAX * 8 {
            self.keep_the_gravest();
        }
    }

    /// Notes a number or a name.
    pub(crate) fn fact(&mut self, name: &str, value: impl Into<Value>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    /// How many findings above `info` there are.
    pub(crate) fn found(&self) -> usize {
        self.counts.iter().filter(|(name, _)| **name != "info").map(|(_, count)| count).sum()
    }

    fn keep_the_gravest(&mut self) {
        self.findings.sort_by(Finding::order);
        self.findings.truncate(FINDINGS_MAX);
    }

    /// Sorts, bounds and writes it all.
    pub(crate) fn finish(mut self, summary: impl Into<String>) -> Result<Json, Failure> {
        self.keep_the_gravest();
        let total: usize = self.counts.values().sum();
        let left_out = total - self.findings.len();
        if left_out > 0 {
            let message = format!("{left_out} more findings are not listed");
            self.add(Finding::new(Severity::Info, "more", message));
        }
        let counts = serde_json::to_value(&self.counts).unwrap_or_default();
        self.fact("counts", counts);
        self.fact("findings_left_out", left_out);
        answer(&Report {
            reviewer: self.reviewer.to_owned(),
            summary: self.redactor.strike(&summary.into()),
            findings: self.findings,
            facts: self.facts,
        })
    }
}

/// Writes a reviewer's answer.
pub(crate) fn answer<T: Serialize>(value: &T) -> Result<Json, Failure> {
    Json::of(value)
        .map_err(|error| Failure::error(format!("cannot write the answer: {error}")).for_good())
}

/// The first sixteen hexadecimal digits of a text's SHA-256.
fn digest(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    let number = hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
    format!("{number:016x}")
}

/// Cuts a text to so many characters, and says so by an ellipsis; control characters become spaces.
pub(crate) fn shorten(text: &str, chars_max: usize) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.chars().take(chars_max).map(clean).collect();
    if text.chars().nth(chars_max).is_some() {
        short.push('…');
    }
    short
}

/// A number with its noun: `1 file`, `2 files`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
