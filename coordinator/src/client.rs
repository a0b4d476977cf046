//! The way to tasks: open a run, submit, wait, cancel, ask.

mod cluster;
pub mod councils;
mod following;
mod heal;
pub mod locks;
mod parts;
mod people;
pub mod votes;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Blobs, unseal},
    id::{Incarnation, RunId, TaskId, TaskNo},
    machine::ReplyTo,
    protocol::{
        payload::{Json, Payload},
        task::TaskSpec,
    },
};
use tokio::sync::mpsc;

pub use cluster::Cluster;
pub use following::Following;
use following::Whence;

use crate::{
    reach::{Endings, Shard},
    sensitive::Keyed,
    shard::{
        actor::ShardError,
        machine::{Answer as ShardAnswer, Command, Query as ShardQuery, Reply as ShardReply},
        pool::Pool,
        sequencer::Refusal as Refused,
        step::StepFault,
    },
    system::Followers,
    task::{Answer, Query, RefusalCode, Reply, RunOpening, RunSummary, TaskCommand, redact::told},
};

/// How long a command may take.
const WITHIN: Duration = Duration::from_secs(30);
/// How long is waited before what was not answered is asked again.
const AGAIN: Duration = Duration::from_millis(20);
/// How many batches of endings may wait for a follower.
const FOLLOW_CAPACITY: usize = 65_536;

/// The way to the tasks of a node. Cheap to clone.
#[derive(Clone)]
pub struct Tasks {
    shard: Shard,
    followers: Followers,
    blobs: Arc<dyn Blobs>,
    next: Arc<std::sync::atomic::AtomicU64>,
}

/// Tokens of followers, apart from those that the shard's handle gives.
const FOLLOWER_TOKENS: u64 = 1 << 63;

impl Tasks {
    pub(crate) fn new(shard: Shard, followers: Followers, blobs: Arc<dyn Blobs>) -> Self {
        let next = Arc::new(std::sync::atomic::AtomicU64::new(FOLLOWER_TOKENS));
        Self { shard, followers, blobs, next }
    }

    /// Opens a run, or finds it open with the same scenario and input; says whether it was.
    pub async fn open(&self, run: &RunId, opening: RunOpening) -> Result<(bool, bool)> {
        match self
            .repeated(|to| TaskCommand::Open { to, run: run.clone(), opening: opening.clone() })
            .await?
        {
            Reply::Opened { existed, sealed } => Ok((existed, sealed)),
            reply => Err(odd(&reply)),
        }
    }

    /// Begins a run of these tasks and lets them go: opens it, submits the graph, seals it.
    ///
    /// Where the run is there already it goes on where it was; with other tasks than it began with
    /// it is refused.
    pub async fn begin(&self, run: &RunId, tasks: Vec<TaskSpec>) -> Result<()> {
        let count = tasks.len() as u64;
        let Keyed { hash: input_hash, key: input_key } = self.hash_of(run, &tasks).await?;
        let opening = RunOpening { input_hash, input_key, ..RunOpening::default() };
        let (_, sealed) = self.open(run, opening).await?;
        if !sealed {
            self.submit(run, tasks.into_iter().map(Arc::new).collect()).await?;
            self.seal(run, count).await?;
        }
        Ok(())
    }

    /// Submits tasks, in parts where they are many; answers their numbers in the same order.
    ///
    /// Submitting the same again is free of effect, so after an error the whole may be repeated.
    /// An input that is sensitive is put into a sealed blob first.
    pub async fn submit(&self, run: &RunId, tasks: Vec<Arc<TaskSpec>>) -> Result<Vec<TaskNo>> {
        let tasks = self.with_sealed_inputs(run, tasks).await?;
        let mut numbers = Vec::with_capacity(tasks.len());
        for tasks in parts::of(tasks) {
            let submit = |to| TaskCommand::Submit { to, run: run.clone(), tasks: tasks.clone() };
            match self.repeated(submit).await? {
                Reply::Submitted { tasks, .. } => numbers.extend(tasks),
                reply => return Err(odd(&reply)),
            }
        }
        Ok(numbers)
    }

