//! What is sensitive, on the command line: deleted, or shown to who asks for it by name.

use std::fmt::Write as _;

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{RunId, TaskId},
};

use crate::{
    cli::{args::RunChoice, change::Asking},
    door::{Redacted, Request},
    output::{Console, Exit, Format},
    sensitive::Revealed,
};

/// Deletes what is sensitive in a task, or in a whole run.
pub(super) async fn redact(
    (task, run): (Option<&str>, &RunChoice),
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let chosen = run.run.as_ref().map(RunId::new).transpose()?;
    let request = match (task, chosen) {
        (Some(task), run) => Request::TaskRedact { run, task: TaskId::new(task)? },
        (None, Some(run)) => Request::RunRedact { run },
        (None, None) => {
            let message =
                "name the run whose sensitive contents are to be deleted: --all --run RUN";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
    };
    let redacted: Redacted = asking.ask(&request, None).await?;
    if console.format() == Format::Table {
        console.say(told(&redacted))?;
    } else {
        console.item(&redacted, told)?;
    }
    Ok(Exit::Done)
}

fn told(redacted: &Redacted) -> String {
    let Redacted { run, task, tasks, blobs } = redacted;
    let what = match task {
        Some(task) => format!("what is sensitive in task {task} of run {run} is deleted"),
        None => format!("what is sensitive in run {run} is deleted, of {tasks} tasks"),
    };
    format!("{what} ({blobs} blobs); copies in backups are not")
}

/// Asks for what is sensitive in a task; that it is looked at is on the record.
pub(super) async fn reveal(task: &str, run: &RunChoice, asking: &Asking<'_>) -> Result<Revealed> {
    let run = run.run.as_ref().map(RunId::new).transpose()?;
    asking.ask(&Request::TaskReveal { run, task: TaskId::new(task)? }, None).await
}

/// What was asked for, for people.
pub(super) fn shown(revealed: &Revealed) -> String {
    let mut text = String::new();
    for (what, json) in [("input", &revealed.input), ("output", &revealed.output)] {
        if let Some(json) = json {
            let _ = writeln!(text, "{:<12} {json}", format!("{what} shown"));
        }
    }
    text
}
