//! Opening a run, submitting its tasks, and sealing its graph.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use orkestra_runtime::{
    id::{RunId, TaskId},
    limits::PAYLOAD_INLINE_BYTES_MAX,
    machine::ReplyTo,
    protocol::{payload::Payload, task::TaskSpec},
};

use crate::task::{
    command::{Decision, Refusal, RefusalCode, Reply, TaskCommand},
    councils,
    event::TaskEvent,
    graph, locks,
    machine::TaskMachine,
    opening::RunOpening,
    people, redact,
    state::{Run, RunNo},
    votes,
};

/// How many dependencies one task may have.
const DEPENDENCIES_MAX: usize = 10_000;
/// The longest title and instructions, together, in bytes.
const TEXT_BYTES_MAX: usize = 64 * 1024;

impl TaskMachine {
    pub(super) fn decide_open(
        &self,
        to: ReplyTo,
        run: &RunId,
        opening: &RunOpening,
        out: &mut Decision,
    ) {
        let Some((_, found)) = self.durable.run_named(run) else {
            out.events.push(TaskEvent::RunOpened { run: run.clone(), opening: opening.clone() });
            return out.reply(to, Reply::Opened { existed: false, sealed: false });
        };
        let same = found.opening.scenario_hash == opening.scenario_hash
            && found.opening.input_hash == opening.input_hash
            && found.opening.stream == opening.stream;
        if same {
            return out.reply(to, Reply::Opened { existed: true, sealed: found.sealed });
        }
        let message = format!(
            "run {run:?} was opened with scenario {} and input {}, and now it is scenario {} and input {}",
            short(&found.opening.scenario_hash),
            short(&found.opening.input_hash),
            short(&opening.scenario_hash),
            short(&opening.input_hash),
        );
        out.refuse(to, RefusalCode::RunConflict, message);
    }

    pub(super) fn decide_submit(
        &self,
        to: ReplyTo,
        run: &RunId,
        tasks: &[Arc<TaskSpec>],
        out: &mut Decision,
    ) {
        let Some((no, found)) = self.durable.run_named(run) else {
            return Self::refuse_run(to, run, out);
        };
        match self.check_submission(found, tasks) {
            Err(refusal) => out.reply(to, Reply::Refused(refusal)),
            // In a stream a task is linked to what stands before it, at once.
            Ok(fresh) => {
                let order = if found.opening.stream {
                    graph::in_order(tasks, &fresh)
                } else {
                    fresh.into_iter().collect()
                };
                Self::submit_checked((to, no), tasks, &order, out);
            }
        }
    }

    /// Checks what is submitted as a whole, and answers which of it is not there yet.
    fn check_submission(
        &self,
        run: &Run,
        tasks: &[Arc<TaskSpec>],
    ) -> Result<BTreeSet<usize>, Refusal> {
        let mut fresh = BTreeSet::new();
        let mut names: BTreeMap<&TaskId, &TaskSpec> = BTreeMap::new();
        for (index, spec) in tasks.iter().enumerate() {
            check_bounds(spec)?;
            let before = names.insert(&spec.id, spec.as_ref());
            let known = run.tasks.get(&spec.id).and_then(|no| self.task(*no));
            let same = before.is_none_or(|before| before == spec.as_ref())
                && known.is_none_or(|known| known.spec == *spec);
            if !same {
                return Err(Refusal::new(
                    RefusalCode::TaskConflict,
                    format!(
                        "task {:?} was submitted before with something else: use another name",
                        spec.id
                    ),
                ));
            }
            if known.is_none() && before.is_none() {
                fresh.insert(index);
            }
        }
        if fresh.is_empty() {
            return Ok(fresh);
        }
        if run.ended.is_some() || run.sealed {
            let (code, what) = if run.ended.is_some() {
                (RefusalCode::RunEnded, "has ended")
            } else {
                (RefusalCode::RunSealed, "is sealed")
            };
            return Err(Refusal::new(
                code,
                format!("run {:?} {what} and takes no more tasks", run.id),
            ));
        }
        if run.opening.stream {
            check_references(run, &names)?;
            check_cycle(&names)?;
        }
        Ok(fresh)
    }

    fn submit_checked(
        (to, run): (ReplyTo, RunNo),
        tasks: &[Arc<TaskSpec>],
        fresh: &[usize],
        out: &mut Decision,
    ) {
        for index in fresh {
            if let Some(spec) = tasks.get(*index) {
                out.events.push(TaskEvent::Submitted { run, spec: Arc::clone(spec) });
            }
        }
        out.then.push(TaskCommand::Confirm(Submitted {
            to,
            run,
            names: tasks.iter().map(|spec| spec.id.clone()).collect(),
            known: (tasks.len() - fresh.len()) as u64,
        }));
        out.then.push(TaskCommand::Schedule);
    }

    pub(super) fn confirm(&self, submitted: &Submitted, out: &mut Decision) {
        let run = self.durable.runs.get(&submitted.run);
        let number = |name| run?.tasks.get(name).copied();
        let tasks = submitted.names.iter().filter_map(number).collect();
        out.reply(submitted.to, Reply::Submitted { tasks, known: submitted.known });
    }

