//! `orkestra doctor`: looks at a folder, alive or dead, at the machine and at the team, or at a
//! cluster, and advises.
//!
//! Promises: nothing is changed; one finding for each thing that was looked at, also when it could
//! not be (then a warning, "cannot check"); no value of a secret is read into a finding. It does not
//! promise that what is well now is well later.
//!
//! | file | what it looks at |
//! |---|---|
//! | `store.rs` | files: durability, checksums, snapshots, blobs, permissions, backups, the control door |
//! | `tasks.rs` | the record: references, cycles, counts, what is stuck or worn out |
//! | `locks.rs` | the record: who holds locks, who waits too long, circles of waits |
//! | `host.rs` | the machine: disk, inodes, clock, limits, memory |
//! | `team.rs` | agents: who cannot work and why; for a scenario its programs and keys |
//! | `cluster.rs` | a cluster: its servers, its nodes, who leads, and the record of each shard |

mod cluster;
mod host;
mod locks;
mod parse;
mod store;
mod tasks;
mod team;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use orkestra_runtime::{
    protocol::check::{Category, Level},
    time::Now,
};
use serde::Serialize;

pub use cluster::{SeenCluster, examine_cluster};

use super::{
    heal::Action,
    remedy::{Remedies, Remedy},
};
use crate::{inspect::Inspection, scenario::AgentConfig, team::Shared};

/// What is to be looked at.
#[derive(Debug, Default)]
pub struct Questions<'a> {
    /// The folder of runs.
    pub data_dir: PathBuf,
    /// Whether every blob is read; otherwise a sample.
    pub deep: bool,
    /// Where backups are kept, if anywhere.
    pub backups: Option<PathBuf>,
    /// The agents of a scenario that is to be run, and what they share.
    pub team: Option<(&'a [AgentConfig], &'a Shared)>,
}

/// What was found about one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which part it belongs to: `store`, `tasks`, `locks`, `host`, `team`, `cluster`.
    pub section: &'static str,
    /// What was looked at.
    pub name: String,
    /// What it is about.
    pub category: Category,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub message: String,
    /// More of it; may be empty.
    pub details: String,
    /// What to do; empty if all is well.
    pub suggestion: String,
}

impl Finding {
    fn new(
        (section, category): (&'static str, Category),
        name: &str,
        level: Level,
        message: impl Into<String>,
    ) -> Self {
        Self {
            section,
            name: name.to_owned(),
            category,
            level,
            message: message.into(),
            details: String::new(),
            suggestion: String::new(),
        }
    }

    fn details(mut self, details: impl Into<String>) -> Self {
        self.details = details.into();
        self
    }

    fn advise(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = suggestion.into();
        self
    }
}

/// How many names one finding tells.
const NAMES_MAX: usize = 10;

/// The first few of these, and how many more there are.
fn listed(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    let shown = names.get(..NAMES_MAX).unwrap_or(&names).join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// How many findings there are of each level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// All is well.
    pub pass: u64,
    /// Somebody should look.
    pub warning: u64,
    /// Something is wrong.
    pub fail: u64,
    /// Something is badly wrong.
    pub critical: u64,
}

impl Summary {
    /// Whether nothing fails or is critical.
    pub const fn is_well(&self) -> bool {
        self.fail == 0 && self.critical == 0
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnosis {
    /// The version of this program.
    pub version: &'static str,
    /// What survives which failure, if there is a store.
    pub durability: Option<&'static str>,
    /// What was done, if something was to be healed.
    pub actions: Vec<Action>,
    /// What was found, part by part.
    pub findings: Vec<Finding>,
    /// How failures were met, and how well that worked.
    pub remedies: Vec<Remedy>,
    /// How much of it is well.
    pub summary: Summary,
}

/// Looks at everything that was asked for. `actions`: what was healed before, to be told with it.
pub async fn examine(questions: &Questions<'_>, now: Now, actions: Vec<Action>) -> Diagnosis {
    let dir = &questions.data_dir;
    let (mut findings, mut remedies, mut durability) = (Vec::new(), Vec::new(), None);
    let mut last_record = None;
    if dir.exists() {
        let opened = Inspection::of(dir).await;
        store::files(questions, now, opened.as_ref().err(), &mut findings).await;
        if let Ok(inspection) = opened {
            durability = Some(inspection.durability().as_str());
            last_record = Some(inspection.last_record());
            store::record(dir, &inspection, &mut findings).await;
            tasks::look(inspection.tasks(), now, &mut findings);
            locks::look(inspection.shard(), now, &mut findings);
            team::known(&inspection, now, &mut findings);
            remedies = remedies_of(&inspection, &mut findings).await;
            inspection.close().await;
        }
    } else {
        let message = format!("nothing was run in {} yet", dir.display());
        let section = ("store", Category::FileSystem);
        findings.push(Finding::new(section, "Folder", Level::Pass, message));
    }
    host::look(dir, (now, last_record), &mut findings).await;
    if let Some((agents, shared)) = questions.team {
        team::wanted(agents, shared, &mut findings).await;
    }
    Diagnosis::new(durability, actions, findings, remedies)
}

impl Diagnosis {
    fn new(
        durability: Option<&'static str>,
        actions: Vec<Action>,
        findings: Vec<Finding>,
        remedies: Vec<Remedy>,
    ) -> Self {
        let mut summary = Summary::default();
        for finding in &findings {
            match finding.level {
                Level::Pass => summary.pass += 1,
                Level::Warning => summary.warning += 1,
                Level::Fail => summary.fail += 1,
                Level::Critical => summary.critical += 1,
            }
        }
        let version = env!("CARGO_PKG_VERSION");
        Self { version, durability, actions, findings, remedies, summary }
    }
}

async fn remedies_of(inspection: &Inspection, findings: &mut Vec<Finding>) -> Vec<Remedy> {
    let mut remedies = Remedies::default();
    if let Err(error) = inspection.each_event(|event| remedies.see(event)).await {
        let message = format!("cannot check: {error}");
        let section = ("tasks", Category::DataIntegrity);
        findings.push(Finding::new(section, "Failures", Level::Warning, message));
    }
    remedies.seen()
}
