//! Records that say something else than the sequencer decided, under the same numbers.

use std::sync::Arc;

use bytes::Bytes;
use orkestra_coordinator::{
    shard::machine::Event,
    task::{RunNo, TaskEvent},
};
use orkestra_runtime::{
    id::Attempt,
    record::{Head, Kind, Record, decode, encode_event, seal},
    time::Wall,
};

use super::Crook;

/// How many events there are to one that is crooked, where all would be too many.
const RARELY: u64 = 7;

/// The record as it is written under a bug.
pub(super) fn crooked(crook: Crook, record: Bytes) -> Bytes {
    let Ok(Record { kind: Kind::Events, head, events }) = decode::<Event>(&record) else {
        return record;
    };
    let numbers = head.first.0..;
    let mut told: Vec<Event> = Vec::with_capacity(events.len());
    for (number, event) in numbers.zip(events) {
        let Event::Task(event) = event else {
            told.push(event);
            continue;
        };
        let again = told.last().filter(|_| crook == Crook::OutcomeTwice).cloned();
        let event = match again {
            Some(Event::Task(before @ TaskEvent::Completed { .. }))
                if !matches!(event, TaskEvent::Completed { .. }) =>
            {
                before
            }
            _ => changed(crook, number, event),
        };
        told.push(Event::Task(event));
    }
    let at = if crook == Crook::TimeBack && head.first.0.is_multiple_of(RARELY) {
        Wall::from_ms(1)
    } else {
        head.at
    };
    sealed(&Head { at, ..head }, &told).unwrap_or(record)
}

pub(crate) fn sealed(head: &Head, events: &[Event]) -> Option<Bytes> {
    let mut buffer = Vec::new();
    for event in events {
        encode_event(event, &mut buffer).ok()?;
    }
    seal(head, &buffer).ok().map(Bytes::from)
}

/// Something that happened to a run that never was.
const fn nothing() -> TaskEvent {
    TaskEvent::RunForgotten { run: RunNo(u64::MAX) }
}

const fn earlier(attempt: Attempt) -> Attempt {
    if attempt.0 > 1 { Attempt(attempt.0 - 1) } else { attempt }
}

fn changed(crook: Crook, number: u64, event: TaskEvent) -> TaskEvent {
    let rarely = number.is_multiple_of(RARELY);
    match (crook, event) {
        (Crook::OutcomeForgotten, TaskEvent::Completed { .. })
        | (Crook::SubmitForgotten, TaskEvent::Submitted { .. })
            if rarely =>
        {
            nothing()
        }
        (Crook::OutcomeStale, TaskEvent::Completed { task, attempt, output, worked_ms }) => {
            TaskEvent::Completed { task, attempt: earlier(attempt), output, worked_ms }
        }
        (Crook::AttemptAgain, TaskEvent::Assigned { task, attempt, agent, score }) => {
            TaskEvent::Assigned { task, attempt: earlier(attempt), agent, score }
        }
        (Crook::NeedsForgotten, TaskEvent::Submitted { run, spec }) => {
            let mut spec = Arc::unwrap_or_clone(spec);
            spec.dependencies.clear();
            TaskEvent::Submitted { run, spec: Arc::new(spec) }
        }
        (_, event) => event,
    }
}
