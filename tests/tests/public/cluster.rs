//! Two nodes of a cluster, asked as one.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use orkestra_coordinator::node::{Node, NodeSpec};
use orkestra_runtime::{
    fabric::{Fabric, Messages, Pattern, Subject, embedded::Embedded},
    id::NodeId,
};
use serde_json::{Value, json};

use crate::stage::WITHIN;

async fn node(name: &str, fabric: &Arc<dyn Fabric>, folder: &tempfile::TempDir) -> Node {
    let folder = folder.path().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let name = NodeId::new(name).unwrap();
    let mut spec = NodeSpec::new(name, Arc::clone(fabric), folder).unwrap();
    spec.shards = 4;
    spec.drain_within = Duration::from_millis(100);
    Node::start(spec).await.unwrap()
}

async fn ask(messages: &Arc<dyn Messages>, subject: &str, word: Value) -> Value {
    let subject = Subject::new(subject).unwrap();
    let asked = async {
        loop {
            let body = word.to_string().into_bytes().into();
            if let Ok(answer) = messages.ask(&subject, body, WITHIN).await {
                let answer: Value = serde_json::from_slice(&answer).unwrap();
                // Nobody may lead a shard yet.
                if answer["code"] != json!("UNAVAILABLE") {
                    break answer;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(WITHIN, asked).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_node_is_asked_tasks_of_every_namespace_are_done_by_an_agent_elsewhere() {
    let fabric: Arc<dyn Fabric> = Arc::new(Embedded::strict());
    let folder = tempfile::tempdir().unwrap();
    let nodes = [node("n1", &fabric, &folder).await, node("n2", &fabric, &folder).await];
    let messages = fabric.messages();
    let pattern = Pattern::new("agent.ann.work").unwrap();
    let mut inbox = messages.subscribe(&pattern, None, 100).await.unwrap();
    let word = json!({ "name": "ann", "session": "s1", "capacity": 4 });
    let joined = ask(&messages, "agent.ann.join", word.clone()).await;
    assert_eq!(joined["ok"], json!(true), "{joined}");
    let again = ask(&messages, "agent.ann.join", word).await;
    assert_eq!(again["host"], joined["host"], "whichever node hears it, one hosts it");
    for namespace in ["default", "a", "b", "c"] {
        let word = json!({ "namespace": namespace, "run": format!("r-{namespace}"), "task": {}, "seal": true });
        let submitted = ask(&messages, "task.submit", word).await;
        assert_eq!(submitted["ok"], json!(true), "{submitted}");
    }
    let mut done = std::collections::BTreeSet::new();
    while done.len() < 4 {
        let beat = json!({ "session": "s1", "held": [] });
        ask(&messages, "agent.ann.beat", beat).await;
        let heard = tokio::time::timeout(Duration::from_millis(500), inbox.next()).await;
        let Ok(Some(message)) = heard else { continue };
        let task: Value = serde_json::from_slice(&message.unwrap().body).unwrap();
        if task["type"] != json!("assign") {
            continue;
        }
        let say = json!({ "session": "s1", "key": task["key"], "type": "completed", "output": 1 });
        ask(&messages, "agent.ann.say", say).await;
        done.insert(task["key"].as_str().unwrap().to_owned());
    }
    for namespace in ["default", "a", "b", "c"] {
        let run = format!("r-{namespace}");
        let word = json!({ "namespace": namespace, "run": run, "task": "task", "wait_ms": 20_000 });
        let task = ask(&messages, "task.get", word).await;
        assert_eq!(task["state"], json!("completed"), "{task}");
        let kinds = json!(["task-completed"]);
        let word = json!({ "namespace": namespace, "kinds": kinds });
        let read = ask(&messages, "evt.read", word).await;
        assert_eq!(read["events"].as_array().unwrap().len(), 1, "{read}");
    }
    let listed = ask(&messages, "agent.list", json!({})).await;
    assert_eq!(listed["agents"][0]["id"], json!("ann"), "{listed}");
    for node in nodes {
        node.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_from_elsewhere_is_let_go_by_a_node_that_drains_and_joins_another_one() {
    let fabric: Arc<dyn Fabric> = Arc::new(Embedded::strict());
    let folder = tempfile::tempdir().unwrap();
    let nodes = [node("n1", &fabric, &folder).await, node("n2", &fabric, &folder).await];
    let messages = fabric.messages();
    let word = json!({ "name": "ann", "session": "s1", "capacity": 4 });
    let joined = ask(&messages, "agent.ann.join", word.clone()).await;
    let [host, other] = if joined["host"] == json!("n1") { [0, 1] } else { [1, 0] };
    nodes[host].drain(true);
    let moves = async {
        while ask(&messages, "agent.ann.join", word.clone()).await["host"] == joined["host"] {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(WITHIN, moves).await.unwrap();
    // The first one takes agents in again once it does not drain.
    nodes[host].drain(false);
    nodes[other].drain(true);
    let back = async {
        while ask(&messages, "agent.ann.join", word.clone()).await["host"] != joined["host"] {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(WITHIN, back).await.unwrap();
    for node in nodes {
        node.stop().await.unwrap();
    }
}
