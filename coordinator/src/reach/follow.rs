//! The endings of a run that another node leads, as they become durable.

use orkestra_runtime::id::RunId;

use super::there::There;
use crate::{shard::actor::ShardError, task::Ended};

/// Endings of a run's tasks, from another node.
#[derive(Debug)]
pub(crate) struct Endings {
    there: There,
    token: u64,
}

impl Endings {
    /// Follows a run from now on. The token must be nobody else's in the whole cluster.
    pub(crate) async fn of(there: There, run: &RunId, token: u64) -> Result<Self, ShardError> {
        there.follow(run, token).await?;
        Ok(Self { there, token })
    }

    /// The next endings; none when there will be no more under this leader.
    pub(crate) async fn next(&mut self) -> Option<Vec<Ended>> {
        loop {
            match self.there.next(self.token).await {
                Ok(Some(ended)) if ended.is_empty() => {}
                Ok(ended) => return ended,
                // Another leader may know more than this one told: whoever follows looks itself.
                Err(_) => return None,
            }
        }
    }

    /// Follows no more.
    pub(crate) async fn stop(self) {
        self.there.unfollow(self.token).await;
    }
}
