//! How tasks and runs look over gRPC: times as text, payloads as JSON, nothing sensitive.

use std::collections::BTreeMap;

use orkestra_proto::orkestra::v1::{Run, Task};

use crate::{
    public::{payload_shown, state_of},
    task::view::{RunView, TaskView},
};

/// A task as one of many: without what it was given and what came of it.
pub(super) fn short(view: TaskView) -> Task {
    Task {
        run: view.run.to_string(),
        id: view.id.to_string(),
        title: view.title,
        priority: view.priority.into_owned(),
        state: view.state.into_owned(),
        attempt: view.attempt.0,
        failures: view.failures,
        agent: view.agent.map(|agent| agent.to_string()).unwrap_or_default(),
        submitted: view.submitted.to_string(),
        ended: view.ended.map(|at| at.to_string()).unwrap_or_default(),
        reason: view.reason.unwrap_or_default(),
        needs: view.needs.iter().map(ToString::to_string).collect(),
        locks: view.locks.iter().map(|want| want.key.to_string()).collect(),
        input_json: String::new(),
        output_json: String::new(),
    }
}

/// A task with all of it that may be shown.
pub(super) fn whole(view: TaskView) -> Task {
    let input_json = payload_shown(&view.input).to_string();
    let output = view.output.as_ref().map(|output| payload_shown(output).to_string());
    Task { input_json, output_json: output.unwrap_or_default(), ..short(view) }
}

/// A run.
pub(super) fn run(view: &RunView) -> Run {
    let counts = view.summary.counts;
    let counts = BTreeMap::from([
        ("total".to_owned(), counts.total),
        ("assigned".to_owned(), counts.assigned),
        ("asked".to_owned(), counts.asked),
        ("completed".to_owned(), counts.completed),
        ("failed".to_owned(), counts.failed),
        ("cancelled".to_owned(), counts.cancelled),
    ]);
    Run {
        run: view.summary.run.to_string(),
        scenario: view.opening.scenario.clone(),
        state: state_of(view).to_owned(),
        sealed: view.sealed,
        opened: view.summary.opened.to_string(),
        ended: view.summary.ended.map(|at| at.to_string()).unwrap_or_default(),
        counts,
    }
}
