//! What tasks want of locks, and what follows from what is said to them.

use orkestra_runtime::{
    id::{Attempt, TaskNo},
    protocol::{
        lock::Grant,
        task::{Failure, FailureKind},
    },
    time::Now,
};

use super::{LockWish, LockWord, Over};
use crate::task::{
    command::{Decision, Round, TaskCommand},
    councils::CouncilWish,
    event::{TaskEvent, Then},
    machine::TaskMachine,
    queue::place,
    retry,
    standing::Scope,
    state::{Ending, Phase, RunNo, Task},
    votes::VoteWish,
};

impl TaskMachine {
    /// A task that declares locks may begin: it is to ask for them.
    pub(in crate::task) fn want_locks(&mut self, no: TaskNo) {
        let Some(task) = self.durable.tasks.get(&no) else { return };
        if matches!(task.phase, Phase::Asked { .. }) {
            return self.live.votes.want(no);
        }
        let downstream = match task.phase {
            Phase::Ready { downstream, .. } => downstream,
            Phase::Retrying { .. } => 0,
            _ => return,
        };
        self.live.locks.want(place(no, &task.spec, downstream), task);
    }

    /// A task that declares locks begins no more, or has begun and ended.
    pub(in crate::task) fn leave_locks(&mut self, no: TaskNo) {
        if let Some(task) = self.durable.tasks.get(&no)
            && !task.spec.locks.is_empty()
        {
            self.live.locks.leave(no, task);
        }
    }

    /// Before the command: chooses who asks by it.
    pub(in crate::task) fn plan_asking(&mut self, now: Now) {
        let durable = &self.durable;
        let may = |task: &Task| {
            let run = durable.runs.get(&task.run);
            run.is_some_and(|run| durable.pause_of(task.run, run).is_none())
        };
        self.live.locks.choose(now.moment, |no| durable.tasks.get(&no), may);
    }

    pub(in crate::task) fn decide_asking(&self, out: &mut Decision) {
        for no in self.live.locks.asking() {
            let Some(task) = self.task(*no) else { continue };
            let (task, attempt, locks) = (*no, task.attempt.next(), task.spec.locks.clone());
            out.locks.push(LockWish::Acquire { task, attempt, locks });
        }
    }

    /// Whether an attempt is the one that begins next, or is at work.
    pub(crate) fn may_hold(&self, no: TaskNo, attempt: Attempt) -> bool {
        self.task(no).is_some_and(|task| match task.phase {
            Phase::Assigned { .. } => attempt == task.attempt,
            Phase::Ready { .. } | Phase::Retrying { .. } => attempt == task.attempt.next(),
            Phase::Held | Phase::Waiting { .. } | Phase::Asked { .. } | Phase::Ended { .. } => {
                false
            }
        })
    }

    /// Whether an attempt is the one that completed its task: then it surely does nothing more.
    pub(crate) fn has_completed(&self, no: TaskNo, attempt: Attempt) -> bool {
        self.task(no).is_some_and(|task| {
            let ended = matches!(task.phase, Phase::Ended { ending: Ending::Completed(_), .. });
            ended && attempt == task.attempt
        })
    }

    pub(in crate::task) fn hear_locks(&mut self, now: Now, word: &LockWord) {
        match word {
            LockWord::Granted { task, attempt, locks } => {
                if self.may_hold(*task, *attempt)
                    && let Some(found) = self.durable.tasks.get(task)
                    && self.live.locks.granted(*task, found, (*attempt, locks.clone()))
                {
                    self.live.settled = false;
                }
            }
            LockWord::Refused { task, attempt, why, .. } => {
                if self.may_hold(*task, *attempt) {
                    self.live.locks.refuse(now.moment, *task, why.clone());
                }
            }
            LockWord::Lost { .. } => {}
        }
    }

    pub(in crate::task) fn decide_locks(&self, word: &LockWord, round: &mut Round<'_>) {
        match word {
            LockWord::Granted { task, attempt, .. } => {
                if self.live.locks.held(*task, *attempt).is_none() {
                    let (task, attempt, over) = (*task, *attempt, Over::Unbegun);
                    round.out.locks.push(LockWish::End { task, attempt, over });
                }
            }
            LockWord::Refused { task, attempt, why, is_deadlock: true } => {
                self.begin_later((*task, *attempt), why, round);
            }
            LockWord::Refused { is_deadlock: false, .. } => {}
            LockWord::Lost { task, attempt, lost, why } => {
                self.lose_lock((*task, *attempt), (lost, why), round);
            }
        }
    }

    /// An attempt that waited in a circle: it begins anew when those it waited for may have ended.
    fn begin_later(&self, (no, attempt): (TaskNo, Attempt), why: &str, round: &mut Round<'_>) {
        if !self.may_hold(no, attempt) {
            return;
        }
        let Some(task) = self.task(no) else { return };
        let failure = Failure::new(FailureKind::HandedBack, format!("it got no locks: {why}"));
        let delay = retry::delay(&task.spec.retry, task.losses + 1, round.chance);
        let then = Then::Retry { due: round.now.wall + delay };
        let event = TaskEvent::AttemptFailed { task: no, attempt, failure, then, worked_ms: 0 };
        self.record(event, round.out);
    }

