//! Tasks that declare locks.
//!
//! Such a task, when it may begin, asks for all of its locks at once, and holds no agent's room while
//! it waits for them; only when it holds them does it wait for an agent. It asks as the attempt that
//! will then begin, so that each attempt has tokens of its own, and what it holds it loses in the step
//! in which the attempt ends, however that is. While its run is paused it neither asks nor holds.
//!
//! The locks belong to another machine. What is wanted of it stands in a decision, what it says comes
//! as a command, and the composition carries both: neither machine knows the other. Who waits for what
//! is not durable here: the lock machine knows it, and a new leader asks again for every task that may
//! begin; the same again changes nothing there.
//!
//! Nobody waits in a circle by this alone: who asks holds nothing.

mod decide;
mod line;

use orkestra_runtime::{
    id::{Attempt, TaskNo},
    protocol::{
        lock::{Grant, Want},
        task::TaskSpec,
    },
};

pub(super) use self::line::LockLine;
use crate::lock::check_wants;

/// What is wrong with the locks that a task declares, if anything is.
pub(super) fn fault_of(spec: &TaskSpec) -> Option<String> {
    if spec.locks.is_empty() {
        return None;
    }
    if spec.ask.is_some() || spec.is_decided_elsewhere() {
        return Some(
            "asks people, is a vote or a deliberation, has no attempts, and so it holds no locks: let a task that needs it \
             declare them"
                .to_owned(),
        );
    }
    let refusal = check_wants(&spec.locks).err()?;
    Some(format!("declares locks that nobody can have: {refusal}"))
}

/// What tasks want of whoever keeps the locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockWish {
    /// An attempt that may begin wants locks: all of them, and it waits without end.
    Acquire {
        /// Of which task.
        task: TaskNo,
        /// Which try.
        attempt: Attempt,
        /// What.
        locks: Vec<Want>,
    },
    /// An attempt holds nothing more and waits for nothing more, if it did.
    End {
        /// Of which task.
        task: TaskNo,
        /// Which try.
        attempt: Attempt,
        /// How it came to that.
        over: Over,
    },
}

/// How it came that an attempt holds no locks any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// It was completed.
    Completed,
    /// It failed, as its worker said: nothing is done under its locks any more.
    Failed,
    /// It will not begin, or not now.
    Unbegun,
    /// It took too long, and whether it has really ended nobody knows.
    Overdue,
    /// Nobody has heard of it, and whether it has really ended nobody knows.
    Lost,
    /// It was told to end, and may not have yet.
    Stopped,
}

/// What whoever keeps the locks says to a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockWord {
    /// An attempt holds what it asked for.
    Granted {
        /// Of which task.
        task: TaskNo,
        /// Which try.
        attempt: Attempt,
        /// Each lock with its token.
        locks: Vec<Grant>,
    },
    /// An attempt will not be given what it asked for.
    Refused {
        /// Of which task.
        task: TaskNo,
        /// Which try.
        attempt: Attempt,
        /// Why.
        why: String,
        /// Whether it waited in a circle: then it must begin anew, and later.
        is_deadlock: bool,
    },
    /// A lock was taken from an attempt.
    Lost {
        /// Of which task.
        task: TaskNo,
        /// Which try.
        attempt: Attempt,
        /// Which.
        lost: Grant,
        /// By whom, and why.
        why: String,
    },
}
