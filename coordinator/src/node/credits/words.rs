//! What the machine hears and what it asks for.

use std::time::Duration;

use orkestra_runtime::id::{Attempt, Epoch, ShardId, TaskNo};

/// One attempt at one task, as its number stands on the wire.
pub type AttemptKey = (TaskNo, Attempt);

/// Who leads a shard, by its reign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leader {
    /// Which shard.
    pub shard: ShardId,
    /// Which reign.
    pub epoch: Epoch,
}

/// What a leader says that it could use; see
/// [`ToAgent::Want`](orkestra_runtime::protocol::agent::ToAgent::Want).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// Rises with each wish of a reign.
    pub number: u64,
    /// How many more attempts than it holds it could use.
    pub count: u32,
    /// How many it has outstanding by its record.
    pub held: u32,
    /// The number of the latest grant that it heard; 0: none.
    pub heard: u64,
}

/// What a shard may have outstanding; see
/// [`FromAgent::Granted`](orkestra_runtime::protocol::agent::FromAgent::Granted).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Rises with each grant of this life of the agent.
    pub number: u64,
    /// The number of the wish from which its term is counted.
    pub asked: u64,
    /// How many attempts, in all.
    pub credits: u32,
    /// For how long after that wish was said, by the shard's own clock.
    pub within: Duration,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A leader says what it could use.
    Wanted {
        /// Who.
        by: Leader,
        /// What.
        want: Want,
    },
    /// A leader gives these attempts to the worker. Those that [`Effect::HandBack`] does not name go
    /// on to it.
    Assigned {
        /// Who.
        by: Leader,
        /// Which.
        attempts: Vec<AttemptKey>,
    },
    /// These attempts take no room any more: they ended, were handed back, or were told to end.
    Ended(Vec<AttemptKey>),
    /// This is all that the worker holds, by its own word; what is missing twice in a row has ended.
    Holds(Vec<AttemptKey>),
    /// A shard is led by another one from now on.
    Reigns(Leader),
    /// The agent can hold so many: 0 while it is unavailable or is about to go.
    Capacity(u32),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Tell a leader what it may have outstanding.
    Grant {
        /// Whom.
        to: Leader,
        /// What.
        grant: Grant,
    },
    /// Do not pass these attempts on, but tell their leader that they were handed back.
    HandBack {
        /// Whom.
        to: Leader,
        /// Which.
        attempts: Vec<AttemptKey>,
    },
}

/// How credits are lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreditSettings {
    /// How long a grant counts here. Its shard may use it for three quarters of that: the rest is for
    /// what was given out at the last moment and is on its way.
    pub term: Duration,
    /// How long a shard keeps its turn while others wait for theirs.
    pub slice: Duration,
    /// How often what a shard has is raised by little.
    pub pace: Duration,
}

impl Default for CreditSettings {
    fn default() -> Self {
        Self::of(Duration::from_secs(5))
    }
}

impl CreditSettings {
    /// Settings with this term, and with what suits it.
    pub fn of(term: Duration) -> Self {
        Self { term, slice: term / 20, pace: term / 100 }
    }

    /// For how long a shard may use a grant, counted from its wish.
    pub fn usable(&self) -> Duration {
        self.term / 4 * 3
    }
}
