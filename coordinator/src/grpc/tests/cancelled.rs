//! Whoever gives up ends what he waited for, down to the agents.

use std::time::Duration;

use tonic::{Code, Request};

use super::stage::{Seen, Stage, endless, question, soon, until};

#[tokio::test]
async fn a_call_that_is_dropped_cancels_the_agents_that_work_for_it() {
    let seen = Seen::default();
    let stage = Stage::of(endless(&seen)).await;
    stage.council("DEV").await;
    let mut client = stage.orchestrator();
    {
        let call = client.deliberate(question("DEV"));
        tokio::pin!(call);
        tokio::select! {
            answered = &mut call => panic!("nobody answers: {answered:?}"),
            () = until(|| seen.begun() == 3) => {}
        }
    }
    until(|| seen.cancelled() == 3).await;
    stage.system.stop().await.unwrap();
}

#[tokio::test]
async fn a_stream_that_is_dropped_does_so_too() {
    let seen = Seen::default();
    let stage = Stage::of(endless(&seen)).await;
    stage.council("DEV").await;
    let answer = soon(stage.orchestrator().stream_deliberation(question("DEV"))).await.unwrap();
    let mut stream = answer.into_inner();
    assert_eq!(soon(stream.message()).await.unwrap().unwrap().status, "generating");
    until(|| seen.begun() == 3).await;
    drop(stream);
    until(|| seen.cancelled() == 3).await;
    stage.system.stop().await.unwrap();
}

#[tokio::test]
async fn a_deadline_that_passes_reaches_the_agents() {
    let seen = Seen::default();
    let stage = Stage::of(endless(&seen)).await;
    stage.council("DEV").await;
    let mut asked = Request::new(question("DEV"));
    asked.set_timeout(Duration::from_secs(5));
    let refused = soon(stage.orchestrator().deliberate(asked)).await.unwrap_err();
    // The client may see its own clock first, or be told by the server.
    assert!(matches!(refused.code(), Code::DeadlineExceeded | Code::Cancelled), "{refused}");
    until(|| seen.begun() > 0 && seen.cancelled() == seen.begun()).await;
    stage.system.stop().await.unwrap();
}
