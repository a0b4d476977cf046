//! One row of the audit.

use orkestra_runtime::{
    id::{AgentId, Number, RunId, TaskId},
    protocol::check::{Phase as When, is_blocked},
    time::Wall,
};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::task::{Said, TaskEvent, Then};

/// One event, as a person or a program looks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditRow {
    /// Unique for ever: the shard and the event's number.
    pub event_id: String,
    /// The event's number in its shard.
    pub number: Number,
    /// When it was recorded.
    #[serde(serialize_with = "as_text")]
    pub timestamp: Wall,
    /// What happened, e.g. `task_completed`.
    pub event_type: &'static str,
    /// In which run.
    pub run: Option<RunId>,
    /// To which task.
    pub task_id: Option<TaskId>,
    /// With whom.
    pub agent_name: Option<AgentId>,
    /// What else the event says.
    pub details: Value,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn as_text<S: Serializer>(wall: &Wall, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(wall)
}

/// The type of an event, by name.
pub(super) const fn type_of(event: &TaskEvent) -> &'static str {
    match event {
        TaskEvent::RunOpened { .. } => "run_opened",
        TaskEvent::RunSealed { .. } => "run_sealed",
        TaskEvent::RunEnded { .. } => "run_ended",
        TaskEvent::RunCancelled { .. } => "run_cancelled",
        TaskEvent::RunForgotten { .. } => "run_forgotten",
        TaskEvent::TasksForgotten { .. } => "tasks_forgotten",
        TaskEvent::Submitted { .. } => "task_submitted",
        TaskEvent::Assigned { .. } => "task_assigned",
        TaskEvent::Completed { .. } => "task_completed",
        TaskEvent::AttemptFailed { then, .. } => match then {
            Then::Retry { .. } => "task_retry",
            Then::Again => "task_handed_back",
            Then::Fail | Then::Exhausted => "task_failed",
            Then::Poison => "task_poison_pill",
        },
        TaskEvent::Failed { .. } => "task_failed",
        TaskEvent::Cancelled { .. } => "task_cancelled",
        TaskEvent::Retried { .. } => "task_retried_by_hand",
        TaskEvent::AgentDescribed { .. } => "agent_described",
        TaskEvent::ArtifactKept { .. } => "task_artifact_kept",
        TaskEvent::PersonDecided { said, .. } => match said {
            Said::Approved => "task_approved",
            Said::Rejected => "task_rejected",
            Said::Answered(_) => "task_answered",
        },
        TaskEvent::AskEscalated { .. } => "task_escalated",
        TaskEvent::Paused { .. } => "paused",
        TaskEvent::Resumed { .. } => "resumed",
        TaskEvent::AgentDrained { .. } => "agent_drained",
        TaskEvent::AgentReturned { .. } => "agent_returned",
        TaskEvent::Redacted { .. } => "task_redacted",
        TaskEvent::Revealed { .. } => "task_revealed",
        TaskEvent::BreakerOpened { .. } => "agent_breaker_opened",
        TaskEvent::BreakerClosed { .. } => "agent_breaker_closed",
        TaskEvent::Checked { phase: When::Pre, .. } => "checks_pre",
        TaskEvent::Checked { phase: When::Post, .. } => "checks_post",
    }
}

/// What an event says beyond its subject.
pub(super) fn details_of(event: &TaskEvent) -> Value {
    match event {
        TaskEvent::RunOpened { opening, .. } => json!({
            "scenario": opening.scenario,
            "scenario_hash": opening.scenario_hash,
            "input_hash": opening.input_hash,
            "concurrency": opening.concurrency,
        }),
        TaskEvent::RunSealed { .. }
        | TaskEvent::RunForgotten { .. }
        | TaskEvent::AskEscalated { .. }
        | TaskEvent::BreakerClosed { .. } => json!({}),
        TaskEvent::RunEnded { completed, failed, cancelled, .. } => {
            json!({ "completed": completed, "failed": failed, "cancelled": cancelled })
        }
        TaskEvent::RunCancelled { by, reason, .. } | TaskEvent::AgentDrained { by, reason, .. } => {
            json!({ "by": by, "reason": reason })
        }
        TaskEvent::TasksForgotten { tasks } => json!({ "tasks": tasks.len() }),
        TaskEvent::Submitted { spec, .. } => {
            let needs: Vec<_> = spec.dependencies.iter().map(|needed| needed.on.as_str()).collect();
            json!({ "title": spec.title, "priority": spec.priority.as_str(), "needs": needs })
        }
        TaskEvent::Assigned { attempt, score, .. } => json!({
            "attempt": attempt,
            "score": {
                "total": score.total(),
                "suitability": score.suitability,
                "penalty": score.penalty,
                "history": score.history,
            },
        }),
        TaskEvent::Completed { attempt, output, worked_ms, .. } => {
            json!({ "attempt": attempt, "worked_ms": worked_ms, "output": output })
        }
        TaskEvent::AttemptFailed { attempt, failure, then, worked_ms, .. } => json!({
            "attempt": attempt,
            "worked_ms": worked_ms,
            "failure": failure,
            "then": then,
        }),
        TaskEvent::Failed { reason, .. } => json!({ "reason": reason.to_string() }),
        TaskEvent::Cancelled { reason, .. } => json!({ "reason": reason.to_string() }),
        TaskEvent::Retried { by, .. }
        | TaskEvent::AgentReturned { by, .. }
        | TaskEvent::Revealed { by, .. } => json!({ "by": by }),
        TaskEvent::Redacted { by, what, .. } => json!({ "by": by, "what": what }),
        TaskEvent::ArtifactKept { attempt, artifact, .. } => {
            json!({ "attempt": attempt, "artifact": artifact })
        }
        TaskEvent::PersonDecided { by, said, reason, via, .. } => {
            json!({ "by": by, "said": said, "reason": reason, "via": via })
        }
        TaskEvent::Paused { scope, by, reason } => {
            json!({ "scope": scope, "by": by, "reason": reason })
        }
        TaskEvent::Resumed { scope, by } => json!({ "scope": scope, "by": by }),
        TaskEvent::BreakerOpened { until, failures, .. } => {
            json!({ "until": until.to_string(), "failures": failures })
        }
        TaskEvent::Checked { attempt, results, .. } => json!({
            "attempt": attempt,
            "blocked": is_blocked(results),
            "results": results,
        }),
        TaskEvent::AgentDescribed { profile } => json!({
            "kind": profile.kind,
            "capacity": profile.capacity,
            "availability": profile.availability,
        }),
    }
}
