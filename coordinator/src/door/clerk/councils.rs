//! What is asked of councils.

use orkestra_runtime::Result;
use serde_json::{Value, json};

use super::{super::councils::CouncilAsk, Clerk, told};
use crate::client::councils::Councils;

impl Clerk {
    /// Carries out what is asked of councils, in the name of whoever asks.
    pub(super) async fn council(&self, ask: CouncilAsk, by: &str) -> Result<Value> {
        let councils = Councils::new(self.means.shard.clone());
        match ask {
            CouncilAsk::Create { council } => told(&councils.create(*council).await?),
            CouncilAsk::Register { registration } => {
                let council_id = councils.register(*registration).await?;
                Ok(json!({ "council_id": council_id }))
            }
            CouncilAsk::Unregister { namespace, role, agent } => {
                councils.unregister(&namespace, &role, agent.as_str()).await?;
                Ok(json!({ "agent_id": agent }))
            }
            CouncilAsk::Delete { namespace, role, force } => {
                let removed = councils.delete(&namespace, &role, force).await?;
                Ok(json!({ "agents_removed": removed }))
            }
            CouncilAsk::Deliberate { request } => told(&councils.deliberate(*request).await?),
            CouncilAsk::Cancel { namespace, id, why } => {
                let changed = councils.cancel(&namespace, &id, by, &why).await?;
                Ok(json!({ "changed": changed }))
            }
            CouncilAsk::Look(query) => told(&councils.query(query).await?),
        }
    }
}
