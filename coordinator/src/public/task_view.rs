//! How tasks, runs and agents look to anybody: JSON in place, times as text, nothing sensitive.

use std::{borrow::Cow, collections::BTreeMap};

use orkestra_runtime::{
    id::{AgentId, LockKey, RunId, TaskId},
    protocol::{agent::Progress, payload::Payload},
    time::Wall,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::task::view::{AgentView, RunView, TaskView};

/// A task.
#[derive(Debug, Serialize)]
pub(super) struct PublicTask {
    pub(super) run: RunId,
    pub(super) id: TaskId,
    title: String,
    priority: Cow<'static, str>,
    pub(super) state: Cow<'static, str>,
    attempt: u32,
    failures: u32,
    agent: Option<AgentId>,
    submitted: String,
    ended: Option<String>,
    reason: Option<String>,
    needs: Vec<TaskId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locks: Vec<LockKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    artifacts: Vec<Value>,
}

impl PublicTask {
    /// A task as one of many: without what it was given and what came of it.
    pub(super) fn short(view: TaskView) -> Self {
        Self {
            run: view.run,
            id: view.id,
            title: view.title,
            priority: view.priority,
            state: view.state,
            attempt: view.attempt.0,
            failures: view.failures,
            agent: view.agent,
            submitted: view.submitted.to_string(),
            ended: view.ended.map(told),
            reason: view.reason,
            needs: view.needs,
            locks: view.locks.into_iter().map(|want| want.key).collect(),
            input: None,
            output: None,
            artifacts: Vec::new(),
        }
    }

    /// A task with all of it that may be shown.
    pub(super) fn whole(view: TaskView) -> Self {
        let input = Some(payload(&view.input));
        let output = view.output.as_ref().map(payload);
        let artifacts = view.artifacts.iter();
        let artifacts = artifacts.map(
            |kept| json!({ "name": kept.name, "blob": kept.blob.to_string(), "bytes": kept.bytes }),
        );
        let artifacts = artifacts.collect();
        Self { input, output, artifacts, ..Self::short(view) }
    }
}

/// JSON that stands in place as it is; of anything else where it is, and of what is sensitive no
/// more than its length.
pub(crate) fn payload(payload: &Payload) -> Value {
    match payload {
        Payload::Inline(json) => json.read().unwrap_or_default(),
        Payload::Blob { name, bytes } => json!({ "blob": name.to_string(), "bytes": bytes }),
        Payload::Sensitive { bytes, .. } => json!({ "sensitive": true, "bytes": bytes }),
    }
}

fn told(at: Wall) -> String {
    at.to_string()
}

/// A run.
#[derive(Debug, Serialize)]
pub(super) struct PublicRun {
    run: RunId,
    namespace: String,
    scenario: String,
    state: &'static str,
    sealed: bool,
    opened: String,
    ended: Option<String>,
    counts: Value,
    paused: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    running: Vec<PublicRunning>,
}

#[derive(Debug, Serialize)]
struct PublicRunning {
    task: TaskId,
    attempt: u32,
    agent: AgentId,
    since: String,
    progress: Option<Progress>,
}

/// Where a run stands, in a word.
pub(crate) const fn state_of(view: &RunView) -> &'static str {
    match (view.summary.ended, &view.paused) {
        (Some(_), _) => "ended",
        (None, Some(_)) => "paused",
        (None, None) if view.waits_for_people => "asking",
        (None, None) => "open",
    }
}

impl From<RunView> for PublicRun {
    fn from(view: RunView) -> Self {
        let state = state_of(&view);
        let running = view.running.into_iter().map(|at| PublicRunning {
            task: at.task,
            attempt: at.attempt.0,
            agent: at.agent,
            since: at.since.to_string(),
            progress: at.progress,
        });
        Self {
            run: view.summary.run,
            namespace: super::told_namespace(&view.opening.namespace).to_owned(),
            scenario: view.opening.scenario,
            state,
            sealed: view.sealed,
            opened: view.summary.opened.to_string(),
            ended: view.summary.ended.map(told),
            counts: json!(view.summary.counts),
            paused: view.paused.map(|pause| pause.to_string()),
            running: running.collect(),
        }
    }
}

/// Agents as several shards know them: what they hold and did is added up.
pub(super) fn merged(views: impl IntoIterator<Item = AgentView>) -> Vec<Value> {
    let mut all: BTreeMap<AgentId, AgentView> = BTreeMap::new();
    for view in views {
        match all.get_mut(&view.id) {
            None => drop(all.insert(view.id.clone(), view)),
            Some(known) => {
                known.outstanding = known.outstanding.saturating_add(view.outstanding);
                known.completed = known.completed.saturating_add(view.completed);
                known.failed = known.failed.saturating_add(view.failed);
                // Whoever has seen it at work knows better than whoever has not met it yet.
                if known.state == "away" {
                    (known.state, known.reason) = (view.state, view.reason);
                }
            }
        }
    }
    all.into_values().map(|view| json!(view)).collect()
}
