//! The parts of a node, each made of what the node is made of.

use std::sync::Arc;

use orkestra_agents::shipped::{Bounds, Repositories};
use orkestra_runtime::{
    id::Incarnation,
    presence::Presence,
    supervise::{ChildSpec, SupervisorHandle},
};
use tokio::sync::watch;

use super::{
    NodeSpec, Reached,
    desk::Desk,
    host::{Capacities, Host, HostParts},
    hosting::{Hosting, Offers},
    placing::Placing,
    reading::Reading,
};
use crate::system::{Common, Workers, member_child};

/// Where a node lays out what is shipped to it, below its folder.
const REPOSITORIES: &str = "repositories";

/// What all agents of a node share.
pub(super) type Shared<'a> = (&'a Desk, &'a Workers, &'a Arc<Repositories>);

pub(super) fn placing_of(
    spec: &NodeSpec,
    shards: &[Reached],
    (presence, draining): (&Presence, watch::Receiver<bool>),
) -> Arc<Placing> {
    let seats = shards.iter().filter_map(|at| Some((at.shard, at.seat.clone()?)));
    Arc::new(Placing {
        node: spec.name.clone(),
        seats: seats.collect(),
        presence: presence.clone(),
        registers: spec.fabric.registers(),
        draining,
        stable: spec.stable_after,
        clock: Arc::clone(&spec.clock),
    })
}

pub(super) fn agents(
    spec: &NodeSpec,
    boot: Incarnation,
    (desk, workers, repositories): Shared<'_>,
) -> Vec<ChildSpec> {
    let desk = desk.clone();
    let common = Arc::new(Common {
        blobs: spec.fabric.blobs(),
        repositories: Some(Arc::clone(repositories)),
        sink: Arc::new(move |word| desk.worker_said(word)),
        workers: Arc::clone(workers),
        folder: spec.folder.clone(),
        clock: Arc::clone(&spec.clock),
        boot: boot.0,
        drain_within: spec.drain_within,
    });
    let members = spec.members.iter().filter(|_| spec.roles.agents);
    members.map(|member| member_child(member.clone(), &common)).collect()
}

pub(super) fn host_of(
    spec: &NodeSpec,
    (desk, workers, repositories): Shared<'_>,
    agents: watch::Receiver<Option<SupervisorHandle>>,
    capacities: watch::Sender<Capacities>,
) -> Host {
    let desk = desk.clone();
    Host::new(HostParts {
        agents,
        registers: spec.fabric.registers(),
        blobs: spec.fabric.blobs(),
        repositories: Arc::clone(repositories),
        sink: Arc::new(move |word| desk.worker_said(word)),
        workers: Arc::clone(workers),
        folder: spec.folder.clone(),
        clock: Arc::clone(&spec.clock),
        drain_within: spec.drain_within,
        capacities,
    })
}

pub(super) fn hosting_of(
    spec: &NodeSpec,
    host: &Host,
    (presence, desk): (&Presence, &Desk),
) -> Arc<Hosting> {
    Arc::new(Hosting {
        node: spec.name.clone(),
        hosts: spec.roles.hosts,
        offers: Offers::of(spec.fabric.as_ref()),
        registers: spec.fabric.registers(),
        presence: presence.clone(),
        host: host.clone(),
        team: spec.team.clone(),
        desk: desk.clone(),
        clock: Arc::clone(&spec.clock),
    })
}

pub(super) fn reading_of(shards: &[Reached], presence: &Presence) -> Arc<Reading> {
    let handles = shards.iter().filter_map(Reached::handle).cloned();
    Arc::new(Reading { handles: handles.collect(), presence: presence.clone() })
}

/// The repositories that are shipped to this node; what an earlier life of it laid out is removed.
pub(super) async fn repositories_of(spec: &NodeSpec) -> Arc<Repositories> {
    let folder = spec.folder.join(REPOSITORIES);
    Repositories::in_folder(folder, spec.fabric.blobs(), Bounds::default()).await
}
