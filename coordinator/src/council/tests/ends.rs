//! How a deliberation ends: always, once, and with what there is.

use std::time::Duration;

use orkestra_runtime::{id::RunId, machine::ReplyTo, protocol::task::Outcome};

use super::{
    minds::usual,
    script::{Script, request},
};
use crate::{
    council::{
        CouncilCommand, CouncilConfig, CouncilEvent, CouncilRefusal, CouncilReply,
        DeliberationRequest, view::DeliberationStatus,
    },
    shard::machine::Command,
    task::TaskCommand,
};

const MINUTE: Duration = Duration::from_mins(1);

fn ends(script: &Script) -> usize {
    script.events().filter(|event| matches!(event, CouncilEvent::Ended { .. })).count()
}

fn cancel(script: &mut Script, id: &str) -> Result<bool, CouncilRefusal> {
    let (to, namespace) = (ReplyTo(1), String::new());
    let [id, by, why] = [id, "ada", "no need"].map(str::to_owned);
    match script.tell(CouncilCommand::Cancel { to, namespace, id, by, why })? {
        CouncilReply::Cancelled { changed } => Ok(changed),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a096_it_goes_from_pending_through_in_progress_to_completed_and_the_percentage_never_falls() {
    let mut script = Script::seated(&["ann", "bob"], CouncilConfig::default());
    let opened = script.events().count();
    script.ask(request("one")).unwrap();
    // Both happen in a moment: that it was opened before it began stands in the record.
    let after: Vec<_> = script.events().skip(opened).collect();
    assert!(matches!(after[0], CouncilEvent::Opened { .. }));
    assert!(matches!(after[1], CouncilEvent::PhaseBegun { .. }));
    let mut percent = 0;
    while let Some((_, one)) = script.given.values().next() {
        let view = script.view("one");
        assert_eq!(view.status, DeliberationStatus::InProgress);
        assert!(view.percent >= percent && view.percent < 100, "{percent} to {}", view.percent);
        percent = view.percent;
        let task = one.id.to_string();
        script.answer(&task);
    }
    let view = script.view("one");
    assert_eq!((view.status, view.percent), (DeliberationStatus::Completed, 100));
    assert!(percent > 70, "{percent}");
}

#[test]
fn a097_an_answer_that_comes_twice_counts_once() {
    let mut script = Script::seated(&["ann", "bob"], CouncilConfig::default());
    script.ask(request("one")).unwrap();
    let (agent, report) = script.answer("draft-1");
    script.report(&agent, report.clone());
    script.report(&agent, report);
    assert_eq!(script.at_work(), "draft-2");
    script.run();
    let view = script.view("one");
    assert_eq!((view.status, view.results.len()), (DeliberationStatus::Completed, 2));
    assert_eq!(ends(&script), 1);
    script.check();
}

#[test]
fn a097_where_all_fail_it_fails_and_says_why_of_each() {
    let mut script = Script::seated(&["ann", "bob"], CouncilConfig::default());
    for name in ["ann", "bob"] {
        script.minds.insert(name.to_owned(), |_, _, _| None);
    }
    script.ask(request("one")).unwrap();
    script.run();
    let view = script.view("one");
    assert_eq!((view.status, view.winner_id), (DeliberationStatus::Failed, None));
    let why = view.error_message.unwrap();
    assert!(why.starts_with("every agent failed: agent-dev-001: "), "{why}");
    assert!(why.contains("agent-dev-002: not retryable: no luck"), "{why}");
    assert_eq!(view.out.len(), 2);
}

#[test]
fn a097_at_the_deadline_there_is_what_there_is_and_who_works_still_is_stopped() {
    let mut script = Script::seated(&["ann", "bob", "eve"], CouncilConfig::default());
    script.ask(request("one")).unwrap();
    script.answer("draft-1");
    script.answer("draft-2");
    script.wait(Duration::from_millis(299_999));
    assert_eq!(script.view("one").status, DeliberationStatus::InProgress);
    script.wait(Duration::from_millis(1));
    let view = script.view("one");
    assert_eq!((view.status, view.duration_ms), (DeliberationStatus::Timeout, 300_000));
    let contents: Vec<_> = view.results.iter().map(|one| one.proposal.content.as_str()).collect();
    assert_eq!(contents, ["by ann", "by bob"]);
    assert_eq!(view.out[0].why, "it had not answered when the deliberation ended");
    assert!(view.error_message.unwrap().contains("its time was over while it was drafting"));
    assert_eq!(script.at_work(), "", "somebody works on");
    script.check();
}

#[test]
fn a097_nobody_answers_and_it_ends_all_the_same() {
    let mut script = Script::seated(&["ann"], CouncilConfig::default());
    script.ask(DeliberationRequest { timeout_ms: 5_000, ..request("one") }).unwrap();
    script.given.clear();
    script.wait(Duration::from_secs(5));
    let view = script.view("one");
    assert_eq!((view.status, view.results.len()), (DeliberationStatus::Timeout, 0));
    assert_eq!(view.winner_id, None);
}

#[test]
fn who_goes_away_for_good_is_waited_for_a_while_and_the_others_go_on() {
    let mut script = Script::seated(&["ann", "bob", "eve"], CouncilConfig::default());
    script.ask(request("one")).unwrap();
    script.answer("draft-1");
    script.answer("draft-2");
    script.leave("eve");
    script.wait(Duration::from_secs(20));
    assert_eq!(script.at_work(), "", "the others went on too early");
    // One who comes back in time has missed nothing.
    script.join("eve", &["council"], 16);
    assert_eq!(script.at_work(), "draft-3");
    script.leave("eve");
    for _ in 0..6 {
        script.wait(Duration::from_secs(10));
    }
    assert_eq!(script.at_work(), "critique-1-1 critique-1-2");
    script.run();
    let view = script.view("one");
    assert_eq!((view.status, view.results.len()), (DeliberationStatus::Completed, 2));
    assert!(view.out[0].why.contains("its agent is not there"), "{:?}", view.out);
    script.check();
}

#[test]
fn a_deadline_that_passes_while_nobody_leads_is_kept_by_who_leads_next() {
    let mut script = Script::seated(&["ann", "bob"], CouncilConfig::default());
    script.ask(request("one")).unwrap();
    script.answer("draft-1");
    script.now.moment = script.now.moment + 6 * MINUTE;
    script.now.wall = script.now.wall + 6 * MINUTE;
    script.take_over();
    script.wait(Duration::from_secs(1));
    let view = script.view("one");
    assert_eq!((view.status, view.results.len()), (DeliberationStatus::Timeout, 1));
}

#[test]
fn a_step_is_tried_again_as_often_as_was_asked_for() {
    let mut script = Script::seated(&["ann"], CouncilConfig::default());
    let max_iterations = 3;
    script.ask(DeliberationRequest { max_iterations, ..request("one") }).unwrap();
    for attempt in 1..=3 {
        let (no, (agent, one)) = script.given.pop_first().unwrap();
        assert_eq!(one.attempt.0, attempt);
        let outcome = Outcome::Failed(orkestra_runtime::protocol::task::Failure::error("again"));
        let report = orkestra_runtime::protocol::agent::Report {
            task: no,
            attempt: one.attempt,
            outcome,
            worked_ms: 1,
            checks: vec![],
        };
        script.report(&agent, report);
        script.wait(Duration::from_secs(10));
    }
    assert_eq!(script.view("one").status, DeliberationStatus::Failed);
}

#[test]
fn who_asked_may_cancel_and_whoever_cancels_the_run_ends_it_too() {
    let mut script = Script::seated(&["ann", "bob"], CouncilConfig::default());
    script.ask(request("one")).unwrap();
    script.answer("draft-1");
    assert!(cancel(&mut script, "one").unwrap());
    assert!(!cancel(&mut script, "one").unwrap(), "it was over before");
    assert_eq!(script.at_work(), "");
    let view = script.view("one");
    assert_eq!(view.status, DeliberationStatus::Failed);
    assert_eq!(view.error_message.unwrap(), "cancelled by ada: no need");
    assert_eq!(
        cancel(&mut script, "other").unwrap_err().kind(),
        orkestra_runtime::ErrorKind::NotFound
    );

    script.ask(request("two")).unwrap();
    let (to, run) = (ReplyTo(3), RunId::new("deliberation:two").unwrap());
    let (by, reason) = ("ops".to_owned(), "night".to_owned());
    script.say(&Command::Task(TaskCommand::CancelRun { to, run, by, reason }));
    let view = script.view("two");
    assert_eq!(view.error_message.unwrap(), "its run was cancelled");
    script.check();
}

#[test]
fn the_same_name_is_the_same_deliberation_and_never_another() {
    let mut script = Script::seated(&["ann"], CouncilConfig::default());
    assert!(!script.ask(request("one")).unwrap());
    assert!(script.ask(request("one")).unwrap());
    let other = DeliberationRequest { task: "Something else.".to_owned(), ..request("one") };
    let refused = script.ask(other.clone()).unwrap_err();
    assert_eq!(refused, CouncilRefusal::Conflict { id: "one".to_owned() });
    script.run();
    assert!(script.ask(request("one")).unwrap(), "what is over is found too");
    assert!(script.ask(other).is_err());
    assert_eq!(ends(&script), 1);
}

#[test]
fn with_its_run_a_deliberation_is_forgotten_and_its_figures_are_kept() {
    let mut script = Script::seated(&["ann"], CouncilConfig::default());
    for no in 0..120 {
        script.ask(DeliberationRequest { rounds: Some(0), ..request(&format!("d{no}")) }).unwrap();
        script.run();
        script.wait(Duration::from_secs(1));
    }
    let metrics = script.metrics(None);
    assert_eq!((metrics.total_deliberations, metrics.completed), (120, 120));
    let query = |id: &str| {
        let (namespace, id) = (String::new(), id.to_owned());
        script.query(crate::council::CouncilQuery::Deliberation { namespace, id })
    };
    assert!(matches!(query("d0"), crate::council::CouncilAnswer::Deliberation(None)));
    assert!(matches!(query("d119"), crate::council::CouncilAnswer::Deliberation(Some(_))));
    script.check();
}

#[test]
fn what_is_no_proposal_is_not_taken_for_one() {
    let mut script = Script::seated(&["ann", "bob"], CouncilConfig::default());
    script.minds.insert("bob".to_owned(), |agent, input, results| {
        if input["step"] == "draft" {
            Some(serde_json::json!(7))
        } else {
            usual(agent, input, results)
        }
    });
    script.ask(request("one")).unwrap();
    script.run();
    let view = script.view("one");
    assert_eq!((view.status, view.results.len()), (DeliberationStatus::Completed, 1));
    assert!(view.out[0].why.contains("its answer is no text"), "{:?}", view.out);
}
