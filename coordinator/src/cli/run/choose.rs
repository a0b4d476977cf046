//! Which run it is: one that was interrupted goes on, otherwise a new one begins.

use std::sync::Arc;

use orkestra_runtime::{Result, id::RunId, protocol::payload::Json};

use crate::{
    cli::{files::short, run::refused},
    client::Tasks,
    output::Console,
    scenario::Prepared,
    task::{Answer, Query, RunOpening, view::RunView},
};

/// Opens the run and submits what it lacks; answers its name.
pub(super) async fn choose(
    prepared: &Prepared,
    fresh: bool,
    tasks: &Tasks,
    console: &mut Console,
) -> Result<RunId> {
    let runs = match tasks.query(Query::Runs).await? {
        Answer::Runs(runs) => runs,
        _ => Vec::new(),
    };
    let of_scenario: Vec<&RunView> =
        runs.iter().filter(|run| run.opening.scenario == prepared.name).collect();
    let open = of_scenario.iter().find(|run| run.summary.ended.is_none());
    let opening = opening(prepared)?;
    let run = match open {
        Some(open) if fresh => {
            let old = &open.summary.run;
            tasks.cancel_run(old, "orkestra run", "--fresh began another").await?;
            console.say(format!("run {old} was cancelled, since --fresh begins anew"))?;
            next_name(prepared, of_scenario.len())?
        }
        Some(open) => {
            check_same(&open.opening, &opening, &open.summary.run)?;
            let counts = open.summary.counts;
            console.say(format!(
                "run {} goes on where it was: {} of {} tasks have ended",
                open.summary.run,
                counts.ended(),
                counts.total
            ))?;
            open.summary.run.clone()
        }
        None => next_name(prepared, of_scenario.len())?,
    };
    let (_, sealed) = tasks.open(&run, opening).await?;
    if !sealed {
        let specs = prepared.tasks.iter().cloned().map(Arc::new).collect();
        tasks.submit(&run, specs).await?;
        tasks.seal(&run, prepared.tasks.len() as u64).await?;
    }
    Ok(run)
}

fn opening(prepared: &Prepared) -> Result<RunOpening> {
    Ok(RunOpening {
        scenario: prepared.name.clone(),
        scenario_hash: prepared.scenario_hash.clone(),
        input_hash: prepared.input_hash.clone(),
        concurrency: Some(prepared.concurrency),
        stream: false,
        notes: Json::of(&serde_json::json!({ "title": prepared.title }))?,
    })
}

fn next_name(prepared: &Prepared, before: usize) -> Result<RunId> {
    RunId::new(format!("{}-{}", prepared.name, before + 1))
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
