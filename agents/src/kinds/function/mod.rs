//! Agents that are Rust functions.
//!
//! [`FunctionAgent::new`] takes an async function: it runs as a task of its worker and is dropped
//! when its attempt is cancelled or takes too long. [`FunctionAgent::blocking`] takes a function
//! that blocks or computes for long: it runs on a thread of a [`BlockingPool`], apart from the
//! runtime. What must be killable is a [command](super::command) instead.

mod pool;
#[cfg(test)]
mod tests;

use std::{fmt, future::Future};

use orkestra_runtime::protocol::{agent::Availability, payload::Json, task::Failure};

pub use pool::{BlockingPool, QUEUE_MAX};

use crate::{
    agent::{Agent, Work},
    context::Context,
};

/// An agent that is an async function.
pub struct FunctionAgent<F> {
    function: F,
}

impl<F> FunctionAgent<F> {
    /// An agent that calls an async function for each attempt.
    pub const fn new<W>(function: F) -> Self
    where
        F: Fn(Work, Context) -> W + Send + Sync + 'static,
        W: Future<Output = Result<Json, Failure>> + Send,
    {
        Self { function }
    }

    /// An agent that calls a function which may block, on a thread of a pool. The function should
    /// look at [`Context::is_cancelled`] now and then: a thread that is blocked cannot be killed.
    pub fn blocking(pool: BlockingPool, function: F) -> BlockingAgent<F>
    where
        F: Fn(Work, Context) -> Result<Json, Failure> + Clone + Send + Sync + 'static,
    {
        BlockingAgent { pool, function }
    }
}

impl<F> fmt::Debug for FunctionAgent<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionAgent").finish_non_exhaustive()
    }
}

impl<F, W> Agent for FunctionAgent<F>
where
    F: Fn(Work, Context) -> W + Send + Sync + 'static,
    W: Future<Output = Result<Json, Failure>> + Send,
{
    fn work(
        &self,
        work: Work,
        context: Context,
    ) -> impl Future<Output = Result<Json, Failure>> + Send {
        (self.function)(work, context)
    }
}

/// An agent that is a function which may block; made by [`FunctionAgent::blocking`].
pub struct BlockingAgent<F> {
    pool: BlockingPool,
    function: F,
}

impl<F> BlockingAgent<F> {
    /// How many threads of its pool do not come back.
    pub fn lost(&self) -> usize {
        self.pool.lost()
    }
}

impl<F> fmt::Debug for BlockingAgent<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingAgent").field("pool", &self.pool).finish_non_exhaustive()
    }
}

impl<F> Agent for BlockingAgent<F>
where
    F: Fn(Work, Context) -> Result<Json, Failure> + Clone + Send + Sync + 'static,
{
    async fn work(&self, work: Work, context: Context) -> Result<Json, Failure> {
        let function = self.function.clone();
        self.pool.run(move || function(work, context)).await?
    }

    fn availability(&self) -> Availability {
        match self.pool.exhausted() {
            None => Availability::Available,
            Some(reason) => Availability::Unavailable { reason },
        }
    }
}
