//! What the supervision log tells, and what goes wrong with the journal.

use std::time::Duration;

use orkestra_runtime::{
    id::Incarnation,
    supervise::{event::What, log::Record},
    time::Wall,
};

use crate::health::{
    Health, INCIDENTS_KEPT, IncidentKind, Incidents, Report, Standing, Tending, Vitals, reason_of,
};

fn record(second: u64, who: &str, what: What, why: Option<&str>, incarnation: u64) -> Record {
    Record {
        v: 1,
        seq: second,
        at: Wall::from_ms(second * 1_000),
        who: who.to_owned(),
        what,
        why: why.map(ToOwned::to_owned),
        incarnation: Incarnation(incarnation),
        attempt: 1,
        took_ms: None,
        delay_ms: None,
        lost: None,
    }
}

/// What is told of incidents: kind, subject, whether it was mended, after how many seconds.
fn told(incidents: &Incidents) -> Vec<String> {
    let told = incidents.list().into_iter().map(|one| {
        let took = one.time_to_recovery.map(|ms| ms / 1_000);
        format!("{} {} {:?} {took:?}", one.kind.as_str(), one.subject, one.ended.is_some())
    });
    told.collect()
}

#[test]
fn an_agent_that_ends_and_comes_back_is_an_incident_that_was_mended() {
    let mut tending = Tending::default();
    let ann = "node/house/agents/ann/of/the/north";
    assert_eq!(tending.add(&record(1, ann, What::Started, None, 1)), None);
    assert_eq!(tending.add(&record(5, ann, What::Ended, Some("boom"), 1)), None);
    assert_eq!(tending.add(&record(6, ann, What::BackingOff, Some("boom"), 1)), None);
    assert_eq!(tending.add(&record(7, ann, What::StartFailed, Some("no"), 2)), None);
    let over = tending.add(&record(9, ann, What::Restarted, Some("boom"), 3)).unwrap();
    assert_eq!((over.subject.as_str(), over.reason.as_str()), ("ann/of/the/north", "boom"));
    assert_eq!((over.recovered, over.time_to_recovery), (true, Some(4_000)));
    assert_eq!(tending.restarts(), 1);
    // To end in peace, or because one was asked to, is none.
    tending.add(&record(10, ann, What::Ended, Some("normal"), 3));
    tending.add(&record(11, ann, What::Restarted, Some("normal"), 4));
    tending.add(&record(12, ann, What::Stopped, Some("normal"), 4));
    assert_eq!(told(tending.incidents()), ["agent_ended ann/of/the/north true Some(4)"]);
}

#[test]
fn one_that_is_parked_is_given_up_and_not_active_until_it_starts() {
    let mut tending = Tending::default();
    let porter = "node/house/shards/shard-0/porter";
    tending.add(&record(1, "node/fabric", What::Started, None, 1));
    tending.add(&record(2, "node/house/agents/ann", What::Hung, Some("silent"), 1));
    tending.add(&record(3, "node/house/agents/ann", What::Parked, Some("no such file"), 1));
    tending.add(&record(4, porter, What::Ended, Some("killed"), 1));
    let over = told(tending.incidents());
    assert_eq!(over, ["agent_ended ann true None", &format!("part_ended {porter} false None")]);
    assert_eq!(tending.parked("ann"), Some("no such file"));
    let mut vitals = Vitals::default();
    let profile = profile("ann");
    let described = crate::task::TaskEvent::AgentDescribed { profile };
    vitals.apply(orkestra_runtime::id::Number(1), Wall::from_ms(1), &described, &mut |_| {});
    let report = Report::of(&vitals, &tending);
    assert_eq!(
        (report.agents[0].health, report.agents[0].standing),
        (Health::Healthy, Standing::Parked)
    );
    assert_eq!((report.system.health, report.system.active), (Health::Critical, 0));
    assert_eq!(report.system.because, ["0 of 1 agents are active"]);
    tending.add(&record(9, "node/house/agents/ann", What::Started, None, 2));
    assert_eq!(Report::of(&vitals, &tending).system.health, Health::Healthy);
}

fn profile(name: &str) -> orkestra_runtime::protocol::agent::AgentProfile {
    orkestra_runtime::protocol::agent::AgentProfile {
        id: orkestra_runtime::id::AgentId::new(name).unwrap(),
        kind: String::new(),
        description: String::new(),
        capabilities: Vec::new(),
        specialties: Vec::new(),
        capacity: 1,
        availability: orkestra_runtime::protocol::agent::Availability::Available,
    }
}

