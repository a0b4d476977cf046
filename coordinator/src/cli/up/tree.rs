//! Who looks after whom: the server, and the nodes beside it.
//!
//! Stopping goes the other way: the nodes first, all at once, then the server.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    backoff::Backoff,
    duty,
    supervise::{
        ChildSpec, Running, Shutdown, Started, Starting, SupervisorHandle, SupervisorSpec,
    },
    time::Clock,
};
use tokio::sync::{oneshot, watch};

use super::{
    alive::Alive,
    process::{Plan, Process, Ties},
};
use crate::nats_server::{self, Binary, ServerSpec};

/// The names in the tree.
pub(super) const ROOT: &str = "up";
pub(super) const NODES: &str = "nodes";
const SERVER: &str = "nats-server";

/// Nodes are killed for fun here: as many restarts are borne as backoff lets happen.
const RESTARTS: u32 = 10_000;
const PERIOD: Duration = Duration::from_mins(1);
/// Soon, so that one sees it, and never long, so that nobody waits for it.
const BACKOFF: Backoff = Backoff {
    base: Duration::from_millis(500),
    factor: 2,
    max: Duration::from_secs(8),
    jitter: false,
    reset_after: Duration::from_secs(10),
};
/// How long a node may take until it is up.
const START_WITHIN: Duration = Duration::from_mins(1);
/// How long the server may take to stop, and to be killed if it does not.
const SERVER_WITHIN: Duration = Duration::from_secs(20);
/// What a node may take longer than it was given.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// A server of our own.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) binary: Binary,
    pub(super) spec: ServerSpec,
}

/// What the tree is made of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) server: Option<Own>,
    pub(super) nodes: Vec<Plan>,
    pub(super) ties: Ties,
    pub(super) clock: Arc<dyn Clock>,
}

/// Where the supervisor of the nodes is found once it is there.
pub(super) type Told = Arc<watch::Sender<Option<SupervisorHandle>>>;

/// The tree. Nodes are started under it by name, once there is a server.
pub(super) fn up(parts: Parts, told: Told) -> SupervisorSpec {
    let Parts { server, nodes, ties, clock } = parts;
    let supervisor = SupervisorSpec::new(ROOT).intensity(RESTARTS, PERIOD);
    let supervisor = match server {
        Some(own) => supervisor.child(serving(own, ties.alive.clone(), Arc::clone(&clock))),
        None => supervisor,
    };
    let most = nodes.len();
    let stop_within = nodes.iter().map(|plan| plan.stop_within).max().unwrap_or_default();
    let template = node(nodes, ties, clock)
        .backoff(BACKOFF)
        .start_within(START_WITHIN)
        .shutdown(Shutdown::Within(stop_within + GRACE));
    let nodes = SupervisorSpec::dynamic(NODES, template, most).intensity(RESTARTS, PERIOD);
    supervisor.supervisor(nodes.told_to(told))
}

fn node(plans: Vec<Plan>, ties: Ties, clock: Arc<dyn Clock>) -> ChildSpec {
    let plans: BTreeMap<String, Plan> =
        plans.into_iter().map(|plan| (plan.name.clone(), plan)).collect();
    ChildSpec::worker("node", move |starting: Starting| {
        let plan = plans.get(starting.id.as_str()).cloned();
        let (ties, clock) = (ties.clone(), Arc::clone(&clock));
        async move {
            let Some(plan) = plan else { return Err("there is no such node".into()) };
            let process = Process::start(plan, &ties)?;
            let (up, is_up) = oneshot::channel();
            let (stop, stopping) = watch::channel(false);
            begin(starting, process.attend(up, stopping), (stop, is_up), clock).await
        }
    })
}

fn serving(own: Own, alive: Alive, clock: Arc<dyn Clock>) -> ChildSpec {
    let own = Arc::new(own);
    let child = ChildSpec::worker(SERVER, move |starting: Starting| {
        let (own, alive, clock) = (Arc::clone(&own), alive.clone(), Arc::clone(&clock));
        async move {
            let (up, is_up) = oneshot::channel();
            let (stop, mut stopping) = watch::channel(false);
            let duty = async move {
                let _counted = alive.one();
                let ready = |_: &nats_server::Server| {
                    let _ = up.send(Ok(()));
                };
                let stop = async move {
                    // Whoever could ask is gone: nobody wants it any more.
                    let _ = stopping.wait_for(|is| *is).await;
                };
                nats_server::run(&own.binary, own.spec.clone(), ready, stop).await
            };
            begin(starting, duty, (stop, is_up), clock).await
        }
    });
    child.backoff(BACKOFF).shutdown(Shutdown::Within(SERVER_WITHIN))
}

/// Starts a duty as a child that is up when it says so, and ends in order when asked to.
async fn begin(
    starting: Starting,
    duty: impl Future<Output = Result<()>> + Send + 'static,
    (stop, is_up): (watch::Sender<bool>, oneshot::Receiver<Result<()>>),
    clock: Arc<dyn Clock>,
) -> Result<Started, orkestra_runtime::supervise::StartError> {
    let (failed, failure) = oneshot::channel();
    let duty = async move {
        let ended = duty.await;
        if let Err(error) = &ended {
            // Of use only to a start that still waits.
            let _ = failed.send(Error::new(error.kind(), error.to_string()));
        }
        ended
    };
    let cell = duty::spawn_linked(duty, clock, starting.supervisor.clone()).await?;
    let running = Running::new(cell).stopped_by(move || {
        stop.send_replace(true);
    });
    starting.announce(running.clone());
    let Ok(came) = is_up.await else {
        let gone = || Error::new(ErrorKind::Unavailable, "it was ended at its start");
        return Err(failure.await.unwrap_or_else(|_| gone()).into());
    };
    came?;
    Ok(running.into())
}
