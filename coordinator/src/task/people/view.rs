//! What waits for people, for people and programs.

use orkestra_runtime::{
    id::{AgentId, RunId, TaskId, TaskNo},
    protocol::{ask::AskKind, payload::Payload},
    time::Wall,
};
use serde::{Deserialize, Serialize};

use super::{PersonDecision, settle};
use crate::task::{
    Label,
    machine::TaskMachine,
    state::{Phase, RunNo, Task},
};

/// How many questions of a run whoever watches it is told of.
const WATCHED_MAX: usize = 100;

/// A question that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingView {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskId,
    /// One line.
    pub title: String,
    /// The question in full.
    pub question: String,
    /// Yes or no, or any answer.
    pub kind: AskKind,
    /// `any`, `all` or `majority`.
    pub rule: Label,
    /// Whom it asks; empty means anybody.
    pub people: Vec<AgentId>,
    /// What was said so far.
    pub decisions: Vec<PersonDecision>,
    /// Since when it asks.
    pub since: Wall,
    /// Until when.
    pub due: Option<Wall>,
    /// What happens then: `approve`, `reject` or `escalate`.
    pub on_timeout: Label,
    /// What the question is about.
    pub input: Payload,
}

/// What a run, or every run, asks of people now, run by run, oldest task first.
pub(in crate::task) fn pending(machine: &TaskMachine, run: Option<&RunId>) -> Vec<PendingView> {
    match run.map(|run| machine.durable.run_named(run)) {
        Some(None) => Vec::new(),
        Some(Some((no, _))) => of_run(machine, no).collect(),
        None => views(machine, machine.durable.asked.iter()).collect(),
    }
}

/// The first of what a run asks of people now, without what the questions are about: whoever
/// watches a run asks for this again and again.
pub(in crate::task) fn pending_of_run(machine: &TaskMachine, run: RunNo) -> Vec<PendingView> {
    let first = of_run(machine, run).take(WATCHED_MAX);
    first.map(|question| PendingView { input: Payload::null(), ..question }).collect()
}

fn of_run(machine: &TaskMachine, run: RunNo) -> impl Iterator<Item = PendingView> {
    views(machine, machine.durable.asked.range((run, TaskNo(0))..=(run, TaskNo(u64::MAX))))
}

fn views<'a>(
    machine: &'a TaskMachine,
    asked: impl Iterator<Item = &'a (RunNo, TaskNo)>,
) -> impl Iterator<Item = PendingView> {
    asked.filter_map(|(_, no)| machine.pending_view(*no))
}

fn view(machine: &TaskMachine, task: &Task) -> Option<PendingView> {
    let (Some(ask), Phase::Asked { since, due, escalated }) = (&task.spec.ask, &task.phase) else {
        return None;
    };
    let (people, rule) = settle::asked(task, ask, *escalated);
    Some(PendingView {
        run: machine.durable.runs.get(&task.run)?.id.clone(),
        task: task.spec.id.clone(),
        title: task.spec.title.clone(),
        question: task.spec.instructions.clone(),
        kind: ask.kind,
        rule: rule.as_str().into(),
        people: people.to_vec(),
        decisions: task.decisions.clone(),
        since: *since,
        due: *due,
        on_timeout: if *escalated { "reject" } else { ask.on_timeout.as_str() }.into(),
        input: task.spec.input.clone(),
    })
}

impl TaskMachine {
    /// One open question; none if the task does not ask now.
    pub(in crate::task) fn pending_view(&self, no: TaskNo) -> Option<PendingView> {
        self.task(no).and_then(|task| view(self, task))
    }
}
