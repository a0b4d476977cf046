//! Locks over real servers: whoever holds one is paused, and whoever gives them is killed.

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use orkestra_coordinator::{
    client::{
        Cluster,
        locks::{Session, SessionSpec},
    },
    lock::{LockReason, Mode, Patience, Want},
    node::{Node, NodeSpec},
};
use orkestra_runtime::{
    fabric::{
        Fabric as _,
        nats::{Nats, NatsSettings},
    },
    id::{LockKey, NodeId, SessionId},
    leadership::placement::shard_of,
    protocol::node::{Hosts, Roles},
};
use orkestra_tests::{
    locks::{
        holder::NAMESPACE,
        table::Table,
        tricks::{TRICK_VARIABLE, Trick},
    },
    nats::{Servers, Signal},
};
use rustix::process::{Pid, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::{
    nodes::{SHARDS, SOON},
    stage::fabric,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cluster-node");
const LEASE: Duration = Duration::from_millis(800);

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.unwrap()
}

fn file() -> LockKey {
    LockKey::new("file").unwrap()
}

fn wanted() -> Vec<Want> {
    vec![Want { key: file(), mode: Mode::Exclusive }]
}

/// A node of this process that may lead, and keeps lost locks back for a moment only.
async fn leader(servers: &Servers, folder: &Path, name: &str) -> Node {
    let mut settings = NatsSettings::new(&servers.url());
    name.clone_into(&mut settings.name);
    let nats = Arc::new(Nats::connect(settings).await.unwrap());
    let mut spec = NodeSpec::new(NodeId::new(name).unwrap(), nats, folder.join(name)).unwrap();
    spec.owns_fabric = true;
    spec.shards = SHARDS;
    spec.roles = Roles { coordinator: true, agents: false, hosts: Hosts::None };
    spec.settings.locks.delay = Duration::from_millis(100);
    Node::start(spec).await.unwrap()
}

/// A session, opened as soon as somebody leads.
async fn open(cluster: &Cluster, name: &str) -> Session {
    let spec = || {
        let (name, by) = (SessionId::new(name).unwrap(), "a test".to_owned());
        SessionSpec { name, lease: Some(Duration::from_secs(10)), by }
    };
    loop {
        if let Ok(session) = soon(cluster.locks_of(NAMESPACE).open(spec())).await {
            return session;
        }
    }
}

/// The process that holds a lock.
struct Holder {
    child: Child,
    stdin: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
}

impl Holder {
    fn start(servers: &Servers) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["--hold", "file", "--url", &servers.url()]);
        command.args(["--shards", &SHARDS.to_string()]);
        command.args(["--lease-ms", &LEASE.as_millis().to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { stdin: child.stdin.take().unwrap(), said, child }
    }

    async fn says(&mut self) -> String {
        soon(self.said.next_line()).await.unwrap().unwrap()
    }

    async fn tell(&mut self, line: &str) {
        self.stdin.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a107_whoever_was_paused_past_its_lease_has_its_write_refused_when_it_wakes() {
    let (servers, folder) = (Servers::one().await, tempfile::tempdir().unwrap());
    let leader = leader(&servers, folder.path(), "c0").await;
    let fabric = fabric(&servers).await;
    let cluster = Cluster::over(&fabric, SHARDS).unwrap();
    let next = open(&cluster, "next").await;
    let mut holder = Holder::start(&servers);
    let held: u64 = holder.says().await.strip_prefix("held ").unwrap().parse().unwrap();
    holder.tell("write").await;
    assert_eq!(holder.says().await, format!("written {held}"));
    holder.signal(Signal::STOP);
    // It stands between its look at the guard and its write.
    holder.tell("write").await;
    let guard = soon(next.acquire(wanted(), Patience::Endless)).await.unwrap();
    assert!(guard.token().unwrap().0 > held);
    holder.signal(Signal::CONT);
    let said = holder.says().await;
    assert!(said.starts_with("refused: token"), "{said}");
    holder.tell("guard").await;
    assert_eq!(holder.says().await, "lost");
    cluster.locks_of(NAMESPACE).check(guard.grants()[0].clone()).await.unwrap();
    guard.release(LockReason::Complete).await.unwrap();
    drop(holder);
    next.close().await.unwrap();
    fabric.close().await;
    leader.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_dies_between_the_grant_and_the_word_of_it_costs_nobody_the_lock() {
    let (servers, folder) = (Servers::one().await, tempfile::tempdir().unwrap());
    let mut command = Command::new(PROGRAM);
    command.args(["--name", "c0", "--roles", "coordinator", "--url", &servers.url()]);
    command.args(["--shards", &SHARDS.to_string(), "--replicas", "1"]);
    command.arg("--folder").arg(folder.path().join("c0"));
    command.arg("--book").arg(folder.path().join("book"));
    command.env(TRICK_VARIABLE, Trick::Die.name());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut dies = command.spawn().unwrap();
    let mut said = BufReader::new(dies.stdout.take().unwrap()).lines();
    assert!(soon(said.next_line()).await.unwrap().unwrap().starts_with("up "));
    let fabric = fabric(&servers).await;
    let cluster = Cluster::over(&fabric, SHARDS).unwrap();
    let session = open(&cluster, "ann").await;
    let waiting = session.acquire(wanted(), Patience::Endless);
    let replaced = async {
        let ended = soon(dies.wait()).await.unwrap();
        assert!(!ended.success(), "it was to die");
        leader(&servers, folder.path(), "c1").await
    };
    let (guard, next) = soon(Box::pin(futures::future::join(waiting, replaced))).await;
    let guard = guard.unwrap();
    let shard = shard_of(NAMESPACE, SHARDS);
    let table = Table::read(&fabric, shard).await.unwrap();
    assert_eq!(table.findings, Vec::<String>::new());
    // Once, with the token that it was told by another leader.
    assert_eq!(table.grants, 1);
    assert!(table.was_given(&file(), guard.token().unwrap().0));
    cluster.locks_of(NAMESPACE).check(guard.grants()[0].clone()).await.unwrap();
    guard.release(LockReason::Complete).await.unwrap();
    session.close().await.unwrap();
    fabric.close().await;
    next.stop().await.unwrap();
}
