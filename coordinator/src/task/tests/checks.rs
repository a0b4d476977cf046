//! Record checks around attempts, and what a task keeps of them.

use orkestra_runtime::{
    id::{AgentId, Attempt, Incarnation},
    protocol::{
        agent::{FromAgent, Report},
        check::{CheckName, CheckResult, Level, Switch, Workspace},
        payload::Payload,
        task::{Outcome, TaskSpec},
    },
    time::Wall,
};

use super::script::{START, Script, profile, task};
use crate::task::{TaskCommand, TaskEvent, TaskSettings};

/// A task that asks for these checks.
fn checked(name: &str, needs: &[&str], switches: &[(CheckName, Switch)]) -> TaskSpec {
    let mut spec = task(name, needs);
    spec.checks.0.extend(switches.iter().copied());
    spec.workspace = Some(Box::new(Workspace { dir: "/w".into(), ..Workspace::default() }));
    spec
}

/// What was put on record of checks: `phase#attempt name level …`, only what does not pass.
fn on_record(script: &Script) -> Vec<String> {
    let events = script.journal.iter().filter_map(|(_, event)| match event {
        TaskEvent::Checked { attempt, phase, results, .. } => {
            let faults = results.iter().filter(|result| result.level > Level::Pass);
            let faults = faults.map(|result| format!(" {} {}", result.check_name, result.level));
            Some(format!("{phase}#{attempt} {}{}", results.len(), faults.collect::<String>()))
        }
        _ => None,
    });
    events.collect()
}

fn report(script: &mut Script, name: &str, n: u32, checks: Vec<CheckResult>) {
    let outcome = Outcome::Completed(Payload::null());
    let (task, attempt) = (script.no(name), Attempt(n));
    let report = Report { task, attempt, outcome, worked_ms: 1, checks };
    script.tell(TaskCommand::Heard(FromAgent::Ended {
        agent: AgentId::new("ann").unwrap(),
        incarnation: Incarnation(1),
        reports: vec![report],
    }));
}

#[test]
fn a139_the_record_is_checked_before_the_agent_is_told_and_before_the_end_is_recorded() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[checked("a", &[], &[]), task("b", &["a"])]);
    assert_eq!(script.sent(), ["ann<a#1"]);
    let file = CheckResult::pass(CheckName::OutputExists, Wall::from_ms(START), "there");
    let early = CheckResult::pass(CheckName::GitClean, Wall::from_ms(START), "clean");
    report(&mut script, "a", 1, vec![early, file]);
    assert_eq!(script.states(&["a"]), "a:completed");
    assert_eq!(on_record(&script), ["pre#1 7", "pre#1 1", "post#1 5"]);
    let names: Vec<_> = script.view("a").checks.iter().map(|c| c.check_name.as_str()).collect();
    assert_eq!(names.len(), 13);
    assert_eq!(
        names[8..],
        ["task_completed", "output_exists", "lock_released", "completion_time", "queue_consistent"]
    );
    script.restart();
    assert_eq!(script.view("a").checks.len(), 13);
}

#[test]
fn a139_a_task_that_asks_for_no_checks_has_none_on_record() {
    let mut script = Script::with(TaskSettings {
        checks: orkestra_runtime::protocol::check::Switches(
            [(CheckName::GitClean, Switch::Off)].into(),
        ),
        ..TaskSettings::default()
    });
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]).complete("ann", "a", 1);
    assert_eq!(script.states(&["a"]), "a:completed");
    assert_eq!(on_record(&script), [] as [&str; 0]);
}

#[test]
fn a139_what_is_blocked_before_fails_and_its_agent_is_never_told() {
    let mut script = Script::default();
    script.join(profile("ann", 2), 1);
    let strict = checked("b", &[], &[(CheckName::AgentAvailable, Switch::Fail)]);
    script.graph(&[task("a", &[]), strict]);
    assert_eq!(script.sent(), ["ann<a#1"]);
    assert_eq!(on_record(&script), ["pre#1 7 agent_available fail"]);
    let view = script.view("b");
    assert_eq!((&*view.state, view.failures), ("retrying", 1));
    let failure = view.last_failure.unwrap();
    let told = "blocked by pre-task checks: Agent Available (fail): agent ann works on 1 other";
    assert!(failure.message.starts_with(told), "{failure}");
    script.complete("ann", "a", 1).advance(std::time::Duration::from_secs(1));
    assert_eq!(script.states(&["b"]), "b:running");
}

#[test]
fn a139_the_third_failure_is_the_last_for_who_counts_retries() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1);
    let mut counted = checked("a", &[], &[(CheckName::RetryCount, Switch::On)]);
    counted.retry.retries_max = 10;
    script.graph(&[counted]);
    for attempt in 1..=3 {
        script.fail("ann", "a", attempt).advance(std::time::Duration::from_mins(1));
    }
    assert_eq!(script.states(&["a"]), "a:failed");
    assert_eq!(on_record(&script).pop().unwrap(), "pre#4 8 retry_count fail");
    assert_eq!(script.view("a").reason.unwrap(), "not retryable");
}

#[test]
fn a139_a_workspace_travels_with_the_assignment_and_switches_of_the_node_hold_where_the_task_is_silent()
 {
    use orkestra_runtime::protocol::{agent::ToAgent, check::Switches};
    let off = |check| (check, Switch::Off);
    let node = Switches([off(CheckName::GitClean), off(CheckName::DiskSpace)].into());
    let mut script = Script::with(TaskSettings { checks: node, ..TaskSettings::default() });
    script.join(profile("ann", 1), 1);
    script.graph(&[checked("a", &[], &[(CheckName::GitClean, Switch::Fail)])]);
    let sent = script.effects.iter().find_map(|effect| match effect {
        crate::task::TaskEffect::Tell { message: ToAgent::Assign(sent), .. } => sent.first(),
        _ => None,
    });
    let sent = sent.unwrap();
    assert_eq!(sent.workspace.as_ref().unwrap().dir, "/w");
    let fail = (CheckName::GitClean, Switch::Fail);
    assert_eq!(sent.checks, Switches([fail, off(CheckName::DiskSpace)].into()));
}

#[test]
fn a139_many_tasks_with_checks_are_given_out_in_steps_that_fit_their_record() {
    let mut script = Script::default();
    script.join(profile("ann", 1_000), 1);
    let tasks: Vec<_> = (0..300).map(|n| checked(&format!("t{n}"), &[], &[])).collect();
    script.graph(&tasks);
    assert_eq!(script.sent().len(), 300);
    assert_eq!(on_record(&script).len(), 300);
}
