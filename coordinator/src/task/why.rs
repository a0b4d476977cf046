//! Why a task stands where it stands: the exact blocker, what it waits for, what happens next.

mod councils;
mod locks;
mod ready;
mod votes;

use std::collections::BTreeSet;

use orkestra_runtime::{
    id::{AgentId, LockKey, RunId, TaskId, TaskNo, Token},
    protocol::{ask::AskKind, lock::Mode},
    time::{Now, Wall},
};
use serde::{Deserialize, Serialize};

use self::ready::ready;
use crate::{
    committee::CommitteeMachine,
    council::CouncilMachine,
    lock::LockMachine,
    task::{
        Label,
        graph::{self, Verdict},
        machine::TaskMachine,
        people::PendingView,
        state::{Phase, Run, Task},
        view::state_name,
    },
};

/// How many root causes are followed before the rest is only counted.
const ROOTS_MAX: usize = 20;

/// An explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The task.
    pub task: TaskId,
    /// Where it stands.
    pub state: Label,
    /// What keeps it there, most important first; empty when nothing does.
    pub blockers: Vec<Blocker>,
    /// What happens next, in one sentence.
    pub next: String,
}

/// One thing that keeps a task where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Blocker {
    /// Its run is not sealed: its tasks are still being submitted.
    RunNotSealed,
    /// A task that it depends on.
    Dependency {
        /// Which.
        on: TaskId,
        /// Where that stands.
        state: Label,
    },
    /// At the end of the chain of dependencies: a task that waits for something else.
    Root {
        /// Which.
        task: TaskId,
        /// Where that stands.
        state: Label,
        /// Why it stands there.
        because: String,
    },
    /// The time of its next attempt.
    Retry {
        /// When.
        due: Wall,
        /// After how many failures.
        failures: u32,
        /// Why the latest attempt failed.
        last: String,
    },
    /// No agent that may work on it exists.
    NoAgent {
        /// What is required.
        requires: Vec<String>,
    },
    /// An agent that may work on it cannot.
    AgentUnavailable {
        /// Who.
        agent: AgentId,
        /// Why.
        reason: String,
    },
    /// An agent that may work on it is full.
    AgentBusy {
        /// Who.
        agent: AgentId,
        /// What it holds.
        outstanding: u32,
        /// What it can hold.
        capacity: u32,
    },
    /// An agent that may work on it has room, and none of it is for this shard: others use it.
    NoCredit {
        /// Who.
        agent: AgentId,
        /// What it holds of this shard.
        outstanding: u32,
        /// What it may hold of this shard.
        credits: u32,
        /// What it can hold in all.
        capacity: u32,
    },
    /// Its run has as many attempts outstanding as it may.
    RunConcurrency {
        /// How many that is.
        limit: u32,
    },
    /// Its run, or the run's namespace, is paused.
    Paused {
        /// Who.
        by: String,
        /// Why.
        reason: String,
        /// Since when.
        since: Wall,
    },
    /// An agent that may work on it is drained.
    AgentDrained {
        /// Who.
        agent: AgentId,
        /// By whom.
        by: String,
        /// Why.
        reason: String,
    },
    /// Task after task failed on an agent that may work on it.
    BreakerOpen {
        /// Who.
        agent: AgentId,
        /// How many tasks failed in a row.
        failures: u32,
        /// When one trial is made.
        until: Wall,
    },
    /// It asks people.
    People {
        /// How many of them it takes: `any`, `all` or `majority`.
        rule: Label,
        /// Who has not decided; empty means anybody.
        undecided: Vec<AgentId>,
        /// Who has.
        decided: Vec<AgentId>,
        /// Until when.
        due: Option<Wall>,
        /// What happens then.
        on_timeout: Label,
    },
    /// A lock that it declares.
    Lock {
        /// Which.
        key: LockKey,
        /// How it is wanted.
        mode: Mode,
        /// Who holds it, the first three.
        holders: Vec<String>,
        /// Who has lost it without a word, the first three, so that it is kept back for a while.
        lost_by: Vec<String>,
        /// Its newest token.
        token: Token,
        /// How many are before it in the queue for this lock.
        ahead: u64,
    },
    /// It was refused its locks, and asks again in a moment.
    LockRefused {
        /// Why.
        why: String,
    },
    /// A vote that is open.
    Vote {
        /// What it is called, or its round that goes on.
        vote: String,
        /// Who has not voted and still may, the first hundred.
        missing: Vec<String>,
        /// How many have.
        cast: u64,
    },
    /// A deliberation that goes on.
    Deliberation {
        /// What it is called.
        id: String,
        /// What is being done.
        step: String,
        /// How much of it is done, in hundredths.
        percent: u32,
    },
    /// Others of the same kind are before it.
    Queue {
        /// How many.
        ahead: usize,
    },
    /// Its agent works on it.
    Working {
        /// Who.
        agent: AgentId,
        /// Which try.
        attempt: u32,
        /// Since when.
        since: Wall,
        /// How far it says it is.
        progress: Option<String>,
    },
    /// It has ended.
    Ended {
        /// How.
        how: String,
        /// When.
        at: Wall,
    },
}

