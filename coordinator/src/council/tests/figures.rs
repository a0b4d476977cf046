//! What councils came to, in figures.

use std::time::Duration;

use super::script::{Script, request};
use crate::council::{CouncilConfig, DeliberationRequest, Kind, NewCouncil};

fn done(script: &mut Script, id: &str, kind: Kind, took: Duration) {
    let rounds = Some(0);
    script.ask(DeliberationRequest { rounds, kind, ..request(id) }).unwrap();
    script.wait(took);
    script.run();
}

#[test]
fn a100_averages_are_apart_by_kind_and_quantiles_and_counters_by_role_are_told() {
    let mut script = Script::seated(&["ann", "bob"], CouncilConfig::default());
    let role = "QA".to_owned();
    script.create(NewCouncil { role, num_agents: 2, ..NewCouncil::default() }).unwrap();
    for no in 1..=10 {
        done(&mut script, &format!("d{no}"), Kind::Deliberate, Duration::from_secs(no));
    }
    done(&mut script, "o1", Kind::Orchestrate, Duration::from_secs(2));
    script.ask(DeliberationRequest { role: "qa".to_owned(), ..request("q1") }).unwrap();
    let metrics = script.metrics(None);
    assert_eq!((metrics.total_deliberations, metrics.total_orchestrations), (10, 1));
    assert_eq!(format!("{:.0}", metrics.avg_deliberation_ms), "5500");
    assert_eq!(format!("{:.0}", metrics.avg_orchestration_ms), "2000");
    let near = |read: u64, ms: u64| assert!(read >= ms && read <= ms + ms / 16, "{read} {ms}");
    near(metrics.p50_ms, 5_000);
    near(metrics.p95_ms, 10_000);
    near(metrics.p99_ms, 10_000);
    assert_eq!((metrics.open, metrics.completed), (1, 11));
    assert_eq!(metrics.role_counts.get("DEV"), Some(&11));
    assert_eq!(metrics.agents_per_role.get("QA"), Some(&2));
    assert_eq!((metrics.councils_total, metrics.active_councils), (2, 2));
    assert_eq!((metrics.agents_total, metrics.agents_active), (4, 4));
    assert_eq!(metrics.health[1].status.as_str(), "busy");
    assert!(metrics.avg_response_ms > 0.0);
    // Only what ended lately: the last of them took 10 s.
    let lately = script.metrics(Some(5_000));
    assert_eq!((lately.total_deliberations, lately.total_orchestrations), (1, 1));
    script.check();
}
