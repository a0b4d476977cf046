//! Whether the tasks agree with each other: for who looks at them from outside.

use std::{collections::BTreeMap, time::Duration};

use orkestra_runtime::{
    fabric::BlobName,
    id::{AgentId, Attempt, RunId, TaskId, TaskNo},
    protocol::{payload::Payload, task::DependencyKind},
    time::Wall,
};

use crate::task::{
    graph,
    machine::TaskMachine,
    state::{Ending, Phase, Task},
};

/// A task that names a task which its run does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dangling {
    /// The run.
    pub run: RunId,
    /// Who names it.
    pub task: TaskId,
    /// What is not there.
    pub missing: TaskId,
    /// What is asked of it.
    pub kind: DependencyKind,
}

/// A task that somebody holds, or held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskId,
    /// Which try.
    pub attempt: Attempt,
    /// Who.
    pub agent: Option<AgentId>,
    /// How often it failed.
    pub failures: u32,
    /// Since when it is held, or since its submission.
    pub since: Wall,
}

impl TaskMachine {
    /// What tasks that have not ended need and is not there. A stream forgets what has ended, and a
    /// run that is not sealed is still being submitted: in them nothing is missing.
    pub(super) fn dangling(&self) -> impl Iterator<Item = (TaskNo, &Task, Dangling)> {
        let open = self.durable.tasks.iter().filter(|(_, task)| !task.has_ended());
        open.flat_map(move |(no, task)| {
            let run = self.durable.runs.get(&task.run);
            let run = run.filter(|run| run.sealed && !run.opening.stream);
            let missing = run.into_iter().flat_map(move |run| {
                let needs = task.spec.dependencies.iter();
                needs.filter(|need| !run.tasks.contains_key(&need.on)).map(|need| Dangling {
                    run: run.id.clone(),
                    task: task.spec.id.clone(),
                    missing: need.on.clone(),
                    kind: need.kind.clone(),
                })
            });
            missing.map(move |dangling| (*no, task, dangling))
        })
    }

    /// The same, for who only wants to tell of it.
    pub fn dangling_needs(&self) -> Vec<Dangling> {
        self.dangling().map(|(_, _, dangling)| dangling).collect()
    }

    /// A cycle in each run that has one, by its path.
    pub fn cycles(&self) -> Vec<(RunId, Vec<TaskId>)> {
        let runs = self.durable.runs.values();
        runs.filter_map(|run| {
            let tasks: BTreeMap<_, _> = run
                .tasks
                .iter()
                .filter_map(|(id, no)| Some((id, self.task(*no)?.spec.as_ref())))
                .collect();
            Some((run.id.clone(), graph::cycle(&tasks)?))
        })
        .collect()
    }

    /// Tasks in progress without news for longer than this.
    pub fn held_too_long(&self, now: Wall, after: Duration) -> Vec<Held> {
        self.stuck(now, after).filter_map(|(_, task, since)| self.held(task, since)).collect()
    }

    /// Tasks that have not ended and failed at least so often.
    pub fn worn_out(&self, failures: u32) -> Vec<Held> {
        let open = self.durable.tasks.values().filter(|task| !task.has_ended());
        let worn = open.filter(|task| task.failures >= failures);
        worn.filter_map(|task| self.held(task, task.submitted)).collect()
    }

    fn held(&self, task: &Task, since: Wall) -> Option<Held> {
        let agent = task.agent.and_then(|no| self.durable.roster.get(no));
        Some(Held {
            run: self.durable.runs.get(&task.run)?.id.clone(),
            task: task.spec.id.clone(),
            attempt: task.attempt,
            agent: agent.map(|record| record.profile.id.clone()),
            failures: task.failures,
            since,
        })
    }

    /// The runs whose counts do not add up to what their tasks say.
    pub fn miscounted(&self) -> Vec<RunId> {
        let mut counted: BTreeMap<_, [u64; 4]> = BTreeMap::new();
        for task in self.durable.tasks.values() {
            let [assigned, completed, failed, cancelled] = counted.entry(task.run).or_default();
            match &task.phase {
                Phase::Assigned { .. } => *assigned += 1,
                Phase::Ended { ending: Ending::Completed(_), .. } => *completed += 1,
                Phase::Ended { ending: Ending::Failed(_), .. } => *failed += 1,
                Phase::Ended { ending: Ending::Cancelled(_), .. } => *cancelled += 1,
                Phase::Held
                | Phase::Waiting { .. }
                | Phase::Ready { .. }
                | Phase::Retrying { .. }
                | Phase::Asked { .. } => {}
            }
        }
        let runs = self.durable.runs.iter();
        let wrong = runs.filter(|(no, run)| {
            let [assigned, completed, failed, cancelled] =
                counted.get(no).copied().unwrap_or_default();
            let counts = run.counts;
            let ended = [counts.completed, counts.failed, counts.cancelled];
            // A stream counts what it has forgotten too.
            let ends_fit = ended == [completed, failed, cancelled] || run.opening.stream;
            counts.assigned != assigned || !ends_fit
        });
        wrong.map(|(_, run)| run.id.clone()).collect()
    }

    /// Every blob that the record names and that was not deleted on purpose: the task that names it,
    /// for what, and its name.
    pub fn named_blobs(&self) -> impl Iterator<Item = (&TaskId, &'static str, &BlobName)> {
        fn blob(payload: &Payload) -> Option<&BlobName> {
            match payload {
                Payload::Blob { name, .. } | Payload::Sensitive { name, .. } => Some(name),
                Payload::Inline(_) => None,
            }
        }
        let whole = self.durable.tasks.values().filter(|task| task.redacted.is_none());
        whole.flat_map(|task| {
            let output = match &task.phase {
                Phase::Ended { ending: Ending::Completed(output), .. } => blob(output),
                _ => None,
            };
            let kept = task.artifacts.iter().map(|artifact| ("artifact", &artifact.blob));
            let input = blob(&task.spec.input).map(|name| ("input", name));
            let all = input.into_iter().chain(output.map(|name| ("output", name))).chain(kept);
            all.map(|(what, name)| (&task.spec.id, what, name))
        })
    }
}
