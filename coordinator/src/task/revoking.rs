//! Cancelling tasks and runs, and trying again what failed or was cancelled.

use orkestra_runtime::{
    id::{RunId, TaskNo},
    machine::ReplyTo,
};

use crate::task::{
    command::{Decision, RefusalCode, Reply, TaskCommand},
    event::{CancelReason, TaskEvent},
    locks::Over,
    machine::TaskMachine,
    state::{Ending, Phase, Task},
};

impl TaskMachine {
    pub(super) fn decide_cancel(
        &self,
        to: ReplyTo,
        (no, task): (TaskNo, &Task),
        reason: CancelReason,
        out: &mut Decision,
    ) {
        if task.has_ended() {
            let message = format!("task {:?} has ended already", task.spec.id);
            return out.refuse(to, RefusalCode::TaskState, message);
        }
        let mut open = Vec::new();
        self.open_below(no, &mut open);
        self.record(TaskEvent::Cancelled { task: no, reason }, out);
        for no in &open {
            self.tell_to_stop(*no, "the task was cancelled", out);
        }
        out.reply(to, Reply::Cancelled { tasks: open.len() as u64 });
        out.then.push(TaskCommand::Sweep);
    }

    pub(super) fn decide_cancel_run(
        &self,
        to: ReplyTo,
        run: &RunId,
        (by, reason): (&str, &str),
        out: &mut Decision,
    ) {
        let Some((no, found)) = self.durable.run_named(run) else {
            return Self::refuse_run(to, run, out);
        };
        if found.ended.is_some() {
            let message = format!("run {run:?} has ended already");
            return out.refuse(to, RefusalCode::RunEnded, message);
        }
        let open: Vec<TaskNo> = found
            .tasks
            .values()
            .copied()
            .filter(|no| self.task(*no).is_some_and(|task| !task.has_ended()))
            .collect();
        out.events.push(TaskEvent::RunCancelled {
            run: no,
            by: by.to_owned(),
            reason: reason.to_owned(),
        });
        let requested = || CancelReason::Requested { by: by.to_owned(), reason: reason.to_owned() };
        for no in &open {
            self.tell_to_stop(*no, "the run was cancelled", out);
            if let Some(task) = self.task(*no) {
                Self::let_go(*no, task, Over::Stopped, out);
            }
            self.note(*no, Ending::Cancelled(requested()), out);
        }
        out.reply(to, Reply::Cancelled { tasks: open.len() as u64 });
        out.then.push(TaskCommand::Sweep);
    }

    pub(super) fn decide_retry(
        to: ReplyTo,
        (no, task): (TaskNo, &Task),
        by: &str,
        out: &mut Decision,
    ) {
        match &task.phase {
            Phase::Ended { ending: Ending::Failed(_) | Ending::Cancelled(_), .. }
            | Phase::Retrying { .. } => {
                Self::let_go(no, task, Over::Unbegun, out);
                out.events.push(TaskEvent::Retried { task: no, by: by.to_owned() });
                out.reply(to, Reply::Retried);
                out.then.push(TaskCommand::Schedule);
            }
            Phase::Ended { ending: Ending::Completed(_), .. } => {
                let message =
                    format!("task {:?} is completed: there is nothing to retry", task.spec.id);
                out.refuse(to, RefusalCode::TaskState, message);
            }
            Phase::Held
            | Phase::Waiting { .. }
            | Phase::Ready { .. }
            | Phase::Assigned { .. }
            | Phase::Asked { .. } => {
                let message =
                    format!("task {:?} has not ended: there is nothing to retry", task.spec.id);
                out.refuse(to, RefusalCode::TaskState, message);
            }
        }
    }

    /// The task and all its descendants that have not ended.
    fn open_below(&self, no: TaskNo, open: &mut Vec<TaskNo>) {
        let mut todo = vec![no];
        while let Some(no) = todo.pop() {
            let Some(task) = self.task(no) else { continue };
            if !task.has_ended() {
                open.push(no);
            }
            todo.extend(&task.children);
        }
    }
}
