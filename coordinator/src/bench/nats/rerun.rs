//! From the kill of a process of workers to the next attempts of what they held, elsewhere.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{NodeId, RunId, TaskId},
    presence::{Effect as News, PresenceSettings},
    protocol::task::TaskSpec,
    time::Moment,
};
use tokio::sync::broadcast;

use super::{
    COORDINATOR, Site,
    ask::until_there,
    peer::{AGENTS, HELD, Peer},
};
use crate::{
    bench::{
        Figure, Part,
        figure::{Durations, ms},
    },
    client::{Following, Tasks},
    node::Node,
    task::{Answer, Query, RunOpening},
};

const KILLS: u32 = 30;
const NAMES: [&str; 2] = ["left", "right"];
/// How many attempts are held when their process is killed.
const TASKS: usize = 8;
/// How long may pass until all of them have run elsewhere.
const WITHIN: Duration = Duration::from_secs(30);

/// The leader is in this process, workers are in others: the first attempt of each task is held by
/// the process that is killed, and the second one ends at once in the other.
pub(super) async fn measure(site: &Site) -> Result<Vec<Figure>> {
    let node = site.node("leader", COORDINATOR).await?;
    let measured = kills(site, &node).await;
    node.stop().await?;
    let (ran, noticed) = measured?;
    let down_after = PresenceSettings::default().down_after;
    let detection = Figure::new("silence until a node is down", ms(down_after), "ms");
    let slowest = ran.slowest("nats.rerun").beside(&detection);
    let mut figures = ran.figures("nats.rerun").map(|figure| figure.beside(&detection)).to_vec();
    figures.push(slowest);
    let noticed = noticed.figures("nats.rerun.noticed");
    figures.extend(noticed.map(|figure| figure.beside(&detection)));
    Ok(figures)
}

/// After how long each task had run elsewhere, and each loss was noticed.
async fn kills(site: &Site, node: &Node) -> Result<(Durations, Durations)> {
    let clock = site.place.clock.as_ref();
    let (tasks, run) = (node.tasks_of("bench"), RunId::new("bench")?);
    tasks.open(&run, RunOpening { stream: true, ..RunOpening::default() }).await?;
    let (mut ran, mut noticed) = (Durations::default(), Durations::default());
    let mut news = node.presence().news();
    let mut victim = start(site, tasks, NAMES[0]).await?;
    for number in 0..KILLS {
        let names = [NAMES[usize::from(number % 2 == 1)], NAMES[usize::from(number % 2 == 0)]];
        let following = tasks.follow(&run).await?;
        let held = held(number)?;
        tasks.submit(&run, held.clone()).await?;
        until_there(|| all_run(tasks, &run, &held)).await?;
        let other = start(site, tasks, names[1]).await?;
        // Kills fall between two beats as it comes.
        let beat_every = PresenceSettings::default().beat_every;
        tokio::time::sleep(beat_every * number / KILLS).await;
        let began = clock.now().moment;
        victim.kill().await?;
        let both = async {
            let down = down(&mut news, names[0]);
            let (down, ended) =
                futures::join!(async { down.await.map(|()| clock.now().moment) }, async {
                    all_end(following, || clock.now().moment).await
                });
            Ok::<_, Error>((down?, ended?))
        };
        let late = |_| Error::new(ErrorKind::Unavailable, "what was lost did not run elsewhere");
        let (down, ended) = tokio::time::timeout(WITHIN, both).await.map_err(late)??;
        noticed.push(down.since(began));
        for at in ended {
            ran.push(at.since(began));
        }
        victim = other;
    }
    victim.stop().await?;
    Ok((ran, noticed))
}

/// A process of workers, once the leader knows all of them.
async fn start(site: &Site, tasks: &Tasks, name: &str) -> Result<Peer> {
    let peer = site.peer(Part::NatsAgents, name)?;
    let is_there = || async {
        let Answer::Agents(agents) = tasks.query(Query::Agents).await? else {
            return Err(absent());
        };
        let ours = agents.iter().filter(|agent| agent.id.as_str().starts_with(name));
        let there = ours.filter(|agent| agent.state == "available").count();
        if there == AGENTS as usize { Ok(()) } else { Err(absent()) }
    };
    until_there(is_there).await?;
    Ok(peer)
}

fn held(number: u32) -> Result<Vec<Arc<TaskSpec>>> {
    let held = (0..TASKS).map(|task| {
        let mut spec = TaskSpec::new(TaskId::new(format!("t{number}-{task}"))?);
        HELD.clone_into(&mut spec.title);
        Ok(Arc::new(spec))
    });
    held.collect()
}

async fn all_run(tasks: &Tasks, run: &RunId, held: &[Arc<TaskSpec>]) -> Result<()> {
    for task in held {
        match tasks.query(Query::Task(run.clone(), task.id.clone())).await? {
            Answer::Task(Some(task)) if task.state == "running" => {}
            _ => return Err(absent()),
        }
    }
    Ok(())
}

async fn down(news: &mut broadcast::Receiver<News>, name: &str) -> Result<()> {
    let name = NodeId::new(name)?;
    loop {
        match news.recv().await {
            Ok(News::Down { node, .. }) if node == name => return Ok(()),
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return Err(absent()),
        }
    }
}

async fn all_end(mut following: Following, now: impl Fn() -> Moment) -> Result<Vec<Moment>> {
    let mut ended = Vec::with_capacity(TASKS);
    while ended.len() < TASKS {
        let next = following.next().await.ok_or_else(absent)?;
        ended.extend(next.iter().map(|_| now()));
    }
    following.stop().await;
    Ok(ended)
}

fn absent() -> Error {
    Error::new(ErrorKind::Unavailable, "a node of workers is not as it should be")
}
