//! What whoever watches a run is told of its milestones, and of the health of the system.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use orkestra_runtime::{
    Result,
    id::RunId,
    time::{Moment, Now, Wall},
};

use crate::{
    health::{Health, Monitor},
    output::{Console, Format, Progress},
};

/// How often the health of the system is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What was told of a run's milestones and of the system's health.
#[derive(Debug)]
pub(super) struct Vitals<'a> {
    run: &'a RunId,
    monitor: Option<&'a Arc<Monitor>>,
    began: Wall,
    milestones: BTreeSet<u8>,
    health: Health,
    looked: Option<Moment>,
}

impl<'a> Vitals<'a> {
    pub(super) const fn of(run: &'a RunId, monitor: Option<&'a Arc<Monitor>>, began: Wall) -> Self {
        let milestones = BTreeSet::new();
        Self { run, monitor, began, milestones, health: Health::Healthy, looked: None }
    }

    /// Tells what is new.
    pub(super) fn tell(
        &mut self,
        now: Now,
        progress: &Progress,
        console: &mut Console,
    ) -> Result<()> {
        let Some(monitor) = self.monitor else { return Ok(()) };
        if console.format() == Format::Ndjson {
            self.tell_milestones(monitor, console)?;
        }
        if self.looked.is_none_or(|at| now.moment.since(at) >= LOOK_EVERY) {
            self.looked = Some(now.moment);
            self.tell_health(monitor, now, (progress, console))?;
        }
        Ok(())
    }

    /// Tells what is new at the end, when everything is durable.
    pub(super) async fn finish(
        mut self,
        now: Now,
        progress: &Progress,
        console: &mut Console,
    ) -> Result<()> {
        if let Some(monitor) = self.monitor {
            monitor.catch_up().await?;
        }
        self.looked = None;
        self.tell(now, progress, console)
    }

    /// Each milestone once by each command that watches, like the endings of tasks: those that were
    /// reached before it began are told with `caught_up`.
    fn tell_milestones(&mut self, monitor: &Monitor, console: &mut Console) -> Result<()> {
        for reached in monitor.milestones(self.run) {
            if self.milestones.insert(reached.percent) {
                console.line(&serde_json::json!({
                    "event": "milestone",
                    "run": self.run,
                    "percent": reached.percent,
                    "at": reached.at,
                    "ended": reached.ended,
                    "total": reached.total,
                    "caught_up": reached.at < self.began,
                }))?;
            }
        }
        Ok(())
    }

    fn tell_health(
        &mut self,
        monitor: &Monitor,
        now: Now,
        (progress, console): (&Progress, &mut Console),
    ) -> Result<()> {
        let system = monitor.system(now.wall);
        // Before anybody has described himself there is nothing to be well or unwell.
        if system.agents == 0 || system.health == self.health {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.health, system.health);
        if console.format() == Format::Ndjson {
            return console.line(&serde_json::json!({
                "event": "health",
                "from": before,
                "to": system.health,
                "because": system.because,
            }));
        }
        let because = system.because.join(", ");
        let because = if because.is_empty() { because } else { format!(": {because}") };
        let (before, after) = (before.as_str(), system.health.as_str());
        progress.say(console, format!("health: {after}, after {before}{because}"))
    }
}
