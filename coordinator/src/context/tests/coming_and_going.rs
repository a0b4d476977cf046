//! When snapshots are taken by themselves.

use std::time::Duration;

use super::script::Script;
use crate::context::{ContextCommand, ContextEvent};

const MINUTE: Duration = Duration::from_mins(1);

#[test]
fn a136_a_snapshot_is_taken_ten_minutes_after_something_happened_and_not_while_nothing_does() {
    let mut script = Script::new();
    script.join("ann", 1);
    script.advance(60 * MINUTE);
    assert_eq!(script.reasons().len(), 0);
    script.run(&["a"]);
    script.complete("ann", "a");
    script.advance(Duration::from_millis(599_999));
    assert_eq!(script.reasons().len(), 0);
    script.advance(Duration::from_millis(1));
    assert_eq!(script.reasons(), ["interval"]);
    script.advance(60 * MINUTE);
    assert_eq!(script.reasons(), ["interval"]);
    script.understand("ann", 1, "one more thing");
    script.advance(10 * MINUTE);
    assert_eq!(script.reasons(), ["interval", "interval"]);
    script.check_replay();
}

#[test]
fn a136_an_agent_that_goes_leaves_a_snapshot_and_one_that_goes_again_and_again_but_one_a_minute() {
    let mut script = Script::new();
    script.join("ann", 1);
    script.join("bob", 1);
    script.run(&["a", "b", "c"]);
    script.leave("bob", 1);
    assert_eq!(script.reasons(), ["disconnect bob"]);
    for life in 2..6 {
        script.join("bob", life);
        script.leave("bob", life);
    }
    assert_eq!(script.reasons(), ["disconnect bob"]);
    let back = |event: &ContextEvent| matches!(event, ContextEvent::Reconnected { .. });
    assert_eq!(script.count(back), 1, "only the going that was told has a coming");
    script.join("bob", 6);
    script.advance(MINUTE);
    script.leave("bob", 6);
    assert_eq!(script.reasons(), ["disconnect bob", "disconnect bob"]);
    let kinds: Vec<_> = script.show(Some("bob"), None).unwrap().events;
    let kinds: Vec<&str> = kinds.iter().map(|event| event.kind.as_str()).collect();
    let comings: Vec<_> = kinds.into_iter().filter(|kind| kind.ends_with("connect")).collect();
    assert_eq!(comings, ["disconnect", "reconnect", "disconnect"]);
    script.check_replay();
}

#[test]
fn a_word_of_an_old_life_that_it_goes_is_no_going() {
    let mut script = Script::new();
    script.join("ann", 2);
    script.run(&["a"]);
    script.leave("ann", 1);
    assert_eq!(script.reasons().len(), 0);
}

#[test]
fn a_node_that_stops_leaves_one_snapshot_when_its_last_agent_has_gone() {
    let mut script = Script::new();
    script.join("ann", 1);
    script.join("bob", 1);
    script.run(&["a"]);
    assert_eq!(script.context(ContextCommand::Stopping), []);
    script.leave("ann", 1);
    assert_eq!(script.reasons().len(), 0);
    script.leave("bob", 1);
    assert_eq!(script.reasons(), ["disconnect"]);
    script.check_replay();
}

#[test]
fn a_team_that_is_there_again_after_its_node_had_gone_is_told_once() {
    let mut script = Script::new();
    script.join("ann", 1);
    script.run(&["a"]);
    script.restart();
    script.join("ann", 2);
    script.join("bob", 1);
    let back = |event: &ContextEvent| matches!(event, ContextEvent::Reconnected { agents } if agents.is_empty());
    assert_eq!(script.count(back), 1);
    let last = script.summary().events.pop().unwrap();
    assert_eq!((last.kind.as_str(), last.agent), ("reconnect", None));
    script.check_replay();
}

#[test]
fn nobody_comes_back_to_where_nothing_is_open() {
    let mut script = Script::new();
    script.join("ann", 1);
    script.run(&["a"]);
    script.complete("ann", "a");
    script.restart();
    script.join("ann", 2);
    assert_eq!(script.count(|event| matches!(event, ContextEvent::Reconnected { .. })), 0);
}
