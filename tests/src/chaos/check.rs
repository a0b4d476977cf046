//! What must hold in the end, judged from outside: by the books, the journals, and what the cluster
//! answers.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Duration,
};

use orkestra_coordinator::{
    client::Cluster,
    task::{Answer, Query},
};
use orkestra_runtime::{
    id::{RunId, TaskId},
    patience::patiently,
    protocol::payload::Payload,
};

use super::{
    books::{Call, Execution},
    story::Story,
    troubles::Killed,
};

/// How long an answer of the cluster is waited for in the end.
const ANSWER_WITHIN: Duration = Duration::from_mins(2);
/// How many findings of one kind are told.
const TOLD_MAX: usize = 5;

/// A task by its run and its name.
pub(super) type Name = (String, String);

/// What was found, and figures.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What must not be.
    pub(super) findings: Vec<String>,
    /// Acknowledged tasks that are not on record, or have no end.
    pub(super) lost: u64,
    /// Attempts that were carried out twice.
    pub(super) doubled: u64,
    /// How many attempts were carried out.
    pub(super) executions: u64,
    /// How many tasks were carried out more than once.
    pub(super) again: u64,
    /// How many attempts were carried out to their end and refused.
    pub(super) refused: u64,
}

impl Found {
    fn find(&mut self, kind: &str, all: &[String]) {
        if !all.is_empty() {
            let some = all[..all.len().min(TOLD_MAX)].join("; ");
            self.findings.push(format!("{} {kind}: {some}", all.len()));
        }
    }
}

/// Which tasks the client was told are taken, with the namespace of each run.
pub(super) fn acknowledged(calls: &[Call]) -> BTreeMap<String, (String, usize)> {
    let mut asked = HashMap::new();
    let mut taken = BTreeMap::new();
    for call in calls {
        match call {
            Call::Asks { namespace, run, tasks } => {
                asked.insert(run.clone(), (namespace.clone(), *tasks));
            }
            Call::Acknowledged { run } => {
                let known = asked.get(run).cloned();
                taken.extend(known.map(|known| (run.clone(), known)));
            }
            Call::Failed { .. } => {}
        }
    }
    taken
}

/// Holds the journals against what was acknowledged and what was carried out.
pub(super) fn judge(calls: &[Call], executions: &[Execution], stories: &[Story]) -> Found {
    let mut found = Found::default();
    let by_name: HashMap<Name, &Story> =
        stories.iter().map(|story| ((story.run.clone(), story.task.clone()), story)).collect();
    let (mut lost, mut unended, mut otherwise) = (Vec::new(), Vec::new(), Vec::new());
    for (run, (_, tasks)) in acknowledged(calls) {
        for task in 0..tasks {
            let name = (run.clone(), format!("t{task}"));
            match by_name.get(&name).map(|story| &story.ended) {
                None => lost.push(format!("{name:?}")),
                Some(None) => unended.push(format!("{:?}", by_name[&name])),
                Some(Some((how, _))) if how == "completed" => {}
                Some(Some((how, _))) => otherwise.push(format!("{name:?} {how}")),
            }
        }
    }
    found.lost = (lost.len() + unended.len()) as u64;
    found.find("acknowledged tasks are lost", &lost);
    found.find("acknowledged tasks have no end", &unended);
    found.find("tasks ended otherwise than completed", &otherwise);
    carried_out(executions, &by_name, &mut found);
    found
}

fn carried_out(executions: &[Execution], by_name: &HashMap<Name, &Story>, found: &mut Found) {
    let name = |line: &Execution| (line.run.clone(), line.task.clone());
    let mut begun: BTreeMap<(Name, u32), u64> = BTreeMap::new();
    let mut done = BTreeSet::new();
    for line in executions {
        if line.ended {
            done.insert((name(line), line.attempt));
        } else {
            *begun.entry((name(line), line.attempt)).or_default() += 1;
        }
    }
    let twice: Vec<String> = begun
        .iter()
        .filter(|(_, times)| **times > 1)
        .map(|(which, _)| format!("{which:?}"))
        .collect();
    found.doubled = twice.len() as u64;
    found.executions = begun.len() as u64;
    found.find("attempts were carried out twice", &twice);
    let never = begun.keys().filter(|(name, attempt)| {
        !by_name.get(name).is_some_and(|story| story.given.contains(attempt))
    });
    let never: Vec<String> = never.map(|which| format!("{which:?}")).collect();
    found.find("attempts were carried out and never given", &never);
    let mut without = Vec::new();
    for (name, story) in by_name {
        if let Some((how, Some(attempt))) = &story.ended
            && how == "completed"
            && !done.contains(&(name.clone(), *attempt))
        {
            without.push(format!("{name:?} {attempt}"));
        }
    }
    found.find("completed attempts were not carried out", &without);
    let mut times: BTreeMap<&Name, u64> = BTreeMap::new();
    for (name, _) in begun.keys() {
        *times.entry(name).or_default() += 1;
    }
    found.again = times.values().filter(|times| **times > 1).count() as u64;
    let accepted = |(name, attempt): &(Name, u32)| {
        let ended = by_name.get(name).and_then(|story| story.ended.as_ref());
        ended.is_some_and(|(_, of)| *of == Some(*attempt))
    };
    found.refused = done.iter().filter(|which| !accepted(which)).count() as u64;
}

