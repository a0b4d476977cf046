//! Durable tasks: submitted, given out, worked on, ended, each part durable before the next.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{RunId, TaskId},
    protocol::{payload::Json, task::TaskSpec},
    time::Moment,
};

use super::{
    Figure, Place,
    baseline::Baselines,
    figure::{Durations, rate},
};
use crate::{
    client::{Following, Tasks},
    system::System,
    task::{Ended, Ending, RunOpening},
};

/// How long the measurement takes, after how long of warming up.
const WARM: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(2);
/// How many tasks are submitted together at most.
const BATCH: usize = 256;

/// Keeps so many tasks in flight for a while.
pub(super) async fn measure(
    in_flight: u32,
    place: &Place,
    baselines: &Baselines,
) -> Result<Vec<Figure>> {
    let name = format!("tasks.{in_flight}");
    let system = System::builder()
        .data_dir(place.room(&name))?
        .function("noop", in_flight, |_, _| async { Ok(Json::null()) })?
        .start()
        .await?;
    let run = RunId::new(&name)?;
    let tasks = system.tasks();
    tasks.open(&run, RunOpening { stream: true, ..RunOpening::default() }).await?;
    let following = tasks.follow(&run).await?;
    let measured = carry((place, tasks, run), following, in_flight as usize).await;
    system.stop().await?;
    let (count, took, latencies) = measured?;
    let figure = Figure::new(format!("{name}.rate"), rate(count, took), "/s");
    let mut figures = vec![figure.beside(&baselines.append_rate)];
    let [p50, p99] = latencies.figures(&name);
    if in_flight == 1 {
        let beyond = p50.value - 2.0 * baselines.append[0].value;
        let figure = Figure::new("tasks.1.beyond_two_appends", beyond, "ms");
        figures.push(figure.beside(&baselines.append[0]));
    }
    figures.push(p50.beside(&baselines.append[0]));
    figures.push(p99.beside(&baselines.append[1]));
    Ok(figures)
}

/// Keeps so many tasks of a run in flight for a while: how many ended, in what time, and after how
/// long each.
pub(super) async fn carry(
    (place, tasks, run): (&Place, &Tasks, RunId),
    following: Following,
    in_flight: usize,
) -> Result<(usize, Duration, Durations)> {
    let load = Load { place, tasks, run, next: 0, begun: HashMap::new() };
    load.carry(following, in_flight).await
}

struct Load<'a> {
    place: &'a Place,
    tasks: &'a Tasks,
    run: RunId,
    next: u64,
    begun: HashMap<TaskId, Moment>,
}

impl Load<'_> {
    /// Submits one task for each that ends, until the time is up.
    async fn carry(
        mut self,
        mut following: Following,
        in_flight: usize,
    ) -> Result<(usize, Duration, Durations)> {
        let clock = Arc::clone(&self.place.clock);
        let began = clock.now().moment;
        let (mut from, mut latencies) = (None, Durations::default());
        let mut under_way = FuturesUnordered::new();
        let mut wanted = in_flight;
        loop {
            while wanted > 0 {
                let batch = self.batch(wanted.min(BATCH), clock.now().moment)?;
                wanted -= batch.len();
                let (tasks, run) = (self.tasks, self.run.clone());
                under_way.push(async move { tasks.submit(&run, batch).await.map(drop) });
            }
            let ended = tokio::select! {
                Some(submitted) = under_way.next() => {
                    submitted?;
                    continue;
                }
                ended = following.next() => ended.ok_or_else(cut_off)?,
            };
            let now = clock.now().moment;
            if from.is_none() && now.since(began) >= WARM {
                from = Some(now);
            }
            for one in &ended {
                let latency = now.since(self.end(one)?);
                if from.is_some() {
                    latencies.push(latency);
                }
            }
            wanted += ended.len();
            if let Some(took) = from.map(|from| now.since(from)).filter(|took| *took >= MEASURED) {
                return Ok((latencies.len(), took, latencies));
            }
        }
    }

    fn batch(&mut self, count: usize, now: Moment) -> Result<Vec<Arc<TaskSpec>>> {
        (0..count)
            .map(|_| {
                let id = TaskId::new(format!("t{}", self.next))?;
                self.next += 1;
                self.begun.insert(id.clone(), now);
                Ok(Arc::new(TaskSpec::new(id)))
            })
            .collect()
    }

    /// When a task that has ended was submitted.
    fn end(&mut self, ended: &Ended) -> Result<Moment> {
        let begun = self.begun.remove(&ended.id);
        begun.filter(|_| matches!(ended.ending, Ending::Completed(_))).ok_or_else(|| {
            let message = format!("task {} ended as {:?}", ended.id, ended.ending);
            Error::new(ErrorKind::Fault, message)
        })
    }
}

fn cut_off() -> Error {
    Error::new(ErrorKind::Unavailable, "the endings of a run are told no more")
}
