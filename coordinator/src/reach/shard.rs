//! The way to one shard.

use std::{sync::Arc, time::Duration};

use futures::FutureExt as _;
use orkestra_runtime::{
    fabric::Messages,
    id::{RunId, ShardId},
    machine::ReplyTo,
};

use super::there::{Asking, There};
use crate::{
    shard::{
        Pool,
        actor::{Read, ShardError, ShardHandle},
        machine::{Answer, Command, Query, Reply, ShardMachine},
    },
    system::TeamHands,
    task::RunSummary,
    voting,
};

/// The way to a shard of this process.
pub(crate) type Here = ShardHandle<ShardMachine, TeamHands>;

/// The way to a shard, wherever it is led. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    here: Option<Here>,
    there: Option<There>,
    /// Where it is told what sessions have lost, of a shard that is only here.
    told: Option<Arc<dyn Messages>>,
}

impl Shard {
    /// A shard that nobody else can lead.
    pub(crate) const fn here(handle: Here, told: Arc<dyn Messages>) -> Self {
        Self { here: Some(handle), there: None, told: Some(told) }
    }

    /// A shard of a cluster; `here` where this node may lead it.
    pub(crate) const fn of_cluster(here: Option<Here>, there: There) -> Self {
        Self { here, there: Some(there), told: None }
    }

    /// Where it is told which sessions have lost something.
    pub(crate) fn news(&self) -> Option<(Arc<dyn Messages>, ShardId)> {
        let here = || Some((Arc::clone(self.told.as_ref()?), ShardId(0)));
        self.there.as_ref().map(There::news).or_else(here)
    }

    /// The way to it within this process, if this process may lead it.
    pub(crate) const fn handle(&self) -> Option<&Here> {
        self.here.as_ref()
    }

    /// The same as [`ShardHandle::command`].
    pub(crate) async fn command(
        &self,
        make: impl FnOnce(ReplyTo) -> Command + Send,
        pool: Pool,
        within: Duration,
    ) -> Result<Reply, ShardError> {
        self.ask(make, pool, (within, Asking::Once)).await
    }

    /// The same for a command that may be given twice without effect: where others may lead, it is
    /// given again when no answer comes.
    pub(crate) async fn command_again(
        &self,
        make: impl FnOnce(ReplyTo) -> Command + Send,
        pool: Pool,
        within: Duration,
    ) -> Result<Reply, ShardError> {
        self.ask(make, pool, (within, Asking::Repeatedly)).await
    }

    /// Both, for whoever is told which it is.
    pub(crate) async fn ask(
        &self,
        make: impl FnOnce(ReplyTo) -> Command + Send,
        pool: Pool,
        (within, asking): (Duration, Asking),
    ) -> Result<Reply, ShardError> {
        let Some(there) = &self.there else {
            let Some(here) = &self.here else { return Err(ShardError::NoOne) };
            return commanded(here, make(ReplyTo::default()), (pool, within)).await;
        };
        let command = make(ReplyTo::default());
        let here = |left: Duration| {
            let (here, command) = (self.led_here()?, command.clone());
            Some(async move { commanded(&here, command, (pool, left)).await }.boxed())
        };
        let remote = |left: Duration| there.command(command.clone(), pool, left);
        there.again((within, asking), here, remote).await
    }

    /// The same as [`ShardHandle::tell`].
    pub(crate) async fn tell(
        &self,
        command: Command,
        pool: Pool,
        within: Duration,
    ) -> Result<(), ShardError> {
        let Some(there) = &self.there else {
            let Some(here) = &self.here else { return Err(ShardError::NoOne) };
            return here.tell(command, pool, within).await;
        };
        let here = |left: Duration| {
            let (here, command) = (self.led_here()?, command.clone());
            Some(async move { here.tell(command, pool, left).await }.boxed())
        };
        let remote = |left: Duration| there.tell(command.clone(), pool, left);
        there.again((within, Asking::Once), here, remote).await
    }

    /// The same as [`ShardHandle::query`].
    pub(crate) async fn query(
        &self,
        query: Query,
        within: Duration,
    ) -> Result<Read<Answer>, ShardError> {
        let Some(there) = &self.there else {
            let Some(here) = &self.here else { return Err(ShardError::NoOne) };
            return here.query(query, within).await;
        };
        let here = |left: Duration| {
            let (here, query) = (self.led_here()?, query.clone());
            Some(async move { here.query(query, left).await }.boxed())
        };
        let remote = |left: Duration| there.query(query.clone(), left);
        there.again((within, Asking::Repeatedly), here, remote).await
    }

    /// Waits until a run has ended, for about [`super::LISTEN`] where another node leads; none where
    /// the run's end is waited for within this process.
    pub(crate) async fn ended(&self, run: &RunId) -> Option<Result<RunSummary, ShardError>> {
        let there = self.there.as_ref()?;
        Some(match self.led_here() {
            // Whoever leads here is asked here; it may lead no longer when the run ends.
            Some(here) => super::serve::await_run(&here, run, super::TRIP).await,
            None => there.ended(run).await,
        })
    }

    /// Asks nobody elsewhere any more: this process stops.
    pub(crate) fn close(&self) {
        if let Some(there) = &self.there {
            there.close();
        }
    }

    /// Whether it was closed, or nobody runs it any more. A shard of a cluster goes on elsewhere.
    pub(crate) fn is_closed(&self) -> bool {
        match (&self.there, &self.here) {
            (Some(there), _) => there.is_closed(),
            (None, Some(here)) => here.is_closed(),
            (None, None) => true,
        }
    }

    /// The way to those who lead elsewhere, if others may.
    pub(crate) const fn there(&self) -> Option<&There> {
        self.there.as_ref()
    }

    /// The way within this process, while it leads.
    pub(crate) fn led_here(&self) -> Option<Here> {
        self.here.as_ref().filter(|here| here.is_open()).cloned()
    }
}

/// Asks whoever leads in this process. What can be checked before the sequencer is checked before it.
pub(super) async fn commanded(
    here: &Here,
    command: Command,
    (pool, within): (Pool, Duration),
) -> Result<Reply, ShardError> {
    match voting::checked(here, command).await {
        Ok(command) => here.command(|to| command.addressed(to), pool, within).await,
        Err(refused) => Ok(refused),
    }
}