/// Whether an attempt was begun twice: that must never be, whatever else is not known yet.
pub(super) fn is_doubled(executions: &[Execution]) -> bool {
    let mut begun = HashSet::new();
    let mut lines = executions.iter().filter(|line| !line.ended);
    !lines.all(|line| begun.insert((&line.run, &line.task, line.attempt)))
}

/// Plants a bug: the books lack the line that says how an accepted attempt ended.
pub(super) fn lose_a_line(executions: &mut Vec<Execution>, stories: &[Story]) {
    let accepted = stories.iter().find_map(|story| match &story.ended {
        Some((_, Some(attempt))) => Some((&story.run, &story.task, *attempt)),
        Some((_, None)) | None => None,
    });
    let is_it =
        |line: &Execution| line.ended && Some((&line.run, &line.task, line.attempt)) == accepted;
    executions.retain(|line| !is_it(line));
}

/// Asks the cluster about each run, and holds its answers against the journals.
pub(super) async fn answers(
    cluster: &Cluster,
    calls: &[Call],
    stories: &[Story],
) -> Result<Vec<String>, String> {
    let by_name: HashMap<(&str, &str), &Story> =
        stories.iter().map(|story| ((&*story.run, &*story.task), story)).collect();
    let mut wrong = Vec::new();
    for (run, (namespace, tasks)) in acknowledged(calls) {
        let id = RunId::new(&run).map_err(|error| error.to_string())?;
        let query = || Query::Tasks { run: id.clone(), limit: None };
        let answer = patiently("ask for tasks", || cluster.tasks_of(&namespace).query(query()));
        let answer = tokio::time::timeout(ANSWER_WITHIN, answer).await;
        let answer = answer.map_err(|_| format!("nobody says what the tasks of {run} are"))?;
        let answer =
            answer.map_err(|error| format!("the tasks of {run} are asked for: {error}"))?;
        let Answer::Tasks(views) = answer else { return Err("another answer".to_owned()) };
        if views.len() != tasks {
            wrong.push(format!("{run} is said to have {} tasks of {tasks}", views.len()));
        }
        for view in views {
            let story = by_name.get(&(&*run, view.id.as_str()));
            let ended = story.and_then(|story| story.ended.as_ref());
            let input: Option<u64> = match &view.input {
                Payload::Inline(json) => json.read().ok(),
                Payload::Blob { .. } | Payload::Sensitive { .. } => None,
            };
            let output: Option<(u64, u32)> = match &view.output {
                Some(Payload::Inline(json)) => json.read().ok(),
                _ => None,
            };
            let same = ended.is_some_and(|(how, attempt)| {
                view.state == *how
                    && *attempt == Some(view.attempt.0)
                    && output == input.map(|input| (input, view.attempt.0))
            });
            if !same {
                let (state, attempt) = (&view.state, view.attempt);
                wrong.push(format!("{run} {}: {state} {attempt:?} {output:?} {story:?}", view.id));
            }
        }
    }
    wrong.truncate(TOLD_MAX);
    Ok(wrong)
}

/// What the cluster says of a task that does not come to its end.
pub(super) async fn why_not(cluster: &Cluster, calls: &[Call], stories: &[Story]) -> String {
    let taken = acknowledged(calls);
    let open = |story: &&Story| story.ended.is_none() && taken.contains_key(&story.run);
    let Some(story) = stories.iter().find(open) else { return "all have ended".to_owned() };
    let (Ok(run), Ok(task)) = (RunId::new(&story.run), TaskId::new(&story.task)) else {
        return String::new();
    };
    let tasks = cluster.tasks_of(&taken[&story.run].0);
    let why = tasks.query(Query::Why(run, task)).await;
    let agents = tasks.query(Query::Agents).await;
    format!("{story:?} does not end: {why:?}; {agents:?}")
}

/// How long it took, after agents were killed, until what they were at was begun elsewhere, in
/// milliseconds, sorted.
pub(super) fn recoveries(killed: &[Killed], executions: &[Execution]) -> Vec<u64> {
    let mut by_task: HashMap<(&str, &str), Vec<&Execution>> = HashMap::new();
    for line in executions {
        by_task.entry((&line.run, &line.task)).or_default().push(line);
    }
    let mut spans = Vec::new();
    for lines in by_task.values() {
        for line in lines.iter().filter(|line| !line.ended) {
            let is_done = lines.iter().any(|other| other.ended && other.attempt == line.attempt);
            let kill = killed.iter().find(|killed| killed.process == line.process);
            let (Some(kill), false) = (kill, is_done) else { continue };
            let next = lines.iter().filter(|other| !other.ended && other.attempt > line.attempt);
            let next = next.map(|other| other.at).min();
            spans.extend(next.map(|at| at.saturating_sub(kill.at)));
        }
    }
    spans.sort_unstable();
    spans
}
