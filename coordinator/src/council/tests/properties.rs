//! Whatever happens, in whatever order: it ends, once, and the journal says the same again.

use std::time::Duration;

use orkestra_runtime::{chance::Chance, protocol::task::Outcome};
use proptest::prelude::*;

use super::script::{Script, request};
use crate::committee::tally::Method;
use crate::council::{CouncilConfig, CouncilEvent, DeliberationRequest, Exchange, Selection};

fn exchange() -> impl Strategy<Value = Exchange> {
    prop_oneof![Just(Exchange::Ring), Just(Exchange::All), Just(Exchange::None)]
}

fn selection() -> impl Strategy<Value = Selection> {
    prop_oneof![
        Just(Selection::Score),
        Just(Selection::Architect { k: 2 }),
        Just(Selection::Committee { method: Method::SchulzeMargins }),
    ]
}

/// One thing that may happen to whoever works.
fn happens(script: &mut Script, fate: u64, at: usize) {
    let Some((_, one)) = script.given.values().nth(at % script.given.len()) else { return };
    let task = one.id.to_string();
    match fate {
        0 => {
            let no = one.task;
            let (agent, one) = script.given.remove(&no).unwrap();
            let failure = orkestra_runtime::protocol::task::Failure::error("no luck");
            let report = orkestra_runtime::protocol::agent::Report {
                task: no,
                attempt: one.attempt,
                outcome: Outcome::Failed(failure),
                worked_ms: 1,
                checks: vec![],
            };
            script.report(&agent, report);
        }
        1 => script.take_over(),
        2 => {
            let (agent, report) = script.answer(&task);
            script.report(&agent, report);
        }
        _ => drop(script.answer(&task)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn everything_ends_once_and_a_replay_comes_to_the_same(
        seats in 1_usize..5,
        rounds in 0_u32..3,
        exchange in exchange(),
        selection in selection(),
        seed in any::<u64>(),
        fails in 0_u64..6,
    ) {
        let names = ["ann", "bob", "eve", "kim"];
        let mut script = Script::seated(&names[..seats], CouncilConfig::default());
        let asked = DeliberationRequest {
            num_agents: 4,
            rounds: Some(rounds),
            exchange: Some(exchange),
            selection: Some(selection),
            max_iterations: 2,
            timeout_ms: 30_000,
            ..request("one")
        };
        script.ask(asked).unwrap();
        let mut chance = Chance::from_seed(seed);
        let mut percent = 0;
        for _ in 0..500 {
            if script.view("one").status.is_over() {
                break;
            }
            let (fate, at) = (chance.below(10), usize::try_from(chance.below(100)).unwrap());
            let fate = if fate < 2 && fails == 0 { 9 } else { fate };
            if script.given.is_empty() {
                script.wait(Duration::from_millis(700));
            } else {
                happens(&mut script, fate, at);
            }
            let now = script.view("one").percent;
            prop_assert!(now >= percent, "it fell from {percent} to {now}");
            percent = now;
        }
        script.wait(Duration::from_mins(1));
        let view = script.view("one");
        prop_assert!(view.status.is_over(), "{view:#?}");
        let ends = script.events().filter(|event| matches!(event, CouncilEvent::Ended { .. }));
        prop_assert_eq!(ends.count(), 1);
        let ranks: Vec<u32> = view.results.iter().map(|one| one.rank).collect();
        let all: Vec<u32> = (1..).take(ranks.len()).collect();
        prop_assert_eq!(ranks, all);
        prop_assert!(view.results.is_sorted_by(|a, b| a.score >= b.score));
        script.check();
    }
}
