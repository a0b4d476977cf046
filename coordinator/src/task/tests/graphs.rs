//! Submission, sealing, dependencies, cancellation.

use orkestra_runtime::protocol::task::{DependencyKind, Priority, TaskSpec};

use super::script::{Script, profile, run_id, task, task_id};
use crate::task::{RefusalCode, Reply, RunOpening, TaskCommand, TaskEvent, TaskSettings};

#[test]
fn a_graph_is_invisible_until_it_is_sealed() {
    let mut script = Script::default();
    script.join(profile("ann", 9), 1).open(RunOpening::default()).submit(&[task("a", &[])]);
    assert_eq!(script.states(&["a"]), "a:held");
    script.sent();
    script.seal(1);
    assert_eq!(script.sent(), ["ann<a#1"]);
}

#[test]
fn a_task_begins_when_all_it_needs_is_completed() {
    let mut script = Script::default();
    script.join(profile("ann", 9), 1);
    script.graph(&[task("a", &[]), task("b", &[]), task("c", &["a", "b"])]);
    assert_eq!(script.sent(), ["ann<a#1", "ann<b#1"]);
    assert_eq!(script.complete("ann", "a", 1).sent(), ["ann<ack×1"]);
    assert_eq!(script.complete("ann", "b", 1).sent(), ["ann<ack×1", "ann<c#1"]);
}

