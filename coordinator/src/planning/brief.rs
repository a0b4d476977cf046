//! What an agent has to know for a task, in four blocks, and what they weigh. Pure over what was read:
//! the same things read are the same blocks, with the same hash.
//!
//! | block | holds |
//! |---|---|
//! | system | who the agent is, and what counts in the phase |
//! | context | the task, its plan, what came of the tasks before it, what agents understand, what people decided |
//! | tools | who could do it, and what they can do |
//! | history | what happened in its run, oldest first |
//!
//! Nothing that only passes by is in it: no time of asking, no age, no state of a worker. So the hash
//! is the same as long as nothing happened to what the blocks show.

use std::fmt::Write as _;

use orkestra_runtime::Result;
use serde::Serialize;

use super::words::{RoleName, fingerprint, invalid, shown};
use crate::written::did_you_mean;

/// How many events a history has that is not asked for more or fewer, and at most.
pub const EVENTS: (u32, u32) = (50, 500);
/// The most characters of one result, understanding or decision that are shown.
const SHOWN_CHARS_MAX: usize = 600;

/// In which phase the work is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum BriefPhase {
    /// It is decided how it is to be.
    Design,
    /// It is built: the default.
    #[default]
    Build,
    /// It is tested.
    Test,
    /// It is described.
    Docs,
}

impl BriefPhase {
    /// Reads its name, in any case; nothing is BUILD.
    pub fn named(text: &str) -> Result<Self> {
        match text.to_ascii_uppercase().as_str() {
            "" | "BUILD" => Ok(Self::Build),
            "DESIGN" => Ok(Self::Design),
            "TEST" => Ok(Self::Test),
            "DOCS" => Ok(Self::Docs),
            _ => Err(invalid(format!(
                "there is no phase {:?}: use DESIGN, BUILD, TEST or DOCS",
                shown(text)
            ))),
        }
    }

    const fn rules(self) -> &'static str {
        match self {
            Self::Design => {
                "Phase DESIGN. Decide how it is to be, and say why. Name what you left out and what \
                 it costs. Do not build yet."
            }
            Self::Build => {
                "Phase BUILD. Do what the task says, and no more. Keep to what was decided; where that \
                 does not work, say so."
            }
            Self::Test => {
                "Phase TEST. Prove or refute that it does what the task says. Report what you found, \
                 with what to do to see it. Do not mend it."
            }
            Self::Docs => {
                "Phase DOCS. Describe what there is, for whoever uses it. Describe nothing that is \
                 not there."
            }
        }
    }
}

/// A part of a brief that can be asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The task itself.
    Task,
    /// The plan that it belongs to.
    Plan,
    /// What came of the tasks before it.
    Results,
    /// What agents understand.
    Understandings,
    /// What people decided.
    Decisions,
    /// Who could do it.
    Tools,
    /// What happened.
    Timeline,
}

impl Scope {
    /// All, as they are called.
    pub const ALL: [(&'static str, Self); 7] = [
        ("task", Self::Task),
        ("plan", Self::Plan),
        ("results", Self::Results),
        ("understandings", Self::Understandings),
        ("decisions", Self::Decisions),
        ("tools", Self::Tools),
        ("timeline", Self::Timeline),
    ];

    /// Reads its name, in any case.
    pub fn named(text: &str) -> Result<Self> {
        let lower = text.to_ascii_lowercase();
        let found = Self::ALL.iter().find(|(name, _)| *name == lower);
        found.map(|(_, scope)| *scope).ok_or_else(|| {
            let help = did_you_mean(&lower, Self::ALL.iter().map(|(name, _)| *name));
            let help = help.map(|help| format!("; {help}")).unwrap_or_default();
            invalid(format!("there is no scope {:?}{help}", shown(text)))
        })
    }
}

/// What of a brief is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BriefOptions {
    /// Whether the history is.
    pub include_timeline: bool,
    /// Whether what people decided is.
    pub include_decisions: bool,
    /// Whether what came of other tasks, and what agents understand, is.
    pub include_summaries: bool,
    /// How many events of the history; 0: 50. More than 500 are 500.
    pub max_events: u32,
    /// Only these parts; nothing: all of them.
    pub scopes: Vec<Scope>,
}

impl Default for BriefOptions {
    /// All of it.
    fn default() -> Self {
        Self {
            include_timeline: true,
            include_decisions: true,
            include_summaries: true,
            max_events: 0,
            scopes: Vec::new(),
        }
    }
}

impl BriefOptions {
    /// How many events are read for it.
    pub fn events(&self) -> u32 {
        match self.max_events {
            0 => EVENTS.0,
            wanted => wanted.min(EVENTS.1),
        }
    }

