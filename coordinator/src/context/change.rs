//! What a person may change, as one value: for whoever carries it from another process.

use orkestra_runtime::Result;
use serde::{Deserialize, Serialize};

use crate::context::{
    client::Contexts,
    event::{ProjectPhase, SnapshotNo},
};

/// A change that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextChange {
    /// A snapshot of the present.
    Snapshot {
        /// What is said of it; 500 characters at most.
        #[serde(default)]
        note: String,
    },
    /// What was understood at a snapshot, and its phase, becomes the present.
    Restore {
        /// Which.
        snapshot: SnapshotNo,
    },
    /// The work is in this phase.
    Phase {
        /// Which.
        phase: ProjectPhase,
    },
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextChanged {
    /// `snapshot`, `restored` or `phase`.
    pub change: String,
    /// The snapshot that was taken or restored.
    pub snapshot: Option<SnapshotNo>,
    /// The snapshot of what was the present before a restore: restore it to undo that.
    pub before: Option<SnapshotNo>,
    /// The phase that was said.
    pub phase: Option<ProjectPhase>,
    /// The version of the context since then.
    pub context_version: u64,
}

impl Contexts {
    /// Makes a change, for the record by this one.
    pub async fn change(&self, change: &ContextChange, by: &str) -> Result<ContextChanged> {
        let nothing = ContextChanged {
            change: String::new(),
            snapshot: None,
            before: None,
            phase: None,
            context_version: 0,
        };
        Ok(match change {
            ContextChange::Snapshot { note } => {
                let (snapshot, context_version) = self.snapshot(by, note).await?;
                let (change, snapshot) = ("snapshot".to_owned(), Some(snapshot));
                ContextChanged { change, snapshot, context_version, ..nothing }
            }
            ContextChange::Restore { snapshot } => {
                let restored = self.restore(*snapshot, by).await?;
                let (snapshot, before) = (Some(*snapshot), Some(restored.before));
                let (change, context_version) = ("restored".to_owned(), restored.version);
                ContextChanged { change, snapshot, before, context_version, ..nothing }
            }
            ContextChange::Phase { phase } => {
                let context_version = self.set_phase(*phase, by).await?;
                let (change, phase) = ("phase".to_owned(), Some(*phase));
                ContextChanged { change, phase, context_version, ..nothing }
            }
        })
    }
}

impl ContextChanged {
    /// What happened, and what to do next, for a person.
    pub fn told(&self) -> String {
        let version = self.context_version;
        match (self.snapshot, self.before, self.phase) {
            (Some(snapshot), Some(before), _) => format!(
                "snapshot {snapshot} is restored; the context has version {version}\n\
                 tasks are as they were; `orkestra context restore {before}` undoes this"
            ),
            (Some(snapshot), None, _) => {
                format!("snapshot {snapshot} is taken; the context has version {version}")
            }
            (None, _, Some(phase)) => {
                let phase = phase.as_str();
                format!("the phase is {phase}; the context has version {version}")
            }
            (None, _, None) => format!("the context has version {version}"),
        }
    }
}
