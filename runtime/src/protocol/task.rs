//! What a task is, before anybody works on it, and how it can end.

use serde::{Deserialize, Serialize};

pub use super::failure::{FAILURE_MESSAGE_BYTES_MAX, Failure, FailureKind};
use crate::{
    error::{Error, ErrorKind, Result},
    id::{AgentId, Capability, LockKey, TaskId},
    limits::PAYLOAD_INLINE_BYTES_MAX,
    protocol::{
        ask::Ask,
        check::{Switches, Workspace},
        council::TaskCouncil,
        lock::{Mode, Want},
        payload::{Json, Payload},
        vote::TaskVote,
    },
};

/// How much a task matters. As numbers (accepted wherever a name is): 1 to 4.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// 1.
    Low,
    /// 2, and the default.
    #[default]
    Medium,
    /// 3.
    High,
    /// 4.
    Critical,
}

impl Priority {
    /// Its weight, 1 to 4.
    pub const fn weight(self) -> u32 {
        match self {
            Self::Low => 1,
            Self::Medium => 2,
            Self::High => 3,
            Self::Critical => 4,
        }
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What a dependency asks of the task it names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DependencyKind {
    /// It must be completed; if it ends otherwise, this task fails with `dependency_failed`.
    #[default]
    Hard,
    /// It must have ended, in whatever way.
    Soft,
    /// It must be completed with an output in which the value at a JSON pointer equals a value; if
    /// it ends otherwise, this task is skipped (cancelled with the reason `condition_not_met`).
    Conditional {
        /// RFC 6901, e.g. `/verdict`.
        pointer: String,
        /// JSON text.
        equals: String,
    },
}

impl DependencyKind {
    /// Whether it asks for a value in the output.
    pub const fn is_conditional(&self) -> bool {
        matches!(self, Self::Conditional { .. })
    }
}

/// Something that must have happened before a task may begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The other task, in the same run.
    pub on: TaskId,
    /// What is asked of it.
    #[serde(default)]
    pub kind: DependencyKind,
}

/// When a failed attempt is followed by another: `min(cap, base × factor^n)` ± jitter after the
/// attempt number n + 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// How many attempts may follow the first.
    pub retries_max: u32,
    /// The delay after the first failure, in milliseconds.
    pub base_ms: u64,
    /// By how much each delay is longer than the one before.
    pub factor: u32,
    /// The longest delay, in milliseconds.
    pub cap_ms: u64,
    /// By how much a delay may be shorter or longer, in hundredths of itself.
    pub jitter_percent: u32,
}

impl RetryPolicy {
    /// Three retries after 1 s, 2 s, 4 s, ± 20 %.
    pub const DEFAULT: Self =
        Self { retries_max: 3, base_ms: 1_000, factor: 2, cap_ms: 300_000, jitter_percent: 20 };