    pub(super) fn decide_seal(&self, to: ReplyTo, run: &RunId, tasks: u64, out: &mut Decision) {
        let Some((no, found)) = self.durable.run_named(run) else {
            return Self::refuse_run(to, run, out);
        };
        if found.counts.total != tasks {
            let message = format!(
                "run {run:?} has {} tasks, and was to be sealed with {tasks}: submit what is missing",
                found.counts.total
            );
            return out.refuse(to, RefusalCode::CountMismatch, message);
        }
        if found.sealed {
            return out.reply(to, Reply::Sealed);
        }
        let specs: BTreeMap<&TaskId, &TaskSpec> = found
            .tasks
            .values()
            .filter_map(|no| self.task(*no))
            .map(|task| (&task.spec.id, task.spec.as_ref()))
            .collect();
        if let Err(refusal) = check_references(found, &specs).and_then(|()| check_cycle(&specs)) {
            return out.reply(to, Reply::Refused(refusal));
        }
        out.events.push(TaskEvent::RunSealed { run: no });
        out.reply(to, Reply::Sealed);
        out.then.push(TaskCommand::Schedule);
        out.then.push(TaskCommand::Sweep);
    }
}

/// A submission whose answer needs the numbers that its tasks are given when it is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    to: ReplyTo,
    run: RunNo,
    names: Vec<TaskId>,
    known: u64,
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

fn check_bounds(spec: &TaskSpec) -> Result<(), Refusal> {
    let fault = if spec.dependencies.len() > DEPENDENCIES_MAX {
        format!(
            "has {} dependencies, and at most {DEPENDENCIES_MAX} are allowed",
            spec.dependencies.len()
        )
    } else if spec.title.len() + spec.instructions.len() > TEXT_BYTES_MAX {
        format!("has a text of more than {TEXT_BYTES_MAX} bytes: put it into its input")
    } else if matches!(&spec.input, Payload::Inline(json) if json.as_str().len() > PAYLOAD_INLINE_BYTES_MAX)
    {
        format!(
            "has an input of more than {PAYLOAD_INLINE_BYTES_MAX} bytes in place: put it into a blob"
        )
    } else if let Some(fault) = redact::fault_of(spec) {
        fault
    } else if let Some(fault) = locks::fault_of(spec).or_else(|| votes::fault_of(spec)) {
        fault
    } else if let Some(fault) = councils::fault_of(spec) {
        fault
    } else if let Some(fault) = spec.ask.as_ref().and_then(|ask| people::check_ask(spec, ask)) {
        fault
    } else {
        return Ok(());
    };
    Err(Refusal::new(RefusalCode::Invalid, format!("task {:?} {fault}", spec.id)))
}

fn check_references(run: &Run, tasks: &BTreeMap<&TaskId, &TaskSpec>) -> Result<(), Refusal> {
    let Some((spec, how, name)) = dangling(tasks, |name| run.tasks.contains_key(name)) else {
        return Ok(());
    };
    Err(Refusal::new(
        RefusalCode::DependencyNotFound,
        format!("task {:?} {how} {name:?}, and run {:?} has no such task", spec.id, run.id),
    ))
}

/// A task that names one which is neither among these nor there already; how, and which.
fn dangling<'a>(
    tasks: &BTreeMap<&'a TaskId, &'a TaskSpec>,
    is_there: impl Fn(&TaskId) -> bool,
) -> Option<(&'a TaskSpec, &'static str, &'a TaskId)> {
    let mut named = tasks.values().flat_map(|spec| {
        let needs = spec.dependencies.iter().map(|dependency| ("depends on", &dependency.on));
        let parent = spec.parent.iter().map(|parent| ("has the parent", parent));
        needs.chain(parent).map(|(how, name)| (*spec, how, name))
    });
    named.find(|(_, _, name)| !tasks.contains_key(name) && !is_there(name))
}

/// What is wrong with tasks that are to be the whole of a run, if anything is: then they would not be
/// taken when their time comes.
pub(crate) fn fault_of_all(tasks: &[TaskSpec]) -> Option<String> {
    let mut names: BTreeMap<&TaskId, &TaskSpec> = BTreeMap::new();
    for spec in tasks {
        if let Err(refusal) = check_bounds(spec) {
            return Some(refusal.message);
        }
        if names.insert(&spec.id, spec).is_some() {
            return Some(format!("task {:?} is there twice", spec.id));
        }
    }
    if let Some((spec, how, name)) = dangling(&names, |_| false) {
        return Some(format!("task {:?} {how} {name:?}, which is not among them", spec.id));
    }
    check_cycle(&names).err().map(|refusal| refusal.message)
}

fn check_cycle(tasks: &BTreeMap<&TaskId, &TaskSpec>) -> Result<(), Refusal> {
    if tasks.values().all(|spec| spec.dependencies.is_empty() && spec.parent.is_none()) {
        return Ok(());
    }
    let Some(path) = graph::cycle(tasks) else { return Ok(()) };
    let path: Vec<&str> = path.iter().map(TaskId::as_str).collect();
    Err(Refusal::new(
        RefusalCode::CircularDependency,
        format!("these tasks wait for each other: {}", path.join(" → ")),
    ))
}
