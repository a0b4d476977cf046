//! Synthesis: many reviews become one list, a score and a proposal.
//!
//! The score is 100 less what the findings cost: 40 each that is critical, 15 high, 4 medium, 1 low,
//! 0 info; never below 0. The proposal is `not_ready` when anything is critical or high, when there
//! are `medium_max` (10) medium findings or more, or when a `required` reviewer (all eight of ours
//! unless told otherwise) gave no review; otherwise `ready`.

use std::collections::{BTreeMap, BTreeSet};

use orkestra_runtime::{
    Result,
    id::TaskId,
    protocol::{payload::Json, task::Failure, understanding::Understanding},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    REVIEWERS,
    finding::{Finding, Report, Severity, answer, count},
    workspace::go_on,
};
use crate::{Context, Work};

/// How many blockers and missing reviews are said to be understood, and how much of each text.
const SAID_MAX: usize = 10;
const SAID_CHARS_MAX: usize = 200;

/// What it proposes when nothing speaks against it.
const READY: &str = "ready";

#[derive(Deserialize)]
#[serde(default)]
struct Options {
    medium_max: usize,
    required: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { medium_max: 10, required: REVIEWERS.map(str::to_owned).to_vec() }
    }
}

/// What one reviewer added.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Reviewer {
    pub(super) name: String,
    pub(super) summary: String,
    pub(super) findings: usize,
    #[serde(default)]
    pub(super) facts: BTreeMap<String, Value>,
}

/// All reviews in one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Synthesis {
    pub(super) verdict_proposal: String,
    pub(super) score: u64,
    pub(super) why: String,
    pub(super) counts: BTreeMap<String, usize>,
    pub(super) missing: Vec<String>,
    pub(super) reviewers: Vec<Reviewer>,
    pub(super) blockers: Vec<Finding>,
    pub(super) findings: Vec<Finding>,
    /// Results that were no reviews.
    #[serde(default)]
    pub(super) others: Vec<String>,
}

impl Synthesis {
    /// Whether it proposes the release.
    pub(super) fn proposes(&self) -> bool {
        self.verdict_proposal == READY
    }

    /// How many findings there are of a severity.
    pub(super) fn counted(&self, severity: Severity) -> usize {
        self.counts.get(severity.as_str()).copied().unwrap_or_default()
    }

    /// The synthesis among the results; a failure that no retry mends when there is none.
    pub(super) fn among(results: &[(TaskId, Json)]) -> Result<Self, Failure> {
        let found = results.iter().find_map(|(_, json)| json.read::<Self>().ok());
        found.ok_or_else(|| {
            let names: Vec<&str> = results.iter().map(|(id, _)| id.as_str()).collect();
            let message = format!("no synthesis among the results {names:?}; depend on one");
            Failure::error(message).for_good()
        })
    }
}

/// Merges the results it depends on.
pub(super) fn run(work: &Work, context: &Context) -> Result<Json, Failure> {
    let options = work.input::<Option<Options>>()?.unwrap_or_default();
    let mut reviewers = Vec::new();
    let mut merged: BTreeMap<String, Finding> = BTreeMap::new();
    let mut present: BTreeSet<String> = BTreeSet::new();
    let mut others = Vec::new();
    for (id, json) in &work.results {
        go_on(context)?;
        let Ok(report) = json.read::<Report>() else {
            // It has no findings, but that it completed at all says something.
            present.insert(id.as_str().to_owned());
            others.push(id.as_str().to_owned());
            continue;
        };
        present.extend([id.as_str().to_owned(), report.reviewer.clone()]);
        reviewers.push(Reviewer {
            name: report.reviewer,
            summary: report.summary,
            findings: report.findings.len(),
            facts: report.facts,
        });
        for finding in report.findings {
            let known = merged.get(&finding.id).is_some_and(|it| it.severity >= finding.severity);
            if !known {
                merged.insert(finding.id.clone(), finding);
            }
        }
    }
    reviewers.sort_by(|a, b| a.name.cmp(&b.name));
    let required: Vec<String> = options.required.into_iter().filter(|it| !it.is_empty()).collect();
    let wanted = required.len();
    let missing = required.into_iter().filter(|it| !present.contains(it)).collect();
    let mut findings: Vec<Finding> = merged.into_values().collect();
    findings.sort_by(Finding::order);
    let synthesis = judge(findings, missing, options.medium_max);
    context.understand(understanding(&synthesis, wanted))?;
    answer(&Synthesis { reviewers, others, ..synthesis })
}

/// What whoever looks at the team is told: as sure as the share of the wanted reviews that came.
fn understanding(synthesis: &Synthesis, wanted: usize) -> Understanding {
    let Synthesis { verdict_proposal, score, why, missing, blockers, .. } = synthesis;
    let concern = |it: &Finding| {
        let place = it.file.as_ref().map(|file| format!(" ({})", cut(file))).unwrap_or_default();
        format!("{}{place}", cut(&it.message))
    };
    let came = wanted.saturating_sub(missing.len());
    let confidence = (came * 1_000).checked_div(wanted).unwrap_or(1_000);
    Understanding {
        role: "makes one of all reviews".to_owned(),
        current_understanding: format!("{verdict_proposal} with score {score}: {}", cut(why)),
        concerns: blockers.iter().take(SAID_MAX).map(concern).collect(),
        suggestions: missing
            .iter()
            .take(SAID_MAX)
            .map(|name| format!("wait for the review by {}", cut(name)))
            .collect(),
        confidence_milli: u16::try_from(confidence).unwrap_or(1_000),
        ..Understanding::default()
    }
}

/// The beginning of a text.
fn cut(text: &str) -> String {
    text.chars().take(SAID_CHARS_MAX).collect()
}

fn judge(findings: Vec<Finding>, missing: Vec<String>, medium_max: usize) -> Synthesis {
    let of = |severity| findings.iter().filter(|it| it.severity == severity).count();
    let counts: BTreeMap<String, usize> =
        Severity::ALL.iter().map(|it| (it.as_str().to_owned(), of(*it))).collect();
    let cost: u64 = findings.iter().map(|it| it.severity.weight()).sum();
    let is_blocker = |it: &&Finding| it.severity >= Severity::High;
    let blockers: Vec<Finding> = findings.iter().filter(is_blocker).cloned().collect();
    let medium = of(Severity::Medium);
    let mut against = Vec::new();
    if !blockers.is_empty() {
        against.push(count(blockers.len(), "blocker"));
    }
    if medium >= medium_max.max(1) {
        against.push(format!(
            "{} (fewer than {} are let pass)",
            count(medium, "medium finding"),
            medium_max.max(1)
        ));
    }
    if !missing.is_empty() {
        against.push(format!("no review by {}", missing.join(", ")));
    }
    let ready = against.is_empty();
    let why = if ready {
        format!("no blocker and {}", count(medium, "medium finding"))
    } else {
        against.join("; ")
    };
    Synthesis {
        verdict_proposal: if ready { READY } else { "not_ready" }.to_owned(),
        score: 100_u64.saturating_sub(cost),
        why,
        counts,
        missing,
        reviewers: Vec::new(),
        blockers,
        findings,
        others: Vec::new(),
    }
}