/// What tasks may wait for, beside tasks and agents.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'a> {
    /// Who keeps the locks.
    pub locks: &'a LockMachine,
    /// Who holds the votes.
    pub votes: &'a CommitteeMachine,
    /// Who deliberates.
    pub councils: &'a CouncilMachine,
}

/// What an explanation is made from.
#[derive(Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) machine: &'a TaskMachine,
    pub(super) now: Now,
    /// What is beside tasks, where that is known.
    pub(super) beside: Option<Beside<'a>>,
}

pub(super) fn explain(sight: Sight<'_>, run: &RunId, id: &TaskId) -> Option<Why> {
    let Sight { machine, now, .. } = sight;
    let (_, run) = machine.durable.run_named(run)?;
    let (no, task) = machine.durable.task_named(&run.id, id)?;
    let (blockers, next) = match &task.phase {
        Phase::Held => (
            vec![Blocker::RunNotSealed],
            "it may begin once its run is sealed with all its tasks".to_owned(),
        ),
        Phase::Waiting { .. } => waiting(sight, run, (no, task)),
        Phase::Ready { .. } => ready(sight, no, task),
        Phase::Retrying { due } if *due <= now.wall => ready(sight, no, task),
        Phase::Retrying { due } => retrying(task, *due, now),
        Phase::Assigned { since, .. } => working(machine, no, task, *since),
        Phase::Asked { .. } if task.spec.vote.is_some() => votes::open(sight, no),
        Phase::Asked { .. } if task.spec.council.is_some() => councils::open(sight, no),
        Phase::Asked { .. } => asked(machine, no, task),
        Phase::Ended { at, .. } => ended(task, *at),
    };
    Some(Why { task: id.clone(), state: state_name(&task.phase).into(), blockers, next })
}

fn waiting(sight: Sight<'_>, run: &Run, (no, task): (TaskNo, &Task)) -> (Vec<Blocker>, String) {
    let Sight { machine, now, .. } = sight;
    let mut blockers = Vec::new();
    for (on, found) in unmet(machine, run, task) {
        let on = on.clone();
        blockers.push(Blocker::Dependency { on, state: state_name(&found.phase).into() });
    }
    if machine.durable.doomed.contains_key(&no) {
        return (blockers, "it ends shortly, since what it needs did not come about".to_owned());
    }
    let roots = roots(machine, run, task);
    let mut names = Vec::new();
    for (root_no, root) in roots {
        let because = match &root.phase {
            Phase::Ready { .. } => ready(sight, root_no, root).1,
            Phase::Retrying { due } => retrying(root, *due, now).1,
            Phase::Assigned { since, .. } => working(machine, root_no, root, *since).1,
            Phase::Asked { .. } if root.spec.vote.is_some() => votes::open(sight, root_no).1,
            Phase::Asked { .. } if root.spec.council.is_some() => councils::open(sight, root_no).1,
            Phase::Asked { .. } => asked(machine, root_no, root).1,
            Phase::Held | Phase::Waiting { .. } | Phase::Ended { .. } => {
                "it ends shortly".to_owned()
            }
        };
        names.push(root.spec.id.to_string());
        let task = root.spec.id.clone();
        blockers.push(Blocker::Root { task, state: state_name(&root.phase).into(), because });
    }
    let count = unmet(machine, run, task).count();
    let next = format!(
        "it may begin once {count} {} ended; now it hangs on {}",
        if count == 1 { "dependency has" } else { "dependencies have" },
        names.join(", ")
    );
    (blockers, next)
}

/// The dependencies that do not allow a task to begin.
fn unmet<'a>(
    machine: &'a TaskMachine,
    run: &'a Run,
    task: &'a Task,
) -> impl Iterator<Item = (&'a TaskId, &'a Task)> {
    task.spec.dependencies.iter().filter_map(move |dependency| {
        let on = machine.task(*run.tasks.get(&dependency.on)?)?;
        let allowed = match &on.phase {
            Phase::Ended { ending, .. } => graph::judge(dependency, ending) == Verdict::Allows,
            _ => false,
        };
        (!allowed).then_some((&dependency.on, on))
    })
}

