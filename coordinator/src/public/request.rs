//! What can be asked by anybody, one subject each.

pub(super) mod councils;
pub(super) mod locks;
pub(super) mod votes;

use orkestra_runtime::{
    id::{AgentId, RunId, TaskId},
    limits::FRAME_BYTES_MAX,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use self::locks::LockWord;
use self::{councils::CouncilWord, votes::VoteWord};
use super::{answer::Trouble, events::Reread, submit::Submission};
use crate::{
    door::{Code, Reason},
    written::did_you_mean,
};

/// The longest request and the longest answer, in bytes.
pub const WORD_BYTES_MAX: usize = FRAME_BYTES_MAX - 4 * 1024;

/// Every subject on which something can be asked, below the cluster's prefix.
pub const SUBJECTS: [&str; 49] = [
    "agent.drain",
    "agent.list",
    "agent.resume",
    "council.cancel",
    "council.create",
    "council.delete",
    "council.deliberate",
    "council.get",
    "council.list",
    "council.minutes",
    "council.register",
    "council.unregister",
    "evt.read",
    "lock.acquire",
    "lock.cancel",
    "lock.check",
    "lock.close",
    "lock.get",
    "lock.list",
    "lock.open",
    "lock.release",
    "lock.renew",
    "lock.steal",
    "node.list",
    "run.cancel",
    "run.get",
    "run.list",
    "run.pause",
    "run.redact",
    "run.resume",
    "run.seal",
    "task.answer",
    "task.approve",
    "task.cancel",
    "task.get",
    "task.list",
    "task.redact",
    "task.reject",
    "task.retry",
    "task.submit",
    "task.why",
    "vote.call",
    "vote.cast",
    "vote.close",
    "vote.get",
    "vote.list",
    "vote.reveal",
    "vote.seal",
    "vote.voter",
];

/// A request.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Submits tasks.
    TaskSubmit(Box<Submission>),
    /// Shows a task, once it has ended if so asked.
    TaskGet(OfTask),
    /// Lists the tasks of a run.
    TaskList(ListTasks),
    /// Says why a task stands where it stands.
    TaskWhy(OfTask),
    /// Cancels a task with its children.
    TaskCancel(ChangeTask),
    /// Tries a task again.
    TaskRetry(ChangeTask),
    /// Says yes to a task that asks people.
    TaskApprove(ChangeTask),
    /// Says no to one.
    TaskReject(ChangeTask),
    /// Answers one.
    TaskAnswer(AnswerTask),
    /// Deletes what is sensitive in an ended task.
    TaskRedact(ChangeTask),
    /// Shows a run.
    RunGet(OfRun),
    /// Lists runs, latest first.
    RunList(ListRuns),
    /// Cancels a run.
    RunCancel(ChangeRun),
    /// Gives out nothing more of a run or a namespace.
    RunPause(ChangeScope),
    /// Lets it go on.
    RunResume(ChangeScope),
    /// Says that a run gets no more tasks, so that it can end.
    RunSeal(OfRun),
    /// Deletes what is sensitive in an ended run.
    RunRedact(ChangeRun),
    /// Lists agents.
    AgentList(Nothing),
    /// Gives an agent nothing more.
    AgentDrain(ChangeAgent),
    /// Gives it work again.
    AgentResume(ChangeAgent),
    /// Lists nodes.
    NodeList(Nothing),
    /// Reads events again.
    EventRead(Reread),
    /// Asks something of locks.
    Lock(LockWord),
    /// Asks something of votes.
    Vote(VoteWord),
    /// Asks something of councils.
    Council(CouncilWord),
}

/// Nothing is needed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// One task.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfTask {
    /// Whose run it is of.
    pub namespace: Option<String>,
    /// Its run.
    pub run: RunId,
    /// Its name.
    pub task: TaskId,
    /// How long to wait for its end before it is shown, in milliseconds.
    #[serde(default)]
    pub wait_ms: u64,
}

/// The tasks of a run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListTasks {
    /// Whose run.
    pub namespace: Option<String>,
    /// Which run.
    pub run: RunId,
    /// Only those that stand so.
    pub state: Option<String>,
    /// How many at most.
    pub limit: Option<usize>,
}

/// What is done to a task.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeTask {
    /// Whose run it is of.
    pub namespace: Option<String>,
    /// Its run.
    pub run: RunId,
    /// Its name.
    pub task: TaskId,
    /// Why, for the record.
    #[serde(default)]
    pub reason: Reason,
    /// For whom it is asked, for the record.
    pub r#as: Option<AgentId>,
}

