//! What planning tells others: subjects, ids and bodies. Pure.
//!
//! The id of a word is made of what it is about, so that the same told again is known as the same.

use serde_json::{Value, json};

use super::{
    collect::{Answers, Doer, Ended, Job, JobEnd},
    derive::AtomicTask,
    event::{PlanApproval, StoryTransition},
    response::Said,
    words::RoleName,
};

/// The longest message that is told, in bytes; servers take 1 MiB unless they are told otherwise.
pub const TOLD_BYTES_MAX: usize = 900 * 1024;

/// Something to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Where.
    pub subject: String,
    /// What it is known by; told again it is the same.
    pub id: String,
    /// What.
    pub body: Value,
    /// Whether a stream keeps the subject; otherwise whoever listens in that moment hears it.
    pub is_kept: bool,
}

fn kept(subject: &str, about: &str, mut body: Value) -> Told {
    let id = format!("{about}:{subject}");
    if let Some(fields) = body.as_object_mut() {
        fields.insert("event_id".to_owned(), Value::from(id.clone()));
        fields.insert("event_type".to_owned(), Value::from(subject));
    }
    Told { subject: subject.to_owned(), id, body, is_kept: true }
}

fn live(subject: &str, about: &str, body: Value) -> Told {
    Told { is_kept: false, ..kept(subject, about, body) }
}

/// That a story moved on.
pub fn phase_changed(said: &StoryTransition, now: u64) -> Told {
    let StoryTransition { event_id, story_id, from_state, to_state, .. } = said;
    let body = json!({
        "story_id": story_id, "from_state": from_state, "to_state": to_state,
        "cause": event_id, "timestamp_ms": now,
    });
    kept("orchestration.phase.changed", event_id, body)
}

/// That a plan was taken, and for whom.
pub fn plan_taken(plan: &PlanApproval, jobs: &[Job], now: u64) -> Told {
    let jobs: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
    let body = json!({
        "plan_id": plan.plan_id, "case_id": plan.case_id, "story_id": plan.story_id,
        "approved_by": plan.approved_by, "task_ids": jobs, "cause": plan.event_id,
        "timestamp_ms": now,
    });
    kept("orchestration.plan.approved", &plan.plan_id, body)
}

/// That a job was given out.
pub fn job_dispatched(job: &Job, description: &str) -> Told {
    let by = match &job.doer {
        Doer::Council { deliberation } => json!({ "deliberation": deliberation }),
        Doer::Agents { expected } => json!({ "num_agents": expected }),
    };
    let body = json!({
        "task_id": job.id, "plan_id": job.plan_id, "case_id": job.case_id, "role": job.role,
        "description": description, "by": by, "timestamp_ms": job.opened_ms,
    });
    kept("orchestration.task.dispatched", &job.id, body)
}

/// What agents elsewhere are asked for a job: once for those who listen, once for those who read later.
pub fn requests(job: &Job, plan: &PlanApproval, (role, task): (&RoleName, &str)) -> [Told; 2] {
    let expected = match &job.doer {
        Doer::Agents { expected } => *expected,
        Doer::Council { .. } => 0,
    };
    let body = json!({
        "task_id": job.id, "plan_id": job.plan_id, "case_id": job.case_id, "role": job.role,
        "description": task, "constraints": plan.constraints, "num_agents": expected,
        "until_ms": job.until_ms,
        "answer_on": ["agent.response.completed", "agent.response.failed"],
    });
    let command = format!("agent.cmd.{}", role.lower());
    [live("agent.requests", &job.id, body.clone()), kept(&command, &job.id, body)]
}

/// What is told of a derived task: to agents elsewhere, and to whoever follows.
pub fn task_published(task: &AtomicTask) -> [Told; 2] {
    let body = serde_json::to_value(task).unwrap_or_default();
    [
        live("agent.requests", &task.task_id, body.clone()),
        kept("orchestration.task.dispatched", &task.task_id, body),
    ]
}

/// That something was refused, and why: it does not come again.
pub fn refused(subject: &str, sequence: u64, why: &str, now: u64) -> Told {
    let body = json!({
        "subject": subject, "sequence": sequence, "reason": why, "timestamp_ms": now,
    });
    kept("orchestration.event.refused", &format!("{subject}-{sequence}"), body)
}

/// How a job ended, with what came of it. `results` are those of a deliberation; a job of agents
/// elsewhere has them in its answers.
pub fn job_ended(job: &Job, end: &JobEnd, answers: &Answers, results: &[Value]) -> Vec<Told> {
    let counted = |agent: &str| end.heard.iter().any(|heard| heard == agent);
    let mut came: Vec<Value> = results.to_vec();
    let mut failed = Vec::new();
    for (agent, said) in answers.iter().filter(|(agent, _)| counted(agent)) {
        match said {
            Said::Completed(result) => {
                let result: Value = result.read().unwrap_or_default();
                came.push(json!({ "agent_id": agent, "result": result }));
            }
            Said::Failed(why) => failed.push(json!({ "agent_id": agent, "error": why })),
        }
    }
    let total = match &job.doer {
        Doer::Agents { expected } => u64::from(*expected),
        Doer::Council { .. } => (came.len() + failed.len()) as u64,
    };
    let is_good = match end.how {
        Ended::Completed => true,
        Ended::Failed => false,
        Ended::Timeout => !came.is_empty(),
    };
    let (successes, failures) = (came.len(), failed.len());
    let mut body = json!({
        "task_id": job.id, "plan_id": job.plan_id, "case_id": job.case_id, "role": job.role,
        "status": end.how.as_str(), "results": came, "failed_agents": failed,
        "total_agents": total, "successful_responses": successes, "failed_responses": failures,
        "winner_id": end.winner_id, "error_message": end.error,
        "duration_ms": end.at_ms.saturating_sub(job.opened_ms), "completed_at": end.at_ms,
    });
    if body.to_string().len() > TOLD_BYTES_MAX {
        // Better told without them than never.
        body["results"] = json!([]);
        body["results_left_out"] = Value::from("they are too long for one message");
    }
    let word = if is_good { "completed" } else { "failed" };
    let mut told = vec![live(&format!("deliberation.{word}"), &job.id, body.clone())];
    if is_good {
        told.push(kept("orchestration.deliberation.completed", &job.id, body.clone()));
    }
    told.push(kept(&format!("orchestration.task.{word}"), &job.id, body));
    told
}
