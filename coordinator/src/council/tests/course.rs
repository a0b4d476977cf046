//! How a deliberation goes: sealed drafts, critiques of a snapshot, revisions by their authors.

use serde_json::{Value, json};

use super::{
    minds::usual,
    script::{Script, agent, request},
};
use crate::council::{
    CouncilConfig, CouncilEvent, DeliberationRequest, Exchange, NewCouncil, Phase, StepRole,
    view::DeliberationStatus,
};

fn contents(script: &Script, id: &str) -> Vec<(String, String)> {
    let mut contents: Vec<_> = script
        .view(id)
        .results
        .into_iter()
        .map(|one| (one.proposal.author_id.to_string(), one.proposal.content))
        .collect();
    contents.sort_unstable();
    contents
}

#[test]
fn a088_each_seat_criticises_the_next_and_the_author_revises_once_a_round() {
    let mut script = Script::seated(&["ann", "bob", "eve"], CouncilConfig::default());
    script.ask(DeliberationRequest { rounds: Some(2), ..request("one") }).unwrap();
    script.run();
    let view = script.view("one");
    assert_eq!(view.status, DeliberationStatus::Completed, "{view:#?}");
    let authors: Vec<&str> =
        view.results.iter().map(|one| one.proposal.author_id.as_str()).collect();
    assert_eq!(authors, ["agent-dev-001", "agent-dev-002", "agent-dev-003"]);
    for (one, name) in view.results.iter().zip(["ann", "bob", "eve"]) {
        let proposal = &one.proposal;
        assert_eq!(proposal.content, format!("by {name}++"));
        assert_eq!(proposal.revisions, [format!("by {name}"), format!("by {name}+")]);
        assert_eq!(proposal.created_at_ms, 1_000_000);
        assert_eq!(proposal.author_role, "DEV");
    }
    let ring: Vec<(u32, Vec<u32>)> = script
        .events()
        .filter_map(|event| match event {
            CouncilEvent::PhaseBegun { phase: Phase::Critique, tasks, .. } => Some(tasks),
            _ => None,
        })
        .flatten()
        .map(|step| (step.seat, step.of.clone()))
        .collect();
    let round = [(0, vec![1]), (1, vec![2]), (2, vec![0])];
    assert_eq!(ring, [&round[..], &round[..]].concat());
    let minutes = script.minutes("one");
    for told in [
        "DEV deliberates (one): Say how the cache works.",
        "agent-dev-001 (ann does its work)",
        "agent-dev-002 proposes: by bob",
        "agent-dev-003 criticises agent-dev-001, round 1: eve wants more",
        "agent-dev-001 revises, round 2: by ann++",
        "rank 1: agent-dev-001, score 1: policy passed; lint passed; dry run passed (not configured)",
        "agent-dev-001 wins: first by score, with 1",
        "it ended: completed",
    ] {
        assert!(minutes.contains(told), "{told} is not in:\n{minutes}");
    }
    script.check();
}

#[test]
fn a088_a_council_of_one_criticises_itself_and_one_without_rounds_nobody() {
    let mut script = Script::seated(&["ann"], CouncilConfig::default());
    script.ask(request("one")).unwrap();
    script.run();
    assert_eq!(contents(&script, "one"), [("agent-dev-001".to_owned(), "by ann+".to_owned())]);
    assert!(script.minutes("one").contains("agent-dev-001 criticises agent-dev-001, round 1"));
    script.ask(DeliberationRequest { rounds: Some(0), ..request("two") }).unwrap();
    script.run();
    assert_eq!(contents(&script, "two"), [("agent-dev-001".to_owned(), "by ann".to_owned())]);
    let exchange = Some(Exchange::None);
    script.ask(DeliberationRequest { exchange, ..request("three") }).unwrap();
    script.run();
    assert_eq!(contents(&script, "three"), [("agent-dev-001".to_owned(), "by ann".to_owned())]);
}

