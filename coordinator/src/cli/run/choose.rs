//! Which run it is: one that was interrupted goes on, otherwise a new one begins.

use std::sync::Arc;

use orkestra_runtime::{Result, id::RunId, protocol::payload::Json, time::Wall};

use crate::{
    cli::{
        context::tell_resumed,
        files::short,
        run::{councils, refused},
    },
    client::Tasks,
    context::Contexts,
    output::Console,
    scenario::Prepared,
    task::{Answer, Query, RunOpening, RunSummary, view::RunView},
};

/// Opens the run and submits what it lacks; answers its name.
pub(in crate::cli) async fn choose(
    prepared: &Prepared,
    fresh: bool,
    (tasks, stood): (&Tasks, (&Contexts, Wall)),
    console: &mut Console,
) -> Result<RunId> {
    let runs = match tasks.query(Query::Runs).await? {
        Answer::Runs(runs) => runs,
        _ => Vec::new(),
    };
    let of_scenario: Vec<&RunView> =
        runs.iter().filter(|run| run.opening.scenario == prepared.name).collect();
    let run = match going_on(&of_scenario, stood.1) {
        // What has ended by itself meanwhile need not be cancelled.
        Some(open) if fresh && open.summary.ended.is_none() => {
            let old = &open.summary.run;
            tasks.cancel_run(old, "orkestra run", "--fresh began another").await?;
            console.say(format!("run {old} was cancelled, since --fresh begins anew"))?;
            next_name(&prepared.name, of_scenario.iter().map(|run| &run.summary.run))?
        }
        Some(open) if !fresh => {
            let now = opening(prepared, &open.summary.run, tasks).await?;
            check_same(&open.opening, &now, &open.summary.run)?;
            let counts = open.summary.counts;
            console.say(format!(
                "run {} goes on where it was: {} of {} tasks have ended",
                open.summary.run,
                counts.ended(),
                counts.total
            ))?;
            tell_resumed(stood, console).await?;
            open.summary.run.clone()
        }
        _ => next_name(&prepared.name, of_scenario.iter().map(|run| &run.summary.run))?,
    };
    let (_, sealed) = tasks.open(&run, opening(prepared, &run, tasks).await?).await?;
    if !sealed {
        councils::convene(prepared, tasks).await?;
        let specs = prepared.tasks.iter().cloned().map(Arc::new).collect();
        tasks.submit(&run, specs).await?;
        tasks.seal(&run, prepared.tasks.len() as u64).await?;
    }
    Ok(run)
}

/// The run with which the command goes on. Agents work as soon as they are there, so a run that had
/// not ended when the command began may have ended by now: it is not to be begun again.
fn going_on<'a>(runs: &[&'a RunView], began: Wall) -> Option<&'a RunView> {
    let has_just_ended =
        |run: &RunSummary| run.opened < began && run.ended.is_some_and(|ended| ended >= began);
    let open = runs.iter().find(|run| run.summary.ended.is_none());
    open.or_else(|| runs.iter().find(|run| has_just_ended(&run.summary))).copied()
}

async fn opening(prepared: &Prepared, run: &RunId, tasks: &Tasks) -> Result<RunOpening> {
    let sensitive = prepared.sensitive_inputs.json();
    let keyed = tasks.keyed_hash(run, prepared.input_hash.clone(), sensitive).await?;
    Ok(RunOpening {
        scenario: prepared.name.clone(),
        scenario_hash: prepared.scenario_hash.clone(),
        input_hash: keyed.hash,
        input_key: keyed.key,
        concurrency: Some(prepared.concurrency),
        stream: false,
        notes: Json::of(&serde_json::json!({ "title": prepared.title }))?,
        namespace: prepared.namespace.clone(),
        shipped: prepared.shipped.clone(),
    })
}

/// The number after the highest that is known: earlier runs may be forgotten, and a name that is
/// taken would answer with what that run came to.
fn next_name<'a>(scenario: &str, taken: impl Iterator<Item = &'a RunId>) -> Result<RunId> {
    let number =
        |run: &RunId| run.as_str().strip_prefix(scenario)?.strip_prefix('-')?.parse::<u64>().ok();
    let last = taken.filter_map(number).max().unwrap_or(0);
    RunId::new(format!("{scenario}-{}", last.saturating_add(1)))
}

/// Refuses to go on with something else than what was begun.
fn check_same(before: &RunOpening, now: &RunOpening, run: &RunId) -> Result<()> {
    let differs = |what: &str, before: &str, now: &str| {
        refused(format!(
            "run {run} was interrupted and began with {what} {}, which is now {}: \
             restore it to go on, or begin anew with --fresh",
            short(before),
            short(now)
        ))
    };
    if before.scenario_hash != now.scenario_hash {
        return Err(differs("scenario", &before.scenario_hash, &now.scenario_hash));
    }
    if before.input_hash != now.input_hash {
        return Err(differs("input", &before.input_hash, &now.input_hash));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Counts;

    #[test]
    fn a_run_that_ends_while_its_command_goes_on_with_it_is_not_begun_again() {
        let view = |name: &str, opened: u64, ended: Option<u64>| {
            let summary = RunSummary {
                run: RunId::new(name).unwrap(),
                counts: Counts::default(),
                attempts: 0,
                opened: Wall::from_ms(opened),
                ended: ended.map(Wall::from_ms),
            };
            let opening = RunOpening::default();
            let (running, pending) = (Vec::new(), Vec::new());
            let waits_for_people = false;
            RunView {
                summary,
                opening,
                sealed: true,
                running,
                pending,
                waits_for_people,
                paused: None,
            }
        };
        let chosen = |runs: &[RunView]| {
            let runs: Vec<&RunView> = runs.iter().collect();
            going_on(&runs, Wall::from_ms(100)).map(|run| run.summary.run.to_string())
        };
        let ended = view("x-1", 10, Some(90));
        assert_eq!(chosen(std::slice::from_ref(&ended)), None);
        let meanwhile = view("x-2", 20, Some(100));
        assert_eq!(chosen(&[ended.clone(), meanwhile.clone()]).unwrap(), "x-2");
        let later = view("x-3", 101, Some(105));
        assert_eq!(chosen(&[ended, later]), None, "it is of another command");
        assert_eq!(chosen(&[meanwhile, view("x-4", 30, None)]).unwrap(), "x-4");
    }

    #[test]
    fn a_new_run_never_takes_the_name_of_one_that_is_kept() {
        let next = |taken: &[&str]| {
            let taken: Vec<RunId> = taken.iter().map(|name| RunId::new(name).unwrap()).collect();
            next_name("tidy", taken.iter()).unwrap().to_string()
        };
        assert_eq!(next(&[]), "tidy-1");
        assert_eq!(next(&["tidy-1", "tidy-2"]), "tidy-3");
        // The first ones were forgotten; another scenario's names say nothing.
        assert_eq!(next(&["tidy-10", "tidy-9", "tidy-up-77"]), "tidy-11");
    }
}
