//! `orkestra status`: what goes on in a folder now.

use std::{fmt::Write as _, time::Duration};

use orkestra_runtime::{
    Result,
    time::{Clock as _, Now},
};

use serde::Serialize;

use super::asking::{Asking, Found};
use crate::{
    cli::cluster::{Cluster, nodes},
    door::{Request, RunStatus, Status},
    inspect::Inspection,
    node::MemberView,
    output::{Console, Exit, Table, age, duration},
    task::{Answer, Query, view::RunView},
};

/// Shows what goes on: as the process that is at work says, or as the folder does.
pub(super) async fn status(asking: &Asking<'_>, console: &mut Console) -> Result<Exit> {
    let now = asking.clock.now();
    if asking.settings.is_cluster() {
        return of_cluster(asking, console).await;
    }
    let status = match asking.find().await? {
        Found::Node(mut link) => link.ask(&Request::Status {}, None).await?,
        Found::Closed(pid) => of_folder(asking, now, Some(pid)).await?,
        Found::Nobody => of_folder(asking, now, None).await?,
    };
    console.item(&status, |status| told(status, now))?;
    Ok(Exit::Done)
}

/// What goes on in a cluster.
#[derive(Debug, Serialize)]
struct ClusterStatus {
    cluster: String,
    nodes: Vec<MemberView>,
    shards: u16,
    led: usize,
    open_runs: u64,
    runs: Vec<RunStatus>,
}

async fn of_cluster(asking: &Asking<'_>, console: &mut Console) -> Result<Exit> {
    let cluster = Cluster::connect(asking.settings).await?;
    let nodes = cluster.nodes().await?;
    let led = nodes::shards(&nodes).iter().filter(|shard| shard.leader.is_some()).count();
    // Where nobody leads, nobody answers: that is said, and not waited for.
    let views: Vec<RunView> = if led == usize::from(cluster.shards) {
        cluster.runs().await?.into_iter().map(|(_, _, view)| view).collect()
    } else {
        console.warn(format!("{led} of {} shards are led: runs are not shown", cluster.shards))?;
        Vec::new()
    };
    let Status { open_runs, runs, .. } = Status::of(&views, None, None);
    let (name, shards) = (cluster.name.clone(), cluster.shards);
    let nodes = nodes::members(&nodes);
    let status = ClusterStatus { cluster: name, nodes, shards, led, open_runs, runs };
    let now = asking.clock.now();
    console.item(&status, |status| told_cluster(status, now))?;
    Ok(Exit::Done)
}

fn told_cluster(status: &ClusterStatus, now: Now) -> String {
    let up = status.nodes.iter().filter(|node| node.state == "up").count();
    let mut text = format!(
        "cluster {}: {up} of {} nodes are up, {} of {} shards are led\n",
        status.cluster,
        status.nodes.len(),
        status.led,
        status.shards
    );
    if status.runs.is_empty() {
        text.push_str("every run has ended\n");
    } else {
        text.push_str(&runs(&status.runs, now).render());
    }
    text
}

async fn of_folder(asking: &Asking<'_>, now: Now, pid: Option<u32>) -> Result<Status> {
    let inspection = Inspection::of(asking.data_dir()).await?;
    let answer = inspection.tasks().answer(now, &Query::Runs);
    inspection.close().await;
    let Answer::Runs(runs) = answer else { return Ok(Status::of(&[], pid, None)) };
    Ok(Status::of(&runs, pid, None))
}

fn told(status: &Status, now: Now) -> String {
    let mut text = match (status.pid, &status.node) {
        (Some(pid), Some(node)) => {
            let up = duration(Duration::from_millis(node.uptime_ms));
            let full = if node.full { "; its journal is full: it takes nothing" } else { "" };
            format!(
                "node {} is at work: process {pid}, orkestra {}, start {}, durability {}, up for \
                 {up}{full}\n",
                node.name, node.version, node.boot, node.durability
            )
        }
        (Some(pid), None) => {
            format!("process {pid} is at work, and has no control door; its journal says:\n")
        }
        (None, _) => "nobody is at work in this folder; its journal says:\n".to_owned(),
    };
    if status.runs.is_empty() {
        text.push_str("every run has ended\n");
        return text;
    }
    text.push_str(&runs(&status.runs, now).render());
    let more = status.open_runs.saturating_sub(status.runs.len() as u64);
    if more > 0 {
        let _ = writeln!(text, "and {more} more runs that have not ended");
    }
    text
}

fn runs(runs: &[RunStatus], now: Now) -> Table {
    let header =
        ["RUN", "TASKS", "RUNNING", "ASKED", "COMPLETED", "FAILED", "CANCELLED", "AGE", "PAUSED"];
    let mut table = Table::new(header);
    for run in runs {
        table.row([
            run.run.to_string(),
            run.total.to_string(),
            run.running.to_string(),
            run.asked.to_string(),
            run.completed.to_string(),
            run.failed.to_string(),
            run.cancelled.to_string(),
            age(now.wall, run.opened),
            run.paused.clone().unwrap_or_default(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::{
        id::{NodeId, RunId},
        time::{Moment, Wall},
    };

    use super::*;
    use crate::door::NodeStatus;

    #[test]
    fn a_status_says_who_is_at_work_and_what_has_not_ended() {
        let now = Now { moment: Moment::START, wall: Wall::from_ms(60_000) };
        let nobody = Status { pid: None, node: None, open_runs: 0, runs: Vec::new() };
        assert_eq!(
            told(&nobody, now),
            "nobody is at work in this folder; its journal says:\nevery run has ended\n"
        );
        let node = NodeStatus {
            name: NodeId::new("local").unwrap(),
            version: "0.1.0".to_owned(),
            boot: 3,
            durability: "fsync".to_owned(),
            uptime_ms: 63_000,
            full: true,
        };
        let run = RunStatus {
            run: RunId::new("slow-1").unwrap(),
            scenario: "slow".to_owned(),
            opened: Wall::from_ms(1_000),
            total: 30,
            running: 1,
            completed: 2,
            failed: 0,
            cancelled: 0,
            asked: 4,
            paused: Some("by ada (uid 1000): lunch".to_owned()),
        };
        let status = Status { pid: Some(77), node: Some(node), open_runs: 102, runs: vec![run] };
        assert_eq!(
            told(&status, now),
            "node local is at work: process 77, orkestra 0.1.0, start 3, durability fsync, up for \
             1m3s; its journal is full: it takes nothing\n\
             RUN      TASKS   RUNNING   ASKED   COMPLETED   FAILED   CANCELLED   AGE   PAUSED\n\
             slow-1   30      1         4       2           0        0           59s   by ada (uid 1000): lunch\n\
             and 101 more runs that have not ended\n"
        );
    }
}
