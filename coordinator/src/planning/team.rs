//! The team of a node, as planning asks it: councils deliberate, derived tasks become tasks of a run.

use std::sync::Arc;

use futures::{FutureExt as _, future::BoxFuture};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{Capability, RunId, TaskId},
    protocol::{
        payload::{Json, Payload},
        task::{Dependency, DependencyKind, Priority, TaskSpec},
    },
};
use serde_json::{Value, json};

use super::{
    collect::Ended,
    derive::AtomicTask,
    ports::{Deliberated, Standing, Team, Wanted},
    words::short,
};
use crate::{
    client::{
        Tasks,
        councils::{CouncilError, Councils},
    },
    council::{
        CouncilRefusal, DeliberationRequest,
        view::{DeliberationStatus, DeliberationView, RankedView},
    },
    public::{Shards, kept_namespace},
    task::RunOpening,
};

/// The longest proposal that is told whole, in bytes; of sixteen all fit one message.
const CONTENT_BYTES_MAX: usize = 32 * 1024;

/// The team that a node reaches.
#[derive(Clone, Debug)]
pub struct OwnTeam(Arc<dyn Shards>);

impl OwnTeam {
    /// The team behind these shards.
    pub fn new(shards: Arc<dyn Shards>) -> Self {
        Self(shards)
    }

    fn tasks(&self, namespace: &str) -> Tasks {
        self.0.of(kept_namespace(Some(namespace))).tasks
    }
}

impl Team for OwnTeam {
    fn begin(&self, wanted: Wanted) -> BoxFuture<'_, Result<u64>> {
        async move {
            let councils = Councils::beside(&self.tasks(&wanted.namespace));
            let request = request(wanted);
            let begun = Box::pin(councils.deliberate(request)).await.map_err(told)?;
            Ok(begun.until.as_ms())
        }
        .boxed()
    }

    fn standing(&self, namespace: &str, id: &str) -> BoxFuture<'_, Result<Standing>> {
        let (namespace, id) = (namespace.to_owned(), id.to_owned());
        async move {
            let councils = Councils::beside(&self.tasks(&namespace));
            let found =
                councils.result(kept_namespace(Some(&namespace)), &id).await.map_err(told)?;
            Ok(found.map_or(Standing::Unknown, |view| standing(&view)))
        }
        .boxed()
    }

    fn submit(
        &self,
        namespace: &str,
        plan: &str,
        tasks: &[AtomicTask],
    ) -> BoxFuture<'_, Result<()>> {
        let (namespace, plan, tasks) = (namespace.to_owned(), plan.to_owned(), tasks.to_vec());
        async move {
            let run = run_of(&namespace, &plan)?;
            let specs = tasks.iter().map(spec).collect::<Result<Vec<_>>>()?;
            let opening = RunOpening {
                stream: true,
                namespace: kept_namespace(Some(&namespace)).to_owned(),
                notes: Json::of(&json!({ "plan": plan }))?,
                ..RunOpening::default()
            };
            let way = self.tasks(&namespace);
            way.open(&run, opening).await?;
            way.submit(&run, specs.into_iter().map(Arc::new).collect()).await.map(drop)
        }
        .boxed()
    }

    fn is_led_here(&self, namespace: &str) -> bool {
        self.0.is_led_here(self.0.of(kept_namespace(Some(namespace))).shard)
    }
}

/// The run of a plan's tasks. Two namespaces may have plans of the same name.
pub fn run_of(namespace: &str, plan: &str) -> Result<RunId> {
    match kept_namespace(Some(namespace)) {
        "" => RunId::new(format!("plan:{plan}")),
        kept => RunId::new(format!("plan:{plan}:{}", short([kept]))),
    }
}

fn request(wanted: Wanted) -> DeliberationRequest {
    let Wanted { id, namespace, role, task, constraints } = wanted;
    DeliberationRequest {
        id,
        namespace: kept_namespace(Some(&namespace)).to_owned(),
        role: role.as_str().to_owned(),
        task,
        rubric: constraints.rubric,
        requirements: constraints.requirements,
        metadata: constraints.metadata,
        max_iterations: constraints.max_iterations,
        timeout_ms: u64::from(constraints.timeout_seconds).saturating_mul(1_000),
        ..DeliberationRequest::default()
    }
}

/// A refusal is final, unless there is only too much at once.
fn told(error: CouncilError) -> Error {
    match error {
        CouncilError::Failed(error) => error,
        CouncilError::Refused(refusal @ CouncilRefusal::Bound { .. }) => {
            Error::new(ErrorKind::Full, refusal.to_string())
        }
        CouncilError::Refused(refusal) if refusal.kind() == ErrorKind::Unavailable => {
            Error::new(ErrorKind::NotFound, refusal.to_string())
        }
        CouncilError::Refused(refusal) => Error::new(refusal.kind(), refusal.to_string()),
    }
}

fn standing(view: &DeliberationView) -> Standing {
    let how = match view.status {
        DeliberationStatus::Pending | DeliberationStatus::InProgress => return Standing::GoesOn,
        DeliberationStatus::Completed => Ended::Completed,
        DeliberationStatus::Failed => Ended::Failed,
        DeliberationStatus::Timeout => Ended::Timeout,
    };
    Standing::Over(Box::new(Deliberated {
        how,
        winner_id: view.winner_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        error: view.error_message.clone().unwrap_or_default(),
        results: view.results.iter().map(result).collect(),
    }))
}

fn result(ranked: &RankedView) -> Value {
    let content = &ranked.proposal.content;
    let end = content.floor_char_boundary(CONTENT_BYTES_MAX);
    json!({
        "author_id": ranked.proposal.author_id,
        "content": content[..end],
        "is_cut": end < content.len(),
        "all_passed": ranked.checks.all_passed,
        "score": ranked.score,
        "rank": ranked.rank,
    })
}

/// A derived task as one of a run: whoever can do what its role is called can do it.
fn spec(task: &AtomicTask) -> Result<TaskSpec> {
    let on = |id: &String| Ok(Dependency { on: TaskId::new(id)?, kind: DependencyKind::Hard });
    let first = task.description.lines().next().unwrap_or_default();
    let title: String = first.chars().take(80).collect();
    let priority = match task.priority {
        0 | 1 => Priority::Low,
        2 => Priority::Medium,
        3 => Priority::High,
        _ => Priority::Critical,
    };
    Ok(TaskSpec {
        title: format!("{}: {title}", task.role.as_str()),
        instructions: task.description.clone(),
        category: "plan".to_owned(),
        priority,
        requires: vec![Capability::new(task.role.lower())?],
        dependencies: task.dependencies.iter().map(on).collect::<Result<_>>()?,
        input: Payload::Inline(Json::of(task)?),
        timeout_ms: Some(u64::from(task.constraints.timeout_seconds.max(1)) * 1_000),
        ..TaskSpec::new(TaskId::new(&task.task_id)?)
    })
}
