//! The trait that a user implements.

use std::{fmt, future::Future};

use futures::future::BoxFuture;
use orkestra_runtime::{
    Result,
    id::{Attempt, RunId, TaskId},
    protocol::{agent::Availability, payload::Json, task::Failure},
};
use serde::de::DeserializeOwned;

use crate::context::Context;

/// One attempt, as an agent sees it: what to do and what to do it with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The task's run.
    pub run: RunId,
    /// The task's name.
    pub id: TaskId,
    /// Which try this is.
    pub attempt: Attempt,
    /// One line for people.
    pub title: String,
    /// What is to be done.
    pub instructions: String,
    /// What the task was submitted with.
    pub input: Json,
    /// The outputs of the completed tasks it depends on, in the order of its dependencies.
    pub results: Vec<(TaskId, Json)>,
    /// How long this attempt may take, in milliseconds, if the task says so.
    pub timeout_ms: Option<u64>,
}

impl Work {
    /// Reads the input as a value; a failure that no retry mends when it is not one.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        read(&self.input, || format!("the input of task {:?}", self.id))
    }

    /// Reads the output of a task that this one depends on.
    pub fn result<T: DeserializeOwned>(&self, of: &str) -> Result<T, Failure> {
        let found = self.results.iter().find(|(id, _)| id.as_str() == of);
        let (_, json) = found.ok_or_else(|| {
            Failure::error(format!("task {:?} has no result of {of:?}", self.id)).for_good()
        })?;
        read(json, || format!("the result of task {of:?}"))
    }
}

fn read<T: DeserializeOwned>(json: &Json, what: impl Fn() -> String) -> Result<T, Failure> {
    json.read()
        .map_err(|error| Failure::error(format!("cannot read {}: {error}", what())).for_good())
}

/// Somebody who works on tasks.
///
/// The future is dropped when the attempt is cancelled, times out, or its worker stops; nothing in
/// it may rely on running to its end. What it did outside may have happened all the same: use
/// [`Context::effect_key`] to make it idempotent.
pub trait Agent: Send + Sync + 'static {
    /// Works on one attempt and answers with its output. May run several times at once, up to the
    /// capacity of its worker.
    fn work(
        &self,
        work: Work,
        context: Context,
    ) -> impl Future<Output = Result<Json, Failure>> + Send;

    /// Whether it can work at all; asked at each start of its worker.
    fn availability(&self) -> Availability {
        Availability::Available
    }

    /// Whether it works on another machine than its worker: it is then given references to shipped
    /// repositories as they are, since a path of this machine says nothing there.
    fn is_elsewhere(&self) -> bool {
        false
    }
}

/// An [`Agent`] whose type is forgotten.
pub trait DynAgent: Send + Sync + 'static {
    /// See [`Agent::work`].
    fn work(&self, work: Work, context: Context) -> BoxFuture<'_, Result<Json, Failure>>;
    /// See [`Agent::availability`].
    fn availability(&self) -> Availability;
    /// See [`Agent::is_elsewhere`].
    fn is_elsewhere(&self) -> bool;
}

impl<A: Agent> DynAgent for A {
    fn work(&self, work: Work, context: Context) -> BoxFuture<'_, Result<Json, Failure>> {
        Box::pin(Agent::work(self, work, context))
    }

    fn availability(&self) -> Availability {
        Agent::availability(self)
    }

    fn is_elsewhere(&self) -> bool {
        Agent::is_elsewhere(self)
    }
}

impl fmt::Debug for dyn DynAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dyn DynAgent")
    }
}