    /// Completes a graph of so many tasks and lets it begin.
    pub async fn seal(&self, run: &RunId, tasks: u64) -> Result<()> {
        match self.repeated(|to| TaskCommand::Seal { to, run: run.clone(), tasks }).await? {
            Reply::Sealed => Ok(()),
            reply => Err(odd(&reply)),
        }
    }

    /// Waits until every task of a run has ended.
    pub async fn wait(&self, run: &RunId) -> Result<RunSummary> {
        loop {
            if let Some(ended) = self.ended_elsewhere(run).await? {
                return Ok(ended);
            }
            let run = run.clone();
            // A new reign knows of nobody who waits, and tells so: then ask again.
            let asked = self.ask(|to| TaskCommand::AwaitRun { to, run }, Duration::MAX).await;
            match asked {
                Ok(Reply::RunEnded(summary)) => return Ok(summary),
                Ok(reply) => return Err(odd(&reply)),
                Err(ShardError::NoAnswer) if !self.shard.is_closed() => a_moment().await,
                Err(error) => return Err(unanswered(&error)),
            }
        }
    }

    /// Cancels a task with its children; answers how many had not ended.
    pub async fn cancel(&self, run: &RunId, task: &TaskId, by: &str, reason: &str) -> Result<u64> {
        let (run, task) = (run.clone(), task.clone());
        let (by, reason) = (by.to_owned(), reason.to_owned());
        let command = |to| TaskCommand::Cancel { to, run, task, by, reason };
        match self.command(command, WITHIN).await? {
            Reply::Cancelled { tasks } => Ok(tasks),
            reply => Err(odd(&reply)),
        }
    }

    /// Cancels a run with all its tasks; answers how many had not ended.
    pub async fn cancel_run(&self, run: &RunId, by: &str, reason: &str) -> Result<u64> {
        let (run, by, reason) = (run.clone(), by.to_owned(), reason.to_owned());
        let command = |to| TaskCommand::CancelRun { to, run, by, reason };
        match self.command(command, WITHIN).await? {
            Reply::Cancelled { tasks } => Ok(tasks),
            reply => Err(odd(&reply)),
        }
    }

    /// Tries a failed or cancelled task again, and what failed because of it.
    pub async fn retry(&self, run: &RunId, task: &TaskId, by: &str) -> Result<()> {
        let (run, task, by) = (run.clone(), task.clone(), by.to_owned());
        match self.command(|to| TaskCommand::Retry { to, run, task, by }, WITHIN).await? {
            Reply::Retried => Ok(()),
            reply => Err(odd(&reply)),
        }
    }

    /// Waits for the end of a run of a cluster, whoever leads it; none where nobody else can lead.
    async fn ended_elsewhere(&self, run: &RunId) -> Result<Option<RunSummary>> {
        if self.shard.there().is_none() {
            return Ok(None);
        }
        // What is not there would be waited for in vain.
        if let Answer::Run(None) = self.query(Query::Run(run.clone())).await? {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no run {run:?}")));
        }
        while let Some(ended) = self.shard.ended(run).await {
            match ended {
                Ok(summary) => return Ok(Some(summary)),
                Err(ShardError::NoAnswer) if !self.shard.is_closed() => a_moment().await,
                Err(error) => return Err(unanswered(&error)),
            }
        }
        Ok(None)
    }

    /// Follows the endings of a run's tasks from now on. The stream ends with the reign, or when
    /// whoever follows falls far behind; what was missed stands in [`Query::Tasks`].
    pub async fn follow(&self, run: &RunId) -> Result<Following> {
        if let Some(there) = self.shard.there().filter(|_| self.shard.led_here().is_none()) {
            let token = crate::reach::nobodys_token()?;
            let followed = Endings::of(there.clone(), run, token).await;
            return followed
                .map(|endings| Following(Whence::There(endings)))
                .map_err(|error| unanswered(&error));
        }
        self.follow_here(run).await
    }

