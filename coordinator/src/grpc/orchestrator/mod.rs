//! `orchestrator.v1`: councils that deliberate, for clients in any language.
//!
//! Promises: nothing is answered that no agent said; whoever waits and gives up ends what he waited
//! for, unless somebody else had begun it; a deliberation goes on when the node that was asked is
//! stopped, and its name finds it again.

mod asking;
mod councils;
mod course;
mod figures;
mod planning;
mod refusal;
mod shown;
mod stream;

use std::{pin::Pin, sync::Arc};

use futures::Stream;
use orkestra_proto::orchestrator::v1::{
    CreateCouncilRequest, CreateCouncilResponse, DeleteCouncilRequest, DeleteCouncilResponse,
    DeliberateRequest, DeliberateResponse, DeliberationUpdate, DeriveSubtasksRequest,
    DeriveSubtasksResponse, GetDeliberationResultRequest, GetDeliberationResultResponse,
    GetMetricsRequest, GetMetricsResponse, GetStatusRequest, GetStatusResponse,
    GetTaskContextRequest, GetTaskContextResponse, ListCouncilsRequest, ListCouncilsResponse,
    OrchestrateRequest, OrchestrateResponse, PlanningEventRequest, PlanningEventResponse,
    RegisterAgentRequest, RegisterAgentResponse, UnregisterAgentRequest, UnregisterAgentResponse,
    orchestrator_service_server::OrchestratorService,
};
use tonic::{Request, Response, Status};

use super::{
    cancelling::Cancelling,
    credential::Caller,
    orkestra::{Means, caller},
    standing::Standing,
};
use crate::client::councils::Councils;

/// Whoever answers for councils.
#[derive(Clone, Debug)]
pub(super) struct Orchestrator {
    means: Means,
    standing: Arc<Standing>,
    cancelling: Cancelling,
    /// Whether it answers as if nobody had built it, as long as there is no council.
    is_compatible: bool,
}

impl Orchestrator {
    pub(super) const fn new(means: Means, standing: Arc<Standing>, cancelling: Cancelling) -> Self {
        Self { means, standing, cancelling, is_compatible: false }
    }

    /// Whether councils answer UNIMPLEMENTED as long as there is none.
    pub(super) const fn compatible(mut self, is_compatible: bool) -> Self {
        self.is_compatible = is_compatible;
        self
    }

    fn councils(&self, caller: &Caller) -> Councils {
        Councils::beside(&self.means.shards.of(&caller.namespace).tasks)
    }
}

#[tonic::async_trait]
impl OrchestratorService for Orchestrator {
    type StreamDeliberationStream =
        Pin<Box<dyn Stream<Item = Result<DeliberationUpdate, Status>> + Send>>;

    async fn deliberate(
        &self,
        call: Request<DeliberateRequest>,
    ) -> Result<Response<DeliberateResponse>, Status> {
        self.deliberate_to_the_end(&caller(&call)?, call.into_inner()).await.map(Response::new)
    }

    async fn orchestrate(
        &self,
        call: Request<OrchestrateRequest>,
    ) -> Result<Response<OrchestrateResponse>, Status> {
        self.orchestrate_to_the_end(&caller(&call)?, call.into_inner()).await.map(Response::new)
    }

    async fn get_status(
        &self,
        call: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        self.status(&caller(&call)?, call.get_ref().include_stats).await.map(Response::new)
    }

    async fn stream_deliberation(
        &self,
        call: Request<DeliberateRequest>,
    ) -> Result<Response<Self::StreamDeliberationStream>, Status> {
        let (caller, stream) = (caller(&call)?, self.means.streams.begin(&call)?);
        self.stream(&caller, stream, call.into_inner()).await
    }

    async fn get_deliberation_result(
        &self,
        call: Request<GetDeliberationResultRequest>,
    ) -> Result<Response<GetDeliberationResultResponse>, Status> {
        self.result(&caller(&call)?, &call.get_ref().task_id).await.map(Response::new)
    }

    async fn register_agent(
        &self,
        call: Request<RegisterAgentRequest>,
    ) -> Result<Response<RegisterAgentResponse>, Status> {
        self.register(&caller(&call)?, call.into_inner()).await.map(Response::new)
    }

    async fn create_council(
        &self,
        call: Request<CreateCouncilRequest>,
    ) -> Result<Response<CreateCouncilResponse>, Status> {
        self.create(&caller(&call)?, call.into_inner()).await.map(Response::new)
    }

    async fn list_councils(
        &self,
        call: Request<ListCouncilsRequest>,
    ) -> Result<Response<ListCouncilsResponse>, Status> {
        self.list(&caller(&call)?, call.get_ref()).await.map(Response::new)
    }

    async fn delete_council(
        &self,
        call: Request<DeleteCouncilRequest>,
    ) -> Result<Response<DeleteCouncilResponse>, Status> {
        self.delete(&caller(&call)?, &call.get_ref().role).await.map(Response::new)
    }

    async fn unregister_agent(
        &self,
        call: Request<UnregisterAgentRequest>,
    ) -> Result<Response<UnregisterAgentResponse>, Status> {
        self.unregister(&caller(&call)?, call.get_ref()).await.map(Response::new)
    }

    async fn process_planning_event(
        &self,
        call: Request<PlanningEventRequest>,
    ) -> Result<Response<PlanningEventResponse>, Status> {
        self.planning_event(&caller(&call)?, call.into_inner()).await.map(Response::new)
    }

    async fn derive_subtasks(
        &self,
        call: Request<DeriveSubtasksRequest>,
    ) -> Result<Response<DeriveSubtasksResponse>, Status> {
        self.subtasks(&caller(&call)?, call.into_inner()).await.map(Response::new)
    }

    async fn get_task_context(
        &self,
        call: Request<GetTaskContextRequest>,
    ) -> Result<Response<GetTaskContextResponse>, Status> {
        self.task_context(&caller(&call)?, call.into_inner()).await.map(Response::new)
    }

    async fn get_metrics(
        &self,
        call: Request<GetMetricsRequest>,
    ) -> Result<Response<GetMetricsResponse>, Status> {
        self.metrics(&caller(&call)?, call.get_ref()).await.map(Response::new)
    }
}
