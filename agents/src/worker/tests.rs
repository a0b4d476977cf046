//! A worker with its agent, on paused time.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use orkestra_runtime::{
    fabric::Blobs as _,
    id::{AgentId, Incarnation, TaskNo},
    limits::{BLOB_BYTES_MAX, PAYLOAD_INLINE_BYTES_MAX},
    protocol::{
        agent::{AgentProfile, Assignment, Availability, FromAgent, Report, ToAgent},
        payload::{Json, Payload},
        task::{Failure, FailureKind, Outcome},
        understanding::Understanding,
    },
    time::SystemClock,
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Terms, WorkerAddress, WorkerMail, WorkerSpec, spawn};
use crate::{
    agent::DynAgent,
    kinds::function::FunctionAgent,
    testing::{MemoryBlobs, assignment, json},
};

pub(super) struct Bench {
    pub(super) spec: WorkerSpec,
    blobs: Arc<MemoryBlobs>,
    said: mpsc::UnboundedReceiver<FromAgent>,
    folder: tempfile::TempDir,
}

pub(super) struct Hired {
    worker: WorkerAddress,
    end: JoinHandle<()>,
    said: mpsc::UnboundedReceiver<FromAgent>,
    blobs: Arc<MemoryBlobs>,
    folder: tempfile::TempDir,
}

pub(super) fn bench<A: DynAgent>(capacity: u32, agent: A) -> Bench {
    let (say, said) = mpsc::unbounded_channel();
    let folder = tempfile::tempdir().unwrap();
    let blobs = Arc::new(MemoryBlobs::default());
    let agent: Arc<dyn DynAgent> = Arc::new(agent);
    let profile = AgentProfile {
        id: AgentId::new("a").unwrap(),
        kind: "function".into(),
        description: String::new(),
        capabilities: Vec::new(),
        specialties: Vec::new(),
        capacity,
        availability: Availability::Available,
    };
    let spec = WorkerSpec {
        profile,
        incarnation: Incarnation(1),
        factory: Arc::new(move || Arc::clone(&agent)),
        terms: Arc::new(Terms::default()),
        folder: Arc::new(PathBuf::from(folder.path())),
        blobs: Arc::clone(&blobs) as _,
        secrets: None,
        repositories: None,
        sink: Arc::new(move |one| drop(say.send(one))),
        introduce: None,
        heart: None,
        clock: SystemClock::start(),
    };
    Bench { spec, blobs, said, folder }
}

impl Bench {
    pub(super) async fn hire(self) -> Hired {
        let Self { spec, blobs, mut said, folder } = self;
        let (worker, end) = spawn(spec).await.unwrap();
        assert!(matches!(said.recv().await, Some(FromAgent::Joined { .. })));
        // What a dead life held is lost at once.
        assert!(matches!(said.recv().await, Some(FromAgent::Beat { held, .. }) if held.is_empty()));
        Hired { worker, end, said, blobs, folder }
    }
}

impl Hired {
    pub(super) fn assign(&self, batch: Vec<Assignment>) {
        self.worker.send(WorkerMail::ToAgent(ToAgent::Assign(batch))).unwrap();
    }

    /// The next ends, whatever else is said before.
    pub(super) async fn ended(&mut self) -> Vec<Report> {
        loop {
            if let FromAgent::Ended { reports, .. } = self.said.recv().await.unwrap() {
                return reports;
            }
        }
    }

