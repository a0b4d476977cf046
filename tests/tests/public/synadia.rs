//! Agents of the team, as the Synadia Agent Protocol has them.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::StreamExt as _;
use orkestra_agents::{Context, DynAgent, Work, kinds::function::FunctionAgent};
use orkestra_coordinator::{public::SERVICE_ERROR_CODE, system::Member};
use orkestra_runtime::{
    fabric::{AskError, Headers, Messages, Pattern, Subject},
    id::AgentId,
    protocol::{payload::Json, task::Failure},
};
use serde_json::{Value, json};

use super::stage::{Stage, WITHIN, adder};

/// An agent that says what it was asked, twice.
fn parrot() -> Member {
    let agent = FunctionAgent::new(|work: Work, _: Context| async move {
        let input: Value = work.input()?;
        let prompt = input["prompt"].as_str().unwrap_or_default();
        Ok::<_, Failure>(Json::of(&format!("{prompt} {prompt}"))?)
    });
    let agent: Arc<dyn DynAgent> = Arc::new(agent);
    let id = AgentId::new("par.rot").unwrap();
    Member::new(id, "function", 4, Arc::new(move || Arc::clone(&agent)))
}

struct Caller(Arc<dyn Messages>);

impl Caller {
    fn of(stage: &Stage) -> Self {
        Self(stage.bus.outside().unwrap())
    }

    /// What all instances answer, once `count` of them do.
    async fn all(&self, subject: &str, count: usize) -> Vec<Value> {
        let subject = Subject::outside(subject).unwrap();
        let found = async {
            loop {
                let within = Duration::from_millis(200);
                let found = self.0.gather(&subject, Bytes::new(), within, count).await.unwrap();
                if found.len() == count {
                    break found.iter().map(|one| serde_json::from_slice(one).unwrap()).collect();
                }
            }
        };
        tokio::time::timeout(WITHIN, found).await.unwrap()
    }

    /// What stands in INFO of an agent.
    async fn found(&self, session: &str, of: usize) -> Value {
        let all = self.all("$SRV.INFO.agents", of).await;
        let found = all.into_iter().find(|one| one["metadata"]["session"] == json!(session));
        found.unwrap()
    }

    /// The parts of an answer, the end among them.
    async fn stream(&self, subject: &str, body: &str, parts: usize) -> Vec<Bytes> {
        let subject = Subject::outside(subject).unwrap();
        self.0.gather(&subject, body.to_owned().into(), WITHIN, parts).await.unwrap()
    }

    /// The first part of an answer with its headers.
    async fn first(&self, subject: &str, body: &str) -> (Headers, Value) {
        let subject = Subject::outside(subject).unwrap();
        let asked = async {
            let ask = || self.0.ask(&subject, body.to_owned().into(), WITHIN);
            while ask().await == Err(AskError::NoOne) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            self.0.ask_with(&subject, Headers::new(), body.to_owned().into(), WITHIN).await
        };
        let (headers, body) = tokio::time::timeout(WITHIN, asked).await.unwrap().unwrap();
        (headers, serde_json::from_slice(&body).unwrap())
    }
}

