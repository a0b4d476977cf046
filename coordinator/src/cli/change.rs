//! Commands that change runs, tasks and agents: asked of the process that is at work in the folder,
//! or done in the folder itself where nobody is.

mod answer;
pub(super) mod args;
mod asking;
mod pending;
mod status;
mod telling;

use orkestra_runtime::{
    Result,
    id::{AgentId, RunId, TaskId},
};
use serde::{Serialize, de::DeserializeOwned};

use self::args::{AgentChange, ControlCommand, ScopeArgs, TaskChange, WordArgs};
pub(super) use self::asking::{Asking, Found, held};
use crate::{
    cli::args::RunChoice,
    door::{Reason, Request},
    output::{Console, Exit, Format},
};

/// A change to a task, or what people are asked by one.
pub(super) async fn task(
    change: &TaskChange,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    match change {
        TaskChange::Cancel { task, run, reason } => {
            let (run, task, reason) = (chosen(run)?, TaskId::new(task)?, Reason::new(reason)?);
            let request = Request::TaskCancel { run, task, reason };
            ask((&request, None), asking, console, telling::changed).await
        }
        TaskChange::Retry { task, run } => {
            let request = Request::TaskRetry { run: chosen(run)?, task: TaskId::new(task)? };
            ask((&request, None), asking, console, telling::changed).await
        }
        TaskChange::Approve { word } => {
            let (run, task, reason, name) = said(word)?;
            let request = Request::TaskApprove { run, task, reason };
            ask((&request, name.as_ref()), asking, console, telling::decided).await
        }
        TaskChange::Reject { word } => {
            let (run, task, reason, name) = said(word)?;
            let request = Request::TaskReject { run, task, reason };
            ask((&request, name.as_ref()), asking, console, telling::decided).await
        }
        TaskChange::Answer { word, answer } => {
            let answer = answer::read(answer)?;
            let (run, task, reason, name) = said(word)?;
            let request = Request::TaskAnswer { run, task, answer, reason };
            ask((&request, name.as_ref()), asking, console, telling::decided).await
        }
        TaskChange::Pending { run } => pending::pending(run.as_deref(), asking, console).await,
    }
}

/// A change to an agent.
pub(super) async fn agent(
    change: &AgentChange,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let request = match change {
        AgentChange::Drain { agent, reason } => {
            Request::AgentDrain { agent: AgentId::new(agent)?, reason: Reason::new(reason)? }
        }
        AgentChange::Resume { agent } => Request::AgentResume { agent: AgentId::new(agent)? },
    };
    ask((&request, None), asking, console, telling::stands).await
}

/// A change to a run, or to what goes on as a whole.
pub(super) async fn control(
    command: &ControlCommand,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    match command {
        ControlCommand::Status => status::status(asking, console).await,
        ControlCommand::Cancel { run, reason } => {
            let (run, reason) = (RunId::new(run)?, Reason::new(reason)?);
            let request = Request::RunCancel { run, reason };
            ask((&request, None), asking, console, telling::changed).await
        }
        ControlCommand::Pause { scope, reason } => {
            let ((run, namespace), reason) = (scoped(scope, asking)?, Reason::new(reason)?);
            let request = Request::Pause { run, namespace, reason };
            ask((&request, None), asking, console, telling::stands).await
        }
        ControlCommand::Resume { scope } => {
            let (run, namespace) = scoped(scope, asking)?;
            let request = Request::Resume { run, namespace };
            ask((&request, None), asking, console, telling::stands).await
        }
    }
}

/// Asks, in the name of somebody if one is given, and tells what came of it.
pub(super) async fn ask<T: Serialize + DeserializeOwned>(
    (request, name): (&Request, Option<&AgentId>),
    asking: &Asking<'_>,
    console: &mut Console,
    told: fn(&T) -> String,
) -> Result<Exit> {
    let done = asking.ask(request, name).await?;
    if console.format() == Format::Table {
        console.say(told(&done))?;
    } else {
        console.item(&done, told)?;
    }
    Ok(Exit::Done)
}

fn chosen(choice: &RunChoice) -> Result<Option<RunId>> {
    choice.run.as_ref().map(RunId::new).transpose()
}

/// What every word of a person has, checked.
type Said = (Option<RunId>, TaskId, Reason, Option<AgentId>);

fn said(word: &WordArgs) -> Result<Said> {
    let name = word.name.as_ref().map(AgentId::new).transpose()?;
    Ok((chosen(&word.run)?, TaskId::new(&word.task)?, Reason::new(&word.reason)?, name))
}

fn scoped(scope: &ScopeArgs, asking: &Asking<'_>) -> Result<(Option<RunId>, Option<String>)> {
    let run = scope.run.as_ref().map(RunId::new).transpose()?;
    // The namespace then only says where the run is.
    let namespace = asking.settings.namespace.clone().filter(|_| run.is_none());
    Ok((run, namespace))
}

#[cfg(test)]
mod tests;
