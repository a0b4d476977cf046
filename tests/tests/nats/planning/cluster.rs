//! Planning on nodes: a plan that is approved on NATS is deliberated by councils of the cluster.

use std::{sync::Arc, time::Duration};

use orkestra_agents::{Context, Work};
use orkestra_coordinator::{
    client::councils::Councils,
    council::{CouncilConfig, NewCouncil},
    node::{Node, NodeSpec},
    planning::{PlanningSpec, event::PLAN_APPROVED},
    system::Member,
};
use orkestra_runtime::{
    fabric::nats::{Nats, NatsSettings},
    id::{Capability, NodeId},
    protocol::{
        node::{Hosts, Roles},
        payload::Json,
    },
};
use orkestra_tests::nats::Servers;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    super::nodes::{SHARDS, SOON, member},
    given::Elsewhere,
};

/// A node that leads and hears planning, and one that hosts: without members it leads.
async fn node(servers: &Servers, folder: &TempDir, name: &str, members: Vec<Member>) -> Node {
    let is_worker = !members.is_empty();
    let mut settings = NatsSettings::new(&servers.url());
    settings.may_create = !is_worker;
    let nats = Arc::new(Nats::connect(settings).await.unwrap());
    let folder = folder.path().join(name);
    let mut spec = NodeSpec::new(NodeId::new(name).unwrap(), nats, folder).unwrap();
    spec.owns_fabric = true;
    spec.shards = SHARDS;
    spec.roles = Roles { coordinator: !is_worker, agents: is_worker, hosts: Hosts::None };
    spec.members = members;
    spec.drain_within = Duration::from_secs(2);
    spec.stable_after = Duration::from_millis(500);
    let sweep_every = Duration::from_millis(50);
    spec.planning = Some(PlanningSpec { sweep_every, ..PlanningSpec::default() });
    Node::start(spec).await.unwrap()
}

/// An agent that can do one thing, and always answers the same.
fn able(name: &str, capability: &str, answer: &Value) -> Member {
    let answer = Json::of(answer).unwrap();
    let mut member = member(name, 3, move |_: Work, _: Context| {
        let answer = answer.clone();
        async move { Ok(answer) }
    });
    member.profile.capabilities = vec![Capability::new(capability).unwrap()];
    member
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_is_deliberated_by_councils_of_the_cluster_and_each_end_is_told() {
    let servers = Servers::one().await;
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = Elsewhere::on(&servers).await;
    let leads = node(&servers, &folder, "leads", Vec::new()).await;
    let passed = json!({ "passed": true });
    let members = vec![
        able("ada", "dev", &json!("a page with a button")),
        able("checker", "proposal-checks", &json!({ "policy": passed, "lint": passed })),
    ];
    let works = node(&servers, &folder, "works", members).await;
    let councils = Councils::beside(leads.tasks_of(""));
    let config = CouncilConfig { deliberation_rounds: 0, ..CouncilConfig::default() };
    let dev = NewCouncil { role: "DEV".to_owned(), config, ..NewCouncil::default() };
    let made = async {
        // The agents are heard of a moment after their node is up.
        while councils.create(dev.clone()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, made).await.unwrap();
    let plan = json!({ "plan_id": "P1", "roles": ["DEV", "QA"], "description": "a shop" });
    elsewhere.says(PLAN_APPROVED, plan.to_string()).await;
    let failed = elsewhere.told("orchestration.task.failed", 1).await;
    assert_eq!((&failed[0]["role"], &failed[0]["status"]), (&json!("QA"), &json!("FAILED")));
    let error = failed[0]["error_message"].as_str().unwrap();
    assert!(error.contains("role QA has no council"), "{error}");
    let done = elsewhere.told("orchestration.deliberation.completed", 1).await;
    assert_eq!((&done[0]["role"], &done[0]["status"]), (&json!("DEV"), &json!("COMPLETED")));
    assert_eq!(done[0]["results"][0]["content"], json!("a page with a button"));
    assert_eq!(done[0]["results"][0]["rank"], json!(1));
    leads.stop().await.unwrap();
    works.stop().await.unwrap();
}
