//! What is kept, and that no more is.

use orkestra_runtime::{
    chance::Chance,
    id::{Number, TaskNo},
    protocol::understanding::{UNDERSTANDING_BYTES_MAX, Understanding},
    time::Wall,
};

use super::script::Script;
use crate::{
    context::{
        machine::{KEPT_BYTES_MAX, SNAPSHOTS_MAX},
        row::{Kind, Row},
        state::{Durable, EVENTS_MAX, LOG_MAX},
    },
    task::AgentNo,
};

fn row(number: u64, agent: u32) -> Row {
    let (number, at) = (Number(number), Wall::from_ms(number));
    Row { kind: Kind::TaskStarted, number, at, subject: TaskNo(1).0, agent: Some(AgentNo(agent)) }
}

#[test]
fn a136_a_thousand_events_a_hundred_entries_an_agent_and_twenty_snapshots_are_kept() {
    let mut durable = Durable::default();
    for number in 0..5_000 {
        durable.push(row(number, 3));
    }
    let first = |rows: &std::collections::VecDeque<Row>| rows.front().map(|row| row.number.0);
    assert_eq!((durable.events.len(), first(&durable.events)), (EVENTS_MAX, Some(4_000)));
    let log = durable.log_of(AgentNo(3)).unwrap();
    assert_eq!((log.len(), first(log)), (LOG_MAX, Some(4_900)));

    let mut script = Script::new();
    let taken: Vec<_> = (0..25).map(|_| script.snapshot("")).collect();
    let kept: Vec<_> = script.snapshots().into_iter().map(|snapshot| snapshot.id).collect();
    assert_eq!(kept.len(), SNAPSHOTS_MAX);
    assert_eq!(kept.into_iter().rev().collect::<Vec<_>>(), taken[5..]);
    script.check_replay();
}

#[test]
fn where_very_many_agents_work_their_logs_are_shorter() {
    let mut durable = Durable::default();
    for number in 0..20 {
        for agent in 0..10_000 {
            durable.push(row(number, agent));
        }
    }
    let entries: usize = durable.logs.iter().map(std::collections::VecDeque::len).sum();
    assert_eq!(entries, 50_000);
}

#[test]
fn what_no_present_and_no_snapshot_names_is_not_kept() {
    let mut script = Script::new();
    script.join("ann", 1);
    for n in 0..30 {
        script.understand("ann", 1, &format!("word {n}"));
        if n % 10 == 0 {
            script.snapshot("");
        }
    }
    let durable = &script.machine.context().durable;
    let words: Vec<&str> = durable
        .kept
        .values()
        .map(|kept| kept.understanding.current_understanding.as_str())
        .collect();
    assert_eq!(words, ["word 0", "word 10", "word 20", "word 29"]);
    assert_eq!(durable.kept_bytes, (6 + 7 + 7 + 7) + 4 * 128);
    script.check_replay();
}

#[test]
fn snapshots_give_way_where_understandings_would_take_too_much() {
    let mut script = Script::new();
    let agents: Vec<String> = (0..100).map(|n| format!("agent-{n}")).collect();
    for agent in &agents {
        script.join(agent, 1);
    }
    for round in 0..10 {
        for agent in &agents {
            let mut text = format!("{round} ");
            text.push_str(&"x".repeat(UNDERSTANDING_BYTES_MAX - 2));
            script.understands(agent, 1, Understanding::of(text));
        }
        script.snapshot("");
        let kept = script.machine.context().durable.kept_bytes;
        assert!(kept <= KEPT_BYTES_MAX, "{kept} bytes are kept");
    }
    assert_eq!(script.snapshots().len(), 5);
    script.check_replay();
}

#[test]
fn whatever_is_done_in_whatever_order_a_replay_comes_to_the_same() {
    for seed in 0..20 {
        let mut chance = Chance::from_seed(seed);
        let mut script = Script::new();
        let mut life = 1;
        script.join("ann", life);
        script.run(&["a", "b", "c"]);
        for n in 0..60 {
            let known: Vec<_> = script.snapshots().into_iter().map(|it| it.id).collect();
            let before = script.version();
            match chance.below(7) {
                0 | 1 => script.understand("ann", life, &format!("{}", n % 5)),
                2 => {
                    script.snapshot("");
                }
                3 => {
                    if let Some(one) = chance.pick(&known) {
                        script.restore(*one);
                    }
                }
                4 => script.advance(std::time::Duration::from_secs(chance.below(900))),
                5 => {
                    script.leave("ann", life);
                    life += 1;
                    script.join("ann", life);
                }
                _ => {
                    script.restart();
                    life += 1;
                    script.join("ann", life);
                }
            }
            assert!(script.version() >= before, "the version fell");
            let durable = &script.machine.context().durable;
            let named = durable.snapshots.values().flat_map(|one| one.understood.values());
            let named: std::collections::BTreeSet<u64> =
                named.chain(durable.understood.values()).copied().collect();
            assert!(named.iter().eq(durable.kept.keys()), "seed {seed}: {named:?}");
            script.check_replay();
        }
    }
}
