//! `orkestra task watch`: shows how far a run is until it ends, over NATS or from the journal of a
//! folder.

use std::{collections::BTreeSet, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::embedded::holder,
    id::{RunId, TaskId},
    time::{Clock as _, SystemClock},
};
use serde_json::json;

use crate::{
    cli::{
        cluster::{Cluster, run as there},
        failure::Failure,
        run::{
            Interruptions, ending,
            watch::{self, Patience, Seen},
        },
        settings::Settings,
    },
    inspect::Inspection,
    output::{Console, Exit, Format, Progress},
    task::{
        Answer, Query, TaskMachine,
        view::{RunView, TaskView},
    },
};

/// How often the journal of a folder is read on.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Watches a run to its end, and ends as it does.
pub(super) async fn watch(
    (run, is_hasty): (&RunId, bool),
    settings: &Settings,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let mut interruptions = Interruptions::listen()?;
    let patience = if is_hasty { Patience::ForAgents } else { Patience::ForAll };
    if !settings.is_cluster() {
        let watched = in_folder((run, patience), settings, (&mut interruptions, console)).await;
        return Ok(watched?);
    }
    let cluster = Cluster::connect(settings).await?;
    let watched = in_cluster((run, patience), &cluster, (&mut interruptions, console)).await;
    cluster.close().await;
    Ok(watched?)
}

async fn in_cluster(
    (run, patience): (&RunId, Patience),
    cluster: &Cluster,
    (interruptions, console): (&mut Interruptions, &mut Console),
) -> Result<Exit> {
    let way = cluster.meant(Some(run)).await?;
    let found = way.tasks.query(Query::Run(run.clone())).await?;
    if !matches!(found, Answer::Run(Some(_))) {
        return Err(no_run(run));
    }
    let clock = SystemClock::start();
    let stage = there::stage(cluster, &way, clock.as_ref()).await?;
    let summary = match watch::watch((run, patience), stage, interruptions, console).await? {
        Seen::Ended(summary) => summary,
        Seen::Waiting => return waiting(console),
        Seen::Interrupted => return Ok(Exit::Interrupted),
    };
    let journal = there::told_next(run);
    let came = ending::Came { tasks: &way.tasks, summary: &summary, restarts: None, journal };
    ending::tell_plainly(came, None, console).await
}

fn no_run(run: &RunId) -> Error {
    let message = format!("there is no run {run:?}: `orkestra status` shows those that go on");
    Error::new(ErrorKind::NotFound, message)
}

fn waiting(console: &mut Console) -> Result<Exit> {
    console.say("what is left waits for people: `orkestra task pending` shows it")?;
    Ok(Exit::Waiting)
}

/// Follows the journal of a folder, as long as somebody is at work there.
async fn in_folder(
    (run, patience): (&RunId, Patience),
    settings: &Settings,
    (interruptions, console): (&mut Interruptions, &mut Console),
) -> Result<Exit> {
    let dir = settings.data_dir();
    let clock = SystemClock::start();
    let mut inspection = Inspection::of(dir).await?;
    let mut progress = Progress::on(console);
    let mut told = BTreeSet::new();
    let exit = loop {
        let now = clock.now();
        // Looked at first: what its last act was is read below.
        let is_at_work = holder(dir)?.is_some();
        if let Err(error) = inspection.read_on().await {
            if error.kind() != ErrorKind::NotFound {
                return Err(error);
            }
            inspection = Inspection::of(dir).await?;
        }
        let Some(view) = view_of(inspection.tasks(), run) else { return Err(no_run(run)) };
        tell_ended(inspection.tasks(), run, &mut told, console)?;
        progress.show(console, now.moment, &watch::snapshot(&view, clock.as_ref()))?;
        if view.summary.ended.is_some() {
            // How often something was restarted, whoever works there knows.
            let came = (&view.summary, &all_of(inspection.tasks(), run)[..]);
            break ending::tell_ended(came, (None, &ending::journal(settings)), None, console)?;
        }
        if view.waits_for_people && patience == Patience::ForAgents {
            break waiting(console)?;
        }
        if !is_at_work {
            let message = format!(
                "nobody is at work in {}: run {run} stands still until a command runs there",
                dir.display()
            );
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        tokio::select! {
            () = interruptions.next() => break Exit::Interrupted,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        if console.is_closed() {
            break Exit::Interrupted;
        }
    };
    progress.finish();
    inspection.close().await;
    Ok(exit)
}

fn view_of(tasks: &TaskMachine, run: &RunId) -> Option<RunView> {
    match tasks.answer(orkestra_runtime::time::Now::default(), &Query::Run(run.clone())) {
        Answer::Run(view) => view.map(|view| *view),
        _ => None,
    }
}

fn all_of(tasks: &TaskMachine, run: &RunId) -> Vec<TaskView> {
    let all = Query::Tasks { run: run.clone(), limit: None };
    match tasks.answer(orkestra_runtime::time::Now::default(), &all) {
        Answer::Tasks(all) => all,
        _ => Vec::new(),
    }
}

/// For programs: each ending of a task, once.
fn tell_ended(
    tasks: &TaskMachine,
    run: &RunId,
    told: &mut BTreeSet<TaskId>,
    console: &mut Console,
) -> Result<()> {
    if console.format() != Format::Ndjson {
        return Ok(());
    }
    let caught_up = told.is_empty();
    for task in all_of(tasks, run).into_iter().filter(|task| task.ended.is_some()) {
        if told.insert(task.id.clone()) {
            console.line(&json!({
                "event": "task_ended",
                "task": task.id,
                "state": task.state,
                "reason": task.reason,
                "caught_up": caught_up,
            }))?;
        }
    }
    Ok(())
}
