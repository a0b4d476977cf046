//! A run as its tasks end: each once, also those that ended before, until the run has ended.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use futures::{Stream, stream::unfold};
use orkestra_proto::orkestra::v1::Task;
use orkestra_runtime::id::{RunId, TaskId};
use tonic::Status;

use super::views::short;
use crate::{
    client::{Following, Tasks},
    grpc::{
        status::{failed, troubled},
        streams::{self, overdue},
    },
    public::found_run,
    task::{Answer, Query},
};

/// After how long it is looked again though nothing was told: a leader may have changed.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Whoever watches a run.
struct Watcher {
    tasks: Tasks,
    run: RunId,
    told: BTreeSet<TaskId>,
    ahead: VecDeque<Task>,
    following: Option<Following>,
    is_over: bool,
}

/// Each task of a run that has ended.
pub(super) fn of(
    tasks: Tasks,
    run: RunId,
    stream: streams::Stream,
) -> impl Stream<Item = Result<Task, Status>> + Send {
    let (told, ahead) = (BTreeSet::new(), VecDeque::new());
    let watcher = Watcher { tasks, run, told, ahead, following: None, is_over: false };
    let deadline = stream.within.map(|within| Box::pin(tokio::time::sleep(within)));
    unfold(Some((watcher, stream, deadline)), |state| async move {
        let (mut watcher, mut stream, mut deadline) = state?;
        let late = async {
            match deadline.as_mut() {
                Some(deadline) => deadline.await,
                None => std::future::pending().await,
            }
        };
        let next = tokio::select! {
            next = watcher.next() => next,
            status = stream.closing() => Err(status),
            () = late => Err(overdue()),
        };
        match next {
            Ok(Some(task)) => Some((Ok(task), Some((watcher, stream, deadline)))),
            Ok(None) => None,
            Err(status) => Some((Err(status), None)),
        }
    })
}

impl Watcher {
    /// The next task that has ended; none when the run has.
    async fn next(&mut self) -> Result<Option<Task>, Status> {
        loop {
            if let Some(task) = self.ahead.pop_front() {
                return Ok(Some(task));
            }
            if self.is_over {
                return Ok(None);
            }
            // Who follows first, and looks then, misses nothing.
            if self.following.is_none() {
                let following = self.tasks.follow(&self.run).await;
                self.following = Some(following.map_err(|error| failed(&error))?);
                self.look().await?;
                continue;
            }
            let Some(following) = self.following.as_mut() else { continue };
            match tokio::time::timeout(LOOK_EVERY, following.next()).await {
                Ok(Some(ended)) => {
                    for task in ended {
                        self.take(&task.id).await?;
                    }
                    self.look_whether_it_is_over().await?;
                }
                Err(_) => self.look_whether_it_is_over().await?,
                Ok(None) => self.following = None,
            }
        }
    }

    async fn take(&mut self, task: &TaskId) -> Result<(), Status> {
        if self.told.contains(task) {
            return Ok(());
        }
        let answer = self.tasks.query(Query::Task(self.run.clone(), task.clone())).await;
        if let Answer::Task(Some(view)) = answer.map_err(|error| failed(&error))?
            && view.ended.is_some()
        {
            self.told.insert(view.id.clone());
            self.ahead.push_back(short(*view));
        }
        Ok(())
    }

    async fn look_whether_it_is_over(&mut self) -> Result<(), Status> {
        let found = found_run(&self.tasks, &self.run).await.map_err(troubled)?;
        if found.is_none_or(|found| found.summary.ended.is_some()) {
            // Whatever was not told by whom it follows is there now.
            self.look().await?;
        }
        Ok(())
    }

    /// Looks which tasks have ended, and whether the run has.
    async fn look(&mut self) -> Result<(), Status> {
        // Asked first: when the run has ended, so have all of its tasks that are seen after that.
        let found = found_run(&self.tasks, &self.run).await.map_err(troubled)?;
        let query = Query::Tasks { run: self.run.clone(), limit: None };
        let answer = self.tasks.query(query).await.map_err(|error| failed(&error))?;
        if let Answer::Tasks(views) = answer {
            for view in views {
                if view.ended.is_some() && self.told.insert(view.id.clone()) {
                    self.ahead.push_back(short(view));
                }
            }
        }
        self.is_over = found.is_none_or(|found| found.summary.ended.is_some());
        Ok(())
    }
}
