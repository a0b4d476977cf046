//! Who looks on while a node runs: its monitor, and the door to its metrics.
//!
//! They stand under a supervisor of their own and are started again with patience; when they end
//! for good, they are parked, and the run goes on without them.

use std::sync::Arc;

use orkestra_runtime::{
    Result, duty,
    journal::Journal,
    supervise::{ChildSpec, Started, Starting},
};

use super::{Care, Means, SystemSpec};
use crate::{
    health::{Monitor, Observer, WatchedLogs},
    metrics::{Exporter, Source},
};

/// How often in a row who looks on is tried.
const ATTEMPTS_MAX: u32 = 10;

/// The journal of a node and, if it is to be monitored, who watches it.
pub(super) async fn watched(
    spec: &SystemSpec,
    journal: Journal,
) -> Result<(Journal, Option<Arc<Monitor>>)> {
    if !spec.monitored && spec.metrics.is_none() {
        return Ok((journal, None));
    }
    let shard = journal.shard();
    let counters = spec.metrics.as_ref().map(|metrics| Arc::clone(&metrics.counters));
    let monitor = Monitor::new(counters.map(|counters| counters as Arc<dyn Observer>));
    monitor.attach(journal, &spec.log).await?;
    let clock = Arc::clone(&spec.clock);
    let logs = WatchedLogs::over(spec.fabric.logs(), Arc::clone(&monitor), clock);
    let (registers, blobs) = (spec.fabric.registers(), spec.fabric.blobs());
    Ok((Journal::over(shard, Arc::new(logs), registers, blobs)?, Some(monitor)))
}

/// Its children of the supervisor of doors.
pub(super) fn children(
    spec: &SystemSpec,
    means: &Means,
    monitor: Option<&Arc<Monitor>>,
) -> Vec<ChildSpec> {
    let Some(monitor) = monitor else { return Vec::new() };
    let mut doors = vec![follower(spec, monitor)];
    if let Some(metrics) = &spec.metrics {
        let source = Source {
            shard: means.shard.clone(),
            journal: means.journal.clone(),
            monitor: Arc::clone(monitor),
            clock: Arc::clone(&spec.clock),
            members: spec.members.len(),
        };
        let exporter = Arc::new(Exporter::new(source, &metrics.counters));
        doors.push(metrics.child(&exporter, &spec.clock));
    }
    doors.into_iter().map(patient).collect()
}

fn follower(spec: &SystemSpec, monitor: &Arc<Monitor>) -> ChildSpec {
    let (monitor, log, clock) = (Arc::clone(monitor), spec.log.clone(), Arc::clone(&spec.clock));
    let judge_every = spec.settings.tasks.health_sweep;
    ChildSpec::worker("monitor", move |starting: Starting| {
        let (monitor, log, clock) = (Arc::clone(&monitor), log.clone(), Arc::clone(&clock));
        async move {
            let duty = monitor.follow(log, (judge_every, Arc::clone(&clock)));
            let cell = duty::spawn_linked(duty, clock, starting.supervisor).await?;
            Ok(Started::from(cell))
        }
    })
}

/// A child whose ends never add up to the end of the node.
pub(crate) fn patient(child: ChildSpec) -> ChildSpec {
    let child = child.attempts_max(ATTEMPTS_MAX);
    match Care::default().backoff {
        Some(backoff) => child.backoff(backoff),
        None => child,
    }
}
