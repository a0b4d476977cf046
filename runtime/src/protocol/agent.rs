//! What a coordinator and the worker of an agent say to each other.
//!
//! A worker announces itself with [`FromAgent::Joined`] and how many attempts it can hold; the
//! coordinator never lets more than that be outstanding. The worker sends [`FromAgent::Beat`] while
//! attempts run, which renews their leases, and delivers each outcome again until it is
//! [`ToAgent::Acknowledged`]. Old attempts are known by their number.
//!
//! Where several shards give work to one agent, none of them may use all of its capacity: each says
//! with [`ToAgent::Want`] what it could use, and has outstanding at most what the latest
//! [`FromAgent::Granted`] says, until that is over.

use serde::{Deserialize, Serialize};

use crate::{
    id::{AgentId, Attempt, Capability, Incarnation, RunId, TaskId, TaskNo},
    protocol::{
        check::{CheckResult, Switches, Workspace},
        lock::Grant,
        payload::{BlobName, Payload},
        task::Outcome,
        understanding::Understanding,
    },
};

/// One attempt, as its worker gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The task.
    pub task: TaskNo,
    /// Which try this is: the fence.
    pub attempt: Attempt,
    /// The task's run.
    pub run: RunId,
    /// The task's name.
    pub id: TaskId,
    /// One line for people.
    pub title: String,
    /// What is to be done.
    pub instructions: String,
    /// What the task was submitted with.
    pub input: Payload,
    /// The outputs of the completed tasks it depends on, in the order of its dependencies.
    pub results: Vec<(TaskId, Payload)>,
    /// How long this attempt may take, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Stable across attempts: makes outside effects idempotent.
    pub effect_key: String,
    /// Which files it works on, if they are to be checked before and after.
    #[serde(default)]
    pub workspace: Option<Box<Workspace>>,
    /// Which checks are made otherwise than by default.
    #[serde(default)]
    pub checks: Switches,
    /// Whether its output and its artifacts may have to be deleted: they go to sealed blobs.
    #[serde(default)]
    pub sensitive_output: bool,
    /// Which locks it holds, each with the token that whatever it writes under the lock is to be
    /// fenced with. They travel beside the assignment, in [`ToAgent::AssignLocked`], so that one
    /// without locks is spelled as it always was.
    #[serde(skip)]
    pub locks: Vec<Grant>,
}

/// An attempt that holds locks, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locked {
    /// The attempt.
    pub assignment: Assignment,
    /// Which locks it holds.
    pub locks: Vec<Grant>,
}

impl Locked {
    /// As it travels.
    pub fn of(mut assignment: Assignment) -> Self {
        let locks = std::mem::take(&mut assignment.locks);
        Self { assignment, locks }
    }

    /// As its worker has it.
    pub fn opened(self) -> Assignment {
        let Self { assignment, locks } = self;
        Assignment { locks, ..assignment }
    }
}

/// How far an attempt has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// In hundredths, 0 to 100.
    pub percent: u8,
    /// One line for people; may be empty.
    pub message: String,
}

/// The end of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The task.
    pub task: TaskNo,
    /// Which try.
    pub attempt: Attempt,
    /// How it ended.
    pub outcome: Outcome,
    /// How long the agent worked, in milliseconds.
    pub worked_ms: u64,
    /// What its worker found when it checked files, before and after.
    #[serde(default)]
    pub checks: Vec<CheckResult>,
}

/// Something that an attempt made and that is kept as a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// What the agent calls it.
    pub name: String,
    /// Under which name its bytes are kept.
    pub blob: BlobName,
    /// How many they are.
    pub bytes: u64,
}

/// Whether an agent can work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// It can.
    Available,
    /// It cannot, and is never chosen.
    Unavailable {
        /// What is missing, for a person.
        reason: String,
    },
}

/// What an agent says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentProfile {
    /// Its name.
    pub id: AgentId,
    /// How it works: `function`, `command` …
    pub kind: String,
    /// One line for people.
    pub description: String,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// What it is good at, by the names of the specialty table, for suitability.
    pub specialties: Vec<String>,
    /// How many attempts it can hold at once.
    pub capacity: u32,
    /// Whether it can work.
    pub availability: Availability,
}