/// What a person answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerTask {
    /// Whose run it is of.
    pub namespace: Option<String>,
    /// Its run.
    pub run: RunId,
    /// Its name.
    pub task: TaskId,
    /// The answer.
    pub answer: Value,
    /// Why, for the record.
    #[serde(default)]
    pub reason: Reason,
    /// Who answers.
    pub r#as: Option<AgentId>,
}

/// One run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfRun {
    /// Whose.
    pub namespace: Option<String>,
    /// Which.
    pub run: RunId,
}

/// Runs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListRuns {
    /// Whose.
    pub namespace: Option<String>,
    /// How many at most.
    pub limit: Option<usize>,
}

/// What is done to a run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeRun {
    /// Whose.
    pub namespace: Option<String>,
    /// Which.
    pub run: RunId,
    /// Why, for the record.
    #[serde(default)]
    pub reason: Reason,
    /// For whom it is asked, for the record.
    pub r#as: Option<AgentId>,
}

/// What is done to a run, or to a namespace where none is named.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeScope {
    /// Which namespace.
    pub namespace: Option<String>,
    /// Which run.
    pub run: Option<RunId>,
    /// Why, for the record.
    #[serde(default)]
    pub reason: Reason,
    /// For whom it is asked, for the record.
    pub r#as: Option<AgentId>,
}

/// What is done to an agent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeAgent {
    /// Which.
    pub agent: AgentId,
    /// Why, for the record.
    #[serde(default)]
    pub reason: Reason,
    /// For whom it is asked, for the record.
    pub r#as: Option<AgentId>,
}

impl Ask {
    /// Reads what was sent to a subject. An empty body is an empty object.
    pub(super) fn read(subject: &str, body: &[u8]) -> Result<Self, Trouble> {
        if body.len() > WORD_BYTES_MAX {
            let message = format!(
                "the request has {} bytes, and at most {WORD_BYTES_MAX} are read",
                body.len()
            );
            return Err(Trouble::new(Code::TooLong, message));
        }
        let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
        Ok(match subject {
            "task.submit" => Self::TaskSubmit(Box::new(word(body)?)),
            "task.get" => Self::TaskGet(word(body)?),
            "task.list" => Self::TaskList(word(body)?),
            "task.why" => Self::TaskWhy(word(body)?),
            "task.cancel" => Self::TaskCancel(word(body)?),
            "task.retry" => Self::TaskRetry(word(body)?),
            "task.approve" => Self::TaskApprove(word(body)?),
            "task.reject" => Self::TaskReject(word(body)?),
            "task.answer" => Self::TaskAnswer(word(body)?),
            "task.redact" => Self::TaskRedact(word(body)?),
            "run.get" => Self::RunGet(word(body)?),
            "run.list" => Self::RunList(word(body)?),
            "run.cancel" => Self::RunCancel(word(body)?),
            "run.pause" => Self::RunPause(word(body)?),
            "run.resume" => Self::RunResume(word(body)?),
            "run.seal" => Self::RunSeal(word(body)?),
            "run.redact" => Self::RunRedact(word(body)?),
            "agent.list" => Self::AgentList(word(body)?),
            "agent.drain" => Self::AgentDrain(word(body)?),
            "agent.resume" => Self::AgentResume(word(body)?),
            "node.list" => Self::NodeList(word(body)?),
            "evt.read" => Self::EventRead(word(body)?),
            other => {
                if let Some(verb) = other.strip_prefix("lock.")
                    && let Some(word) = LockWord::read(verb, body)?
                {
                    return Ok(Self::Lock(word));
                }
                if let Some(verb) = other.strip_prefix("vote.")
                    && let Some(word) = VoteWord::read(verb, body)?
                {
                    return Ok(Self::Vote(word));
                }
                if let Some(verb) = other.strip_prefix("council.")
                    && let Some(word) = CouncilWord::read(verb, body)?
                {
                    return Ok(Self::Council(word));
                }
                let message = format!("nobody answers {other:?}");
                let help = did_you_mean(other, SUBJECTS).unwrap_or_default();
                return Err(Trouble::new(Code::UnknownCommand, message).advised(help));
            }
        })
    }
}

fn word<T: DeserializeOwned>(body: &[u8]) -> Result<T, Trouble> {
    serde_json::from_slice(body).map_err(|error| Trouble::unread(&error))
}
