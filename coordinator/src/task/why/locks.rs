//! Why a task that declares locks does not hold them.

use orkestra_runtime::id::TaskNo;

use super::{Blocker, Sight};
use crate::{
    lock::{Obstacle, Who},
    task::{
        machine::TaskMachine,
        state::{RunNo, Task},
    },
};

/// What keeps a task from its locks; none if it holds them or declares none.
pub(super) fn without(sight: Sight<'_>, no: TaskNo, task: &Task) -> Option<(Vec<Blocker>, String)> {
    let Sight { machine, beside, .. } = sight;
    if task.spec.locks.is_empty() {
        return None;
    }
    if let Some(why) = machine.live.locks.refused(no) {
        let refused = Blocker::LockRefused { why: why.to_owned() };
        return Some((vec![refused], "it asks for its locks again in a moment".to_owned()));
    }
    let obstacles = beside?.locks.obstacles(no, task.attempt.next(), &task.spec.locks);
    if obstacles.is_empty() {
        return None;
    }
    let keys: Vec<&str> = obstacles.iter().map(|found| found.want.key.as_str()).collect();
    let next = format!(
        "it begins once it holds its locks, all of them at once: {} cannot be had now",
        keys.join(", ")
    );
    let told = obstacles.into_iter().map(|found| {
        let Obstacle { want, held_by, lost_by, token, ahead } = found;
        let names =
            |all: Vec<Who>| all.iter().map(|who| called(machine, Some(task.run), who)).collect();
        let (holders, lost_by) = (names(held_by), names(lost_by));
        Blocker::Lock { key: want.key, mode: want.mode, holders, lost_by, token, ahead }
    });
    Some((told.collect(), next))
}

impl TaskMachine {
    /// What somebody is called who holds locks or waits for them: tasks by their names.
    pub fn name_of(&self, who: &Who) -> String {
        called(self, None, who)
    }
}

/// What somebody is called by whoever knows tasks by their names, and those of a run without it.
fn called(machine: &TaskMachine, run: Option<RunNo>, who: &Who) -> String {
    let (no, attempt) = match who {
        Who::Attempt { task, attempt } => (*task, Some(*attempt)),
        Who::Task(task) => (*task, None),
        Who::Session(_) | Who::Gone(_) | Who::Agent(_) => return who.to_string(),
    };
    let Some(task) = machine.task(no) else { return who.to_string() };
    let mut told = format!("task {}", task.spec.id);
    if let Some(attempt) = attempt {
        told = format!("attempt {attempt} of {told}");
    }
    match machine.durable.runs.get(&task.run).filter(|_| Some(task.run) != run) {
        Some(other) => format!("{told} of run {}", other.id),
        None => told,
    }
}