/// From a coordinator to a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToAgent {
    /// Work on these. One that is held already is not begun again; one that was finished is
    /// answered from memory.
    Assign(Vec<Assignment>),
    /// Stop working on this; its outcome no longer counts.
    Cancel {
        /// The task.
        task: TaskNo,
        /// Which try.
        attempt: Attempt,
        /// Why, for a person.
        reason: String,
    },
    /// These outcomes were heard, recorded or refused as stale: forget them.
    Acknowledged(Vec<(TaskNo, Attempt)>),
    /// A new leader asks who is there: answer with `Joined`, `Beat` and all outcomes that were not
    /// acknowledged.
    WhoIsThere,
    /// So many attempts could be given to it; asked where its capacity is shared by several shards.
    /// Answered by [`FromAgent::Granted`].
    Want {
        /// Of which life of the worker grants were heard.
        incarnation: Incarnation,
        /// Rises with each wish of a leader: the moment at which it was said, in nanoseconds by the
        /// leader's own monotonic clock. Meaningless to everybody else, and given back in the grant.
        number: u64,
        /// How many more than are outstanding could be used now; 0: what is not used is given back.
        count: u32,
        /// How many are outstanding by the record.
        held: u32,
        /// The number of the latest grant that was heard, which this confirms; 0: none was. From now
        /// on the leader has at most `held + count` outstanding, until it hears a later grant.
        heard: u64,
    },
    /// Work on these, as in [`Assign`](Self::Assign); each holds locks.
    AssignLocked(Vec<Locked>),
}

impl ToAgent {
    /// The words that give out attempts: those that hold locks by one of their own.
    pub fn giving(assignments: Vec<Assignment>) -> impl Iterator<Item = Self> {
        let (plain, locked): (Vec<_>, Vec<_>) =
            assignments.into_iter().partition(|assignment| assignment.locks.is_empty());
        let plain = (!plain.is_empty()).then_some(Self::Assign(plain));
        let locked: Vec<Locked> = locked.into_iter().map(Locked::of).collect();
        let locked = (!locked.is_empty()).then_some(Self::AssignLocked(locked));
        plain.into_iter().chain(locked)
    }
}

/// From a worker to a coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromAgent {
    /// It is there; said at each start, at each change, and when asked. A new incarnation means
    /// that whatever the old one held is lost.
    Joined {
        /// Who.
        profile: AgentProfile,
        /// Which life.
        incarnation: Incarnation,
    },
    /// It lives, and works on these.
    Beat {
        /// Who.
        agent: AgentId,
        /// Which life.
        incarnation: Incarnation,
        /// What it holds.
        held: Vec<(TaskNo, Attempt)>,
    },
    /// An attempt has come this far; may be lost.
    Progressed {
        /// Who.
        agent: AgentId,
        /// The task.
        task: TaskNo,
        /// Which try.
        attempt: Attempt,
        /// How far.
        progress: Progress,
    },
    /// These attempts have ended.
    Ended {
        /// Who.
        agent: AgentId,
        /// Which life.
        incarnation: Incarnation,
        /// How.
        reports: Vec<Report>,
    },
    /// It goes, in order: it holds nothing any more.
    Left {
        /// Who.
        agent: AgentId,
        /// Which life.
        incarnation: Incarnation,
    },
    /// It is about to go: what it holds it still finishes, and what it is given it hands back.
    Leaving {
        /// Who.
        agent: AgentId,
        /// Which life.
        incarnation: Incarnation,
    },
    /// An attempt kept something, whatever becomes of the attempt.
    Kept {
        /// Who.
        agent: AgentId,
        /// The task.
        task: TaskNo,
        /// Which try.
        attempt: Attempt,
        /// What.
        artifact: Artifact,
    },
    /// What it understands now, in its own words; the newest is what counts.
    Understood {
        /// Who.
        agent: AgentId,
        /// Which life.
        incarnation: Incarnation,
        /// What.
        understanding: Understanding,
    },
    /// What the asking shard may have outstanding from now on; replaces every grant before it.
    Granted {
        /// Who.
        agent: AgentId,
        /// Which life.
        incarnation: Incarnation,
        /// Rises with each grant of a life: an older one that comes late is ignored.
        number: u64,
        /// The number of the latest wish that was heard.
        asked: u64,
        /// How many attempts, in all.
        credits: u32,
        /// For how long, in milliseconds after the moment at which that wish was said.
        for_ms: u64,
    },
}
