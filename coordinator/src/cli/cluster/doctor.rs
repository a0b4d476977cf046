//! `orkestra doctor` of a cluster: what is wrong, what to do, and with `--heal` the doing.

use futures::future::try_join_all;
use orkestra_runtime::{Error, Result, fabric::Fabric as _, time::Now};

use super::{
    Cluster,
    nodes::{members, shards},
    not_here,
};
use crate::{
    cli::{args::DoctorArgs, doctor::shown},
    output::{Console, Exit},
    safety::{
        doctor::{SeenCluster, examine_cluster},
        heal::Action,
    },
};

/// What only a folder has.
pub(in crate::cli) fn refused(args: &DoctorArgs) -> Option<Error> {
    let what = if args.scenario.is_some() {
        "looking at the agents of a scenario"
    } else if args.backups.is_some() {
        "looking at backups"
    } else if args.deep {
        "reading every blob"
    } else {
        return None;
    };
    Some(not_here(what, "run doctor without it, or name a folder with --data-dir and no server"))
}

/// Looks, and heals if that was asked for. The answer is no when something fails or is critical.
pub(in crate::cli) async fn doctor(
    args: &DoctorArgs,
    cluster: &Cluster,
    (now, console): (Now, &mut Console),
) -> Result<Exit> {
    let mut actions = Vec::new();
    if args.heal {
        let ways = cluster.ways()?;
        let healed = try_join_all(ways.iter().map(|way| way.tasks.heal())).await?;
        actions = healed.into_iter().flatten().map(Action::Record).collect();
    }
    let views = cluster.nodes().await?;
    let features = cluster.nats.features();
    let seen = SeenCluster {
        server: format!("nats-server {}", features.version),
        notices: features.notices,
        durability: cluster.nats.durability(),
        nodes: members(&views),
        shards: shards(&views),
        count: cluster.shards,
    };
    let diagnosis = examine_cluster(&cluster.fabric(), &seen, now, actions).await;
    shown(&diagnosis, console)
}
