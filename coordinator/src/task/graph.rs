//! Dependencies: which allow a task to begin, and whether they form a cycle.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use orkestra_runtime::{
    id::TaskId,
    protocol::{
        payload::Payload,
        task::{Dependency, DependencyKind, TaskSpec},
    },
};

use crate::task::{
    event::{CancelReason, FailReason},
    state::{Doom, Ending},
};

/// What a dependency says of the task that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It allows the task to begin.
    Allows,
    /// The task will never begin.
    Dooms(Doom),
}

/// What an ended task means for one who depends on it.
pub(super) fn judge(dependency: &Dependency, ending: &Ending) -> Verdict {
    let on = || dependency.on.clone();
    match (&dependency.kind, ending) {
        (DependencyKind::Soft, _) | (DependencyKind::Hard, Ending::Completed(_)) => Verdict::Allows,
        (DependencyKind::Conditional { pointer, equals }, Ending::Completed(output)) => {
            if holds(output, pointer, equals) {
                Verdict::Allows
            } else {
                Verdict::Dooms(Doom::IsCancelled(CancelReason::ConditionNotMet { on: on() }))
            }
        }
        (DependencyKind::Hard, Ending::Failed(_)) => {
            Verdict::Dooms(Doom::Fails(FailReason::DependencyFailed { on: on() }))
        }
        (DependencyKind::Hard, Ending::Cancelled(_)) => {
            Verdict::Dooms(Doom::IsCancelled(CancelReason::DependencyCancelled { on: on() }))
        }
        (DependencyKind::Conditional { .. }, Ending::Failed(_) | Ending::Cancelled(_)) => {
            Verdict::Dooms(Doom::IsCancelled(CancelReason::ConditionNotMet { on: on() }))
        }
    }
}

/// Whether the value at a JSON pointer of an output equals a value. An output that stands in a blob
/// has no values to compare.
fn holds(output: &Payload, pointer: &str, equals: &str) -> bool {
    let Payload::Inline(json) = output else { return false };
    let Ok(output) = json.read::<serde_json::Value>() else { return false };
    let Ok(wanted) = serde_json::from_str::<serde_json::Value>(equals) else { return false };
    output.pointer(pointer) == Some(&wanted)
}

/// A cycle among tasks by dependency or by parent, as the path that closes it: `a, b, a`.
pub(super) fn cycle<'a>(tasks: &BTreeMap<&'a TaskId, &'a TaskSpec>) -> Option<Vec<TaskId>> {
    let by_dependency = |spec: &'a TaskSpec, next: usize| {
        spec.dependencies.get(next).map(|dependency| &dependency.on)
    };
    let by_parent = |spec: &'a TaskSpec, next: usize| spec.parent.as_ref().filter(|_| next == 0);
    search(tasks, by_dependency).or_else(|| search(tasks, by_parent))
}

/// Those of a batch at these places, each after what it depends on and after its parent. Where a
/// parent depends on its own child, only dependencies count.
pub(super) fn in_order(specs: &[Arc<TaskSpec>], fresh: &BTreeSet<usize>) -> Vec<usize> {
    let places: BTreeMap<&TaskId, usize> =
        fresh.iter().filter_map(|place| Some((&specs.get(*place)?.id, *place))).collect();
    let dependency = |spec: &TaskSpec, next: usize| {
        let on = &spec.dependencies.get(next)?.on;
        Some(places.get(on).copied())
    };
    let either = |spec: &TaskSpec, next: usize| {
        let parent = || spec.parent.as_ref().filter(|_| next == spec.dependencies.len());
        dependency(spec, next).or_else(|| parent().map(|parent| places.get(parent).copied()))
    };
    let order = after_all(specs, fresh, either);
    let turn: BTreeMap<usize, usize> = order.iter().copied().zip(0..).collect();
    let stands_after = |place: &usize| {
        let spec = specs.get(*place);
        let needs = spec.into_iter().flat_map(|spec| &spec.dependencies);
        let mut needs = needs.filter_map(|need| places.get(&need.on));
        needs.all(|need| turn.get(need) < turn.get(place))
    };
    if order.iter().all(stands_after) { order } else { after_all(specs, fresh, dependency) }
}

