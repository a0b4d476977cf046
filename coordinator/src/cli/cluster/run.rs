//! `orkestra run` over NATS: its agents are hosted by the nodes of a cluster, its tasks led there.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture};
use orkestra_runtime::{
    Result,
    fabric::Fabric as _,
    id::{AgentId, RunId},
    protocol::node::Hosts,
    time::{Clock as _, Moment, SystemClock, Wall},
};

use super::{Cluster, Way, lines, ship};
use crate::{
    cli::{
        args::RunArgs,
        failure::Failure,
        run::{
            Interruptions, choose, ending,
            watch::{self, Patience, Seen, Stage},
        },
        settings::Settings,
    },
    node::{NodeAsk, needs},
    output::{Console, Exit},
    scenario::Prepared,
    task::{Answer, Query},
};

/// How long agents may take until they are hosted, before it is said which are not.
const HOSTED_WITHIN: Duration = Duration::from_secs(4);
/// How often it is looked whether they are.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Runs a scenario on a cluster, to its end or until it is interrupted; the cluster goes on with it
/// in any case.
pub(in crate::cli) async fn run(
    args: &RunArgs,
    settings: &Settings,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let mut interruptions = Interruptions::listen()?;
    if args.watching.metrics.is_some() {
        console.warn("--metrics tells of a run in this process: it is left out")?;
    }
    if args.watching.grpc.is_some() {
        console.warn("--grpc opens a door of a run in this process: it is left out")?;
    }
    let (prepared, shipments) = ship::prepare(args, console).await?;
    let cluster = Cluster::connect(settings).await?;
    // A run that only waits for what is shipped anew may end as soon as it is there.
    let began = SystemClock::start().now().wall;
    let ran = match ship::keep(shipments, &cluster.nats.blobs()).await {
        Ok(()) => on_cluster(&prepared, args, (&cluster, &mut interruptions, began), console).await,
        Err(error) => Err(error.into()),
    };
    cluster.close().await;
    ran
}

async fn on_cluster(
    prepared: &Prepared,
    args: &RunArgs,
    (cluster, interruptions, began): (&Cluster, &mut Interruptions, Wall),
    console: &mut Console,
) -> Result<Exit, Failure> {
    let clock = SystemClock::start();
    offer(prepared, args, cluster, console).await?;
    let way = cluster.way_of(&prepared.namespace)?;
    let stood = (&way.tasks, (&way.contexts, began));
    let run = choose::choose(prepared, args.fresh, stood, console).await?;
    console.say(format!(
        "run {run} is in shard {} of cluster {}; it goes on there whatever becomes of this command",
        way.shard, cluster.name
    ))?;
    unhosted(prepared, &way, console).await?;
    let patience = if args.no_wait { Patience::ForAgents } else { Patience::ForAll };
    let stage = stage(cluster, &way, clock.as_ref()).await?;
    let summary = match watch::watch((&run, patience), stage, interruptions, console).await? {
        Seen::Ended(summary) => summary,
        Seen::Waiting => {
            console.say("what is left waits for people; the same command watches it again")?;
            return Ok(Exit::Waiting);
        }
        Seen::Interrupted => {
            console.say(format!(
                "the cluster goes on with run {run}; the same command watches it again, and \
                 `orkestra cancel {run}` ends it"
            ))?;
            return Ok(Exit::Interrupted);
        }
    };
    let came = ending::Came {
        tasks: &way.tasks,
        summary: &summary,
        restarts: None,
        journal: told_next(&run),
    };
    Ok(ending::tell(prepared, args, came, console).await?)
}

pub(in crate::cli) fn told_next(run: &RunId) -> String {
    format!(
        "`orkestra task list --run {run}` shows what became of each task, `orkestra supervision log` \
         who was restarted and why"
    )
}

/// Has the cluster host the agents of the scenario.
async fn offer(
    prepared: &Prepared,
    args: &RunArgs,
    cluster: &Cluster,
    console: &mut Console,
) -> Result<()> {
    let coordinator = cluster.coordinator().await?;
    if prepared.agents.iter().any(|agent| needs(agent) == Hosts::All) {
        console.say(
            "note: programs of a scenario are started by nodes that allow it (agents.host = \"all\")",
        )?;
    }
    let ask = NodeAsk::Offer { agents: prepared.agents.clone(), replace: args.replace_agents };
    let _: usize = cluster.ask_node(&coordinator, &ask).await?;
    Ok(())
}

/// Says which agents nobody hosts, after a while.
async fn unhosted(prepared: &Prepared, way: &Way, console: &mut Console) -> Result<()> {
    let wanted: BTreeSet<&AgentId> = prepared.agents.iter().map(|agent| &agent.id).collect();
    let clock = SystemClock::start();
    loop {
        let there: BTreeSet<AgentId> = match way.tasks.query(Query::Agents).await? {
            Answer::Agents(agents) => agents
                .into_iter()
                .filter(|agent| agent.reason.is_none())
                .map(|agent| agent.id)
                .collect(),
            _ => BTreeSet::new(),
        };
        let missing: Vec<&str> =
            wanted.iter().filter(|id| !there.contains(**id)).map(|id| id.as_str()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        if clock.now().moment.since(Moment::START) >= HOSTED_WITHIN {
            return console.warn(format!(
                "nobody hosts {}: their tasks wait until a node does (`orkestra node list` shows \
                 who is there, agents.host what each may host)",
                missing.join(", ")
            ));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

pub(in crate::cli) async fn stage<'a>(
    cluster: &'a Cluster,
    way: &'a Way,
    clock: &'a SystemClock,
) -> Result<Stage<'a>> {
    let news = lines::news(cluster).await?.map(|line| {
        let mut record = line.record;
        record.who = format!("{}:{}", line.node, record.who);
        Arc::new(record)
    });
    let gave_up: BoxFuture<'a, ()> = std::future::pending().boxed();
    Ok(Stage { tasks: &way.tasks, clock, monitor: None, news: news.boxed(), gave_up })
}
