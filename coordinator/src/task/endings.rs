//! Ends of tasks and runs, as they are folded: what follows for those who depend on them, and how an
//! ended task begins anew.

use orkestra_runtime::{
    id::{TaskId, TaskNo},
    time::Wall,
};

use crate::task::{
    event::{CancelReason, FailReason},
    graph::{self, Verdict},
    state::{Durable, Ending, Phase, RunNo, Task},
};

impl Durable {
    /// Ends a task, and lets those who wait for it begin or end.
    pub(super) fn end(&mut self, no: TaskNo, at: Wall, ending: Ending) {
        self.doomed.remove(&no);
        let Some(task) = self.tasks.get(&no) else { return };
        if task.has_ended() {
            return;
        }
        if let Some(deadline) = task.deadline {
            self.deadlines.remove(&(deadline, no));
        }
        let run_no = task.run;
        let dependents = task.dependents.clone();
        if let Some(run) = self.runs.get_mut(&run_no) {
            match &ending {
                Ending::Completed(_) => run.counts.completed += 1,
                Ending::Failed(_) => run.counts.failed += 1,
                Ending::Cancelled(_) => run.counts.cancelled += 1,
            }
            if run.opening.stream {
                self.stream_ended.insert((at, no));
            }
        }
        for (dependent, index) in dependents {
            self.tell_dependent(dependent, index, at, &ending);
        }
        self.set_phase(no, Phase::Ended { ending, at });
        self.finish_if_through(run_no);
    }

    fn tell_dependent(&mut self, no: TaskNo, index: u32, at: Wall, ending: &Ending) {
        let Some(task) = self.tasks.get_mut(&no) else { return };
        let Phase::Waiting { unmet } = &mut task.phase else { return };
        let Some(dependency) = task.spec.dependencies.get(index as usize) else { return };
        match graph::judge(dependency, ending) {
            Verdict::Allows => {
                *unmet = unmet.saturating_sub(1);
                if *unmet == 0 && !self.doomed.contains_key(&no) {
                    self.make_ready(no, at);
                }
            }
            Verdict::Dooms(doom) => {
                self.doomed.entry(no).or_insert(doom);
            }
        }
    }

    pub(super) fn cancel(&mut self, no: TaskNo, at: Wall, reason: &CancelReason) {
        let mut todo = vec![(no, reason.clone())];
        while let Some((no, reason)) = todo.pop() {
            self.release(no);
            let Some(task) = self.tasks.get(&no) else { continue };
            let parent = task.spec.id.clone();
            let children = task.children.iter();
            todo.extend(
                children.map(|child| (*child, CancelReason::Parent { parent: parent.clone() })),
            );
            self.end(no, at, Ending::Cancelled(reason));
        }
    }

    pub(super) fn cancel_run(&mut self, no: RunNo, at: Wall, reason: &CancelReason) {
        let Some(run) = self.runs.get_mut(&no) else { return };
        run.sealed = true;
        let tasks: Vec<TaskNo> = run.tasks.values().copied().collect();
        for task in tasks {
            if self.tasks.get(&task).is_some_and(|task| !task.has_ended()) {
                self.release(task);
                self.end(task, at, Ending::Cancelled(reason.clone()));
            }
        }
        self.finish_if_through(no);
    }

    pub(super) fn finish_if_through(&mut self, no: RunNo) {
        let Some(run) = self.runs.get(&no) else { return };
        if run.sealed && run.ended.is_none() && run.counts.ended() == run.counts.total {
            self.finished.insert(no);
        }
    }

    /// Begins a task anew, and with it all that ended because of how it had ended.
    pub(super) fn reopen(&mut self, no: TaskNo, at: Wall) {
        let mut todo = vec![no];
        let (mut reopened, mut waiting) = (Vec::new(), Vec::new());
        while let Some(no) = todo.pop() {
            let Some(task) = self.tasks.get_mut(&no) else { continue };
            let id = task.spec.id.clone();
            task.failures = 0;
            task.losses = 0;
            task.failed_on.clear();
            task.decisions.clear();
            if task.spec.is_decided_elsewhere() {
                // Its next vote, or deliberation, is another one.
                task.attempt = task.attempt.next();
            }
            if let Some(deadline) = task.deadline.take() {
                self.deadlines.remove(&(deadline, no));
            }
            let run_no = task.run;
            if let Phase::Ended { ending, at: ended } = &task.phase {
                self.stream_ended.remove(&(*ended, no));
                let failed = matches!(ending, Ending::Failed(_));
                if let Some(run) = self.runs.get_mut(&run_no) {
                    let count =
                        if failed { &mut run.counts.failed } else { &mut run.counts.cancelled };
                    *count = count.saturating_sub(1);
                    if let Some(ended) = run.ended.take() {
                        self.runs_ended.remove(&(ended, run_no));
                    }
                }
                self.finished.remove(&run_no);
            }
            self.set_phase(no, Phase::Held);
            reopened.push(no);
            let dependents = self.tasks.get(&no).into_iter().flat_map(|task| &task.dependents);
            for (no, _) in dependents {
                let Some(task) = self.tasks.get(no) else { continue };
                match &task.phase {
                    // It counted this one as ended: now that is to come again.
                    Phase::Waiting { .. } => waiting.push(*no),
                    _ if ended_because_of(task, &id) => todo.push(*no),
                    _ => {}
                }
            }
        }
        for no in reopened.into_iter().rev() {
            self.settle(no, at);
        }
        for no in waiting {
            self.doomed.remove(&no);
            self.settle(no, at);
        }
    }
}

fn ended_because_of(task: &Task, id: &TaskId) -> bool {
    match &task.phase {
        Phase::Ended { ending: Ending::Failed(FailReason::DependencyFailed { on }), .. } => {
            on == id
        }
        Phase::Ended {
            ending:
                Ending::Cancelled(
                    CancelReason::DependencyCancelled { on } | CancelReason::ConditionNotMet { on },
                ),
            ..
        } => on == id,
        Phase::Ended { .. }
        | Phase::Held
        | Phase::Waiting { .. }
        | Phase::Ready { .. }
        | Phase::Retrying { .. }
        | Phase::Assigned { .. }
        | Phase::Asked { .. } => false,
    }
}
