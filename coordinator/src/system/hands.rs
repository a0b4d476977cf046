//! How the effects of a shard are carried out: answers to whoever waits, words to workers.

use std::{fmt, sync::Arc};

use orkestra_agents::worker::Sink;
use orkestra_runtime::{
    address::Ref,
    directory::Directory,
    id::{AgentId, Incarnation},
    machine::ReplyTo,
    protocol::agent::{FromAgent, ToAgent},
    time::Clock,
};
use tokio::sync::mpsc;

use crate::{
    committee::CommitteeEffect,
    context::ContextEffect,
    council::CouncilEffect,
    lock::LockEffect,
    shard::{
        actor::{Ports, ShardHands},
        machine::{Effect, Reply as ShardReply, ShardMachine},
    },
    system::{Standing, bell::Bell},
    task::{Ended, Reply, TaskEffect},
    voting::Teller,
};

/// Where the workers of this node are.
pub(crate) type Workers = Arc<Directory<AgentId, Ref<ToAgent>>>;

/// The workers whom a reign can speak to, wherever they are. Nothing here waits.
pub(crate) trait Team: Send + Sync {
    /// Tells a worker. Where its worker is surely gone, answers which life of it went.
    fn tell(&self, agent: &AgentId, message: ToAgent) -> Option<Incarnation>;

    /// Asks all workers who is there.
    fn ask_who_is_there(&self);
}

/// The workers of this process.
#[derive(Debug)]
pub(super) struct Near(pub(super) Workers);

impl Team for Near {
    fn tell(&self, agent: &AgentId, message: ToAgent) -> Option<Incarnation> {
        let worker = self.0.find(agent)?;
        let incarnation = self.0.incarnation(agent);
        worker.tell(message).err().and(incarnation)
    }

    fn ask_who_is_there(&self) {
        for name in self.0.names() {
            if let Some(worker) = self.0.find(&name) {
                // A worker that is gone will say `Joined` when its successor starts.
                let _ = worker.tell(ToAgent::WhoIsThere);
            }
        }
    }
}

/// Who follows runs: streams of what ended, by token.
pub(crate) type Followers = Arc<Directory<ReplyTo, mpsc::Sender<Vec<Ended>>>>;

/// Who is told that nothing can be written, by which clock, and who tells sessions what they lost.
pub(crate) type Told = (Arc<Standing>, Arc<dyn Clock>, Bell);

/// Carries out what a shard decides.
pub struct TeamHands {
    team: Arc<dyn Team>,
    followers: Followers,
    sink: Sink,
    told: Told,
    /// Who counts what is too long to be counted by the sequencer.
    teller: Option<Teller>,
}

impl fmt::Debug for TeamHands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TeamHands").finish_non_exhaustive()
    }
}

impl TeamHands {
    /// The hands of a new reign; asks every worker who is there.
    pub(crate) fn new(
        (team, followers, sink): (Arc<dyn Team>, Followers, Sink),
        told: Told,
    ) -> Self {
        // Nobody is followed by a new reign: who followed the old one sees the stream end.
        for follower in followers.names() {
            followers.leave(&follower, Incarnation(0));
        }
        // A new reign has written its record.
        if told.0.is_full() {
            told.0.set_full(false, told.1.now().moment);
        }
        team.ask_who_is_there();
        Self { team, followers, sink, told, teller: None }
    }

    /// The same, with somebody who counts large votes.
    pub(crate) fn counted_by(self, teller: &Teller) -> Self {
        Self { teller: Some(teller.clone()), ..self }
    }

    /// Answers whoever asked for something of votes; long counts are handed over.
    fn carry_out_committee(&self, effect: CommitteeEffect, ports: &mut Ports<ShardReply>) {
        match effect {
            CommitteeEffect::Reply { to, reply } => {
                // Whoever asked may have gone.
                ports.answer(to, ShardReply::Committee(reply));
            }
            CommitteeEffect::Count { vote, poll } => {
                if let Some(teller) = &self.teller {
                    teller.count(vote, poll);
                }
            }
            CommitteeEffect::Tell { vote, told, .. } => {
                tracing::debug!(%vote, ?told, "a vote waits for somebody, or is decided");
            }
        }
    }
}

/// Answers whoever asked for a lock, and has told who has lost one.
fn carry_out_lock(effect: LockEffect, ports: &mut Ports<ShardReply>, bell: &Bell) {
    match effect {
        LockEffect::Reply { to, reply } => {
            // Whoever asked may have gone.
            ports.answer(to, ShardReply::Lock(reply));
        }
        LockEffect::Lost { session, lost, why } => {
            tracing::warn!(%session, key = %lost.key, token = %lost.token, why, "a lock was taken");
            bell.ring(session);
        }
        LockEffect::Ended { session, reason } => {
            tracing::debug!(%session, %reason, "a session that may hold locks has ended");
            bell.ring(session);
        }
    }
}

impl ShardHands<ShardMachine> for TeamHands {
    type Reply = ShardReply;

    fn carry_out(&mut self, effect: Effect, ports: &mut Ports<ShardReply>) {
        let effect = match effect {
            Effect::Task(effect) => effect,
            Effect::Context(ContextEffect::Reply { to, reply }) => {
                // Whoever asked may have gone.
                ports.answer(to, ShardReply::Context(reply));
                return;
            }
            Effect::Lock(effect) => return carry_out_lock(effect, ports, &self.told.2),
            Effect::Committee(effect) => return self.carry_out_committee(effect, ports),
            Effect::Council(CouncilEffect::Reply { to, reply }) => {
                ports.answer(to, ShardReply::Council(reply));
                return;
            }
        };
        match effect {
            TaskEffect::Reply { to, reply: Reply::TasksEnded(ended) } => {
                if let Some(follower) = self.followers.find(&to) {
                    // One who falls behind by a whole buffer is cut off, and sees the stream end.
                    if follower.try_send(ended).is_err() {
                        self.followers.leave(&to, Incarnation(0));
                    }
                }
            }
            TaskEffect::Reply { to, reply } => {
                if !ports.answer(to, ShardReply::Task(reply)) {
                    // Who wanted to follow what is not there sees the stream end.
                    self.followers.leave(&to, Incarnation(0));
                }
            }
            TaskEffect::Tell { agent, message } => {
                if let Some(incarnation) = self.team.tell(&agent, message) {
                    // It went without a word; said for it, so that it is given nothing more and
                    // what it held goes on elsewhere.
                    (self.sink)(FromAgent::Left { agent, incarnation });
                }
            }
        }
    }

    fn parked(&mut self, is_parked: bool) {
        let (standing, clock, _) = &self.told;
        standing.set_full(is_parked, clock.now().moment);
        if is_parked {
            tracing::error!(
                "the disk is full: nothing new is taken until there is room; nothing that was \
                 acknowledged is lost"
            );
        } else {
            tracing::warn!("the disk has room again: going on");
            // What workers said meanwhile and would have been written was refused.
            self.team.ask_who_is_there();
        }
    }
}
