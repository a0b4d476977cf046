//! Carries out what is asked.

use std::{fmt, sync::Arc, time::Duration};

use orkestra_runtime::{
    id::{AgentId, RunId, TaskId},
    protocol::payload::Json,
    time::Clock,
};
use serde_json::{Map, Value, json};

use super::{
    PublicShard, Shards,
    answer::{Trouble, list, told},
    events, kept_namespace, request,
    request::Ask,
    submit::{check_namespace, found_run, seal},
    task_view::{PublicRun, PublicTask, merged},
};
use crate::{
    client::Tasks,
    door::{Changed, Code, Decided, Redacted, Stands},
    sensitive::Deleted,
    task::{
        Answer, Query,
        people::{Said, Word},
        standing::ScopeName,
        view::{RunView, TaskView},
    },
};

/// The longest that a request may wait for the end of a task.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(25);
/// How often a task is looked at that somebody waits for, at first and at most.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));
/// How many things a list has unless asked for less, or more.
pub(super) const LIST: usize = 100;
/// How many it has at most.
pub(super) const LIST_MAX: usize = 1_000;

type Answered = Result<Map<String, Value>, Trouble>;

/// Whoever answers public requests.
pub(super) struct Desk {
    pub(super) shards: Arc<dyn Shards>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) reader: events::Reader,
}

