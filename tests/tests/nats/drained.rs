//! A node that is drained by hand: what it holds it finishes, and it takes nothing until it is told.

use std::time::Duration;

use orkestra_agents::{Context, Work};
use orkestra_coordinator::{
    client::Tasks,
    node::{Node, NodeAnswer, NodeAsk},
    system::Member,
    task::{Answer, Blocker, Query},
};
use orkestra_runtime::{
    fabric::{Fabric as _, nats::Nats},
    id::{NodeId, RunId, TaskId},
    names,
};
use orkestra_tests::nats::Servers;
use tokio::sync::watch;

use super::{
    nodes::{begin, completes, member, node, until},
    stage::fabric,
};

/// One that works on a task until the gate is open.
fn gated(name: &str, gate: &watch::Sender<bool>) -> Member {
    let gate = gate.subscribe();
    member(name, 2, move |work: Work, _: Context| {
        let mut gate = gate.clone();
        async move {
            drop(gate.wait_for(|is_open| *is_open).await);
            Ok(work.input)
        }
    })
}

async fn ask(client: &Nats, node: &NodeId, ask: &NodeAsk) -> bool {
    let question = serde_json::to_vec(ask).unwrap().into();
    let subject = names::node_ask(node).unwrap();
    let asked = client.messages().ask(&subject, question, Duration::from_secs(10)).await.unwrap();
    serde_json::from_slice::<NodeAnswer>(&asked).unwrap().read().unwrap()
}

/// Whether the first task of a run waits for a node that is drained.
async fn waits_for_the_drained(tasks: &Tasks, run: &RunId) -> bool {
    let first = TaskId::new("t0").unwrap();
    let Ok(Answer::Why(Some(why))) = tasks.query(Query::Why(run.clone(), first)).await else {
        return false;
    };
    why.blockers.iter().any(|blocker| {
        matches!(blocker, Blocker::AgentUnavailable { reason, .. } if reason.contains("drained"))
    })
}

fn is_seen(by: &Node, node: &NodeId, word: &str, running: u32) -> bool {
    let members = by.members();
    members.get(node).is_some_and(|it| it.word() == word && it.beat.running == running)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_drained_finishes_what_it_holds_and_takes_nothing_in_its_next_life_neither()
{
    let servers = Servers::one().await;
    let folder = tempfile::tempdir().unwrap();
    let client = fabric(&servers).await;
    let gate = watch::Sender::new(false);
    let name = NodeId::new("w").unwrap();
    let [held, later] = ["held", "later"].map(|name| RunId::new(name).unwrap());
    let a = node(&servers, &folder, "a", Vec::new()).await;
    let w = node(&servers, &folder, "w", vec![gated("ann", &gate)]).await;
    let tasks = a.tasks_of("").clone();
    begin(&tasks, &held, 2).await;
    until("both are worked on", async || is_seen(&a, &name, "up", 2)).await;

    assert!(ask(&client, &name, &NodeAsk::Drain {}).await);
    assert!(!ask(&client, &name, &NodeAsk::Drain {}).await, "it was drained before");
    begin(&tasks, &later, 1).await;
    until("it says why", async || waits_for_the_drained(&tasks, &later).await).await;
    gate.send_replace(true);
    completes(&tasks, &held, 2).await;
    until("it is idle", async || is_seen(&a, &name, "draining", 0)).await;
    assert!(waits_for_the_drained(&tasks, &later).await, "there is room, and none of it is lent");

    let life = w.boot();
    w.stop().await.unwrap();
    let w = node(&servers, &folder, "w", vec![gated("ann", &gate)]).await;
    assert!(w.boot() > life);
    until("it is there, and drained", async || is_seen(&a, &name, "draining", 0)).await;
    until("it says why again", async || waits_for_the_drained(&tasks, &later).await).await;

    assert!(ask(&client, &name, &NodeAsk::Undrain {}).await);
    completes(&tasks, &later, 1).await;
    until("it is up", async || is_seen(&a, &name, "up", 0)).await;
    client.close().await;
    for node in [w, a] {
        node.stop().await.unwrap();
    }
}
