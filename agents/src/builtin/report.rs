//! Report: what was found, as Markdown for a person.
//!
//! It reads a synthesis, and what a vote came to where there was one, from its results. First the
//! verdict and why; then who reviewed, the minutes of the vote, what stands in the way, what should be
//! mended, blemishes by rule, and what nobody looked at.

use std::{collections::BTreeMap, fmt::Write};

use orkestra_runtime::{
    Result,
    protocol::{payload::Json, task::Failure},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    finding::{Finding, Severity, answer, count},
    git::Git,
    synthesis::Synthesis,
    workspace::Repository,
};
use crate::{Context, Work};

/// How many places are named for one rule of little weight.
const PLACES_MAX: usize = 5;

#[derive(Deserialize)]
struct Input {
    repository: Repository,
}

/// What a vote came to: the result of a task that is one.
#[derive(Deserialize)]
struct Verdict {
    ready: bool,
    decision: String,
    turnout: Turnout,
    minutes: Vec<String>,
}

#[derive(Deserialize)]
struct Turnout {
    eligible: u64,
    cast: u64,
}

/// Writes the report.
pub(super) fn run(work: &Work, context: &Context) -> Result<Json, Failure> {
    let Input { repository } = work.input()?;
    let synthesis = Synthesis::among(&work.results)?;
    let verdict = work.results.iter().find_map(|(_, json)| json.read::<Verdict>().ok());
    let name = repository.path.file_name().map_or_else(
        || repository.path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    );
    let git = Git::new(repository.path, repository.commit, context);
    let date = git.commit_date()?;
    let mut text = String::new();
    head(&mut text, &synthesis, verdict.as_ref());
    let commit = git.commit();
    let date = date.unwrap_or_else(|| "an unknown date".to_owned());
    line(&mut text, &format!("Repository **{}**, commit `{commit}` of {date}.", plain(&name)));
    line(&mut text, "");
    reviewers(&mut text, &synthesis);
    minutes(&mut text, verdict.as_ref());
    section(&mut text, &synthesis, "Blockers", |it| it >= Severity::High);
    section(&mut text, &synthesis, "Should be mended", |it| it == Severity::Medium);
    blemishes(&mut text, &synthesis);
    not_checked(&mut text, &synthesis);
    answer(&json!({ "markdown": text }))
}

fn line(text: &mut String, words: &str) {
    text.push_str(words);
    text.push('\n');
}

fn head(text: &mut String, synthesis: &Synthesis, verdict: Option<&Verdict>) {
    let ready = verdict.map_or_else(|| synthesis.proposes(), |verdict| verdict.ready);
    line(text, if ready { "# Ready to release" } else { "# Not ready to release" });
    line(text, "");
    let votes = verdict.map_or_else(String::new, |verdict| {
        let Verdict { decision, turnout: Turnout { eligible, cast }, .. } = verdict;
        format!(" {cast} of {eligible} voted: {}.", plain(decision))
    });
    let why = format!("Score {} of 100: {}.{votes}", synthesis.score, plain(&synthesis.why));
    line(text, &why);
    line(text, "");
}

fn reviewers(text: &mut String, synthesis: &Synthesis) {
    line(text, "## Reviewers");
    line(text, "");
    line(text, "| Reviewer | Findings | Summary |");
    line(text, "|---|---:|---|");
    for it in &synthesis.reviewers {
        let _ =
            writeln!(text, "| {} | {} | {} |", plain(&it.name), it.findings, plain(&it.summary));
    }
    for name in &synthesis.missing {
        let _ = writeln!(text, "| {} | – | **gave no review** |", plain(name));
    }
    line(text, "");
}

/// Who said what in the vote and why, how it was counted, and what it came to.
fn minutes(text: &mut String, verdict: Option<&Verdict>) {
    let Some(verdict) = verdict else { return };
    line(text, "## Minutes of the vote");
    line(text, "");
    for told in &verdict.minutes {
        let _ = writeln!(text, "- {}", plain(told));
    }
    line(text, "");
}

