//! What planning asks for: events, tasks of plans, and what an agent has to know for one.

use orkestra_proto::orchestrator::v1::{
    AtomicTask, DecompositionStrategy, DeriveSubtasksRequest, DeriveSubtasksResponse,
    GetTaskContextRequest, GetTaskContextResponse, PlanningEventRequest, PlanningEventResponse,
    PromptBlocks, TaskConstraints,
};
use tonic::Status;

use super::Orchestrator;
use crate::{
    grpc::{
        credential::Caller,
        status::{failed, invalid_field},
    },
    planning::{
        self, BriefOptions, BriefPhase, BriefRequest, DerivationStrategy, RoleName, Scope,
        call::Call,
    },
};

impl Orchestrator {
    pub(super) async fn planning_event(
        &self,
        caller: &Caller,
        asked: PlanningEventRequest,
    ) -> Result<PlanningEventResponse, Status> {
        let timestamp_ms = u64::try_from(asked.timestamp_ms).map_err(|_| {
            invalid_field("timestamp_ms", "is before 1970: write milliseconds since then, or 0")
        })?;
        let call = Call {
            event_type: asked.event_type,
            case_id: asked.case_id,
            plan_id: asked.plan_id,
            from_state: asked.from_state,
            to_state: asked.to_state,
            timestamp_ms,
            metadata: asked.metadata.into_iter().collect(),
        };
        let event = call.event().map_err(|error| failed(&error))?;
        let done = Box::pin(self.means.planning.process(&caller.namespace, event)).await;
        let done = done.map_err(|error| failed(&error))?;
        let (message, derived_task_ids) = (done.message, done.job_ids);
        Ok(PlanningEventResponse { processed: true, message, derived_task_ids })
    }

    pub(super) async fn subtasks(
        &self,
        caller: &Caller,
        asked: DeriveSubtasksRequest,
    ) -> Result<DeriveSubtasksResponse, Status> {
        if asked.plan_id.is_empty() {
            return Err(invalid_field("plan_id", "is empty"));
        }
        let named = |(at, role): (usize, &String)| {
            RoleName::new(role)
                .map_err(|error| invalid_field(&format!("roles[{at}]"), error.to_string()))
        };
        let roles = asked.roles.iter().enumerate().map(named).collect::<Result<Vec<_>, _>>()?;
        let how = strategy(asked.strategy.unwrap_or_default())?;
        let derive = |how| {
            let planning = &self.means.planning;
            Box::pin(planning.derive(&caller.namespace, &asked.plan_id, (&*roles, how)))
        };
        // Of another case nothing is published.
        let quiet = DerivationStrategy { auto_publish_to_nats: false, ..how };
        let derived = derive(quiet).await.map_err(|error| failed(&error))?;
        let other = derived.tasks.iter().find(|task| task.case_id != asked.case_id);
        if let Some(task) = other.filter(|_| !asked.case_id.is_empty()) {
            let why = format!("is not that of the plan, which is {:?}", task.case_id);
            return Err(invalid_field("case_id", why));
        }
        let derived = derive(how).await.map_err(|error| failed(&error))?;
        Ok(DeriveSubtasksResponse {
            total_tasks: count(derived.tasks.len()),
            tasks: derived.tasks.into_iter().map(shown).collect(),
            derivation_id: derived.id,
        })
    }

    pub(super) async fn task_context(
        &self,
        caller: &Caller,
        asked: GetTaskContextRequest,
    ) -> Result<GetTaskContextResponse, Status> {
        if asked.task_id.is_empty() {
            return Err(invalid_field("task_id", "is empty"));
        }
        let role =
            RoleName::new(&asked.role).map_err(|error| invalid_field("role", error.to_string()))?;
        let phase = BriefPhase::named(&asked.phase)
            .map_err(|error| invalid_field("phase", error.to_string()))?;
        let options = match asked.options {
            None => BriefOptions::default(),
            Some(wanted) => {
                let named = |(at, scope): (usize, &String)| {
                    Scope::named(scope).map_err(|error| {
                        invalid_field(&format!("options.scopes[{at}]"), error.to_string())
                    })
                };
                BriefOptions {
                    include_timeline: wanted.include_timeline,
                    include_decisions: wanted.include_decisions,
                    include_summaries: wanted.include_summaries,
                    max_events: number("options.max_events", wanted.max_events)?,
                    scopes: wanted
                        .scopes
                        .iter()
                        .enumerate()
                        .map(named)
                        .collect::<Result<_, _>>()?,
                }
            }
        };
        let request = BriefRequest {
            task_id: asked.task_id,
            case_id: asked.case_id,
            story_id: asked.story_id,
            role,
            phase,
            options,
        };
        let tasks = self.means.shards.of(&caller.namespace).tasks;
        let brief = self.means.planning.brief(&caller.namespace, &tasks, &request);
        let brief = Box::pin(brief).await.map_err(|error| failed(&error))?;
        let planning::Blocks { system, context, tools, history } = brief.blocks;
        Ok(GetTaskContextResponse {
            context_text: brief.text,
            blocks: Some(PromptBlocks { system, context, tools, history }),
            token_count: i32::try_from(brief.token_count).unwrap_or(i32::MAX),
            version_hash: brief.version_hash,
        })
    }
}

fn number(field: &str, given: i32) -> Result<u32, Status> {
    u32::try_from(given)
        .map_err(|_| invalid_field(field, format!("is {given}, and may be 0 or more")))
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn strategy(asked: DecompositionStrategy) -> Result<DerivationStrategy, Status> {
    Ok(DerivationStrategy {
        parallel_execution: asked.parallel_execution,
        dependency_order: asked.dependency_order,
        max_tasks_per_role: number("strategy.max_tasks_per_role", asked.max_tasks_per_role)?,
        auto_publish_to_nats: asked.auto_publish_to_nats,
    })
}

fn shown(task: planning::AtomicTask) -> AtomicTask {
    let held_to = task.constraints;
    let whole = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    AtomicTask {
        task_id: task.task_id,
        role: task.role.as_str().to_owned(),
        description: task.description,
        dependencies: task.dependencies,
        constraints: Some(TaskConstraints {
            rubric: held_to.rubric,
            requirements: held_to.requirements,
            metadata: held_to.metadata.into_iter().collect(),
            max_iterations: whole(held_to.max_iterations),
            timeout_seconds: whole(held_to.timeout_seconds),
        }),
        case_id: task.case_id,
        plan_id: task.plan_id,
        priority: whole(task.priority),
    }
}
