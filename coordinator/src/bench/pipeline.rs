//! Ten thousand tasks in a hundred layers, each of which needs three of the layer before.

use std::{sync::Arc, time::Duration};

use orkestra_agents::kinds::function::FunctionAgent;
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Fabric, embedded::Embedded},
    id::{AgentId, RunId, ShardId, TaskId},
    journal::Journal,
    protocol::{
        payload::{Json, Payload},
        task::{Dependency, DependencyKind, TaskSpec},
    },
};

use super::{Figure, Place, baseline::Baselines, child, figure::ms};
use crate::{
    system::{Member, System, SystemSpec},
    task::{RunOpening, RunSummary},
};

const LAYERS: u64 = 100;
const WIDTH: u64 = 100;
/// How many attempts its agent holds: a whole layer.
const CAPACITY: u32 = 128;

pub(super) async fn measure(place: &Place) -> Result<Vec<Figure>> {
    let fabric: Arc<dyn Fabric> = Arc::new(Embedded::open(place.room("data"))?);
    let journal = Journal::of(fabric.as_ref(), ShardId(0))?;
    let mut spec = SystemSpec::new(Arc::clone(&fabric), place.room("data"))?;
    let factory = || Arc::new(FunctionAgent::new(|_, _| async { Ok(Json::null()) })) as _;
    spec.members =
        vec![Member::new(AgentId::new("noop")?, "function", CAPACITY, Arc::new(factory))];
    let system = System::start(spec).await?;
    let before = journal.end().await?;
    let began = place.clock.now().moment;
    let (submitted, ended) = run(&system, place).await?;
    let took = place.clock.now().moment.since(began);
    let after = journal.end().await?;
    system.stop().await?;
    fabric.close().await;
    if ended.counts.completed != LAYERS * WIDTH {
        let message = format!("the pipeline ended with {:?}", ended.counts);
        return Err(Error::new(ErrorKind::Fault, message));
    }
    let appends = u32::try_from(after.0 - before.0).unwrap_or(u32::MAX);
    let mut figures = vec![
        Figure::new("pipeline.time", ms(took), "ms"),
        Figure::new("pipeline.submission", ms(submitted), "ms"),
        Figure::new("pipeline.appends", f64::from(appends), "appends"),
    ];
    if let Some(kib) = child::memory_kib("VmHWM") {
        figures.push(Figure::new("pipeline.memory", f64::from(kib) / 1_024.0, "MiB"));
    }
    Ok(figures)
}

/// Sets the time beside that of as many bare appends.
pub(super) fn beside(figures: Vec<Figure>, baselines: &Baselines) -> Vec<Figure> {
    let appends = figures.iter().find(|figure| figure.name == "pipeline.appends");
    let appends = appends.map_or(0.0, |figure| figure.value);
    let bare = Figure::new("as many appends", appends * baselines.append[0].value, "ms");
    let beside = |figure: Figure| {
        if figure.name == "pipeline.time" { figure.beside(&bare) } else { figure }
    };
    figures.into_iter().map(beside).collect()
}

async fn run(system: &System, place: &Place) -> Result<(Duration, RunSummary)> {
    let (tasks, run) = (system.tasks(), RunId::new("pipeline")?);
    let began = place.clock.now().moment;
    tasks.open(&run, RunOpening::default()).await?;
    tasks.submit(&run, graph()?).await?;
    tasks.seal(&run, LAYERS * WIDTH).await?;
    let submitted = place.clock.now().moment.since(began);
    Ok((submitted, tasks.wait(&run).await?))
}

fn graph() -> Result<Vec<Arc<TaskSpec>>> {
    let places = (0..LAYERS).flat_map(|layer| (0..WIDTH).map(move |index| (layer, index)));
    places.map(|(layer, index)| task(layer, index).map(Arc::new)).collect()
}

fn task(layer: u64, index: u64) -> Result<TaskSpec> {
    let mut task = TaskSpec::new(name(layer, index)?);
    task.title = format!("Layer {layer}, number {index}");
    let input = serde_json::json!({ "layer": layer.to_string(), "index": index.to_string() });
    task.input = Payload::Inline(Json::of(&input)?);
    if let Some(before) = layer.checked_sub(1) {
        for index in [index, (index + 1) % WIDTH, (index + 50) % WIDTH] {
            let on = name(before, index)?;
            task.dependencies.push(Dependency { on, kind: DependencyKind::Hard });
        }
    }
    Ok(task)
}

fn name(layer: u64, index: u64) -> Result<TaskId> {
    TaskId::new(format!("t-{layer}-{index}"))
}
