//! What the journal says of agents, runs and attempts.
//!
//! Promises: the counts of each run are those of the task machine; each milestone is reached once;
//! the same events make the same vitals, wherever they are folded. It costs a few words a task that
//! is kept, and knows neither inputs nor results.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use orkestra_runtime::{
    id::{AgentId, Number, TaskId, TaskNo},
    protocol::{
        agent::{AgentProfile, Availability},
        task::{Failure, TaskSpec},
    },
    time::Wall,
};

use super::{
    facts::{AgentVitals, End, Fact, Noted},
    incidents::{IncidentKind, Incidents},
    milestones::RunProgress,
};
use crate::task::{CancelReason, FailReason, PERSON, RunNo, TaskEvent, Then};

/// Tasks of a run by the name of another: their parent, or the task because of which they ended.
type ByName = BTreeMap<RunNo, BTreeMap<TaskId, Vec<TaskNo>>>;

/// What the journal says, up to an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vitals {
    pub(super) agents: BTreeMap<AgentId, AgentVitals>,
    pub(super) runs: BTreeMap<RunNo, RunProgress>,
    pub(super) tasks: BTreeMap<TaskNo, Noted>,
    pub(super) children: ByName,
    /// Runs whose tasks know of their children: streams, and graphs once they are sealed.
    pub(super) linked: BTreeSet<RunNo>,
    fallen: ByName,
    incidents: Incidents,
}

impl Vitals {
    /// Agents, by name.
    pub const fn agents(&self) -> &BTreeMap<AgentId, AgentVitals> {
        &self.agents
    }

