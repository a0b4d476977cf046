//! Tells the supervision log of this node to whoever listens, line by line.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::Messages,
    id::NodeId,
    names,
    supervise::{SupervisionLog, log::Record},
};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;

/// A line of a node's supervision log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// Which node's.
    pub node: NodeId,
    /// The line.
    #[serde(flatten)]
    pub record: Record,
}

/// Tells each line on the subject of its node, as JSON. Lines come at most once: whoever must miss
/// none asks for them ([`NodeAsk::Supervision`](super::NodeAsk)), or reads the file.
pub(super) struct Telling {
    pub(super) node: NodeId,
    pub(super) log: SupervisionLog,
    pub(super) messages: Arc<dyn Messages>,
}

impl Telling {
    /// Runs until it is dropped.
    pub(super) async fn run(self: Arc<Self>) -> Result<()> {
        let subject = names::supervision(&self.node)?;
        let mut news = self.log.watch();
        loop {
            let record = match news.recv().await {
                Ok(record) => record,
                // What was missed stands in the file.
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return std::future::pending().await,
            };
            let told = NodeRecord { node: self.node.clone(), record: (*record).clone() };
            let bytes = serde_json::to_vec(&told).map_err(|error| {
                Error::new(ErrorKind::Fault, "cannot write a line of the supervision log")
                    .because(error)
            })?;
            // While there is no connection nobody can listen either.
            let _ = self.messages.publish(&subject, Bytes::from(bytes)).await;
        }
    }
}

impl fmt::Debug for Telling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telling").field("node", &self.node).finish_non_exhaustive()
    }
}
