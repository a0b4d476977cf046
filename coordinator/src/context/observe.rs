//! What the journal says of tasks, told once more in few words. It runs for every event of a busy
//! shard: numbers only, and no look at what is not told.

use orkestra_runtime::{
    id::{Number, TaskNo},
    time::Wall,
};

use crate::{
    context::{
        machine::ContextMachine,
        row::{Kind, Row},
        state::{DECISIONS_MAX, Decision, Durable, push_bounded},
    },
    task::{CancelReason, Scope, TaskEvent, TaskMachine},
};

/// How much is kept of what a person said.
const SAID_CHARS_MAX: usize = 200;

impl ContextMachine {
    /// Folds in what an event of the task machine tells, right after that has applied it. `at` is
    /// the shard time of its record.
    pub fn observe(&mut self, number: Number, at: Wall, event: &TaskEvent, tasks: &TaskMachine) {
        let durable = &mut self.durable;
        let of_task = |kind, task: TaskNo| {
            let agent = tasks.task(task).and_then(|task| task.agent);
            Row { kind, number, at, subject: task.0, agent }
        };
        let of_run = |kind, subject| Row { kind, number, at, subject, agent: None };
        match event {
            TaskEvent::Assigned { task, .. } => durable.push(of_task(Kind::TaskStarted, *task)),
            TaskEvent::Completed { task, .. } => durable.push(of_task(Kind::TaskCompleted, *task)),
            // One that was handed back did not go wrong.
            TaskEvent::AttemptFailed { task, failure, .. } if failure.kind.counts() => {
                durable.push(of_task(Kind::ErrorOccurred, *task));
            }
            TaskEvent::Failed { task, .. } => durable.push(of_task(Kind::ErrorOccurred, *task)),
            TaskEvent::ArtifactKept { task, .. } => durable.push(of_task(Kind::AgentAction, *task)),
            TaskEvent::RunOpened { .. } => durable.push(of_run(Kind::ProjectStart, number.0)),
            TaskEvent::RunSealed { run } => durable.push(of_run(Kind::PlanningPhase, run.0)),
            TaskEvent::RunEnded { run, .. } => durable.push(of_run(Kind::MilestoneReached, run.0)),
            TaskEvent::RunCancelled { run, by, reason } => {
                durable.decided((number, at), run.0, by, &format!("cancelled the run: {reason}"));
            }
            TaskEvent::Cancelled { task, reason: CancelReason::Requested { by, reason } } => {
                durable.decided((number, at), task.0, by, &format!("cancelled: {reason}"));
            }
            TaskEvent::Retried { task, by } => {
                durable.decided((number, at), task.0, by, "to be tried again");
            }
            TaskEvent::PersonDecided { task, by, said, reason, .. } => {
                let why = if reason.is_empty() { "" } else { ": " };
                let what = format!("{}{why}{reason}", said.as_str());
                durable.decided((number, at), task.0, by.as_str(), &what);
            }
            TaskEvent::Paused { scope, by, reason } => {
                let (subject, name) = named(scope);
                durable.decided((number, at), subject, by, &format!("paused {name}: {reason}"));
            }
            TaskEvent::Resumed { scope, by } => {
                let (subject, name) = named(scope);
                durable.decided((number, at), subject, by, &format!("resumed {name}"));
            }
            TaskEvent::AgentDrained { agent, by, reason } => {
                durable.decided((number, at), 0, by, &format!("drained {agent}: {reason}"));
            }
            TaskEvent::AgentReturned { agent, by } => {
                durable.decided((number, at), 0, by, &format!("returned {agent}"));
            }
            _ => {}
        }
    }
}

/// The run that is paused or resumed, if it is one, and what it is called.
fn named(scope: &Scope) -> (u64, String) {
    match scope {
        Scope::Run(run) => (run.0, "the run".to_owned()),
        Scope::Namespace(name) if name.is_empty() => (0, "the default namespace".to_owned()),
        Scope::Namespace(name) => (0, format!("namespace {name}")),
    }
}

impl Durable {
    /// Adds what somebody decided.
    pub(super) fn decided(
        &mut self,
        (number, at): (Number, Wall),
        subject: u64,
        by: &str,
        what: &str,
    ) {
        let cut = |text: &str| text.chars().take(SAID_CHARS_MAX).collect();
        let decision = Decision { number, at, subject, by: cut(by), what: cut(what) };
        push_bounded(&mut self.decisions, decision, DECISIONS_MAX);
        self.push(Row { kind: Kind::DecisionMade, number, at, subject, agent: None });
    }
}
