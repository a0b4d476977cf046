//! What there is to do for a plan, role by role: the same plan and the same question always come to
//! the same tasks. Pure.
//!
//! What is to be done is what the plan says. A plan that says nothing of a role has no task for it;
//! none is invented.

use orkestra_runtime::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::{
    event::{PlanApproval, once_each},
    words::{Constraints, RoleName, invalid, short},
};

/// How tasks are derived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DerivationStrategy {
    /// Whether tasks that do not wait for each other may go on at once; otherwise each waits for the
    /// one before it.
    pub parallel_execution: bool,
    /// Whether roles wait for each other in the order in which things are delivered: ARCHITECT, then
    /// DEV and DATA, then roles that nobody knows, then QA, then DEVOPS.
    pub dependency_order: bool,
    /// How many tasks a role gets at most; 0: all that the plan has for it.
    pub max_tasks_per_role: u32,
    /// Whether they are also told on NATS and submitted, or only answered.
    pub auto_publish_to_nats: bool,
}

/// A task that one role can do alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtomicTask {
    /// `<plan>-<role>-<nnn>`.
    pub task_id: String,
    /// Who does it.
    pub role: RoleName,
    /// What is to be done.
    pub description: String,
    /// Which tasks of the derivation must be done first.
    pub dependencies: Vec<String>,
    /// What it is held to.
    pub constraints: Constraints,
    /// Of which case.
    pub case_id: String,
    /// Of which plan.
    pub plan_id: String,
    /// How much it matters: 1 to 4.
    pub priority: u32,
}

/// What a plan comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivation {
    /// Of what it was made, in 16 hexadecimal digits: the same again has the same.
    pub id: String,
    /// Each after all that it waits for.
    pub tasks: Vec<AtomicTask>,
    /// Roles for which the plan has nothing to do.
    pub idle: Vec<RoleName>,
    /// How many tasks of the plan were left out, because a role has no more than so many.
    pub left_out: u32,
}

/// When a role's work comes, in the chain of delivery.
fn stage(role: &RoleName) -> u8 {
    match role.lower().as_str() {
        "architect" => 0,
        "dev" | "data" => 1,
        "qa" => 3,
        "devops" => 4,
        // What nobody knows comes after what is built, and before what is tested.
        _ => 2,
    }
}

/// What these roles have to do for a plan; all of its roles when none is named.
///
/// An error of kind `NotFound` says that the plan has nothing for any of them, `Invalid` what is wrong
/// with the question, or that tasks wait for each other in a circle.
pub fn derive(
    plan: &PlanApproval,
    roles: &[RoleName],
    strategy: DerivationStrategy,
) -> Result<Derivation> {
    let mut roles = once_each(if roles.is_empty() { plan.roles.clone() } else { roles.to_vec() });
    let id = derivation_id(plan, &roles, strategy);
    if strategy.dependency_order {
        // Stable: within a stage as they were given.
        roles.sort_by_key(stage);
    }
    let cap = match strategy.max_tasks_per_role {
        0 => usize::MAX,
        cap => usize::try_from(cap).unwrap_or(usize::MAX),
    };
    let (mut drafts, mut idle, mut left_out) = (Vec::new(), Vec::new(), 0_usize);
    for role in &roles {
        let all = work_of(plan, role);
        if all.is_empty() {
            idle.push(role.clone());
        }
        left_out += all.len().saturating_sub(cap);
        drafts.extend(all.into_iter().take(cap));
    }
    if drafts.is_empty() {
        let named: Vec<&str> = roles.iter().map(RoleName::as_str).collect();
        let message = format!(
            "the plan {} says nothing to do for {}: approve it with subtasks, or with a description",
            plan.plan_id,
            named.join(", ")
        );
        return Err(Error::new(ErrorKind::NotFound, message));
    }
    let tasks = in_order(tied(drafts, strategy), &plan.plan_id)?;
    let left_out = u32::try_from(left_out).unwrap_or(u32::MAX);
    Ok(Derivation { id, tasks, idle, left_out })
}

