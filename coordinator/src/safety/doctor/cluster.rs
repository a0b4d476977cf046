//! A cluster: its servers, its nodes, who leads, and what the record of each shard says.

use std::{collections::BTreeSet, sync::Arc};

use orkestra_runtime::{
    fabric::{Durability, Fabric},
    id::ShardId,
    protocol::check::{Category, Level},
    time::Now,
};

use super::{Diagnosis, Finding, listed, locks, store, tasks, team};
use crate::{
    inspect::Inspection,
    node::{MemberView, ShardView},
    safety::{heal::Action, remedy::Remedies},
};

/// A cluster, as it was seen over its servers.
#[derive(Debug)]
pub struct SeenCluster {
    /// The server that was reached, with its version.
    pub server: String,
    /// What the servers lack or do not tell, and what follows.
    pub notices: Vec<String>,
    /// What survives which failure.
    pub durability: Durability,
    /// Every node that anybody knows.
    pub nodes: Vec<MemberView>,
    /// Each shard, as those know it who lead.
    pub shards: Vec<ShardView>,
    /// How many shards there are.
    pub count: u16,
}

/// Looks at a cluster and reads the record of each of its shards. `actions`: what was healed before,
/// to be told with it.
pub async fn examine_cluster(
    fabric: &Arc<dyn Fabric>,
    seen: &SeenCluster,
    now: Now,
    actions: Vec<Action>,
) -> Diagnosis {
    let mut findings = vec![finding("Servers", Level::Pass, seen.server.clone())];
    let notices = seen.notices.iter().map(|notice| finding("Servers", Level::Warning, notice));
    findings.extend(notices);
    findings.push(store::durability(seen.durability));
    nodes(&seen.nodes, &mut findings);
    findings.push(leaders(&seen.shards, seen.count));
    let (mut remedies, mut known) = (Remedies::default(), BTreeSet::new());
    let mut well = 0_u64;
    for shard in (0..seen.count).map(ShardId) {
        let found = record(fabric, shard, now, &mut remedies).await;
        let is_wrong = |finding: &Finding| finding.level != Level::Pass;
        well += u64::from(!found.iter().any(is_wrong));
        // What all shards say alike, and what is well in them, is told once; who holds locks is told
        // of each that knows of any.
        findings.extend(found.into_iter().filter(|finding| match finding.section {
            "locks" => is_wrong(finding) || !finding.details.is_empty(),
            "team" => {
                is_wrong(finding) && known.insert((finding.name.clone(), finding.message.clone()))
            }
            _ => is_wrong(finding),
        }));
    }
    if well > 0 {
        let message = format!(
            "{well} of {} shards: references, cycles, counts, locks, snapshots and agents are well",
            seen.count
        );
        findings.push(Finding::new(RECORD, "Records", Level::Pass, message));
    }
    Diagnosis::new(Some(seen.durability.as_str()), actions, findings, remedies.seen())
}

const RECORD: (&str, Category) = ("tasks", Category::DataIntegrity);

fn finding(name: &str, level: Level, message: impl Into<String>) -> Finding {
    Finding::new(("cluster", Category::Resources), name, level, message)
}

fn nodes(nodes: &[MemberView], findings: &mut Vec<Finding>) {
    let in_state = |state: &'static str| nodes.iter().filter(move |node| node.state == state);
    let names = |state: &'static str| listed(in_state(state).map(|node| node.node.to_string()));
    for (role, none, one) in [
        (
            "coordinator",
            Level::Critical,
            "while it is gone, nothing is taken and nothing is decided",
        ),
        ("agents", Level::Fail, "while it is gone, nothing is worked on"),
    ] {
        let able = || in_state("up").filter(|node| node.roles.contains(role));
        let name = format!("Nodes: {role}");
        let advice = format!("start one: orkestra node --role {role}");
        findings.push(match able().count() {
            0 => finding(&name, none, "none is up").advise(advice),
            1 => {
                let alone = listed(able().map(|node| node.node.to_string()));
                finding(&name, Level::Warning, format!("{alone} alone is up: {one}"))
                    .advise(advice.replace("start one", "start another one"))
            }
            more => finding(&name, Level::Pass, format!("{more} are up")),
        });
    }
    if in_state("down").next().is_some() {
        let message = format!("not heard of any more: {}", names("down"));
        let advice = "start them again; whoever is gone for good is forgotten in time";
        findings.push(finding("Nodes", Level::Warning, message).advise(advice));
    }
    if in_state("draining").next().is_some() {
        let message = format!("drained: {}", names("draining"));
        let advice = "`orkestra node resume` lets a node lead and work again";
        findings.push(finding("Nodes", Level::Warning, message).advise(advice));
    }
    let there = || in_state("up").chain(in_state("draining"));
    let versions: BTreeSet<&str> = there().map(|node| node.version.as_str()).collect();
    if versions.len() > 1 {
        let versions: Vec<&str> = versions.into_iter().collect();
        let message = format!("nodes run different versions: {}", versions.join(", "));
        let advice = "bring all to one version: until then nothing is recorded that the oldest \
                      coordinator cannot read";
        findings.push(finding("Versions", Level::Warning, message).advise(advice));
    }
}

