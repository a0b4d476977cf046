//! A lock that sixteen contend for: ours, and one made of a bucket on the same server.
//!
//! The bucket's is measured twice: as the client creates a key, and on the revision of its deletion,
//! which is the least that such a lock can do. All take turns, since what else the machine does changes
//! within seconds. All contenders of one lock share a connection, theirs and ours; our leader is in a
//! process of its own.

use std::sync::Arc;

use orkestra_runtime::{Error, ErrorKind, Result, fabric::nats::Contender};
use tokio::task::JoinSet;

use super::{Site, ask::until_there};
use crate::{
    bench::{
        Figure, Part, cannot,
        figure::{Durations, rate},
        locks::{CONTENDERS, MEASURED, WARM, contended},
    },
    client::Cluster,
    lock::LockQuery,
};

/// The bucket, and the lock in it.
const BUCKET: &str = "ork-bench-lock";
const KEY: &str = "contended";
/// How many turns each way takes.
const TURNS: usize = 2;

pub(super) async fn measure(group: &str, site: &Site) -> Result<Vec<Figure>> {
    let leader = site.peer(Part::NatsCoordinator, "leader")?;
    let (bare, fabric) = (site.bare().await?, site.fabric().await?);
    let cluster = Cluster::over(fabric.as_ref(), 1)?;
    let locks = cluster.locks_of("bench");
    until_there(|| async { locks.query(LockQuery::Gauges).await.map(drop) }).await?;
    // A bench that was killed has left it behind.
    let _ = bare.remove_bucket(BUCKET).await;
    bare.make_bucket(BUCKET, site.settings().replicas).await?;
    let mut ours = Durations::default();
    let mut theirs = [Durations::default(), Durations::default()];
    for _ in 0..TURNS {
        for (took, by_revision) in theirs.iter_mut().zip([false, true]) {
            let mut contenders = Vec::new();
            for _ in 0..CONTENDERS {
                contenders.push(bare.contender((BUCKET, KEY), by_revision).await?);
            }
            took.extend(of_bucket(site, contenders).await?);
        }
        ours.extend(contended(locks, &site.place.clock).await?);
    }
    bare.remove_bucket(BUCKET).await?;
    bare.close().await;
    orkestra_runtime::fabric::Fabric::close(fabric.as_ref()).await;
    leader.stop().await?;
    let turns = u32::try_from(TURNS).unwrap_or(u32::MAX);
    let rate_of = |took: &Durations| rate(took.len(), MEASURED * turns);
    let rate_of_ours =
        |what: &str| Figure::new(format!("{group}.handover.{what}"), rate_of(&ours), "/s");
    let [created, revised] = &theirs;
    let bucket = Figure::new("bucket, create and watch", rate_of(created), "/s");
    let by_revision = Figure::new("bucket, by revision", rate_of(revised), "/s");
    let mut figures =
        vec![rate_of_ours("rate").beside(&bucket), rate_of_ours("rate_again").beside(&by_revision)];
    let [created, _] = theirs;
    let bare = created.figures("bucket, create and watch");
    let ours = ours.figures(&format!("{group}.handover")).into_iter().zip(&bare);
    figures.extend(ours.map(|(figure, bare)| figure.beside(bare)));
    Ok(figures)
}

/// Lets contenders take turns at the lock of a bucket: how long each turn took.
async fn of_bucket(site: &Site, contenders: Vec<Contender>) -> Result<Durations> {
    let mut workers = JoinSet::new();
    for mut contender in contenders {
        let clock = Arc::clone(&site.place.clock);
        workers.spawn(async move {
            let began = clock.now().moment;
            let mut took = Durations::default();
            loop {
                let from = clock.now().moment;
                let token = contender.acquire().await?;
                contender.release(token).await?;
                let now = clock.now().moment;
                let so_far = now.since(began);
                if so_far >= WARM + MEASURED {
                    return Ok::<_, Error>(took);
                }
                if so_far >= WARM {
                    took.push(now.since(from));
                }
            }
        });
    }
    let mut together = Durations::default();
    while let Some(one) = workers.join_next().await {
        together.extend(one.map_err(|error| cannot("take turns at a lock", error))??);
    }
    if together.len() == 0 {
        return Err(Error::new(ErrorKind::Fault, "nobody had the lock of the bucket"));
    }
    Ok(together)
}
