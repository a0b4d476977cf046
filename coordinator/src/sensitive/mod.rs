//! What is sensitive: kept in sealed blobs and nowhere else, deleted when somebody asks.
//!
//! Promises: a sensitive input is in its blob, durable, before the event that names it; nothing that
//! stays when a blob is deleted tells its content, not even to who can guess it; a deletion that is
//! broken off is finished by the next start; a blob that no record names does not outlive a start.
//!
//! It does not promise that a deleted file cannot be read back from the disk, nor that backups
//! forget, nor secrecy before the deletion: who may read the folder may read the blobs.
//!
//! `task/redact.rs` decides, [`Tasks::redact`] asks and deletes, `docs/security.md` tells users.

mod given;
mod keyed;
mod sealing;
mod sweep;

pub(crate) use given::given;
pub(crate) use keyed::Keyed;
pub(crate) use sweep::{listed, sweep};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{RunId, TaskId},
    protocol::payload::{Json, Payload},
};
use serde::{Deserialize, Serialize};

use crate::{
    client::Tasks,
    task::{
        Answer, Query, Reply, TaskCommand,
        redact::{SensitiveCommand, SensitiveReply, told},
    },
};

/// What a deletion came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    /// Of how many tasks something was deleted that was not deleted before.
    pub tasks: u64,
    /// How many blobs are gone.
    pub blobs: u64,
}

/// What is sensitive in a task, in the open.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revealed {
    /// Its input, if that is sensitive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Json>,
    /// Its result, if that is sensitive and there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Json>,
}

impl std::fmt::Debug for Revealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Revealed(not shown)")
    }
}

impl Tasks {
    /// Deletes what is sensitive in an ended task, or in all tasks of a run that has ended. It is on
    /// the record first; after an error, ask again, or the next start finishes it.
    pub async fn redact(&self, run: &RunId, task: Option<&TaskId>, by: &str) -> Result<Deleted> {
        let mut deleted = Deleted::default();
        loop {
            let redact = |to| {
                let (run, task, by) = (run.clone(), task.cloned(), by.to_owned());
                TaskCommand::Sensitive(SensitiveCommand::Redact { to, run, task, by })
            };
            let reply = self.repeated(redact).await?;
            let Reply::Sensitive(SensitiveReply::Redacted { tasks, left, blobs }) = reply else {
                return Err(crate::client::odd(&reply));
            };
            for blob in &blobs {
                self.blobs().delete(blob).await?;
            }
            deleted.tasks += tasks;
            deleted.blobs += blobs.len() as u64;
            if left == 0 {
                return Ok(deleted);
            }
        }
    }

    /// Shows what is sensitive in a task. That somebody looks is on the record first.
    pub async fn reveal(&self, run: &RunId, task: &TaskId, by: &str) -> Result<Revealed> {
        let reveal = |to| {
            let (run, task, by) = (run.clone(), task.clone(), by.to_owned());
            TaskCommand::Sensitive(SensitiveCommand::Reveal { to, run, task, by })
        };
        match self.repeated(reveal).await? {
            Reply::Sensitive(SensitiveReply::Revealed) => {}
            reply => return Err(crate::client::odd(&reply)),
        }
        let Answer::Task(Some(view)) = self.query(Query::Task(run.clone(), task.clone())).await?
        else {
            let message = format!("run {run:?} has no task {task:?} any more");
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        if let Some(deleted) = &view.redacted {
            return Err(Error::new(ErrorKind::NotFound, told(task, deleted)));
        }
        let input = self.if_sensitive(Some(&view.input)).await?;
        Ok(Revealed { input, output: self.if_sensitive(view.output.as_ref()).await? })
    }

    async fn if_sensitive(&self, payload: Option<&Payload>) -> Result<Option<Json>> {
        match payload.filter(|payload| payload.is_sensitive()) {
            Some(payload) => self.read(payload).await.map(Some),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