    /// Runs, in the order in which they were opened.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = &RunProgress> {
        self.runs.values()
    }

    /// Attempts that failed.
    pub const fn incidents(&self) -> &Incidents {
        &self.incidents
    }

    /// Folds the next event in, and tells what is worth counting.
    pub fn apply(
        &mut self,
        number: Number,
        at: Wall,
        event: &TaskEvent,
        tell: &mut dyn FnMut(Fact),
    ) {
        match event {
            TaskEvent::RunOpened { run, opening } => {
                self.linked.extend(opening.stream.then_some(RunNo(number.0)));
                self.runs.insert(RunNo(number.0), RunProgress::opened(run.clone(), at));
            }
            TaskEvent::RunSealed { run } => self.seal(*run, at, tell),
            TaskEvent::RunEnded { run, .. } => {
                if let Some(found) = self.runs.get_mut(run) {
                    found.ended = Some(at);
                }
                self.reach(*run, at, tell);
            }
            TaskEvent::RunCancelled { run, .. } => {
                if let Some(found) = self.runs.get_mut(run) {
                    found.sealed = true;
                }
                let of_run = self.tasks.iter().filter(|(_, task)| task.run == *run);
                let of_run: Vec<TaskNo> = of_run.map(|(no, _)| *no).collect();
                for no in of_run {
                    self.end(no, at, End::Cancelled, tell);
                }
            }
            TaskEvent::RunForgotten { run } => self.forget_run(*run),
            TaskEvent::TasksForgotten { tasks } => self.forget_tasks(tasks),
            TaskEvent::Submitted { run, spec } => {
                self.submit(TaskNo(number.0), at, *run, spec);
                tell(Fact::Submitted);
            }
            TaskEvent::Assigned { task, agent, .. } => self.assign(*task, agent),
            TaskEvent::Completed { task, worked_ms, .. } => {
                // What people decide is completed without an attempt.
                if let Some(agent) = self.release(*task) {
                    agent.completed += 1;
                    agent.outcomes.add(false);
                    tell(attempt_ended("completed", *worked_ms));
                }
                self.end(*task, at, End::Completed, tell);
            }
            TaskEvent::AttemptFailed { task, failure, then, worked_ms, .. } => {
                tell(attempt_ended(failure.kind.as_str(), *worked_ms));
                self.fail_attempt(*task, at, failure);
                if matches!(then, Then::Fail | Then::Exhausted | Then::Poison) {
                    self.end(*task, at, End::Failed, tell);
                }
            }
            TaskEvent::Failed { task, reason } => {
                if let FailReason::DependencyFailed { on } = reason {
                    self.fell(*task, on);
                }
                self.end(*task, at, End::Failed, tell);
            }
            TaskEvent::Cancelled { task, reason } => {
                if let CancelReason::DependencyCancelled { on }
                | CancelReason::ConditionNotMet { on } = reason
                {
                    self.fell(*task, on);
                }
                self.cancel(*task, at, tell);
            }
            TaskEvent::Retried { task, .. } => self.reopen(*task),
            TaskEvent::AgentDescribed { profile } => self.describe(profile),
            _ => self.apply_standing(at, event, tell),
        }
    }

    /// What changes how agents stand, and no task.
    fn apply_standing(&mut self, at: Wall, event: &TaskEvent, tell: &mut dyn FnMut(Fact)) {
        match event {
            TaskEvent::PersonDecided { by, .. } => {
                if let Some(person) = self.agents.get_mut(by) {
                    person.completed += 1;
                }
            }
            TaskEvent::AgentDrained { agent, by, reason } => {
                let parts = [by.as_str(), reason.as_str()];
                let told: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                self.agents.entry(agent.clone()).or_default().drained = Some(told.join(": "));
            }
            TaskEvent::AgentReturned { agent, .. } => {
                self.agents.entry(agent.clone()).or_default().drained = None;
            }
            TaskEvent::BreakerOpened { agent, failures, .. } => {
                let reason = format!("{failures} tasks failed in a row");
                self.incidents.begin(IncidentKind::BreakerOpen, agent.as_str(), &reason, at);
            }
            TaskEvent::BreakerClosed { agent } => {
                let over = self.incidents.recover(IncidentKind::BreakerOpen, agent.as_str(), at);
                if let Some(incident) = over {
                    tell(Fact::Over(incident));
                }
            }
            // What else happens makes no difference here.
            _ => {}
        }
    }

    fn seal(&mut self, no: RunNo, at: Wall, tell: &mut dyn FnMut(Fact)) {
        if let Some(run) = self.runs.get_mut(&no) {
            run.sealed = true;
            self.linked.insert(no);
        }
        self.reach(no, at, tell);
    }

    fn reach(&mut self, no: RunNo, at: Wall, tell: &mut dyn FnMut(Fact)) {
        let Some(run) = self.runs.get_mut(&no) else { return };
        // A run without tasks is through as soon as it is known to have none.
        let count = run.reach(at);
        let known = run.milestones.len() - count;
        for milestone in run.milestones.get(known..).unwrap_or_default() {
            tell(Fact::Reached(*milestone));
        }
    }

    fn submit(&mut self, no: TaskNo, at: Wall, run: RunNo, spec: &TaskSpec) {
        if let Some(run) = self.runs.get_mut(&run) {
            run.total += 1;
        }
        self.note(no, run, at, spec);
    }

    /// Keeps what matters of a task.
    pub(super) fn note(&mut self, no: TaskNo, run: RunNo, submitted: Wall, spec: &TaskSpec) {
        if let Some(parent) = &spec.parent {
            let of_run = self.children.entry(run).or_default();
            of_run.entry(parent.clone()).or_default().push(no);
        }
        let noted = Noted {
            run,
            id: spec.id.clone(),
            submitted,
            held_by: None,
            end: None,
            because_of: None,
            parent: spec.parent.clone(),
            stumbled: false,
        };
        self.tasks.insert(no, noted);
    }

    pub(super) fn assign(&mut self, no: TaskNo, agent: &AgentId) {
        let Some(task) = self.tasks.get_mut(&no) else { return };
        task.held_by = Some(agent.clone());
        self.agents.entry(agent.clone()).or_default().running += 1;
    }

    /// Takes a task from the agent that holds it, if one does.
    fn release(&mut self, no: TaskNo) -> Option<&mut AgentVitals> {
        let agent = self.tasks.get_mut(&no)?.held_by.take()?;
        let agent = self.agents.get_mut(&agent)?;
        agent.running = agent.running.saturating_sub(1);
        Some(agent)
    }

    fn fail_attempt(&mut self, no: TaskNo, at: Wall, failure: &Failure) {
        let counts = failure.kind.counts();
        if let Some(agent) = self.release(no)
            && counts
        {
            agent.failed += 1;
            agent.outcomes.add(true);
        }
        if counts && let Some(subject) = self.subject(no) {
            let reason = failure.to_string();
            self.incidents.begin(IncidentKind::AttemptFailed, &subject, &reason, at);
            if let Some(task) = self.tasks.get_mut(&no) {
                task.stumbled = true;
            }
        }
    }

    fn subject(&self, no: TaskNo) -> Option<String> {
        let task = self.tasks.get(&no)?;
        Some(format!("{}/{}", self.runs.get(&task.run)?.run, task.id))
    }

    /// Ends a task, unless it has ended.
    fn end(&mut self, no: TaskNo, at: Wall, end: End, tell: &mut dyn FnMut(Fact)) {
        if self.release(no).is_some() {
            tell(Fact::AttemptEnded { outcome: "cut_short", worked: None });
        }
        let Some(task) = self.tasks.get_mut(&no).filter(|task| task.end.is_none()) else { return };
        task.end = Some(end);
        let (run, stumbled) = (task.run, std::mem::take(&mut task.stumbled));
        tell(Fact::TaskEnded { state: end.as_str(), after: at.since(task.submitted) });
        if let Some(run) = self.runs.get_mut(&run) {
            *count_of(run, end) += 1;
        }
        if stumbled && let Some(subject) = self.subject(no) {
            let kind = IncidentKind::AttemptFailed;
            let over = if end == End::Completed {
                self.incidents.recover(kind, &subject, at)
            } else {
                self.incidents.give_up(kind, &subject, at)
            };
            if let Some(incident) = over {
                tell(Fact::Over(incident));
            }
        }
        self.reach(run, at, tell);
    }

    /// Ends a task with all that are below it.
    fn cancel(&mut self, no: TaskNo, at: Wall, tell: &mut dyn FnMut(Fact)) {
        let mut todo = vec![no];
        while let Some(no) = todo.pop() {
            let Some(task) = self.tasks.get(&no) else { continue };
            let of_run = self.children.get(&task.run).filter(|_| self.linked.contains(&task.run));
            todo.extend(of_run.and_then(|all| all.get(&task.id)).into_iter().flatten());
            self.end(no, at, End::Cancelled, tell);
        }
    }

    /// Remembers because of which task another ends.
    pub(super) fn fell(&mut self, no: TaskNo, on: &TaskId) {
        let Some(task) = self.tasks.get_mut(&no).filter(|task| task.end.is_none()) else { return };
        task.because_of = Some(on.clone());
        self.fallen.entry(task.run).or_default().entry(on.clone()).or_default().push(no);
    }

    /// Begins a task anew, with all that ended because of it.
    fn reopen(&mut self, no: TaskNo) {
        let mut todo = vec![no];
        while let Some(no) = todo.pop() {
            let Some(task) = self.tasks.get_mut(&no) else { continue };
            let (run_no, id) = (task.run, task.id.clone());
            let ended = task.end.take();
            task.because_of = None;
            if let (Some(end), Some(run)) = (ended, self.runs.get_mut(&run_no)) {
                let count = count_of(run, end);
                *count = count.saturating_sub(1);
                run.ended = None;
            }
            let fallen = self.fallen.get_mut(&run_no).and_then(|all| all.remove(&id));
            let still = |no: &TaskNo| {
                self.tasks.get(no).is_some_and(|task| task.because_of.as_ref() == Some(&id))
            };
            todo.extend(fallen.into_iter().flatten().filter(still));
        }
    }

    fn describe(&mut self, profile: &AgentProfile) {
        let agent = self.agents.entry(profile.id.clone()).or_default();
        agent.is_person = profile.kind == PERSON;
        agent.unavailable = match &profile.availability {
            Availability::Available => None,
            Availability::Unavailable { reason } => Some(reason.clone()),
        };
    }

    fn forget_tasks(&mut self, tasks: &[TaskNo]) {
        for no in tasks {
            self.forget_task(*no);
        }
    }

    /// A stream goes on for ever, and nothing may stay of each of its tasks.
    fn forget_task(&mut self, no: TaskNo) {
        let Some(task) = self.tasks.remove(&no) else { return };
        for names in [&mut self.children, &mut self.fallen] {
            if let Some(of_run) = names.get_mut(&task.run) {
                of_run.remove(&task.id);
            }
        }
        let of = |names: &mut ByName, name: Option<TaskId>| {
            let of_run = names.get_mut(&task.run).zip(name);
            if let Some((of_run, name)) = of_run
                && let Some(found) = of_run.get_mut(&name)
            {
                found.retain(|other| *other != no);
                if found.is_empty() {
                    of_run.remove(&name);
                }
            }
        };
        of(&mut self.children, task.parent);
        of(&mut self.fallen, task.because_of);
    }

    /// How many tasks are kept by the name of another.
    #[cfg(test)]
    pub(super) fn held_by_name(&self) -> usize {
        let runs = self.children.values().chain(self.fallen.values());
        runs.flat_map(|of_run| of_run.values()).map(|tasks| tasks.len().max(1)).sum()
    }

    fn forget_run(&mut self, no: RunNo) {
        self.runs.remove(&no);
        self.children.remove(&no);
        self.linked.remove(&no);
        self.fallen.remove(&no);
        self.tasks.retain(|_, task| task.run != no);
    }
}

pub(super) const fn count_of(run: &mut RunProgress, end: End) -> &mut u64 {
    match end {
        End::Completed => &mut run.completed,
        End::Failed => &mut run.failed,
        End::Cancelled => &mut run.cancelled,
    }
}

fn attempt_ended(outcome: &'static str, worked_ms: u64) -> Fact {
    Fact::AttemptEnded { outcome, worked: Some(Duration::from_millis(worked_ms)) }
}
