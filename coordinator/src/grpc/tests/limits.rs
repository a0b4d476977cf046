//! What is too large or too much is refused, and the rest goes on.

use orkestra_proto::orkestra::v1::{
    GetStatusRequest, NewTask, SubmitRequest, SubscribeRequest,
    event_service_client::EventServiceClient, status_service_client::StatusServiceClient,
    subscribe_request::From,
};
use tonic::{Code, transport::Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_types::StatusExt as _;

use super::stage::{Stage, bare, connect, quick, reason_of, soon};
use crate::grpc::{Limits, Settings};

fn at_most(limits: Limits) -> Settings {
    Settings { limits, ..bare() }
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_and_a_smaller_one_taken() {
    let limits = Limits { message_max: 4_096, ..Limits::default() };
    let stage = Stage::with(quick(), at_most(limits)).await;
    let submit = |bytes: usize| SubmitRequest {
        tasks: vec![NewTask { instructions: "x".repeat(bytes), ..NewTask::default() }],
        ..SubmitRequest::default()
    };
    let refused = soon(stage.tasks().submit(submit(8_192))).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert_eq!(reason_of(&refused), "MESSAGE_TOO_LARGE");
    soon(stage.tasks().submit(submit(1_024))).await.unwrap();
    stage.system.stop().await.unwrap();
}

#[tokio::test]
async fn one_stream_too_many_is_told_when_to_come_again() {
    let limits = Limits { streams_max: 2, ..Limits::default() };
    let stage = Stage::with(quick(), at_most(limits)).await;
    let asked = || SubscribeRequest { from: Some(From::After(0)), kinds: Vec::new() };
    let first = soon(stage.events().subscribe(asked())).await.unwrap();
    let second = soon(stage.events().subscribe(asked())).await.unwrap();
    let mut elsewhere = EventServiceClient::new(connect(stage.address).await);
    let refused = soon(elsewhere.subscribe(asked())).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(reason_of(&refused), "TOO_MANY_STREAMS");
    assert!(refused.get_error_details().retry_info().is_some());
    drop((first, second));
    // The place is free as soon as the node has heard of it.
    soon(async {
        while elsewhere.subscribe(asked()).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    stage.system.stop().await.unwrap();
}

#[tokio::test]
async fn one_connection_too_many_is_sent_away_and_those_inside_go_on() {
    let limits = Limits { connections_max: 1, ..Limits::default() };
    let stage = Stage::with(quick(), at_most(limits)).await;
    soon(stage.status().get_status(GetStatusRequest {})).await.unwrap();
    let address = format!("http://{}", stage.address);
    let outside = Endpoint::from_shared(address).unwrap().connect_lazy();
    let mut outside = StatusServiceClient::new(outside);
    // What the client makes of it is its own matter: it is not answered.
    soon(outside.get_status(GetStatusRequest {})).await.unwrap_err();
    let inside = soon(stage.status().get_status(GetStatusRequest {})).await.unwrap();
    let inside = inside.into_inner();
    assert!(inside.ready && inside.leads == 1);
    assert_eq!(inside.namespace, "default");
    stage.system.stop().await.unwrap();
}

#[tokio::test]
async fn whoever_asks_whether_the_door_is_open_is_told() {
    let stage = Stage::of(quick()).await;
    let mut client = HealthClient::new(stage.channel.clone());
    for service in ["", "orchestrator.v1.OrchestratorService", "orkestra.v1.TaskService"] {
        let asked = HealthCheckRequest { service: service.to_owned() };
        let told = soon(client.check(asked)).await.unwrap().into_inner();
        assert_eq!(told.status(), ServingStatus::Serving, "{service}");
    }
    stage.system.stop().await.unwrap();
}
