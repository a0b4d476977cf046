//! What one decision about councils comes to.

use orkestra_runtime::{id::TaskNo, machine::ReplyTo};

use super::{
    command::DeliberationNo, event::CouncilEvent, refusal::CouncilRefusal, reply::CouncilReply,
};
use crate::task::TaskCommand;

/// What the world is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CouncilEffect {
    /// Answer whoever waits.
    Reply {
        /// Who.
        to: ReplyTo,
        /// What.
        reply: CouncilReply,
    },
}

/// What a task learns of the deliberation that it waits for: for the composition, which tells the
/// task machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CouncilNews {
    /// It cannot be held.
    Refused {
        /// Which task waits.
        task: TaskNo,
        /// Why.
        refusal: CouncilRefusal,
    },
    /// It is over.
    Over {
        /// Which task waits.
        task: TaskNo,
        /// Which deliberation.
        no: DeliberationNo,
    },
}

/// What one decision comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CouncilDecision {
    /// What happens.
    pub events: Vec<CouncilEvent>,
    /// What follows in the world, once that is durable.
    pub effects: Vec<CouncilEffect>,
    /// What tasks are told, in this step.
    pub tasks: Vec<TaskCommand>,
    /// What tasks that wait are told.
    pub news: Vec<CouncilNews>,
}

impl CouncilDecision {
    pub(super) fn reply(&mut self, to: ReplyTo, reply: CouncilReply) {
        self.effects.push(CouncilEffect::Reply { to, reply });
    }

    /// Answers whoever asked: with what came of it, or why nothing did.
    pub(super) fn answered(&mut self, to: ReplyTo, answer: Result<CouncilReply, CouncilRefusal>) {
        self.reply(to, answer.unwrap_or_else(CouncilReply::Refused));
    }
}
