//! Real values: a small history of a shard that has every event once.

use std::sync::Arc;

use orkestra_coordinator::{
    shard::{Mind as _, machine::Event, machine::ShardMachine},
    task::{CancelReason, FailReason, RunNo, RunOpening, Said, Scope, Score, TaskEvent, Then},
};
use orkestra_runtime::{
    fabric::BlobName,
    id::{AgentId, Attempt, Capability, Epoch, Number, RunId, ShardId, TaskId, TaskNo},
    protocol::{
        agent::{AgentProfile, Artifact, Availability},
        ask::{Ask, AskKind, AskRule, OnReject, OnTimeout},
        payload::{Json, Payload},
        task::{Dependency, DependencyKind, Failure, FailureKind, TaskSpec},
    },
    record::{Head, encode_event, seal, seal_epoch},
    time::Wall,
};

fn id(name: &str) -> TaskId {
    TaskId::new(name).unwrap()
}

fn agent() -> AgentId {
    AgentId::new("ann").unwrap()
}

fn spec(name: &str, needs: &[(&str, DependencyKind)]) -> Arc<TaskSpec> {
    let mut spec = TaskSpec::new(id(name));
    spec.title = "Look for secrets".into();
    spec.requires = vec![Capability::new("review").unwrap()];
    spec.agents = vec![agent()];
    spec.input = Payload::Inline(Json::parse(r#"{"a": [1, "é", null]}"#).unwrap());
    let need = |(on, kind): &(&str, DependencyKind)| Dependency { on: id(on), kind: kind.clone() };
    spec.dependencies = needs.iter().map(need).collect();
    spec.parent = needs.first().map(|(on, _)| id(on));
    (spec.timeout_ms, spec.deadline_ms) = (Some(2_000), Some(60_000));
    Arc::new(spec)
}

fn profile() -> AgentProfile {
    AgentProfile {
        id: agent(),
        kind: "function".to_owned(),
        description: "looks".to_owned(),
        capabilities: vec![Capability::new("review").unwrap()],
        specialties: vec!["security".to_owned()],
        capacity: 3,
        availability: Availability::Unavailable { reason: "away".to_owned() },
    }
}

fn conditional() -> DependencyKind {
    DependencyKind::Conditional { pointer: "/ok".to_owned(), equals: "true".to_owned() }
}

/// Every event of the task machine at least once, each where it may stand.
pub(crate) fn history() -> Vec<Event> {
    let (run, attempt) = (RunNo(2), Attempt(1));
    let opening = RunOpening {
        scenario: "review".to_owned(),
        scenario_hash: "5e".repeat(32),
        concurrency: Some(4),
        notes: Json::parse(r#"{"repo":"."}"#).unwrap(),
        ..RunOpening::default()
    };
    let submitted = |spec| TaskEvent::Submitted { run, spec };
    let assigned = |task, attempt| TaskEvent::Assigned {
        task: TaskNo(task),
        attempt: Attempt(attempt),
        agent: agent(),
        score: Score { suitability: 60, penalty: 10, history: 0 },
    };
    let failed = |task, attempt, kind, then| TaskEvent::AttemptFailed {
        task: TaskNo(task),
        attempt: Attempt(attempt),
        failure: Failure::new(kind, "no luck").for_good(),
        then,
        worked_ms: 17,
    };
    let artifact = Artifact { name: "log".to_owned(), blob: BlobName::of(b"log"), bytes: 3 };
    let large = Payload::Blob { name: BlobName::of(b"large"), bytes: 70_000 };
    let by = || "ann".to_owned();
    let events = vec![
        TaskEvent::AgentDescribed { profile: profile() },
        TaskEvent::RunOpened { run: RunId::new("review-1").unwrap(), opening },
        submitted(spec("first", &[])),
        submitted(spec("second", &[("first", DependencyKind::Hard)])),
        submitted(spec("third", &[("first", DependencyKind::Soft), ("second", conditional())])),
        submitted(spec("fourth", &[])),
        TaskEvent::RunSealed { run },
        assigned(3, 1),
        failed(3, 1, FailureKind::Hung, Then::Retry { due: Wall::from_ms(9_000) }),
        assigned(3, 2),
        failed(3, 2, FailureKind::HandedBack, Then::Again),
        assigned(3, 3),
        TaskEvent::ArtifactKept { task: TaskNo(3), attempt: Attempt(3), artifact },
        TaskEvent::Completed { task: TaskNo(3), attempt: Attempt(3), output: large, worked_ms: 9 },
        assigned(6, 1),
        failed(6, 1, FailureKind::BadOutput, Then::Poison),
        TaskEvent::Retried { task: TaskNo(6), by: by() },
        TaskEvent::Cancelled {
            task: TaskNo(6),
            reason: CancelReason::Requested { by: by(), reason: "enough".to_owned() },
        },
        TaskEvent::Failed {
            task: TaskNo(4),
            reason: FailReason::DependencyFailed { on: id("first") },
        },
        TaskEvent::RunCancelled { run, by: by(), reason: "enough".to_owned() },
        TaskEvent::RunEnded { run, completed: attempt.0.into(), failed: 1, cancelled: 2 },
        TaskEvent::TasksForgotten { tasks: vec![TaskNo(3), TaskNo(99)] },
        TaskEvent::RunForgotten { run },
    ];
    let events = events.into_iter().chain(standing());
    events.into_iter().map(Event::Task).collect()
}

/// A question to people.
fn question() -> Arc<TaskSpec> {
    let mut spec = TaskSpec::new(id("gate"));
    spec.agents = vec![agent()];
    let to = vec![AgentId::new("boss").unwrap()];
    spec.ask = Some(Ask {
        kind: AskKind::Answer,
        rule: AskRule::Majority,
        timeout_ms: Some(9_000),
        on_timeout: OnTimeout::Escalate { to },
        on_reject: OnReject::Complete,
    });
    Arc::new(spec)
}

/// What people are asked and say, and what is paused, drained and broken.
fn standing() -> [TaskEvent; 11] {
    let (by, reason) = (|| "ann".to_owned(), || "enough".to_owned());
    let said = Said::Answered(Payload::Inline(Json::parse("[1]").unwrap()));
    // The numbers of the next two events.
    let (run, task) = (RunNo(24), TaskNo(25));
    let opening = RunOpening { namespace: "team".to_owned(), ..RunOpening::default() };
    [
        TaskEvent::RunOpened { run: RunId::new("asks-1").unwrap(), opening },
        TaskEvent::Submitted { run, spec: question() },
        TaskEvent::RunSealed { run },
        TaskEvent::PersonDecided { task, by: agent(), said, reason: reason(), via: by() },
        TaskEvent::AskEscalated { task },
        TaskEvent::Paused { scope: Scope::Run(run), by: by(), reason: reason() },
        TaskEvent::AgentDrained { agent: agent(), by: by(), reason: reason() },
        TaskEvent::BreakerOpened { agent: agent(), until: Wall::from_ms(9_000), failures: 3 },
        TaskEvent::Resumed { scope: Scope::Namespace("team".to_owned()), by: by() },
        TaskEvent::AgentReturned { agent: agent(), by: by() },
        TaskEvent::BreakerClosed { agent: agent() },
    ]
}

/// The head of a record that carries these events.
pub(crate) fn head(first: u64, last: u64) -> Head {
    let (first, last) = (Number(first), Number(last));
    Head { shard: ShardId(0), epoch: Epoch(1), first, last, at: Wall::from_ms(1_000 + last.0) }
}

/// A record of these events, the first of which has this number.
pub(crate) fn record(first: u64, events: &[Event]) -> Vec<u8> {
    let mut buffer = Vec::new();
    for event in events {
        encode_event(event, &mut buffer).unwrap();
    }
    seal(&head(first, first + events.len() as u64 - 1), &buffer).unwrap()
}

/// The whole history as records: one that begins a reign, one of many events, and one each.
pub(crate) fn records() -> Vec<Vec<u8>> {
    let history = history();
    let mut records = vec![seal_epoch(&head(1, 0)).unwrap(), record(1, &history)];
    records.extend((1..).zip(&history).map(|(n, event)| record(n, std::slice::from_ref(event))));
    records
}

/// The shard after so many of the events.
pub(crate) fn machine(events: usize) -> ShardMachine {
    let mut machine = ShardMachine::default();
    for (number, event) in (1..).zip(history().iter().take(events)) {
        machine.apply(Number(number), Wall::from_ms(1_000 + number), event);
    }
    machine
}

/// Snapshots of the shard at several points of its history.
pub(crate) fn snapshots() -> Vec<Vec<u8>> {
    [0, 7, 9, 13, 18, 23, 27, 31].map(|events| machine(events).snapshot()).to_vec()
}
