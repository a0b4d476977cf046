//! A client in Python that knows nothing of ours: what can be asked it reads from the server.

use std::{path::Path, process::Command, sync::Arc};

use orkestra_agents::{Context, DynAgent, Work, kinds::function::FunctionAgent};
use orkestra_coordinator::{
    council::NewCouncil,
    grpc::{Door, Settings},
    system::{Member, System, SystemSpec},
    task::{Answer, Query},
};
use orkestra_runtime::{
    fabric::embedded::Embedded,
    id::{AgentId, Capability},
    protocol::{payload::Json, task::Failure},
};
use serde_json::{Value, json};

use crate::python::{packages_of, root, until};

/// Has an answer to whatever a council asks.
async fn say(work: Work, _: Context) -> Result<Json, Failure> {
    let asked: Value = work.input()?;
    let said = match asked["step"].as_str() {
        Some("critique") => json!("say it shorter"),
        _ => json!(format!("A lock is for turns, {}.", asked["seat"])),
    };
    Json::of(&said).map_err(|error| Failure::error(error.to_string()))
}

fn developer(name: &str) -> Member {
    let agent: Arc<dyn DynAgent> = Arc::new(FunctionAgent::new(say));
    let factory = Arc::new(move || Arc::clone(&agent));
    let mut member = Member::new(AgentId::new(name).unwrap(), "function", 3, factory);
    member.profile.capabilities = vec![Capability::new("dev").unwrap()];
    member
}

/// A node in memory with a door, and the address of that.
async fn node(folder: &Path) -> (System, String) {
    let door = Door::bind(Settings::bare(([127, 0, 0, 1], 0).into())).unwrap();
    let address = door.address().to_string();
    let mut spec = SystemSpec::new(Arc::new(Embedded::memory()), folder.to_owned()).unwrap();
    spec.members = ["ada", "bob", "cyd"].map(developer).into();
    spec.grpc = Some(Arc::new(door));
    let system = System::start(spec).await.unwrap();
    until("a team that can work", async || match system.tasks().query(Query::Agents).await {
        Ok(Answer::Agents(agents)) => {
            let able = agents.iter().filter(|agent| agent.state == "available").count();
            (able == 3).then_some(())
        }
        _ => None,
    })
    .await;
    (system, address)
}

/// Runs a program with the client's own folder among what it may import.
async fn python(program: &Path, args: &[&str]) -> (i32, String, String) {
    let folder = root().join("examples/python-grpc");
    let packages = packages_of("examples/python-grpc/requirements.txt");
    let path = std::env::join_paths([packages, folder]).unwrap();
    let mut command = Command::new("python3");
    command.arg(program).args(args).env("PYTHONPATH", path);
    let ended = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ended.status.code().unwrap_or(-1), text(&ended.stdout), text(&ended.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_knows_an_address_only_calls_every_method() {
    let folder = tempfile::tempdir().unwrap();
    let (system, address) = node(folder.path()).await;
    let program = root().join("tests/tests/public/every_call.py");
    let (code, told, trouble) = python(&program, &[&address]).await;
    assert_eq!((code, trouble.as_str()), (0, ""), "{told}");
    let found: Value = serde_json::from_str(&told).unwrap();
    let expected = json!({
        "left_out": [],
        "agents": ["agent-dev-001", "agent-dev-002", "agent-dev-003"],
        "again": "ALREADY_EXISTS",
        "joined": true,
        "seats": 4,
        "left": true,
        "winner": "agent-dev-001",
        "results": 3,
        "rises": true,
        "last": "complete",
        "chosen": "agent-dev-001",
        "others": 2,
        "result": "DELIBERATION_STATUS_COMPLETED",
        "processed": true,
        "derived": ["P1-dev-001"],
        "invented": "NOT_FOUND",
        "is_same": true,
        "tokens": true,
        "total": 3,
        "figures": ["agents", "councils", "performance"],
        "nobody": "NOT_FOUND",
        "empty": "INVALID_ARGUMENT",
        "removed": 3,
    });
    assert_eq!(found, expected);
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_of_a_client_shows_each_step_and_says_why_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (system, address) = node(folder.path()).await;
    let client = root().join("examples/python-grpc/client.py");
    let (code, told, trouble) = python(&client, &[&address, "DEV", "Say what a lock is for"]).await;
    assert_eq!((code, told.as_str()), (1, ""));
    assert!(trouble.starts_with("NOT_FOUND: ") && trouble.contains("DEV"), "{trouble}");
    let dev = NewCouncil { role: "DEV".to_owned(), ..NewCouncil::default() };
    system.councils().create(dev).await.unwrap();
    let (code, told, trouble) = python(&client, &[&address, "DEV", "Say what a lock is for"]).await;
    assert_eq!((code, trouble.as_str()), (0, ""), "{told}");
    let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (winner, steps) = lines.split_last().unwrap();
    assert_eq!(steps.last().unwrap()["status"], "complete");
    assert_eq!(winner["rank"], 1);
    assert!(winner["proposal"]["content"].as_str().unwrap().starts_with("A lock is for turns"));
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_page_about_grpc_shows_can_be_asked_as_it_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let (system, address) = node(folder.path()).await;
    let (program, page) =
        (root().join("tests/tests/public/as_printed.py"), root().join("docs/grpc.md"));
    let page = page.to_str().unwrap();
    let (code, told, trouble) = python(&program, &[&address, page]).await;
    assert_eq!((code, trouble.as_str()), (0, ""), "{told}");
    assert!(told.lines().count() > 20, "{told}");
    assert!(told.lines().all(|line| line.ends_with(" OK")), "{told}");
    system.stop().await.unwrap();
}
