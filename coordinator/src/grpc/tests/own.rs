//! Tasks, locks and votes.

use orkestra_proto::orkestra::v1::{
    AcquireRequest, CallVoteRequest, CastBallotRequest, GetRunRequest, GetTaskRequest,
    GetVoteRequest, Grant, ListLocksRequest, NewTask, OpenSessionRequest, ReleaseRequest, Session,
    SessionRequest, SubmitRequest, Wanted,
};
use tonic::Code;

use super::stage::{Stage, quick, soon};

fn named(session: &Session) -> SessionRequest {
    SessionRequest { name: session.name.clone(), number: session.number }
}

fn drafts(run: &str, names: &[&str]) -> SubmitRequest {
    let tasks = names.iter().map(|name| NewTask {
        id: (*name).to_owned(),
        input_json: r#"{"step":"draft"}"#.into(),
        agents: vec!["writer".into()],
        ..NewTask::default()
    });
    SubmitRequest {
        run: run.into(),
        tasks: tasks.collect(),
        seal: true,
        ..SubmitRequest::default()
    }
}

#[tokio::test]
async fn tasks_are_taken_in_once_and_waited_for_and_watched() {
    let stage = Stage::of(quick()).await;
    let mut client = stage.tasks();
    let mut keyed = drafts("", &["one"]);
    keyed.key = "k".into();
    let first = soon(client.submit(keyed.clone())).await.unwrap().into_inner();
    let second = soon(client.submit(keyed)).await.unwrap().into_inner();
    assert_eq!((&second.run, second.existed), (&first.run, true));
    let asked = GetTaskRequest { run: first.run, task: "one".into(), wait_ms: 20_000 };
    let done = soon(client.get_task(asked)).await.unwrap().into_inner();
    assert_eq!(done.state, "completed");
    assert!(done.output_json.contains("one"), "{}", done.output_json);
    let run = GetRunRequest { run: "many".into() };
    soon(client.submit(drafts("many", &["a", "b", "c"]))).await.unwrap();
    let mut ends = soon(client.watch_run(run.clone())).await.unwrap().into_inner();
    let mut names = Vec::new();
    while let Some(task) = soon(ends.message()).await.unwrap() {
        assert_eq!(task.state, "completed");
        names.push(task.id);
    }
    names.sort();
    assert_eq!(names, ["a", "b", "c"]);
    let shown = soon(client.get_run(run)).await.unwrap().into_inner();
    assert_eq!((shown.state.as_str(), shown.counts["completed"]), ("ended", 3));
    let nothing = GetRunRequest { run: "nothing".into() };
    assert_eq!(soon(client.get_run(nothing)).await.unwrap_err().code(), Code::NotFound);
    stage.system.stop().await.unwrap();
}

#[tokio::test]
async fn a_lock_is_held_by_one_session_at_a_time_and_its_token_rises() {
    let stage = Stage::of(quick()).await;
    let mut client = stage.locks();
    let mut sessions = Vec::new();
    for name in ["ada", "bob"] {
        let asked = OpenSessionRequest { name: name.into(), ..Default::default() };
        sessions.push(soon(client.open_session(asked)).await.unwrap().into_inner());
    }
    let want = |session: &Session, request| AcquireRequest {
        session: Some(named(session)),
        request,
        locks: vec![Wanted { key: "door".into(), mode: None }],
        wait_ms: 0,
    };
    let first = soon(client.acquire(want(&sessions[0], 1))).await.unwrap().into_inner();
    assert!(first.granted);
    let second = soon(client.acquire(want(&sessions[1], 1))).await.unwrap().into_inner();
    assert_eq!((second.granted, second.why.as_str()), (false, "busy"));
    let listed = soon(client.list_locks(ListLocksRequest::default())).await.unwrap().into_inner();
    assert_eq!((listed.locks.len(), listed.locks[0].key.as_str()), (1, "door"));
    let mut kept = soon(client.keep_alive(named(&sessions[0]))).await.unwrap().into_inner();
    assert_eq!(soon(kept.message()).await.unwrap().unwrap().number, sessions[0].number);
    let given = ReleaseRequest {
        session: Some(named(&sessions[0])),
        request: 2,
        locks: first.locks.clone(),
    };
    soon(client.release(given)).await.unwrap();
    let second = soon(client.acquire(want(&sessions[1], 2))).await.unwrap().into_inner();
    assert!(second.granted && second.locks[0].token > first.locks[0].token);
    let old = Grant { key: "door".into(), token: first.locks[0].token };
    assert!(!soon(client.check_token(old)).await.unwrap().into_inner().good);
    let guessed = SessionRequest { name: "eve".into(), number: sessions[1].number };
    assert_eq!(soon(client.close_session(guessed)).await.unwrap_err().code(), Code::NotFound);
    soon(client.close_session(named(&sessions[1]))).await.unwrap();
    stage.system.stop().await.unwrap();
}

#[tokio::test]
async fn a_vote_is_called_cast_and_decided() {
    let stage = Stage::of(quick()).await;
    let mut client = stage.votes();
    let proposal = r#"{"id":"ship","proposer":"ada","title":"Ship it?","voters":["ada","bob"]}"#;
    let asked = CallVoteRequest { proposal_json: proposal.into() };
    let called = soon(client.call_vote(asked.clone())).await.unwrap().into_inner();
    assert!(!called.existed);
    assert!(soon(client.call_vote(asked)).await.unwrap().into_inner().existed);
    for voter in ["ada", "bob"] {
        let ballot = CastBallotRequest {
            vote: "ship".into(),
            voter: voter.into(),
            content_json: r#""yes""#.into(),
            ..Default::default()
        };
        soon(client.cast_ballot(ballot)).await.unwrap();
    }
    let asked = GetVoteRequest { vote: "ship".into(), wait_ms: 20_000 };
    let decided = soon(client.get_vote(asked)).await.unwrap().into_inner();
    assert!(!decided.decision.is_empty() && decided.cast == 2, "{decided:?}");
    let asked = GetVoteRequest { vote: "nothing".into(), wait_ms: 0 };
    assert_eq!(soon(client.get_vote(asked)).await.unwrap_err().code(), Code::NotFound);
    stage.system.stop().await.unwrap();
}
