//! How the node stands.

use std::sync::Arc;

use orkestra_proto::orkestra::v1::{
    GetStatusRequest, GetStatusResponse, ListNodesRequest, ListNodesResponse, Node,
    status_service_server::StatusService,
};
use tonic::{Request, Response, Status};

use super::{Means, caller};
use crate::{
    grpc::standing::Standing,
    public::{NodeRow, told_namespace},
};

/// Whoever tells how the node stands.
#[derive(Clone, Debug)]
pub(in crate::grpc) struct NodeStatus {
    pub(in crate::grpc) means: Means,
    pub(in crate::grpc) standing: Arc<Standing>,
}

#[tonic::async_trait]
impl StatusService for NodeStatus {
    async fn get_status(
        &self,
        call: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        let caller = caller(&call)?;
        let reading = self.standing.reading(&caller.namespace).await;
        Ok(Response::new(GetStatusResponse {
            node: self.standing.node().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_seconds: self.standing.uptime().as_secs(),
            namespace: told_namespace(&caller.namespace).to_owned(),
            shards: reading.shards,
            leads: reading.leads,
            ready: reading.is_ready,
        }))
    }

    async fn list_nodes(
        &self,
        call: Request<ListNodesRequest>,
    ) -> Result<Response<ListNodesResponse>, Status> {
        caller(&call)?;
        let nodes = self.means.shards.nodes().into_iter().map(shown).collect();
        Ok(Response::new(ListNodesResponse { nodes }))
    }
}

fn shown(row: NodeRow) -> Node {
    Node {
        node: row.node.to_string(),
        state: row.state,
        roles: row.roles,
        version: row.version,
        leads: row.leads.into(),
        capacity: row.capacity,
        running: row.running,
    }
}
