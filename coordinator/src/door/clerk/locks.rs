//! What is asked of locks.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::Result;
use serde_json::Value;

use super::{super::locks::LockAsk, Clerk, told};
use crate::client::locks::Locks;

/// How long somebody is let wait for a lock before they are to ask the same again: whoever has gone
/// is soon waited for no more.
const WAITED_WITHIN: Duration = Duration::from_secs(10);

impl Clerk {
    /// Passes on what is asked of locks, in the name of whoever asks.
    pub(super) async fn lock(&self, ask: LockAsk, by: &str) -> Result<Value> {
        let locks = Locks::new(self.means.shard.clone(), Arc::clone(&self.means.clock));
        match ask.told(by) {
            Ok(query) => told(&locks.query(query).await?),
            Err(command) => told(&locks.pass(command, WAITED_WITHIN).await?),
        }
    }
}
