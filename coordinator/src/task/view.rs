//! How runs, tasks and agents look to a person or a program.

use std::borrow::Cow;

use orkestra_runtime::{
    id::{AgentId, Attempt, RunId, TaskId, TaskNo},
    protocol::{
        agent::{Artifact, Availability, Progress},
        check::CheckResult,
        lock::Want,
        payload::{Json, Payload},
        task::Failure,
    },
    time::Wall,
};
use serde::{Deserialize, Serialize};

use crate::task::{
    breaker::Open,
    event::CancelReason,
    machine::TaskMachine,
    opening::RunOpening,
    people::{self, PendingView, PersonDecision},
    redact::Redaction,
    roster::PERSON,
    standing::Pause,
    state::{Ending, Phase, Run, RunNo, Task},
    summary::RunSummary,
};

/// A word of a small vocabulary, as programs read it; owned where it came from another node.
pub type Label = Cow<'static, str>;

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunView {
    /// How it stands.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// What it was opened with.
    pub opening: RunOpening,
    /// Whether its graph is complete.
    pub sealed: bool,
    /// What its agents are at.
    pub running: Vec<Running>,
    /// What it asks of people: the first hundred, without what they are about.
    pub pending: Vec<PendingView>,
    /// Whether people, and nothing else, must act for it to go on.
    pub waits_for_people: bool,
    /// Why nothing more of it is given out, by order of somebody.
    pub paused: Option<Pause>,
}

/// An attempt at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The task.
    pub task: TaskId,
    /// Which try.
    pub attempt: Attempt,
    /// Whose.
    pub agent: AgentId,
    /// Since when.
    pub since: Wall,
    /// How far it says it is.
    pub progress: Option<Progress>,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskView {
    /// Its run.
    pub run: RunId,
    /// Its name.
    pub id: TaskId,
    /// Its number.
    pub no: u64,
    /// One line for people.
    pub title: String,
    /// How much it matters.
    pub priority: Label,
    /// Where it stands: `held`, `waiting`, `ready`, `retrying`, `running`, `asked`, `completed`,
    /// `failed`, `cancelled`.
    pub state: Label,
    /// Its latest attempt.
    pub attempt: Attempt,
    /// How many attempts failed.
    pub failures: u32,
    /// Whose it is, or was last.
    pub agent: Option<AgentId>,
    /// When it was submitted.
    pub submitted: Wall,
    /// When it ended.
    pub ended: Option<Wall>,
    /// Why it failed or was cancelled.
    pub reason: Option<String>,
    /// Who asked that it be cancelled, alone or with its run; none if it ended otherwise.
    pub cancelled_by: Option<String>,
    /// Why its latest attempt failed.
    pub last_failure: Option<Failure>,
    /// What it depends on.
    pub needs: Vec<TaskId>,
    /// What it was submitted with.
    pub input: Payload,
    /// Its result.
    pub output: Option<Payload>,
    /// What its attempts kept.
    pub artifacts: Vec<Artifact>,
    /// What people said whom it asks, or asked.
    pub decisions: Vec<PersonDecision>,
    /// What checks found around its latest attempt.
    pub checks: Vec<CheckResult>,
    /// Which locks its attempts hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<Want>,
    /// What of it was deleted, when and by whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redacted: Option<Redaction>,
}

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentView {
    /// Its name.
    pub id: AgentId,
    /// How it works.
    pub kind: String,
    /// One line for people.
    pub description: String,
    /// `available`, `unavailable`, `drained`, `open` while its breaker is open, `person`, or `away`
    /// when its worker is not there.
    pub state: Label,
    /// Why it is unavailable.
    pub reason: Option<String>,
    /// How many attempts it can hold.
    pub capacity: u32,
    /// How many it holds.
    pub outstanding: u32,
    /// How many ended with a result.
    pub completed: u64,
    /// How many failed.
    pub failed: u64,
    /// What it can do.
    pub capabilities: Vec<String>,
}

