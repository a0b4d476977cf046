//! `orkestra backup` and `orkestra restore` over NATS.

use std::path::Path;

use orkestra_runtime::{
    Result,
    fabric::{Fabric as _, nats::Nats},
    time::{Clock as _, SystemClock},
};

use super::{Cluster, login};
use crate::{
    cli::{backup, settings::Settings},
    ops,
    output::{Console, Exit},
};

/// Copies what a cluster keeps, while its nodes work.
pub(in crate::cli) async fn back_up(
    into: &Path,
    cluster: &Cluster,
    console: &mut Console,
) -> Result<Exit> {
    let clock = SystemClock::start();
    let began = clock.now();
    console.say(format!(
        "copying the journals of {} shards of cluster {}, and what they name",
        cluster.shards, cluster.name
    ))?;
    let name = cluster.name.clone();
    let manifest = ops::back_up_cluster(cluster.nats.as_ref(), &name, into, began.wall).await?;
    let took = clock.now().moment.since(began.moment);
    backup::tell_backup(&manifest, (into, &format!("cluster {name}")), took, console)
}

/// Makes a cluster of a backup, on servers that have none of its name; its nodes are started later.
pub(in crate::cli) async fn restore(
    from: &Path,
    settings: &Settings,
    console: &mut Console,
) -> Result<Exit> {
    let clock = SystemClock::start();
    let began = clock.now();
    let nats = Nats::connect(login::of(settings, login::For::Making)?).await?;
    let restored = ops::restore_cluster(from, &nats).await;
    nats.close().await;
    let manifest = restored?;
    let took = clock.now().moment.since(began.moment);
    backup::tell_restored(&manifest, &settings.config.cluster_name.0, took, console)?;
    console.say(
        "its nodes can be started now; they need the same cluster.shards\n\
         note: what agents did outside after the backup was taken is done again, under the same \
         effect keys",
    )?;
    Ok(Exit::Done)
}
