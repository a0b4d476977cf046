//! How a run came out: its verdict, its report, and what it took.

use std::path::Path;

use orkestra_runtime::{Error, ErrorKind, Result, supervise::Tree};
use serde_json::Value;

use crate::{
    cli::{args::RunArgs, settings::Settings},
    client::Tasks,
    config::Origin,
    output::{self, Console, Exit, Format},
    scenario::{Place, Prepared},
    task::{Answer, Query, RunSummary, view::TaskView},
};

/// How a run came out, and where.
#[derive(Debug)]
pub(in crate::cli) struct Came<'a> {
    pub(in crate::cli) tasks: &'a Tasks,
    pub(in crate::cli) summary: &'a RunSummary,
    /// How often something was restarted meanwhile, where that is known.
    pub(in crate::cli) restarts: Option<u32>,
    /// Where its journal is, and how it is read.
    pub(in crate::cli) journal: String,
}

/// Tells how a run came out, and answers how the command ends.
pub(in crate::cli) async fn tell(
    prepared: &Prepared,
    args: &RunArgs,
    came: Came<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let (tasks, summary) = (came.tasks, came.summary);
    let verdict = match &prepared.verdict {
        Some(place) => found(tasks, summary, place).await?,
        None => None,
    };
    if let Some(path) = &args.report {
        write_report(prepared, (tasks, summary, path), console).await?;
    }
    let exit = tell_plainly(came, verdict.as_ref(), console).await?;
    if console.format() == Format::Table
        && let Some(verdict) = &verdict
    {
        let word = if verdict == &Value::Bool(true) { "yes" } else { "no" };
        console.text(&format!("{}: {word}", question(prepared)))?;
    }
    if prepared.verdict.is_none() {
        return Ok(exit);
    }
    Ok(exit_of(verdict == Some(Value::Bool(true))))
}

/// Tells what became of the tasks of a run; yes means that all were completed or left out.
pub(in crate::cli) async fn tell_plainly(
    came: Came<'_>,
    verdict: Option<&Value>,
    console: &mut Console,
) -> Result<Exit> {
    let Came { tasks, summary, restarts, journal } = came;
    let mut troubled = Vec::new();
    if summary.counts.failed + summary.counts.cancelled > 0 {
        let all = Query::Tasks { run: summary.run.clone(), limit: None };
        if let Answer::Tasks(all) = tasks.query(all).await? {
            troubled = all;
        }
    }
    tell_ended((summary, &troubled), (restarts, &journal), verdict, console)
}

/// The same of what was read already; without tasks where each was completed.
pub(in crate::cli) fn tell_ended(
    (summary, tasks): (&RunSummary, &[TaskView]),
    (restarts, journal): (Option<u32>, &str),
    verdict: Option<&Value>,
    console: &mut Console,
) -> Result<Exit> {
    let took = summary.ended.map_or_else(Default::default, |ended| ended.since(summary.opened));
    let counts = summary.counts;
    if console.format() == Format::Table {
        tell_failures(tasks, console)?;
        console.say(format!(
            "run {}: {} tasks ({} completed, {} failed, {} cancelled), {} attempts{}, {}",
            summary.run,
            counts.total,
            counts.completed,
            counts.failed,
            counts.cancelled,
            summary.attempts,
            restarts.map(|count| format!(", {count} restarts")).unwrap_or_default(),
            output::duration(took),
        ))?;
        console.say(journal)?;
    } else {
        console.line(&serde_json::json!({
            "event": "run_ended",
            "run": summary.run,
            "counts": counts,
            "attempts": summary.attempts,
            "restarts": restarts,
            "took_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "verdict": verdict,
        }))?;
    }
    // One that was cancelled because a condition did not hold was only left out.
    let is_called_off = tasks.iter().any(|task| task.cancelled_by.is_some());
    Ok(exit_of(counts.failed == 0 && !is_called_off))
}

/// Where the journal of a folder is, and what can be read there.
pub(in crate::cli) fn journal(settings: &Settings) -> String {
    // What the environment or a file says of it holds for the next command as well.
    let origin = settings.config.explain("data_dir").map(|explained| explained.origin);
    let was_typed = matches!(origin, Ok(Origin::Flag));
    whereabouts(settings.data_dir(), was_typed)
}

fn whereabouts(data_dir: &Path, was_typed: bool) -> String {
    let dir = data_dir.display();
    let flag = if was_typed { format!(" --data-dir {dir}") } else { String::new() };
    format!(
        "journal in {dir}: `orkestra task list{flag}` shows what became of each task, \
         `orkestra supervision log{flag}` who was restarted and why"
    )
}

fn question(prepared: &Prepared) -> &str {
    if prepared.title.is_empty() { &prepared.name } else { &prepared.title }
}

/// Yes only if the scenario says so; without a verdict, if every task was completed or left out.
fn exit_of(is_yes: bool) -> Exit {
    if is_yes { Exit::Done } else { Exit::Negative }
}

async fn found(tasks: &Tasks, summary: &RunSummary, place: &Place) -> Result<Option<Value>> {
    let Some(json) = tasks.output(&summary.run, &place.task).await? else { return Ok(None) };
    let value: Value = json.read()?;
    Ok(value.pointer(&place.pointer).cloned())
}

async fn write_report(
    prepared: &Prepared,
    (tasks, summary, path): (&Tasks, &RunSummary, &Path),
    console: &mut Console,
) -> Result<()> {
    let Some(place) = &prepared.report else {
        let message = "the scenario has no report: it names none under [scenario]";
        return Err(Error::new(ErrorKind::Invalid, message));
    };
    let Some(value) = found(tasks, summary, place).await? else {
        let message = format!("there is no report: task {:?} did not complete", place.task);
        return console.warn(message);
    };
    let text = text_of(&value);
    std::fs::write(path, text).map_err(|error| {
        Error::new(ErrorKind::Io, format!("cannot write the report {}", path.display()))
            .because(error)
    })?;
    console.say(format!("report written to {}", path.display()))
}

/// A text as it is, texts as lines, and anything else as JSON.
fn text_of(value: &Value) -> String {
    if let Some(text) = value.as_str() {
        return text.to_owned();
    }
    let lines: Option<Vec<&str>> =
        value.as_array().and_then(|items| items.iter().map(Value::as_str).collect());
    lines.map_or_else(|| format!("{value:#}\n"), |lines| lines.join("\n") + "\n")
}

fn tell_failures(tasks: &[TaskView], console: &mut Console) -> Result<()> {
    for task in tasks.iter().filter(|task| task.state == "failed").take(10) {
        let reason = task.reason.as_deref().unwrap_or_default();
        let last = task.last_failure.as_ref().map(|failure| format!(" ({failure})"));
        console.warn(format!("task {} failed: {reason}{}", task.id, last.unwrap_or_default()))?;
    }
    Ok(())
}

pub(super) fn restarts(tree: &Tree) -> u32 {
    tree.restarts + tree.children.iter().map(restarts).sum::<u32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_commands_find_the_journal_that_was_written() {
        assert_eq!(
            whereabouts(Path::new(".orkestra"), false),
            "journal in .orkestra: `orkestra task list` shows what became of each task, \
             `orkestra supervision log` who was restarted and why"
        );
        let typed = whereabouts(Path::new("/data/d"), true);
        assert!(typed.contains("`orkestra supervision log --data-dir /data/d`"), "{typed}");
    }
}