    pub(super) async fn failure(&mut self) -> Failure {
        match self.ended().await.remove(0).outcome {
            Outcome::Failed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }
}

pub(super) fn idle() -> impl DynAgent {
    FunctionAgent::new(|_, _| async { Ok(Json::null()) })
}

#[tokio::test(start_paused = true)]
async fn thousands_of_attempts_that_end_at_once_are_reported_together() {
    let mut hired = bench(5_000, idle()).hire().await;
    hired.assign((1..=5_000).map(assignment).collect());
    let reports = hired.ended().await;
    assert_eq!(reports.len(), 5_000);
    assert!(reports.iter().all(|report| report.outcome == Outcome::Completed(Payload::null())));
    assert_eq!(std::fs::read_dir(hired.folder.path()).unwrap().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_agent_gets_what_was_assigned_and_its_output_is_reported() {
    let agent = FunctionAgent::new(|work: crate::Work, context: crate::Context| async move {
        let (input, before): (u32, u32) = (work.input()?, work.result("task-9")?);
        std::fs::write(context.folder().unwrap().join("x"), "x").unwrap();
        Ok(Json::of(&(input + before, context.effect_key())).unwrap())
    });
    let mut hired = bench(1, agent).hire().await;
    let results = vec![(crate::testing::task("task-9"), Payload::Inline(json("40")))];
    let input = Payload::Inline(json("2"));
    hired.assign(vec![Assignment { input, results, ..assignment(1) }]);
    let output = Payload::Inline(json("[42,\"effect-1\"]"));
    assert_eq!(hired.ended().await[0].outcome, Outcome::Completed(output));
    assert_eq!(std::fs::read_dir(hired.folder.path()).unwrap().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_reported_siblings_are_handed_back_and_the_worker_ends() {
    let agent = FunctionAgent::new(|work: crate::Work, _| async move {
        assert!(work.id.as_str() != "task-1", "no more {}", "paper");
        std::future::pending::<()>().await;
        Ok(Json::null())
    });
    let mut hired = bench(2, agent).hire().await;
    hired.assign(vec![assignment(2)]);
    hired.assign(vec![assignment(1)]);
    let reports = hired.ended().await;
    let told: Vec<_> = reports
        .iter()
        .map(|report| match &report.outcome {
            Outcome::Failed(failure) => (report.task.0, failure.kind, failure.message.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        told,
        [
            (1, FailureKind::Panicked, "the agent panicked: no more paper"),
            (2, FailureKind::HandedBack, "the agent is restarted"),
        ]
    );
    hired.end.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_error_ends_the_attempt_and_the_worker_works_on() {
    let agent = FunctionAgent::new(|_, _| async { Err(Failure::error("no").for_good()) });
    let mut hired = bench(1, agent).hire().await;
    hired.assign(vec![assignment(1)]);
    assert_eq!(hired.failure().await, Failure::error("no").for_good());
    hired.assign(vec![assignment(2)]);
    assert_eq!(hired.ended().await[0].task, TaskNo(2));
}

/// Counts how often it is dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn deaf(dropped: &Arc<AtomicUsize>) -> impl DynAgent + use<> {
    let dropped = Arc::clone(dropped);
    FunctionAgent::new(move |_, _| {
        let dropped = Dropped(Arc::clone(&dropped));
        async move {
            let _dropped = dropped;
            std::future::pending::<()>().await;
            Ok(Json::null())
        }
    })
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_is_dropped() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let mut hired = bench(1, deaf(&dropped)).hire().await;
    hired.assign(vec![Assignment { timeout_ms: Some(5_000), ..assignment(1) }]);
    assert_eq!(hired.failure().await.kind, FailureKind::TimedOut);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_attempt_is_hung_and_one_that_beats_is_not() {
    let agent = FunctionAgent::new(|work: crate::Work, context: crate::Context| async move {
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(600)).await;
            if work.id.as_str() == "task-1" {
                context.heartbeat();
            }
        }
        Ok(Json::null())
    });
    let mut made = bench(1, agent);
    made.spec.terms =
        Arc::new(Terms { silence_max: Some(Duration::from_secs(1)), ..Terms::default() });
    let mut hired = made.hire().await;
    hired.assign(vec![assignment(1)]);
    assert_eq!(hired.ended().await[0].worked_ms / 100, 60);
    hired
        .worker
        .send(WorkerMail::ToAgent(ToAgent::Acknowledged(vec![(
            TaskNo(1),
            orkestra_runtime::id::Attempt(1),
        )])))
        .unwrap();
    hired.assign(vec![assignment(2)]);
    assert_eq!(hired.failure().await.kind, FailureKind::Hung);
    hired.end.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_attempt_may_put_its_things_away() {
    let agent = FunctionAgent::new(|_, context: crate::Context| async move {
        context.progress(10, "begun");
        context.cancelled().await;
        context.progress(20, "put away");
        Err(Failure::error("cancelled"))
    });
    let mut hired = bench(1, agent).hire().await;
    hired.assign(vec![assignment(1)]);
    let begun = hired.said.recv().await.unwrap();
    assert!(matches!(begun, FromAgent::Progressed { progress, .. } if progress.percent == 10));
    let (task, attempt) = (TaskNo(1), orkestra_runtime::id::Attempt(1));
    let cancel = ToAgent::Cancel { task, attempt, reason: "not wanted".into() };
    hired.worker.send(WorkerMail::ToAgent(cancel)).unwrap();
    let reports = hired.ended().await;
    assert_eq!((&reports[0].outcome, reports[0].worked_ms), (&Outcome::Cancelled, 0));
}

#[tokio::test(start_paused = true)]
async fn large_values_go_through_blobs_both_ways_and_what_is_too_large_is_refused() {
    let agent = FunctionAgent::new(|work: crate::Work, _| async move {
        let text: String = work.input()?;
        Ok(Json::of(&text.repeat(if work.id.as_str() == "task-2" { 1_100 } else { 1 })).unwrap())
    });
    let mut hired = bench(1, agent).hire().await;
    let large = Json::of(&"x".repeat(PAYLOAD_INLINE_BYTES_MAX + 1)).unwrap();
    let bytes = bytes::Bytes::copy_from_slice(large.as_str().as_bytes());
    let length = bytes.len() as u64;
    let name = hired.blobs.put(bytes).await.unwrap();
    let input = Payload::Blob { name, bytes: length };
    hired.assign(vec![Assignment { input: input.clone(), ..assignment(1) }]);
    assert_eq!(hired.ended().await[0].outcome, Outcome::Completed(input.clone()));
    assert!(large.as_str().len() * 1_100 > BLOB_BYTES_MAX);
    hired.assign(vec![Assignment { input, ..assignment(2) }]);
    assert_eq!(hired.failure().await.kind, FailureKind::BadOutput);
}

#[tokio::test(start_paused = true)]
async fn an_input_whose_blob_is_gone_is_a_failure_that_names_it() {
    let mut hired = bench(1, idle()).hire().await;
    let name = orkestra_runtime::fabric::BlobName::of(b"gone");
    let input = Payload::Blob { name: name.clone(), bytes: 4 };
    hired.assign(vec![Assignment { input, ..assignment(1) }]);
    let told = hired.failure().await.message;
    assert_eq!(told, format!("the input is gone: no blob is named {name}"));
}

#[tokio::test(start_paused = true)]
async fn an_artifact_is_kept_and_named() {
    let agent = FunctionAgent::new(|_, context: crate::Context| async move {
        let name = context.artifact("notes", &b"abc"[..]).await?;
        assert_eq!(context.artifacts()[0].name, "notes");
        Ok(Json::of(&name).unwrap())
    });
    let mut hired = bench(1, agent).hire().await;
    hired.assign(vec![assignment(1)]);
    let name = orkestra_runtime::fabric::BlobName::of(b"abc");
    let output = Payload::Inline(Json::of(&name).unwrap());
    let said = hired.said.recv().await;
    let Some(FromAgent::Kept { artifact, .. }) = said else { panic!("not told: {said:?}") };
    assert_eq!((artifact.name.as_str(), artifact.bytes, &artifact.blob), ("notes", 3, &name));
    assert_eq!(hired.ended().await[0].outcome, Outcome::Completed(output));
    assert_eq!(hired.blobs.get(&name).await.unwrap().unwrap(), "abc");
}

#[tokio::test(start_paused = true)]
async fn what_an_agent_understands_is_said_at_a_pace_the_newest_word_first_to_last() {
    let agent = FunctionAgent::new(|_, context: crate::Context| async move {
        for word in 0..5 {
            context.understand(Understanding::of(format!("word {word}")))?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let long = Understanding::of("x".repeat(20_000));
        Ok(Json::of(&context.understand(long).unwrap_err().kind).unwrap())
    });
    let mut hired = bench(1, agent).hire().await;
    hired.assign(vec![assignment(1)]);
    let mut words = Vec::new();
    while words.len() < 2 {
        match hired.said.recv().await {
            Some(FromAgent::Understood { understanding, .. }) => {
                words.push(understanding.current_understanding);
            }
            Some(FromAgent::Ended { reports, .. }) => {
                let refused = Json::of(&FailureKind::BadOutput).unwrap();
                let outcome = Outcome::Completed(Payload::Inline(refused));
                assert_eq!(reports[0].outcome, outcome);
            }
            Some(_) => {}
            None => panic!("it went with {words:?}"),
        }
    }
    assert_eq!(words, ["word 0", "word 4"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_leader_is_told_who_is_there_and_everything_that_nobody_heard() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let mut hired = bench(1, deaf(&dropped)).hire().await;
    hired.assign(vec![Assignment { timeout_ms: Some(1), ..assignment(1) }]);
    assert_eq!(hired.failure().await.kind, FailureKind::TimedOut);
    hired.worker.send(WorkerMail::ToAgent(ToAgent::WhoIsThere)).unwrap();
    assert!(matches!(hired.said.recv().await, Some(FromAgent::Joined { .. })));
    assert!(
        matches!(hired.said.recv().await, Some(FromAgent::Beat { held, .. }) if held.len() == 1)
    );
    assert_eq!(hired.failure().await.kind, FailureKind::TimedOut);
    // And again by itself, since nobody acknowledges.
    assert_eq!(hired.failure().await.kind, FailureKind::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn draining_ends_the_worker_at_its_limit_and_drops_what_runs() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let mut hired = bench(1, deaf(&dropped)).hire().await;
    hired.assign(vec![assignment(1)]);
    hired.worker.send(WorkerMail::Drain { within: Duration::from_secs(3) }).unwrap();
    assert!(matches!(hired.said.recv().await, Some(FromAgent::Leaving { .. })));
    assert_eq!(hired.failure().await.kind, FailureKind::HandedBack);
    assert!(matches!(hired.said.recv().await, Some(FromAgent::Left { .. })));
    hired.end.await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_cannot_be_made_is_an_error_and_its_address_comes_before_joined() {
    let mut made = bench(1, idle());
    made.spec.factory = Arc::new(|| panic!("no key"));
    let told = spawn(made.spec).await.unwrap_err().to_string();
    assert_eq!(told, "cannot make the agent \"a\": the agent panicked: no key");

    let mut made = bench(1, idle());
    let told = Arc::new(AtomicUsize::new(0));
    let (first, second) = (Arc::clone(&told), Arc::clone(&told));
    let say = Arc::clone(&made.spec.sink);
    made.spec.introduce = Some(Arc::new(move |_| first.store(1, Ordering::SeqCst)));
    made.spec.sink = Arc::new(move |one| {
        assert_eq!(second.load(Ordering::SeqCst), 1);
        say(one);
    });
    made.hire().await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_worker_shows_its_supervisor_that_it_lives() {
    let mut made = bench(1, idle());
    let (beat, mut beats) = mpsc::unbounded_channel();
    let every = Duration::from_secs(1);
    let beat = Arc::new(move || beat.send(()).unwrap_or_default());
    made.spec.heart = Some(super::Heart { every, beat });
    let _hired = made.hire().await;
    for _ in 0..3 {
        beats.recv().await.unwrap();
    }
}
