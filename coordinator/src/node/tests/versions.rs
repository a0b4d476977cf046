//! Clusters whose nodes are not of one version.

use orkestra_runtime::{
    ErrorKind,
    fabric::Subject,
    id::{Epoch, ShardId},
    names,
    protocol::{
        desk::{FromDesk, Muster, Said, ToDesk},
        node::{NodeBeat, Reads},
    },
    record::RECORD_VERSION,
    wire::{self, Wire},
};

use super::*;

impl Stage {
    /// A coordinator that reads the same records, and events up to a level.
    async fn reading(&self, name: &str, events: u16) -> Node {
        let roles = Roles { coordinator: true, agents: false, hosts: Hosts::None };
        let mut spec = self.spec(name, roles);
        spec.reads = Reads { record: RECORD_VERSION.into(), events };
        Node::start(spec).await.unwrap()
    }
}

/// The refusal of a run, once it is refused: until the older node is heard of all is written.
async fn refused(tasks_of: &Tasks, prefix: &str) -> orkestra_runtime::Error {
    let refused = async {
        for at in 0_u64.. {
            let begun = tasks_of.begin(&run(&format!("{prefix}-{at}")), tasks(1)).await;
            match begun {
                Err(error) if error.kind() == ErrorKind::Conflict => return Some(error),
                Err(error) => {
                    assert!(error.is_retryable(), "{error}");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Ok(()) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        None
    };
    tokio::time::timeout(SOON, refused).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_older_node_cannot_read_is_refused_by_its_name_until_it_is_drained_or_upgraded() {
    let stage = Stage::new();
    let workers = stage.agents("w1", vec![echoing("ann", 4)]).await;
    let a = stage.coordinator("a").await;
    runs_through(a.tasks_of("x"), "before", 5).await;
    let older = stage.reading("old", 0).await;
    let error = refused(a.tasks_of("x"), "refused").await;
    let told = error.to_string();
    let version = env!("CARGO_PKG_VERSION");
    assert!(told.contains(&format!("node old runs {version}, which cannot read this")), "{told}");
    assert!(told.contains("upgrade it first, or drain it"), "{told}");
    // Drained, it leads nothing more and is not waited for.
    older.drain(true);
    until("it is heard that it is drained", || leads(&older) == 0 && leads(&a) == 4).await;
    let went_on = async {
        begun(a.tasks_of("x"), &run("drained"), 5).await;
        a.tasks_of("x").wait(&run("drained")).await.unwrap()
    };
    let ended = tokio::time::timeout(SOON, went_on).await.unwrap();
    assert_eq!(ended.counts.completed, 5);
    older.stop().await.unwrap();
    // Its next life is upgraded, and leads as any other.
    let upgraded = stage.coordinator("old").await;
    until("it leads again", || leads(&upgraded) > 0).await;
    runs_through(workers.tasks_of("x"), "upgraded", 5).await;
    for node in [upgraded, workers, a] {
        node.stop().await.unwrap();
    }
}

/// Begins a run, again while nobody can take it: leaders may be about to change, and so may what
/// they can read.
async fn begun(tasks_of: &Tasks, run: &RunId, count: usize) {
    let begin = async {
        while let Err(error) = tasks_of.begin(run, tasks(count)).await {
            assert!(error.is_retryable() || error.kind() == ErrorKind::Conflict, "{error}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, begin).await.unwrap_or_else(|_| panic!("{run:?} does not begin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_are_replaced_one_after_another_while_work_goes_on() {
    let stage = Stage::new();
    let names = ["a", "b", "c"];
    let mut nodes = Vec::new();
    for name in names {
        nodes.push(stage.reading(name, 1).await);
    }
    let mut workers = stage.agents("w1", vec![echoing("ann", 4)]).await;
    for (round, name) in names.into_iter().enumerate() {
        let run_of = |at: usize| run(&format!("{name}-{at}"));
        let namespaces = ["", "x", "y", "z"];
        let begin = |at: usize| {
            let tasks_of = nodes[(round + 1) % 3].tasks_of(namespaces[at]).clone();
            async move {
                begun(&tasks_of, &run_of(at), 40).await;
                tasks_of
            }
        };
        let under_way = futures::future::join_all((0..namespaces.len()).map(begin)).await;
        nodes.remove(round).stop().await.unwrap();
        nodes.insert(round, stage.coordinator(name).await);
        if round == 1 {
            workers.stop().await.unwrap();
            workers = stage.agents("w1", vec![echoing("ann", 4)]).await;
        }
        for (at, tasks_of) in under_way.iter().enumerate() {
            let run = run_of(at);
            let ended = tokio::time::timeout(SOON, tasks_of.wait(&run)).await;
            assert_eq!(ended.unwrap().unwrap().counts.completed, 40);
        }
    }
    for node in nodes.into_iter().chain([workers]) {
        node.stop().await.unwrap();
    }
}

/// A frame, and the same as of versions before and after it.
fn of_other_versions<W: Wire>(what: &W) -> Vec<Vec<u8>> {
    let frame = wire::encode(what).unwrap();
    // The version stands after the length of the name and the name.
    let at = 8 + W::KIND.name.len();
    let other = |version: u16| {
        let mut other = frame.to_vec();
        other[at..at + 2].copy_from_slice(&version.to_le_bytes());
        other
    };
    vec![other(0), other(W::KIND.version + 1), other(u16::MAX)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_other_versions_are_refused_and_counted_and_harm_nobody() {
    let stage = Stage::new();
    let workers = stage.agents("w1", vec![echoing("ann", 4)]).await;
    let a = stage.coordinator("a").await;
    runs_through(a.tasks_of("x"), "before", 5).await;
    until("it leads all", || leads(&a) == 4).await;
    let knows = |node: &Node, name: &str| node.members().get(&NodeId::new(name).unwrap()).is_some();
    until("they have heard of each other", || knows(&a, "w1") && knows(&workers, "a")).await;
    let member = |name: &str| a.members().get(&NodeId::new(name).unwrap()).unwrap().clone();
    let beat = NodeBeat { number: u64::MAX, ..member("w1").beat };
    let (node, boot) = (NodeId::new("w1").unwrap(), u64::MAX);
    let said = FromDesk { node: node.clone(), boot, said: Said::Muster(Muster::default()) };
    let roll = ToDesk::Roll { shard: ShardId(0), epoch: Epoch(u64::MAX) };
    let thrown: Vec<(Subject, Vec<Vec<u8>>)> = vec![
        (names::heartbeat(&node).unwrap(), of_other_versions(&beat)),
        (names::shard_heard(ShardId(0)).unwrap(), of_other_versions(&said)),
        (names::node_work(&node).unwrap(), of_other_versions(&roll)),
    ];
    let before = (a.refused(), workers.refused());
    for (subject, frames) in thrown {
        for frame in frames {
            stage.fabric.messages().publish(&subject, frame.into()).await.unwrap();
        }
    }
    // Beats are refused by both, the rest by whom it was meant for.
    until("each is counted", || a.refused() >= before.0 + 6 && workers.refused() >= before.1 + 6)
        .await;
    assert!(member("w1").is_up() && member("w1").beat.number < u64::MAX);
    runs_through(workers.tasks_of("x"), "after", 5).await;
    workers.stop().await.unwrap();
    a.stop().await.unwrap();
}
