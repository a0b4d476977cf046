//! `orkestra task submit`: tasks from a file, to a cluster, to the process that is at work in a folder,
//! or into a folder where nobody is.

mod read;

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{RunId, TaskId},
};

use crate::{
    cli::{args::SubmitArgs, change::Asking, failure::Failure},
    door::Request,
    output::{Console, Format, counted},
    public::{Submission, Submitted},
};

/// How many tasks are named to people.
const NAMED_MAX: usize = 10;

/// Submits what stands in a file; answers into which run.
pub(super) async fn submit(
    args: &SubmitArgs,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<RunId, Failure> {
    let submission = said(read::read(&args.file)?, args, asking)?;
    let submission = serde_json::to_string(&submission).map_err(|error| {
        Error::new(ErrorKind::Fault, "cannot write what is submitted").because(error)
    })?;
    let done: Submitted = asking.ask(&Request::TaskSubmit { submission }, None).await?;
    // How the run ends is told at the end: where there is one document only, it is that.
    match (console.format(), args.wait) {
        (Format::Ndjson, _) | (Format::Json | Format::Yaml, false) => {
            console.item(&done, |_| String::new())?;
        }
        (Format::Table, false) => console.say(told(&done))?,
        (Format::Table | Format::Json | Format::Yaml, true) => {}
    }
    Ok(done.run)
}

/// With what was typed beside the file.
fn said(mut said: Submission, args: &SubmitArgs, asking: &Asking<'_>) -> Result<Submission> {
    let run = args.run.as_ref().map(RunId::new).transpose()?;
    merge(&mut said.run, run, "--run")?;
    merge(&mut said.key, args.key.clone(), "--key")?;
    merge(&mut said.namespace, asking.settings.namespace.clone(), "--namespace")?;
    said.seal |= args.seal;
    Ok(said)
}

/// What was typed, unless the file says something else.
fn merge<T: PartialEq>(said: &mut Option<T>, typed: Option<T>, flag: &str) -> Result<()> {
    match (&said, &typed) {
        (Some(said), Some(typed)) if said != typed => {
            let message =
                format!("the file says something else than {flag}: leave out one of both");
            Err(Error::new(ErrorKind::Invalid, message))
        }
        (None, Some(_)) => {
            *said = typed;
            Ok(())
        }
        (None | Some(_), _) => Ok(()),
    }
}

fn told(done: &Submitted) -> String {
    let Submitted { run, tasks, existed, sealed, .. } = done;
    let mut named: Vec<&str> = tasks.iter().take(NAMED_MAX).map(TaskId::as_str).collect();
    if tasks.len() > NAMED_MAX {
        named.push("…");
    }
    let (count, named) = (counted(tasks.len() as u64, "task"), named.join(", "));
    let how = match (existed, sealed) {
        (true, true) => "which was there before, and gets no more tasks",
        (true, false) => "which was there before",
        (false, true) => "which gets no more tasks",
        (false, false) => "which takes more tasks until it is sealed",
    };
    format!(
        "submitted {count} to run {run}, {how}: {named}\n\
         `orkestra task watch {run}` shows how far it is"
    )
}
