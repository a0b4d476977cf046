//! What leaves memory, and what is derived anew when a snapshot comes back.

use orkestra_runtime::id::TaskNo;

use crate::task::{
    queue::{Class, place},
    roster::AgentRecord,
    standing::Scope,
    state::{Durable, Phase, RunNo},
};

impl Durable {
    pub(super) fn forget_run(&mut self, no: RunNo) {
        let Some(run) = self.runs.remove(&no) else { return };
        self.paused.remove(&Scope::Run(no));
        self.run_names.remove(&run.id);
        if let Some(ended) = run.ended {
            self.runs_ended.remove(&(ended, no));
        }
        for task in run.tasks.values() {
            let Some(found) = self.tasks.remove(task) else { continue };
            self.tally.leave(*task, &found);
            if let Phase::Ended { at, .. } = found.phase {
                self.stream_ended.remove(&(at, *task));
            }
        }
    }

    pub(super) fn forget_task(&mut self, no: TaskNo) {
        let Some(task) = self.tasks.remove(&no) else { return };
        self.tally.leave(no, &task);
        if let Phase::Ended { at, .. } = task.phase {
            self.stream_ended.remove(&(at, no));
        }
        let Some(run) = self.runs.get_mut(&task.run) else { return };
        run.tasks.remove(&task.spec.id);
        // What stays longer must not remember for ever what has gone.
        let parent = task.spec.parent.as_ref().and_then(|parent| run.tasks.get(parent));
        if let Some(parent) = parent.and_then(|parent| self.tasks.get_mut(parent)) {
            parent.children.retain(|child| *child != no);
        }
        for dependency in &task.spec.dependencies {
            let on = run.tasks.get(&dependency.on).and_then(|on| self.tasks.get_mut(on));
            if let Some(on) = on {
                on.dependents.retain(|(dependent, _)| *dependent != no);
            }
        }
    }

    /// Rebuilds what is derived from runs and tasks.
    pub(super) fn derive(&mut self) {
        self.run_names = self.runs.iter().map(|(no, run)| (run.id.clone(), *no)).collect();
        for (no, run) in &self.runs {
            if let Some(ended) = run.ended {
                self.runs_ended.insert((ended, *no));
            } else if run.sealed && run.counts.ended() == run.counts.total {
                self.finished.insert(*no);
            }
        }
        let open = |(no, record): (_, &AgentRecord)| Some((record.breaker.open()?.until, no));
        self.breakers = self.roster.iter().filter_map(open).collect();
        for (no, task) in &self.tasks {
            self.tally.enter(*no, task);
            match &task.phase {
                Phase::Ready { .. } if !task.spec.locks.is_empty() => {
                    self.locking.insert((task.run, *no));
                }
                Phase::Ready { downstream, .. } => {
                    let class = Class::of(task.run, &task.spec);
                    self.queues.insert(class, place(*no, &task.spec, *downstream));
                }
                Phase::Retrying { due } => {
                    self.retries.insert((*due, *no));
                }
                Phase::Ended { at, .. } => {
                    if self.runs.get(&task.run).is_some_and(|run| run.opening.stream) {
                        self.stream_ended.insert((*at, *no));
                    }
                }
                Phase::Assigned { .. } => self.assigned += 1,
                Phase::Asked { due, .. } => {
                    self.asked.insert((task.run, *no));
                    self.asks.extend(due.map(|due| (due, *no)));
                }
                Phase::Held | Phase::Waiting { .. } => {}
            }
            if let Some(deadline) = task.deadline.filter(|_| !task.has_ended()) {
                self.deadlines.insert((deadline, *no));
            }
        }
    }
}
