//! What is sensitive: who may delete it and when, what was deleted, who looked at it.
//!
//! Promises: a deletion is on the record before a blob goes; what was deleted is never needed again
//! by what has yet to run; a blob that the record does not name, or names as deleted, is not named
//! by `TaskMachine::blobs_named`, so that whoever opens the folder next can finish a deletion that
//! was broken off.

use std::collections::BTreeSet;

use orkestra_runtime::{
    fabric::BlobName,
    id::{RunId, TaskId, TaskNo},
    machine::ReplyTo,
    protocol::{payload::Payload, task::TaskSpec},
    time::Wall,
};
use serde::{Deserialize, Serialize};

use crate::task::{
    command::{Decision, RefusalCode, Reply},
    event::TaskEvent,
    machine::TaskMachine,
    state::{Durable, Ending, Phase, Run, Task},
};

/// How many tasks one command redacts, so that a step stays small.
const REDACT_MAX: usize = 500;

/// Something of a task that can be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What it was given.
    Input,
    /// Its result.
    Output,
    /// What its attempts kept.
    Artifacts,
}

impl Part {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Artifacts => "artifacts",
        }
    }
}

/// What of a task was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redaction {
    /// When.
    pub at: Wall,
    /// By whom.
    pub by: String,
    /// What.
    pub what: Vec<Part>,
}

/// What can be done with what is sensitive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SensitiveCommand {
    /// Deletes it, of one task or of a whole run; a part at a time where that is much.
    Redact {
        /// Who asks.
        to: ReplyTo,
        /// The run.
        run: RunId,
        /// The task; none for all of them.
        task: Option<TaskId>,
        /// Who, for the record.
        by: String,
    },
    /// Records that somebody looks at it.
    Reveal {
        /// Who asks.
        to: ReplyTo,
        /// The run.
        run: RunId,
        /// The task.
        task: TaskId,
        /// Who, for the record.
        by: String,
    },
}

/// What is answered, once it is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SensitiveReply {
    /// On the record these are deleted: now they can be.
    Redacted {
        /// Of how many tasks more than before.
        tasks: u64,
        /// How many tasks are left: ask again.
        left: u64,
        /// Which blobs.
        blobs: Vec<BlobName>,
    },
    /// It is on the record that somebody looks.
    Revealed,
}

impl TaskMachine {
    pub(super) fn decide_sensitive(&self, command: &SensitiveCommand, out: &mut Decision) {
        match command {
            SensitiveCommand::Redact { to, run, task: Some(task), by } => {
                let Some((no, task)) = self.find(*to, run, task, out) else { return };
                match self.check_redaction(task) {
                    Some((code, why)) => out.refuse(*to, code, why),
                    None => self.redact_all(*to, run, (&[no], by), out),
                }
            }
            SensitiveCommand::Redact { to, run, task: None, by } => {
                let Some((_, found)) = self.durable.run_named(run) else {
                    return Self::refuse_run(*to, run, out);
                };
                if found.counts.ended() < found.counts.total {
                    let message = format!(
                        "run {run:?} has not ended, and may need what would be deleted: wait for \
                         it, or cancel it first"
                    );
                    return out.refuse(*to, RefusalCode::TaskState, message);
                }
                let tasks: Vec<TaskNo> = found.tasks.values().copied().collect();
                self.redact_all(*to, run, (&tasks, by), out);
            }
            SensitiveCommand::Reveal { to, run, task, by } => {
                let Some((no, task)) = self.find(*to, run, task, out) else { return };
                if let Some(deleted) = &task.redacted {
                    let why = told(&task.spec.id, deleted);
                    return out.refuse(*to, RefusalCode::TaskState, why);
                }
                out.events.push(TaskEvent::Revealed { task: no, by: by.clone() });
                out.reply(*to, Reply::Sensitive(SensitiveReply::Revealed));
            }
        }
    }

