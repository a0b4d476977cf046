//! `orkestra node list|drain|resume` and `orkestra shard list|move`.

use std::collections::BTreeMap;

use orkestra_runtime::{
    Result,
    id::{AgentId, NodeId, ShardId},
    time::Now,
};
use serde::Serialize;

use super::Cluster;
use crate::{
    cli::args::{NodeCommand, ShardCommand},
    node::{MemberView, NodeAsk, NodeView, ShardView},
    output::{Console, Exit, Format, Table, age},
};

/// What came of a change.
#[derive(Debug, Serialize)]
struct Came {
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<NodeId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<ShardId>,
    changed: bool,
}

pub(in crate::cli) async fn node(
    command: &NodeCommand,
    cluster: &Cluster,
    (now, console): (Now, &mut Console),
) -> Result<Exit> {
    match command {
        NodeCommand::List => {
            let members = members(&cluster.nodes().await?);
            console.list(&members, |members| members_table(members, now))?;
            Ok(if members.is_empty() { Exit::Negative } else { Exit::Done })
        }
        NodeCommand::Drain { node } => {
            let node = NodeId::new(node)?;
            let changed = cluster.ask_node(&node, &NodeAsk::Drain {}).await?;
            let told = if changed {
                format!(
                    "node {node} is drained: it leads nothing more and takes no more work\n\
                     it stays so when it is started again, until `orkestra node resume {node}`"
                )
            } else {
                format!("node {node} was drained before: nothing was changed")
            };
            tell(&Came { change: "drained", node: Some(node), shard: None, changed }, told, console)
        }
        NodeCommand::Resume { node } => {
            let node = NodeId::new(node)?;
            let changed = cluster.ask_node(&node, &NodeAsk::Undrain {}).await?;
            let told = if changed {
                format!("node {node} leads and works again")
            } else {
                format!("node {node} was not drained: nothing was changed")
            };
            tell(
                &Came { change: "returned", node: Some(node), shard: None, changed },
                told,
                console,
            )
        }
    }
}

pub(in crate::cli) async fn shard(
    command: &ShardCommand,
    cluster: &Cluster,
    console: &mut Console,
) -> Result<Exit> {
    match command {
        ShardCommand::List => {
            let shards = shards(&cluster.nodes().await?);
            console.list(&shards, shards_table)?;
            let are_led = !shards.is_empty() && shards.iter().all(|shard| shard.leader.is_some());
            Ok(if are_led { Exit::Done } else { Exit::Negative })
        }
        ShardCommand::Move { shard, to, anywhere: _ } => {
            let shard = ShardId(*shard);
            let to = to.as_ref().map(NodeId::new).transpose()?;
            let asked = cluster.coordinator().await?;
            let ask = NodeAsk::Move { shard, to: to.clone() };
            let changed = cluster.ask_node(&asked, &ask).await?;
            let told = match (&to, changed) {
                (Some(to), true) => format!(
                    "shard {shard} goes to node {to}, and is led by it while it is there\n\
                     `orkestra shard move {shard} --anywhere` leaves it to the cluster again"
                ),
                (Some(to), false) => format!("shard {shard} was moved to node {to} before"),
                (None, true) => format!("shard {shard} goes where the cluster places it"),
                (None, false) => format!("shard {shard} was never moved: nothing was changed"),
            };
            tell(&Came { change: "moved", node: to, shard: Some(shard), changed }, told, console)
        }
    }
}

/// Has the cluster host an agent no more.
pub(in crate::cli) async fn withdraw(
    agent: &str,
    cluster: &Cluster,
    console: &mut Console,
) -> Result<Exit> {
    let agent = AgentId::new(agent)?;
    let asked = cluster.coordinator().await?;
    let changed = cluster.ask_node(&asked, &NodeAsk::Withdraw { agent: agent.clone() }).await?;
    let told = if changed {
        format!("the cluster hosts agent {agent} no more: it finishes or hands back what it holds")
    } else {
        format!("the cluster does not host an agent {agent}: nothing was changed")
    };
    tell(&Came { change: "withdrawn", node: None, shard: None, changed }, told, console)
}

fn tell(came: &Came, told: String, console: &mut Console) -> Result<Exit> {
    if console.format() == Format::Table {
        console.say(told)?;
    } else {
        console.item(came, |_| String::new())?;
    }
    Ok(Exit::Done)
}

/// All nodes that anybody knows: each as it tells of itself, or as the one tells that heard it last.
pub(in crate::cli) fn members(nodes: &[NodeView]) -> Vec<MemberView> {
    let mut all: BTreeMap<NodeId, MemberView> = BTreeMap::new();
    for known in nodes.iter().flat_map(|view| &view.members) {
        let newer = all.get(&known.node).is_none_or(|other| other.life < known.life);
        if newer {
            all.insert(known.node.clone(), known.clone());
        }
    }
    for view in nodes {
        all.insert(view.me.node.clone(), view.me.clone());
    }
    all.into_values().collect()
}

/// Each shard, as the one tells who leads it, or else as most know.
pub(in crate::cli) fn shards(nodes: &[NodeView]) -> Vec<ShardView> {
    let mut all: BTreeMap<ShardId, ShardView> = BTreeMap::new();
    for known in nodes.iter().flat_map(|view| &view.shards) {
        let better = all
            .get(&known.shard)
            .is_none_or(|other| (known.led_here, known.epoch) > (other.led_here, other.epoch));
        if better {
            all.insert(known.shard, known.clone());
        }
    }
    all.into_values().collect()
}

fn members_table(members: &[MemberView], now: Now) -> Table {
    let mut table =
        Table::new(["NODE", "STATE", "ROLES", "LEADS", "AT WORK", "UP", "LIFE", "VERSION"]);
    for member in members {
        let is_there = matches!(member.state.as_str(), "up" | "draining");
        table.row([
            member.node.to_string(),
            member.state.clone(),
            member.roles.clone(),
            if is_there { member.leads.to_string() } else { String::new() },
            if is_there {
                format!("{}/{}", member.running, member.capacity)
            } else {
                String::new()
            },
            if is_there { age(now.wall, member.since) } else { String::new() },
            member.life.to_string(),
            member.version.clone(),
        ]);
    }
    table
}

fn shards_table(shards: &[ShardView]) -> Table {
    let mut table = Table::new(["SHARD", "LEADER", "REIGN", "MOVED TO"]);
    for shard in shards {
        table.row([
            shard.shard.to_string(),
            shard.leader.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string),
            shard.epoch.map(|epoch| epoch.to_string()).unwrap_or_default(),
            shard.pinned_to.as_ref().map(ToString::to_string).unwrap_or_default(),
        ]);
    }
    table
}
