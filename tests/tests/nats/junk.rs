//! Junk on every subject of a cluster that works: refused, counted, and nobody is harmed.

use std::{path::Path, sync::Arc, time::Duration};

use orkestra_agents::{Context, DynAgent, Work, kinds::function::FunctionAgent};
use orkestra_coordinator::{
    client::Tasks,
    node::{Node, NodeSpec},
    system::Member,
};
use orkestra_runtime::{
    fabric::nats::{Nats, NatsSettings},
    id::{AgentId, NodeId, RunId, ShardId},
    protocol::{
        node::{Hosts, Roles},
        payload::Json,
        task::{Failure, TaskSpec},
    },
};
use orkestra_tests::{
    junk::{listened, outside, throw_junk},
    nats::Servers,
};
use tempfile::TempDir;

const SOON: Duration = Duration::from_mins(2);
const SHARDS: u16 = 2;

async fn echo(work: Work, _: Context) -> Result<Json, Failure> {
    Ok(work.input)
}

async fn node(servers: &Servers, folder: &TempDir, name: &str, is_worker: bool) -> Node {
    let mut settings = NatsSettings::new(&servers.url());
    settings.may_create = !is_worker;
    let nats = Arc::new(Nats::connect(settings).await.unwrap());
    let folder = folder.path().join(name);
    let mut spec = NodeSpec::new(NodeId::new(name).unwrap(), nats, folder).unwrap();
    spec.owns_fabric = true;
    spec.shards = SHARDS;
    spec.roles = Roles { coordinator: !is_worker, agents: is_worker, hosts: Hosts::Functions };
    if is_worker {
        let agent: Arc<dyn DynAgent> = Arc::new(FunctionAgent::new(echo));
        let id = AgentId::new("ann").unwrap();
        spec.members = vec![Member::new(id, "function", 4, Arc::new(move || Arc::clone(&agent)))];
    }
    spec.drain_within = Duration::from_secs(2);
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

/// Frames of the versions before, as an older program sent them.
fn earlier(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("kept").join(name);
    let kept = std::fs::read_to_string(path).unwrap();
    let frame = |line: &str| {
        let hex = line.split_once(' ').unwrap().1;
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(byte).collect()
    };
    kept.lines().map(frame).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_on_every_subject_of_a_cluster_at_work_is_refused_and_counted_and_harms_nobody() {
    let servers = Servers::one().await;
    let folder = tempfile::tempdir().unwrap();
    let a = node(&servers, &folder, "a", false).await;
    let w = node(&servers, &folder, "w", true).await;
    runs_through(a.tasks_of(""), "before", 20).await;
    let stranger = async_nats::connect(servers.url()).await.unwrap();
    let agent = AgentId::new("ann").unwrap();
    let works = async {
        for at in 0..5 {
            runs_through(a.tasks_of(""), &format!("meanwhile-{at}"), 100).await;
        }
    };
    let throws = async {
        for (node, shard) in [(a.name(), ShardId(0)), (w.name(), ShardId(1))] {
            for subject in listened(node, &agent, shard) {
                throw_junk(&stranger, &format!("ork.v1.main.{subject}")).await;
            }
        }
        for subject in outside() {
            throw_junk(&stranger, &subject).await;
        }
        for verb in ["prompt", "status"] {
            throw_junk(&stranger, &format!("agents.{verb}.orkestra.main.nobody")).await;
        }
        for (subject, kept) in [
            ("node.w.work", "agent.to.v2.txt"),
            ("shard.0.heard", "agent.from.v2.txt"),
            ("shard.1.heard", "agent.from.v3.txt"),
        ] {
            for frame in earlier(kept) {
                let subject = format!("ork.v1.main.{subject}");
                stranger.publish(subject, frame.into()).await.unwrap();
            }
        }
    };
    futures::join!(works, throws);
    let is_counted = async {
        // Some of the junk at the subjects of each is no frame in any version.
        while a.refused() < 100 || w.refused() < 100 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, is_counted).await.unwrap();
    runs_through(w.tasks_of(""), "after", 100).await;
    let names: Vec<_> = a.members().iter().map(|at| at.beat.node.as_str().to_owned()).collect();
    assert_eq!(names, ["a", "w"], "nobody came of junk");
    for node in [w, a] {
        node.stop().await.unwrap();
    }
}