/// Depth-first, without recursion: each place after those that its edges lead to. An edge that leads
/// out of the batch is `Some(None)`.
fn after_all(
    specs: &[Arc<TaskSpec>],
    fresh: &BTreeSet<usize>,
    edge: impl Fn(&TaskSpec, usize) -> Option<Option<usize>>,
) -> Vec<usize> {
    let (mut order, mut seen) = (Vec::with_capacity(fresh.len()), BTreeSet::new());
    for start in fresh {
        let mut path = Vec::new();
        if seen.insert(*start) {
            path.push((*start, 0));
        }
        while let Some((place, next)) = path.last_mut() {
            let target = specs.get(*place).and_then(|spec| edge(spec, *next));
            *next += 1;
            match target {
                Some(Some(target)) if seen.insert(target) => path.push((target, 0)),
                Some(_) => {}
                None => {
                    order.push(*place);
                    path.pop();
                }
            }
        }
    }
    order
}

/// Depth-first search without recursion, so that a long chain cannot exhaust the stack.
fn search<'a>(
    tasks: &BTreeMap<&'a TaskId, &'a TaskSpec>,
    edge: impl Fn(&'a TaskSpec, usize) -> Option<&'a TaskId>,
) -> Option<Vec<TaskId>> {
    let mut done = BTreeSet::new();
    for start in tasks.keys() {
        let mut path: Vec<(&TaskId, usize)> = vec![(start, 0)];
        let mut on_path = BTreeSet::from([*start]);
        while let Some((id, next)) = path.last_mut() {
            let id = *id;
            let target =
                tasks.get(id).filter(|_| !done.contains(id)).and_then(|spec| edge(spec, *next));
            *next += 1;
            let Some(target) = target else {
                path.pop();
                on_path.remove(id);
                done.insert(id);
                continue;
            };
            if on_path.contains(target) {
                let from = path.iter().position(|(id, _)| *id == target).unwrap_or_default();
                let ids = path.iter().skip(from).map(|(id, _)| (*id).clone());
                return Some(ids.chain([target.clone()]).collect());
            }
            if !done.contains(target) && tasks.contains_key(target) {
                on_path.insert(target);
                path.push((target, 0));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specs(edges: &[(&str, &[&str])]) -> Vec<TaskSpec> {
        edges
            .iter()
            .map(|(id, needs)| {
                let mut spec = TaskSpec::new(TaskId::new(id).unwrap());
                spec.dependencies = needs
                    .iter()
                    .map(|on| Dependency {
                        on: TaskId::new(on).unwrap(),
                        kind: DependencyKind::Hard,
                    })
                    .collect();
                spec
            })
            .collect()
    }

    fn found(edges: &[(&str, &[&str])]) -> Option<String> {
        let specs = specs(edges);
        let by_id = specs.iter().map(|spec| (&spec.id, spec)).collect();
        let names = cycle(&by_id)?;
        Some(names.iter().map(TaskId::as_str).collect::<Vec<_>>().join(" → "))
    }

    #[test]
    fn a119_a_cycle_is_told_by_its_path() {
        assert_eq!(found(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]).unwrap(), "b → c → b");
        assert_eq!(found(&[("a", &["a"])]).unwrap(), "a → a");
        assert_eq!(found(&[("a", &[]), ("b", &["a"]), ("c", &["a", "b"])]), None);
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_does_not_exhaust_the_stack() {
        let names: Vec<String> = (0..100_000).map(|n| format!("t{n}")).collect();
        let mut specs: Vec<TaskSpec> =
            names.iter().map(|name| TaskSpec::new(TaskId::new(name).unwrap())).collect();
        for n in 1..specs.len() {
            let on = specs[n - 1].id.clone();
            specs[n].dependencies.push(Dependency { on, kind: DependencyKind::Hard });
        }
        assert_eq!(cycle(&specs.iter().map(|spec| (&spec.id, spec)).collect()), None);
    }
}
