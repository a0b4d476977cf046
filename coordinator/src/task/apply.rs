//! Folds events into the durable state. Never decides: what was chosen stands in the event, and
//! what follows from the structure of a graph is computed here.

use std::sync::Arc;

use orkestra_runtime::{
    id::{AgentId, Attempt, Number, RunId, TaskNo},
    protocol::task::{Failure, TaskSpec},
    time::Wall,
};

use crate::task::{
    event::{CancelReason, FailReason, TaskEvent, Then},
    graph::{self, Verdict},
    machine::TaskMachine,
    opening::RunOpening,
    people::{self, PersonDecision},
    queue::{Class, place},
    standing::{Pause, Scope},
    state::{Counts, Durable, Ending, Phase, Run, RunNo, Task},
};

impl TaskMachine {
    /// Folds one event in. `at` is the shard time of its record.
    pub fn apply(&mut self, number: Number, at: Wall, event: &TaskEvent) {
        self.durable.apply(number, at, event);
        self.fresh = std::mem::take(&mut self.durable.fresh);
    }
}

impl Durable {
    fn apply(&mut self, number: Number, at: Wall, event: &TaskEvent) {
        match event {
            TaskEvent::RunOpened { run, opening } => self.open_run(number, at, run, opening),
            TaskEvent::RunSealed { run } => self.seal_run(*run, at),
            TaskEvent::RunEnded { run, .. } => {
                self.finished.remove(run);
                self.paused.remove(&Scope::Run(*run));
                if let Some(found) = self.runs.get_mut(run) {
                    found.ended = Some(at);
                    self.runs_ended.insert((at, *run));
                }
            }
            TaskEvent::RunCancelled { run, by, reason } => {
                let reason = CancelReason::Requested { by: by.clone(), reason: reason.clone() };
                self.cancel_run(*run, at, &reason);
            }
            TaskEvent::RunForgotten { run } => self.forget_run(*run),
            TaskEvent::TasksForgotten { tasks } => {
                for task in tasks {
                    self.forget_task(*task);
                }
            }
            TaskEvent::Submitted { run, spec } => self.submit(TaskNo(number.0), at, *run, spec),
            TaskEvent::Assigned { task, attempt, agent, .. } => {
                self.assign(*task, *attempt, agent, at);
            }
            TaskEvent::Completed { task, output, .. } => {
                if let Some(agent) = self.release(*task) {
                    agent.succeed();
                }
                self.end(*task, at, Ending::Completed(output.clone()));
            }
            TaskEvent::AttemptFailed { task, failure, then, .. } => {
                self.fail_attempt(*task, at, failure, *then);
            }
            TaskEvent::Failed { task, reason } => {
                self.release(*task);
                self.end(*task, at, Ending::Failed(reason.clone()));
            }
            TaskEvent::Cancelled { task, reason } => self.cancel(*task, at, reason),
            TaskEvent::Retried { task, .. } => self.reopen(*task, at),
            TaskEvent::ArtifactKept { task, artifact, .. } => {
                if let Some(task) = self.tasks.get_mut(task) {
                    task.artifacts.push(artifact.clone());
                }
            }
            TaskEvent::AgentDescribed { profile } => self.roster.describe(profile.clone()),
            TaskEvent::PersonDecided { task, by, said, reason, via } => {
                let (by, said) = (by.clone(), said.clone());
                let (reason, via) = (reason.clone(), via.clone());
                self.hear_person(*task, PersonDecision { by, said, reason, via, at });
            }
            TaskEvent::AskEscalated { task } => self.escalate(*task, at),
            TaskEvent::Checked { task, attempt, results, .. } => {
                self.keep_checks(*task, *attempt, results);
            }
            TaskEvent::Redacted { task, by, what } => self.redact(*task, at, by, what),
            _ => self.apply_standing(at, event),
        }
    }

