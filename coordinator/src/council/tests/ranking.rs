//! Scores, ranks, and who wins.

use orkestra_runtime::protocol::council::{ChecksSpec, DryRunSpec};
use serde_json::{Value, json};

use super::{
    minds::usual,
    script::{Script, agent, request},
};
use crate::council::{
    CheckWeights, CouncilConfig, DeliberationRequest, Selection,
    view::{DeliberationStatus, DeliberationView},
};

/// Agents that draft what their name says, and leave it so.
fn named(agent: &str, input: &Value, results: &[(String, String)]) -> Option<Value> {
    match input["step"].as_str().unwrap() {
        "draft" => Some(json!(agent.replace('-', " "))),
        _ => usual(agent, input, results),
    }
}

fn config() -> CouncilConfig {
    let dry_run = Some(DryRunSpec { agent: agent("validator") });
    let checks = ChecksSpec { dry_run, ..ChecksSpec::default() };
    CouncilConfig { enable_peer_review: false, checks, ..CouncilConfig::default() }
}

fn deliberated(
    names: &[&str],
    config: CouncilConfig,
    asked: DeliberationRequest,
) -> (Script, DeliberationView) {
    let mut script = Script::seated(names, config);
    for name in names {
        script.minds.insert((*name).to_owned(), named);
    }
    let num_agents = u32::try_from(names.len()).unwrap();
    let id = asked.id.clone();
    script.ask(DeliberationRequest { num_agents, ..asked }).unwrap();
    script.run();
    script.check();
    let view = script.view(&id);
    assert_eq!(view.status, DeliberationStatus::Completed);
    (script, view)
}

fn ranked(view: &DeliberationView) -> Vec<(&str, u32)> {
    view.results.iter().map(|one| (one.proposal.content.as_str(), one.rank)).collect()
}

#[test]
fn a090_each_check_fails_on_what_is_wrong_and_the_score_is_the_share_that_passed() {
    let names = ["bad-broken-ugly", "bad-ugly", "fine", "only-ugly"];
    let (script, view) = deliberated(&names, config(), request("one"));
    let scores: Vec<String> = view.results.iter().map(|one| format!("{:.3}", one.score)).collect();
    assert_eq!(ranked(&view)[0], ("fine", 1));
    assert_eq!(scores, ["1.000", "0.667", "0.333", "0.000"]);
    let worst = &view.results[3].checks;
    assert!(!worst.policy.passed && !worst.lint.passed && !worst.dryrun.passed);
    assert_eq!(worst.policy.violations, ["it is bad"]);
    assert_eq!((worst.lint.error_count, worst.dryrun.exit_code, worst.all_passed), (1, 1, false));
    assert!(view.results[0].checks.all_passed);
    let minutes = script.minutes("one");
    for score in ["score 1:", "score 2/3:", "score 1/3:", "score 0:"] {
        assert!(minutes.contains(score), "{score} is not in:\n{minutes}");
    }
}

#[test]
fn a091_ranks_go_from_one_equals_by_findings_then_by_seat_and_the_first_wins() {
    let names = ["a-ugly-ugly", "b-fine", "c-ugly", "d-fine"];
    let (_, view) = deliberated(&names, config(), request("one"));
    let order = [("b fine", 1), ("d fine", 2), ("c ugly", 3), ("a ugly ugly", 4)];
    assert_eq!(ranked(&view), order);
    assert_eq!(view.winner_id.as_ref(), Some(&view.results[0].proposal.author_id));
    assert_eq!(view.winner_id, Some(agent("agent-dev-002")));
}

#[test]
fn a092_an_architect_takes_the_first_of_the_best_that_is_well_formed_and_works() {
    // The better score is that of one which works not: what it says weighs most.
    let weights = CheckWeights { policy: 5, lint: 1, dry_run: 1 };
    let config = CouncilConfig { weights, ..config() };
    let names = ["a-broken", "b-broken", "c-bad", "d-bad"];
    let asked = |selection| DeliberationRequest { selection: Some(selection), ..request("one") };
    let by = |k| {
        let (_, view) = deliberated(&names, config.clone(), asked(Selection::Architect { k }));
        assert_eq!(ranked(&view)[0], ("a broken", 1));
        (view.winner_id.unwrap().to_string(), view.selected_by)
    };
    let (winner, why) = by(0);
    assert_eq!(winner, "agent-dev-003");
    assert_eq!(why, "of the first 3 by score, the first that is well formed and works");
    let (winner, why) = by(2);
    assert_eq!(winner, "agent-dev-001");
    assert!(why.ends_with("none of the first 2 is well formed and works"), "{why}");
    let (_, view) = deliberated(&names, config.clone(), asked(Selection::Score));
    assert_eq!(view.winner_id, Some(agent("agent-dev-001")));
}

#[test]
fn where_nothing_passes_anything_that_is_said() {
    let names = ["a-bad-broken-ugly", "b-bad-broken-ugly"];
    let (script, view) = deliberated(&names, config(), request("one"));
    assert_eq!(view.winner_id, Some(agent("agent-dev-001")));
    assert_eq!(view.selected_by, "first by place: nothing passed any check");
    assert!(script.minutes("one").contains("nothing passed any check"));
}

#[test]
fn a_dry_run_that_nobody_was_asked_for_is_passed_and_says_so_and_who_says_nothing_fails_it() {
    let checks = ChecksSpec::default();
    let without = CouncilConfig { checks, ..config() };
    let (_, view) = deliberated(&["a-broken"], without, request("one"));
    let found = &view.results[0].checks.dryrun;
    assert_eq!((found.passed, found.message.as_str()), (true, "not configured"));
    let dry_run = Some(DryRunSpec { agent: agent("nobody") });
    let checks = ChecksSpec { dry_run, ..ChecksSpec::default() };
    let (_, view) = deliberated(&["fine"], CouncilConfig { checks, ..config() }, request("one"));
    let found = &view.results[0].checks.dryrun;
    assert_eq!((found.passed, found.message.as_str()), (false, "not tried out"));
}
