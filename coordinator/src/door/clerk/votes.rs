//! What is asked of votes.

use orkestra_runtime::Result;
use serde_json::Value;

use super::{super::votes::VoteAsk, Clerk, told};
use crate::client::votes::Votes;

impl Clerk {
    /// Passes on what is asked of votes, in the name of whoever asks.
    pub(super) async fn vote(&self, ask: VoteAsk, by: &str) -> Result<Value> {
        let votes = Votes::new(self.means.shard.clone());
        match ask.told(by) {
            Ok(query) => told(&votes.query(query).await?),
            Err(command) => told(&votes.pass(*command).await?),
        }
    }
}