#[test]
fn nobody_sees_a_draft_before_all_are_in_and_readers_are_not_told_whose_it_is() {
    let mut script = Script::seated(&["ann", "bob", "eve"], CouncilConfig::default());
    script.ask(request("one")).unwrap();
    script.answer("draft-2");
    script.answer("draft-1");
    assert!(script.view("one").results.is_empty(), "a draft can be seen");
    let draft = &script.given.values().next().unwrap().1;
    assert!(draft.results.is_empty());
    script.answer("draft-3");
    assert_eq!(script.view("one").results.len(), 3);
    assert_eq!(script.at_work(), "critique-1-1 critique-1-2 critique-1-3");
    for (_, one) in script.given.values() {
        let input = format!("{:?}", one.input);
        let names = ["agent-dev", "ann", "bob", "eve"];
        assert!(names.iter().all(|name| !input.contains(name)), "{input}");
        assert!(one.results.iter().all(|(task, _)| task.as_str().starts_with("draft-")));
    }
}

#[test]
fn all_criticise_all_others_each_in_an_order_of_its_own() {
    let names = ["ann", "bob", "eve", "kim", "lou", "max"];
    let mut script = Script::seated(&names, CouncilConfig::default());
    let (num_agents, exchange) = (6, Some(Exchange::All));
    script.ask(DeliberationRequest { num_agents, exchange, ..request("one") }).unwrap();
    script.run();
    let of: Vec<Vec<u32>> = script
        .events()
        .filter_map(|event| match event {
            CouncilEvent::PhaseBegun { phase: Phase::Critique, tasks, .. } => Some(tasks),
            _ => None,
        })
        .flatten()
        .map(|step| step.of.clone())
        .collect();
    for (seat, of) in (0..).zip(&of) {
        let mut sorted = of.clone();
        sorted.sort_unstable();
        let others: Vec<u32> = (0..6).filter(|other| *other != seat).collect();
        assert_eq!(sorted, others);
    }
    assert!(of.iter().any(|of| !of.is_sorted()), "no order was shuffled");
    assert_eq!(script.view("one").results[0].proposal.content, "by ann+");
}

/// Says how many critiques it was given, and by whom: what it comes to depends on the snapshot.
fn counting(agent: &str, input: &Value, results: &[(String, String)]) -> Option<Value> {
    if input["step"] != "revise" {
        return usual(agent, input, results);
    }
    let own = input["own"].as_str().unwrap();
    let text = &results.iter().find(|(task, _)| task == own).unwrap().1;
    let from: Vec<&str> = results.iter().map(|(task, _)| task.as_str()).collect();
    Some(json!(format!("{text} [{}]", from.join(" "))))
}

#[test]
fn a089_what_comes_of_it_does_not_depend_on_who_answers_first() {
    let outcome = |order: u64| {
        let names = ["ann", "bob", "eve", "kim"];
        let mut script = Script::seated(&names, CouncilConfig::default());
        for name in names {
            script.minds.insert(name.to_owned(), counting);
        }
        script.chance = orkestra_runtime::chance::Chance::from_seed(order);
        let (num_agents, rounds, exchange) = (4, Some(2), Some(Exchange::All));
        let seed = Some(11);
        let request = DeliberationRequest { rounds, num_agents, exchange, seed, ..request("one") };
        script.ask(request).unwrap();
        script.run();
        script.check();
        let view = script.view("one");
        assert_eq!(view.status, DeliberationStatus::Completed);
        view
    };
    let first = outcome(1);
    assert_eq!(first.results[0].proposal.content.matches("critique-2-").count(), 3);
    for order in 2..12 {
        assert_eq!(outcome(order), first);
    }
}

#[test]
fn who_fails_is_out_and_the_others_go_on() {
    let mut script = Script::seated(&["ann", "bob", "eve"], CouncilConfig::default());
    script.minds.insert("bob".to_owned(), |_, _, _| None);
    script.ask(request("one")).unwrap();
    script.run();
    let view = script.view("one");
    assert_eq!(view.status, DeliberationStatus::Completed);
    let authors: Vec<_> = view.results.iter().map(|one| one.proposal.author_id.as_str()).collect();
    assert_eq!(authors, ["agent-dev-001", "agent-dev-003"]);
    assert_eq!((&view.out[0].seat, view.out.len()), (&agent("agent-dev-002"), 1));
    assert!(view.out[0].why.contains("no luck"), "{:?}", view.out);
    assert_eq!(view.results[0].proposal.content, "by ann+");
    assert!(
        script.minutes("one").contains("agent-dev-002 proposes nothing: not retryable: no luck")
    );
}

