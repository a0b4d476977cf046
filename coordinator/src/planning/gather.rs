//! Reads what a brief is written of: the task, what it waits for, what is understood and was decided,
//! who could do it, what happened in its run.
//!
//! Nothing of another namespace is read: a task is looked for in the runs of its own, and agents,
//! decisions and events count only as far as they belong to its run. What is sensitive is named and
//! never shown.

use std::collections::BTreeSet;

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{AgentId, RunId, TaskId},
    protocol::payload::Payload,
};

use super::{
    brief::{Brief, BriefRequest, Gathered, brief},
    derive::{AtomicTask, DerivationStrategy, derive},
    desk::Planning,
    event::PlanApproval,
    store::Store,
    words::shown,
};
use crate::{
    client::Tasks,
    context::{
        ContextAnswer, ContextQuery, Contexts, Kind,
        view::{AgentUnderstanding, ContextView},
    },
    public::kept_namespace,
    task::{
        Answer, PersonDecision, Query,
        view::{AgentView, RunView, TaskView},
    },
};

/// The most runs that are searched for a task, the latest first.
const RUNS_MAX: usize = 200;

/// Where a brief is read from.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// Whose task it is.
    pub namespace: &'a str,
    /// The way to tasks.
    pub tasks: &'a Tasks,
    /// The way to what is understood.
    pub contexts: &'a Contexts,
    /// Plans.
    pub store: &'a Store,
}

impl Planning {
    /// What an agent has to know for a task.
    pub async fn brief(
        &self,
        namespace: &str,
        tasks: &Tasks,
        request: &BriefRequest,
    ) -> Result<Brief> {
        let contexts = tasks.contexts();
        let from = Sources { namespace, tasks, contexts: &contexts, store: &self.store };
        Ok(brief(request, &gather(from, request).await?))
    }
}

/// Reads what there is to know for a task. An error of kind `NotFound` says that neither a run nor a
/// plan has it.
pub async fn gather(from: Sources<'_>, request: &BriefRequest) -> Result<Gathered> {
    let planned = planned(from, &request.task_id).await?;
    let submitted = submitted(from, &request.task_id).await?;
    let mut read = Gathered::default();
    let agents = match from.tasks.query(Query::Agents).await? {
        Answer::Agents(agents) => agents,
        other => return Err(odd(&other)),
    };
    let able = |agent: &&AgentView| {
        let role = request.role.lower();
        let can = |wanted: &str| agent.capabilities.iter().any(|it| it == wanted);
        can(&role) || can("council")
    };
    let tools = agents.iter().filter(able);
    read.tools = tools
        .map(|agent| {
            let more = if agent.description.is_empty() { "" } else { "; " };
            let what = format!(
                "{} ({}{more}{})",
                agent.capabilities.join(", "),
                agent.kind,
                agent.description
            );
            (agent.id.to_string(), what)
        })
        .collect();
    if let Some((plan, task)) = &planned {
        read.instructions.clone_from(&task.description);
        read.requirements.clone_from(&task.constraints.requirements);
        read.rubric.clone_from(&task.constraints.rubric);
        let shown = format!("{} {}", plan.plan_id, plan.description);
        shown.trim_end().clone_into(&mut read.plan);
        read.results = task.dependencies.iter().map(|on| (on.clone(), "planned".into())).collect();
    }
    match submitted {
        Some((run, task)) => Box::pin(of_run(from, request, (&run, task), &mut read)).await?,
        None if planned.is_some() => {}
        None => {
            let message = format!(
                "there is no task {:?}, neither in a run nor derived from a plan that was approved",
                shown(&request.task_id)
            );
            return Err(Error::new(ErrorKind::NotFound, message));
        }
    }
    Ok(read)
}

/// The task as its plan has it: its name begins with that of the plan.
async fn planned(from: Sources<'_>, task: &str) -> Result<Option<(PlanApproval, AtomicTask)>> {
    let ends = task.char_indices().filter(|(_, c)| *c == '-').map(|(at, _)| at);
    for end in ends.collect::<Vec<_>>().into_iter().rev() {
        let Some(kept) = from.store.plan(from.namespace, &task[..end]).await? else { continue };
        let strategy = DerivationStrategy {
            parallel_execution: true,
            dependency_order: true,
            ..DerivationStrategy::default()
        };
        // A plan whose parts wait for each other in a circle is told when it is derived.
        let Ok(derived) = derive(&kept.plan, &[], strategy) else { continue };
        if let Some(found) = derived.tasks.into_iter().find(|it| it.task_id == task) {
            return Ok(Some((kept.plan, found)));
        }
    }
    Ok(None)
}

