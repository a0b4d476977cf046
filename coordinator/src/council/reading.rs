//! Reads what the tasks of a deliberation have come to.

use orkestra_runtime::{
    id::TaskId,
    protocol::{
        council::{ChecksFound, DryRunFound, content_of},
        payload::{Json, Payload},
    },
    time::Wall,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    event::{Out, Step, StepRole, Version},
    state::{Deliberation, Stage},
    view::Phase,
};
use crate::task::{Ending, Phase as TaskPhase, Task, TaskMachine};

/// How a step stands.
pub(super) enum Stands<'a> {
    /// It goes on.
    Open,
    /// It was answered.
    Answered(&'a Payload),
    /// It was not, for this reason.
    Unanswered(String),
}

impl Stands<'_> {
    pub(super) const fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }
}

/// A deliberation with the tasks that work on it.
#[derive(Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) found: &'a Deliberation,
    pub(super) tasks: &'a TaskMachine,
}

/// Where proposals stand once what has ended of the last stage is read.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// By seat.
    pub(super) versions: Vec<Version>,
    pub(super) out: Vec<Out>,
    pub(super) remarks: Vec<String>,
}

/// A critique of one proposal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Critique {
    /// The task whose result is criticised; empty: whatever was to be criticised.
    pub(super) of: String,
    pub(super) text: String,
    pub(super) approves: bool,
}

/// What a critic says.
#[derive(Deserialize)]
struct Critiques {
    critiques: Vec<Critique>,
}

impl<'a> Sight<'a> {
    pub(super) fn task(&self, id: &TaskId) -> Option<&'a Task> {
        self.tasks.task_called(&self.found.opening.run, id)
    }

    pub(super) fn stands(&self, id: &TaskId) -> Stands<'a> {
        let Some(task) = self.task(id) else {
            return Stands::Unanswered("its task is gone".to_owned());
        };
        match &task.phase {
            TaskPhase::Ended { ending: Ending::Completed(output), .. } => Stands::Answered(output),
            TaskPhase::Ended { ending: Ending::Failed(reason), .. } => {
                let last = task.last_failure.as_ref().map(|failure| failure.message.as_str());
                let why =
                    last.map_or_else(|| reason.to_string(), |last| format!("{reason}: {last}"));
                Stands::Unanswered(super::shortened(&why))
            }
            TaskPhase::Ended { ending: Ending::Cancelled(reason), .. } => {
                Stands::Unanswered(format!("cancelled {reason}"))
            }
            TaskPhase::Held
            | TaskPhase::Waiting { .. }
            | TaskPhase::Ready { .. }
            | TaskPhase::Retrying { .. }
            | TaskPhase::Assigned { .. }
            | TaskPhase::Asked { .. } => Stands::Open,
        }
    }

    /// When a task ended.
    pub(super) fn ended_at(&self, id: &TaskId) -> Option<Wall> {
        match self.task(id)?.phase {
            TaskPhase::Ended { at, .. } => Some(at),
            _ => None,
        }
    }

    /// The answer of a task, where it stands in place.
    pub(super) fn answer(&self, id: &TaskId) -> Option<&'a Json> {
        match self.stands(id) {
            Stands::Answered(Payload::Inline(json)) => Some(json),
            Stands::Answered(_) | Stands::Open | Stands::Unanswered(_) => None,
        }
    }

    /// The text of a version; where it does not stand in place, or is gone, that is said instead.
    pub(super) fn content(&self, id: &TaskId) -> String {
        match self.stands(id) {
            Stands::Answered(Payload::Inline(json)) => content_of(json).unwrap_or_default(),
            Stands::Answered(Payload::Blob { name, bytes }) => {
                format!("({bytes} bytes, too long to be shown here: blob {name})")
            }
            Stands::Answered(Payload::Sensitive { .. }) => "(sensitive)".to_owned(),
            Stands::Open => String::new(),
            Stands::Unanswered(why) => format!("({why})"),
        }
    }

    pub(super) fn last_stage(&self) -> Option<&'a Stage> {
        self.found.stages.last()
    }

    pub(super) fn has_open_steps(&self) -> bool {
        let steps = self.last_stage().map(|stage| &stage.steps);
        steps.into_iter().flatten().any(|step| self.stands(&step.task).is_open())
    }

    /// Where proposals stand now; of what goes on still nothing is said.
    pub(super) fn standing(&self) -> Standing {
        let mut standing = Standing::default();
        let before = self.found.proposals.iter();
        standing.versions =
            before.map(|one| Version { seat: one.seat, task: one.task.clone() }).collect();
        let Some(stage) = self.last_stage() else { return standing };
        for step in &stage.steps {
            match (step.role, self.stands(&step.task)) {
                (StepRole::Draft, stands) if !stands.is_open() => {
                    Self::read_draft(step, &stands, &mut standing);
                }
                (StepRole::Revise, stands) if !stands.is_open() => {
                    self.read_revision(step, &stands, &mut standing);
                }
                (_, Stands::Unanswered(why)) => {
                    standing.remarks.push(format!("{} came to nothing: {why}", step.task));
                }
                (_, Stands::Answered(_) | Stands::Open) => {}
            }
        }
        standing
    }

    fn read_draft(step: &Step, stands: &Stands<'_>, standing: &mut Standing) {
        let (seat, task) = (step.seat, step.task.clone());
        match read_proposal(stands) {
            Ok(()) => {
                standing.versions.push(Version { seat, task });
                standing.versions.sort_unstable_by_key(|version| version.seat);
            }
            Err(why) => standing.out.push(Out { seat, why }),
        }
    }

    fn read_revision(&self, step: &Step, stands: &Stands<'_>, standing: &mut Standing) {
        let version = standing.versions.iter_mut().find(|version| version.seat == step.seat);
        let Some(version) = version else { return };
        match read_proposal(stands) {
            Ok(()) => version.task = step.task.clone(),
            Err(why) => standing.remarks.push(format!(
                "{} did not revise its proposal, which stays as it was: {why}",
                self.found.name(step.seat)
            )),
        }
    }

    /// What critics said of a version in the last stage: who, and what.
    pub(super) fn critiques_of(
        &self,
        stage: &Stage,
        seat: u32,
        version: &TaskId,
    ) -> Vec<(u32, Critique)> {
        let about = stage.steps.iter().filter(|step| step.of.contains(&seat));
        let said = about.filter_map(|step| {
            let said = critiques(self.answer(&step.task)?);
            let of = |one: &Critique| one.of.is_empty() || one.of == version.as_str();
            Some((step.seat, said.into_iter().find(of)?))
        });
        said.collect()
    }

    /// What the check of a proposal found; none while it goes on, or where nobody checks.
    pub(super) fn found_by(&self, role: StepRole, seat: u32) -> Option<Stands<'a>> {
        let stages = self.found.stages.iter().filter(|stage| stage.phase == Phase::Checking);
        let mut steps = stages.flat_map(|stage| &stage.steps);
        let step = steps.find(|step| step.role == role && step.seat == seat)?;
        Some(self.stands(&step.task))
    }
}