    /// What changes how the shard stands, and no task.
    fn apply_standing(&mut self, at: Wall, event: &TaskEvent) {
        match event {
            TaskEvent::Paused { scope, by, reason } => {
                let pause = Pause { by: by.clone(), reason: reason.clone(), since: at };
                self.paused.insert(scope.clone(), pause);
            }
            TaskEvent::Resumed { scope, .. } => {
                self.paused.remove(scope);
            }
            TaskEvent::AgentDrained { agent, by, reason } => {
                let no = self.roster.no_or_unknown(agent);
                if let Some(record) = self.roster.get_mut(no) {
                    let pause = Pause { by: by.clone(), reason: reason.clone(), since: at };
                    record.drained = Some(pause);
                }
            }
            TaskEvent::AgentReturned { agent, .. } => {
                let no = self.roster.no_or_unknown(agent);
                if let Some(record) = self.roster.get_mut(no) {
                    record.drained = None;
                }
            }
            TaskEvent::BreakerOpened { agent, until, failures } => {
                let no = self.roster.no_or_unknown(agent);
                self.open_breaker(no, *until, *failures);
            }
            TaskEvent::BreakerClosed { agent } => {
                let no = self.roster.no_or_unknown(agent);
                self.close_breaker(no);
            }
            _ => {}
        }
    }

    fn open_run(&mut self, number: Number, at: Wall, id: &RunId, opening: &RunOpening) {
        let run = Run {
            id: id.clone(),
            opening: opening.clone(),
            opened: at,
            sealed: false,
            ended: None,
            counts: Counts::default(),
            attempts: 0,
            tasks: std::collections::BTreeMap::new(),
        };
        self.run_names.insert(id.clone(), RunNo(number.0));
        self.runs.insert(RunNo(number.0), run);
    }

    fn seal_run(&mut self, no: RunNo, at: Wall) {
        let Some(run) = self.runs.get_mut(&no) else { return };
        run.sealed = true;
        let tasks: Vec<TaskNo> = run.tasks.values().copied().collect();
        if !run.opening.stream {
            for task in &tasks {
                self.link(*task);
            }
            for task in &tasks {
                self.settle(*task, at);
            }
        }
        self.finish_if_through(no);
    }

    fn submit(&mut self, no: TaskNo, at: Wall, run_no: RunNo, spec: &Arc<TaskSpec>) {
        let Some(run) = self.runs.get_mut(&run_no) else { return };
        run.tasks.insert(spec.id.clone(), no);
        run.counts.total += 1;
        let stream = run.opening.stream;
        let task = Task {
            spec: Arc::clone(spec),
            run: run_no,
            submitted: at,
            phase: Phase::Held,
            attempt: Attempt(0),
            failures: 0,
            losses: 0,
            last_failure: None,
            failed_on: Vec::new(),
            dependents: Vec::new(),
            children: Vec::new(),
            agent: None,
            artifacts: Vec::new(),
            deadline: spec.deadline_ms.map(|ms| at + std::time::Duration::from_millis(ms)),
            decisions: Vec::new(),
            checked: None,
            redacted: None,
        };
        if let Some(deadline) = task.deadline {
            self.deadlines.insert((deadline, no));
        }
        self.tally.enter(no, &task);
        self.tasks.insert(no, task);
        if stream {
            self.link(no);
            self.settle(no, at);
        }
    }

    /// Tells the tasks that a task names that it depends on them, and its parent that it is its child.
    fn link(&mut self, no: TaskNo) {
        let Some(task) = self.tasks.get(&no) else { return };
        let (spec, run) = (Arc::clone(&task.spec), task.run);
        let Some(run) = self.runs.get(&run) else { return };
        for (index, dependency) in (0..).zip(&spec.dependencies) {
            let on = run.tasks.get(&dependency.on).and_then(|on| self.tasks.get_mut(on));
            if let Some(on) = on {
                on.dependents.push((no, index));
            }
        }
        let parent = spec.parent.as_ref().and_then(|parent| run.tasks.get(parent));
        if let Some(parent) = parent.and_then(|parent| self.tasks.get_mut(parent)) {
            parent.children.push(no);
        }
    }

    /// Puts a task where its dependencies say that it stands.
    pub(super) fn settle(&mut self, no: TaskNo, at: Wall) {
        let Some(task) = self.tasks.get(&no) else { return };
        if task.has_ended() {
            return;
        }
        let Some(run) = self.runs.get(&task.run) else { return };
        let mut unmet = 0;
        let mut doom = None;
        for dependency in &task.spec.dependencies {
            let on = run.tasks.get(&dependency.on).and_then(|on| self.tasks.get(on));
            match on.map(|on| &on.phase) {
                Some(Phase::Ended { ending, .. }) => match graph::judge(dependency, ending) {
                    Verdict::Allows => {}
                    Verdict::Dooms(reason) => {
                        unmet += 1;
                        doom.get_or_insert(reason);
                    }
                },
                Some(_) => unmet += 1,
                // A dependency that was forgotten had ended; submission checked that it was there.
                None => {}
            }
        }
        self.set_phase(no, Phase::Waiting { unmet });
        if let Some(doom) = doom {
            self.doomed.insert(no, doom);
        } else if unmet == 0 {
            self.make_ready(no, at);
        }
    }

