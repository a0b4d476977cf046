//! Commands that look at a data directory and change nothing.

use std::{collections::BTreeMap, io::Write as _, path::Path};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{AgentId, RunId, TaskId},
    time::Now,
};
use serde::Serialize;

use crate::{
    audit::{AuditFilter, AuditRow, known_type},
    cli::{
        args::{AuditArgs, RunChoice},
        cluster::{Cluster, Way},
        redact,
        settings::Settings,
        show, when,
    },
    context::{ContextAnswer, ContextQuery},
    door::{no_run, no_task},
    inspect::Inspection,
    output::{Console, Exit, size},
    sensitive::Revealed,
    task::{
        Answer, Query,
        view::{TaskView, is_opened_by_the_shard},
    },
};

/// The states that a task can be in.
const STATES: [&str; 9] = [
    "held",
    "waiting",
    "ready",
    "retrying",
    "running",
    "asked",
    "completed",
    "failed",
    "cancelled",
];

/// A disk with less room takes no record of the largest size any more.
const ROOM_MIN: u64 = 1024 * 1024;

/// How many bytes are left on the disk of a folder; none where that cannot be told.
fn room_left(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

/// A task, with what is sensitive in it.
#[derive(Serialize)]
struct Both<'a> {
    #[serde(flatten)]
    task: &'a TaskView,
    revealed: &'a Revealed,
}

/// Where it is looked.
pub(super) enum Place {
    /// A data directory.
    Folder(Box<Inspection>),
    /// A shard of a cluster.
    Cluster(Box<Cluster>, Box<Way>),
}

/// A data directory, or a shard of a cluster, opened for looking.
pub(super) struct Looking<'a> {
    pub(super) console: &'a mut Console,
    pub(super) place: Place,
    pub(super) now: Now,
    namespace: Option<String>,
}

