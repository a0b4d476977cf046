//! How refusals of councils are told.

use tonic::Status;

use super::Orchestrator;
use crate::{
    client::councils::{CouncilError, Councils},
    council::CouncilRefusal,
    grpc::{
        credential::Caller,
        status::{Reason, failed, invalid_field, refused, refused_of},
    },
};

/// A refusal as a status.
pub(super) fn told(error: &CouncilError) -> Status {
    let refusal = match error {
        CouncilError::Refused(refusal) => refusal,
        CouncilError::Failed(error) => return failed(error),
    };
    let why = refusal.to_string();
    match refusal {
        CouncilRefusal::NotFound { .. } | CouncilRefusal::AgentNotFound { .. } => {
            refused(Reason::NotFound, why)
        }
        CouncilRefusal::NoCouncil { role } => {
            refused_of(Reason::NoCouncil, why, [("role", role.clone())])
        }
        CouncilRefusal::NoAgents { role, .. } => {
            refused_of(Reason::NoAgents, why, [("role", role.clone())])
        }
        CouncilRefusal::CouncilExists { role } | CouncilRefusal::AgentExists { role, .. } => {
            refused_of(Reason::Exists, why, [("role", role.clone())])
        }
        CouncilRefusal::Busy { role, id } => {
            let known = [("role", role.clone()), ("execution_id", id.clone())];
            refused_of(Reason::Busy, why, known)
        }
        CouncilRefusal::Conflict { .. } => refused(Reason::Exists, why),
        CouncilRefusal::Invalid { field, why } => invalid_field(named(field), why.as_str()),
        CouncilRefusal::Bound { .. } => refused(Reason::Full, why),
    }
}

/// What a field is called over gRPC.
fn named(field: &str) -> &str {
    match field {
        "task" => "task_description",
        "id" => "task_id",
        "rubric" => "constraints.rubric",
        "requirements" => "constraints.requirements",
        "metadata" => "constraints.metadata",
        "timeout_ms" => "constraints.timeout_seconds",
        "max_iterations" => "constraints.max_iterations",
        other => other,
    }
}

impl Orchestrator {
    /// A refusal as a status; where it is wanted so, and there is no council at all, as older
    /// services refused.
    pub(super) async fn told(
        &self,
        error: &CouncilError,
        (councils, caller): (&Councils, &Caller),
    ) -> Status {
        let role = match error {
            CouncilError::Refused(
                CouncilRefusal::NoCouncil { role } | CouncilRefusal::NoAgents { role, .. },
            ) if self.is_compatible => role,
            CouncilError::Refused(_) | CouncilError::Failed(_) => return told(error),
        };
        match councils.list(&caller.namespace, None).await {
            Ok(all) if all.is_empty() => {
                let why = format!("there is no council, so nobody deliberates as {role}: {error}");
                refused_of(Reason::Unsupported, why, [("role", role.clone())])
            }
            Ok(_) | Err(_) => told(error),
        }
    }
}

/// An agent without a name, which was told already.
pub(super) fn nameless() -> Status {
    invalid_field("agent_id", "is no name of an agent")
}
