//! Durable tasks from end to end: submitted here, worked on in another process.

use std::time::Duration;

use orkestra_runtime::{Result, id::RunId};

use super::{COORDINATOR, Site, append::Kept};
use crate::{
    bench::{
        Figure, Part,
        figure::{Durations, rate},
        tasks::carry,
    },
    task::RunOpening,
};

/// How long the bare client publishes before and after.
const BARE: Duration = Duration::from_millis(500);

pub(super) async fn measure(group: &str, site: &Site, in_flight: usize) -> Result<Vec<Figure>> {
    let kept = Kept::new(site).await?;
    let agents = site.peer(Part::NatsAgents, "agents")?;
    let node = site.node("leader", COORDINATOR).await?;
    let (tasks, run) = (node.tasks_of("bench").clone(), RunId::new("bench")?);
    tasks.open(&run, RunOpening { stream: true, ..RunOpening::default() }).await?;
    let clock = site.place.clock.as_ref();
    let mut bare = Durations::default();
    let before = kept.publish((clock, BARE), &mut bare).await?;
    let following = tasks.follow(&run).await?;
    let measured = carry((&site.place, &tasks, run), following, in_flight).await;
    let after = kept.publish((clock, BARE), &mut bare).await?;
    node.stop().await?;
    agents.stop().await?;
    kept.remove().await?;
    let (count, took, latencies) = measured?;
    let (published, time) = (before.0 + after.0, before.1 + after.1);
    let publish = Figure::new("publish, acknowledged", rate(published, time), "/s");
    let mut figures =
        vec![Figure::new(format!("{group}.rate"), rate(count, took), "/s").beside(&publish)];
    let bare = bare.figures("publish, acknowledged");
    let latencies = latencies.figures(group).into_iter().zip(&bare);
    figures.extend(latencies.map(|(figure, bare)| figure.beside(bare)));
    Ok(figures)
}
