//! What happened, as the context tells it.

use orkestra_runtime::{
    id::{AgentId, TaskId},
    machine::ReplyTo,
    protocol::{agent::FromAgent, understanding::Understanding},
};

use super::script::{Script, agent_id};
use crate::context::{ContextCommand, ContextEvent, ContextReply, ProjectPhase, view::EventView};

fn line(event: &EventView) -> String {
    let kind = event.kind.as_str();
    let subject = event.task.as_ref().map(ToString::to_string);
    let subject = subject.or_else(|| event.run.as_ref().map(ToString::to_string));
    let agent = event.agent.as_ref().map(AgentId::as_str);
    let words = [Some(kind), subject.as_deref(), agent, event.details.as_deref()];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn story() -> Script {
    let mut script = Script::new();
    script.join("ann", 1);
    script.run(&["a", "b", "c"]);
    script.keep("ann", "a");
    script.understand("ann", 1, "three small things");
    script.complete("ann", "a");
    script.fail("ann", "b", "no luck");
    script.cancel("c", "eve");
    script
}

#[test]
fn what_the_journal_says_of_tasks_is_told_in_few_words() {
    let script = story();
    let events = script.show(None, None).unwrap().events;
    assert_eq!(
        events.iter().map(line).collect::<Vec<_>>(),
        [
            "project_start run",
            "planning_phase run",
            "task_started a ann",
            "task_started b ann",
            "task_started c ann",
            "agent_action a ann",
            "task_completed a ann",
            "error_occurred b ann error: no luck",
            "decision_made c cancelled: not needed (by eve)",
            "milestone_reached run",
        ]
    );
    script.check_replay();
}

#[test]
fn an_agent_has_a_log_of_its_own_and_what_it_understands() {
    let script = story();
    let view = script.show(Some("ann"), None).unwrap();
    assert_eq!(
        view.events.iter().map(line).collect::<Vec<_>>(),
        [
            "task_started a ann",
            "task_started b ann",
            "task_started c ann",
            "agent_action a ann",
            "context_refresh ann",
            "task_completed a ann",
            "error_occurred b ann error: no luck",
        ]
    );
    let [ann] = &view.agents[..] else { panic!("{:?}", view.agents) };
    assert_eq!((ann.agent_name.as_str(), ann.role.as_str()), ("ann", "ann of the team"));
    assert_eq!(ann.current_understanding, "three small things");
    assert_eq!((ann.confidence, ann.context_version), (Some(0.8), Some(1)));
    assert_eq!(ann.completed_tasks.iter().map(TaskId::as_str).collect::<Vec<_>>(), ["a"]);
    assert_eq!(script.show(Some("nobody"), None), None);
}

#[test]
fn the_same_word_is_journaled_once_and_an_old_life_is_not_heard() {
    let mut script = Script::new();
    script.join("ann", 2);
    script.understand("ann", 2, "one");
    script.understand("ann", 2, "one");
    script.understand("ann", 1, "from a life that is over");
    script.understand("bob", 1, "from nobody");
    assert_eq!(script.understood(None), ["ann: one"]);
    assert_eq!(script.count(|event| matches!(event, ContextEvent::Understood { .. })), 1);
    script.understand("ann", 2, "two");
    script.understand("ann", 2, "one");
    assert_eq!((script.understood(None), script.version()), (vec!["ann: one".to_owned()], 3));
}

#[test]
fn a_word_out_of_its_bounds_is_not_taken_whoever_sent_it() {
    let mut script = Script::new();
    script.join("ann", 1);
    let understanding = Understanding { confidence_milli: 1_001, ..Understanding::of("too sure") };
    script.understands("ann", 1, understanding);
    assert_eq!(script.version(), 0);
}

#[test]
fn a_word_about_understanding_changes_no_task() {
    let mut script = Script::new();
    script.join("ann", 1);
    let before = script.machine.tasks().snapshot();
    let (agent, incarnation) = (agent_id("ann"), orkestra_runtime::id::Incarnation(1));
    let understanding = Understanding::of("heard by the wrong one");
    script.hear(FromAgent::Understood { agent, incarnation, understanding });
    assert_eq!((script.machine.tasks().snapshot(), script.version()), (before, 0));
}

#[test]
fn the_phase_is_what_somebody_said_or_what_the_runs_let_one_see() {
    let mut script = Script::new();
    let phase = |script: &Script| script.summary().standing.phase;
    assert_eq!(phase(&script), "planning");
    script.join("ann", 1);
    script.run(&["a"]);
    assert_eq!(phase(&script), "development");
    script.complete("ann", "a");
    assert_eq!(phase(&script), "maintenance");
    let set = ContextCommand::SetPhase {
        to: ReplyTo(1),
        phase: ProjectPhase::Testing,
        by: "eve".to_owned(),
    };
    assert_eq!(script.context(set.clone()), [ContextReply::PhaseSet { version: 1 }]);
    assert_eq!(script.context(set), [ContextReply::PhaseSet { version: 1 }]);
    assert_eq!(phase(&script), "testing");
    let summary = script.summary();
    let made: Vec<String> =
        summary.decisions.iter().map(|made| format!("{} {}", made.by, made.what)).collect();
    assert_eq!(made, ["eve the phase is testing"]);
    script.check_replay();
}

#[test]
fn a137_one_who_comes_back_is_told_ten_events_ten_tasks_five_decisions_and_all_agents() {
    let mut script = Script::new();
    script.join("ann", 1);
    script.join("bob", 1);
    let names: Vec<String> = (0..30).map(|n| format!("t{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    script.run(&names);
    script.understand("bob", 1, "much to do");
    for n in 22..29 {
        script.cancel(&format!("t{n}"), "eve");
    }
    script.snapshot("");
    let summary = script.summary();
    let agents: Vec<&str> = summary.agents.iter().map(|agent| agent.agent_name.as_str()).collect();
    assert_eq!(agents, ["ann", "bob"]);
    assert_eq!(summary.events.len(), 10);
    assert_eq!(line(&summary.events[9]), "context_refresh snapshot, requested");
    assert_eq!((summary.active_tasks.len(), summary.decisions.len()), (10, 5));
    assert_eq!(summary.decisions[4].task.as_ref().unwrap().as_str(), "t28");
    let standing = &summary.standing;
    assert_eq!((&*standing.phase, standing.completion_percent), ("development", Some(0)));
    assert_eq!((standing.tasks.total, standing.tasks.active()), (30, 23));
    assert_eq!(summary.latest_snapshot.unwrap().context_version, 2);
    script.check_replay();
}
