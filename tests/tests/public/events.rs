//! Public events: live, and read again.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use orkestra_runtime::fabric::Pattern;
use serde_json::{Value, json};

use crate::stage::{Stage, WITHIN, adder};

fn ids(answer: &Value) -> Vec<String> {
    let events = answer["events"].as_array().unwrap().iter();
    events.map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_subscriber_that_was_away_reads_what_it_missed() {
    let stage = Stage::alone(vec![adder()]).await;
    let tasks: Vec<Value> =
        (0..20).map(|n| json!({ "id": format!("t{n}"), "input": { "n": n } })).collect();
    let word = json!({ "run": "r", "tasks": tasks, "seal": true });
    assert_eq!(stage.ask("task.submit", &word).await["ok"], json!(true));
    for n in 0..20 {
        stage.ended("r", &format!("t{n}")).await;
    }
    let (mut after, mut all) = (0, Vec::new());
    loop {
        let read = stage.ask("evt.read", &json!({ "shard": 0, "after": after, "limit": 7 })).await;
        assert_eq!(read["gap"], json!(false), "{read}");
        all.extend(ids(&read));
        after = read["last"].as_u64().unwrap();
        if read["more"] == json!(false) {
            break;
        }
    }
    let numbers: Vec<u64> =
        all.iter().map(|id| id.strip_prefix("0:").unwrap().parse().unwrap()).collect();
    let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
    assert_eq!(numbers, expected, "every event once, in order");
    let completed = json!({ "kinds": ["task-completed"], "limit": 1_000 });
    let completed = stage.ask("evt.read", &completed).await;
    assert_eq!(ids(&completed).len(), 20);
    let first = &completed["events"][0];
    assert_eq!(first["type"], json!("dev.orkestra.task.completed.v1"));
    assert_eq!(first["data"]["agent"], json!("adder"));
    let middle = stage.ask("evt.read", &json!({ "after": 5, "limit": 1 })).await;
    assert_eq!(ids(&middle), ["0:6"], "from any position");
    let beyond = stage.ask("evt.read", &json!({ "after": 999_999 })).await;
    assert_eq!((ids(&beyond).len(), &beyond["last"]), (0, &json!(999_999)));
    assert_eq!(stage.ask("evt.read", &json!({ "shard": 9 })).await["code"], json!("NOT_FOUND"));
}

#[tokio::test]
async fn live_events_carry_the_ids_under_which_they_are_read_again() {
    let stage = Stage::alone(vec![adder()]).await;
    let pattern = Pattern::new("evt.ours.>").unwrap();
    let mut live = stage.bus.messages().subscribe(&pattern, None, 1_000).await.unwrap();
    let word = json!({ "namespace": "ours", "task": { "input": { "n": 1 } } });
    stage.ask("task.submit", &word).await;
    let mut told = BTreeSet::new();
    loop {
        let message = tokio::time::timeout(WITHIN, live.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(message.headers.get("ce-specversion"), Some("1.0"));
        assert_eq!(message.headers.get("ce-namespace"), Some("ours"));
        told.insert(message.headers.get("ce-id").unwrap().to_owned());
        let data: Value = serde_json::from_slice(&message.body).unwrap();
        if message.subject.as_str() == "evt.ours.task-completed" {
            assert_eq!(data["details"]["output"], json!({ "n": 2 }));
        }
        if message.subject.as_str() == "evt.ours.run-ended" {
            break;
        }
    }
    let read = stage.ask("evt.read", &json!({ "namespace": "ours" })).await;
    assert_eq!(ids(&read).into_iter().collect::<BTreeSet<_>>(), told);
    let others = stage.ask("evt.read", &json!({ "namespace": "theirs" })).await;
    assert_eq!(ids(&others).len(), 0);
}

#[tokio::test]
async fn what_is_sensitive_is_in_no_event_and_in_no_answer() {
    let stage = Stage::alone(vec![adder()]).await;
    let word = json!({
        "run": "r",
        "task": {
            "input": { "n": 1, "note": "nobody else's business" },
            "sensitive": { "input": true, "output": true },
        },
        "seal": true,
    });
    assert_eq!(stage.ask("task.submit", &word).await["ok"], json!(true));
    let task = stage.ended("r", "task").await;
    assert_eq!(task["state"], json!("completed"), "{task}");
    assert_eq!(task["output"]["sensitive"], json!(true));
    let events = stage.ask("evt.read", &json!({ "limit": 1_000 })).await;
    let told = format!("{task}{events}");
    assert!(!told.contains("business") && !told.contains(r#""n":2"#), "{told}");
}
