//! What leaders of shards and the nodes that host workers say to each other: many words a frame.
//!
//! A node's **desk** stands between its workers and all shards. Leaders speak to it by node, it
//! speaks to leaders by shard; words that are lost are said again by whoever needs an answer, and
//! words that come twice change nothing.

use serde::{Deserialize, Serialize};

use super::agent::{FromAgent, ToAgent};
use crate::id::{AgentId, Epoch, NodeId, ShardId, TaskNo};

/// How many bits of a task's number say which task of its shard it is; those above say which shard.
const TASK_BITS: u32 = 44;

/// The number of a task as workers know it: unique in the whole cluster. Shard 0 changes nothing.
pub const fn tagged(shard: ShardId, task: TaskNo) -> TaskNo {
    TaskNo(task.0 & ((1 << TASK_BITS) - 1) | (shard.0 as u64) << TASK_BITS)
}

/// The shard of a task, and its number there. What claims to be one and is none names no task.
#[expect(
    clippy::cast_possible_truncation,
    reason = "what is left are twenty bits, and sixteen count"
)]
pub const fn untagged(task: TaskNo) -> (ShardId, TaskNo) {
    (ShardId((task.0 >> TASK_BITS) as u16), TaskNo(task.0 & ((1 << TASK_BITS) - 1)))
}

/// From the leader of a shard to the desk of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToDesk {
    /// These workers are told these things, in this order.
    Words {
        /// Who leads what: words of a reign that is over are refused.
        shard: ShardId,
        /// Which reign.
        epoch: Epoch,
        /// To whom, and what.
        words: Vec<(AgentId, ToAgent)>,
    },
    /// Who is there? Answered by every worker's `Joined`, by what each holds of this shard, and by
    /// outcomes that were not acknowledged.
    Roll {
        /// Who asks.
        shard: ShardId,
        /// Which reign.
        epoch: Epoch,
    },
}

/// From the desk of a node to the leader of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FromDesk {
    /// Which node.
    pub node: NodeId,
    /// Which of its lives: a later one has the higher number.
    pub boot: u64,
    /// What is said.
    pub said: Said,
}

/// What a desk says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// What workers say, in this order. Tasks are of the shard that is spoken to, and tagged.
    Words(Vec<FromAgent>),
    /// This is who is there, in short: a leader that knows something else asks for the roll.
    Muster(Muster),
}

/// Who is there, in short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Muster {
    /// How many workers.
    pub agents: u32,
    /// The sum of the lives of all, each mixed with its name: the same in any order.
    pub digest: u64,
}

impl Muster {
    /// Counts one worker more.
    pub fn add(&mut self, agent: &AgentId, incarnation: crate::id::Incarnation) {
        self.agents = self.agents.saturating_add(1);
        // FNV-1a, spelled here so that every node counts alike.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in agent.as_str().bytes().chain(incarnation.0.to_le_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.digest = self.digest.wrapping_add(hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Incarnation;

    #[test]
    fn a_task_of_the_first_shard_keeps_its_number_and_any_other_finds_its_way_back() {
        assert_eq!(tagged(ShardId(0), TaskNo(17)), TaskNo(17));
        for shard in [0, 1, 15, u16::MAX] {
            for task in [0, 1, (1 << TASK_BITS) - 1] {
                let there = tagged(ShardId(shard), TaskNo(task));
                assert_eq!(untagged(there), (ShardId(shard), TaskNo(task)));
            }
        }
    }

    #[test]
    fn a_muster_is_the_same_in_any_order_and_another_for_another_life() {
        let count = |names: &[(&str, u64)]| {
            let mut muster = Muster::default();
            for (name, life) in names {
                muster.add(&AgentId::new(name).unwrap(), Incarnation(*life));
            }
            muster
        };
        assert_eq!(count(&[("a", 1), ("b", 2)]), count(&[("b", 2), ("a", 1)]));
        assert_ne!(count(&[("a", 1), ("b", 2)]), count(&[("a", 1), ("b", 3)]));
        assert_ne!(count(&[("a", 1)]), count(&[("a", 1), ("a", 1)]));
    }
}
