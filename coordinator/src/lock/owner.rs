//! Who holds locks, who waits, and what they are called.

use std::fmt;

use orkestra_runtime::id::{AgentId, Attempt, LockKey, SessionId, SessionNo, TaskNo};
use serde::{Deserialize, Serialize};

/// Who holds a lock or waits for it. A session never comes back under the same number; an attempt that
/// did not begin may ask again, and has greater tokens then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// A session.
    Session(SessionNo),
    /// One try of a task.
    Attempt {
        /// The task.
        task: TaskNo,
        /// Which try.
        attempt: Attempt,
    },
}

impl Owner {
    /// Who that is where one waits for another.
    pub const fn party(self) -> Party {
        match self {
            Self::Session(session) => Party::Session(session),
            Self::Attempt { task, .. } => Party::Task(task),
        }
    }
}

/// Who can wait for whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// A session.
    Session(SessionNo),
    /// A task, with all its tries.
    Task(TaskNo),
    /// An agent.
    Agent(AgentId),
}

/// What somebody is called who holds a lock, held it or waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// A session, by its name.
    Session(SessionId),
    /// A session that is gone, by its number.
    Gone(SessionNo),
    /// A task.
    Task(TaskNo),
    /// One try of a task.
    Attempt {
        /// The task.
        task: TaskNo,
        /// Which try.
        attempt: Attempt,
    },
    /// An agent.
    Agent(AgentId),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(name) => write!(f, "session {name}"),
            Self::Gone(number) => write!(f, "session number {number}"),
            Self::Task(task) => write!(f, "task {task}"),
            Self::Attempt { task, attempt } => write!(f, "attempt {attempt} of task {task}"),
            Self::Agent(agent) => write!(f, "agent {agent}"),
        }
    }
}

/// Why one waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tie {
    /// It holds the lock.
    Holds,
    /// It asked for the lock earlier.
    AskedEarlier,
    /// It was said so from outside: a task waits for a task, or an agent.
    Said,
}

/// One who waits for another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Who waits.
    pub who: Who,
    /// For which lock; none if it is for no lock.
    #[serde(default)]
    pub key: Option<LockKey>,
    /// Why.
    pub tie: Tie,
    /// For whom.
    pub whom: Who,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { who, key, tie, whom } = self;
        match (key, tie) {
            (Some(key), Tie::Holds) => {
                write!(f, "{who} waits for lock {key}, which {whom} holds")
            }
            (Some(key), Tie::AskedEarlier) => {
                write!(f, "{who} waits for lock {key}, which {whom} asked for earlier")
            }
            (Some(_) | None, Tie::Said) | (None, Tie::Holds | Tie::AskedEarlier) => {
                write!(f, "{who} waits for {whom}")
            }
        }
    }
}

/// How many links of a cycle are told.
pub(super) const LINKS_MAX: usize = 20;

/// Who waits for whom, in a circle: the last waits for the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycle {
    /// The links, beginning with whoever was refused; at most 20.
    pub links: Vec<Link>,
    /// How many more there are.
    #[serde(default)]
    pub more: u64,
}

impl Cycle {
    pub(super) fn of(mut links: Vec<Link>) -> Self {
        let more = links.len().saturating_sub(LINKS_MAX) as u64;
        links.truncate(LINKS_MAX);
        Self { links, more }
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, link) in self.links.iter().enumerate() {
            if place > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{link}")?;
        }
        if self.more > 0 { write!(f, "; and {} more", self.more) } else { Ok(()) }
    }
}
