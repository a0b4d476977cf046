//! What planning asks for.

use orkestra_proto::orchestrator::v1::{
    DeriveSubtasksRequest, DeriveSubtasksResponse, GetTaskContextRequest, GetTaskContextResponse,
    PlanningEventRequest, PlanningEventResponse,
};
use tonic::Status;

use super::Orchestrator;
use crate::grpc::{
    credential::Caller,
    status::{Reason, refused},
};

impl Orchestrator {
    pub(super) fn planning_event(
        &self,
        _: &Caller,
        _: PlanningEventRequest,
    ) -> Result<PlanningEventResponse, Status> {
        Err(unsupported("planning events"))
    }

    pub(super) fn subtasks(
        &self,
        _: &Caller,
        _: DeriveSubtasksRequest,
    ) -> Result<DeriveSubtasksResponse, Status> {
        Err(unsupported("plans"))
    }

    pub(super) fn task_context(
        &self,
        _: &Caller,
        _: GetTaskContextRequest,
    ) -> Result<GetTaskContextResponse, Status> {
        Err(unsupported("the contexts of tasks"))
    }
}

fn unsupported(what: &str) -> Status {
    refused(Reason::Unsupported, format!("nothing here is done with {what}"))
}
