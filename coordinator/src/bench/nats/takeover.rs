//! From the kill of whoever leads to the next command that is accepted: while nothing else happens,
//! and while tasks are submitted and worked on all the time.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Fabric as _, Key, Registers},
    id::{NodeId, RunId, ShardId, TaskId},
    leadership::{LeaseSettings, Standing},
    names,
    protocol::task::TaskSpec,
};

use super::{CLIENT, Site, ask::until_there, peer::Peer};
use crate::{
    bench::{
        Figure, Part,
        figure::{Durations, ms},
    },
    client::Tasks,
    node::Node,
    task::RunOpening,
};

const KILLS: u32 = 30;
const NAMES: [&str; 2] = ["left", "right"];
/// How long both are up before the next kill, so that the warm one follows.
const REST: Duration = Duration::from_secs(1);
/// How many clients keep the cluster busy, and how many tasks each of their runs has.
const CLIENTS: usize = 8;
const TASKS: usize = 64;

pub(super) async fn measure(site: &Site) -> Result<Vec<Figure>> {
    let idle = Stage::set(site).await?;
    let took = idle.kills().await;
    idle.clear().await?;
    let mut figures = figures("nats.takeover.idle", took?);
    let loaded = Stage::set(site).await?;
    let agents = site.peer(Part::NatsAgents, "agents")?;
    let took = tokio::select! {
        took = loaded.kills() => took,
        failed = busy(loaded.client.tasks_of("bench")) => failed.map(|()| Durations::default()),
    };
    loaded.clear().await?;
    agents.stop().await?;
    figures.extend(self::figures("nats.takeover.loaded", took?));
    Ok(figures)
}

fn figures(name: &str, took: Durations) -> Vec<Figure> {
    let lease = Figure::new("the lease", ms(LeaseSettings::default().lease), "ms");
    let slowest = took.slowest(name).beside(&lease);
    let mut figures = took.figures(name).map(|figure| figure.beside(&lease)).to_vec();
    figures.push(slowest);
    figures
}

/// Keeps a cluster busy for as long as it is polled, whoever leads.
async fn busy(tasks: &Tasks) -> Result<()> {
    let mut clients: FuturesUnordered<_> =
        (0..CLIENTS).map(|client| one_run_after_another(tasks, client)).collect();
    while let Some(ended) = clients.next().await {
        ended?;
    }
    Ok(())
}

async fn one_run_after_another(tasks: &Tasks, client: usize) -> Result<()> {
    for number in 0_usize.. {
        let run = RunId::new(format!("busy-{client}-{number}"))?;
        let named = |task| Ok(TaskSpec::new(TaskId::new(format!("t{task}"))?));
        let specs = (0..TASKS).map(named).collect::<Result<Vec<_>>>()?;
        // What was not answered while nobody led is asked again.
        while tasks.begin(&run, specs.clone()).await.is_err() {}
        while tasks.wait(&run).await.is_err() {}
    }
    Ok(())
}

/// A client, and where it finds out who leads.
struct Stage<'a> {
    site: &'a Site,
    client: Node,
    registers: Arc<dyn Registers>,
    key: Key,
}

impl<'a> Stage<'a> {
    async fn set(site: &'a Site) -> Result<Self> {
        let client = site.node("client", CLIENT).await?;
        let (registers, key) = (site.fabric().await?.registers(), names::leader_key(ShardId(0))?);
        Ok(Self { site, client, registers, key })
    }

    async fn clear(self) -> Result<()> {
        self.client.stop().await
    }

    async fn leader(&self) -> Result<NodeId> {
        let found = self.registers.get(&self.key).await?;
        match found.map(|found| Standing::from_bytes(&found.bytes)) {
            Some(Standing::Held(held)) => Ok(held.node),
            Some(Standing::Vacant { .. } | Standing::Unreadable) | None => {
                Err(Error::new(ErrorKind::Unavailable, "nobody leads the shard"))
            }
        }
    }

    async fn kills(&self) -> Result<Durations> {
        let mut peers: BTreeMap<NodeId, Peer> = BTreeMap::new();
        let (clock, mut took) = (self.site.place.clock.as_ref(), Durations::default());
        let tasks = self.client.tasks_of("bench");
        for number in 0..KILLS {
            for name in NAMES {
                if let Entry::Vacant(place) = peers.entry(NodeId::new(name)?) {
                    place.insert(self.site.peer(Part::NatsCoordinator, name)?);
                }
            }
            until_there(|| async { self.both_are_up() }).await?;
            // Kills fall between two renewals as it comes.
            let renew_every = LeaseSettings::default().renew_every;
            tokio::time::sleep(REST + renew_every * number / KILLS).await;
            until_there(|| async { self.leader().await.map(drop) }).await?;
            let Some(killed) = peers.remove(&self.leader().await?) else { continue };
            let began = clock.now().moment;
            killed.kill().await?;
            let run = RunId::new(format!("after-{number}"))?;
            tasks.open(&run, RunOpening::default()).await?;
            took.push(clock.now().moment.since(began));
        }
        for peer in peers.into_values() {
            peer.stop().await?;
        }
        Ok(took)
    }

    fn both_are_up(&self) -> Result<()> {
        let members = self.client.members();
        let coordinators = members.up().filter(|one| one.beat.roles.coordinator);
        if coordinators.count() == NAMES.len() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unavailable, "a coordinator is not up"))
    }
}
