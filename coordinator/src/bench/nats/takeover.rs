//! From the kill of whoever leads to the next command that is accepted.

use std::{collections::BTreeMap, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::Fabric as _,
    id::{NodeId, RunId, ShardId},
    leadership::{LeaseSettings, Standing},
    names,
};

use super::{CLIENT, Site, ask::until_there, peer::Peer};
use crate::{
    bench::{
        Figure, Part,
        figure::{Durations, ms},
    },
    task::RunOpening,
};

const KILLS: usize = 7;
const NAMES: [&str; 2] = ["left", "right"];
/// How long both are up before the next kill, so that the warm one follows.
const REST: Duration = Duration::from_secs(1);

pub(super) async fn measure(site: &Site) -> Result<Vec<Figure>> {
    let client = site.node("client", CLIENT).await?;
    let fabric = site.fabric().await?;
    let registers = fabric.registers();
    let key = names::leader_key(ShardId(0))?;
    let leader = || async {
        let found = registers.get(&key).await?;
        match found.map(|found| Standing::from_bytes(&found.bytes)) {
            Some(Standing::Held(held)) => Ok(held.node),
            Some(Standing::Vacant { .. } | Standing::Unreadable) | None => {
                Err(Error::new(ErrorKind::Unavailable, "nobody leads the shard"))
            }
        }
    };
    let mut peers: BTreeMap<NodeId, Peer> = BTreeMap::new();
    let (mut took, tasks) = (Durations::default(), client.tasks_of("bench").clone());
    for number in 0..KILLS {
        for name in NAMES {
            let id = NodeId::new(name)?;
            if !peers.contains_key(&id) {
                peers.insert(id, site.peer(Part::NatsCoordinator, name)?);
            }
        }
        let members = || client.members().up().filter(|one| one.beat.roles.coordinator).count();
        until_there(|| async { if members() == NAMES.len() { Ok(()) } else { Err(absent()) } })
            .await?;
        tokio::time::sleep(REST).await;
        until_there(|| async { leader().await.map(drop) }).await?;
        let Some(killed) = peers.remove(&leader().await?) else { continue };
        let began = site.place.clock.now().moment;
        killed.kill().await?;
        let run = RunId::new(format!("after-{number}"))?;
        tasks.open(&run, RunOpening::default()).await?;
        took.push(site.place.clock.now().moment.since(began));
    }
    for peer in peers.into_values() {
        peer.stop().await?;
    }
    fabric.close().await;
    client.stop().await?;
    let lease = Figure::new("the lease", ms(LeaseSettings::default().lease), "ms");
    let slowest = took.slowest("nats.takeover").beside(&lease);
    let [p50, _] = took.figures("nats.takeover");
    Ok(vec![p50.beside(&lease), slowest])
}

fn absent() -> Error {
    Error::new(ErrorKind::Unavailable, "a coordinator is not up")
}