    /// Why a task cannot be redacted now.
    fn check_redaction(&self, task: &Task) -> Option<(RefusalCode, String)> {
        let id = &task.spec.id;
        if task.redacted.is_some() {
            return None;
        }
        if !task.has_ended() {
            let why = format!(
                "task {id:?} has not ended, and may need what would be deleted: wait for it, or \
                 cancel it first"
            );
            return Some((RefusalCode::TaskState, why));
        }
        if parts_of(task).is_empty() {
            let why = format!("task {id:?} keeps nothing that is sensitive");
            return Some((RefusalCode::Invalid, why));
        }
        let mut needed = task.dependents.iter().filter_map(|(no, _)| self.task(*no));
        let waiting = needed.find(|dependent| !dependent.has_ended())?;
        let why = format!(
            "task {:?} has not ended, and needs the result of {id:?}: wait for it, or cancel it \
             first",
            waiting.spec.id
        );
        Some((RefusalCode::TaskState, why))
    }

    /// Redacts the first of some tasks of a run, and names what can go with them.
    fn redact_all(
        &self,
        to: ReplyTo,
        run: &RunId,
        (tasks, by): (&[TaskNo], &str),
        out: &mut Decision,
    ) {
        let found = tasks.iter().filter_map(|no| Some((*no, self.task(*no)?)));
        let (mut blobs, mut before) = (Vec::new(), Vec::new());
        let (mut count, mut left) = (0, 0);
        for (no, task) in found {
            let what = parts_of(task);
            if what.is_empty() {
                continue;
            }
            if task.redacted.is_some() {
                before.extend(sealed_of(task).cloned());
            } else if count == REDACT_MAX {
                left += 1;
            } else {
                count += 1;
                out.events.push(TaskEvent::Redacted { task: no, by: by.to_owned(), what });
                blobs.extend(sealed_of(task).cloned());
            }
        }
        if count == 0 {
            // Who asks again does so because the deletion may have been broken off.
            blobs.append(&mut before);
        }
        let open = |no: &TaskNo| {
            let is_open = |task: &Task| task.redacted.is_none() && !parts_of(task).is_empty();
            !tasks.contains(no) && self.task(*no).is_some_and(is_open)
        };
        if let Some((_, run)) = self.durable.run_named(run)
            && left == 0
            && run.counts.ended() == run.counts.total
            && !run.tasks.values().any(open)
        {
            blobs.extend(run.opening.input_key.clone());
        }
        let tasks = count as u64;
        out.reply(to, Reply::Sensitive(SensitiveReply::Redacted { tasks, left, blobs }));
    }

    /// Why a task cannot be tried again: what it needs was deleted.
    pub(super) fn why_not_again(&self, task: &Task) -> Option<String> {
        if let Some(deleted) = &task.redacted
            && deleted.what.contains(&Part::Input)
        {
            let why = told(&task.spec.id, deleted);
            return Some(format!("{why}: it cannot be tried again"));
        }
        let run = self.durable.runs.get(&task.run)?;
        task.spec.dependencies.iter().find_map(|dependency| {
            let on = self.task(*run.tasks.get(&dependency.on)?)?;
            let deleted = on.redacted.as_ref()?;
            deleted.what.contains(&Part::Output).then(|| {
                let why = told(&on.spec.id, deleted);
                format!("{why}: task {:?}, which needs it, cannot be tried again", task.spec.id)
            })
        })
    }

