//! A cold start: from nothing to a task that has ended and a node that has stopped.

use std::{process::Stdio, sync::Arc};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{RunId, TaskId},
    protocol::{payload::Json, task::TaskSpec},
};

use super::{Figure, Part, Place, cannot, child, figure::Durations};
use crate::{system::System, task::RunOpening};

const STARTS: usize = 20;

pub(super) async fn measure(place: &Place) -> Result<Vec<Figure>> {
    let (mut bare, mut whole) = (Durations::default(), Durations::default());
    // The first makes the data directory.
    child::measure(Part::Start, place).await?;
    for _ in 0..STARTS {
        let began = place.clock.now().moment;
        let mut help = child::command(Part::Start, place)?;
        help.arg("--help").stdout(Stdio::null()).stderr(Stdio::null());
        let ended = help.status().await.map_err(|error| cannot("start this program", error))?;
        bare.push(place.clock.now().moment.since(began));
        if !ended.success() {
            return Err(Error::new(ErrorKind::Fault, format!("the help ended with {ended}")));
        }
        let began = place.clock.now().moment;
        child::measure(Part::Start, place).await?;
        whole.push(place.clock.now().moment.since(began));
    }
    let ([bare, _], [p50, p99]) = (bare.figures("start.bare"), whole.figures("start"));
    Ok(vec![p50.beside(&bare), p99.beside(&bare)])
}

/// What is started: leads, runs one task to its end, stops.
pub(super) async fn run_once(place: &Place) -> Result<()> {
    let system = System::builder()
        .data_dir(place.room("data"))?
        .function("noop", 1, |_, _| async { Ok(Json::null()) })?
        .start()
        .await?;
    let run = RunId::new(format!("start-{}", place.clock.now().wall.as_ms()))?;
    let tasks = system.tasks();
    tasks.open(&run, RunOpening::default()).await?;
    tasks.submit(&run, vec![Arc::new(TaskSpec::new(TaskId::new("only")?))]).await?;
    tasks.seal(&run, 1).await?;
    let ended = tasks.wait(&run).await?;
    system.stop().await?;
    if ended.counts.completed == 1 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Fault, format!("the only task ended otherwise: {:?}", ended.counts)))
}
