//! Nodes on real servers, and runs that go through them.

use std::{sync::Arc, time::Duration};

use orkestra_agents::{Context, DynAgent, Work, kinds::function::FunctionAgent};
use orkestra_coordinator::{
    client::Tasks,
    node::{Node, NodeSpec},
    system::Member,
};
use orkestra_runtime::{
    fabric::nats::{Nats, NatsSettings},
    id::{AgentId, NodeId, RunId},
    protocol::{
        node::{Hosts, Roles},
        payload::Json,
        task::{Failure, TaskSpec},
    },
};
use orkestra_tests::nats::Servers;
use tempfile::TempDir;

/// How many shards a cluster has here.
pub(crate) const SHARDS: u16 = 4;
/// Longer than anything takes that is waited for here.
pub(crate) const SOON: Duration = Duration::from_mins(2);

/// A member of a team that a function works for.
pub(crate) fn member<F, R>(name: &str, capacity: u32, function: F) -> Member
where
    F: Fn(Work, Context) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Json, Failure>> + Send + 'static,
{
    let agent: Arc<dyn DynAgent> = Arc::new(FunctionAgent::new(function));
    let id = AgentId::new(name).unwrap();
    Member::new(id, "function", capacity, Arc::new(move || Arc::clone(&agent)))
}

/// One that gives back what it is given.
pub(crate) fn echoing(name: &str, capacity: u32) -> Member {
    member(name, capacity, async |work: Work, _: Context| Ok(work.input))
}

/// A node: with members it hosts them, without it leads.
pub(crate) async fn node(
    servers: &Servers,
    folder: &TempDir,
    name: &str,
    members: Vec<Member>,
) -> Node {
    let is_worker = !members.is_empty();
    let mut settings = NatsSettings::new(&servers.url());
    settings.urls = servers.urls();
    name.clone_into(&mut settings.name);
    settings.may_create = !is_worker;
    settings.replicas = servers.count();
    let nats = Nats::connect(settings).await.unwrap();
    let folder = folder.path().join(name);
    let mut spec = NodeSpec::new(NodeId::new(name).unwrap(), Arc::new(nats), folder).unwrap();
    spec.owns_fabric = true;
    spec.shards = SHARDS;
    spec.roles = Roles { coordinator: !is_worker, agents: is_worker, hosts: Hosts::Functions };
    spec.members = members;
    spec.drain_within = Duration::from_secs(2);
    spec.stable_after = Duration::from_millis(500);
    Node::start(spec).await.unwrap()
}

/// Tasks `t0`, `t1` and so on, each given its number.
pub(crate) fn tasks(count: usize) -> Vec<TaskSpec> {
    (0..count).map(|at| TaskSpec::named(format!("t{at}")).unwrap().given(&at).unwrap()).collect()
}

/// Begins a run, also while nobody leads its shard.
pub(crate) async fn begin(tasks_of: &Tasks, run: &RunId, count: usize) {
    let begun = async {
        while let Err(error) = tasks_of.begin(run, tasks(count)).await {
            assert!(error.is_retryable(), "{error}");
        }
    };
    tokio::time::timeout(SOON, begun).await.unwrap();
}

/// A run of so many tasks comes to its end, and all are completed.
pub(crate) async fn runs_through(tasks_of: &Tasks, name: &str, count: usize) {
    let run = RunId::new(name).unwrap();
    begin(tasks_of, &run, count).await;
    completes(tasks_of, &run, count).await;
}

/// A run that was begun comes to its end, and all its tasks are completed.
pub(crate) async fn completes(tasks_of: &Tasks, run: &RunId, count: usize) {
    let ended = tokio::time::timeout(SOON, tasks_of.wait(run)).await.unwrap().unwrap();
    assert_eq!(ended.counts.completed, count as u64);
}

/// Waits until something is so.
pub(crate) async fn until<R: Future<Output = bool>>(what: &str, is_so: impl Fn() -> R) {
    let so = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, so).await.unwrap_or_else(|_| panic!("{what}"));
}
