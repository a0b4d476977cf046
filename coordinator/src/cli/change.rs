//! Commands that change runs and tasks: asked of the process that is at work in the folder, or done
//! in the folder itself where nobody is.

pub(super) mod args;
mod asking;
mod status;

use orkestra_runtime::{
    Result,
    id::{RunId, TaskId},
};

use self::args::{ControlCommand, TaskChange};
pub(super) use self::asking::Asking;
use crate::{
    cli::args::RunChoice,
    door::{Changed, Reason, Request},
    output::{Console, Exit, Format},
};

/// A change to a task.
pub(super) async fn task(
    change: &TaskChange,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let request = match change {
        TaskChange::Cancel { task, run, reason } => Request::TaskCancel {
            run: chosen(run)?,
            task: TaskId::new(task)?,
            reason: Reason::new(reason)?,
        },
        TaskChange::Retry { task, run } => {
            Request::TaskRetry { run: chosen(run)?, task: TaskId::new(task)? }
        }
    };
    changed(&asking.ask(&request, None).await?, console)
}

/// A change to a run, or to what goes on as a whole.
pub(super) async fn control(
    command: &ControlCommand,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    match command {
        ControlCommand::Cancel { run, reason } => {
            let request =
                Request::RunCancel { run: RunId::new(run)?, reason: Reason::new(reason)? };
            changed(&asking.ask(&request, None).await?, console)
        }
        ControlCommand::Status => status::status(asking, console).await,
    }
}

fn chosen(choice: &RunChoice) -> Result<Option<RunId>> {
    choice.run.as_ref().map(RunId::new).transpose()
}

fn changed(changed: &Changed, console: &mut Console) -> Result<Exit> {
    if console.format() == Format::Table {
        console.say(told(changed))?;
    } else {
        console.item(changed, told)?;
    }
    Ok(Exit::Done)
}

/// What happened, and what to do next.
fn told(changed: &Changed) -> String {
    let Changed { change, run, task, tasks, open, scenario, pid } = changed;
    let what = match (task, tasks.saturating_sub(1)) {
        (Some(task), 0) => format!("task {task} of run {run} is {change}"),
        (Some(task), 1) => format!("task {task} of run {run} is {change}, and one task with it"),
        (Some(task), more) => {
            format!("task {task} of run {run} is {change}, and {more} tasks with it")
        }
        (None, 0) => format!("run {run} is {change}, with one task"),
        (None, _) => format!("run {run} is {change}, with {tasks} tasks"),
    };
    let (left, them) = match open {
        0 => {
            let next = "every task of the run has ended: `orkestra task list` shows how";
            return format!("{what}\n{next}");
        }
        1 => ("one task of the run has not ended".to_owned(), "it"),
        open => (format!("{open} tasks of the run have not ended"), "them"),
    };
    match pid {
        Some(pid) => format!(
            "{what}\n{left}: process {pid}, which is at work, goes on with what its agents can do"
        ),
        None => format!(
            "{what}\n{left}: `orkestra run …` with the file of scenario {scenario} goes on with \
             {them}"
        ),
    }
}

#[cfg(test)]
mod tests;