impl<'a> Looking<'a> {
    /// Opens what is configured; in a cluster the shard of the run that is named, or meant.
    pub(super) async fn at(
        settings: &Settings,
        (console, now): (&'a mut Console, Now),
        run: Option<&str>,
    ) -> Result<Self> {
        let namespace = settings.namespace.clone();
        if settings.is_cluster() {
            let run = run.map(RunId::new).transpose()?;
            let cluster = Cluster::connect(settings).await?;
            let way = cluster.meant(run.as_ref()).await?;
            return Ok(Self {
                console,
                place: Place::Cluster(Box::new(cluster), Box::new(way)),
                now,
                namespace,
            });
        }
        let data_dir = settings.data_dir();
        let inspection = Inspection::of(data_dir).await?;
        if let Some(pid) = inspection.held_by() {
            console.say(format!(
                "note: process {pid} is at work in {}; this is what was durable a moment ago",
                data_dir.display()
            ))?;
            if let Some(left) = room_left(data_dir).filter(|left| *left < ROOM_MIN) {
                console.warn(format!(
                    "the disk of {} is full ({} left): nothing new is taken there until there is room",
                    data_dir.display(),
                    size(left)
                ))?;
            }
        }
        let place = Place::Folder(Box::new(inspection));
        Ok(Self { console, place, now, namespace })
    }

    pub(super) async fn run(&self, choice: &RunChoice) -> Result<RunId> {
        if let Some(name) = &choice.run {
            return RunId::new(name);
        }
        let none = || Error::new(ErrorKind::NotFound, "there is no run yet: run something first");
        if let (Place::Folder(folder), None) = (&self.place, &self.namespace) {
            return folder.tasks().latest_run().cloned().ok_or_else(none);
        }
        let Answer::Runs(mut runs) = self.answer(&Query::Runs).await? else { return Err(none()) };
        if let Some(namespace) = &self.namespace {
            runs.retain(|run| run.opening.namespace == *namespace);
        }
        // The latest is first, and of those that somebody began.
        runs.sort_by_key(|run| is_opened_by_the_shard(&run.summary.run));
        match (runs.into_iter().next(), &self.namespace) {
            (Some(run), _) => Ok(run.summary.run),
            (None, None) => Err(none()),
            (None, Some(namespace)) => {
                let message = format!("there is no run in the namespace {namespace:?}");
                Err(Error::new(ErrorKind::NotFound, message))
            }
        }
    }

    pub(super) async fn answer(&self, query: &Query) -> Result<Answer> {
        match &self.place {
            Place::Folder(folder) => Ok(folder.answer(self.now, query)),
            Place::Cluster(_, way) => way.tasks.query(query.clone()).await,
        }
    }

    pub(super) async fn context(&self, query: &ContextQuery) -> Result<ContextAnswer> {
        match &self.place {
            Place::Folder(folder) => Ok(folder.context(query)),
            Place::Cluster(_, way) => way.contexts.query(query.clone()).await,
        }
    }

    /// The process that is at work in the folder, if one is.
    pub(super) fn held_by(&self) -> Option<u32> {
        match &self.place {
            Place::Folder(folder) => folder.held_by(),
            Place::Cluster(..) => None,
        }
    }

    pub(super) async fn close(self) {
        match self.place {
            Place::Folder(folder) => folder.close().await,
            Place::Cluster(cluster, _) => cluster.close().await,
        }
    }

    pub(super) async fn task_list(
        &mut self,
        choice: &RunChoice,
        state: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Exit> {
        if let Some(state) = state.filter(|state| !STATES.contains(state)) {
            let message = format!("there is no state {state:?}: use one of {}", STATES.join(", "));
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let run = self.run(choice).await?;
        self.check_run(&run).await?;
        let Answer::Tasks(mut tasks) = self.answer(&Query::Tasks { run, limit: None }).await?
        else {
            return Ok(Exit::Negative);
        };
        tasks.retain(|task| state.is_none_or(|state| task.state == state));
        tasks.truncate(limit.unwrap_or(usize::MAX));
        let now = self.now;
        self.console.list(&tasks, |tasks| show::tasks(tasks, now))?;
        Ok(Exit::Done)
    }

    pub(super) async fn check_run(&self, run: &RunId) -> Result<()> {
        if let Answer::Run(Some(_)) = self.answer(&Query::Run(run.clone())).await? {
            return Ok(());
        }
        let Answer::Runs(runs) = self.answer(&Query::Runs).await? else { return Ok(()) };
        Err(no_run(run, &runs))
    }

    /// Shows a task, and what was revealed of it.
    pub(super) async fn task_get(
        &mut self,
        (task, choice): (&str, &RunChoice),
        revealed: Option<&Revealed>,
    ) -> Result<Exit> {
        let (run, id) = (self.run(choice).await?, TaskId::new(task)?);
        self.check_run(&run).await?;
        match self.answer(&Query::Task(run.clone(), id.clone())).await? {
            Answer::Task(Some(task)) => {
                let Some(revealed) = revealed else {
                    self.console.item(&task, |task| show::task(task))?;
                    return Ok(Exit::Done);
                };
                let both = Both { task: &task, revealed };
                let shown = |both: &Both<'_>| show::task(both.task) + &redact::shown(both.revealed);
                self.console.item(&both, shown)?;
                Ok(Exit::Done)
            }
            _ => Err(no_task(&run, &id)),
        }
    }

    pub(super) async fn why(&mut self, task: &str, choice: &RunChoice) -> Result<Exit> {
        let (run, id) = (self.run(choice).await?, TaskId::new(task)?);
        self.check_run(&run).await?;
        match self.answer(&Query::Why(run.clone(), id.clone())).await? {
            Answer::Why(Some(why)) => {
                self.console.item(&why, |why| show::why(why))?;
                if matches!(self.place, Place::Folder(_)) && self.held_by().is_none() {
                    self.console
                        .say("(nothing runs in this folder now; this is what its journal says)")?;
                }
                Ok(Exit::Done)
            }
            _ => Err(no_task(&run, &id)),
        }
    }

    pub(super) async fn agent_list(&mut self) -> Result<Exit> {
        if let Answer::Agents(agents) = self.answer(&Query::Agents).await? {
            self.console.list(&agents, show::agents)?;
        }
        Ok(Exit::Done)
    }

    pub(super) async fn audit_list(&mut self, args: &AuditArgs) -> Result<Exit> {
        let rows = self.rows(args).await?;
        self.console.list(&rows, show::audit)?;
        Ok(Exit::Done)
    }

    pub(super) async fn audit_export(
        &mut self,
        args: &AuditArgs,
        dir: Option<&Path>,
    ) -> Result<Exit> {
        let rows = self.rows(args).await?;
        let Some(dir) = dir else {
            for row in &rows {
                self.console.line(row)?;
            }
            return Ok(Exit::Done);
        };
        let files = write_days(dir, &rows)?;
        let (rows, dir) = (rows.len(), dir.display());
        self.console.say(format!("{rows} events written to {files} files in {dir}"))?;
        Ok(Exit::Done)
    }

    async fn rows(&self, args: &AuditArgs) -> Result<Vec<AuditRow>> {
        let filter = AuditFilter {
            since: args.since.as_deref().map(when::time_of).transpose()?,
            until: args.until.as_deref().map(when::time_of).transpose()?,
            event_type: args.event_type.as_deref().map(known_type).transpose()?,
            task: args.task.as_deref().map(TaskId::new).transpose()?,
            agent: args.agent.as_deref().map(AgentId::new).transpose()?,
            run: args.run.as_deref().map(RunId::new).transpose()?,
        };
        let limit = args.limit.unwrap_or(usize::MAX);
        let mut rows = Vec::new();
        let keep = |row: AuditRow| {
            if rows.len() < limit && filter.admits(&row) {
                rows.push(row);
            }
        };
        match &self.place {
            Place::Folder(folder) => folder.audit(keep).await?,
            Place::Cluster(cluster, way) => {
                Inspection::over(cluster.fabric(), way.shard).await?.audit(keep).await?;
            }
        }
        Ok(rows)
    }
}

/// One file a day, `audit_YYYYMMDD.jsonl`; answers how many. Each is whole or as it was.
fn write_days(dir: &Path, rows: &[AuditRow]) -> Result<usize> {
    let failed = |path: &Path, error: std::io::Error| {
        Error::new(ErrorKind::Io, format!("cannot write {}", path.display())).because(error)
    };
    std::fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
    let mut days: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for row in rows {
        let day: String =
            row.timestamp.to_string().chars().take(10).filter(|c| *c != '-').collect();
        let text = days.entry(day).or_default();
        let line = serde_json::to_writer(&mut *text, row).map_err(std::io::Error::other);
        line.and_then(|()| text.write_all(b"\n")).map_err(|error| failed(dir, error))?;
    }
    for (day, text) in &days {
        let path = dir.join(format!("audit_{day}.jsonl"));
        let begun = dir.join(format!("audit_{day}.jsonl.part"));
        std::fs::write(&begun, text).map_err(|error| failed(&begun, error))?;
        std::fs::rename(&begun, &path).map_err(|error| failed(&path, error))?;
    }
    Ok(days.len())
}

/// Saves what is sound of a damaged folder into a new one, and tells what was left out.
pub(super) fn recover(data_dir: &Path, into: &Path, console: &mut Console) -> Result<Exit> {
    let recovery = orkestra_runtime::fabric::embedded::recover(data_dir, into)?;
    console.text(&recovery.to_string())?;
    console.say(format!("go on with --data-dir {}", into.display()))?;
    Ok(if recovery.left_out.is_empty() { Exit::Done } else { Exit::Negative })
}
