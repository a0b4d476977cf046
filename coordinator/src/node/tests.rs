//! Stories about clusters of nodes over one fabric in memory, which hands out copies only.

mod versions;

use std::{sync::Arc, time::Duration};

use orkestra_agents::{Context, DynAgent, Work, kinds::function::FunctionAgent};
use orkestra_runtime::{
    Result,
    fabric::{Fabric, embedded::Embedded},
    id::{AgentId, NodeId, RunId, TaskId},
    protocol::{
        node::{Hosts, Roles},
        payload::Json,
        task::{Failure, TaskSpec},
    },
};

use super::{Node, NodeSpec};
use crate::{
    client::Tasks,
    scenario::{AgentConfig, AgentKind, RestartConfig},
    system::Member,
    task::{Answer, Query},
};

const SOON: Duration = Duration::from_secs(20);

async fn echo(work: Work, _: Context) -> Result<Json, Failure> {
    Ok(work.input)
}

fn echoing(name: &str, capacity: u32) -> Member {
    let id = AgentId::new(name).unwrap();
    let agent: Arc<dyn DynAgent> = Arc::new(FunctionAgent::new(echo));
    Member::new(id, "function", capacity, Arc::new(move || Arc::clone(&agent)))
}

/// One fabric and the folder of all nodes.
struct Stage {
    fabric: Arc<dyn Fabric>,
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        Self { fabric: Arc::new(Embedded::strict()), folder: tempfile::tempdir().unwrap() }
    }

    fn spec(&self, name: &str, roles: Roles) -> NodeSpec {
        let folder = self.folder.path().join(name);
        let name = NodeId::new(name).unwrap();
        let mut spec = NodeSpec::new(name, Arc::clone(&self.fabric), folder).unwrap();
        spec.shards = 4;
        spec.roles = roles;
        spec.drain_within = Duration::from_secs(2);
        spec.stable_after = Duration::from_millis(500);
        spec
    }

    async fn coordinator(&self, name: &str) -> Node {
        let roles = Roles { coordinator: true, agents: false, hosts: Hosts::None };
        Node::start(self.spec(name, roles)).await.unwrap()
    }

    async fn agents(&self, name: &str, members: Vec<Member>) -> Node {
        let roles = Roles { coordinator: false, agents: true, hosts: Hosts::Functions };
        let mut spec = self.spec(name, roles);
        spec.members = members;
        Node::start(spec).await.unwrap()
    }
}

fn run(name: &str) -> RunId {
    RunId::new(name).unwrap()
}

fn tasks(count: usize) -> Vec<TaskSpec> {
    (0..count).map(|at| TaskSpec::named(format!("t{at}")).unwrap().given(&at).unwrap()).collect()
}

async fn runs_through(tasks_of: &Tasks, name: &str, count: usize) {
    let work = async {
        tasks_of.begin(&run(name), tasks(count)).await.unwrap();
        tasks_of.wait(&run(name)).await.unwrap()
    };
    let ended = tokio::time::timeout(SOON, work).await.expect("a run comes to its end");
    assert_eq!(ended.counts.completed, count as u64);
}

async fn echoed(tasks_of: &Tasks, name: &str, at: usize) {
    let task = TaskId::new(format!("t{at}")).unwrap();
    let output = tasks_of.output(&run(name), &task).await.unwrap().unwrap();
    assert_eq!(output.as_str(), at.to_string());
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let so = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, so).await.unwrap_or_else(|_| panic!("{what}"));
}

