//! The supervision tree of a cluster's node, as data; the picture stands in the module above.

use std::{future::Future, sync::Arc};

use futures::future::BoxFuture;
use orkestra_runtime::{
    Result, duty,
    supervise::{ChildSpec, Started, Starting, Strategy, SupervisorHandle, SupervisorSpec},
    time::Clock,
};
use tokio::sync::{Mutex, watch};

use super::NodeSpec;

/// The children of one shard, in order.
#[derive(Debug)]
pub(crate) struct ShardChildren {
    pub(crate) name: String,
    pub(crate) children: Vec<ChildSpec>,
}

/// The parts of a node, each ready to be started.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) presence: ChildSpec,
    pub(crate) beat: ChildSpec,
    pub(crate) shards: Vec<ShardChildren>,
    pub(crate) reading: ChildSpec,
    pub(crate) placing: ChildSpec,
    pub(crate) desk: ChildSpec,
    pub(crate) hosting: ChildSpec,
    pub(crate) doors: Vec<ChildSpec>,
    pub(crate) agents: Vec<ChildSpec>,
}

/// The tree of a node.
pub(crate) fn node(
    parts: Parts,
    spec: &NodeSpec,
    told: Arc<watch::Sender<Option<SupervisorHandle>>>,
) -> SupervisorSpec {
    let Parts { presence, beat, shards, reading, placing, desk, hosting, doors, agents } = parts;
    let tolerance = spec.tolerance;
    let supervisor =
        |name: &str| SupervisorSpec::new(name).intensity(tolerance.restarts, tolerance.period);
    let shards = shards.into_iter().fold(supervisor("shards"), |shards, shard| {
        let children = supervisor(&shard.name).strategy(Strategy::RestForOne);
        shards.supervisor(shard.children.into_iter().fold(children, SupervisorSpec::child))
    });
    let doors = doors.into_iter().fold(supervisor("doors"), SupervisorSpec::child);
    let agents = agents.into_iter().fold(supervisor("agents"), SupervisorSpec::child);
    let agents = agents.told_to(told);
    let mut house = supervisor("house").child(presence).child(beat).supervisor(shards);
    if spec.roles.coordinator {
        house = house.child(reading).child(placing);
    }
    if spec.roles.agents {
        house = house.child(desk);
    }
    let mut house = house.supervisor(doors).supervisor(agents);
    if spec.roles.agents {
        house = house.child(hosting);
    }
    // The connection is kept by the fabric itself; its place in the tree is kept for what can end.
    let fabric = again("fabric", std::future::pending, &spec.clock);
    supervisor("node").strategy(Strategy::RestForOne).child(fabric).supervisor(house)
}

/// A child that can be begun again.
pub(crate) fn again<F: Future<Output = Result<()>> + Send + 'static>(
    name: &str,
    make: impl Fn() -> F + Send + Sync + 'static,
    clock: &Arc<dyn Clock>,
) -> ChildSpec {
    let clock = Arc::clone(clock);
    ChildSpec::worker(name, move |starting: Starting| {
        let (duty, clock) = (make(), Arc::clone(&clock));
        async move {
            let cell = duty::spawn_linked(duty, clock, starting.supervisor).await?;
            Ok(Started::from(cell))
        }
    })
}

/// A child that cannot: what it knows goes with it, and its supervisor with both.
pub(crate) fn once(
    name: &str,
    duty: impl Future<Output = Result<()>> + Send + 'static,
    clock: &Arc<dyn Clock>,
) -> ChildSpec {
    let duty: BoxFuture<'static, Result<()>> = Box::pin(duty);
    let (duty, clock) = (Arc::new(Mutex::new(Some(duty))), Arc::clone(clock));
    ChildSpec::worker(name, move |starting: Starting| {
        let (duty, clock) = (Arc::clone(&duty), Arc::clone(&clock));
        async move {
            let Some(duty) = duty.lock().await.take() else {
                return Err("it cannot be begun a second time; start the node anew".into());
            };
            let cell = duty::spawn_linked(duty, clock, starting.supervisor).await?;
            Ok(Started::from(cell))
        }
    })
}
