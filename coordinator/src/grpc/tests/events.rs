//! Events, from any position, for many who listen.

use std::collections::BTreeSet;

use futures::future::join_all;
use orkestra_proto::orkestra::v1::{
    Event, EventUpdate, NewTask, SubmitRequest, SubscribeRequest, event_update::Update,
    subscribe_request::From,
};
use tonic::{Code, Streaming};

use super::stage::{Stage, quick, reason_of, soon};

/// How many listen at once.
const MANY: usize = 120;

async fn work(stage: &Stage, tasks: usize) -> String {
    let tasks = (0..tasks).map(|number| NewTask {
        id: format!("t{number}"),
        input_json: r#"{"step":"draft"}"#.into(),
        agents: vec!["writer".into()],
        ..NewTask::default()
    });
    let asked = SubmitRequest { tasks: tasks.collect(), ..SubmitRequest::default() };
    soon(stage.tasks().submit(asked)).await.unwrap().into_inner().run
}

async fn listen(stage: &Stage, from: From, kinds: &[&str]) -> Streaming<EventUpdate> {
    let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    let asked = SubscribeRequest { from: Some(from), kinds };
    soon(stage.events().subscribe(asked)).await.unwrap().into_inner()
}

/// So many events, and marks left out.
async fn take(stream: &mut Streaming<EventUpdate>, count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    while events.len() < count {
        let update = soon(stream.message()).await.unwrap().expect("it goes on");
        match update.update {
            Some(Update::Event(event)) => events.push(event),
            Some(Update::Mark(mark)) => assert!(!mark.gap),
            None => panic!("an update is something"),
        }
    }
    events
}

#[tokio::test]
async fn whoever_was_cut_off_goes_on_after_the_last_that_he_saw() {
    let stage = Stage::of(quick()).await;
    work(&stage, 5).await;
    let mut whole = listen(&stage, From::After(0), &["task-completed"]).await;
    let all = take(&mut whole, 5).await;
    let positions: Vec<u64> = all.iter().map(|event| event.position).collect();
    assert!(positions.is_sorted_by(|a, b| a < b), "{positions:?}");
    let mut rest = listen(&stage, From::After(positions[1]), &["task-completed"]).await;
    assert_eq!(take(&mut rest, 3).await, all[2..]);
    // What becomes durable later comes on both.
    work(&stage, 1).await;
    assert_eq!(take(&mut whole, 1).await, take(&mut rest, 1).await);
    stage.system.stop().await.unwrap();
}

#[tokio::test]
async fn many_who_listen_all_hear_the_same_once() {
    let stage = Stage::of(quick()).await;
    let listening = (0..MANY).map(|_| listen(&stage, From::Latest(true), &["task-completed"]));
    let mut streams = join_all(listening).await;
    let run = work(&stage, 8).await;
    let heard = join_all(streams.iter_mut().map(|stream| take(stream, 8))).await;
    let subjects: BTreeSet<&str> = heard[0].iter().map(|event| event.subject.as_str()).collect();
    assert_eq!(subjects.len(), 8);
    assert!(subjects.iter().all(|subject| subject.starts_with(&run)));
    assert!(heard.iter().all(|events| *events == heard[0]));
    stage.system.stop().await.unwrap();
}

#[tokio::test]
async fn a_position_that_never_was_is_out_of_range() {
    let stage = Stage::of(quick()).await;
    let asked = SubscribeRequest { from: Some(From::After(1 << 40)), kinds: Vec::new() };
    let refused = soon(stage.events().subscribe(asked)).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_str()), (Code::OutOfRange, "OUT_OF_RANGE"));
    stage.system.stop().await.unwrap();
}

#[tokio::test]
async fn when_the_node_is_stopped_whoever_listens_is_told() {
    let stage = Stage::of(quick()).await;
    let mut stream = listen(&stage, From::After(0), &["nothing-of-the-kind"]).await;
    // The first place is told at once.
    soon(stream.message()).await.unwrap();
    let (stopped, told) = tokio::join!(
        soon(stage.system.stop()),
        soon(async {
            loop {
                if let Err(status) = stream.message().await {
                    return status;
                }
            }
        })
    );
    stopped.unwrap();
    assert_eq!((told.code(), reason_of(&told).as_str()), (Code::Unavailable, "STOPPING"));
}