    /// Every blob that somebody may still ask for, sealed or not.
    pub(super) fn blobs_named(&self) -> BTreeSet<BlobName> {
        let mut named = BTreeSet::new();
        for task in self.durable.tasks.values() {
            let is_redacted = task.redacted.is_some();
            let payloads = [Some(&task.spec.input), output_of(task)];
            let payloads = payloads.into_iter().flatten();
            let kept = payloads.filter(|payload| !(is_redacted && payload.is_sensitive()));
            named.extend(kept.filter_map(Payload::blob).cloned());
            if !(is_redacted && task.spec.sensitive.any()) {
                named.extend(task.artifacts.iter().map(|artifact| artifact.blob.clone()));
            }
        }
        let keys = self.durable.runs.values().filter(|run| self.needs_key(run));
        named.extend(keys.filter_map(|run| run.opening.input_key.clone()));
        let shipped = self.durable.runs.values().flat_map(|run| &run.opening.shipped);
        named.extend(shipped.map(|shipped| shipped.blob.clone()));
        named
    }

    /// Every blob that was deleted on purpose, or may be since its run keeps nothing sensitive.
    pub(crate) fn blobs_redacted(&self) -> BTreeSet<BlobName> {
        let redacted = self.durable.tasks.values().filter(|task| task.redacted.is_some());
        let mut blobs: BTreeSet<BlobName> = redacted.flat_map(sealed_of).cloned().collect();
        let runs = self.durable.runs.values().filter(|run| !self.needs_key(run));
        blobs.extend(runs.filter_map(|run| run.opening.input_key.clone()));
        blobs
    }

    /// Whether a run may go on, or keeps something that its key belongs to.
    fn needs_key(&self, run: &Run) -> bool {
        let mut tasks = run.tasks.values().filter_map(|no| self.task(*no));
        let is_open = |task: &Task| task.redacted.is_none() && !parts_of(task).is_empty();
        run.counts.ended() < run.counts.total || run.tasks.is_empty() || tasks.any(is_open)
    }
}

impl Durable {
    pub(super) fn redact(&mut self, task: TaskNo, at: Wall, by: &str, what: &[Part]) {
        if let Some(task) = self.tasks.get_mut(&task) {
            let what = what.to_vec();
            task.redacted = Some(Redaction { at, by: by.to_owned(), what });
        }
    }
}

/// That something was deleted, for people.
pub(crate) fn told(task: &TaskId, deleted: &Redaction) -> String {
    let Redaction { at, by, .. } = deleted;
    format!("what is sensitive in task {task:?} was deleted at {at} by {by}")
}

/// What is wrong with how a task that is submitted says what is sensitive, after its name.
pub(super) fn fault_of(spec: &TaskSpec) -> Option<String> {
    let fault = match (spec.sensitive.input, spec.input.is_sensitive()) {
        (true, false) => "has a sensitive input that is not in a sealed blob",
        (false, true) => "has an input in a sealed blob, and does not say that it is sensitive",
        _ if spec.sensitive.any() && spec.ask.is_some() => {
            "asks people, who cannot be asked or answer in secret"
        }
        _ => return None,
    };
    Some(fault.to_owned())
}

const fn output_of(task: &Task) -> Option<&Payload> {
    match &task.phase {
        Phase::Ended { ending: Ending::Completed(output), .. } => Some(output),
        _ => None,
    }
}

/// What of a task is sensitive, deleted or not.
fn parts_of(task: &Task) -> Vec<Part> {
    let has_output = output_of(task).is_some_and(Payload::is_sensitive);
    let has_artifacts = task.spec.sensitive.any() && !task.artifacts.is_empty();
    let parts = [
        (Part::Input, task.spec.input.is_sensitive()),
        (Part::Output, has_output),
        (Part::Artifacts, has_artifacts),
    ];
    parts.into_iter().filter(|(_, is_there)| *is_there).map(|(part, _)| part).collect()
}

/// The blobs of what is sensitive.
fn sealed_of(task: &Task) -> impl Iterator<Item = &BlobName> {
    let payloads = [Some(&task.spec.input), output_of(task)].into_iter().flatten();
    let payloads = payloads.filter(|payload| payload.is_sensitive()).filter_map(Payload::blob);
    let artifacts = task.artifacts.iter().filter(|_| task.spec.sensitive.any());
    payloads.chain(artifacts.map(|artifact| &artifact.blob))
}
