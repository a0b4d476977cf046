//! Deliberations that are waited for, and those that are looked at.

use orkestra_proto::orchestrator::v1::{
    DeliberateRequest, DeliberateResponse, GetDeliberationResultResponse, OrchestrateRequest,
    OrchestrateResponse,
};
use tonic::Status;

use super::{Orchestrator, asking, refusal, shown};
use crate::{
    client::councils::{CouncilError, Councils},
    council::{
        DeliberationRequest,
        view::{DeliberationStatus, DeliberationView},
    },
    grpc::{
        cancelling::Waiting,
        credential::Caller,
        status::{Reason, invalid_field, refused, refused_of},
        streams,
    },
};

/// A deliberation that somebody waits for.
pub(super) struct Course {
    pub(super) councils: Councils,
    pub(super) namespace: String,
    pub(super) id: String,
    /// Ends it when nobody waits any more.
    pub(super) waiting: Waiting,
}

impl Orchestrator {
    /// Begins a deliberation that is cancelled when the answer is dropped, unless it was there before:
    /// then somebody else may wait for it.
    pub(super) async fn begin(
        &self,
        caller: &Caller,
        request: DeliberationRequest,
    ) -> Result<Course, Status> {
        let (councils, id) = (self.councils(caller), request.id.clone());
        let namespace = request.namespace.clone();
        let before = councils.result(&namespace, &id).await;
        let is_there = before.map_err(|error| refusal::told(&error))?.is_some();
        let mut waiting = self.cancelling.waiting(councils.clone(), &namespace, &id);
        if is_there {
            waiting.is_over();
        }
        match councils.deliberate(request).await {
            Ok(begun) if begun.existed => waiting.is_over(),
            Ok(_) => {}
            Err(error) => {
                // What was not answered may have begun: then it is cancelled.
                if matches!(error, CouncilError::Refused(_)) {
                    waiting.is_over();
                }
                return Err(self.told(&error, (&councils, caller)).await);
            }
        }
        Ok(Course { councils, namespace, id, waiting })
    }

    pub(super) async fn deliberate_to_the_end(
        &self,
        caller: &Caller,
        asked: DeliberateRequest,
    ) -> Result<DeliberateResponse, Status> {
        let request = asking::deliberation(asked, caller)?;
        let ended = self.wait(self.begin(caller, request).await?).await?;
        let metadata = Some(shown::metadata(&ended, self.now_ms()));
        Ok(DeliberateResponse {
            winner_id: winner_of(&ended),
            duration_ms: shown::signed(ended.duration_ms),
            results: ended.results.into_iter().map(shown::result).collect(),
            metadata,
        })
    }

    pub(super) async fn orchestrate_to_the_end(
        &self,
        caller: &Caller,
        asked: OrchestrateRequest,
    ) -> Result<OrchestrateResponse, Status> {
        let request = asking::orchestration(asked, caller)?;
        let ended = self.wait(self.begin(caller, request).await?).await?;
        let metadata = shown::metadata(&ended, self.now_ms());
        let winner_id = winner_of(&ended);
        let results = ended.results.into_iter().map(shown::result);
        let (winner, candidates): (Vec<_>, Vec<_>) = results.partition(|result| {
            result.proposal.as_ref().is_some_and(|proposal| proposal.author_id == winner_id)
        });
        Ok(OrchestrateResponse {
            winner: winner.into_iter().next(),
            candidates,
            execution_id: metadata.execution_id.clone(),
            duration_ms: shown::signed(ended.duration_ms),
            metadata: Some(metadata),
        })
    }

    pub(super) async fn result(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<GetDeliberationResultResponse, Status> {
        if id.is_empty() {
            return Err(invalid_field("task_id", "is empty"));
        }
        let found = self.councils(caller).result(&caller.namespace, id).await;
        let Some(found) = found.map_err(|error| refusal::told(&error))? else {
            let why = format!("there is no deliberation {id:?}, or it is forgotten");
            return Err(refused(Reason::NotFound, why));
        };
        let metadata = Some(shown::metadata(&found, self.now_ms()));
        Ok(GetDeliberationResultResponse {
            task_id: id.to_owned(),
            status: shown::status(found.status).into(),
            winner_id: winner_of(&found),
            duration_ms: shown::signed(found.duration_ms),
            error_message: found.error_message.unwrap_or_default(),
            results: found.results.into_iter().map(shown::result).collect(),
            metadata,
        })
    }

    /// Waits for the end. When the door is shut before, the deliberation goes on without whoever
    /// waited.
    async fn wait(&self, mut course: Course) -> Result<DeliberationView, Status> {
        let mut closing = self.means.streams.closing();
        let ended = tokio::select! {
            ended = course.councils.wait(&course.namespace, &course.id) => ended,
            status = streams::closing(&mut closing) => {
                course.waiting.is_over();
                return Err(status);
            }
        };
        let ended = ended.map_err(|error| refusal::told(&error))?;
        course.waiting.is_over();
        outcome(&ended)?;
        Ok(ended)
    }

    pub(super) fn now_ms(&self) -> i64 {
        shown::signed(self.means.clock.now().wall.as_ms())
    }
}

fn winner_of(view: &DeliberationView) -> String {
    view.winner_id.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// Why a deliberation that is over has no winner, if it has none.
pub(super) fn outcome(ended: &DeliberationView) -> Result<(), Status> {
    let known = [
        ("execution_id", ended.id.clone()),
        ("role", ended.role.clone()),
        ("results", ended.results.len().to_string()),
    ];
    let why = ended.error_message.clone().unwrap_or_default();
    match ended.status {
        DeliberationStatus::Completed
        | DeliberationStatus::Pending
        | DeliberationStatus::InProgress => Ok(()),
        DeliberationStatus::Timeout => {
            let why = format!(
                "{why}; the deliberation {} ended at its deadline with {} results, which \
                 GetDeliberationResult shows",
                ended.id,
                ended.results.len()
            );
            Err(refused_of(Reason::DeadlineExceeded, why, known))
        }
        DeliberationStatus::Failed if ended.out.len() >= ended.seats.len() => {
            Err(refused_of(Reason::AllAgentsFailed, why, known))
        }
        DeliberationStatus::Failed => Err(refused_of(Reason::Cancelled, why, known)),
    }
}
