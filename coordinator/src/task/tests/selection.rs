//! Who is chosen, and what the event says of it.

use std::time::Duration;

use super::script::{Script, profile, task};
use crate::task::{Score, TaskEvent};

fn last_choice(script: &Script) -> (String, Score) {
    let choices = script.journal.iter().rev();
    let choice = choices.filter_map(|(_, event)| match event {
        TaskEvent::Assigned { agent, score, .. } => Some((agent.to_string(), *score)),
        _ => None,
    });
    choice.into_iter().next().unwrap()
}

#[test]
fn a111_the_better_suited_is_chosen_and_the_parts_are_recorded() {
    let mut script = Script::default();
    let mut coder = profile("coder", 9);
    coder.specialties = vec!["coding".to_owned()];
    script.join(profile("plain", 9), 1).join(coder, 1);
    let mut bug = task("a", &[]);
    bug.title = "Fix bug in API code".to_owned();
    script.graph(&[bug]);
    let score = Score { suitability: 65, penalty: 0, history: 0 };
    assert_eq!(last_choice(&script), ("coder".to_owned(), score));
}

#[test]
fn a112_work_is_spread_by_penalty_and_the_best_is_taken_even_if_all_are_negative() {
    let mut script = Script::default();
    script.join(profile("ann", 99), 1).join(profile("bob", 99), 1);
    let tasks: Vec<_> = (0..20).map(|n| task(&format!("t{n}"), &[])).collect();
    script.graph(&tasks);
    let held = |name: &str| {
        let id = orkestra_runtime::id::AgentId::new(name).unwrap();
        script.machine.durable.roster.named(&id).unwrap().outstanding
    };
    assert_eq!((held("ann"), held("bob")), (10, 10));
}

#[test]
fn a110_a_category_with_a_pool_prefers_its_agents() {
    let mut script = Script::default();
    script.join(profile("grok", 9), 1).join(profile("claude", 9), 1);
    let mut technical = task("a", &[]);
    technical.category = "technical".to_owned();
    script.graph(&[technical]);
    assert_eq!(last_choice(&script).0, "claude");
}

#[test]
fn a_failed_task_goes_to_somebody_else_if_there_is_somebody() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).join(profile("bob", 1), 1).graph(&[task("a", &[])]);
    assert_eq!(last_choice(&script).0, "ann");
    script.fail("ann", "a", 1).advance(Duration::from_secs(1));
    assert_eq!(last_choice(&script).0, "bob");
    script.fail("bob", "a", 2).advance(Duration::from_secs(2));
    let (_, score) = last_choice(&script);
    assert_eq!(score.history, 25);
}

#[test]
fn a116_the_failover_order_of_the_category_breaks_ties() {
    let mut script = Script::default();
    for name in ["first", "gemini", "chatgpt"] {
        script.join(profile(name, 1), 1);
    }
    let mut firebase = task("a", &[]);
    firebase.category = "other".to_owned();
    script.graph(&[firebase]).fail("first", "a", 1).advance(Duration::from_secs(1));
    assert_eq!(last_choice(&script).0, "chatgpt");
}
