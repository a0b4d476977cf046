//! What sub-machines want of each other: carried by the composition, so that none knows another.

use crate::{
    lock::{Ending, LockCommand, LockMachine, LockNews, LockReason, LockRefusal},
    task::{
        TaskCommand, TaskMachine,
        locks::{LockWish, LockWord, Over},
    },
};

/// What tasks want of locks, as commands: what is over comes first, so that it is free for the rest.
pub(super) fn of_tasks(wishes: Vec<LockWish>) -> impl Iterator<Item = LockCommand> {
    let (mut endings, mut asked) = (Vec::new(), Vec::new());
    for wish in wishes {
        match wish {
            LockWish::Acquire { task, attempt, locks } => {
                asked.push(LockCommand::AcquireFor { task, attempt, locks });
            }
            LockWish::End { task, attempt, over } => {
                let (reason, is_sure) = reason_of(over);
                endings.push(Ending { task, attempt, reason, is_sure });
            }
        }
    }
    let endings = (!endings.is_empty()).then_some(LockCommand::EndAttempts(endings));
    endings.into_iter().chain(asked)
}

const fn reason_of(over: Over) -> (LockReason, bool) {
    match over {
        Over::Completed => (LockReason::TaskCompleted, true),
        Over::Failed => (LockReason::Error, true),
        Over::Unbegun => (LockReason::Manual, true),
        Over::Overdue => (LockReason::Timeout, false),
        Over::Lost => (LockReason::DeadProcess, false),
        Over::Stopped => (LockReason::Manual, false),
    }
}

/// What locks say to tasks, as commands. That one waits is no news: it waits until there is some.
pub(super) fn of_locks(news: Vec<LockNews>) -> impl Iterator<Item = TaskCommand> {
    let word = |news| match news {
        LockNews::Granted { task, attempt, locks } => {
            Some(LockWord::Granted { task, attempt, locks })
        }
        LockNews::Waits { .. } => None,
        LockNews::Refused { task, attempt, refusal } => {
            let is_deadlock = matches!(refusal, LockRefusal::Deadlock { .. });
            Some(LockWord::Refused { task, attempt, why: refusal.to_string(), is_deadlock })
        }
        LockNews::Lost { task, attempt, lost, why } => {
            Some(LockWord::Lost { task, attempt, lost, why })
        }
    };
    news.into_iter().filter_map(word).map(TaskCommand::Locks)
}

/// A wish for locks that cannot be looked at in this step, as the word that lets its task ask again.
pub(super) fn put_off(command: &LockCommand, why: &str) -> Option<TaskCommand> {
    let LockCommand::AcquireFor { task, attempt, .. } = command else { return None };
    let (task, attempt, why) = (*task, *attempt, why.to_owned());
    Some(TaskCommand::Locks(LockWord::Refused { task, attempt, why, is_deadlock: false }))
}

/// Attempts that are over and hold locks, or wait for them: the leader before had not come to their
/// end.
pub(super) fn left_over(tasks: &TaskMachine, locks: &LockMachine) -> Vec<Ending> {
    let over = locks.attempts().filter(|(task, attempt)| !tasks.may_hold(*task, *attempt));
    let ending = |(task, attempt)| {
        let is_sure = tasks.has_completed(task, attempt);
        let reason = if is_sure { LockReason::TaskCompleted } else { LockReason::Recovery };
        Ending { task, attempt, reason, is_sure }
    };
    over.map(ending).collect()
}

pub(super) mod councils;
pub(super) mod votes;

#[cfg(test)]
mod tests;