/// The tasks at the ends of the chains: those that wait for no other task.
fn roots<'a>(machine: &'a TaskMachine, run: &'a Run, task: &'a Task) -> Vec<(TaskNo, &'a Task)> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let mut todo: Vec<&Task> = vec![task];
    while let Some(task) = todo.pop() {
        for (id, on) in unmet(machine, run, task) {
            let Some(no) = run.tasks.get(id).copied() else { continue };
            if !seen.insert(no) {
                continue;
            }
            if matches!(on.phase, Phase::Waiting { .. }) {
                todo.push(on);
            } else if found.len() < ROOTS_MAX {
                found.push((no, on));
            }
        }
    }
    found.sort_unstable_by_key(|(no, _)| *no);
    found
}

fn retrying(task: &Task, due: Wall, now: Now) -> (Vec<Blocker>, String) {
    let last = task.last_failure.as_ref().map(ToString::to_string).unwrap_or_default();
    let wait = due.since(now.wall);
    let next =
        format!("attempt {} begins in {:.1} s, at {due}", task.attempt.next(), wait.as_secs_f64());
    (vec![Blocker::Retry { due, failures: task.failures, last }], next)
}

fn working(machine: &TaskMachine, no: TaskNo, task: &Task, since: Wall) -> (Vec<Blocker>, String) {
    let Phase::Assigned { agent, .. } = task.phase else { return (Vec::new(), String::new()) };
    let Some(record) = machine.durable.roster.get(agent) else {
        return (Vec::new(), String::new());
    };
    let agent = record.profile.id.clone();
    let progress = machine.live.progress.get(&no);
    let progress = progress.map(|progress| format!("{} % {}", progress.percent, progress.message));
    let next = format!("{agent} reports how attempt {} ended", task.attempt);
    let working = Blocker::Working { agent, attempt: task.attempt.0, since, progress };
    (vec![working], next)
}

fn asked(machine: &TaskMachine, no: TaskNo, task: &Task) -> (Vec<Blocker>, String) {
    let Some(pending) = machine.pending_view(no) else { return (Vec::new(), String::new()) };
    let decided: Vec<AgentId> = pending.decisions.iter().map(|said| said.by.clone()).collect();
    let undecided: Vec<AgentId> =
        pending.people.iter().filter(|person| !decided.contains(person)).cloned().collect();
    let names: Vec<&str> = undecided.iter().map(AgentId::as_str).collect();
    let names = if names.is_empty() { "somebody".to_owned() } else { names.join(", ") };
    let id = &task.spec.id;
    let how = match pending.kind {
        AskKind::Approval => format!("`orkestra task approve {id}` or `orkestra task reject {id}`"),
        AskKind::Answer => format!("`orkestra task answer {id} --text …`"),
    };
    let next = pending.due.map_or_else(
        || format!("{names} must say: {how}"),
        |due| format!("{names} must say by {due}, else: {}; {how}", pending.on_timeout),
    );
    let PendingView { rule, due, on_timeout, .. } = pending;
    (vec![Blocker::People { rule, undecided, decided, due, on_timeout }], next)
}

fn ended(task: &Task, at: Wall) -> (Vec<Blocker>, String) {
    use crate::task::state::Ending;
    let Phase::Ended { ending, .. } = &task.phase else { return (Vec::new(), String::new()) };
    let how = match ending {
        Ending::Completed(_) if task.spec.vote.is_some() => "completed by its vote".to_owned(),
        Ending::Completed(_) if task.spec.council.is_some() => {
            "completed by its council".to_owned()
        }
        Ending::Completed(_) if task.spec.ask.is_some() => "completed by those it asked".to_owned(),
        Ending::Completed(_) => format!("completed by attempt {}", task.attempt),
        Ending::Failed(reason) => task.last_failure.as_ref().map_or_else(
            || format!("failed: {reason}"),
            |last| format!("failed: {reason}, after {last}"),
        ),
        Ending::Cancelled(reason) => format!("cancelled: {reason}"),
    };
    let next = match ending {
        Ending::Completed(_) => "nothing: its result is recorded".to_owned(),
        Ending::Failed(_) | Ending::Cancelled(_) => {
            format!("nothing by itself; `orkestra task retry {}` tries it again", task.spec.id)
        }
    };
    (vec![Blocker::Ended { how, at }], next)
}
