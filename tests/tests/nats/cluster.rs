//! Nodes over a real server: what is submitted ends, whatever becomes of the server.

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

const SOON: Duration = Duration::from_mins(1);

async fn echo(work: Work, _: Context) -> Result<Json, Failure> {
    Ok(work.input)
}

fn echoing(name: &str, capacity: u32) -> Member {
    let id = AgentId::new(name).unwrap();
    let agent = Arc::new(FunctionAgent::new(echo));
    Member::new(
        id,
        "function",
        capacity,
        Arc::new(move || -> Arc<dyn DynAgent> { Arc::<FunctionAgent<_>>::clone(&agent) }),
    )
}

async fn node(servers: &Servers, folder: &TempDir, name: &str, members: Vec<Member>) -> Node {
    let is_worker = !members.is_empty();
    let mut settings = NatsSettings::new(&servers.url());
    settings.urls = servers.urls();
    name.clone_into(&mut settings.name);
    settings.may_create = !is_worker;
    settings.replicas = if servers.urls().len() == 3 { 3 } else { 1 };
    let nats = Nats::connect(settings).await.unwrap();
    let mut connection = nats.connection();
    let (says, connected) = tokio::sync::watch::channel(true);
    #[expect(clippy::disallowed_methods, reason = "it ends with the connection")]
    tokio::spawn(async move {
        while connection.changed().await.is_ok() {
            says.send_replace(connection.borrow_and_update().is_connected());
        }
    });
    let folder = folder.path().join(name);
    let mut spec = NodeSpec::new(NodeId::new(name).unwrap(), Arc::new(nats), folder).unwrap();
    spec.owns_fabric = true;
    spec.connected = connected;
    spec.shards = 4;
    spec.roles = Roles { coordinator: !is_worker, agents: is_worker, hosts: Hosts::Functions };
    spec.members = members;
    spec.drain_within = Duration::from_secs(2);
    spec.stable_after = Duration::from_millis(500);
    Node::start(spec).await.unwrap()
}

fn tasks(count: usize) -> Vec<TaskSpec> {
    (0..count).map(|at| TaskSpec::named(format!("t{at}")).unwrap().given(&at).unwrap()).collect()
}

async fn runs_through(tasks_of: &Tasks, name: &str, count: usize) {
    let run = RunId::new(name).unwrap();
    let work = async {
        while let Err(error) = tasks_of.begin(&run, tasks(count)).await {
            assert!(error.is_retryable(), "{error}");
        }
        tasks_of.wait(&run).await.unwrap()
    };
    let ended = tokio::time::timeout(SOON, work).await.unwrap();
    assert_eq!(ended.counts.completed, count as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_through_nodes_over_a_real_server_and_over_its_restart() {
    let servers = Servers::one().await;
    let folder = tempfile::tempdir().unwrap();
    let a = node(&servers, &folder, "a", Vec::new()).await;
    let b = node(&servers, &folder, "b", Vec::new()).await;
    let w = node(&servers, &folder, "w", vec![echoing("ann", 8), echoing("bob", 8)]).await;
    for (at, namespace) in ["", "x", "y", "z"].into_iter().enumerate() {
        runs_through(w.tasks_of(namespace), &format!("before-{at}"), 500).await;
    }
    let mut servers = servers;
    servers.kill(0).await;
    servers.restart(0).await;
    for (at, namespace) in ["", "x", "y", "z"].into_iter().enumerate() {
        runs_through(a.tasks_of(namespace), &format!("after-{at}"), 500).await;
    }
    for node in [w, a, b] {
        node.stop().await.unwrap();
    }
}
