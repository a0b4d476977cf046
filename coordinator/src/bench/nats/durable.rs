//! Durable tasks from end to end: submitted here, worked on in another process.
//!
//! The baseline is a bare client that publishes to a stream of the same server, each message
//! acknowledged before the next: what a program does that keeps one fact after another. A task is
//! three such facts (submitted, given out, ended), each durable before the next is decided, so its
//! facts stand beside the baseline too. What the bare client reaches with many publishes under way
//! at once, whose order nobody could rely on, stands for itself.

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
/// How many durable facts a task is.
const FACTS: usize = 3;
/// How many publishes of the bare client are under way where that is measured.
const AT_ONCE: usize = 64;

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
    let (many, many_took) = kept.publish_at_once(clock, AT_ONCE).await?;
    node.stop().await?;
    agents.stop().await?;
    kept.remove().await?;
    let (count, took, latencies) = measured?;
    let (published, time) = (before.0 + after.0, before.1 + after.1);
    let publish = Figure::new("publish, acknowledged", rate(published, time), "/s");
    let mut figures = vec![
        Figure::new(format!("{group}.rate"), rate(count, took), "/s").beside(&publish),
        Figure::new(format!("{group}.facts"), rate(FACTS * count, took), "/s").beside(&publish),
        Figure::new(format!("{group}.bare.at_once_{AT_ONCE}"), rate(many, many_took), "/s"),
    ];
    let bare = bare.figures("publish, acknowledged");
    let latencies = latencies.figures(group).into_iter().zip(&bare);
    figures.extend(latencies.map(|(figure, bare)| figure.beside(bare)));
    Ok(figures)
}
