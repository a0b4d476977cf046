//! How the effects of a shard are carried out: answers to whoever waits, words to workers.

use std::sync::Arc;

use orkestra_runtime::{
    address::Ref,
    directory::Directory,
    id::{AgentId, Incarnation},
    machine::ReplyTo,
    protocol::agent::ToAgent,
};
use tokio::sync::mpsc;

use crate::{
    shard::{
        actor::{Ports, ShardHands},
        machine::{Effect, ShardMachine},
    },
    task::{Ended, Reply, TaskEffect},
};

/// Where the workers of this node are.
pub(super) type Workers = Arc<Directory<AgentId, Ref<ToAgent>>>;

/// Who follows runs: streams of what ended, by token.
pub(crate) type Followers = Arc<Directory<ReplyTo, mpsc::Sender<Vec<Ended>>>>;

/// Carries out what a shard decides.
#[derive(Debug)]
pub struct TeamHands {
    workers: Workers,
    followers: Followers,
}

impl TeamHands {
    /// The hands of a new reign; asks every worker who is there.
    pub(super) fn new(workers: Workers, followers: Followers) -> Self {
        // Nobody is followed by a new reign: who followed the old one sees the stream end.
        for follower in followers.names() {
            followers.leave(&follower, Incarnation(0));
        }
        let hands = Self { workers, followers };
        hands.ask_who_is_there();
        hands
    }

    fn ask_who_is_there(&self) {
        for name in self.workers.names() {
            if let Some(worker) = self.workers.find(&name) {
                // A worker that is gone will say `Joined` when its successor starts.
                let _ = worker.tell(ToAgent::WhoIsThere);
            }
        }
    }
}

impl ShardHands<ShardMachine> for TeamHands {
    type Reply = Reply;

    fn carry_out(&mut self, effect: Effect, ports: &mut Ports<Reply>) {
        let Effect::Task(effect) = effect;
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
                if !ports.answer(to, reply) {
                    // Who wanted to follow what is not there sees the stream end.
                    self.followers.leave(&to, Incarnation(0));
                }
            }
            TaskEffect::Tell { agent, message } => {
                if let Some(worker) = self.workers.find(&agent) {
                    // What a worker that is gone did not get, the next life of it makes up for:
                    // its `Joined` ends what the old life held.
                    drop(worker.tell(message));
                }
            }
        }
    }

    fn parked(&mut self, is_parked: bool) {
        if is_parked {
            tracing::error!("the journal is full: nothing is taken until there is room");
        } else {
            tracing::warn!("the journal has room again");
            // What workers said meanwhile and would have been written was refused.
            self.ask_who_is_there();
        }
    }
}