fn derivation_id(plan: &PlanApproval, roles: &[RoleName], strategy: DerivationStrategy) -> String {
    let content = plan.content_hash();
    let asked = serde_json::to_string(&(roles, strategy)).unwrap_or_default();
    short([content.as_str(), asked.as_str()])
}

/// A task, what the plan calls it, and what the plan says that it waits for.
struct Draft {
    task: AtomicTask,
    planned: String,
    after: Vec<String>,
}

/// What a plan has for a role: its subtasks; where the plan has none for anybody, the plan itself.
fn work_of(plan: &PlanApproval, role: &RoleName) -> Vec<Draft> {
    let task = |number: usize, description: &str, constraints: &Constraints| AtomicTask {
        task_id: format!("{}-{}-{number:03}", plan.plan_id, role.lower()),
        role: role.clone(),
        description: description.to_owned(),
        dependencies: Vec::new(),
        constraints: constraints.clone(),
        case_id: plan.case_id.clone(),
        plan_id: plan.plan_id.clone(),
        priority: 2,
    };
    let is_named = plan.roles.contains(role);
    if plan.subtasks.is_empty() && is_named && !plan.description.trim().is_empty() {
        let task = task(1, &plan.description, &plan.constraints);
        return vec![Draft { task, planned: String::new(), after: Vec::new() }];
    }
    let subtasks = plan.of_role(role).enumerate();
    let drafts = subtasks.map(|(at, subtask)| {
        let task = task(at + 1, &subtask.description, plan.constraints_of(subtask));
        Draft {
            task: AtomicTask { priority: subtask.priority, ..task },
            planned: subtask.id.clone(),
            after: subtask.depends_on.clone(),
        }
    });
    drafts.collect()
}

/// The tasks with what they wait for: what the plan says, and what the strategy does.
fn tied(drafts: Vec<Draft>, strategy: DerivationStrategy) -> Vec<AtomicTask> {
    let called: Vec<(String, String, u8)> = drafts
        .iter()
        .map(|it| (it.planned.clone(), it.task.task_id.clone(), stage(&it.task.role)))
        .collect();
    let mut tasks = Vec::with_capacity(drafts.len());
    for (at, draft) in drafts.into_iter().enumerate() {
        let mut task = draft.task;
        let mut wait_for = |id: &String| {
            if !task.dependencies.contains(id) {
                task.dependencies.push(id.clone());
            }
        };
        // What was left out is not waited for: nobody would do it.
        let planned = called.iter().filter(|(planned, ..)| draft.after.contains(planned));
        planned.filter(|(planned, ..)| !planned.is_empty()).for_each(|(_, id, _)| wait_for(id));
        if !strategy.parallel_execution
            && let Some((_, before, _)) = at.checked_sub(1).and_then(|before| called.get(before))
        {
            wait_for(before);
        } else if strategy.dependency_order {
            let own = called[at].2;
            let before = called.iter().map(|(_, _, stage)| *stage).filter(|stage| *stage < own);
            if let Some(nearest) = before.max() {
                let of_it = called.iter().filter(|(_, _, stage)| *stage == nearest);
                of_it.for_each(|(_, id, _)| wait_for(id));
            }
        }
        tasks.push(task);
    }
    tasks
}

/// Each task after all that it waits for, otherwise as they were.
fn in_order(mut waiting: Vec<AtomicTask>, plan: &str) -> Result<Vec<AtomicTask>> {
    let mut ordered: Vec<AtomicTask> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let is_next = |task: &AtomicTask| {
            task.dependencies.iter().all(|on| ordered.iter().any(|done| done.task_id == *on))
        };
        let Some(at) = waiting.iter().position(is_next) else {
            let named: Vec<&str> =
                waiting.iter().take(5).map(|task| task.task_id.as_str()).collect();
            return Err(invalid(format!(
                "the tasks of the plan {plan} wait for each other in a circle ({}): leave out what \
                 their depends_on says, or derive them without dependency_order and with \
                 parallel_execution",
                named.join(", ")
            )));
        };
        ordered.push(waiting.remove(at));
    }
    Ok(ordered)
}