impl Desk {
    /// Carries out one request; `key` is the idempotency key that stood beside it.
    pub(super) async fn carry_out(&self, ask: Ask, key: Option<&str>) -> Answered {
        match ask {
            Ask::TaskSubmit(submission) => {
                let tasks = self.tasks(submission.namespace.as_deref());
                told(&submission.carry_out(&tasks, key).await?)
            }
            Ask::TaskGet(of) => self.task(of).await,
            Ask::TaskList(of) => self.task_list(of).await,
            Ask::TaskWhy(of) => {
                let (tasks, _) = self.run(of.namespace.as_deref(), &of.run).await?;
                match tasks.query(Query::Why(of.run.clone(), of.task.clone())).await? {
                    Answer::Why(Some(why)) => told(&why),
                    _ => Err(no_task(&of.run, &of.task)),
                }
            }
            Ask::TaskCancel(change) => self.cancel(change).await,
            Ask::TaskRetry(change) => {
                let (tasks, _) = self.run(change.namespace.as_deref(), &change.run).await?;
                tasks.retry(&change.run, &change.task, &by(change.r#as.as_ref())).await?;
                changed("retried", &tasks, (change.run, Some(change.task), 1)).await
            }
            Ask::TaskApprove(change) => self.decide(change, Said::Approved).await,
            Ask::TaskReject(change) => self.decide(change, Said::Rejected).await,
            Ask::TaskAnswer(answer) => {
                let tasks = self.tasks(answer.namespace.as_deref());
                let said = Said::Answered(tasks.payload(Json::of(&answer.answer)?).await?);
                let request::AnswerTask { namespace, run, task, reason, r#as, .. } = answer;
                let change = request::ChangeTask { namespace, run, task, reason, r#as };
                self.decide(change, said).await
            }
            Ask::TaskRedact(change) => {
                let (tasks, _) = self.run(change.namespace.as_deref(), &change.run).await?;
                let by = by(change.r#as.as_ref());
                let deleted = tasks.redact(&change.run, Some(&change.task), &by).await?;
                redacted(change.run, Some(change.task), deleted)
            }
            Ask::RunRedact(change) => {
                let (tasks, _) = self.run(change.namespace.as_deref(), &change.run).await?;
                let deleted = tasks.redact(&change.run, None, &by(change.r#as.as_ref())).await?;
                redacted(change.run, None, deleted)
            }
            Ask::Lock(word) => self.lock(word, key).await,
            Ask::Vote(word) => self.vote(word).await,
            Ask::Council(word) => self.council(word).await,
            ask => self.carry_out_more(ask).await,
        }
    }

    async fn carry_out_more(&self, ask: Ask) -> Answered {
        match ask {
            Ask::RunGet(of) => {
                let (_, found) = self.run(of.namespace.as_deref(), &of.run).await?;
                told(&PublicRun::from(found))
            }
            Ask::RunList(of) => self.run_list(of).await,
            Ask::RunCancel(change) => {
                let (tasks, _) = self.run(change.namespace.as_deref(), &change.run).await?;
                let by = by(change.r#as.as_ref());
                let count = tasks.cancel_run(&change.run, &by, change.reason.as_str()).await?;
                changed("cancelled", &tasks, (change.run, None, count)).await
            }
            Ask::RunPause(change) => {
                let (tasks, scope) = self.scope(&change).await?;
                let by = by(change.r#as.as_ref());
                let has_changed = tasks.pause(&scope, &by, change.reason.as_str()).await?;
                stands("paused", Some(scope), None, has_changed)
            }
            Ask::RunResume(change) => {
                let (tasks, scope) = self.scope(&change).await?;
                let has_changed = tasks.resume(&scope, &by(change.r#as.as_ref())).await?;
                stands("resumed", Some(scope), None, has_changed)
            }
            Ask::RunSeal(of) => {
                let (tasks, _) = self.run(of.namespace.as_deref(), &of.run).await?;
                seal(&tasks, &of.run).await?;
                told(&json!({ "change": "sealed", "run": of.run }))
            }
            Ask::AgentList(_) => list("agents", &self.agents().await?),
            Ask::AgentDrain(change) => self.drain(change, true).await,
            Ask::AgentResume(change) => self.drain(change, false).await,
            Ask::NodeList(_) => list("nodes", &self.shards.nodes()),
            Ask::EventRead(reread) => self.reader.answer(reread).await,
            // Carried out above.
            _ => Err(Trouble::new(Code::Fault, "a request was not carried out")),
        }
    }

    fn tasks(&self, namespace: Option<&str>) -> Tasks {
        self.shards.of(kept_namespace(namespace)).tasks
    }

    /// A run of a namespace, and the way to it.
    async fn run(&self, namespace: Option<&str>, run: &RunId) -> Result<(Tasks, RunView), Trouble> {
        let (tasks, kept) = (self.tasks(namespace), kept_namespace(namespace));
        let Some(found) = found_run(&tasks, run).await? else {
            let message = format!("there is no run {run:?}");
            return Err(Trouble::new(Code::NotFound, message).advised("`run.list` shows all"));
        };
        check_namespace(&found, kept)?;
        Ok((tasks, found))
    }

    async fn task(&self, of: request::OfTask) -> Answered {
        let (tasks, _) = self.run(of.namespace.as_deref(), &of.run).await?;
        let until = self.clock.now().moment + Duration::from_millis(of.wait_ms).min(WAIT_MAX);
        let mut again = LOOK_EVERY.0;
        loop {
            let view = found_task(&tasks, &of.run, &of.task).await?;
            if view.ended.is_some() || self.clock.now().moment >= until {
                return told(&PublicTask::whole(view));
            }
            tokio::time::sleep(again).await;
            again = (again * 2).min(LOOK_EVERY.1);
        }
    }

    async fn task_list(&self, of: request::ListTasks) -> Answered {
        let (tasks, _) = self.run(of.namespace.as_deref(), &of.run).await?;
        let most = limit(of.limit);
        // A state is looked for in all, anything else only in as many as are shown.
        let limit = of.state.is_none().then_some(most);
        let views = match tasks.query(Query::Tasks { run: of.run, limit }).await? {
            Answer::Tasks(views) => views,
            _ => Vec::new(),
        };
        let wanted =
            |view: &TaskView| of.state.as_ref().is_none_or(|state| view.state == state.as_str());
        let views = views.into_iter().filter(wanted).take(most);
        list("tasks", &views.map(PublicTask::short).collect::<Vec<_>>())
    }

    async fn run_list(&self, of: request::ListRuns) -> Answered {
        let kept = kept_namespace(of.namespace.as_deref());
        let runs = match self.tasks(of.namespace.as_deref()).query(Query::Runs).await? {
            Answer::Runs(runs) => runs,
            _ => Vec::new(),
        };
        let runs = runs.into_iter().filter(|run| run.opening.namespace == kept);
        list("runs", &runs.take(limit(of.limit)).map(PublicRun::from).collect::<Vec<_>>())
    }

    async fn cancel(&self, change: request::ChangeTask) -> Answered {
        let (tasks, _) = self.run(change.namespace.as_deref(), &change.run).await?;
        let by = by(change.r#as.as_ref());
        let count = tasks.cancel(&change.run, &change.task, &by, change.reason.as_str()).await?;
        changed("cancelled", &tasks, (change.run, Some(change.task), count)).await
    }

    async fn decide(&self, change: request::ChangeTask, said: Said) -> Answered {
        let request::ChangeTask { namespace, run, task, reason, r#as } = change;
        let (tasks, _) = self.run(namespace.as_deref(), &run).await?;
        let Some(by) = r#as else {
            let message = "somebody must have decided: name the person in `as`";
            return Err(Trouble::new(Code::Invalid, message));
        };
        let decision = said.as_str().to_owned();
        let reason = reason.as_str().to_owned();
        let word = Word { by: by.clone(), said, reason, via: VIA.to_owned() };
        let settled = tasks.decide(&run, &task, word).await?;
        let open = open_of(&tasks, &run).await?;
        told(&Decided { decision, run, task, by, settled, open, pid: None, cluster: None })
    }

    /// The run or the namespace that is meant.
    async fn scope(&self, change: &request::ChangeScope) -> Result<(Tasks, ScopeName), Trouble> {
        let namespace = change.namespace.as_deref();
        if let Some(run) = &change.run {
            let (tasks, _) = self.run(namespace, run).await?;
            Ok((tasks, ScopeName::Run(run.clone())))
        } else {
            let kept = kept_namespace(namespace).to_owned();
            Ok((self.tasks(namespace), ScopeName::Namespace(kept)))
        }
    }

    async fn agents(&self) -> Result<Vec<Value>, Trouble> {
        let mut views = Vec::new();
        for PublicShard { tasks, .. } in self.shards.all() {
            if let Answer::Agents(agents) = tasks.query(Query::Agents).await? {
                views.extend(agents);
            }
        }
        Ok(merged(views))
    }

    /// An agent is drained in every shard that knows it.
    async fn drain(&self, change: request::ChangeAgent, is_drained: bool) -> Answered {
        let request::ChangeAgent { agent, reason, r#as } = change;
        let (by, mut is_known, mut has_changed) = (by(r#as.as_ref()), false, false);
        for PublicShard { tasks, .. } in self.shards.all() {
            let Answer::Agents(agents) = tasks.query(Query::Agents).await? else { continue };
            if !agents.iter().any(|known| known.id == agent) {
                continue;
            }
            is_known = true;
            has_changed |= if is_drained {
                tasks.drain(&agent, &by, reason.as_str()).await?
            } else {
                tasks.undrain(&agent, &by).await?
            };
        }
        if !is_known {
            let message = format!("there is no agent {agent:?}");
            return Err(Trouble::new(Code::NotFound, message).advised("`agent.list` shows all"));
        }
        stands(if is_drained { "drained" } else { "returned" }, None, Some(agent), has_changed)
    }
}

/// By which way whoever asks came in.
const VIA: &str = "nats";

pub(super) fn by(named: Option<&AgentId>) -> String {
    named.map_or_else(|| "somebody over NATS".to_owned(), |name| format!("{name}, over NATS"))
}

fn limit(asked: Option<usize>) -> usize {
    asked.unwrap_or(LIST).min(LIST_MAX)
}

async fn found_task(tasks: &Tasks, run: &RunId, task: &TaskId) -> Result<TaskView, Trouble> {
    match tasks.query(Query::Task(run.clone(), task.clone())).await? {
        Answer::Task(Some(view)) => Ok(*view),
        _ => Err(no_task(run, task)),
    }
}

fn no_task(run: &RunId, task: &TaskId) -> Trouble {
    let message = format!("run {run:?} has no task {task:?}");
    Trouble::new(Code::NotFound, message).advised("`task.list` shows all")
}

async fn open_of(tasks: &Tasks, run: &RunId) -> Result<u64, Trouble> {
    let found = found_run(tasks, run).await?;
    Ok(found.map_or(0, |view| {
        let counts = view.summary.counts;
        counts.total.saturating_sub(counts.ended())
    }))
}

async fn changed(
    change: &str,
    tasks: &Tasks,
    (run, task, count): (RunId, Option<TaskId>, u64),
) -> Answered {
    let open = open_of(tasks, &run).await?;
    let scenario = found_run(tasks, &run).await?.map(|view| view.opening.scenario);
    let (change, scenario) = (change.to_owned(), scenario.unwrap_or_default());
    told(&Changed { change, run, task, tasks: count, open, scenario, pid: None, cluster: None })
}

fn redacted(run: RunId, task: Option<TaskId>, Deleted { tasks, blobs }: Deleted) -> Answered {
    told(&Redacted { run, task, tasks, blobs })
}

fn stands(
    change: &str,
    scope: Option<ScopeName>,
    agent: Option<AgentId>,
    changed: bool,
) -> Answered {
    let (run, namespace) = match scope {
        Some(ScopeName::Run(run)) => (Some(run), None),
        Some(ScopeName::Namespace(name)) => (None, Some(super::told_namespace(&name).to_owned())),
        None => (None, None),
    };
    told(&Stands {
        change: change.to_owned(),
        run,
        namespace,
        agent,
        changed,
        pid: None,
        cluster: None,
    })
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("shards", &self.shards).finish_non_exhaustive()
    }
}