#[test]
fn a_node_that_was_killed_is_up_while_it_was_heard_of() {
    let mut tending = Tending::default();
    tending.add(&record(10, "node/fabric", What::Started, None, 1));
    tending.add(&record(12, "node/house", What::Started, None, 2));
    tending.hear(Wall::from_ms(20_000)); // the journal bears witness
    assert_eq!(tending.uptime(), Duration::from_secs(10));
    let over = tending.add(&record(100, "node/fabric", What::Started, None, 1)).unwrap();
    assert_eq!((over.kind, over.time_to_recovery), (IncidentKind::NodeKilled, Some(88_000)));
    tending.add(&record(105, "node", What::Stopped, Some("asked to"), 0));
    assert_eq!((tending.starts(), tending.uptime()), (2, Duration::from_secs(15)));
    // This one ended in order: nothing was killed.
    assert_eq!(tending.add(&record(200, "node/fabric", What::Started, None, 1)), None);
    // Events of the second life, read afterwards, are heard in the second life.
    tending.hear(Wall::from_ms(110_000));
    assert_eq!((tending.starts(), tending.uptime()), (3, Duration::from_secs(20)));
}

#[test]
fn throughput_is_results_an_hour_of_uptime() {
    let mut tale = super::runs::Tale::default();
    let (_, tasks) = tale.run("r", 3);
    for task in tasks {
        tale.begin(task, "ann");
        tale.complete(task);
    }
    let mut tending = Tending::default();
    assert_eq!(Report::of(&tale.vitals, &tending).system.throughput_per_hour, None);
    tending.add(&record(0, "node/fabric", What::Started, None, 1));
    tending.hear(Wall::from_ms(60_000));
    let system = Report::system(&tale.vitals, &tending);
    assert_eq!((system.uptime_ms, system.throughput_per_hour), (60_000, Some(180.0)));
}

#[test]
fn a_full_journal_is_an_incident_until_there_is_room() {
    let mut tending = Tending::default();
    assert_eq!(tending.journal_has_room(Wall::from_ms(1)), None);
    tending.journal_is_full(Wall::from_ms(1_000));
    tending.journal_is_full(Wall::from_ms(2_000));
    assert_eq!(told(tending.incidents()), ["journal_full journal false None"]);
    let over = tending.journal_has_room(Wall::from_ms(4_000)).unwrap();
    assert_eq!((over.recovered, over.time_to_recovery), (true, Some(3_000)));
}

#[test]
fn many_incidents_are_counted_and_the_latest_kept() {
    let mut incidents = Incidents::default();
    for n in 0..INCIDENTS_KEPT as u64 + 5 {
        let subject = n.to_string();
        incidents.begin(IncidentKind::PartEnded, &subject, "", Wall::from_ms(n));
        incidents.recover(IncidentKind::PartEnded, &subject, Wall::from_ms(n + 2));
    }
    assert_eq!(incidents.list().len(), INCIDENTS_KEPT);
    assert_eq!(incidents.list()[0].subject, "5");
    let tally = incidents.tallies()[&IncidentKind::PartEnded];
    assert_eq!((tally.recovered, tally.recovery_total_ms), (1_005, 2_010));
}

#[test]
fn the_kinds_of_ends_are_few() {
    let kinds = [Some("normal"), Some("killed"), Some("attempt 1 of task 8: panicked"), None];
    assert_eq!(kinds.map(reason_of), ["normal", "killed", "failed", "failed"]);
}

#[test]
fn what_the_nodes_of_a_cluster_tell_is_counted_together_and_each_incident_has_its_node() {
    let root = |second, life| record(second, "node", What::Started, None, life);
    let ann = "node/house/agents/ann";
    let one = vec![
        root(1, 1),
        record(2, ann, What::Started, None, 1),
        record(5, ann, What::Ended, Some("boom"), 1),
        record(7, ann, What::Restarted, Some("boom"), 2),
        record(40, ann, What::Started, None, 2),
    ];
    let other = vec![
        root(3, 1),
        record(4, ann, What::Ended, Some("no more"), 1),
        record(6, ann, What::Parked, Some("no more"), 1),
    ];
    let all = Tending::of_nodes([("w1", one), ("w2", other)]);
    assert_eq!((all.starts(), all.restarts(), all.uptime()), (2, 1, Duration::from_secs(39)));
    assert_eq!(
        told(all.incidents()),
        ["agent_ended w2:ann true None", "agent_ended w1:ann true Some(2)"]
    );
    let tally = all.incidents().tallies()[&IncidentKind::AgentEnded];
    assert_eq!((tally.recovered, tally.given_up, tally.open), (1, 1, 0));
    assert_eq!(all.parked("ann"), Some("no more"));
}
