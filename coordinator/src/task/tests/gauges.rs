//! Figures and vitals: counted as things move, and the same as counted anew.

use std::time::Duration;

use orkestra_runtime::{id::Number, protocol::task::Priority};

use super::script::{Script, able, profile, task};
use crate::{
    health::{Fact, Vitals},
    task::{Answer, Blocker, Gauges, Phase, Query, RunOpening, TaskMachine},
};

fn gauges(script: &Script) -> Gauges {
    let Answer::Gauges(gauges) = script.machine.answer(script.now, &Query::Gauges) else {
        panic!("an answer to something else")
    };
    *gauges
}

fn blocked(script: &Script) -> String {
    let blocked = gauges(script).blocked;
    let told = blocked.iter().map(|(reason, count)| format!("{reason}:{count}"));
    told.collect::<Vec<_>>().join(" ")
}

/// Whatever happened, what was counted as it happened is what one finds by looking at each.
pub(super) fn check_views(script: &Script) {
    let machine = &script.machine;
    let gauges = gauges(script);
    let count = |is: fn(&Phase) -> bool| {
        machine.durable.tasks.values().filter(|task| is(&task.phase)).count() as u64
    };
    assert_eq!(gauges.held, count(|phase| matches!(phase, Phase::Held)));
    assert_eq!(gauges.waiting, count(|phase| matches!(phase, Phase::Waiting { .. })));
    assert_eq!(gauges.retrying, count(|phase| matches!(phase, Phase::Retrying { .. })));
    assert_eq!(gauges.running, count(|phase| matches!(phase, Phase::Assigned { .. })));
    assert_eq!(gauges.asked, count(|phase| matches!(phase, Phase::Asked { .. })));
    let ready = count(|phase| matches!(phase, Phase::Ready { .. }));
    assert_eq!(gauges.ready.iter().sum::<u64>(), ready);
    let not_at_work = gauges.held + gauges.waiting + gauges.retrying + gauges.asked + ready;
    assert_eq!(gauges.blocked.values().sum::<u64>(), not_at_work, "{gauges:?}");
    check_vitals(script, machine);
}

fn check_vitals(script: &Script, machine: &TaskMachine) {
    let mut vitals = Vitals::default();
    let (mut attempts, mut endings) = (0, 0);
    for (index, (at, event)) in script.journal.iter().enumerate() {
        vitals.apply(Number(index as u64 + 1), *at, event, &mut |fact| match fact {
            Fact::AttemptEnded { .. } => attempts += 1,
            Fact::TaskEnded { .. } => endings += 1,
            _ => {}
        });
    }
    let known = Vitals::knowing(machine);
    for vitals in [&vitals, &known] {
        for (run, found) in vitals.runs().zip(machine.durable.runs.values()) {
            let counts = found.counts;
            assert_eq!(
                (run.total, run.completed, run.failed, run.cancelled),
                (counts.total, counts.completed, counts.failed, counts.cancelled)
            );
            assert_eq!((run.sealed, run.ended), (found.sealed, found.ended));
        }
        for (agent, record) in vitals.agents().values().zip(sorted(machine)) {
            assert_eq!((agent.completed, agent.failed), (record.0, record.1));
            assert_eq!(agent.running, record.2);
        }
    }
    let runs = machine.durable.runs.values();
    let (begun, running) = runs.fold((0, 0), |(begun, running), run| {
        (begun + run.attempts, running + run.counts.assigned)
    });
    assert_eq!(attempts + running, begun, "each attempt ends once");
    let ended: u64 = machine.durable.runs.values().map(|run| run.counts.ended()).sum();
    assert!(endings >= ended, "what is tried again ends more than once");
}

fn sorted(machine: &TaskMachine) -> impl Iterator<Item = (u64, u64, u64)> {
    let mut records: Vec<_> = machine.durable.roster.iter().map(|(_, record)| record).collect();
    records.sort_by(|a, b| a.profile.id.cmp(&b.profile.id));
    records.into_iter().map(|one| (one.completed, one.failed, u64::from(one.outstanding)))
}

#[test]
fn each_reason_for_not_being_at_work_is_counted_under_the_word_that_why_has_for_it() {
    let mut script = Script::default();
    let mut lone = task("lone", &[]);
    lone.requires = able("x", 1, &["magic"]).capabilities;
    let open = RunOpening { concurrency: Some(1), ..RunOpening::default() };
    script.open(open).submit(&[task("a", &[]), task("b", &[]), task("c", &["a"]), lone]);
    assert_eq!(blocked(&script), "run_not_sealed:4");
    script.seal(4);
    assert_eq!(blocked(&script), "dependency:1 no_agent:3");
    script.join(profile("ann", 2), 1);
    assert_eq!(blocked(&script), "dependency:1 no_agent:1 run_concurrency:1");
    assert_eq!(gauges(&script).running, 1);
    script.fail("ann", "a", 1);
    assert_eq!(blocked(&script), "dependency:1 no_agent:1 retry:1");
    let kinds = ["a", "b", "c", "lone"].map(|name| script.why(name).blockers);
    let kinds: Vec<String> = kinds
        .iter()
        .flatten()
        .map(|blocker: &Blocker| serde_json::to_value(blocker).unwrap()["kind"].to_string())
        .collect();
    for word in ["retry", "working", "dependency", "no_agent"] {
        assert!(kinds.contains(&format!("{word:?}")), "{word} is not among {kinds:?}");
    }
}

#[test]
fn who_is_full_and_who_is_away_are_different_reasons() {
    let mut script = Script::default();
    script.graph(&[task("a", &[]), task("b", &[])]);
    script.join(profile("ann", 1), 1);
    assert_eq!(blocked(&script), "agent_busy:1");
    script.restart().settle();
    assert_eq!(blocked(&script), "agent_unavailable:1");
    let agents = gauges(&script).agents;
    assert_eq!((agents[0].up, agents[0].outstanding, agents[0].capacity), (false, 1, 1));
}

#[test]
fn ready_tasks_are_counted_by_priority_and_the_oldest_is_known() {
    let mut script = Script::default();
    let with = |name: &str, priority| {
        let mut spec = task(name, &[]);
        spec.priority = priority;
        spec
    };
    assert_eq!(gauges(&script).oldest_ready, None);
    script.stream(&[with("a", Priority::Low), with("b", Priority::High)]);
    let first = script.now.wall;
    script.advance(Duration::from_secs(7));
    script.submit(&[with("c", Priority::High), with("d", Priority::Critical)]);
    assert_eq!((gauges(&script).ready, gauges(&script).oldest_ready), ([1, 0, 2, 1], Some(first)));
    let second = script.now.wall;
    script.cancel("a").cancel("b");
    assert_eq!((gauges(&script).ready, gauges(&script).oldest_ready), ([0, 0, 1, 1], Some(second)));
}
