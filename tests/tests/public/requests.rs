//! Requests of anybody, and their answers.

use orkestra_runtime::fabric::{Headers, Subject};
use serde_json::{Value, json};

use crate::stage::{Stage, WITHIN, adder};

fn submission(n: i64) -> Value {
    json!({ "task": { "input": { "n": n } } })
}

#[tokio::test]
async fn a_task_is_submitted_and_its_result_is_read() {
    let stage = Stage::alone(vec![adder()]).await;
    let submitted = stage.ask("task.submit", &submission(1)).await;
    assert_eq!((&submitted["ok"], &submitted["sealed"]), (&json!(true), &json!(true)));
    let run = submitted["run"].as_str().unwrap();
    let task = stage.ended(run, "task").await;
    assert_eq!((&task["state"], &task["output"]), (&json!("completed"), &json!({ "n": 2 })));
    let found = stage.ask("run.get", &json!({ "run": run })).await;
    assert_eq!((&found["state"], &found["namespace"]), (&json!("ended"), &json!("default")));
    let why = stage.ask("task.why", &json!({ "run": run, "task": "task" })).await;
    assert_eq!(why["state"], json!("completed"));
}

#[tokio::test]
async fn the_same_key_is_the_same_task_however_often_it_is_sent() {
    let stage = Stage::alone(vec![adder()]).await;
    let key = Headers::new().with("Nats-Msg-Id", "order 17").unwrap();
    let body = submission(1).to_string();
    let (_, first) = stage.ask_raw("task.submit", key.clone(), body.as_bytes()).await;
    let (_, again) = stage.ask_raw("task.submit", key.clone(), body.as_bytes()).await;
    assert_eq!(first["run"], again["run"]);
    assert_eq!((&first["existed"], &again["existed"]), (&json!(false), &json!(true)));
    let other = submission(2).to_string();
    let (headers, refused) = stage.ask_raw("task.submit", key, other.as_bytes()).await;
    assert_eq!(refused["code"], json!("CONFLICT"), "{refused}");
    assert_eq!(headers.get("Nats-Service-Error"), Some("CONFLICT"));
    assert_eq!(headers.get("Nats-Service-Error-Code"), Some("409"));
    let runs = stage.ask("run.list", &json!({})).await;
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_named_run_takes_tasks_until_it_is_sealed() {
    let stage = Stage::alone(vec![adder()]).await;
    let task = |id: &str, needs: &[&str]| json!({ "id": id, "needs": needs, "input": { "n": 1 } });
    let first = json!({ "run": "r", "tasks": [task("a", &[]), task("b", &["a"])] });
    assert_eq!(stage.ask("task.submit", &first).await["tasks"], json!(["a", "b"]));
    assert_eq!(stage.ended("r", "b").await["state"], json!("completed"));
    let more = json!({ "run": "r", "task": task("c", &["b"]) });
    assert_eq!(stage.ask("task.submit", &more).await["existed"], json!(true));
    stage.ended("r", "c").await;
    assert_eq!(stage.ask("run.seal", &json!({ "run": "r" })).await["change"], json!("sealed"));
    let late = json!({ "run": "r", "task": task("d", &[]) });
    let refused = stage.ask("task.submit", &late).await;
    assert_eq!(refused["ok"], json!(false), "{refused}");
    let listed = stage.ask("task.list", &json!({ "run": "r", "state": "completed" })).await;
    assert_eq!(listed["tasks"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_run_of_another_namespace_is_not_there() {
    let stage = Stage::alone(vec![adder()]).await;
    let mut word = submission(1);
    word["namespace"] = "ours".into();
    let submitted = stage.ask("task.submit", &word).await;
    let run = &submitted["run"];
    let foreign = stage.ask("run.get", &json!({ "run": run })).await;
    assert_eq!(foreign["code"], json!("NOT_FOUND"));
    let own = stage.ask("run.get", &json!({ "run": run, "namespace": "ours" })).await;
    assert_eq!(own["namespace"], json!("ours"));
    let paused = stage.ask("run.pause", &json!({ "namespace": "ours" })).await;
    assert_eq!((&paused["change"], &paused["namespace"]), (&json!("paused"), &json!("ours")));
}

#[tokio::test]
async fn what_cannot_be_done_now_waits_and_can_be_changed() {
    let stage = Stage::alone(Vec::new()).await;
    let run = stage.ask("task.submit", &submission(1)).await["run"].clone();
    let of = json!({ "run": run, "task": "task", "as": "ada", "reason": "enough" });
    assert_eq!(stage.ask("task.cancel", &of).await["tasks"], json!(1));
    assert_eq!(stage.ask("task.approve", &of).await["ok"], json!(false));
    let task = stage.ended(run.as_str().unwrap(), "task").await;
    assert_eq!(task["state"], json!("cancelled"));
    let again = json!({ "run": run, "task": "task" });
    assert_eq!(stage.ask("task.retry", &again).await["change"], json!("retried"));
    let cancelled = stage.ask("run.cancel", &json!({ "run": run })).await;
    assert_eq!((&cancelled["change"], &cancelled["tasks"]), (&json!("cancelled"), &json!(1)));
    let missing = stage.ask("agent.drain", &json!({ "agent": "nobody" })).await;
    assert_eq!(missing["code"], json!("NOT_FOUND"));
    let nodes = stage.ask("node.list", &json!({})).await;
    assert_eq!(nodes["nodes"][0]["node"], json!("local"));
}

#[tokio::test]
async fn whatever_is_wrong_with_a_request_is_said() {
    let stage = Stage::alone(vec![adder()]).await;
    let refused =
        async |subject: &str, body: &[u8]| stage.ask_raw(subject, Headers::new(), body).await.1;
    let unknown = refused("task.submti", b"{}").await;
    assert_eq!(unknown["code"], json!("UNKNOWN_COMMAND"));
    assert_eq!(unknown["advice"], json!("did you mean \"task.submit\"?"));
    let mistyped = refused("run.get", br#"{"rnu":"x"}"#).await;
    assert_eq!(
        (&mistyped["code"], &mistyped["advice"]),
        (&json!("INVALID"), &json!("did you mean \"run\"?"))
    );
    assert_eq!(refused("run.get", b"{").await["code"], json!("UNREADABLE"));
    assert_eq!(refused("run.get", b"\xff").await["code"], json!("UNREADABLE"));
    assert_eq!(refused("task.submit", b"").await["code"], json!("INVALID"));
    let large = vec![b' '; orkestra_coordinator::public::WORD_BYTES_MAX + 1];
    assert_eq!(refused("task.submit", &large).await["code"], json!("TOO_LONG"));
    let missing = refused("task.get", br#"{"run":"r","task":"t"}"#).await;
    assert_eq!(missing["code"], json!("NOT_FOUND"));
    // It is there still, and works.
    let run = stage.ask("task.submit", &submission(4)).await["run"].clone();
    let task = stage.ended(run.as_str().unwrap(), "task").await;
    assert_eq!(task["output"], json!({ "n": 5 }));
}

#[tokio::test]
async fn every_node_is_a_micro_service() {
    let stage = Stage::alone(vec![adder()]).await;
    stage.ask("run.list", &json!({})).await;
    let outside = stage.bus.outside().unwrap();
    let ask = async |subject: &str| loop {
        let subject = Subject::outside(subject).unwrap();
        let Ok(answer) = outside.ask(&subject, "".into(), WITHIN).await else {
            tokio::task::yield_now().await;
            continue;
        };
        break serde_json::from_slice::<Value>(&answer).unwrap();
    };
    let ping = ask("$SRV.PING.orkestra").await;
    assert_eq!(ping["type"], json!("io.nats.micro.v1.ping_response"));
    assert_eq!((&ping["name"], &ping["metadata"]["node"]), (&json!("orkestra"), &json!("local")));
    let own = format!("$SRV.STATS.orkestra.{}", ping["id"].as_str().unwrap());
    let stats = ask(&own).await;
    let counted = stats["endpoints"].as_array().unwrap().iter();
    let listed = counted.filter(|endpoint| endpoint["name"] == json!("run-list"));
    assert_eq!(listed.map(|endpoint| endpoint["num_requests"].as_u64()).next(), Some(Some(1)));
    let info = ask("$SRV.INFO.orkestra").await;
    let subjects = info["endpoints"].as_array().unwrap().iter();
    let mut subjects = subjects.map(|endpoint| endpoint["subject"].as_str().unwrap());
    assert!(subjects.any(|subject| subject == "ork.v1.main.task.submit"));
}
