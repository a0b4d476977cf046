//! What a supervisor sees of a worker's end.

use orkestra_runtime::protocol::{agent::ToAgent, payload::Json};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::mpsc;

use super::{
    WorkerMail, spawn_linked,
    tests::{bench, idle},
};
use crate::{kinds::function::FunctionAgent, testing::assignment};

/// Passes on how its children ended.
struct Onlooker;

impl Actor for Onlooker {
    type Msg = ();
    type State = mpsc::UnboundedSender<Result<(), String>>;
    type Arguments = Self::State;

    async fn pre_start(
        &self,
        _: ActorRef<()>,
        tell: Self::State,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(tell)
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<()>,
        event: SupervisionEvent,
        tell: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(_, reason) => tell.send(Err(reason.to_string()))?,
            SupervisionEvent::ActorTerminated(..) => tell.send(Ok(()))?,
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failed_end_and_draining_an_orderly_one() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let (onlooker, _end) = Actor::spawn(None, Onlooker, tell).await.unwrap();

    let agent = FunctionAgent::new(|work: crate::Work, _| async move {
        assert!(work.id.as_str().is_empty(), "no more paper");
        Ok(Json::null())
    });
    let (worker, _) = spawn_linked(bench(1, agent).spec, onlooker.get_cell()).await.unwrap();
    worker.send(WorkerMail::ToAgent(ToAgent::Assign(vec![assignment(1)]))).unwrap();
    let reason = "attempt 1 of task 1: panicked: the agent panicked: no more paper".to_owned();
    assert_eq!(told.recv().await.unwrap(), Err(reason));

    let (worker, _) = spawn_linked(bench(1, idle()).spec, onlooker.get_cell()).await.unwrap();
    worker.send(WorkerMail::Drain { within: std::time::Duration::from_secs(1) }).unwrap();
    assert_eq!(told.recv().await.unwrap(), Ok(()));
}
