//! What one decision comes to, and what it may use.

use std::collections::BTreeMap;

use orkestra_runtime::{
    chance::Chance,
    id::AgentId,
    machine::ReplyTo,
    protocol::agent::{Assignment, ToAgent},
    time::Now,
};

use crate::task::{
    command::{Refusal, RefusalCode, Reply, TaskCommand, TaskEffect},
    councils::CouncilWish,
    event::TaskEvent,
    locks::LockWish,
    state::RunNo,
    summary::Ended,
    votes::VoteWish,
};

/// What one decision comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// What happens.
    pub events: Vec<TaskEvent>,
    /// What follows in the world, once that is durable.
    pub effects: Vec<TaskEffect>,
    /// What is to be decided next, in the same step.
    pub then: Vec<TaskCommand>,
    /// What tasks want of whoever keeps the locks.
    pub locks: Vec<LockWish>,
    /// What tasks want of whoever holds votes.
    pub votes: Vec<VoteWish>,
    /// What tasks want of councils.
    pub councils: Vec<CouncilWish>,
    /// Which tasks end by it, by run, for those who follow.
    pub(super) notices: BTreeMap<RunNo, Vec<Ended>>,
}

impl Decision {
    pub(super) fn reply(&mut self, to: ReplyTo, reply: Reply) {
        self.effects.push(TaskEffect::Reply { to, reply });
    }

    pub(super) fn refuse(&mut self, to: ReplyTo, code: RefusalCode, message: impl Into<String>) {
        self.reply(to, Reply::Refused(Refusal::new(code, message)));
    }

    /// Gives attempts to an agent.
    pub(super) fn give(&mut self, agent: &AgentId, assignments: Vec<Assignment>) {
        for message in ToAgent::giving(assignments) {
            self.tell(agent, message);
        }
    }

    pub(super) fn tell(&mut self, agent: &AgentId, message: ToAgent) {
        self.effects.push(TaskEffect::Tell { agent: agent.clone(), message });
    }
}

/// A decision in the making, with the time and the chance it may use.
pub(super) struct Round<'a> {
    pub(super) now: Now,
    pub(super) chance: &'a mut Chance,
    pub(super) out: &'a mut Decision,
}