/// The state of a task, by name.
pub(super) const fn state_name(phase: &Phase) -> &'static str {
    match phase {
        Phase::Held => "held",
        Phase::Waiting { .. } => "waiting",
        Phase::Ready { .. } => "ready",
        Phase::Retrying { .. } => "retrying",
        Phase::Assigned { .. } => "running",
        Phase::Asked { .. } => "asked",
        Phase::Ended { ending: Ending::Completed(_), .. } => "completed",
        Phase::Ended { ending: Ending::Failed(_), .. } => "failed",
        Phase::Ended { ending: Ending::Cancelled(_), .. } => "cancelled",
    }
}

pub(super) fn summary(run: &Run) -> RunSummary {
    RunSummary {
        run: run.id.clone(),
        counts: run.counts,
        attempts: run.attempts,
        opened: run.opened,
        ended: run.ended,
    }
}

pub(super) fn runs(machine: &TaskMachine) -> Vec<RunView> {
    let runs = machine.durable.runs.iter().rev();
    runs.map(|(no, run)| run_view(machine, (*no, run), Vec::new())).collect()
}

fn run_view(machine: &TaskMachine, (no, run): (RunNo, &Run), running: Vec<Running>) -> RunView {
    RunView {
        summary: summary(run),
        opening: run.opening.clone(),
        sealed: run.sealed,
        running,
        pending: people::pending_of_run(machine, no),
        waits_for_people: waits_for_people(machine, (no, run)),
        paused: machine.durable.pause_of(no, run).cloned(),
    }
}

/// Whether nothing of a run is with an agent, or could be, and something is with people.
fn waits_for_people(machine: &TaskMachine, (no, run): (RunNo, &Run)) -> bool {
    if run.counts.asked == 0 || run.counts.assigned > 0 {
        return false;
    }
    let durable = &machine.durable;
    let of_run = |task: &TaskNo| machine.task(*task).is_some_and(|task| task.run == no);
    let locking = durable.locking.range((no, TaskNo(0))..=(no, TaskNo(u64::MAX))).next().is_some();
    let ready = locking || durable.queues.iter().any(|(class, _)| class.run == no);
    let retrying = durable.retries.iter().any(|(_, task)| of_run(task));
    !ready && !retrying && !durable.doomed.keys().any(of_run)
}

pub(super) fn run(machine: &TaskMachine, id: &RunId) -> Option<RunView> {
    let (no, run) = machine.durable.run_named(id)?;
    let leases = machine.live.leases.iter();
    let running = leases.filter_map(|(task_no, lease)| {
        let task = machine.task(*task_no).filter(|task| task.run == no)?;
        let Phase::Assigned { since, .. } = task.phase else { return None };
        Some(Running {
            task: task.spec.id.clone(),
            attempt: lease.attempt,
            agent: machine.durable.roster.get(lease.agent)?.profile.id.clone(),
            since,
            progress: machine.live.progress.get(task_no).cloned(),
        })
    });
    Some(run_view(machine, (no, run), running.collect()))
}

pub(super) fn tasks(machine: &TaskMachine, run: &RunId, limit: Option<usize>) -> Vec<TaskView> {
    let Some((_, run)) = machine.durable.run_named(run) else { return Vec::new() };
    let mut numbers: Vec<_> = run.tasks.values().copied().collect();
    numbers.sort_unstable();
    let tasks = numbers.into_iter().filter_map(|no| Some((no, machine.task(no)?)));
    tasks
        .take(limit.unwrap_or(usize::MAX))
        .map(|(no, task)| task_view(machine, run, no.0, task))
        .collect()
}

pub(super) fn task(machine: &TaskMachine, run: &RunId, id: &TaskId) -> Option<TaskView> {
    let (_, found) = machine.durable.run_named(run)?;
    let (no, task) = machine.durable.task_named(run, id)?;
    Some(task_view(machine, found, no.0, task))
}

