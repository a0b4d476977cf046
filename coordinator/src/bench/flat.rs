//! A stream of a million tasks with retention at work: memory and disk must not grow with it.
//!
//! Snapshots come often here, and little is kept for audits, so that a million tasks see many of
//! them, and the journal trimmed behind them; with the settings that people have, ten thousand
//! records of some hundred tasks each pass before the first. Until then memory is that of the tasks
//! that are retained; a snapshot is made of a copy of them, so the figures rise between the first
//! look and the second, and what counts is that they do not after it.

use std::{fs::File, io::Write as _, path::Path, sync::Arc};

use futures::{StreamExt as _, stream::FuturesUnordered};
use orkestra_agents::kinds::function::FunctionAgent;
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Fabric, embedded::Embedded},
    id::{AgentId, RunId, TaskId},
    protocol::{payload::Json, task::TaskSpec},
};

use super::{
    Place,
    baseline::repeat,
    cannot,
    child::memory_kib,
    figure::{Figure, number, rate},
};
use crate::{
    client::Following,
    system::{Member, System, SystemSpec},
    task::{Ending, RunOpening},
};

/// After how many ended tasks is looked.
const LOOKS: [(usize, &str); 3] = [(100_000, "100k"), (500_000, "500k"), (1_000_000, "1m")];
/// How many tasks are in flight, and how many are submitted together.
const IN_FLIGHT: usize = 2_048;
const BATCH: usize = 256;
/// How many ended tasks stay in memory.
const RETAINED: u32 = 10_000;
/// After how many bytes of records a snapshot is made, and how many are kept for audits.
const SNAPSHOT_BYTES: u64 = 32 * 1024 * 1024;
const BYTES_KEPT: u64 = 32 * 1024 * 1024;

/// What there was at a look.
struct Look {
    name: &'static str,
    memory_kib: u32,
    disk: u64,
}

pub(super) async fn measure(place: &Place) -> Result<Vec<Figure>> {
    let bare = bare(place).await?;
    let folder = place.room("data");
    let fabric: Arc<dyn Fabric> = Arc::new(Embedded::open(&folder)?);
    let mut spec = SystemSpec::new(Arc::clone(&fabric), folder.clone())?;
    spec.settings.tasks.retain_tasks = RETAINED;
    spec.pace.snapshot_bytes = SNAPSHOT_BYTES;
    spec.pace.bytes_kept = BYTES_KEPT;
    let done = Json::of(&"done")?;
    let factory = move || {
        let done = done.clone();
        Arc::new(FunctionAgent::new(move |_, _| std::future::ready(Ok(done.clone())))) as _
    };
    let capacity = u32::try_from(IN_FLIGHT).unwrap_or(u32::MAX);
    spec.members =
        vec![Member::new(AgentId::new("worker")?, "function", capacity, Arc::new(factory))];
    let system = System::start(spec).await?;
    let began = place.clock.now().moment;
    let streamed = stream(&system, &folder).await;
    let took = place.clock.now().moment.since(began);
    system.stop().await?;
    fabric.close().await;
    let looks = streamed?;
    let tasks = LOOKS.last().map_or(0, |(tasks, _)| *tasks);
    let mut figures = vec![Figure::new("memory.flat.rate", rate(tasks, took), "/s").beside(&bare)];
    figures.extend(shown(&looks));
    if let Some(kib) = memory_kib("VmHWM") {
        figures.push(Figure::new("memory.flat.peak", f64::from(kib) / 1_024.0, "MiB"));
    }
    Ok(figures)
}

/// Memory and disk at each look, those after the first beside the first.
fn shown(looks: &[Look]) -> Vec<Figure> {
    let memory = |look: &Look| {
        let mib = f64::from(look.memory_kib) / 1_024.0;
        Figure::new(format!("memory.flat.{}", look.name), mib, "MiB")
    };
    let disk = |look: &Look| {
        let kib = number(usize::try_from(look.disk / 1_024).unwrap_or(usize::MAX));
        Figure::new(format!("memory.flat.disk.{}", look.name), kib / 1_024.0, "MiB")
    };
    let beside_first = |figures: Vec<Figure>| -> Vec<Figure> {
        let Some(first) = figures.first().cloned() else { return figures };
        let later = figures.into_iter().skip(1).map(|figure| figure.beside(&first));
        std::iter::once(first.clone()).chain(later).collect()
    };
    let mut figures = beside_first(looks.iter().map(memory).collect());
    if let [first, .., before, last] = &figures[..] {
        let growth = |from: &Figure, name| Figure::new(name, last.value - from.value, "MiB");
        let whole = growth(first, "memory.flat.growth");
        let late = growth(before, "memory.flat.growth.late");
        figures.extend([whole, late]);
    }
    figures.extend(beside_first(looks.iter().map(disk).collect()));
    figures
}