fn subject_of(info: &Value, endpoint: &str) -> String {
    let endpoints = info["endpoints"].as_array().unwrap();
    let found = endpoints.iter().find(|one| one["name"] == json!(endpoint)).unwrap();
    assert_eq!(found["queue_group"], json!("agents"));
    found["subject"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn whoever_speaks_the_protocol_finds_an_agent_and_prompts_it() {
    let stage = Stage::alone(vec![parrot(), adder()]).await;
    let caller = Caller::of(&stage);
    let info = caller.found("par.rot", 2).await;
    assert_eq!(info["name"], json!("agents"));
    let metadata = &info["metadata"];
    assert_eq!(
        (&metadata["agent"], &metadata["owner"], &metadata["protocol_version"]),
        (&json!("orkestra"), &json!("main"), &json!("0.3"))
    );
    assert_eq!(info["endpoints"][0]["metadata"]["attachments_ok"], json!(false));
    assert_eq!(info["endpoints"][0]["metadata"]["max_payload"], json!("256KB"));
    let prompt = subject_of(&info, "prompt");
    assert_eq!(prompt, "agents.prompt.orkestra.main.par_2erot");
    let parts = caller.stream(&prompt, "hello", 3).await;
    assert_eq!(parts[0], r#"{"data":"ack","type":"status"}"#);
    assert_eq!(parts[1], r#"{"data":"hello hello","type":"response"}"#);
    assert_eq!(parts[2], Bytes::new(), "the end of the stream");
    let parts = caller.stream(&prompt, r#"{"prompt":"a","later":1}"#, 3).await;
    assert_eq!(parts[1], r#"{"data":"a a","type":"response"}"#);
    // It was a task as any other.
    let runs = stage.ask("run.list", &json!({})).await;
    assert_eq!(runs["runs"].as_array().unwrap().len(), 2);
    let stats = format!("$SRV.STATS.agents.{}", info["id"].as_str().unwrap());
    let stats = caller.all(&stats, 1).await;
    assert_eq!(stats[0]["endpoints"][0]["num_requests"], json!(2));
}

#[tokio::test]
async fn what_fails_and_what_is_refused_says_so_and_ends_as_every_stream() {
    let stage = Stage::alone(vec![adder()]).await;
    let caller = Caller::of(&stage);
    let prompt = subject_of(&caller.found("adder", 1).await, "prompt");
    let parts = caller.stream(&prompt, "add one", 3).await;
    let failed: Value = serde_json::from_slice(&parts[1]).unwrap();
    assert_eq!(failed["error"], json!("failed"));
    assert!(failed["message"].as_str().unwrap().contains("no n"), "{failed}");
    assert_eq!(parts[2], Bytes::new());
    let with = r#"{"prompt":"x","attachments":[{"filename":"a","content":"eA=="}]}"#;
    for refused in ["", "{", with] {
        let (headers, body) = caller.first(&prompt, refused).await;
        assert_eq!(headers.get(SERVICE_ERROR_CODE), Some("400"), "{refused}: {body}");
        let parts = caller.stream(&prompt, refused, 2).await;
        assert_eq!(parts[1], Bytes::new(), "nothing was begun: no word before the refusal");
    }
    let (headers, _) = caller.first("agents.prompt.orkestra.main.nobody", "hello").await;
    assert_eq!(headers.get(SERVICE_ERROR_CODE), Some("404"));
}

#[tokio::test]
async fn an_agent_says_that_it_is_there_and_how_it_is() {
    let bus: Arc<dyn orkestra_runtime::fabric::Fabric> =
        Arc::new(orkestra_runtime::fabric::embedded::Embedded::strict());
    let beats = Pattern::outside("agents.hb.*.*.*").unwrap();
    let outside = bus.outside().unwrap();
    let mut beats = outside.subscribe(&beats, None, 64).await.unwrap();
    let pace = orkestra_agents::kinds::remote::Pace::default();
    let stage = Stage::over(bus, vec![adder()], pace).await;
    let beat = tokio::time::timeout(WITHIN, beats.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(beat.subject.as_str(), "agents.hb.orkestra.main.adder");
    let beat: Value = serde_json::from_slice(&beat.body).unwrap();
    let info = Caller::of(&stage).found("adder", 1).await;
    assert_eq!(beat["instance_id"], info["id"]);
    assert_eq!((&beat["session"], &beat["interval_s"]), (&json!("adder"), &json!(30)));
    let (_, status) = Caller::of(&stage).first(&subject_of(&info, "status"), "").await;
    for field in ["agent", "owner", "session", "instance_id", "interval_s"] {
        assert_eq!(status[field], beat[field], "{field}");
    }
}
