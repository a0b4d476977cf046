//! What one decision about locks comes to.

use orkestra_runtime::{
    id::{Attempt, Number, SessionNo, TaskNo},
    machine::ReplyTo,
};

use crate::lock::{
    command::{LockCommand, LockReply},
    event::LockEvent,
    reason::LockReason,
    refusal::LockRefusal,
    state::Grant,
};

/// What the world is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockEffect {
    /// Answer whoever waits.
    Reply {
        /// Who.
        to: ReplyTo,
        /// What.
        reply: LockReply,
    },
    /// Tell a session that a lock was taken from it; nobody may be there to hear.
    Lost {
        /// Which session.
        session: SessionNo,
        /// What.
        lost: Grant,
        /// By whom, and why.
        why: String,
    },
    /// Tell a session that it was ended, with all that it held.
    Ended {
        /// Which.
        session: SessionNo,
        /// Why.
        reason: LockReason,
    },
}

/// What a task learns of the locks that it wants: for the composition, which tells the task machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockNews {
    /// They are held.
    Granted {
        /// By which task.
        task: TaskNo,
        /// By which try.
        attempt: Attempt,
        /// Each with its token.
        locks: Vec<Grant>,
    },
    /// They wait.
    Waits {
        /// Which task.
        task: TaskNo,
        /// Which try.
        attempt: Attempt,
    },
    /// They will not be held, for this reason.
    Refused {
        /// By which task.
        task: TaskNo,
        /// By which try.
        attempt: Attempt,
        /// Why.
        refusal: LockRefusal,
    },
    /// One was taken.
    Lost {
        /// From which task.
        task: TaskNo,
        /// From which try.
        attempt: Attempt,
        /// What.
        lost: Grant,
        /// By whom, and why.
        why: String,
    },
}

/// What one decision comes to.
#[derive(Debug, PartialEq, Eq)]
pub struct LockDecision {
    /// What happens.
    pub events: Vec<LockEvent>,
    /// What follows in the world, once that is durable.
    pub effects: Vec<LockEffect>,
    /// What is to be decided next, in the same step.
    pub then: Vec<LockCommand>,
    /// What tasks learn.
    pub news: Vec<LockNews>,
    /// The number that the next event will have.
    next: Number,
}

impl LockDecision {
    /// Nothing yet; the first event will have the number `next`.
    pub const fn new(next: Number) -> Self {
        Self { events: Vec::new(), effects: Vec::new(), then: Vec::new(), news: Vec::new(), next }
    }

    /// Pushes an event, and answers the number that it will have.
    pub(super) fn event(&mut self, event: LockEvent) -> Number {
        let number = self.next;
        self.events.push(event);
        self.next = number.next();
        number
    }

    pub(super) fn reply(&mut self, to: ReplyTo, reply: LockReply) {
        self.effects.push(LockEffect::Reply { to, reply });
    }

    pub(super) fn refuse(&mut self, to: ReplyTo, refusal: LockRefusal) {
        self.reply(to, LockReply::Refused(refusal));
    }
}
