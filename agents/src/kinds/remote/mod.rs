//! Agents in any language, anywhere: programs that speak JSON over the fabric's messages.
//!
//! A [`RemoteAgent`] stands for such a program at the worker that hosts it; a [`Line`] carries what
//! the two say. Whoever hosts answers the first word, `join`, and makes both.
//!
//! # Protocol
//!
//! `agent.{name}` below stands for the subjects that the answer to `join` tells. The agent asks
//! (each word has an answer); only work comes by itself.
//!
//! | subject | who | word | answer |
//! |---|---|---|---|
//! | `agent.{name}.join` | agent | `name`, `session`, `capacity`?, `capabilities`?, `specialties`?, `description`?, `kind`? | `ok`, `host`, `beat_every_ms`, `silence_ms`, `lost_after_ms`, `subjects` |
//! | `agent.{name}.beat` | agent | `session`, `held`: keys | `ok`, `drop`: keys that nobody waits for |
//! | `agent.{name}.say` | agent | `session`, `key`, `type`: `started`, `progress`, `completed`, `failed`, `declined`, `kept` | `ok`, or `stale` |
//! | `agent.{name}.work` | host | `type`: `assign` with `key` and the task, or `cancel` with `key` and `reason` | |
//!
//! A refused word is answered with `ok: false`, a `code`, a `message` and an `advice`, and changes
//! nothing: see [`Code`].
//!
//! # Promises
//!
//! - A word may be sent twice, late, or from an old session without harm; an answered outcome is
//!   kept by the worker and delivered until it is recorded.
//! - An assignment that was lost on its way is sent again at the next beat that does not name it.
//! - The newest session of a name counts; the older one is told `REPLACED`, for good.
//! - An agent that is silent is away: it is given nothing. What it holds it may still deliver, until
//!   it is lost to it and given out again.
//! - Time limits, silence of attempts, capacity, checks and redelivery are the worker's, as for any
//!   agent.
//!
//! It does not promise that an attempt whose host dies goes on: it is given out again, as a new one.

mod line;
mod machine;
#[cfg(test)]
mod machine_tests;
mod say;
mod serve;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeSet;

use orkestra_runtime::protocol::{agent::Availability, payload::Json, task::Failure};

pub use line::Line;
pub use machine::Pace;
pub use serve::{Refusals, Subjects, answered};
pub use words::{CAPACITY_MAX, Code, Join, KIND, QUALITIES_MAX, Trouble, WORD_BYTES_MAX};

use crate::{
    agent::{Agent, Work},
    context::Context,
    worker::Terms,
};

/// Stands for an agent that works elsewhere.
#[derive(Clone, Debug)]
pub struct RemoteAgent {
    line: Line,
}

impl RemoteAgent {
    /// The agent at the other end of a line.
    pub const fn new(line: Line) -> Self {
        Self { line }
    }
}

impl Agent for RemoteAgent {
    async fn work(&self, work: Work, context: Context) -> Result<Json, Failure> {
        self.line.work(work, context).await
    }

    fn availability(&self) -> Availability {
        self.line.availability()
    }

    fn is_elsewhere(&self) -> bool {
        true
    }
}

/// How the worker of such an agent treats its attempts: it looks all the time whether the agent is
/// there, and is not itself started anew for what happens elsewhere.
pub fn terms(pace: Pace) -> Terms {
    let look_every = pace.beat_every;
    Terms {
        look_every,
        watch_every: Some(look_every),
        restart_on: BTreeSet::new(),
        ..Terms::default()
    }
}
