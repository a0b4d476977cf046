//! Each status, for what it stands.

use orkestra_proto::orchestrator::v1::{
    CreateCouncilRequest, DeleteCouncilRequest, DeliberationStatus, GetDeliberationResultRequest,
    GetMetricsRequest, RegisterAgentRequest, UnregisterAgentRequest,
};
use tonic::Code;
use tonic_types::StatusExt as _;

use super::stage::{Seen, Stage, bare, endless, question, question_within, quick, reason_of, soon};
use crate::grpc::Settings;

#[tokio::test]
async fn every_field_that_is_wrong_is_named_at_once() {
    let stage = Stage::of(quick()).await;
    let mut asked = question("");
    (asked.task_description, asked.rounds, asked.num_agents) = (" ".into(), -1, -2);
    let refused = soon(stage.orchestrator().deliberate(asked)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let details = refused.get_error_details();
    let named = &details.bad_request().unwrap().field_violations;
    let named: Vec<&str> = named.iter().map(|field| field.field.as_str()).collect();
    assert_eq!(named, ["task_description", "role", "rounds", "num_agents"]);
    let asked = GetMetricsRequest { metric_type: "weather".into(), time_range_ms: 0 };
    let refused = soon(stage.orchestrator().get_metrics(asked)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    stage.system.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_the_role_is_named() {
    let stage = Stage::of(quick()).await;
    let mut client = stage.orchestrator();
    let refused = soon(client.deliberate(question("QA"))).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_str()), (Code::NotFound, "NO_COUNCIL"));
    assert!(refused.message().contains("QA"), "{refused}");
    let asked = GetDeliberationResultRequest { task_id: "nothing".into() };
    let refused = soon(client.get_deliberation_result(asked)).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let asked = DeleteCouncilRequest { role: "QA".into() };
    assert_eq!(soon(client.delete_council(asked)).await.unwrap_err().code(), Code::NotFound);
    let asked = UnregisterAgentRequest { agent_id: "ada".into(), role: "QA".into() };
    assert_eq!(soon(client.unregister_agent(asked)).await.unwrap_err().code(), Code::NotFound);
    stage.system.stop().await.unwrap();
}

#[tokio::test]
async fn the_second_of_a_council_and_of_an_agent_exists_already() {
    let stage = Stage::of(quick()).await;
    stage.council("DEV").await;
    let mut client = stage.orchestrator();
    let again = CreateCouncilRequest { role: "dev".into(), ..Default::default() };
    let refused = soon(client.create_council(again)).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_str()), (Code::AlreadyExists, "EXISTS"));
    let asked = RegisterAgentRequest {
        agent_id: "writer".into(),
        role: "DEV".into(),
        ..Default::default()
    };
    soon(client.register_agent(asked.clone())).await.unwrap();
    let refused = soon(client.register_agent(asked)).await.unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
    stage.system.stop().await.unwrap();
}

#[tokio::test]
async fn without_agents_a_precondition_fails_and_nothing_is_made_up() {
    let stage = Stage::of(Vec::new()).await;
    let asked = CreateCouncilRequest { role: "DEV".into(), ..Default::default() };
    let refused = soon(stage.orchestrator().create_council(asked)).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason_of(&refused).as_str()),
        (Code::FailedPrecondition, "NO_AGENTS")
    );
    assert!(refused.message().contains("DEV"), "{refused}");
    let mut made_up = CreateCouncilRequest { role: "DEV".into(), ..Default::default() };
    made_up.config.get_or_insert_default().agent_type = "MOCK".into();
    let refused = soon(stage.orchestrator().create_council(made_up)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    stage.system.stop().await.unwrap();
}

#[tokio::test]
async fn a_deliberation_whose_time_is_over_exceeds_its_deadline_and_is_found_again() {
    let stage = Stage::of(endless(&Seen::default())).await;
    stage.council("DEV").await;
    let mut client = stage.orchestrator();
    let refused = soon(client.deliberate(question_within("DEV", 1))).await.unwrap_err();
    assert_eq!(refused.code(), Code::DeadlineExceeded, "{refused}");
    let details = refused.get_error_details();
    let known = &details.error_info().unwrap().metadata;
    let asked = GetDeliberationResultRequest { task_id: known["execution_id"].clone() };
    let found = soon(client.get_deliberation_result(asked)).await.unwrap().into_inner();
    assert_eq!(found.status(), DeliberationStatus::Timeout);
    assert!(found.results.is_empty() && found.winner_id.is_empty());
    stage.system.stop().await.unwrap();
}

#[tokio::test]
async fn where_it_is_wanted_so_a_node_without_councils_answers_as_older_services_did() {
    let settings = Settings { unimplemented_without_council: true, ..bare() };
    let stage = Stage::with(quick(), settings).await;
    let mut client = stage.orchestrator();
    let refused = soon(client.deliberate(question("QA"))).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    assert!(refused.message().contains("QA"), "{refused}");
    stage.council("DEV").await;
    let refused = soon(client.deliberate(question("QA"))).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    stage.system.stop().await.unwrap();
}