#[test]
fn an_assignment_brings_the_results_of_what_it_depends_on() {
    let mut script = Script::default();
    script.join(profile("ann", 9), 1).graph(&[task("a", &[]), task("b", &["a"])]);
    script.complete_with("ann", "a", 1, r#"{"n":1}"#);
    let effects = format!("{:?}", script.effects);
    assert!(effects.contains(r#"results: [("a", Inline({"n":1}))]"#), "{effects}");
}

#[test]
fn a119_a_failed_dependency_fails_what_needs_it_hard_and_only_that() {
    let mut script = Script::default();
    let mut failing = task("a", &[]);
    failing.retry.retries_max = 0;
    let mut soft = task("soft", &["a"]);
    soft.dependencies[0].kind = DependencyKind::Soft;
    let after = task("after", &["hard"]);
    script.join(profile("ann", 9), 1).graph(&[failing, task("hard", &["a"]), soft, after]);
    script.fail("ann", "a", 1);
    let states = "a:failed hard:failed soft:running after:failed";
    assert_eq!(script.states(&["a", "hard", "soft", "after"]), states);
    assert_eq!(script.view("hard").reason.unwrap(), "dependency a failed");
    assert_eq!(script.view("after").reason.unwrap(), "dependency hard failed");
}

#[test]
fn a_condition_is_read_from_the_output() {
    let conditional = |name: &str, equals: &str| {
        let mut spec = task(name, &["a"]);
        let (pointer, equals) = ("/go".to_owned(), equals.to_owned());
        spec.dependencies[0].kind = DependencyKind::Conditional { pointer, equals };
        spec
    };
    let mut script = Script::default();
    let graph = [
        task("a", &[]),
        conditional("yes", "true"),
        conditional("no", "false"),
        task("after", &["no"]),
    ];
    script.join(profile("ann", 9), 1).graph(&graph).complete_with("ann", "a", 1, r#"{"go":true}"#);
    assert_eq!(script.states(&["yes", "no", "after"]), "yes:running no:cancelled after:cancelled");
    assert_eq!(script.view("no").reason.unwrap(), "the condition on a does not hold");
}

#[test]
fn a119_a_cycle_and_a_missing_dependency_are_refused_at_the_seal() {
    let mut script = Script::default();
    script.open(RunOpening::default());
    script.submit(&[task("a", &["b"]), task("b", &["a"])]).replies();
    let refusal = script.seal(2).refusal();
    assert_eq!(refusal.code, RefusalCode::CircularDependency);
    assert_eq!(refusal.message, "these tasks wait for each other: a → b → a");

    let mut script = Script::default();
    script.open(RunOpening::default()).submit(&[task("a", &["ghost"])]).replies();
    let refusal = script.seal(1).refusal();
    assert_eq!(refusal.code, RefusalCode::DependencyNotFound);
    assert_eq!(
        refusal.message,
        "task \"a\" depends on \"ghost\", and run \"run\" has no such task"
    );
}

#[test]
fn submitting_the_same_again_changes_nothing_and_something_else_is_refused() {
    let mut script = Script::default();
    script.open(RunOpening::default()).submit(&[task("a", &[])]);
    let first = script.replies().pop().unwrap();
    let events = script.journal.len();
    let again = script.submit(&[task("a", &[])]).replies().pop().unwrap();
    let Reply::Submitted { tasks: numbers, known: 0 } = first else { panic!("{first:?}") };
    assert_eq!(again, Reply::Submitted { tasks: numbers, known: 1 });
    assert_eq!(script.journal.len(), events);
    let mut other = task("a", &[]);
    other.priority = Priority::High;
    assert_eq!(script.submit(&[other]).refusal().code, RefusalCode::TaskConflict);
}

#[test]
fn a_graph_in_parts_is_sealed_only_when_all_of_it_is_there() {
    let mut script = Script::default();
    script.open(RunOpening::default()).submit(&[task("b", &["a"])]);
    script.effects.clear();
    let refusal = script.seal(2).refusal();
    assert_eq!(refusal.code, RefusalCode::CountMismatch);
    script.submit(&[task("a", &[])]).seal(2);
    assert_eq!(script.replies().pop(), Some(Reply::Sealed));
    assert_eq!(script.seal(2).replies().pop(), Some(Reply::Sealed));
    let refusal = script.submit(&[task("late", &[])]).refusal();
    assert_eq!(refusal.code, RefusalCode::RunSealed);
}

#[test]
fn a_run_opened_with_another_scenario_is_refused_with_both_hashes() {
    let opening = |hash: &str| RunOpening { scenario_hash: hash.to_owned(), ..Default::default() };
    let mut script = Script::default();
    script.open(opening("aaa")).effects.clear();
    assert_eq!(
        script.open(opening("aaa")).replies().pop(),
        Some(Reply::Opened { existed: true, sealed: false })
    );
    let refusal = script.open(opening("bbb")).refusal();
    assert_eq!(refusal.code, RefusalCode::RunConflict);
    assert!(refusal.message.contains("aaa") && refusal.message.contains("bbb"));
}

#[test]
fn cancelling_a_tree_is_one_event_and_stops_what_runs() {
    let mut child = task("child", &[]);
    child.parent = Some(task_id("root"));
    let mut grandchild = task("grandchild", &["child"]);
    grandchild.parent = Some(task_id("child"));
    let mut script = Script::default();
    script.join(profile("ann", 9), 1);
    script.graph(&[task("root", &[]), child, grandchild, task("other", &["root"])]);
    script.sent();
    let before = script.journal.len();
    script.cancel("root");
    let cancelled: Vec<_> = script.journal[before..]
        .iter()
        .filter(|(_, event)| matches!(event, TaskEvent::Cancelled { .. }))
        .collect();
    // One for the tree, one for the task that depended on it.
    assert_eq!(cancelled.len(), 2);
    assert_eq!(
        script.states(&["root", "child", "grandchild", "other"]),
        "root:cancelled child:cancelled grandchild:cancelled other:cancelled"
    );
    assert_eq!(script.view("grandchild").reason.unwrap(), "with its parent child");
    assert_eq!(script.sent(), ["ann<stop#1", "ann<stop#1"]);
    assert_eq!(script.complete("ann", "root", 1).sent(), ["ann<ack×1"]);
    assert_eq!(script.states(&["root"]), "root:cancelled");
}

#[test]
fn a_run_ends_once_with_its_last_task_and_whoever_waits_is_told() {
    let mut script = Script::default();
    let to = orkestra_runtime::machine::ReplyTo(9);
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]);
    script.tell(TaskCommand::AwaitRun { to, run: run_id() }).replies();
    script.complete("ann", "a", 1);
    let replies = script.replies();
    let Some(Reply::RunEnded(summary)) = replies.last() else { panic!("{replies:?}") };
    assert_eq!((summary.counts.total, summary.counts.completed), (1, 1));
    let ends = script.journal.iter().filter(|(_, e)| matches!(e, TaskEvent::RunEnded { .. }));
    assert_eq!(ends.count(), 1);
}

#[test]
fn a_cancelled_run_ends_with_all_its_tasks() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[]), task("b", &["a"])]);
    script.tell(TaskCommand::CancelRun {
        to: orkestra_runtime::machine::ReplyTo(9),
        run: run_id(),
        by: "me".to_owned(),
        reason: "enough".to_owned(),
    });
    assert_eq!(script.states(&["a", "b"]), "a:cancelled b:cancelled");
    assert_eq!(script.replies().last(), Some(&Reply::Cancelled { tasks: 2 }));
    assert!(matches!(script.journal.last(), Some((_, TaskEvent::RunEnded { .. }))));
}

