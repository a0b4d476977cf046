//! Checks before and after an attempt: their names, what they find, and how one switches them.
//!
//! Whether something is blocked is decided in one place: [`is_blocked`], by any result of level
//! `fail` or `critical`. A check that could not be made is a warning, and never blocks.

mod names;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

pub use names::{Category, CheckName, Phase, Place};

use crate::{
    protocol::failure::{Failure, cut},
    time::Wall,
};

/// The longest message, detail or suggestion of a result; longer ones are cut.
pub const CHECK_TEXT_BYTES_MAX: usize = 400;

/// How bad what a check found is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// All is well.
    Pass,
    /// Somebody should look.
    Warning,
    /// It blocks.
    Fail,
    /// It blocks, and more than this is wrong.
    Critical,
}

impl Level {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warning => "warning",
            Self::Fail => "fail",
            Self::Critical => "critical",
        }
    }

    /// How bad it is that so much of something is free: below 10 % a warning, below 5 % critical.
    /// What has no size (some file systems tell none) has room.
    pub fn of_room(free: u64, total: u64) -> Self {
        let hundredfold = u128::from(free) * 100;
        match u128::from(total) {
            0 => Self::Pass,
            total if hundredfold < total * 5 => Self::Critical,
            total if hundredfold < total * 10 => Self::Warning,
            _ => Self::Pass,
        }
    }

    /// Whether it blocks.
    pub const fn blocks(self) -> bool {
        matches!(self, Self::Fail | Self::Critical)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Which check.
    pub check_name: CheckName,
    /// What it is about.
    pub category: Category,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub message: String,
    /// More of it, e.g. which files; may be empty.
    pub details: String,
    /// What to do; empty if all is well.
    pub suggestion: String,
    /// When it was checked.
    pub timestamp: Wall,
}

impl CheckResult {
    /// A result of this level.
    pub fn new(check: CheckName, level: Level, at: Wall, message: impl Into<String>) -> Self {
        Self {
            check_name: check,
            category: check.category(),
            level,
            message: cut(message.into(), CHECK_TEXT_BYTES_MAX),
            details: String::new(),
            suggestion: String::new(),
            timestamp: at,
        }
    }

    /// All is well.
    pub fn pass(check: CheckName, at: Wall, message: impl Into<String>) -> Self {
        Self::new(check, Level::Pass, at, message)
    }

    /// It could not be checked, which is a warning whatever the check is about.
    pub fn unable(check: CheckName, at: Wall, why: impl fmt::Display) -> Self {
        let message = format!("cannot check: {why}");
        Self::new(check, Level::Warning, at, message)
    }

    /// Whether it could not be checked.
    pub fn is_unable(&self) -> bool {
        self.message.starts_with("cannot check: ")
    }

    /// The same result with more to read.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = cut(details.into(), CHECK_TEXT_BYTES_MAX);
        self
    }

    /// The same result with advice.
    #[must_use]
    pub fn advise(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = cut(suggestion.into(), CHECK_TEXT_BYTES_MAX);
        self
    }
}

/// Whether these results block: any of them fails or is critical.
pub fn is_blocked(results: &[CheckResult]) -> bool {
    results.iter().any(|result| result.level.blocks())
}

/// The failure of an attempt that these results block; none if they do not. It may be tried again
/// only if time may mend every check that blocks.
pub fn blocked(phase: Phase, results: &[CheckResult]) -> Option<Failure> {
    let blocking: Vec<&CheckResult> =
        results.iter().filter(|result| result.level.blocks()).collect();
    if blocking.is_empty() {
        return None;
    }
    let told = blocking.iter().map(|result| {
        let CheckResult { check_name, level, message, suggestion, .. } = result;
        let advice = if suggestion.is_empty() { String::new() } else { format!("; {suggestion}") };
        format!("{} ({level}): {message}{advice}", check_name.title())
    });
    let told: Vec<String> = told.collect();
    let failure = Failure::error(format!("blocked by {phase}-task checks: {}", told.join(" · ")));
    let may_mend = blocking.iter().all(|result| result.check_name.may_mend());
    Some(if may_mend { failure } else { failure.for_good() })
}

/// The files that a task works on. Relative paths are relative to `dir`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// The folder in which it works.
    pub dir: String,
    /// Where it writes, if it must be able to.
    #[serde(default)]
    pub output_dir: Option<String>,
    /// What it must have written.
    #[serde(default)]
    pub output_file: Option<String>,
    /// What it reads.
    #[serde(default)]
    pub input_files: Vec<String>,
}

/// What somebody wants of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// It is not made.
    Off,
    /// It is made, and has its own level.
    On,
    /// It is made; when it fails it is a warning.
    Warning,
    /// It is made; when it fails it blocks.
    Fail,
    /// It is made; when it fails it is critical, and blocks.
    Critical,
}

/// What somebody wants of checks; what is not named is as it is by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Switches(pub BTreeMap<CheckName, Switch>);

impl Switches {
    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a check is made.
    pub fn runs(&self, check: CheckName) -> bool {
        match self.0.get(&check) {
            None => !check.is_optional(),
            Some(Switch::Off) => false,
            Some(Switch::On | Switch::Warning | Switch::Fail | Switch::Critical) => true,
        }
    }

    /// The level of a check that found something wrong; `own` is the level that it has by itself.
    pub fn level(&self, check: CheckName, own: Level) -> Level {
        match self.0.get(&check) {
            _ if own == Level::Pass => own,
            None | Some(Switch::Off | Switch::On) => own,
            Some(Switch::Warning) => Level::Warning,
            Some(Switch::Fail) => Level::Fail,
            Some(Switch::Critical) => Level::Critical,
        }
    }

    /// These switches, and for what they do not name the others.
    #[must_use]
    pub fn or(&self, others: &Self) -> Self {
        let mut all = others.0.clone();
        all.extend(self.0.iter().map(|(check, switch)| (*check, *switch)));
        Self(all)
    }

    /// The checks that are made at a place in a phase, in their order.
    pub fn at(&self, phase: Phase, place: Place) -> impl Iterator<Item = CheckName> {
        let fits = move |check: &CheckName| check.phase() == phase && check.place() == place;
        CheckName::ALL.into_iter().filter(fits).filter(|check| self.runs(*check))
    }
}

#[cfg(test)]
mod tests;
