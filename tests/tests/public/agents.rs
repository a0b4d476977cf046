//! Agents that come in from elsewhere, over a fabric that shares nothing.

use std::time::Duration;

use futures::StreamExt as _;
use orkestra_runtime::fabric::{Pattern, Subscription};
use serde_json::{Value, json};

use crate::stage::{Stage, WITHIN, adder};

async fn work_of(stage: &Stage, agent: &str) -> Subscription {
    let pattern = Pattern::new(&format!("agent.{agent}.work")).unwrap();
    stage.bus.messages().subscribe(&pattern, None, 100).await.unwrap()
}

async fn next(work: &mut Subscription) -> Value {
    let message = tokio::time::timeout(WITHIN, work.next()).await.unwrap().unwrap().unwrap();
    serde_json::from_slice(&message.body).unwrap()
}

async fn state_of(stage: &Stage, agent: &str, wanted: &str) {
    let found = async {
        loop {
            let listed = stage.ask("agent.list", &json!({})).await;
            let agents = listed["agents"].as_array().unwrap();
            if agents.iter().any(|one| one["id"] == agent && one["state"] == wanted) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(WITHIN, found).await.unwrap();
}

#[tokio::test]
async fn an_agent_joins_is_given_a_task_and_is_heard() {
    let stage = Stage::alone(Vec::new()).await;
    let mut work = work_of(&stage, "ann").await;
    let join = json!({ "name": "ann", "session": "s1", "capabilities": ["count"] });
    let joined = stage.ask("agent.ann.join", &join).await;
    assert_eq!(joined["ok"], json!(true), "{joined}");
    assert_eq!(joined["subjects"]["work"], json!("ork.v1.main.agent.ann.work"));
    state_of(&stage, "ann", "available").await;
    let word = json!({ "run": "r", "task": { "requires": ["count"], "input": [1] }, "seal": true });
    stage.ask("task.submit", &word).await;
    let task = next(&mut work).await;
    assert_eq!((&task["type"], &task["input"]), (&json!("assign"), &json!([1])));
    let say = json!({ "session": "s1", "key": task["key"], "type": "completed", "output": 1 });
    assert_eq!(stage.ask("agent.ann.say", &say).await, json!({ "ok": true }));
    let ended = stage.ended("r", "task").await;
    assert_eq!((&ended["state"], &ended["output"]), (&json!("completed"), &json!(1)));
    assert_eq!(ended["agent"], json!("ann"));
}

#[tokio::test]
async fn what_a_dead_session_held_is_tried_again_by_the_next_one() {
    let stage = Stage::alone(Vec::new()).await;
    let mut work = work_of(&stage, "ann").await;
    let join = |session: &str| json!({ "name": "ann", "session": session });
    stage.ask("agent.ann.join", &join("s1")).await;
    stage.ask("task.submit", &json!({ "run": "r", "task": {}, "seal": true })).await;
    let first = next(&mut work).await;
    let started = json!({ "session": "s1", "key": first["key"], "type": "started" });
    stage.ask("agent.ann.say", &started).await;
    assert_eq!(stage.ask("agent.ann.join", &join("s2")).await["ok"], json!(true));
    let second = next(&mut work).await;
    assert_eq!((&first["attempt"], &second["attempt"]), (&json!(1), &json!(2)));
    assert_eq!(first["effect_key"], second["effect_key"]);
    let late = json!({ "session": "s1", "key": first["key"], "type": "completed", "output": 1 });
    assert_eq!(stage.ask("agent.ann.say", &late).await["code"], json!("REPLACED"));
    let say = json!({ "session": "s2", "key": second["key"], "type": "completed", "output": 2 });
    stage.ask("agent.ann.say", &say).await;
    assert_eq!(stage.ended("r", "task").await["output"], json!(2));
}

#[tokio::test]
async fn a_join_that_is_not_allowed_is_refused_and_says_why() {
    let stage = Stage::alone(vec![adder()]).await;
    let refused =
        async |subject: &str, join: Value| stage.ask(subject, &join).await["code"].clone();
    let named = |name: &str| json!({ "name": name, "session": "s1" });
    assert_eq!(refused("agent.adder.join", named("adder")).await, json!("CONFLICT"));
    assert_eq!(refused("agent.ann.join", named("bob")).await, json!("INVALID"));
    assert_eq!(refused("agent.ann.join", json!("junk")).await, json!("INVALID"));
    let more = json!({ "name": "ann", "session": "s1", "colour": "red" });
    assert_eq!(refused("agent.ann.join", more).await, json!("INVALID"));
}