/// Submits one task for each that ends, and looks now and then.
async fn stream(system: &System, folder: &Path) -> Result<Vec<Look>> {
    let (tasks, run) = (system.tasks(), RunId::new("flat")?);
    tasks.open(&run, RunOpening { stream: true, ..RunOpening::default() }).await?;
    let mut following: Following = tasks.follow(&run).await?;
    let (mut next, mut ended, mut wanted) = (0, 0, IN_FLIGHT);
    let mut under_way = FuturesUnordered::new();
    let mut looks = Vec::with_capacity(LOOKS.len());
    while let Some((after, name)) = LOOKS.get(looks.len()) {
        while wanted > 0 {
            let batch = batch(&mut next, wanted.min(BATCH))?;
            wanted -= batch.len();
            let run = run.clone();
            under_way.push(async move { tasks.submit(&run, batch).await.map(drop) });
        }
        let news = tokio::select! {
            Some(submitted) = under_way.next() => {
                submitted?;
                continue;
            }
            news = following.next() => news.ok_or_else(|| {
                Error::new(ErrorKind::Unavailable, "the endings of a run are told no more")
            })?,
        };
        if let Some(bad) = news.iter().find(|one| !matches!(one.ending, Ending::Completed(_))) {
            let message = format!("task {} ended as {:?}", bad.id, bad.ending);
            return Err(Error::new(ErrorKind::Fault, message));
        }
        ended += news.len();
        wanted += news.len();
        if ended >= *after {
            let memory_kib = memory_kib("VmRSS").unwrap_or_default();
            looks.push(Look { name, memory_kib, disk: size_of(folder)? });
        }
    }
    Ok(looks)
}

fn batch(next: &mut u64, count: usize) -> Result<Vec<Arc<TaskSpec>>> {
    (0..count)
        .map(|_| {
            *next += 1;
            spec(*next).map(Arc::new)
        })
        .collect()
}

fn spec(number: u64) -> Result<TaskSpec> {
    let mut spec = TaskSpec::new(TaskId::new(format!("task-{number}"))?);
    spec.title.push_str("One of very many tasks");
    spec.instructions = "Do what the title says, and answer with a word. ".repeat(3);
    Ok(spec)
}

/// As many bytes as the files below a folder have.
fn size_of(folder: &Path) -> Result<u64> {
    let cannot_look = |error| cannot("look into the folder of the bench", error);
    let (mut bytes, mut folders) = (0, vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(cannot_look)? {
            let entry = entry.map_err(cannot_look)?;
            // What was there a moment ago may be gone: files are trimmed meanwhile.
            let Ok(about) = entry.metadata() else { continue };
            if about.is_dir() { folders.push(entry.path()) } else { bytes += about.len() }
        }
    }
    Ok(bytes)
}

/// How many tasks of the same size a file takes a second, appended in batches of the same size.
async fn bare(place: &Place) -> Result<Figure> {
    let mut bytes = Vec::new();
    let mut next = 0;
    for task in batch(&mut next, BATCH)? {
        let written = serde_json::to_writer(&mut bytes, task.as_ref());
        written.map_err(|error| cannot("write a task down", error))?;
    }
    let (there, clock) = (place.room("bare"), Arc::clone(&place.clock));
    let appended = tokio::task::spawn_blocking(move || {
        let mut file = File::create(there).map_err(|error| cannot("make a file", error))?;
        repeat("tasks appended bare", (clock.as_ref(), super::baseline::APPENDS_WITHIN), || {
            let written = file.write_all(&bytes).and_then(|()| file.sync_data());
            written.map_err(|error| cannot("append to a file", error))
        })
    });
    let (mut figure, _) = appended.await.map_err(|error| cannot("measure the disk", error))??;
    figure.value *= number(BATCH);
    Ok(figure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_from_the_first_look_and_from_the_last_but_one() {
        let look = |name, memory_kib, disk| Look { name, memory_kib, disk };
        let looks = [
            look("a", 100 * 1_024, 1 << 20),
            look("b", 125 * 1_024, 2 << 20),
            look("c", 130 * 1_024, 3 << 20),
        ];
        let told: Vec<(String, f64, Option<f64>)> =
            shown(&looks).into_iter().map(|one| (one.name, one.value, one.ratio)).collect();
        let row = |name: &str, value, ratio| (format!("memory.flat.{name}"), value, ratio);
        assert_eq!(
            told,
            [
                row("a", 100.0, None),
                row("b", 125.0, Some(1.25)),
                row("c", 130.0, Some(1.3)),
                row("growth", 30.0, None),
                row("growth.late", 5.0, None),
                row("disk.a", 1.0, None),
                row("disk.b", 2.0, Some(2.0)),
                row("disk.c", 3.0, Some(3.0)),
            ]
        );
    }
}