#[test]
fn a_revision_that_fails_leaves_the_proposal_as_it_was_and_the_minutes_say_so() {
    let mut script = Script::seated(&["ann", "bob"], CouncilConfig::default());
    script.minds.insert("bob".to_owned(), |agent, input, results| {
        if input["step"] == "revise" { None } else { usual(agent, input, results) }
    });
    script.ask(request("one")).unwrap();
    script.run();
    let view = script.view("one");
    let bob = &view.results[1].proposal;
    assert_eq!((bob.content.as_str(), bob.revisions.len()), ("by bob", 0));
    assert!(view.remarks[0].contains("agent-dev-002 did not revise"), "{:?}", view.remarks);
    assert!(script.minutes("one").contains("agent-dev-002 does not revise, round 1"));
}

#[test]
fn fewer_or_more_seats_may_be_asked_for_and_who_is_away_is_left_out() {
    let mut script = Script::seated(&["ann", "bob", "eve", "kim"], CouncilConfig::default());
    let seats = |script: &Script, id: &str| script.view(id).seats.len();
    script.ask(request("default")).unwrap();
    script.ask(DeliberationRequest { num_agents: 2, ..request("two") }).unwrap();
    script.ask(DeliberationRequest { num_agents: 9, ..request("all") }).unwrap();
    assert_eq!(["default", "two", "all"].map(|id| seats(&script, id)), [3, 2, 4]);
    script.run();
    script.leave("ann");
    script.ask(DeliberationRequest { num_agents: 9, ..request("less") }).unwrap();
    script.run();
    let view = script.view("less");
    assert_eq!((view.status, view.results.len()), (DeliberationStatus::Completed, 3));
    assert_eq!(view.out[0].seat, agent("agent-dev-001"));
    script.check();
}

#[test]
fn another_leader_goes_on_in_the_middle_of_every_phase() {
    let mut script = Script::seated(&["ann", "bob", "eve"], CouncilConfig::default());
    script.ask(request("one")).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    while !script.view("one").status.is_over() {
        seen.insert(script.view("one").phase);
        script.take_over();
        let task = script.given.values().next().unwrap().1.id.to_string();
        script.answer(&task);
    }
    let all = [Phase::Drafting, Phase::Critique, Phase::Revising, Phase::Checking];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), all);
    assert_eq!(script.view("one").status, DeliberationStatus::Completed);
    let begun = script.events().filter_map(|event| match event {
        CouncilEvent::PhaseBegun { tasks, .. } => Some(tasks),
        _ => None,
    });
    let drafts = begun.flatten().filter(|step| step.role == StepRole::Draft).count();
    assert_eq!(drafts, 3, "something was asked for twice");
    script.check();
}

#[test]
fn a_person_may_have_a_seat_and_is_asked_for_an_answer_in_each_step() {
    let mut script = Script::new(&["ann"]);
    script.person("paula");
    let agents = vec![agent("ann"), agent("paula")];
    let role = "DEV".to_owned();
    script.create(NewCouncil { role, agents, ..NewCouncil::default() }).unwrap();
    script.ask(request("one")).unwrap();
    assert_eq!(script.at_work(), "draft-1");
    script.run();
    script.says("paula", "deliberation:one", "draft-2", &json!("what paula thinks"));
    script.run();
    let critique = json!({ "critiques": [{ "of": "draft-1", "text": "too short" }] });
    script.says("paula", "deliberation:one", "critique-1-2", &critique);
    script.run();
    script.says("paula", "deliberation:one", "revise-1-2", &json!({ "content": "more of it" }));
    script.run();
    let view = script.view("one");
    assert_eq!(view.status, DeliberationStatus::Completed);
    assert_eq!(view.results[1].proposal.content, "more of it");
    let minutes = script.minutes("one");
    assert!(
        minutes.contains("agent-dev-002 criticises agent-dev-001, round 1: too short"),
        "{minutes}"
    );
    script.check();
}