    /// The preset `orkestra-classic`: 300 s, doubling, 7,200 s at most.
    pub const CLASSIC: Self =
        Self { retries_max: 3, base_ms: 300_000, factor: 2, cap_ms: 7_200_000, jitter_percent: 20 };
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Which contents of a task may have to be deleted: they stand in sealed blobs and nowhere else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sensitive {
    /// What the agent is given.
    #[serde(default)]
    pub input: bool,
    /// What the agent answers, and the artifacts it keeps.
    #[serde(default)]
    pub output: bool,
}

impl Sensitive {
    /// Whether anything is.
    pub const fn any(self) -> bool {
        self.input || self.output
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    const fn is_nothing(&self) -> bool {
        !self.any()
    }
}

/// A task as it is submitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// Its name, unique within its run.
    pub id: TaskId,
    /// One line for people, and for suitability.
    #[serde(default)]
    pub title: String,
    /// What is to be done, for people, agents and suitability.
    #[serde(default)]
    pub instructions: String,
    /// The kind of work (`code`, `review` …), for pools and failover order; may be empty.
    #[serde(default)]
    pub category: String,
    /// How much it matters.
    #[serde(default)]
    pub priority: Priority,
    /// What an agent must be able to do: all of these.
    #[serde(default)]
    pub requires: Vec<Capability>,
    /// Which agents may work on it; empty means all. Whom it asks, if it asks people.
    #[serde(default)]
    pub agents: Vec<AgentId>,
    /// What must have happened first.
    #[serde(default)]
    pub dependencies: Vec<Dependency>,
    /// The task whose cancellation cancels this one too.
    #[serde(default)]
    pub parent: Option<TaskId>,
    /// What the agent is given.
    #[serde(default)]
    pub input: Payload,
    /// When it is tried again.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// How long one attempt may take, in milliseconds; none: as long as its agent lives.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// How long after its submission it must have ended, in milliseconds.
    #[serde(default)]
    pub deadline_ms: Option<u64>,
    /// What people are asked, if it waits for them and not for an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Ask>,
    /// Which files it works on, if its worker is to check them before and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Box<Workspace>>,
    /// Which checks are made otherwise than by default.
    #[serde(default, skip_serializing_if = "Switches::is_empty")]
    pub checks: Switches,
    /// Which of its contents may have to be deleted.
    #[serde(default, skip_serializing_if = "Sensitive::is_nothing")]
    pub sensitive: Sensitive,
    /// Which locks each of its attempts holds: it has all of them before it begins, and loses them
    /// with its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<Want>,
    /// The vote that it waits for, if it has no attempt and its result is what a vote comes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vote: Option<Box<TaskVote>>,
    /// What it gives to a council, if it has no attempt and its result is what wins there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub council: Option<Box<TaskCouncil>>,
}

impl TaskSpec {
    /// A task with a name and defaults for the rest.
    pub fn new(id: TaskId) -> Self {
        Self {
            id,
            title: String::new(),
            instructions: String::new(),
            category: String::new(),
            priority: Priority::default(),
            requires: Vec::new(),
            agents: Vec::new(),
            dependencies: Vec::new(),
            parent: None,
            input: Payload::null(),
            retry: RetryPolicy::DEFAULT,
            timeout_ms: None,
            deadline_ms: None,
            ask: None,
            workspace: None,
            checks: Switches::default(),
            sensitive: Sensitive::default(),
            locks: Vec::new(),
            vote: None,
            council: None,
        }
    }

    /// Whether it has no attempts, since a vote or a council decides what comes of it.
    pub const fn is_decided_elsewhere(&self) -> bool {
        self.vote.is_some() || self.council.is_some()
    }

    /// Whether checks are made before and after its attempts, and put on record: if it declares a
    /// workspace, or asks for checks.
    pub fn is_checked(&self) -> bool {
        self.workspace.is_some() || !self.checks.is_empty()
    }

    /// A task whose name is checked here, with defaults for the rest.
    pub fn named(id: impl AsRef<str>) -> Result<Self> {
        TaskId::new(id).map(Self::new)
    }

    /// The same task, which begins only when all of these are completed.
    pub fn needs<T: AsRef<str>>(mut self, tasks: impl IntoIterator<Item = T>) -> Result<Self> {
        for task in tasks {
            let on = TaskId::new(task)?;
            self.dependencies.push(Dependency { on, kind: DependencyKind::Hard });
        }
        Ok(self)
    }

    /// The same task, on which only this agent may work, and those named before.
    pub fn only(mut self, agent: impl AsRef<str>) -> Result<Self> {
        self.agents.push(AgentId::new(agent)?);
        Ok(self)
    }

    /// The same task, whose attempts hold this lock too while they run.
    pub fn holding(mut self, key: impl AsRef<str>, mode: Mode) -> Result<Self> {
        self.locks.push(Want { key: LockKey::new(key)?, mode });
        Ok(self)
    }

    /// The same task, whose input, or output, or both may have to be deleted.
    #[must_use]
    pub fn sensitive(mut self, input: bool, output: bool) -> Self {
        self.sensitive = Sensitive { input, output };
        self
    }

    /// The same task with this input, which must be small enough to travel with it (64 KiB).
    pub fn given<T: Serialize + ?Sized>(mut self, input: &T) -> Result<Self> {
        let json = Json::of(input)?;
        let bytes = json.as_str().len();
        if bytes > PAYLOAD_INLINE_BYTES_MAX {
            let message = format!(
                "the input of task {:?} has {bytes} bytes, and at most {PAYLOAD_INLINE_BYTES_MAX} \
                 travel with a task: keep it in a blob, and name that as its input",
                self.id
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        self.input = Payload::Inline(json);
        Ok(self)
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With a result.
    Completed(Payload),
    /// Without.
    Failed(Failure),
    /// By request.
    Cancelled,
}
