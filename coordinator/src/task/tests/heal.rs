//! Self-healing, and the consistency that it restores.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{
    id::Number,
    machine::ReplyTo,
    protocol::task::{Dependency, DependencyKind, TaskSpec},
};

use super::script::{Script, profile, run_id, task, task_id};
use crate::task::{Repair, Reply, RunNo, RunOpening, STUCK_AFTER, TaskCommand, TaskEvent};

fn heal(script: &mut Script) -> Vec<String> {
    script.effects.clear();
    script.tell(TaskCommand::Heal { to: ReplyTo(9) });
    let Some(Reply::Healed(healing)) = script.replies().pop() else { panic!("no answer") };
    assert!(!healing.more);
    let told = healing.repairs.into_iter().map(|repair| match repair {
        Repair::Released { task, attempt, agent, .. } => {
            format!("released {task}#{attempt} of {}", agent.unwrap())
        }
        Repair::Failed { task, missing, .. } => format!("failed {task} without {missing}"),
    });
    told.collect()
}

/// A run whose journal says what no submission would have let in.
fn impossible(tasks: &[TaskSpec]) -> Script {
    let mut script = Script::default();
    let opened = TaskEvent::RunOpened { run: run_id(), opening: RunOpening::default() };
    let mut events = vec![opened];
    events.extend(
        tasks
            .iter()
            .map(|spec| TaskEvent::Submitted { run: RunNo(1), spec: Arc::new(spec.clone()) }),
    );
    events.push(TaskEvent::RunSealed { run: RunNo(1) });
    for event in events {
        let number = Number(script.journal.len() as u64 + 1);
        script.machine.apply(number, script.now.wall, &event);
        script.journal.push((script.now.wall, event));
    }
    script
}

#[test]
fn a140_a_task_in_progress_without_news_for_more_than_an_hour_waits_again() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]);
    script.restart();
    // Nobody is at work: the node that heals has no agents.
    script.now.moment = script.now.moment + STUCK_AFTER;
    script.now.wall = script.now.wall + STUCK_AFTER;
    script.machine.promote(script.now);
    assert_eq!(heal(&mut script), [] as [&str; 0], "exactly an hour is not more than one");
    script.now.wall = script.now.wall + Duration::from_millis(1);
    script.machine.promote(script.now);
    assert_eq!(heal(&mut script), ["released a#1 of ann"]);
    assert_eq!(script.states(&["a"]), "a:ready");
    assert_eq!(script.view("a").failures, 0, "nobody failed");
    assert_eq!(heal(&mut script), [] as [&str; 0]);
}

#[test]
fn a140_a_task_whose_worker_gives_signs_is_left_alone_however_long_it_takes() {
    let mut script = Script::default();
    script.join(profile("ann", 1), 1).graph(&[task("a", &[])]);
    for _ in 0..250 {
        script.advance(Duration::from_secs(20)).beat("ann", 1, &[("a", 1)]);
    }
    assert_eq!(heal(&mut script), [] as [&str; 0]);
    assert_eq!(script.states(&["a"]), "a:running");
}

#[test]
fn a140_a_task_that_needs_what_is_not_there_fails_with_that_reason_and_never_runs() {
    let mut soft = task("c", &[]);
    soft.dependencies = vec![Dependency { on: task_id("ghost"), kind: DependencyKind::Soft }];
    let mut script = impossible(&[task("a", &["ghost", "spook"]), task("b", &["a"]), soft]);
    let needs: Vec<_> = script.machine.dangling_needs();
    let told: Vec<_> = needs.iter().map(|d| format!("{} {}", d.task, d.missing)).collect();
    assert_eq!(told, ["a ghost", "a spook", "c ghost"]);
    assert_eq!(heal(&mut script), ["failed a without ghost"]);
    assert_eq!(script.states(&["a", "b", "c"]), "a:failed b:failed c:ready");
    assert_eq!(script.view("a").reason.unwrap(), "dependency ghost is not there");
    assert_eq!(heal(&mut script), [] as [&str; 0]);
    script.restart();
}

#[test]
fn a140_the_order_of_repairs_is_fixed() {
    let mut script = impossible(&[task("a", &[]), task("z", &["ghost"])]);
    script.machine.promote(script.now);
    script.join(profile("ann", 1), 1);
    assert_eq!(script.states(&["a"]), "a:running");
    script.now.wall = script.now.wall + STUCK_AFTER * 2;
    script.machine.promote(script.now);
    assert_eq!(heal(&mut script), ["released a#1 of ann", "failed z without ghost"]);
}

#[test]
fn a140_many_repairs_are_made_at_a_pace() {
    let tasks: Vec<_> = (0..450).map(|n| task(&format!("t{n}"), &["ghost"])).collect();
    let mut script = impossible(&tasks);
    let mut sizes = Vec::new();
    loop {
        script.tell(TaskCommand::Heal { to: ReplyTo(9) });
        let Some(Reply::Healed(healing)) = script.replies().pop() else { panic!("no answer") };
        sizes.push(healing.repairs.len());
        if !healing.more {
            break;
        }
    }
    assert_eq!(sizes, [200, 200, 50]);
}

#[test]
fn a140_cycles_are_found_with_their_path_and_sound_runs_count_as_they_should() {
    let script = impossible(&[task("a", &["c"]), task("b", &["a"]), task("c", &["b"])]);
    let cycles = script.machine.cycles();
    let path: Vec<_> = cycles[0].1.iter().map(ToString::to_string).collect();
    assert_eq!(path, ["a", "c", "b", "a"]);
    let mut sound = Script::default();
    sound.join(profile("ann", 1), 1).graph(&[task("a", &[]), task("b", &["a"])]);
    sound.complete("ann", "a", 1).fail("ann", "b", 1);
    assert_eq!((sound.machine.cycles().len(), sound.machine.miscounted().len()), (0, 0));
    assert_eq!(sound.machine.worn_out(1).len(), 1);
    assert_eq!(sound.machine.worn_out(3).len(), 0);
}
