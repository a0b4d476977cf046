//! For programs: each ending of a task, told once by each command that watches, and only once it is
//! durable. What ended before the command began, or while nobody led, is told as well, with
//! `caught_up`.

use std::collections::BTreeSet;

use orkestra_runtime::{
    ErrorKind, Result,
    id::{RunId, TaskId},
};

use crate::{
    client::{Following, Tasks},
    output::Console,
    task::{Answer, Ended, Ending, Query},
};

/// The endings of a run, as they are told.
#[derive(Debug)]
pub(super) struct Endings<'a> {
    run: &'a RunId,
    tasks: &'a Tasks,
    following: Option<Following>,
    told: BTreeSet<TaskId>,
}

impl<'a> Endings<'a> {
    pub(super) const fn of(run: &'a RunId, tasks: &'a Tasks) -> Self {
        Self { run, tasks, following: None, told: BTreeSet::new() }
    }

    /// Begins to follow, unless it does, and tells what was missed. While nobody leads it does not:
    /// ask again later.
    pub(super) async fn catch_up(&mut self, console: &mut Console) -> Result<()> {
        if self.following.is_some() {
            return Ok(());
        }
        self.following = match self.tasks.follow(self.run).await {
            Ok(following) => Some(following),
            Err(error) if error.kind() == ErrorKind::Unavailable => return Ok(()),
            Err(error) => return Err(error),
        };
        self.tell_all(console).await
    }

    /// Whether the next endings are waited for.
    pub(super) const fn is_following(&self) -> bool {
        self.following.is_some()
    }

    /// The next endings; none when the stream broke off and must be caught up with.
    pub(super) async fn next(&mut self) -> Option<Vec<Ended>> {
        let ended = match &mut self.following {
            Some(following) => following.next().await,
            None => None,
        };
        if ended.is_none() {
            self.following = None;
        }
        ended
    }

    pub(super) fn tell(&mut self, ended: &[Ended], console: &mut Console) -> Result<()> {
        for one in ended {
            let (state, reason) = match &one.ending {
                Ending::Completed(_) => ("completed", None),
                Ending::Failed(reason) => ("failed", Some(reason.to_string())),
                Ending::Cancelled(reason) => ("cancelled", Some(reason.to_string())),
            };
            self.tell_one(&one.id, (state, false), reason.as_deref(), console)?;
        }
        Ok(())
    }

    /// Tells every ending that was not told, and follows no more.
    pub(super) async fn finish(mut self, console: &mut Console) -> Result<()> {
        self.tell_all(console).await?;
        if let Some(following) = self.following {
            following.stop().await;
        }
        Ok(())
    }

    async fn tell_all(&mut self, console: &mut Console) -> Result<()> {
        let all = Query::Tasks { run: self.run.clone(), limit: None };
        let Answer::Tasks(all) = self.tasks.query(all).await? else { return Ok(()) };
        for task in all.iter().filter(|task| task.ended.is_some()) {
            self.tell_one(&task.id, (&task.state, true), task.reason.as_deref(), console)?;
        }
        Ok(())
    }

    fn tell_one(
        &mut self,
        task: &TaskId,
        (state, caught_up): (&str, bool),
        reason: Option<&str>,
        console: &mut Console,
    ) -> Result<()> {
        if !self.told.insert(task.clone()) {
            return Ok(());
        }
        console.line(&serde_json::json!({
            "event": "task_ended",
            "task": task,
            "state": state,
            "reason": reason,
            "caught_up": caught_up,
        }))
    }
}
