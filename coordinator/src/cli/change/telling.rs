//! What came of a change, for people: what happened, and what to do next.

use crate::door::{Changed, Decided, Stands};

pub(super) fn changed(changed: &Changed) -> String {
    let Changed { change, run, task, tasks, open, scenario, pid, cluster } = changed;
    let what = match (task, tasks.saturating_sub(1)) {
        (Some(task), 0) => format!("task {task} of run {run} is {change}"),
        (Some(task), 1) => format!("task {task} of run {run} is {change}, and one task with it"),
        (Some(task), more) => {
            format!("task {task} of run {run} is {change}, and {more} tasks with it")
        }
        (None, 0) => format!("run {run} is {change}, with one task"),
        (None, _) => format!("run {run} is {change}, with {tasks} tasks"),
    };
    let (left, them) = match open {
        0 => {
            let next = "every task of the run has ended: `orkestra task list` shows how";
            return format!("{what}\n{next}");
        }
        1 => ("one task of the run has not ended".to_owned(), "it"),
        open => (format!("{open} tasks of the run have not ended"), "them"),
    };
    if let Some(cluster) = cluster {
        return format!("{what}\n{left}: cluster {cluster} goes on with what its agents can do");
    }
    match pid {
        Some(pid) => format!(
            "{what}\n{left}: process {pid}, which is at work, goes on with what its agents can do"
        ),
        None => format!(
            "{what}\n{left}: `orkestra run …` with the file of scenario {scenario} goes on with \
             {them}"
        ),
    }
}

pub(super) fn decided(decided: &Decided) -> String {
    let Decided { decision, run, task, by, settled, open, pid, cluster } = decided;
    let what = format!("task {task} of run {run} is {decision} by {by}");
    let next = match (settled, pid) {
        (false, _) => "that did not settle it: `orkestra task pending` shows who is asked still",
        (true, _) if *open == 0 => {
            "that settled it, and every task of the run has ended: `orkestra task list` shows how"
        }
        (true, Some(_)) => "that settled it, and the run goes on",
        (true, None) if cluster.is_some() => "that settled it, and the run goes on",
        (true, None) => "that settled it: `orkestra run …` with the file of its scenario goes on",
    };
    format!("{what}\n{next}")
}

pub(super) fn stands(stands: &Stands) -> String {
    let Stands { change, run, namespace, agent, changed, pid, cluster } = stands;
    let what = match (run, namespace, agent) {
        (Some(run), _, _) => format!("run {run}"),
        (_, _, Some(agent)) => format!("agent {agent}"),
        (_, Some(name), _) if !name.is_empty() => format!("namespace {name}"),
        _ => "the default namespace".to_owned(),
    };
    if !changed {
        return match change.as_str() {
            "resumed" => format!("{what} was not paused: nothing was changed"),
            "returned" => format!("{what} was not drained: nothing was changed"),
            change => format!("{what} was {change} before: nothing was changed"),
        };
    }
    let again = match (run, namespace) {
        (Some(run), _) => format!("orkestra resume --run {run}"),
        (_, Some(name)) if !name.is_empty() => format!("orkestra resume --namespace {name}"),
        _ => "orkestra resume".to_owned(),
    };
    let next = match (change.as_str(), pid) {
        ("paused", None) if cluster.is_none() => {
            &format!("nothing of it is given out until `{again}`")
        }
        ("paused", _) => {
            &format!("what is under way goes on, and nothing more is given out until `{again}`")
        }
        ("drained", _) => "it finishes what it holds, and is given no more",
        ("returned", _) => return format!("{what} is given work again"),
        (_, Some(_)) => "the process that is at work goes on with it",
        (_, None) if cluster.is_some() => "the cluster goes on with it",
        (_, None) => "`orkestra run …` with the file of its scenario goes on with it",
    };
    format!("{what} is {change}\n{next}")
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::id::{AgentId, RunId, TaskId};

    use super::*;

    #[test]
    fn what_a_word_came_to_is_told_with_what_is_next() {
        let mut word = Decided {
            decision: "approved".to_owned(),
            run: RunId::new("r-1").unwrap(),
            task: TaskId::new("gate").unwrap(),
            by: AgentId::new("ada").unwrap(),
            settled: false,
            open: 1,
            pid: Some(7),
            cluster: None,
        };
        assert_eq!(
            decided(&word),
            "task gate of run r-1 is approved by ada\n\
             that did not settle it: `orkestra task pending` shows who is asked still"
        );
        word.settled = true;
        assert!(decided(&word).ends_with("and the run goes on"));
        word.pid = None;
        assert!(decided(&word).ends_with("with the file of its scenario goes on"));
        word.open = 0;
        assert!(decided(&word).ends_with("has ended: `orkestra task list` shows how"));
    }

    #[test]
    fn what_stands_is_told_by_its_name_and_whether_it_did_before() {
        let mut it = Stands {
            change: "paused".to_owned(),
            run: None,
            namespace: Some(String::new()),
            agent: None,
            changed: true,
            pid: None,
            cluster: None,
        };
        assert_eq!(
            stands(&it),
            "the default namespace is paused\nnothing of it is given out until `orkestra resume`"
        );
        it.run = Some(RunId::new("r-1").unwrap());
        assert_eq!(
            stands(&it),
            "run r-1 is paused\nnothing of it is given out until `orkestra resume --run r-1`"
        );
        (it.run, it.pid) = (None, Some(7));
        it.namespace = Some("team".to_owned());
        assert!(stands(&it).ends_with("given out until `orkestra resume --namespace team`"));
        it.changed = false;
        assert_eq!(stands(&it), "namespace team was paused before: nothing was changed");
        (it.namespace, it.agent) = (None, Some(AgentId::new("ada").unwrap()));
        it.change = "returned".to_owned();
        assert_eq!(stands(&it), "agent ada was not drained: nothing was changed");
        it.changed = true;
        assert_eq!(stands(&it), "agent ada is given work again");
    }
}
