//! Tasks that are deliberations: when what they need has ended, a council is asked in place of an
//! attempt, and what it comes to is their result.
//!
//! As with votes, what is wanted of councils stands in a decision and what they say comes as a
//! command. A deliberation's name follows from the run, the task, and how often the task was begun
//! anew, so whoever leads next asks for the same one and finds it.

use orkestra_runtime::{
    id::TaskNo,
    protocol::{
        payload::{Json, Payload},
        task::{Failure, FailureKind, TaskSpec},
    },
};

use crate::{
    council::{DeliberationRequest, fault_of_request},
    task::{
        command::{Round, TaskCommand},
        event::{TaskEvent, Then},
        machine::TaskMachine,
        state::{Phase, Task},
    },
};

/// What tasks want of councils.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CouncilWish {
    /// A council is to deliberate; the same again finds it.
    Deliberate {
        /// Which task waits for it.
        task: TaskNo,
        /// About what.
        request: Box<DeliberationRequest>,
    },
    /// Nobody waits for the deliberation of a task any more.
    Withdraw {
        /// Which.
        task: TaskNo,
    },
}

/// What councils say to a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CouncilWord {
    /// Its deliberation is over; the composition finds out what it came to.
    Over {
        /// Which task.
        task: TaskNo,
        /// The number of the deliberation.
        no: u64,
    },
    /// Its deliberation is over, with something to show.
    Decided {
        /// Which task.
        task: TaskNo,
        /// What it came to.
        output: Json,
    },
    /// It cannot be held, or came to nothing.
    Refused {
        /// Which task.
        task: TaskNo,
        /// Why.
        why: String,
    },
}

/// What is wrong with the deliberation of a task, if anything is.
pub(super) fn fault_of(spec: &TaskSpec) -> Option<String> {
    let council = spec.council.as_ref()?;
    let is_more = spec.ask.is_some() || spec.vote.is_some() || spec.workspace.is_some();
    if is_more || spec.sensitive.any() {
        let fault = "is a deliberation: it asks nobody itself, is no vote, hides nothing and has \
                     no files";
        return Some(fault.to_owned());
    }
    let request: DeliberationRequest = match council.request.read() {
        Ok(request) => request,
        Err(error) => return Some(format!("is a deliberation that cannot be read: {error}")),
    };
    if !request.id.is_empty() || !request.namespace.is_empty() {
        let fault =
            "is a deliberation, whose id and namespace are those of the task: leave them out";
        return Some(fault.to_owned());
    }
    let fault = fault_of_request(&request)?;
    Some(format!("is a deliberation that cannot be held: {fault}"))
}

impl TaskMachine {
    /// Tasks that wait for a deliberation.
    pub(super) fn open_deliberations(&self) -> impl Iterator<Item = TaskNo> {
        let asked = self.durable.asked.iter().map(|(_, no)| *no);
        asked.filter(|no| self.task(*no).is_some_and(|task| task.spec.council.is_some()))
    }

    pub(super) fn council_wish(&self, no: TaskNo) -> Option<CouncilWish> {
        self.task(no).filter(|task| matches!(task.phase, Phase::Asked { .. }))?;
        let request = Box::new(self.deliberation_of(no)?);
        Some(CouncilWish::Deliberate { task: no, request })
    }

    /// What a task asks of a council.
    pub(crate) fn deliberation_of(&self, no: TaskNo) -> Option<DeliberationRequest> {
        let task = self.task(no)?;
        let mut request: DeliberationRequest = task.spec.council.as_ref()?.request.read().ok()?;
        let run = self.durable.runs.get(&task.run)?;
        request.namespace.clone_from(&run.opening.namespace);
        request.id = name(run.id.as_str(), (no, task));
        Some(request)
    }

    pub(super) fn decide_council(&self, word: &CouncilWord, round: &mut Round<'_>) {
        let (CouncilWord::Over { task: no, .. }
        | CouncilWord::Decided { task: no, .. }
        | CouncilWord::Refused { task: no, .. }) = word;
        let asked =
            |task: &&Task| matches!(task.phase, Phase::Asked { .. }) && task.spec.council.is_some();
        let Some(task) = self.task(*no).filter(asked) else { return };
        let attempt = task.attempt;
        let event = match word {
            CouncilWord::Over { .. } => return,
            CouncilWord::Decided { task, output } => {
                let output = Payload::Inline(output.clone());
                TaskEvent::Completed { task: *task, attempt, output, worked_ms: 0 }
            }
            CouncilWord::Refused { task, why } => {
                let failure = Failure::new(FailureKind::Error, why.clone()).for_good();
                let (task, then) = (*task, Then::Fail);
                TaskEvent::AttemptFailed { task, attempt, failure, then, worked_ms: 0 }
            }
        };
        self.record(event, round.out);
        round.out.then.push(TaskCommand::Sweep);
    }
}

/// The name of a deliberation: that of the run and the task where it can be one.
fn name(run: &str, (no, task): (TaskNo, &Task)) -> String {
    const NAME_BYTES_MAX: usize = 48;
    let plain = format!("{run}.{}", task.spec.id);
    let is_token = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let fits = plain.len() <= NAME_BYTES_MAX && plain.chars().all(is_token);
    let plain = if fits { plain } else { format!("task-{no}") };
    match task.attempt.0 {
        0 => plain,
        again => format!("{plain}.again{again}"),
    }
}