    /// The same, within this process.
    pub(crate) async fn follow_here(&self, run: &RunId) -> Result<Following> {
        let to = ReplyTo(self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let (sender, ended) = mpsc::channel(FOLLOW_CAPACITY);
        if self.followers.enter(to, Incarnation(0), sender).is_err() {
            return Err(Error::new(ErrorKind::Fault, "a token was given twice"));
        }
        let command = Command::Task(TaskCommand::Follow { to, run: run.clone() });
        let following = Following(Whence::Here { tasks: self.clone(), to, ended });
        self.shard
            .tell(command, Pool::Control, WITHIN)
            .await
            .map_err(|error| unanswered(&error))?;
        Ok(following)
    }

    /// Asks something that changes nothing.
    pub async fn query(&self, query: Query) -> Result<Answer> {
        self.query_settled(query).await.map(|(answer, _)| answer)
    }

    /// The same, and whether everything that the answer shows is durable: it is, unless the journal
    /// has no room now.
    pub async fn query_settled(&self, query: Query) -> Result<(Answer, bool)> {
        let until = crate::reach::now() + WITHIN;
        let read = loop {
            let left = until.saturating_duration_since(crate::reach::now());
            match self.shard.query(ShardQuery::Task(query.clone()), left).await {
                // The reign that was asked has ended: the next one knows.
                Err(ShardError::NoAnswer) if !left.is_zero() && !self.shard.is_closed() => {
                    a_moment().await;
                }
                asked => break asked,
            }
        };
        let read = read.map_err(|error| unanswered(&error))?;
        match read.answer {
            ShardAnswer::Task(answer) => Ok((answer, read.settled)),
            answer @ (ShardAnswer::Context(_)
            | ShardAnswer::Lock(_)
            | ShardAnswer::Committee(_)
            | ShardAnswer::Council(_)) => {
                let why = format!("the shard answered something else: {answer:?}");
                Err(Error::new(ErrorKind::Fault, why))
            }
        }
    }

    /// The output of a completed task; none if it is not completed.
    pub async fn output(&self, run: &RunId, task: &TaskId) -> Result<Option<Json>> {
        let Answer::Task(Some(view)) = self.query(Query::Task(run.clone(), task.clone())).await?
        else {
            return Ok(None);
        };
        let Some(payload) = view.output else { return Ok(None) };
        if let Some(deleted) = view.redacted.filter(|_| payload.is_sensitive()) {
            return Err(Error::new(ErrorKind::NotFound, told(task, &deleted)));
        }
        self.read(&payload).await.map(Some)
    }

    /// The JSON of a payload, wherever it stands.
    pub async fn read(&self, payload: &Payload) -> Result<Json> {
        match payload {
            Payload::Inline(json) => Ok(json.clone()),
            Payload::Blob { name, .. } | Payload::Sensitive { name, .. } => {
                let mut bytes = self.blobs.get(name).await?.ok_or_else(|| {
                    let message = if payload.is_sensitive() {
                        "this content was sensitive, and is deleted".to_owned()
                    } else {
                        format!("the blob {name} is gone")
                    };
                    Error::new(ErrorKind::NotFound, message)
                })?;
                if payload.is_sensitive() {
                    bytes = unseal(&bytes)?;
                }
                let text = String::from_utf8_lossy(&bytes);
                Json::parse(&text)
            }
        }
    }

    /// JSON as a payload: in place while it is small, in a blob when it is large.
    pub async fn payload(&self, json: Json) -> Result<Payload> {
        if json.as_str().len() <= orkestra_runtime::limits::PAYLOAD_INLINE_BYTES_MAX {
            return Ok(Payload::Inline(json));
        }
        let bytes = Bytes::copy_from_slice(json.as_str().as_bytes());
        let length = bytes.len() as u64;
        let name = self.blobs.put(bytes).await?;
        Ok(Payload::Blob { name, bytes: length })
    }

    pub(crate) const fn blobs(&self) -> &Arc<dyn Blobs> {
        &self.blobs
    }

    async fn ask(
        &self,
        make: impl FnOnce(ReplyTo) -> TaskCommand + Send,
        within: Duration,
    ) -> Result<Reply, ShardError> {
        let command = |to| Command::Task(make(to));
        self.shard.command(command, Pool::Outside, within).await.and_then(of_tasks)
    }

    async fn command(
        &self,
        make: impl FnOnce(ReplyTo) -> TaskCommand + Send,
        within: Duration,
    ) -> Result<Reply> {
        answered(self.ask(make, within).await)
    }

    /// A command that may be done twice without effect: asked again when a reign ends with it.
    pub(crate) async fn repeated(
        &self,
        make: impl Fn(ReplyTo) -> TaskCommand + Send + Sync,
    ) -> Result<Reply> {
        let asked = async {
            loop {
                let command = |to| Command::Task(make(to));
                match self.shard.command_again(command, Pool::Outside, WITHIN).await {
                    Err(ShardError::NoAnswer) if !self.shard.is_closed() => a_moment().await,
                    asked => break asked.and_then(of_tasks),
                }
            }
        };
        let asked = tokio::time::timeout(WITHIN, asked).await;
        answered(asked.unwrap_or(Err(ShardError::NoAnswer)))
    }
}

/// The task machine answers as itself: anything else cannot be, and is no answer.
fn of_tasks(reply: ShardReply) -> Result<Reply, ShardError> {
    match reply {
        ShardReply::Task(reply) => Ok(reply),
        ShardReply::Context(_)
        | ShardReply::Lock(_)
        | ShardReply::Committee(_)
        | ShardReply::Council(_) => Err(ShardError::NoAnswer),
    }
}

fn answered(asked: Result<Reply, ShardError>) -> Result<Reply> {
    match asked.map_err(|error| unanswered(&error))? {
        Reply::Refused(refusal) => {
            let kind = match refusal.code {
                RefusalCode::RunNotFound
                | RefusalCode::TaskNotFound
                | RefusalCode::AgentNotFound => ErrorKind::NotFound,
                RefusalCode::RunConflict | RefusalCode::TaskConflict => ErrorKind::Conflict,
                _ => ErrorKind::Invalid,
            };
            Err(Error::new(kind, refusal.message))
        }
        reply => Ok(reply),
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("shard", &self.shard).finish_non_exhaustive()
    }
}

/// Waits before the same is asked again. A reign that is being closed answers at once that no answer
/// comes: whoever asks it again without a pause keeps its thread from everybody else, and so from
/// the closing itself.
pub(crate) async fn a_moment() {
    tokio::time::sleep(AGAIN).await;
}

pub(crate) fn unanswered(error: &ShardError) -> Error {
    let kind = match error {
        ShardError::Full | ShardError::Refused(Refused::Busy | Refused::Step(StepFault::Full)) => {
            ErrorKind::Full
        }
        ShardError::NoOne
        | ShardError::NoAnswer
        | ShardError::Refused(Refused::Closing | Refused::Step(StepFault::Lapsed)) => {
            ErrorKind::Unavailable
        }
        ShardError::Refused(Refused::Step(StepFault::TooNew { .. })) => ErrorKind::Conflict,
        ShardError::Refused(Refused::Step(StepFault::Fault(_))) => ErrorKind::Fault,
        ShardError::Refused(Refused::Step(StepFault::TooLarge { .. } | StepFault::TooMany)) => {
            ErrorKind::Invalid
        }
    };
    Error::new(kind, error.to_string())
}

pub(crate) fn odd(reply: &Reply) -> Error {
    Error::new(ErrorKind::Fault, format!("the shard answered something else: {reply:?}"))
}
