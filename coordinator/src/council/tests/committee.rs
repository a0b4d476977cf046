//! A committee chooses among what passed.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    minds::usual,
    script::{Script, agent, request},
};
use crate::committee::tally::Method;
use crate::council::{
    CouncilConfig, DeliberationRequest, Phase, Selection, view::DeliberationStatus,
};

fn config() -> CouncilConfig {
    let selection = Selection::Committee { method: Method::SchulzeMargins };
    CouncilConfig { enable_peer_review: false, selection, ..CouncilConfig::default() }
}

/// Ranks the third proposal first wherever it can.
fn for_the_third(agent: &str, input: &Value, results: &[(String, String)]) -> Option<Value> {
    if input["step"] != "judge" {
        return usual(agent, input, results);
    }
    let own = input["own"].as_array().unwrap();
    let mut ids: Vec<&str> = ["p3", "p2", "p1"].into();
    ids.retain(|id| !own.contains(&json!(id)));
    let ranking: Vec<Value> = ids.into_iter().map(|id| json!([id])).collect();
    Some(json!({ "ballot": { "ranking": ranking } }))
}

#[test]
fn judges_rank_the_proposals_of_others_and_their_vote_decides() {
    let mut script = Script::seated(&["ann", "bob", "eve"], config());
    for name in ["ann", "bob", "eve"] {
        script.minds.insert(name.to_owned(), for_the_third);
    }
    script.ask(request("one")).unwrap();
    script.run_to_the_end("one");
    let view = script.view("one");
    assert_eq!(view.status, DeliberationStatus::Completed, "{view:#?}");
    assert_eq!(view.winner_id, Some(agent("agent-dev-003")));
    assert_eq!(view.selected_by, "chosen by a committee, counted by schulze_margins");
    assert_eq!(view.results[0].proposal.author_id, agent("agent-dev-001"), "ranks go by score");
    let minutes = script.minutes("one");
    for told in ["agent-dev-001 ranks p3 > p2", "agent-dev-003 ranks p2 > p1", "vote: "] {
        assert!(minutes.contains(told), "{told} is not in:\n{minutes}");
    }
    script.check();
}

#[test]
fn who_ranks_its_own_first_is_flagged_and_named_judges_may_be_others() {
    let mut script = Script::new(&["ann", "bob"]);
    script.join("zoe", &[], 4);
    let council = |judges| crate::council::NewCouncil {
        role: "DEV".to_owned(),
        num_agents: 2,
        config: CouncilConfig { judges, ..config() },
        ..crate::council::NewCouncil::default()
    };
    script.create(council(vec![agent("zoe")])).unwrap();
    script.minds.insert("zoe".to_owned(), |_, input, _| {
        assert_eq!(input["own"], json!([]));
        Some(json!({ "ballot": { "ranking": [["p2"], ["p1"]] } }))
    });
    script.ask(request("one")).unwrap();
    script.run_to_the_end("one");
    assert_eq!(script.view("one").winner_id, Some(agent("agent-dev-002")));
    assert!(script.minutes("one").contains("zoe ranks p2 > p1"));

    let mut script = Script::seated(&["ann", "bob"], config());
    let selfish = |agent: &str, input: &Value, results: &[(String, String)]| {
        if input["step"] != "judge" {
            return usual(agent, input, results);
        }
        let own = &input["own"][0];
        let other = if own == "p1" { "p2" } else { "p1" };
        Some(json!({ "ballot": { "ranking": [[own], [other]] } }))
    };
    script.minds.insert("ann".to_owned(), selfish);
    script.ask(request("one")).unwrap();
    script.run_to_the_end("one");
    assert!(script.minutes("one").contains("agent-dev-001 ranks p1 > p2 (its own first)"));
}

#[test]
fn where_there_is_no_choice_nobody_is_asked_and_judges_who_are_silent_decide_nothing() {
    let mut script = Script::seated(&["ann"], config());
    script.ask(request("one")).unwrap();
    script.run();
    let view = script.view("one");
    assert_eq!(
        (view.status, view.winner_id),
        (DeliberationStatus::Completed, Some(agent("agent-dev-001")))
    );

    let mut script = Script::seated(&["ann", "bob"], config());
    script.ask(DeliberationRequest { timeout_ms: 60_000, ..request("one") }).unwrap();
    while script.view("one").phase != Phase::Judging {
        let task = script.given.values().next().unwrap().1.id.to_string();
        script.answer(&task);
    }
    script.given.clear();
    script.wait(Duration::from_mins(1));
    let view = script.view("one");
    assert_eq!(view.status, DeliberationStatus::Timeout);
    assert!(view.selected_by.ends_with("no committee came to a decision"), "{}", view.selected_by);
    assert_eq!(view.results.len(), 2);
}