fn leaders(shards: &[ShardView], count: u16) -> Finding {
    let led: BTreeSet<u16> =
        shards.iter().filter(|shard| shard.leader.is_some()).map(|shard| shard.shard.0).collect();
    let missing: Vec<String> =
        (0..count).filter(|shard| !led.contains(shard)).map(|shard| shard.to_string()).collect();
    if missing.is_empty() {
        return finding("Leaders", Level::Pass, format!("all {count} shards are led"));
    }
    let message = format!("{} of {count} shards are led by nobody", missing.len());
    finding("Leaders", Level::Critical, message)
        .details(format!("shards {}", missing.join(", ")))
        .advise("look again in a few seconds; if it stays so, start a coordinator")
}

/// Reads the record of one shard.
async fn record(
    fabric: &Arc<dyn Fabric>,
    shard: ShardId,
    now: Now,
    remedies: &mut Remedies,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let read = async {
        let inspection = Inspection::over(Arc::clone(fabric), shard).await?;
        findings.push(store::snapshots(&inspection).await);
        tasks::look(inspection.tasks(), now, &mut findings);
        locks::look(inspection.shard(), now, &mut findings);
        team::known(&inspection, now, &mut findings);
        inspection.each_event(|event| remedies.see(event)).await
    };
    if let Err(error) = read.await {
        findings.push(Finding::new(RECORD, "Record", Level::Fail, error.to_string()));
    }
    for finding in findings.iter_mut().filter(|finding| finding.section != "team") {
        finding.name = format!("Shard {shard}: {}", finding.name);
    }
    findings
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::{fabric::embedded::Embedded, id::NodeId, time::Wall};

    use super::*;

    fn node(name: &str, state: &str, roles: &str, version: &str) -> MemberView {
        MemberView {
            node: NodeId::new(name).unwrap(),
            state: state.to_owned(),
            roles: roles.to_owned(),
            life: 1,
            since: Wall::from_ms(0),
            running: 0,
            capacity: 0,
            leads: 0,
            version: version.to_owned(),
        }
    }

    fn led(shard: u16, leader: Option<&str>) -> ShardView {
        let leader = leader.map(|name| NodeId::new(name).unwrap());
        let shard = ShardId(shard);
        ShardView { shard, leader, epoch: None, led_here: false, pinned_to: None }
    }

    async fn examined(nodes: Vec<MemberView>, shards: Vec<ShardView>) -> Vec<(Level, String)> {
        let fabric: Arc<dyn Fabric> = Arc::new(Embedded::memory());
        let seen = SeenCluster {
            server: "nats-server 2.15.1".to_owned(),
            notices: Vec::new(),
            durability: Durability::Lazy,
            nodes,
            shards,
            count: 2,
        };
        let diagnosis = examine_cluster(&fabric, &seen, Now::default(), Vec::new()).await;
        let told =
            |finding: &Finding| (finding.level, format!("{}: {}", finding.name, finding.message));
        diagnosis.findings.iter().map(told).collect()
    }

    #[tokio::test]
    async fn a_cluster_that_can_lose_any_node_is_well() {
        let all = ["a", "b"].map(|name| node(name, "up", "coordinator, agents", "0.1.0"));
        let found = examined(all.into(), vec![led(0, Some("a")), led(1, Some("b"))]).await;
        assert!(found.iter().all(|(level, _)| *level == Level::Pass), "{found:?}");
        let expected = "Records: 2 of 2 shards: references, cycles, counts, locks, snapshots and agents are well";
        assert!(found.contains(&(Level::Pass, expected.to_owned())), "{found:?}");
    }

    #[tokio::test]
    async fn what_a_cluster_lacks_is_told_with_how_bad_it_is() {
        let all = vec![
            node("a", "up", "coordinator", "0.1.0"),
            node("b", "draining", "agents", "0.2.0"),
            node("c", "down", "agents", "0.1.0"),
        ];
        let found = examined(all, vec![led(0, Some("a")), led(1, None)]).await;
        let wrong: Vec<_> = found.iter().filter(|(level, _)| *level != Level::Pass).collect();
        let expected = [
            (
                Level::Warning,
                "Nodes: coordinator: a alone is up: while it is gone, nothing is taken and nothing \
                 is decided",
            ),
            (Level::Fail, "Nodes: agents: none is up"),
            (Level::Warning, "Nodes: not heard of any more: c"),
            (Level::Warning, "Nodes: drained: b"),
            (Level::Warning, "Versions: nodes run different versions: 0.1.0, 0.2.0"),
            (Level::Critical, "Leaders: 1 of 2 shards are led by nobody"),
        ];
        let expected = expected.map(|(level, told)| (level, told.to_owned()));
        assert_eq!(wrong, expected.iter().collect::<Vec<_>>());
    }
}