#[test]
fn what_matters_more_or_holds_up_more_begins_first() {
    let mut low = task("low", &[]);
    low.priority = Priority::Low;
    let mut critical = task("critical", &[]);
    critical.priority = Priority::Critical;
    let mut script = Script::default();
    // Two tasks wait for "wanted", so that it comes before "plain", which is as important.
    let graph = [low, task("plain", &[]), task("wanted", &[]), critical, task("x", &["wanted"])];
    script.join(profile("ann", 1), 1).graph(&graph);
    let mut order = Vec::new();
    for _ in 0..5 {
        let sent = script.sent();
        let next = sent.iter().find_map(|line| line.strip_prefix("ann<")?.strip_suffix("#1"));
        let next = next.unwrap().to_owned();
        script.complete("ann", &next, 1);
        order.push(next);
    }
    assert_eq!(order, ["critical", "wanted", "plain", "x", "low"]);
}

#[test]
fn a141_a_run_never_has_more_attempts_at_work_than_it_may() {
    let tasks: Vec<_> = (0..6).map(|n| task(&format!("t{n}"), &[])).collect();
    let mut script = Script::default();
    script.join(profile("ann", 9), 1);
    script.open(RunOpening { concurrency: Some(2), ..RunOpening::default() });
    script.submit(&tasks).sent();
    assert_eq!(script.seal(6).sent(), ["ann<t0#1", "ann<t1#1"]);
    assert_eq!(script.complete("ann", "t0", 1).sent(), ["ann<ack×1", "ann<t2#1"]);
}

#[test]
fn ended_runs_and_stream_tasks_leave_memory() {
    let settings = TaskSettings { retain_tasks: 10, retain_runs: 1, ..Default::default() };
    let mut script = Script::with(settings);
    script.join(profile("ann", 1_000), 1);
    let tasks: Vec<_> = (0..120).map(|n| task(&format!("t{n}"), &[])).collect();
    script.stream(&tasks);
    for n in 0..120 {
        script.complete("ann", &format!("t{n}"), 1);
    }
    assert!(script.machine.durable.tasks.len() <= 110, "{}", script.machine.durable.tasks.len());
    script.restart();
}

#[test]
fn a_retried_dependency_counts_again_for_who_waits_for_others_still() {
    let mut failing = task("a", &[]);
    failing.retry.retries_max = 0;
    let mut waiting = task("c", &["a", "b"]);
    waiting.dependencies[0].kind = DependencyKind::Soft;
    let mut script = Script::default();
    script.join(profile("ann", 9), 1).graph(&[failing, task("b", &[]), waiting]);
    script.fail("ann", "a", 1).retry("a").complete("ann", "a", 2);
    assert_eq!(script.states(&["a", "b", "c"]), "a:completed b:running c:waiting");
    script.complete("ann", "b", 1);
    assert_eq!(script.states(&["c"]), "c:running");
}

#[test]
fn in_a_stream_a_task_may_name_one_that_stands_after_it_in_the_same_batch() {
    let mut script = Script::default();
    let mut child = task("child", &[]);
    child.parent = Some(task_id("late"));
    script.join(profile("ann", 9), 1).stream(&[child, task("early", &["late"]), task("late", &[])]);
    assert_eq!(script.states(&["early", "late"]), "early:waiting late:running");
    script.complete("ann", "late", 1);
    assert_eq!(script.states(&["early"]), "early:running");
    let parent = &script.machine.durable.tasks[&script.no("late")];
    assert_eq!(parent.children, [script.no("child")]);
}

#[test]
fn an_ended_run_leaves_memory_when_it_is_old_enough() {
    let retain_for = std::time::Duration::from_mins(1);
    let settings = TaskSettings { retain_for, ..Default::default() };
    let mut script = Script::with(settings);
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]).complete("ann", "a", 1);
    script.advance(std::time::Duration::from_secs(59));
    assert_eq!(script.states(&["a"]), "a:completed");
    script.advance(std::time::Duration::from_secs(1));
    assert!(script.machine.durable.tasks.is_empty() && script.machine.durable.runs.is_empty());
    assert!(matches!(script.journal.last(), Some((_, TaskEvent::RunForgotten { .. }))));
    script.restart();
}

#[test]
fn a_parent_and_a_dependency_that_stay_do_not_remember_what_was_forgotten() {
    let settings = TaskSettings { retain_tasks: 5, ..TaskSettings::default() };
    let mut script = Script::with(settings);
    script.join(profile("ann", 1), 1).stream(&[task("first", &[]), task("parent", &[])]);
    script.complete("ann", "first", 1);
    for n in 0..300 {
        let name = format!("child{n}");
        let parent = Some(task_id("parent"));
        let spec = TaskSpec { parent, ..task(&name, &[]) };
        script.submit(&[spec]).cancel(&name);
    }
    let parent = script.machine.task(script.no("parent")).unwrap();
    assert!(parent.children.len() < 120, "{}", parent.children.len());
    let bytes = script.machine.snapshot();
    let back = crate::task::TaskMachine::restore(script.machine.settings.clone(), &bytes);
    assert_eq!(back.unwrap().durable, script.machine.durable);
}