/// The task in the latest run of its namespace that has it; `run/task` names one run.
async fn submitted(from: Sources<'_>, task: &str) -> Result<Option<(RunView, TaskView)>> {
    let runs = match from.tasks.query(Query::Runs).await? {
        Answer::Runs(runs) => runs,
        other => return Err(odd(&other)),
    };
    let own = runs
        .into_iter()
        .filter(|run| run.opening.namespace == kept_namespace(Some(from.namespace)));
    for run in own.take(RUNS_MAX) {
        let name: &RunId = &run.summary.run;
        let inner = task.strip_prefix(name.as_str()).and_then(|rest| rest.strip_prefix('/'));
        for name_in_run in inner.into_iter().chain([task]) {
            let Ok(id) = TaskId::new(name_in_run) else { continue };
            match from.tasks.query(Query::Task(name.clone(), id)).await? {
                Answer::Task(Some(found)) => return Ok(Some((run, *found))),
                Answer::Task(None) => {}
                other => return Err(odd(&other)),
            }
        }
    }
    Ok(None)
}

/// What its run has for it.
async fn of_run(
    from: Sources<'_>,
    request: &BriefRequest,
    (run, task): (&RunView, TaskView),
    read: &mut Gathered,
) -> Result<()> {
    let name = run.summary.run.clone();
    read.run = Some(name.to_string());
    read.state = Some(task.state.to_string());
    read.title.clone_from(&task.title);
    let mut at_work: BTreeSet<AgentId> = task.agent.iter().cloned().collect();
    let mut results = Vec::new();
    for needed in &task.needs {
        let Answer::Task(found) =
            from.tasks.query(Query::Task(name.clone(), needed.clone())).await?
        else {
            continue;
        };
        if let Some(found) = found {
            at_work.extend(found.agent.iter().cloned());
            results.push((needed.to_string(), came_of(&found)));
        }
    }
    if !task.needs.is_empty() {
        read.results = results;
    }
    let context = context_of(from, request).await?;
    let of_run: Vec<_> =
        context.events.iter().filter(|event| event.run.as_ref() == Some(&name)).collect();
    let own = task.decisions.iter();
    read.decisions = own.map(|it| (it.by.to_string(), decision(it))).collect();
    let others = of_run
        .iter()
        .filter(|event| event.kind == Kind::DecisionMade && event.task.as_ref() != Some(&task.id));
    read.decisions.extend(others.filter_map(|event| {
        let about = event.task.as_ref().map_or(name.as_str(), TaskId::as_str);
        Some((about.to_owned(), event.details.clone()?))
    }));
    read.understandings = context.agents.iter().filter_map(|it| understood(it, &at_work)).collect();
    read.timeline = of_run
        .iter()
        .map(|event| {
            let about = event.task.as_ref().map(|task| format!(" {task}")).unwrap_or_default();
            let by = event.agent.as_ref().map(|agent| format!(" by {agent}")).unwrap_or_default();
            let more = event.details.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
            (event.at.as_ms(), format!("{}{about}{by}{more}", event.kind.as_str()))
        })
        .collect();
    Ok(())
}

async fn context_of(from: Sources<'_>, request: &BriefRequest) -> Result<ContextView> {
    // Those of other runs are left out afterwards: more are read than are shown.
    let events = u64::from(request.options.events()).saturating_mul(4);
    let show = ContextQuery::Show { agent: None, snapshot: None, events };
    match from.contexts.query(show).await? {
        ContextAnswer::Context(Some(view)) => Ok(*view),
        ContextAnswer::Context(None) | ContextAnswer::Snapshots(_) | ContextAnswer::Summary(_) => {
            Err(Error::new(ErrorKind::Fault, "the context answered something else"))
        }
    }
}

fn understood(agent: &AgentUnderstanding, at_work: &BTreeSet<AgentId>) -> Option<(String, String)> {
    let says = !agent.current_understanding.is_empty() && at_work.contains(&agent.agent_name);
    says.then(|| (agent.agent_name.to_string(), agent.current_understanding.clone()))
}

/// What a person said, in a line.
fn decision(it: &PersonDecision) -> String {
    let said = serde_json::to_string(&it.said).unwrap_or_default();
    if it.reason.is_empty() { said } else { format!("{said}: {}", it.reason) }
}

/// What came of a task, in a line.
fn came_of(task: &TaskView) -> String {
    match (&task.output, &task.reason) {
        (Some(output), _) if task.redacted.is_some() && output.is_sensitive() => {
            "completed; what came of it is deleted".to_owned()
        }
        (Some(Payload::Inline(json)), _) => format!("completed: {}", json.as_str()),
        (Some(Payload::Blob { bytes, .. }), _) => format!("completed, with {bytes} bytes"),
        (Some(Payload::Sensitive { .. }), _) => {
            "completed; what came of it is sensitive and not shown".to_owned()
        }
        (None, Some(reason)) => format!("{}: {reason}", task.state),
        (None, None) => task.state.to_string(),
    }
}

fn odd(answer: &Answer) -> Error {
    Error::new(ErrorKind::Fault, format!("the shard answered something else: {answer:?}"))
}