    pub(super) fn make_ready(&mut self, no: TaskNo, at: Wall) {
        let Some(task) = self.tasks.get(&no) else { return };
        if let Some(asking) = people::asking(&task.spec, at) {
            if task.spec.is_decided_elsewhere() {
                self.fresh.push(no);
            }
            return self.set_phase(no, asking);
        }
        let downstream = task.dependents.len();
        let downstream = u32::try_from(downstream).unwrap_or(u32::MAX);
        self.set_phase(no, Phase::Ready { since: at, downstream });
    }

    /// Moves a task from one phase to another, with all that is kept by phase.
    pub(super) fn set_phase(&mut self, no: TaskNo, phase: Phase) {
        self.set_asking(no, &phase);
        let Some(task) = self.tasks.get_mut(&no) else { return };
        self.tally.leave(no, task);
        match &task.phase {
            Phase::Ready { .. } if !task.spec.locks.is_empty() => {
                self.locking.remove(&(task.run, no));
            }
            Phase::Ready { downstream, .. } => {
                let class = Class::of(task.run, &task.spec);
                self.queues.remove(&class, &place(no, &task.spec, *downstream));
            }
            Phase::Retrying { due } => {
                self.retries.remove(&(*due, no));
            }
            _ => {}
        }
        match &phase {
            Phase::Ready { .. } if !task.spec.locks.is_empty() => {
                self.locking.insert((task.run, no));
                self.fresh.push(no);
            }
            Phase::Ready { downstream, .. } => {
                let class = Class::of(task.run, &task.spec);
                self.queues.insert(class, place(no, &task.spec, *downstream));
            }
            Phase::Retrying { due } => {
                self.retries.insert((*due, no));
            }
            _ => {}
        }
        task.phase = phase;
        self.tally.enter(no, task);
    }

    fn assign(&mut self, no: TaskNo, attempt: Attempt, agent: &AgentId, at: Wall) {
        let agent = self.roster.no_or_unknown(agent);
        self.set_phase(no, Phase::Assigned { agent, since: at });
        let Some(task) = self.tasks.get_mut(&no) else { return };
        task.attempt = attempt;
        task.agent = Some(agent);
        if let Some(run) = self.runs.get_mut(&task.run) {
            run.counts.assigned += 1;
            run.attempts += 1;
        }
        if let Some(agent) = self.roster.get_mut(agent) {
            agent.outstanding += 1;
        }
        self.assigned += 1;
    }

    /// Takes a task from the agent that holds it, if one does, and answers whose record that is.
    pub(super) fn release(&mut self, no: TaskNo) -> Option<&mut crate::task::roster::AgentRecord> {
        let task = self.tasks.get(&no)?;
        let Phase::Assigned { agent, .. } = task.phase else { return None };
        self.assigned = self.assigned.saturating_sub(1);
        if let Some(run) = self.runs.get_mut(&task.run) {
            run.counts.assigned = run.counts.assigned.saturating_sub(1);
        }
        let agent = self.roster.get_mut(agent)?;
        agent.outstanding = agent.outstanding.saturating_sub(1);
        Some(agent)
    }

    fn fail_attempt(&mut self, no: TaskNo, at: Wall, failure: &Failure, then: Then) {
        let counts = failure.kind.counts();
        let agent_no = match self.tasks.get(&no).map(|task| &task.phase) {
            Some(Phase::Assigned { agent, .. }) => Some(*agent),
            _ => None,
        };
        if let Some(agent) = self.release(no)
            && counts
        {
            agent.fail(no, at, failure);
        }
        let Some(task) = self.tasks.get_mut(&no) else { return };
        if counts {
            task.failures += 1;
            task.losses = 0;
            task.failed_on.extend(agent_no);
        } else {
            task.losses += 1;
        }
        task.last_failure = Some(failure.clone());
        match then {
            Then::Again => self.make_ready(no, at),
            Then::Retry { due } => self.set_phase(no, Phase::Retrying { due }),
            Then::Fail => self.end(no, at, Ending::Failed(FailReason::NotRetryable)),
            Then::Exhausted => self.end(no, at, Ending::Failed(FailReason::RetriesExhausted)),
            Then::Poison => self.end(no, at, Ending::Failed(FailReason::Poisoned)),
        }
    }
}
