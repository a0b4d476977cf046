//! Commands that change the tasks of a run that does not go on now: one that has ended, or was
//! interrupted or killed.
//!
//! The folder is opened for writing by a node without agents: it leads, takes the command, and
//! stops with everything durable. No agent is there, so nothing is worked on meanwhile.

use std::{path::Path, sync::Arc};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Fabric, embedded::holder},
    id::{RunId, TaskId},
    time::{Clock as _, SystemClock},
};
use serde::Serialize;

use crate::{
    cli::{
        args::RunChoice,
        look::{Looking, no_task},
        run::{bare_spec, open},
        settings::Settings,
    },
    client::Tasks,
    output::{Console, Exit, Format},
    system::System,
    task::{Answer, Query, view::RunView},
};

/// Who changes something here, for the record.
const BY: &str = "orkestra task";

/// What is to be done with a task.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change<'a> {
    Cancel { reason: &'a str },
    Retry,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Changed {
    change: &'static str,
    run: RunId,
    task: TaskId,
    /// How many tasks ended by it, or are open again by it: it, and those that hang on it.
    tasks: u64,
    /// How many tasks of the run have not ended.
    open: u64,
    scenario: String,
}

impl Change<'_> {
    pub(super) async fn make(
        self,
        (task, choice): (&str, &RunChoice),
        settings: &Settings,
        console: &mut Console,
        clock: Arc<SystemClock>,
    ) -> Result<Exit> {
        let data_dir = settings.data_dir();
        if let Some(pid) = holder(data_dir)? {
            return Err(held(data_dir, pid));
        }
        let task = TaskId::new(task)?;
        // Looked for first, so that a name that is wrong changes nothing at all.
        let run = find(&task, choice, (data_dir, &clock), console).await?;
        let fabric: Arc<dyn Fabric> = Arc::new(open(data_dir)?);
        let changed = self.in_fabric((&run, &task), settings, &fabric, clock).await;
        fabric.close().await;
        let changed = changed?;
        if console.format() == Format::Table {
            console.say(changed.told())?;
        } else {
            console.item(&changed, Changed::told)?;
        }
        Ok(Exit::Done)
    }

    async fn in_fabric(
        self,
        names: (&RunId, &TaskId),
        settings: &Settings,
        fabric: &Arc<dyn Fabric>,
        clock: Arc<SystemClock>,
    ) -> Result<Changed> {
        // The supervision log tells of nodes that work: this one would only hide the last of them.
        let spec = bare_spec(settings, Arc::clone(fabric), clock)?;
        let system = System::start(spec).await?;
        let changed = self.command(names, system.tasks()).await;
        // Only what was stopped in order is surely durable.
        system.stop().await?;
        changed
    }

    async fn command(self, (run, task): (&RunId, &TaskId), tasks: &Tasks) -> Result<Changed> {
        let before = view(run, tasks).await?;
        let (change, count) = match self {
            Self::Cancel { reason } => ("cancelled", tasks.cancel(run, task, BY, reason).await?),
            Self::Retry => {
                tasks.retry(run, task, BY).await?;
                ("retried", 0)
            }
        };
        let after = view(run, tasks).await?;
        let (had_ended, have_ended) = (ended(&before), ended(&after));
        Ok(Changed {
            change,
            run: run.clone(),
            task: task.clone(),
            // A task that only waited for its next try had not ended, and is one all the same.
            tasks: count.max(had_ended.abs_diff(have_ended)).max(1),
            open: after.summary.counts.total.saturating_sub(have_ended),
            scenario: after.opening.scenario,
        })
    }
}

impl Changed {
    /// What happened, and what to do next.
    fn told(&self) -> String {
        let Self { change, run, task, tasks, open, scenario } = self;
        let with = match tasks - 1 {
            0 => String::new(),
            1 => ", and one task with it".to_owned(),
            more => format!(", and {more} tasks with it"),
        };
        let next = match open {
            0 => "every task of the run has ended: `orkestra task list` shows how".to_owned(),
            1 => format!(
                "one task of the run has not ended: `orkestra run …` with the file of \
                 scenario {scenario} goes on with it"
            ),
            open => format!(
                "{open} tasks of the run have not ended: `orkestra run …` with the file of \
                 scenario {scenario} goes on with them"
            ),
        };
        format!("task {task} of run {run} is {change}{with}\n{next}")
    }
}

fn ended(run: &RunView) -> u64 {
    run.summary.counts.ended()
}

/// The run that is meant, if it has this task.
async fn find(
    task: &TaskId,
    choice: &RunChoice,
    (data_dir, clock): (&Path, &SystemClock),
    console: &mut Console,
) -> Result<RunId> {
    let looking = Looking::at(data_dir, console, clock.now()).await?;
    let run = looking.run(choice)?;
    looking.check_run(&run)?;
    let found = looking.answer(&Query::Task(run.clone(), task.clone()));
    looking.inspection.close().await;
    if matches!(found, Answer::Task(Some(_))) { Ok(run) } else { Err(no_task(&run, task)) }
}

async fn view(run: &RunId, tasks: &Tasks) -> Result<RunView> {
    match tasks.query(Query::Run(run.clone())).await? {
        Answer::Run(Some(view)) => Ok(*view),
        _ => Err(Error::new(ErrorKind::NotFound, format!("there is no run {run:?} any more"))),
    }
}

fn held(data_dir: &Path, pid: u32) -> Error {
    let message = format!(
        "cannot change tasks in {}: process {pid} is at work there; \
         interrupt it (Ctrl-C, or `kill {pid}`), then ask again",
        data_dir.display()
    );
    Error::new(ErrorKind::Conflict, message)
}

#[cfg(test)]
mod tests;
