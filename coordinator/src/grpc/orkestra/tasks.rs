//! Tasks and runs.

use std::{pin::Pin, time::Duration};

use futures::Stream;
use orkestra_proto::orkestra::v1::{
    ChangeResponse, ChangeRunRequest, ChangeTaskRequest, GetRunRequest, GetTaskRequest,
    ListRunsRequest, ListRunsResponse, ListTasksRequest, ListTasksResponse, NewTask, Run,
    SubmitRequest, SubmitResponse, Task, task_service_server::TaskService,
};
use orkestra_runtime::{
    id::{RunId, TaskId},
    protocol::task::Priority,
};
use serde_json::value::RawValue;
use tonic::{Request, Response, Status};

use super::{
    KEY, Means, WAIT_MAX, caller, json, key_of, limit, name, names,
    views::{run as run_shown, short, whole},
    watch,
};
use crate::{
    client::Tasks,
    door::Reason as Why,
    grpc::{
        credential::Caller,
        status::{Reason, failed, invalid_field, refused, troubled},
    },
    public::{Submission, TaskWord, check_namespace, found_run, seal, told_namespace},
    task::{
        Answer, Query,
        view::{RunView, TaskView},
    },
};

/// How often a task is looked at that somebody waits for, at first and at most.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));

/// Whoever answers for tasks.
#[derive(Clone, Debug)]
pub(in crate::grpc) struct TaskDesk(pub(in crate::grpc) Means);

impl TaskDesk {
    /// A run of the caller's namespace, and the way to it.
    async fn run(&self, caller: &Caller, named: &str) -> Result<(Tasks, RunId, RunView), Status> {
        let run: RunId = name("run", named)?;
        let tasks = self.0.of(caller).tasks;
        let Some(found) = found_run(&tasks, &run).await.map_err(troubled)? else {
            return Err(refused(Reason::NotFound, format!("there is no run {run:?}")));
        };
        check_namespace(&found, &caller.namespace).map_err(troubled)?;
        Ok((tasks, run, found))
    }

    async fn changed(tasks: &Tasks, run: &RunId, count: u64) -> Result<ChangeResponse, Status> {
        let found = found_run(tasks, run).await.map_err(troubled)?;
        let open = found.map_or(0, |view| {
            let counts = view.summary.counts;
            counts.total.saturating_sub(counts.ended())
        });
        Ok(ChangeResponse { tasks: count, open })
    }
}

#[tonic::async_trait]
impl TaskService for TaskDesk {
    type WatchRunStream = Pin<Box<dyn Stream<Item = Result<Task, Status>> + Send>>;

    async fn submit(
        &self,
        call: Request<SubmitRequest>,
    ) -> Result<Response<SubmitResponse>, Status> {
        let (caller, beside) = (caller(&call)?, key_of(&call)?);
        let submission = submission(call.into_inner(), &caller)?;
        if beside.is_some() && submission.key.is_some() && beside != submission.key {
            return Err(invalid_field(KEY, "is another key than that of the request"));
        }
        let tasks = self.0.of(&caller).tasks;
        let done = submission.carry_out(&tasks, beside.as_deref()).await.map_err(troubled)?;
        Ok(Response::new(SubmitResponse {
            run: done.run.to_string(),
            tasks: done.tasks.iter().map(ToString::to_string).collect(),
            existed: done.existed,
            sealed: done.sealed,
        }))
    }

    async fn get_task(&self, call: Request<GetTaskRequest>) -> Result<Response<Task>, Status> {
        let (caller, asked) = (caller(&call)?, call.into_inner());
        let (tasks, run, _) = self.run(&caller, &asked.run).await?;
        let task: TaskId = name("task", &asked.task)?;
        let wait = Duration::from_millis(asked.wait_ms).min(WAIT_MAX);
        let until = self.0.clock.now().moment + wait;
        let mut again = LOOK_EVERY.0;
        loop {
            let view = found_task(&tasks, &run, &task).await?;
            if view.ended.is_some() || self.0.clock.now().moment >= until {
                return Ok(Response::new(whole(view)));
            }
            tokio::time::sleep(again).await;
            again = (again * 2).min(LOOK_EVERY.1);
        }
    }

    async fn list_tasks(
        &self,
        call: Request<ListTasksRequest>,
    ) -> Result<Response<ListTasksResponse>, Status> {
        let (caller, asked) = (caller(&call)?, call.into_inner());
        let (tasks, run, _) = self.run(&caller, &asked.run).await?;
        let most = limit(asked.limit) as usize;
        // A state is looked for in all, anything else only in as many as are shown.
        let looked_at = asked.state.is_empty().then_some(most);
        let query = Query::Tasks { run, limit: looked_at };
        let views = match tasks.query(query).await.map_err(|error| failed(&error))? {
            Answer::Tasks(views) => views,
            _ => Vec::new(),
        };
        let wanted = |view: &TaskView| asked.state.is_empty() || view.state == asked.state;
        let tasks = views.into_iter().filter(wanted).take(most).map(short).collect();
        Ok(Response::new(ListTasksResponse { tasks }))
    }

    async fn cancel_task(
        &self,
        call: Request<ChangeTaskRequest>,
    ) -> Result<Response<ChangeResponse>, Status> {
        let (caller, asked) = (caller(&call)?, call.into_inner());
        let (tasks, run, _) = self.run(&caller, &asked.run).await?;
        let (task, why) = (name("task", &asked.task)?, reason(asked.reason)?);
        let count = tasks.cancel(&run, &task, &caller.by, why.as_str()).await;
        let count = count.map_err(|error| failed(&error))?;
        Self::changed(&tasks, &run, count).await.map(Response::new)
    }

