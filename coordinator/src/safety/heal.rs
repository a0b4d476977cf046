//! Self-healing of a folder, in a fixed order, with a list of what was done.
//!
//! 1. Locks of tasks that are gone: whoever leads a shard gives them back when it begins.
//! 2. Tasks in progress without news for more than an hour wait for an agent again.
//! 3. Tasks that need a task which is not there fail, with that reason.
//! 4. Folders of attempts that a dead life of this node left behind are removed. Each start does so
//!    too; this is for what a start could not remove, or somebody put back.
//! 5. Snapshots are read again, and folded.
//!
//! The record is changed by a command to whoever leads it: the node at work, or one without agents
//! that was started for it. So the same function serves both.

use std::{fs, path::Path};

use orkestra_runtime::{Error, ErrorKind, Result, id::NodeId};
use serde::{Deserialize, Serialize};

use crate::{
    client::Tasks,
    inspect::Inspection,
    task::{Repair, STUCK_AFTER},
};

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Action {
    /// A repair of the record.
    Record(Repair),
    /// Something else.
    Files(FileAction),
}

/// One thing that was done with files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum FileAction {
    /// The folder of a dead attempt was removed.
    FolderRemoved {
        /// Which.
        path: String,
    },
    /// Snapshots were read again, and folded.
    SnapshotsVerified {
        /// How many are sound.
        sound: u64,
        /// What is wrong with the others.
        faults: Vec<String>,
    },
}

impl Action {
    /// What was done, in one sentence.
    pub fn told(&self) -> String {
        match self {
            Self::Record(Repair::Released { run, task, attempt, agent, since }) => {
                let whose = agent.as_ref().map(|agent| format!(" of {agent}")).unwrap_or_default();
                let hours = STUCK_AFTER.as_secs() / 3_600;
                format!(
                    "task {task} of run {run} waits again: attempt {attempt}{whose} was in progress \
                     since {since}, without news for more than {hours} h"
                )
            }
            Self::Record(Repair::Failed { run, task, missing }) => {
                format!(
                    "task {task} of run {run} has failed: it needs {missing}, which is not there"
                )
            }
            Self::Files(FileAction::FolderRemoved { path }) => {
                format!("the folder of a dead attempt was removed: {path}")
            }
            Self::Files(FileAction::SnapshotsVerified { sound, faults }) if faults.is_empty() => {
                format!("{sound} snapshots were read again, and are sound")
            }
            Self::Files(FileAction::SnapshotsVerified { sound, faults }) => {
                let faults = faults.join("; ");
                format!("snapshots were read again: {sound} are sound, others are not: {faults}")
            }
        }
    }
}

/// Heals a folder whose record these tasks lead: this process's own node, at work or started for
/// this. Answers what was done, in that order.
pub async fn heal(tasks: &Tasks, data_dir: &Path, node: &NodeId) -> Result<Vec<Action>> {
    let repairs = tasks.heal().await?;
    let mut actions: Vec<Action> = repairs.into_iter().map(Action::Record).collect();
    let inspection = Inspection::of(data_dir).await?;
    let looked = async {
        let boot = inspection.boots(node).await?;
        let folder = data_dir.join("attempts");
        let swept = tokio::task::spawn_blocking(move || sweep(&folder, boot));
        let removed = swept.await.map_err(|error| {
            Error::new(ErrorKind::Fault, "removing folders was broken off").because(error)
        })??;
        let (sound, faults) = inspection.verify_snapshots().await?;
        Ok::<_, Error>((removed, FileAction::SnapshotsVerified { sound, faults }))
    };
    let looked: Result<(Vec<String>, FileAction)> = looked.await;
    inspection.close().await;
    let (removed, verified) = looked?;
    let removed = removed.into_iter().map(|path| FileAction::FolderRemoved { path });
    actions.extend(removed.chain([verified]).map(Action::Files));
    Ok(actions)
}

/// Removes the folders of attempts that lives of earlier starts left behind; blocks. Their names
/// begin with the number of the life, whose upper half is the number of the start.
fn sweep(attempts: &Path, boot: u64) -> Result<Vec<String>> {
    let io = |path: &Path, error| {
        Error::new(ErrorKind::Io, format!("cannot look through {}", path.display())).because(error)
    };
    let mut removed = Vec::new();
    if !attempts.exists() {
        return Ok(removed);
    }
    for agent in fs::read_dir(attempts).map_err(|error| io(attempts, error))? {
        let agent = agent.map_err(|error| io(attempts, error))?.path();
        let Ok(listed) = fs::read_dir(&agent) else { continue };
        for folder in listed.filter_map(|entry| Some(entry.ok()?.path())) {
            let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
            let life = name.as_deref().and_then(|name| name.split('-').next()?.parse::<u64>().ok());
            if life.is_none_or(|life| life >> 32 >= boot) {
                continue;
            }
            match fs::remove_dir_all(&folder) {
                Ok(()) => removed.push(folder.display().to_string()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(io(&folder, error)),
            }
        }
    }
    removed.sort();
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a140_only_folders_of_earlier_starts_are_removed() {
        let home = tempfile::tempdir().unwrap();
        let life = |boot: u64, n: u64| (boot << 32) | n;
        let dead = home.path().join(format!("ann/{}-7-1", life(2, 5)));
        let alive = home.path().join(format!("ann/{}-7-2", life(3, 1)));
        let strange = home.path().join("ann/notes");
        for folder in [&dead, &alive, &strange] {
            fs::create_dir_all(folder.join("deep")).unwrap();
        }
        assert_eq!(sweep(home.path(), 3).unwrap(), [dead.display().to_string()]);
        assert!(!dead.exists() && alive.exists() && strange.exists());
        assert_eq!(sweep(home.path(), 3).unwrap(), [] as [&str; 0]);
        assert_eq!(sweep(&home.path().join("none"), 3).unwrap(), [] as [&str; 0]);
    }
}
