//! What the record says of tasks, and whether it agrees with itself.

use orkestra_runtime::{
    protocol::{
        check::{Category, Level},
        task::DependencyKind,
    },
    time::Now,
};

use super::{Finding, listed};
use crate::{
    safety::record::RETRIES_MAX,
    task::{Dangling, Held, STUCK_AFTER, TaskMachine},
};

/// Looks at all runs that are kept.
pub(super) fn look(tasks: &TaskMachine, now: Now, findings: &mut Vec<Finding>) {
    findings.push(references(&tasks.dangling_needs()));
    findings.push(cycles(tasks));
    findings.push(counts(tasks));
    findings.push(stale(&tasks.held_too_long(now.wall, STUCK_AFTER)));
    findings.push(retries(&tasks.worn_out(RETRIES_MAX)));
}

fn finding(category: Category, name: &str, level: Level, message: impl Into<String>) -> Finding {
    Finding::new(("tasks", category), name, level, message)
}

fn references(dangling: &[Dangling]) -> Finding {
    let (name, category) = ("Valid References", Category::Dependencies);
    if dangling.is_empty() {
        return finding(category, name, Level::Pass, "every task that is needed is there");
    }
    let hard = dangling.iter().any(|one| one.kind != DependencyKind::Soft);
    let level = if hard { Level::Fail } else { Level::Warning };
    let told = dangling
        .iter()
        .map(|Dangling { run, task, missing, .. }| format!("{run}/{task} needs {missing}"));
    let message = format!("{} needs name a task that is not there", dangling.len());
    finding(category, name, level, message)
        .details(listed(told))
        .advise("`orkestra doctor --heal` fails those tasks, with that reason")
}

fn cycles(tasks: &TaskMachine) -> Finding {
    let (name, category) = ("No Cycles", Category::Dependencies);
    let cycles = tasks.cycles();
    if cycles.is_empty() {
        return finding(category, name, Level::Pass, "no task waits for itself");
    }
    let told = cycles.iter().map(|(run, path)| {
        let path: Vec<String> = path.iter().map(ToString::to_string).collect();
        format!("{run}: {}", path.join(" → "))
    });
    let message = format!("in {} runs tasks wait for each other", cycles.len());
    finding(category, name, Level::Fail, message)
        .details(listed(told))
        .advise("cancel one task of each path with `orkestra task cancel`")
}

fn counts(tasks: &TaskMachine) -> Finding {
    let (name, category) = ("Counts", Category::DataIntegrity);
    let wrong = tasks.miscounted();
    if wrong.is_empty() {
        return finding(category, name, Level::Pass, "every run counts what its tasks say");
    }
    let message = format!("{} runs count otherwise than their tasks say", wrong.len());
    finding(category, name, Level::Fail, message)
        .details(listed(wrong.iter().map(ToString::to_string)))
        .advise("the program is wrong: keep this folder, and tell of it")
}

fn stale(held: &[Held]) -> Finding {
    let (name, category) = ("Stale Tasks", Category::Consistency);
    if held.is_empty() {
        let message = "no task in progress is without news for more than an hour";
        return finding(category, name, Level::Pass, message);
    }
    let told = held.iter().map(|Held { run, task, attempt, since, .. }| {
        format!("{run}/{task} attempt {attempt} since {since}")
    });
    let message = format!("{} tasks in progress are without news for too long", held.len());
    finding(category, name, Level::Warning, message)
        .details(listed(told))
        .advise("the next run begins them anew, and so does `orkestra doctor --heal`")
}

fn retries(worn: &[Held]) -> Finding {
    let (name, category) = ("Retries", Category::Consistency);
    if worn.is_empty() {
        let message = format!("no open task failed {RETRIES_MAX} times");
        return finding(category, name, Level::Pass, message);
    }
    let told = worn
        .iter()
        .map(|Held { run, task, failures, .. }| format!("{run}/{task} failed {failures} times"));
    let message = format!("{} open tasks failed {RETRIES_MAX} times or more", worn.len());
    finding(category, name, Level::Warning, message)
        .details(listed(told))
        .advise("see why with `orkestra why TASK`")
}