fn task_view(machine: &TaskMachine, run: &Run, no: u64, task: &Task) -> TaskView {
    let (ended, reason, output) = match &task.phase {
        Phase::Ended { ending, at } => match ending {
            Ending::Completed(output) => (Some(*at), None, Some(output.clone())),
            Ending::Failed(reason) => (Some(*at), Some(reason.to_string()), None),
            Ending::Cancelled(reason) => (Some(*at), Some(reason.to_string()), None),
        },
        _ => (None, None, None),
    };
    let cancelled_by = match &task.phase {
        Phase::Ended { ending: Ending::Cancelled(CancelReason::Requested { by, .. }), .. } => {
            Some(by.clone())
        }
        _ => None,
    };
    let spec = &task.spec;
    TaskView {
        run: run.id.clone(),
        id: spec.id.clone(),
        no,
        title: spec.title.clone(),
        priority: spec.priority.as_str().into(),
        state: state_name(&task.phase).into(),
        attempt: task.attempt,
        failures: task.failures,
        agent: task.agent.and_then(|no| Some(machine.durable.roster.get(no)?.profile.id.clone())),
        submitted: task.submitted,
        ended,
        reason,
        cancelled_by,
        last_failure: task.last_failure.clone(),
        needs: spec.dependencies.iter().map(|dependency| dependency.on.clone()).collect(),
        input: spec.input.clone(),
        output,
        artifacts: task.artifacts.clone(),
        decisions: task.decisions.clone(),
        checks: task.checked.as_ref().map(|found| found.results.clone()).unwrap_or_default(),
        locks: spec.locks.clone(),
        redacted: task.redacted.clone(),
    }
}

pub(super) fn agents(machine: &TaskMachine) -> Vec<AgentView> {
    let records = machine.durable.roster.iter();
    records
        .map(|(no, record)| {
            let profile = &record.profile;
            let (state, reason) = match &profile.availability {
                _ if profile.kind == PERSON => ("person", None),
                _ if record.drained.is_some() => {
                    ("drained", record.drained.as_ref().map(ToString::to_string))
                }
                Availability::Unavailable { reason } => ("unavailable", Some(reason.clone())),
                Availability::Available if let Some(open) = record.breaker.open() => {
                    let Open { until, failures, .. } = open;
                    ("open", Some(format!("{failures} tasks failed in a row; a trial at {until}")))
                }
                Availability::Available if machine.live.joined.contains_key(&no) => {
                    ("available", None)
                }
                Availability::Available => ("away", None),
            };
            AgentView {
                id: profile.id.clone(),
                kind: profile.kind.clone(),
                description: profile.description.clone(),
                state: state.into(),
                reason,
                capacity: profile.capacity,
                outstanding: record.outstanding,
                completed: record.completed,
                failed: record.failed,
                capabilities: profile.capabilities.iter().map(ToString::to_string).collect(),
            }
        })
        .collect()
}

/// Whether the shard itself opened a run, for what follows from a vote or for what a council does.
/// Whoever means the latest run without a name means one that somebody began.
pub fn is_opened_by_the_shard(run: &RunId) -> bool {
    ["vote:", "deliberation:"].iter().any(|begin| run.as_str().starts_with(begin))
}

impl TaskMachine {
    /// The run that somebody opened last; where there is none, that which the shard itself did.
    pub fn latest_run(&self) -> Option<&RunId> {
        let runs = || self.durable.runs.values().rev().map(|run| &run.id);
        runs().find(|run| !is_opened_by_the_shard(run)).or_else(|| runs().next())
    }

    /// The output of a completed task, if it stands in place.
    pub fn output(&self, run: &RunId, task: &TaskId) -> Option<&Json> {
        let (_, task) = self.durable.task_named(run, task)?;
        match &task.phase {
            Phase::Ended { ending: Ending::Completed(Payload::Inline(json)), .. } => Some(json),
            _ => None,
        }
    }
}
