//! What leaves memory: ended runs, and ended tasks of streams, beyond what is retained by number or
//! by age. The journal keeps what it has; only the state forgets.

use orkestra_runtime::{id::TaskNo, time::Wall};

use crate::task::{event::TaskEvent, machine::TaskMachine};

/// How many tasks more than are retained are let stand, so that one event forgets many.
const SLACK: usize = 100;
/// How many tasks one event forgets.
const FORGET_MAX: usize = 500;

impl TaskMachine {
    /// Whether something must leave memory now.
    pub(super) fn must_forget(&self, now: Wall) -> bool {
        let durable = &self.durable;
        durable.stream_ended.len() >= self.settings.retain_tasks as usize + SLACK
            || durable.runs_ended.len() > self.settings.retain_runs as usize
            || self.next_forgetting().is_some_and(|at| at <= now)
    }

    /// When something becomes too old to be retained.
    pub(super) fn next_forgetting(&self) -> Option<Wall> {
        let runs = self.durable.runs_ended.first().map(|(at, _)| *at);
        let tasks = self.durable.stream_ended.first().map(|(at, _)| *at);
        Some([runs, tasks].into_iter().flatten().min()? + self.settings.retain_for)
    }

    /// Forgets some of what must leave memory, oldest first.
    pub(super) fn forget(&self, now: Wall) -> Option<TaskEvent> {
        if !self.must_forget(now) {
            return None;
        }
        let too_old = |at: Wall| at + self.settings.retain_for <= now;
        let stream = &self.durable.stream_ended;
        let too_many = stream.len().saturating_sub(self.settings.retain_tasks as usize);
        let tasks: Vec<TaskNo> = stream
            .iter()
            .enumerate()
            .take_while(|(index, (at, _))| *index < too_many || too_old(*at))
            .map(|(_, (_, no))| *no)
            .take(FORGET_MAX)
            .collect();
        if !tasks.is_empty() {
            return Some(TaskEvent::TasksForgotten { tasks });
        }
        let (at, run) = self.durable.runs_ended.first()?;
        let too_many = self.durable.runs_ended.len() > self.settings.retain_runs as usize;
        (too_many || too_old(*at)).then_some(TaskEvent::RunForgotten { run: *run })
    }
}