    fn wants(&self, scope: Scope) -> bool {
        let is_included = match scope {
            Scope::Timeline => self.include_timeline,
            Scope::Decisions => self.include_decisions,
            Scope::Results | Scope::Understandings => self.include_summaries,
            Scope::Task | Scope::Plan | Scope::Tools => true,
        };
        is_included && (self.scopes.is_empty() || self.scopes.contains(&scope))
    }
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BriefRequest {
    /// For which task.
    pub task_id: String,
    /// Of which case; may be empty.
    pub case_id: String,
    /// Of which story; may be empty.
    pub story_id: String,
    /// For whom.
    pub role: RoleName,
    /// In which phase.
    pub phase: BriefPhase,
    /// What of it.
    pub options: BriefOptions,
}

/// What was read for a brief: names and texts, without anything that only passes by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gathered {
    /// The task: its title and what is to be done.
    pub title: String,
    /// What is to be done.
    pub instructions: String,
    /// In which run, if it was submitted.
    pub run: Option<String>,
    /// Where it stands, if it was submitted.
    pub state: Option<String>,
    /// What it must do, by its plan.
    pub requirements: Vec<String>,
    /// By what it is judged, by its plan.
    pub rubric: String,
    /// The plan, in a line; empty if it has none.
    pub plan: String,
    /// What it waits for: the task, and what came of it.
    pub results: Vec<(String, String)>,
    /// What agents said that they understand.
    pub understandings: Vec<(String, String)>,
    /// Who decided, and what.
    pub decisions: Vec<(String, String)>,
    /// Who could do it, and what they can do.
    pub tools: Vec<(String, String)>,
    /// What happened, oldest first: when in milliseconds, and what.
    pub timeline: Vec<(u64, String)>,
}

/// The blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blocks {
    /// Who the agent is, and what counts.
    pub system: String,
    /// What there is to know.
    pub context: String,
    /// Who could do it.
    pub tools: String,
    /// What happened.
    pub history: String,
}

/// What an agent has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    /// All blocks that say anything, one after the other.
    pub text: String,
    /// The blocks.
    pub blocks: Blocks,
    /// About how many tokens that is: see [`tokens`].
    pub token_count: u32,
    /// The SHA-256 of the blocks as JSON, in hexadecimal.
    pub version_hash: String,
}

/// About how many tokens a text is: one for four bytes, and no fewer than it has words. No model's own
/// count; for those of today it is within a third of it for English, and too many rather than too few
/// for others.
pub fn tokens(text: &str) -> u32 {
    let words = text.split_whitespace().count();
    u32::try_from(words.max(text.len().div_ceil(4))).unwrap_or(u32::MAX)
}

/// Writes the brief.
pub fn brief(request: &BriefRequest, read: &Gathered) -> Brief {
    let options = &request.options;
    let blocks = Blocks {
        system: system(request),
        context: context(request, read),
        tools: listed(
            options.wants(Scope::Tools),
            "Who could do this task, and what they can do:",
            &read.tools,
        ),
        history: history(options, read),
    };
    let parts = [&blocks.system, &blocks.context, &blocks.tools, &blocks.history];
    let said: Vec<&str> =
        parts.into_iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    let text = said.join("\n\n");
    // Four texts can be written, their names in the same order always.
    let canonical = serde_json::to_string(&blocks).unwrap_or_default();
    Brief {
        token_count: tokens(&text),
        version_hash: fingerprint([canonical.as_str()]),
        text,
        blocks,
    }
}

fn system(request: &BriefRequest) -> String {
    format!("You are {}.\n{}", request.role.as_str(), request.phase.rules())
}

fn context(request: &BriefRequest, read: &Gathered) -> String {
    let options = &request.options;
    let mut text = String::new();
    // Writing to text cannot fail.
    let mut line = |label: &str, said: &str| {
        if !said.trim().is_empty() {
            let _ = writeln!(text, "{label}: {said}");
        }
    };
    line("Task", &request.task_id);
    line("Case", &request.case_id);
    line("Story", &request.story_id);
    if options.wants(Scope::Task) {
        line("Title", &read.title);
        line("To do", &read.instructions);
        line("Run", read.run.as_deref().unwrap_or_default());
        line("State", read.state.as_deref().unwrap_or_default());
    }
    if options.wants(Scope::Plan) {
        line("Plan", &read.plan);
        line("Judged by", &read.rubric);
        for requirement in &read.requirements {
            line("It must", requirement);
        }
    }
    let lists = [
        (Scope::Results, "What came of the tasks before it:", &read.results),
        (Scope::Understandings, "What agents understand:", &read.understandings),
        (Scope::Decisions, "What people decided:", &read.decisions),
    ];
    for (scope, head, entries) in lists {
        let part = listed(options.wants(scope), head, entries);
        if !part.is_empty() {
            let _ = writeln!(text, "{part}");
        }
    }
    text.trim_end().to_owned()
}

fn listed(is_wanted: bool, head: &str, entries: &[(String, String)]) -> String {
    if !is_wanted || entries.is_empty() {
        return String::new();
    }
    let mut text = head.to_owned();
    for (who, what) in entries {
        let _ = write!(text, "\n- {who}: {}", cut(what));
    }
    text
}

fn history(options: &BriefOptions, read: &Gathered) -> String {
    let count = usize::try_from(options.events()).unwrap_or(usize::MAX);
    let skipped = read.timeline.len().saturating_sub(count);
    let latest = read.timeline.get(skipped..).unwrap_or_default();
    if !options.wants(Scope::Timeline) || latest.is_empty() {
        return String::new();
    }
    let mut text = "What happened, oldest first:".to_owned();
    for (at, what) in latest {
        let _ = write!(text, "\n- {}: {}", orkestra_runtime::time::Wall::from_ms(*at), cut(what));
    }
    text
}

/// One line, and no more of it than makes sense.
fn cut(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    let line = line.join(" ");
    match line.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
