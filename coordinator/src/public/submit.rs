//! What a submission says, and how it becomes tasks.

use std::fmt::Write as _;

use orkestra_runtime::{
    ErrorKind,
    id::{AgentId, Capability, LockKey, RunId, TaskId},
    protocol::{
        lock::Want,
        payload::Json,
        task::{Dependency, DependencyKind, Priority, RetryPolicy, Sensitive, TaskSpec},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::{answer::Trouble, kept_namespace};
use crate::{
    client::Tasks,
    door::Code,
    scenario::LockWritten,
    task::{Answer, Query, RunOpening, view::RunView},
};

/// How many tasks one submission has at most.
const TASKS_MAX: usize = 10_000;
/// The longest idempotency key, in bytes.
const KEY_BYTES_MAX: usize = 256;
/// How often a seal is tried again that another submission has overtaken.
const SEAL_TRIES: u32 = 5;

/// The name of a task that is alone in its run and was given none.
pub(super) const ONLY_TASK: &str = "task";

/// Tasks to be done.
///
/// With a `run`, they go into that run, which is opened where it is not there, takes tasks until it
/// is sealed, and begins each as it comes. Without one they are a run of their own, which is sealed
/// at once; its name follows from `key`, so that the same key is the same run.
///
/// `I` is how an input is written: JSON as it stands, unless the submission is read from elsewhere.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, bound(deserialize = "I: Deserialize<'de>"))]
pub struct Submission<I = Box<RawValue>> {
    /// Whose.
    pub namespace: Option<String>,
    /// Into which run.
    pub run: Option<RunId>,
    /// Under which key it is submitted once, however often it is sent.
    pub key: Option<String>,
    /// One task.
    pub task: Option<TaskWord<I>>,
    /// Or many.
    #[serde(default)]
    pub tasks: Vec<TaskWord<I>>,
    /// Whether the run gets no more tasks after these.
    #[serde(default)]
    pub seal: bool,
}

/// One task.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, bound(deserialize = "I: Deserialize<'de>"))]
pub struct TaskWord<I = Box<RawValue>> {
    /// Its name, unique within its run; `task` if it has none.
    pub id: Option<TaskId>,
    /// One line for people.
    #[serde(default)]
    pub title: String,
    /// What is to be done.
    #[serde(default)]
    pub instructions: String,
    /// The kind of work.
    #[serde(default)]
    pub category: String,
    /// How much it matters.
    #[serde(default)]
    pub priority: Priority,
    /// What an agent must be able to do.
    #[serde(default)]
    pub requires: Vec<Capability>,
    /// Which agents may work on it.
    #[serde(default)]
    pub agents: Vec<AgentId>,
    /// Which tasks must be completed first.
    #[serde(default)]
    pub needs: Vec<TaskId>,
    /// What the agent is given: any JSON.
    pub input: Option<I>,
    /// How often it is tried again after a failure.
    pub retries: Option<u32>,
    /// How long one attempt may take, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// How long after its submission it must have ended, in milliseconds.
    pub deadline_ms: Option<u64>,
    /// Which of its contents may have to be deleted.
    #[serde(default)]
    pub sensitive: Sensitive,
    /// Which locks it holds while it runs.
    #[serde(default)]
    pub locks: Vec<LockWritten>,
}

/// What became of a submission.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Submitted {
    /// Whose.
    pub namespace: String,
    /// The run.
    pub run: RunId,
    /// The tasks, in the order in which they were submitted.
    pub tasks: Vec<TaskId>,
    /// Whether the run was there before.
    pub existed: bool,
    /// Whether it gets no more tasks.
    pub sealed: bool,
}

impl Submission {
    /// Takes everything that was submitted, or says what is wrong with it.
    pub(crate) async fn carry_out(
        self,
        tasks: &Tasks,
        header: Option<&str>,
    ) -> Result<Submitted, Trouble> {
        let namespace = kept_namespace(self.namespace.as_deref()).to_owned();
        let key = self.key.as_deref().or(header).map(str::to_owned);
        let words = self.task.into_iter().chain(self.tasks).collect::<Vec<_>>();
        if words.is_empty() || words.len() > TASKS_MAX {
            let message = format!(
                "a submission has 1 to {TASKS_MAX} tasks, in `task` or `tasks`; here are {}",
                words.len()
            );
            return Err(Trouble::new(Code::Invalid, message));
        }
        let is_own = self.run.is_none();
        let run = match self.run {
            Some(run) => run,
            None => own_run(&namespace, key.as_deref())?,
        };
        let found = found_run(tasks, &run).await?;
        if let Some(found) = &found
            && found.opening.namespace != namespace
        {
            let message = format!("a run {run:?} of another namespace is there");
            return Err(Trouble::new(Code::Conflict, message).advised("take another name"));
        }
        let existed = found.is_some();
        if !existed {
            let (stream, namespace) = (!is_own, namespace.clone());
            let opening = RunOpening { stream, namespace, ..RunOpening::default() };
            tasks.open(&run, opening).await?;
        }
        let (mut names, mut specs) = (Vec::new(), Vec::new());
        for word in words {
            let spec = spec(word, tasks).await?;
            names.push(spec.id.clone());
            specs.push(spec.into());
        }
        tasks.submit(&run, specs).await?;
        let sealed = is_own || self.seal;
        if sealed {
            seal(tasks, &run).await?;
        }
        let namespace = super::told_namespace(&namespace).to_owned();
        Ok(Submitted { namespace, run, tasks: names, existed, sealed })
    }
}

impl<I> Submission<I> {
    /// The same with its inputs written otherwise.
    pub(crate) fn with_inputs<J, E>(
        self,
        write: impl Fn(I) -> Result<J, E>,
    ) -> Result<Submission<J>, E> {
        let Self { namespace, run, key, task, tasks, seal } = self;
        let task = task.map(|task| task.with_input(&write)).transpose()?;
        let tasks = tasks.into_iter().map(|task| task.with_input(&write));
        let tasks = tasks.collect::<Result<_, E>>()?;
        Ok(Submission { namespace, run, key, task, tasks, seal })
    }
}

impl<I> TaskWord<I> {
    fn with_input<J, E>(self, write: impl Fn(I) -> Result<J, E>) -> Result<TaskWord<J>, E> {
        let Self { id, title, instructions, category, priority, requires, agents, needs, .. } =
            self;
        let Self { input, retries, timeout_ms, deadline_ms, sensitive, locks, .. } = self;
        let input = input.map(write).transpose()?;
        Ok(TaskWord {
            id,
            title,
            instructions,
            category,
            priority,
            requires,
            agents,
            needs,
            input,
            retries,
            timeout_ms,
            deadline_ms,
            sensitive,
            locks,
        })
    }
}

/// Says of a run that it gets no more tasks.
pub(crate) async fn seal(tasks: &Tasks, run: &RunId) -> Result<(), Trouble> {
    let mut tries = 0;
    loop {
        let Some(found) = found_run(tasks, run).await? else {
            return Err(Trouble::new(Code::NotFound, format!("there is no run {run:?}")));
        };
        if found.sealed {
            return Ok(());
        }
        match tasks.seal(run, found.summary.counts.total).await {
            // Another submission was faster: count again.
            Err(error) if error.kind() == ErrorKind::Invalid && tries < SEAL_TRIES => tries += 1,
            sealed => return Ok(sealed?),
        }
    }
}

pub(crate) async fn found_run(tasks: &Tasks, run: &RunId) -> Result<Option<RunView>, Trouble> {
    match tasks.query(Query::Run(run.clone())).await? {
        Answer::Run(found) => Ok(found.map(|view| *view)),
        _ => Ok(None),
    }
}

/// A run of another namespace is not there for whoever asks in this one.
pub(crate) fn check_namespace(found: &RunView, namespace: &str) -> Result<(), Trouble> {
    if found.opening.namespace == namespace {
        return Ok(());
    }
    let (run, told) = (&found.summary.run, super::told_namespace(namespace));
    let message = format!("there is no run {run:?} in the namespace {told:?}");
    Err(Trouble::new(Code::NotFound, message).advised("name the namespace of the run"))
}

/// The name of a run of its own.
fn own_run(namespace: &str, key: Option<&str>) -> Result<RunId, Trouble> {
    let name = match key {
        Some(key) if key.is_empty() || key.len() > KEY_BYTES_MAX => {
            let message =
                format!("a key has 1 to {KEY_BYTES_MAX} bytes, and this has {}", key.len());
            return Err(Trouble::new(Code::Invalid, message));
        }
        Some(key) => {
            let mut hash = Sha256::new();
            hash.update((namespace.len() as u64).to_be_bytes());
            hash.update(namespace.as_bytes());
            hash.update(key.as_bytes());
            hex(&hash.finalize()[..12])
        }
        None => {
            let drawn = getrandom::u64().map_err(|error| {
                Trouble::new(Code::Io, format!("the system gives no random numbers: {error}"))
            })?;
            format!("{drawn:016x}")
        }
    };
    Ok(RunId::new(format!("job-{name}"))?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

async fn spec(word: TaskWord, tasks: &Tasks) -> Result<TaskSpec, Trouble> {
    let id = word.id.map_or_else(|| TaskId::new(ONLY_TASK), Ok)?;
    let mut spec = TaskSpec::new(id);
    if let Some(input) = word.input {
        spec.input = tasks.payload(Json::parse(input.get())?).await?;
    }
    spec.title = word.title;
    spec.instructions = word.instructions;
    spec.category = word.category;
    spec.priority = word.priority;
    spec.requires = word.requires;
    spec.agents = word.agents;
    let hard = |on| Dependency { on, kind: DependencyKind::Hard };
    spec.dependencies = word.needs.into_iter().map(hard).collect();
    if let Some(retries_max) = word.retries {
        spec.retry = RetryPolicy { retries_max, ..RetryPolicy::DEFAULT };
    }
    spec.timeout_ms = word.timeout_ms;
    spec.deadline_ms = word.deadline_ms;
    spec.sensitive = word.sensitive;
    spec.locks = word.locks.iter().map(want).collect::<Result<_, Trouble>>()?;
    Ok(spec)
}

fn want(written: &LockWritten) -> Result<Want, Trouble> {
    let key = LockKey::new(written.key())?;
    let mode = written.mode().map_err(|(at, why, help)| {
        let message = format!("lock {:?}, {at}: {why}", key.as_str());
        Trouble::new(Code::Invalid, message).advised(help)
    })?;
    Ok(Want { key, mode })
}