    async fn retry_task(
        &self,
        call: Request<ChangeTaskRequest>,
    ) -> Result<Response<ChangeResponse>, Status> {
        let (caller, asked) = (caller(&call)?, call.into_inner());
        let (tasks, run, _) = self.run(&caller, &asked.run).await?;
        let task = name("task", &asked.task)?;
        tasks.retry(&run, &task, &caller.by).await.map_err(|error| failed(&error))?;
        Self::changed(&tasks, &run, 1).await.map(Response::new)
    }

    async fn get_run(&self, call: Request<GetRunRequest>) -> Result<Response<Run>, Status> {
        let (_, _, found) = self.run(&caller(&call)?, &call.get_ref().run).await?;
        Ok(Response::new(run_shown(&found)))
    }

    async fn list_runs(
        &self,
        call: Request<ListRunsRequest>,
    ) -> Result<Response<ListRunsResponse>, Status> {
        let (caller, asked) = (caller(&call)?, call.into_inner());
        let answer = self.0.of(&caller).tasks.query(Query::Runs).await;
        let runs = match answer.map_err(|error| failed(&error))? {
            Answer::Runs(runs) => runs,
            _ => Vec::new(),
        };
        let own = runs.iter().filter(|run| *run.opening.namespace == *caller.namespace);
        let runs = own.take(limit(asked.limit) as usize).map(run_shown).collect();
        Ok(Response::new(ListRunsResponse { runs }))
    }

    async fn cancel_run(
        &self,
        call: Request<ChangeRunRequest>,
    ) -> Result<Response<ChangeResponse>, Status> {
        let (caller, asked) = (caller(&call)?, call.into_inner());
        let (tasks, run, _) = self.run(&caller, &asked.run).await?;
        let why = reason(asked.reason)?;
        let count = tasks.cancel_run(&run, &caller.by, why.as_str()).await;
        let count = count.map_err(|error| failed(&error))?;
        Self::changed(&tasks, &run, count).await.map(Response::new)
    }

    async fn seal_run(&self, call: Request<GetRunRequest>) -> Result<Response<Run>, Status> {
        let caller = caller(&call)?;
        let (tasks, run, _) = self.run(&caller, &call.get_ref().run).await?;
        seal(&tasks, &run).await.map_err(troubled)?;
        let (_, _, found) = self.run(&caller, run.as_str()).await?;
        Ok(Response::new(run_shown(&found)))
    }

    async fn watch_run(
        &self,
        call: Request<GetRunRequest>,
    ) -> Result<Response<Self::WatchRunStream>, Status> {
        let (tasks, run, _) = self.run(&caller(&call)?, &call.get_ref().run).await?;
        let stream = self.0.streams.begin(&call)?;
        Ok(Response::new(Box::pin(watch::of(tasks, run, stream))))
    }
}

async fn found_task(tasks: &Tasks, run: &RunId, task: &TaskId) -> Result<TaskView, Status> {
    let answer = tasks.query(Query::Task(run.clone(), task.clone())).await;
    if let Answer::Task(Some(view)) = answer.map_err(|error| failed(&error))? {
        return Ok(*view);
    }
    let why = format!("run {run:?} has no task {task:?}: ListTasks shows all");
    Err(refused(Reason::NotFound, why))
}

fn reason(text: String) -> Result<Why, Status> {
    Why::new(text).map_err(|error| invalid_field("reason", error.to_string()))
}

fn submission(asked: SubmitRequest, caller: &Caller) -> Result<Submission, Status> {
    let run = (!asked.run.is_empty()).then(|| name("run", &asked.run)).transpose()?;
    let words = asked.tasks.into_iter().enumerate();
    let tasks = words.map(|(at, task)| word(at, task)).collect::<Result<_, Status>>()?;
    Ok(Submission {
        namespace: Some(told_namespace(&caller.namespace).to_owned()),
        run,
        key: (!asked.key.is_empty()).then_some(asked.key),
        task: None,
        tasks,
        seal: asked.seal,
    })
}

fn word(at: usize, task: NewTask) -> Result<TaskWord, Status> {
    let field = |name: &str| format!("tasks[{at}].{name}");
    let id = (!task.id.is_empty()).then(|| name(&field("id"), &task.id)).transpose()?;
    let priority = if task.priority.is_empty() {
        Priority::default()
    } else {
        let quoted = serde_json::Value::String(task.priority);
        serde_json::from_value(quoted)
            .map_err(|error| invalid_field(&field("priority"), error.to_string()))?
    };
    let input: Option<Box<RawValue>> = match task.input_json.as_str() {
        "" => None,
        text => Some(json(&field("input_json"), text)?),
    };
    Ok(TaskWord {
        id,
        title: task.title,
        instructions: task.instructions,
        category: task.category,
        priority,
        requires: names(&field("requires"), &task.requires)?,
        agents: names(&field("agents"), &task.agents)?,
        needs: names(&field("needs"), &task.needs)?,
        input,
        retries: task.retries,
        timeout_ms: task.timeout_ms,
        deadline_ms: task.deadline_ms,
        ..TaskWord::default()
    })
}