fn section(text: &mut String, synthesis: &Synthesis, title: &str, of: impl Fn(Severity) -> bool) {
    let found: Vec<&Finding> = synthesis.findings.iter().filter(|it| of(it.severity)).collect();
    let _ = writeln!(text, "## {title}\n");
    if found.is_empty() {
        line(text, "None.");
    }
    for it in &found {
        let _ =
            write!(text, "- **{}** {}: {}", it.severity.as_str(), place(it), plain(&it.message));
        let _ = writeln!(text, " (`{}`)", it.rule);
        if let Some(evidence) = &it.evidence {
            let _ = writeln!(text, "  - seen: {}", code(evidence));
        }
        if let Some(advice) = &it.advice {
            let _ = writeln!(text, "  - advice: {}", plain(advice));
        }
    }
    line(text, "");
}

fn place(it: &Finding) -> String {
    match (&it.file, it.line) {
        (Some(file), Some(line)) => code(&format!("{file}:{line}")),
        (Some(file), None) => code(file),
        (None, _) => "the repository".to_owned(),
    }
}

/// What weighs little, by rule.
fn blemishes(text: &mut String, synthesis: &Synthesis) {
    let mut rules: BTreeMap<(&str, &str), Vec<&Finding>> = BTreeMap::new();
    for it in synthesis.findings.iter().filter(|it| it.severity <= Severity::Low) {
        let order = if it.severity == Severity::Low { "low" } else { "note" };
        rules.entry((order, &it.rule)).or_default().push(it);
    }
    line(text, "## Blemishes and notes");
    line(text, "");
    if rules.is_empty() {
        line(text, "None.");
    }
    for ((order, rule), found) in rules {
        let mut places: Vec<String> = found.iter().take(PLACES_MAX).map(|it| place(it)).collect();
        places.dedup();
        let more = found.len().saturating_sub(PLACES_MAX);
        if more > 0 {
            places.push(format!("{more} more"));
        }
        let first = found.first().map(|it| plain(&it.message)).unwrap_or_default();
        let _ = writeln!(
            text,
            "- {order} `{rule}`, {}: {} (first: {first})",
            count(found.len(), "time"),
            places.join(", ")
        );
    }
    line(text, "");
}

fn not_checked(text: &mut String, synthesis: &Synthesis) {
    line(text, "## What was not checked");
    line(text, "");
    line(text, "- whether the code is right: nothing of the repository was run");
    for it in &synthesis.reviewers {
        if let Some(what) = it.facts.get("not_checked").and_then(Value::as_str) {
            let _ = writeln!(text, "- {}: {}", plain(&it.name), plain(what));
        }
        let left_out = it.facts.get("findings_left_out").and_then(Value::as_u64).unwrap_or(0);
        if left_out > 0 {
            let _ = writeln!(text, "- {}: {left_out} findings are not listed", plain(&it.name));
        }
    }
    for name in &synthesis.missing {
        let _ = writeln!(text, "- everything that {} looks at", plain(name));
    }
    for name in &synthesis.others {
        let _ = writeln!(text, "- the result of {} is no review and was not weighed", plain(name));
    }
    let counts: Vec<String> = Severity::ALL
        .iter()
        .map(|it| format!("{} {}", synthesis.counted(*it), it.as_str()))
        .collect();
    let _ = writeln!(text, "\nFindings: {}.", counts.join(", "));
}

/// Words from elsewhere, without what Markdown or HTML would make of them.
fn plain(words: &str) -> String {
    let mut text = String::with_capacity(words.len());
    for c in words.chars() {
        match c {
            '|' | '*' | '[' | ']' | '<' | '>' | '`' | '\\' | '#' => text.extend(['\\', c]),
            c if c.is_control() => text.push(' '),
            c => text.push(c),
        }
    }
    text
}

/// Words as inline code; backquotes within would end it.
fn code(words: &str) -> String {
    let clean: String =
        words.chars().map(|c| if c == '`' || c.is_control() { '\'' } else { c }).collect();
    format!("`{clean}`")
}
