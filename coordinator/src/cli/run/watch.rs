//! Shows how far a run is, until it has ended or somebody interrupts.

use std::{fmt, sync::Arc, time::Duration};

use futures::{
    FutureExt as _, StreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use orkestra_runtime::{Error, ErrorKind, Result, id::RunId, supervise::log::Record, time::Clock};
use serde::Serialize;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::broadcast::{self, error::RecvError},
};

use crate::{
    cli::{
        run::{endings::Endings, people::Asking, vitals::Vitals},
        supervision::{is_of_interest, painted},
    },
    client::Tasks,
    health::Monitor,
    output::{Console, Exit, Format, Progress, Running, Snapshot},
    system::System,
    task::{Answer, Query, RunSummary, view::RunView},
};

/// How often the state of a run is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How wide the names of children are, in lines that come one at a time.
const WHO_WIDTH: usize = 28;

/// How watching ended.
#[derive(Debug)]
pub(in crate::cli) enum Seen {
    /// With the run.
    Ended(RunSummary),
    /// With nothing left but what waits for people.
    Waiting,
    /// With an interruption.
    Interrupted,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Patience {
    /// Agents, and people too.
    ForAll,
    /// Agents only.
    ForAgents,
}

/// How the whole command ended.
#[derive(Debug)]
pub(super) enum Watched {
    /// As it should.
    Ended(Exit),
    /// By an interruption of this run.
    Interrupted(RunId),
}

/// Ctrl-C, and being asked to end. Listens from the moment it is made, so that nothing which is
/// asked between two looks is missed.
#[derive(Debug)]
pub(in crate::cli) struct Interruptions {
    interrupt: Signal,
    terminate: Signal,
}

impl Interruptions {
    pub(in crate::cli) fn listen() -> Result<Self> {
        let failed = |error| Error::new(ErrorKind::Io, "cannot listen for signals").because(error);
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        })
    }

    /// Waits for the next; dropping it loses none.
    pub(in crate::cli) async fn next(&mut self) {
        let asked = tokio::select! {
            asked = self.interrupt.recv() => asked,
            asked = self.terminate.recv() => asked,
        };
        if asked.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Waits for the next interruption from now on.
pub(in crate::cli) async fn interrupted() {
    match Interruptions::listen() {
        Ok(mut interruptions) => interruptions.next().await,
        Err(_) => std::future::pending().await,
    }
}

/// Where a run is at work: a node in this process, or a cluster.
pub(in crate::cli) struct Stage<'a> {
    pub(in crate::cli) tasks: &'a Tasks,
    pub(in crate::cli) clock: &'a dyn Clock,
    pub(in crate::cli) monitor: Option<&'a Arc<Monitor>>,
    /// Who was started, ended and restarted.
    pub(in crate::cli) news: BoxStream<'a, Arc<Record>>,
    /// Ready when nobody can go on with it any more.
    pub(in crate::cli) gave_up: BoxFuture<'a, ()>,
}

impl fmt::Debug for Stage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("tasks", &self.tasks).finish_non_exhaustive()
    }
}

impl<'a> Stage<'a> {
    /// A node in this process.
    pub(super) fn here(system: &'a System, clock: &'a dyn Clock) -> Self {
        let news = stream::unfold(system.log().watch(), async |mut news| {
            next(&mut news).await.map(|record| (record, news))
        });
        Self {
            tasks: system.tasks(),
            clock,
            monitor: system.monitor(),
            news: news.boxed(),
            gave_up: system.gave_up().boxed(),
        }
    }
}

pub(in crate::cli) async fn watch(
    (run, patience): (&RunId, Patience),
    stage: Stage<'_>,
    interruptions: &mut Interruptions,
    console: &mut Console,
) -> Result<Seen> {
    let Stage { tasks, clock, monitor, mut news, mut gave_up } = stage;
    let mut progress = Progress::on(console);
    let is_for_programs = console.format() == Format::Ndjson;
    let mut endings = Endings::of(run, tasks);
    let mut asking = Asking::default();
    let mut vitals = Vitals::of(run, monitor, clock.now().wall);
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let ended = tasks.wait(run);
    tokio::pin!(ended);
    let seen = loop {
        if is_for_programs {
            endings.catch_up(console).await?;
        }
        tokio::select! {
            biased;
            ended = endings.next(), if endings.is_following() => {
                endings.tell(&ended.unwrap_or_default(), console)?;
            }
            summary = &mut ended => break Seen::Ended(summary?),
            () = interruptions.next() => break Seen::Interrupted,
            Some(record) = news.next() => tell_supervision(&record, &progress, console)?,
            () = &mut gave_up => {
                progress.finish();
                let message = "the node gave up: see `orkestra supervision log`";
                return Err(Error::new(ErrorKind::Unavailable, message));
            }
            _ = looks.tick() => {
                vitals.tell(clock.now(), &progress, console)?;
                if let Some(view) = look(run, tasks).await? {
                    asking.tell(&view.pending, &progress, console)?;
                    progress.show(console, clock.now().moment, &snapshot(&view, clock))?;
                    if view.waits_for_people && patience == Patience::ForAgents {
                        break Seen::Waiting;
                    }
                }
            }
        }
        if console.is_closed() {
            break Seen::Interrupted;
        }
    };
    if matches!(seen, Seen::Ended(_))
        && let Some(view) = look(run, tasks).await?
    {
        progress.show(console, clock.now().moment, &snapshot(&view, clock))?;
    }
    while let Some(Some(record)) = news.next().now_or_never() {
        tell_supervision(&record, &progress, console)?;
    }
    vitals.finish(clock.now(), &progress, console).await?;
    progress.finish();
    if is_for_programs {
        endings.finish(console).await?;
    }
    Ok(seen)
}

/// The next line of the supervision log. Lines that were missed stand in its file.
async fn next(news: &mut broadcast::Receiver<Arc<Record>>) -> Option<Arc<Record>> {
    loop {
        match news.recv().await {
            Ok(record) => return Some(record),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}

/// What happens to agents, as far as whoever watches wants to know it at once.
fn tell_supervision(record: &Record, progress: &Progress, console: &mut Console) -> Result<()> {
    #[derive(Serialize)]
    struct Event<'a> {
        event: &'static str,
        #[serde(flatten)]
        record: &'a Record,
    }
    if !is_of_interest(record.what) {
        return Ok(());
    }
    if console.format() == Format::Ndjson {
        return console.line(&Event { event: "supervision", record });
    }
    progress.say(console, painted(record, WHO_WIDTH, console.surroundings().colours_talk()))
}

async fn look(run: &RunId, tasks: &Tasks) -> Result<Option<RunView>> {
    match tasks.query(Query::Run(run.clone())).await? {
        Answer::Run(view) => Ok(view.map(|view| *view)),
        _ => Ok(None),
    }
}

/// How far a run is, as it is shown.
pub(in crate::cli) fn snapshot(view: &RunView, clock: &dyn Clock) -> Snapshot {
    let now = clock.now().wall;
    let counts = view.summary.counts;
    let running = view.running.iter().map(|running| Running {
        task: running.task.to_string(),
        agent: running.agent.to_string(),
        since: now.since(running.since),
        message: running
            .progress
            .as_ref()
            .map(|progress| progress.message.clone())
            .unwrap_or_default(),
    });
    Snapshot {
        total: counts.total,
        done: counts.completed,
        failed: counts.failed,
        cancelled: counts.cancelled,
        asked: counts.asked,
        running: running.collect(),
    }
}

#[cfg(test)]
mod tests;
