//! Backups of clusters at work, and what becomes of them on other servers.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use orkestra_agents::{Context, DynAgent, Work, kinds::function::FunctionAgent};
use orkestra_runtime::{
    ErrorKind, Result,
    fabric::{Fabric, LogName, Sequence, embedded::Embedded},
    id::{AgentId, NodeId, RunId, ShardId, TaskId},
    leadership::placement::shard_of,
    names,
    protocol::{
        payload::Json,
        task::{Failure, TaskSpec},
    },
    time::Wall,
};

use super::{back_up_cluster, restore_cluster};
use crate::{
    node::{Node, NodeSpec},
    ops::restore,
    scenario::{AgentConfig, AgentKind, RestartConfig},
    system::Member,
};

const SOON: Duration = Duration::from_mins(1);
const TASKS: usize = 30;

/// Puts out more than an event holds, so that it lies in a blob.
async fn large(work: Work, _: Context) -> Result<Json, Failure> {
    let text = format!("{} ", work.id).repeat(40_000);
    Json::of(&text).map_err(|error| Failure::error(error.to_string()))
}

fn fabric() -> Arc<dyn Fabric> {
    Arc::new(Embedded::strict())
}

async fn node(fabric: &Arc<dyn Fabric>, folder: &tempfile::TempDir) -> Node {
    let name = NodeId::new("n").unwrap();
    let mut spec = NodeSpec::new(name, Arc::clone(fabric), folder.path().join("n")).unwrap();
    spec.shards = 4;
    spec.drain_within = Duration::from_secs(2);
    // Snapshots have to be made, and journals trimmed, by little work.
    spec.pace.snapshot_every = 20;
    spec.pace.records_kept = 0;
    let agent: Arc<dyn DynAgent> = Arc::new(FunctionAgent::new(large));
    let id = AgentId::new("ann").unwrap();
    spec.members = vec![Member::new(id, "function", 4, Arc::new(move || Arc::clone(&agent)))];
    Node::start(spec).await.unwrap()
}

/// An agent that the cluster hosts, and that may do nothing of what is asked here.
fn noop() -> AgentConfig {
    AgentConfig {
        id: AgentId::new("noop").unwrap(),
        description: String::new(),
        capacity: 1,
        capabilities: Vec::new(),
        specialties: Vec::new(),
        silence_max: None,
        restart_on: Vec::new(),
        restart: RestartConfig::default(),
        kind: AgentKind::Person,
    }
}

fn tasks() -> Vec<TaskSpec> {
    let task = |n| {
        let mut task = TaskSpec::named(format!("t{n}")).unwrap();
        // Of some the result lies in a sealed blob, which is named otherwise.
        task.sensitive.output = n % 3 == 0;
        task
    };
    (0..TASKS).map(task).collect()
}

async fn runs_through(node: &Node, namespace: &str, name: &str) {
    let run = RunId::new(name).unwrap();
    let tasks_of = node.tasks_of(namespace).clone();
    tasks_of.begin(&run, tasks()).await.unwrap();
    let ended = tokio::time::timeout(SOON, tasks_of.wait(&run)).await.unwrap().unwrap();
    assert_eq!(ended.counts.completed, TASKS as u64);
}

async fn is_all_there(node: &Node, namespace: &str, name: &str) {
    let (run, tasks_of) = (RunId::new(name).unwrap(), node.tasks_of(namespace));
    for n in 0..TASKS {
        let task = TaskId::new(format!("t{n}")).unwrap();
        let output = tasks_of.output(&run, &task).await.unwrap().unwrap();
        assert!(output.as_str().starts_with(&format!("\"t{n} t{n} ")), "{run} {task}");
    }
}