/// Whether an answer is a proposal; else why not.
fn read_proposal(stands: &Stands<'_>) -> Result<(), String> {
    match stands {
        Stands::Answered(Payload::Inline(json)) => match content_of(json) {
            Some(_) => Ok(()),
            None => Err("its answer is no text, and has no \"content\" that is one".to_owned()),
        },
        // It is one, though too long to be checked.
        Stands::Answered(Payload::Blob { .. }) => Ok(()),
        Stands::Answered(Payload::Sensitive { .. }) => Err("its answer is sensitive".to_owned()),
        Stands::Open => Err("it had not answered".to_owned()),
        Stands::Unanswered(why) => Err(why.clone()),
    }
}

/// What a critic says: a text, one critique, or one for each.
pub(super) fn critiques(said: &Json) -> Vec<Critique> {
    match said.read::<Value>() {
        Ok(Value::String(text)) => vec![Critique { text, ..Critique::default() }],
        Ok(value) if value.get("critiques").is_some() => serde_json::from_value::<Critiques>(value)
            .map(|said| said.critiques)
            .unwrap_or_default(),
        Ok(value @ Value::Object(_)) => serde_json::from_value(value).into_iter().collect(),
        Ok(_) | Err(_) => Vec::new(),
    }
}

/// What whoever checks by the text answered; else why that says nothing.
pub(super) fn checked(stands: &Stands<'_>) -> Result<ChecksFound, String> {
    read_found(stands)
}

/// What whoever tried it out answered; else why that says nothing.
pub(super) fn tried(stands: &Stands<'_>) -> Result<DryRunFound, String> {
    let found: DryRunFound = read_found(stands)?;
    if found.exit_code.is_none() {
        return Err("the validator did not say how it ended (\"exit_code\")".to_owned());
    }
    Ok(found)
}

fn read_found<T: serde::de::DeserializeOwned>(stands: &Stands<'_>) -> Result<T, String> {
    match stands {
        Stands::Answered(Payload::Inline(json)) => {
            json.read().map_err(|error| format!("what was found cannot be read: {error}"))
        }
        Stands::Answered(_) => Err("what was found is too long to be read".to_owned()),
        Stands::Open => Err("not checked in time".to_owned()),
        Stands::Unanswered(why) => Err(format!("could not be checked: {why}")),
    }
}