    /// A lock was taken from an attempt: whatever it says of its end from now on counts nothing.
    fn lose_lock(
        &self,
        (no, attempt): (TaskNo, Attempt),
        (lost, why): (&Grant, &str),
        round: &mut Round<'_>,
    ) {
        let Some(task) = self.task(no).filter(|_| self.may_hold(no, attempt)) else { return };
        let Grant { key, token } = lost;
        if matches!(task.phase, Phase::Assigned { .. }) {
            let message = format!("lock {key} was taken from it, token {token}: {why}");
            self.tell_to_stop(no, &message, round.out);
            let failure = Failure::new(FailureKind::HandedBack, message);
            self.fail_attempt((no, task), failure, round);
            round.out.then.push(TaskCommand::Sweep);
        } else {
            let over = Over::Unbegun;
            round.out.locks.push(LockWish::End { task: no, attempt, over });
            round.out.then.push(TaskCommand::WantLocks(no));
        }
    }

    /// Says that what an attempt holds is free, if its task declares locks. `over` is how an attempt
    /// at work comes to its end; one that has not begun holds nothing any more either.
    pub(in crate::task) fn let_go(no: TaskNo, task: &Task, over: Over, out: &mut Decision) {
        if task.spec.vote.is_some() && matches!(task.phase, Phase::Asked { .. }) {
            out.votes.push(VoteWish::Withdraw { task: no });
        }
        if task.spec.council.is_some() && matches!(task.phase, Phase::Asked { .. }) {
            out.councils.push(CouncilWish::Withdraw { task: no });
        }
        if task.spec.locks.is_empty() {
            return;
        }
        let (attempt, over) = match task.phase {
            Phase::Assigned { .. } => (task.attempt, over),
            Phase::Ready { .. } | Phase::Retrying { .. } => (task.attempt.next(), Over::Unbegun),
            Phase::Held | Phase::Waiting { .. } | Phase::Asked { .. } | Phase::Ended { .. } => {
                return;
            }
        };
        out.locks.push(LockWish::End { task: no, attempt, over });
    }

    /// The same for whatever an event brings to its end. `is_told` is whether a worker says so, who
    /// knows that nothing is done any more.
    pub(in crate::task) fn let_go_by(&self, event: &TaskEvent, is_told: bool, out: &mut Decision) {
        let (no, over) = match event {
            TaskEvent::Completed { task, .. } => (task, Over::Completed),
            TaskEvent::AttemptFailed { task, failure, .. } => {
                (task, over_of(failure.kind, is_told))
            }
            TaskEvent::Failed { task, .. } => (task, Over::Overdue),
            TaskEvent::Cancelled { task, .. } => {
                return self.let_go_below(*task, is_told, out);
            }
            _ => return,
        };
        if let Some(task) = self.task(*no) {
            Self::let_go(*no, task, over, out);
        }
    }

    /// What a task holds that is cancelled, and its children with it.
    fn let_go_below(&self, no: TaskNo, is_told: bool, out: &mut Decision) {
        let mut todo = vec![no];
        while let Some(one) = todo.pop() {
            let Some(task) = self.task(one) else { continue };
            let over = if is_told && one == no { Over::Failed } else { Over::Stopped };
            Self::let_go(one, task, over, out);
            todo.extend(&task.children);
        }
    }

    /// What a paused run has asked for, or holds and has not begun, is free for others.
    pub(in crate::task) fn let_go_paused(&self, scope: &Scope, out: &mut Decision) {
        for no in self.live.locks.engaged() {
            if let Some(task) = self.task(no).filter(|task| self.is_in(scope, task.run)) {
                Self::let_go(no, task, Over::Unbegun, out);
            }
        }
    }

    /// And those who stood there ask again when it goes on.
    pub(in crate::task) fn halt_locks(&mut self, scope: &Scope) {
        let engaged: Vec<TaskNo> = self.live.locks.engaged().collect();
        for no in engaged {
            if let Some(task) = self.durable.tasks.get(&no)
                && self.is_in(scope, task.run)
            {
                self.live.locks.halt(no, task);
            }
        }
    }

    fn is_in(&self, scope: &Scope, run: RunNo) -> bool {
        match scope {
            Scope::Run(no) => *no == run,
            Scope::Namespace(name) => {
                self.durable.runs.get(&run).is_some_and(|run| run.opening.namespace == *name)
            }
        }
    }
}

/// How an attempt that failed so came to its end.
const fn over_of(kind: FailureKind, is_told: bool) -> Over {
    match kind {
        FailureKind::TimedOut | FailureKind::Hung => Over::Overdue,
        FailureKind::Lost => Over::Lost,
        FailureKind::HandedBack if !is_told => Over::Lost,
        FailureKind::Error
        | FailureKind::Panicked
        | FailureKind::Killed
        | FailureKind::ExitCode
        | FailureKind::BadOutput
        | FailureKind::HandedBack
        | FailureKind::Unavailable => Over::Failed,
    }
}
