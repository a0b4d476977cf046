//! What one decision about votes comes to.

use std::sync::Arc;

use orkestra_runtime::{
    id::{Number, TaskNo, VoteId, VoteNo, VoterId},
    machine::ReplyTo,
    protocol::task::TaskSpec,
};

use super::{
    command::CommitteeCommand, event::CommitteeEvent, outcome::Outcome, poll::Poll,
    refusal::CommitteeRefusal, reply::CommitteeReply,
};

/// What the world is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitteeEffect {
    /// Answer whoever waits.
    Reply {
        /// Who.
        to: ReplyTo,
        /// What.
        reply: CommitteeReply,
    },
    /// Count these ballots outside the sequencer ([`Poll::count`]) and say what they come to by
    /// [`CommitteeCommand::Settle`]. It is asked for again after a take-over.
    Count {
        /// Of which vote.
        vote: VoteNo,
        /// The ballots.
        poll: Arc<Poll>,
    },
    /// Tell whoever may want to know; nobody may be there to hear.
    Tell {
        /// Of which vote.
        vote: VoteId,
        /// Its number.
        number: VoteNo,
        /// What.
        told: Told,
    },
}

/// What a vote waits for now, or came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is open: voters may vote.
    Opened,
    /// Voters reveal what they sealed.
    Reveal,
    /// Somebody is to propose what might help.
    Mediate(VoterId),
    /// A person is to decide; who, in words.
    Decide(String),
    /// It came to this.
    Decided(Arc<Outcome>),
}

/// What a task learns of the vote that it waits for: for the composition, which tells the task
/// machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitteeNews {
    /// The vote is open, or was.
    Opened {
        /// Which task waits for it.
        task: TaskNo,
        /// What it is called.
        vote: VoteId,
        /// Its number.
        number: VoteNo,
    },
    /// It cannot be opened, or what was said of it cannot be taken.
    Refused {
        /// Which task waits.
        task: TaskNo,
        /// Of whose ballot that is; none: of the vote.
        voter: Option<VoterId>,
        /// Why.
        refusal: CommitteeRefusal,
    },
    /// A voter answered with something that is no ballot.
    Malformed {
        /// Which task waits.
        task: TaskNo,
        /// Which voter.
        voter: VoterId,
        /// Whether it is to be asked once more.
        again: bool,
    },
    /// A later round was opened, or a mediator spoke in it: its voters are asked anew.
    Climbed {
        /// Which task waits.
        task: TaskNo,
        /// What it is called.
        vote: VoteId,
        /// Its number.
        number: VoteNo,
    },
    /// It is decided, for good.
    Decided {
        /// Which task waited for it, if one did.
        task: Option<TaskNo>,
        /// What the first round was called: what follows is named by it.
        root: VoteId,
        /// To what.
        outcome: Arc<Outcome>,
        /// What is to be submitted.
        submit: Vec<TaskSpec>,
        /// Whose run that is.
        namespace: String,
    },
}

/// What one decision comes to.
#[derive(Debug, PartialEq, Eq)]
pub struct CommitteeDecision {
    /// What happens.
    pub events: Vec<CommitteeEvent>,
    /// What follows in the world, once that is durable.
    pub effects: Vec<CommitteeEffect>,
    /// What is to be decided next, in the same step.
    pub then: Vec<CommitteeCommand>,
    /// What tasks learn.
    pub news: Vec<CommitteeNews>,
    /// The number that the next event will have.
    next: Number,
}

impl CommitteeDecision {
    /// Nothing yet; the first event will have the number `next`.
    pub const fn new(next: Number) -> Self {
        Self { events: Vec::new(), effects: Vec::new(), then: Vec::new(), news: Vec::new(), next }
    }

    /// Nothing but that it is refused.
    pub fn refused(next: Number, to: ReplyTo, refusal: CommitteeRefusal) -> Self {
        let reply = CommitteeReply::Refused(refusal);
        Self { effects: vec![CommitteeEffect::Reply { to, reply }], ..Self::new(next) }
    }

    /// Pushes an event, and answers the number that it will have.
    pub(super) fn event(&mut self, event: CommitteeEvent) -> Number {
        let number = self.next;
        self.events.push(event);
        self.next = number.next();
        number
    }

    /// Why nothing was done, in words, if that was told to somebody.
    pub(super) fn refusal(&self) -> Option<String> {
        self.effects.iter().find_map(|effect| match effect {
            CommitteeEffect::Reply { reply: CommitteeReply::Refused(why), .. } => {
                Some(why.to_string())
            }
            CommitteeEffect::Reply { .. }
            | CommitteeEffect::Count { .. }
            | CommitteeEffect::Tell { .. } => None,
        })
    }

    pub(super) fn tell(&mut self, (vote, number): (&VoteId, VoteNo), told: Told) {
        self.effects.push(CommitteeEffect::Tell { vote: vote.clone(), number, told });
    }
}
