//! How the effects of a shard are carried out: answers to whoever waits, words to workers.

use std::sync::Arc;

use orkestra_runtime::{
    address::Ref, directory::Directory, id::AgentId, machine::ReplyTo, protocol::agent::ToAgent,
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
        for name in workers.names() {
            if let Some(worker) = workers.find(&name) {
                // A worker that is gone will say `Joined` when its successor starts.
                let _ = worker.tell(ToAgent::WhoIsThere);
            }
        }
        Self { workers, followers }
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
                        self.followers.leave(&to, orkestra_runtime::id::Incarnation(0));
                    }
                }
            }
            TaskEffect::Reply { to, reply } => {
                ports.answer(to, reply);
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
        }
    }
}
