//! Councils that deliberate, as a client sees them.

use orkestra_proto::orchestrator::v1::{
    CreateCouncilRequest, DeleteCouncilRequest, GetDeliberationResultRequest, GetMetricsRequest,
    GetStatusRequest, ListCouncilsRequest, OrchestrateRequest, RegisterAgentRequest,
    UnregisterAgentRequest,
};

use super::stage::{Stage, question, quick, soon};

#[tokio::test]
async fn where_nothing_is_said_there_are_three_seats_and_one_round() {
    let stage = Stage::of(quick()).await;
    let mut client = stage.orchestrator();
    let asked = CreateCouncilRequest { role: "DEV".into(), ..Default::default() };
    let made = soon(client.create_council(asked)).await.unwrap().into_inner();
    assert_eq!((made.council_id.as_str(), made.agents_created), ("council-dev", 3));
    assert_eq!(made.agent_ids, ["agent-dev-001", "agent-dev-002", "agent-dev-003"]);
    let answer = soon(client.deliberate(question("DEV"))).await.unwrap().into_inner();
    assert_eq!(answer.results.len(), 3);
    for (result, rank) in answer.results.iter().zip(1..) {
        let proposal = result.proposal.as_ref().unwrap();
        assert_eq!((result.rank, proposal.revisions.len()), (rank, 1), "{result:?}");
        assert!(proposal.created_at_ms > 0 && !proposal.content.is_empty());
    }
    let first = answer.results[0].proposal.as_ref().unwrap();
    assert_eq!(answer.winner_id, first.author_id);
    let metadata = answer.metadata.unwrap();
    assert_eq!(metadata.execution_id.len(), 16);
    let asked = GetDeliberationResultRequest { task_id: metadata.execution_id };
    let again = soon(client.get_deliberation_result(asked)).await.unwrap().into_inner();
    assert_eq!((again.results, again.winner_id), (answer.results, answer.winner_id));
    stage.system.stop().await.unwrap();
}

#[tokio::test]
async fn a_stream_tells_each_stage_in_order_and_its_progress_never_falls() {
    let stage = Stage::of(quick()).await;
    stage.council("DEV").await;
    let answer = soon(stage.orchestrator().stream_deliberation(question("DEV"))).await.unwrap();
    assert!(answer.metadata().contains_key("orkestra-execution-id"));
    let mut stream = answer.into_inner();
    let (mut stages, mut percent, mut last) = (Vec::new(), 0, None);
    while let Some(update) = soon(stream.message()).await.unwrap() {
        assert!(update.progress_percent >= percent, "{update:?}");
        percent = update.progress_percent;
        if stages.last() != Some(&update.status) {
            stages.push(update.status.clone());
        }
        last = Some(update);
    }
    assert_eq!(stages, ["generating", "reviewing", "scoring", "complete"]);
    let last = last.unwrap();
    assert_eq!(last.progress_percent, 100);
    assert_eq!(last.partial_result.unwrap().rank, 1);
    stage.system.stop().await.unwrap();
}

#[tokio::test]
async fn the_same_name_is_the_same_orchestration_and_the_winner_is_no_candidate() {
    let stage = Stage::of(quick()).await;
    stage.council("ARCHITECT").await;
    let mut client = stage.orchestrator();
    let asked = OrchestrateRequest {
        task_id: "why-slow".into(),
        task_description: "Why is the build slow?".into(),
        role: "ARCHITECT".into(),
        case_id: "c-1".into(),
        ..Default::default()
    };
    let first = soon(client.orchestrate(asked.clone())).await.unwrap().into_inner();
    let winner = first.winner.clone().unwrap();
    assert_eq!(first.candidates.len(), 2);
    assert!(!first.candidates.contains(&winner));
    assert_eq!(first.execution_id.len(), 16);
    assert!(first.execution_id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let second = soon(client.orchestrate(asked)).await.unwrap().into_inner();
    assert_eq!((second.winner, second.execution_id), (first.winner, first.execution_id));
    let asked = GetStatusRequest { include_stats: true };
    let status = soon(client.get_status(asked)).await.unwrap().into_inner();
    let counted = status.stats.unwrap();
    assert_eq!(status.status, "healthy");
    assert_eq!((counted.total_orchestrations, counted.total_deliberations), (1, 0));
    let figures = soon(client.get_metrics(GetMetricsRequest::default())).await.unwrap();
    let figures = figures.into_inner();
    assert!(figures.performance.unwrap().p99 >= 0.0);
    assert_eq!(figures.agents.unwrap().total, 3);
    assert!(figures.councils.unwrap().health_per_council.contains_key("council-architect"));
    stage.system.stop().await.unwrap();
}

#[tokio::test]
async fn agents_come_and_go_and_a_council_that_is_gone_is_listed_no_more() {
    let stage = Stage::of(quick()).await;
    let mut client = stage.orchestrator();
    let asked = RegisterAgentRequest {
        agent_id: "writer".into(),
        role: "DATA".into(),
        ..Default::default()
    };
    let made = soon(client.register_agent(asked)).await.unwrap().into_inner();
    assert!(made.success);
    assert_eq!(made.council_id, "council-data");
    let all = ListCouncilsRequest { role_filter: String::new(), include_agents: true };
    let listed = soon(client.list_councils(all.clone())).await.unwrap().into_inner().councils;
    assert_eq!((listed.len(), listed[0].status.as_str()), (1, "active"));
    assert_eq!(listed[0].agents[0].agent_id, "writer");
    let asked = UnregisterAgentRequest { agent_id: "writer".into(), role: "DATA".into() };
    assert!(soon(client.unregister_agent(asked)).await.unwrap().into_inner().success);
    let asked = DeleteCouncilRequest { role: "DATA".into() };
    let gone = soon(client.delete_council(asked)).await.unwrap().into_inner();
    assert_eq!((gone.success, gone.agents_removed), (true, 0));
    let listed = soon(client.list_councils(all)).await.unwrap().into_inner().councils;
    assert!(listed.is_empty());
    stage.system.stop().await.unwrap();
}