/// Where the journal of a namespace begins.
async fn first(fabric: &dyn Fabric, namespace: &str) -> u64 {
    let log = LogName::new(&format!("shard-{}", shard_of(namespace, 4))).unwrap();
    let read = fabric.logs().read(&log, Sequence(1), 1).await.unwrap();
    read.first().map_or(0, |entry| entry.sequence.0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_before_a_backup_is_there_in_a_cluster_that_was_restored_from_it() {
    let (folder, from) = (tempfile::tempdir().unwrap(), fabric());
    let into = folder.path().join("backup");
    let before = node(&from, &folder).await;
    before.offer(&[noop()], false).await.unwrap();
    for (at, namespace) in ["", "x", "y", "z"].into_iter().enumerate() {
        runs_through(&before, namespace, &format!("before-{at}")).await;
    }
    let trimmed = async {
        let mut more = 0;
        while first(from.as_ref(), "x").await <= 1 {
            runs_through(&before, "x", &format!("more-{more}")).await;
            more += 1;
        }
    };
    tokio::time::timeout(SOON, trimmed).await.expect("a journal is trimmed");
    // While others are at work.
    let (taken, ()) = tokio::join!(
        back_up_cluster(from.as_ref(), "main", &into, Wall::from_ms(7)),
        runs_through(&before, "y", "meanwhile"),
    );
    let manifest = taken.unwrap();
    let cluster = manifest.cluster.as_ref().unwrap();
    assert_eq!((cluster.name.as_str(), cluster.shards.len()), ("main", 4));
    assert!(manifest.counts.tasks >= 4 * TASKS as u64, "{:?}", manifest.counts);
    assert!(manifest.missing.is_empty(), "{:?}", manifest.missing);
    let boot = before.boot();
    before.stop().await.unwrap();

    // Into a folder it goes as it is.
    let restored = restore(&into, &folder.path().join("folder"), |_| {}).await.unwrap();
    assert_eq!(restored, manifest);

    let to = fabric();
    assert_eq!(restore_cluster(&into, to.as_ref()).await.unwrap(), manifest);
    assert_eq!(first(to.as_ref(), "x").await, cluster.shards[&shard_of("x", 4)].first_record);
    let after = node(&to, &folder).await;
    assert!(after.boot() > boot, "no life comes twice");
    // Of the same configuration it is hosted already.
    let other = AgentConfig { capacity: 7, ..noop() };
    let refused = after.offer(&[other], false).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
    for (at, namespace) in ["", "x", "y", "z"].into_iter().enumerate() {
        is_all_there(&after, namespace, &format!("before-{at}")).await;
        runs_through(&after, namespace, &format!("after-{at}")).await;
    }
    let refused = restore_cluster(&into, to.as_ref()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
    after.stop().await.unwrap();
}

#[tokio::test]
async fn a_restore_that_broke_off_goes_on_and_one_over_something_else_is_refused() {
    let (folder, from) = (tempfile::tempdir().unwrap(), fabric());
    let into = folder.path().join("backup");
    let nobody = back_up_cluster(from.as_ref(), "main", &into, Wall::from_ms(7)).await.unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::NotFound, "{nobody}");
    let before = node(&from, &folder).await;
    runs_through(&before, "", "r").await;
    let manifest = back_up_cluster(from.as_ref(), "main", &into, Wall::from_ms(7)).await.unwrap();
    before.stop().await.unwrap();

    let to = fabric();
    restore_cluster(&into, to.as_ref()).await.unwrap();
    // As if it had not come to its end.
    let key = names::cluster_key().unwrap();
    let made = to.registers().get(&key).await.unwrap().unwrap();
    to.registers().delete(&key, made.revision).await.unwrap();
    assert_eq!(restore_cluster(&into, to.as_ref()).await.unwrap(), manifest);

    let other = fabric();
    let log = LogName::new(&format!("shard-{}", ShardId(0))).unwrap();
    other.logs().append(&log, Sequence(0), Bytes::from_static(b"other")).await.unwrap();
    let refused = restore_cluster(&into, other.as_ref()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
    assert!(other.registers().get(&key).await.unwrap().is_none());
}