fn leads(node: &Node) -> usize {
    node.shards().iter().filter(|shard| shard.is_led_here()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_through_a_coordinator_and_agents_on_other_nodes() {
    let stage = Stage::new();
    let workers = stage.agents("w1", vec![echoing("ann", 4)]).await;
    let a = stage.coordinator("a").await;
    // Asked at a node that leads nothing itself.
    runs_through(workers.tasks_of("x"), "first", 20).await;
    echoed(workers.tasks_of("x"), "first", 19).await;
    runs_through(a.tasks_of("y"), "second", 20).await;
    workers.stop().await.unwrap();
    a.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_fits_no_message_comes_whole() {
    let stage = Stage::new();
    let workers = stage.agents("w1", vec![echoing("ann", 4)]).await;
    let a = stage.coordinator("a").await;
    let text = |at: usize| at.to_string().repeat(40_000 / at.to_string().len());
    let long =
        (0..60).map(|at| TaskSpec::named(format!("t{at}")).unwrap().given(&text(at)).unwrap());
    workers.tasks_of("x").begin(&run("long"), long.collect()).await.unwrap();
    workers.tasks_of("x").wait(&run("long")).await.unwrap();
    let all = Query::Tasks { run: run("long"), limit: None };
    let Answer::Tasks(views) = workers.tasks_of("x").query(all).await.unwrap() else {
        panic!("something else was answered")
    };
    let inputs: Vec<_> = views.iter().map(|view| view.input.to_string()).collect();
    let given: Vec<_> = (0..60).map(|at| format!("{:?}", text(at))).collect();
    assert_eq!(inputs, given);
    workers.stop().await.unwrap();
    a.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_spread_over_coordinators_and_move_when_one_comes_or_goes() {
    let stage = Stage::new();
    let workers = stage.agents("w1", vec![echoing("ann", 4)]).await;
    let a = stage.coordinator("a").await;
    until("a leads all", || leads(&a) == 4).await;
    let b = stage.coordinator("b").await;
    until("both lead some", || leads(&b) > 0 && leads(&a) > 0 && leads(&a) + leads(&b) == 4).await;
    runs_through(workers.tasks_of("x"), "both", 20).await;
    a.stop().await.unwrap();
    until("b leads all", || leads(&b) == 4).await;
    runs_through(workers.tasks_of("x"), "after", 20).await;
    workers.stop().await.unwrap();
    b.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_agent_is_shared_by_all_shards_and_never_holds_more_than_it_can() {
    let stage = Stage::new();
    let workers = stage.agents("w1", vec![echoing("ann", 3)]).await;
    let a = stage.coordinator("a").await;
    let namespaces: Vec<String> = (0..8).map(|at| format!("ns{at}")).collect();
    let runs = namespaces.iter().map(|namespace| {
        let tasks_of = a.tasks_of(namespace).clone();
        async move { runs_through(&tasks_of, namespace, 30).await }
    });
    futures::future::join_all(runs).await;
    workers.stop().await.unwrap();
    a.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_the_cluster_hosts_is_moved_when_its_node_goes() {
    let stage = Stage::new();
    let a = stage.coordinator("a").await;
    let (w1, w2) = (stage.agents("w1", vec![]).await, stage.agents("w2", vec![]).await);
    let echo = AgentConfig {
        id: AgentId::new("echo").unwrap(),
        description: String::new(),
        capacity: 2,
        capabilities: Vec::new(),
        specialties: Vec::new(),
        silence_max: None,
        restart_on: Vec::new(),
        restart: RestartConfig::default(),
        kind: AgentKind::Function("noop".to_owned()),
    };
    a.offer(&[echo], false).await.unwrap();
    let capacity = |node: &Node| node.members().get(node.name()).map_or(0, |own| own.beat.capacity);
    // Who checks proposals is hosted too, by either, and holds four.
    until("somebody hosts it", || capacity(&w1) + capacity(&w2) == 2 + 4).await;
    runs_through(a.tasks_of("x"), "first", 5).await;
    let (goes, stays) = if capacity(&w1) % 4 == 2 { (w1, w2) } else { (w2, w1) };
    goes.stop().await.unwrap();
    until("the other one hosts it", || capacity(&stays) == 2 + 4).await;
    runs_through(a.tasks_of("x"), "second", 5).await;
    assert!(a.withdraw(&AgentId::new("echo").unwrap()).await.unwrap());
    until("nobody hosts it", || capacity(&stays) == 4).await;
    stays.stop().await.unwrap();
    a.stop().await.unwrap();
}
