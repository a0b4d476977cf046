//! Tasks that are votes: when what they need has ended, a vote is opened in place of an attempt, and
//! what it comes to is their result.
//!
//! The votes belong to another machine. What is wanted of it stands in a decision, what it says comes
//! as a command, and the composition carries both, as with locks. A vote's name follows from the run,
//! the task, and how often the task was begun anew, so whoever leads next asks for the same vote and
//! finds it; the ballots of voters that are tasks are read from their results each time, and the same
//! again is the same ballot.

use std::{collections::BTreeSet, time::Duration};

use orkestra_runtime::{
    id::{RunId, TaskId, TaskNo, VoteId, VoterId},
    protocol::{
        payload::{Json, Payload},
        task::{Failure, FailureKind, Outcome, TaskSpec},
        vote::{TaskVote, TaskVoter},
    },
    time::{Moment, Now},
};
use serde_json::{Value, json};

use crate::{
    committee::{Ballot, Content, Proposal},
    task::{
        command::{Decision, Round, TaskCommand},
        event::{TaskEvent, Then},
        machine::TaskMachine,
        state::{Ending, Phase, Task},
        submit::fault_of_all,
    },
};

/// How many votes one command asks for, so that a step stays small.
const OPENED_MAX: usize = 4;
/// How often an open vote is asked for again, in case a word was lost.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// What tasks want of whoever holds votes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VoteWish {
    /// A vote is to be opened; the same again finds it.
    Open {
        /// Which task waits for it.
        task: TaskNo,
        /// What it is called.
        vote: VoteId,
        /// What people call the task.
        title: String,
        /// Whose run the task is in: what follows from the vote is theirs.
        namespace: String,
        /// What it is.
        spec: Box<TaskVote>,
        /// What the voters say that are tasks; else why they say nothing.
        ballots: Vec<(TaskId, Result<Json, String>)>,
    },
    /// Nobody waits for the vote of a task any more.
    Withdraw {
        /// Which.
        task: TaskNo,
    },
}

/// What whoever holds votes says to a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VoteWord {
    /// Its vote is decided.
    Decided {
        /// Which task.
        task: TaskNo,
        /// What it came to.
        output: Json,
    },
    /// Its vote cannot be held.
    Refused {
        /// Which task.
        task: TaskNo,
        /// Why.
        why: String,
    },
}

/// Votes that are to be opened: not durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct VoteLine {
    wanting: BTreeSet<TaskNo>,
    /// Those that are asked for by the command that runs.
    asking: Vec<TaskNo>,
    /// When all are asked for again.
    look: Option<Moment>,
}

impl VoteLine {
    pub(super) fn want(&mut self, no: TaskNo) {
        self.wanting.insert(no);
    }

    /// When votes are to be asked for.
    pub(super) fn due(&self, now: Moment) -> Option<Moment> {
        if self.wanting.is_empty() { self.look } else { Some(now) }
    }
}

/// What is wrong with the vote of a task, if anything is.
pub(super) fn fault_of(spec: &TaskSpec) -> Option<String> {
    let vote = spec.vote.as_ref()?;
    if spec.ask.is_some() || spec.sensitive.any() || spec.workspace.is_some() {
        return Some("is a vote: it asks nobody itself, hides nothing and has no files".to_owned());
    }
    let needs = |task: &TaskId| spec.dependencies.iter().any(|need| need.on == *task);
    if let Some(voter) = vote.voters.iter().find(|voter| !needs(&voter.task)) {
        let task = &voter.task;
        return Some(format!("takes the ballot of task {task:?}, and does not depend on it"));
    }
    let name = VoteId::new("a-vote").ok()?;
    let read = proposal(&name, &spec.title, vote);
    let proposal = match read {
        Ok(proposal) => proposal,
        Err(why) => return Some(format!("is a vote that cannot be held: {why}")),
    };
    for then in [&proposal.then.passed, &proposal.then.failed] {
        if let Some(fault) = fault_of_all(then) {
            return Some(format!("is a vote, and of what follows from it {fault}"));
        }
    }
    let fault = proposal.fault()?;
    Some(format!("is a vote that cannot be held: {fault}"))
}

impl TaskMachine {
    /// Before the command: chooses what is asked for by it.
    pub(super) fn plan_votes(&mut self, now: Now) {
        let open: Vec<TaskNo> = self.decided_elsewhere().collect();
        let line = &mut self.live.votes;
        if line.look.is_some_and(|at| at <= now.moment) {
            line.wanting.extend(open.iter().copied());
        }
        line.look = (!open.is_empty()).then(|| now.moment + LOOK_EVERY);
        line.asking.clear();
        while line.asking.len() < OPENED_MAX
            && let Some(no) = line.wanting.pop_first()
        {
            line.asking.push(no);
        }
    }

    /// Tasks that wait for a vote.
    pub(super) fn open_votes(&self) -> impl Iterator<Item = TaskNo> {
        let asked = self.durable.asked.iter().map(|(_, no)| *no);
        asked.filter(|no| self.task(*no).is_some_and(|task| task.spec.vote.is_some()))
    }

    /// Tasks that wait for a vote or a deliberation.
    pub(super) fn decided_elsewhere(&self) -> impl Iterator<Item = TaskNo> {
        let asked = self.durable.asked.iter().map(|(_, no)| *no);
        asked.filter(|no| self.task(*no).is_some_and(|task| task.spec.is_decided_elsewhere()))
    }

    pub(super) fn decide_votes(&self, out: &mut Decision) {
        for no in &self.live.votes.asking {
            out.votes.extend(self.wish(*no));
            out.councils.extend(self.council_wish(*no));
        }
    }

    fn wish(&self, no: TaskNo) -> Option<VoteWish> {
        let task = self.task(no).filter(|task| matches!(task.phase, Phase::Asked { .. }))?;
        let spec = task.spec.vote.clone()?;
        let run = self.durable.runs.get(&task.run)?;
        let ballot = |task: &TaskId, pointer: &str| {
            let found = run.tasks.get(task).and_then(|no| self.task(*no));
            let Some(found) = found else { return Err("its task is gone".to_owned()) };
            said_at(found, pointer)
        };
        let ballots = spec.voters.iter().map(|voter| {
            let said = ballot(&voter.task, &voter.pointer);
            (voter.task.clone(), said)
        });
        let ballots = ballots.collect();
        let (title, namespace) = (task.spec.title.clone(), run.opening.namespace.clone());
        Some(VoteWish::Open { task: no, vote: self.vote_of(no)?, title, namespace, spec, ballots })
    }

    /// What the vote of a task is called.
    pub(crate) fn vote_of(&self, no: TaskNo) -> Option<VoteId> {
        let task = self.task(no).filter(|task| task.spec.vote.is_some())?;
        let run = self.durable.runs.get(&task.run)?;
        name(&run.id, (no, task))
    }

    pub(super) fn decide_vote(&self, word: &VoteWord, round: &mut Round<'_>) {
        let (VoteWord::Decided { task: no, .. } | VoteWord::Refused { task: no, .. }) = word;
        let asked =
            |task: &&Task| matches!(task.phase, Phase::Asked { .. }) && task.spec.vote.is_some();
        let Some(task) = self.task(*no).filter(asked) else { return };
        let attempt = task.attempt;
        let event = match word {
            VoteWord::Decided { task, output } => {
                let output = Payload::Inline(output.clone());
                TaskEvent::Completed { task: *task, attempt, output, worked_ms: 0 }
            }
            VoteWord::Refused { task, why } => {
                let why = format!("the vote cannot be held: {why}");
                let failure = Failure::new(FailureKind::Error, why).for_good();
                let (task, then) = (*task, Then::Fail);
                TaskEvent::AttemptFailed { task, attempt, failure, then, worked_ms: 0 }
            }
        };
        self.record(event, round.out);
        round.out.then.push(TaskCommand::Sweep);
    }
}

/// What the failure of an attempt begins with whose outcome was to be a ballot and is none.
const NO_BALLOT: &str = "its outcome is no ballot for task";

impl TaskMachine {
    /// Why a voter is to be asked again: what it answered is no ballot, and it was not asked again
    /// before. The second such answer stands, and the voter is absent; as is one whose attempts are
    /// used up.
    pub(super) fn no_ballot(&self, task: &Task, outcome: &Outcome) -> Option<Failure> {
        let Outcome::Completed(Payload::Inline(output)) = outcome else { return None };
        let was_asked_again = task.last_failure.as_ref().is_some_and(|failure| {
            failure.kind == FailureKind::BadOutput && failure.message.starts_with(NO_BALLOT)
        });
        if was_asked_again || task.failures + 1 >= self.settings.poison_after {
            return None;
        }
        let of_votes = task.dependents.iter().filter_map(|(no, _)| self.task(*no));
        let mut faults = of_votes.filter_map(|of| {
            let vote = of.spec.vote.as_deref()?;
            let voter = vote.voters.iter().find(|voter| voter.task == task.spec.id)?;
            let why = readable(output, voter, vote).err()?;
            Some(Failure::new(
                FailureKind::BadOutput,
                format!("{NO_BALLOT} {:?}: {why}", of.spec.id),
            ))
        });
        faults.next()
    }
}

/// Whether an output holds a ballot that its vote can count; else why not.
fn readable(output: &Json, voter: &TaskVoter, vote: &TaskVote) -> Result<(), String> {
    let ballot = ballot(&said_in(output, &voter.pointer)?)?;
    let name = VoteId::new("a-vote").map_err(|error| error.to_string())?;
    let read = proposal(&name, "", vote)?.read(&ballot);
    read.map(drop).map_err(|fault| fault.to_string())
}

/// The name of a vote: short enough that later rounds of it have names too.
fn name(run: &RunId, (no, task): (TaskNo, &Task)) -> Option<VoteId> {
    const NAME_BYTES_MAX: usize = 100;
    let plain = format!("{run}.{}", task.spec.id);
    let plain = if plain.len() > NAME_BYTES_MAX { format!("task-{no}") } else { plain };
    let again = match task.attempt.0 {
        0 => plain,
        again => format!("{plain}.again{again}"),
    };
    VoteId::new(again).ok()
}

/// What an ended task says at a place of its output; else why it says nothing.
fn said_at(task: &Task, pointer: &str) -> Result<Json, String> {
    let output = match &task.phase {
        Phase::Ended { ending: Ending::Completed(Payload::Inline(json)), .. } => json,
        Phase::Ended { ending: Ending::Completed(_), .. } => {
            return Err("its result is too long to be read as a ballot".to_owned());
        }
        Phase::Ended { ending: Ending::Failed(reason), .. } => {
            return Err(format!("its task failed: {reason}"));
        }
        Phase::Ended { ending: Ending::Cancelled(reason), .. } => {
            return Err(format!("its task was cancelled: {reason}"));
        }
        Phase::Held
        | Phase::Waiting { .. }
        | Phase::Ready { .. }
        | Phase::Retrying { .. }
        | Phase::Assigned { .. }
        | Phase::Asked { .. } => return Err("its task has not ended".to_owned()),
    };
    said_in(output, pointer)
}

/// What stands at a place of an output; else why nothing does.
fn said_in(output: &Json, pointer: &str) -> Result<Json, String> {
    let read = output.read::<Value>().map_err(|error| error.to_string())?;
    let found = read.pointer(pointer).filter(|said| !said.is_null());
    let Some(said) = found else { return Err(format!("its result says nothing at {pointer:?}")) };
    Json::of(said).map_err(|error| error.to_string())
}

/// A ballot as a task says it: a word (`"yes"`), a content, or a whole ballot with its reason.
pub(crate) fn ballot(said: &Json) -> Result<Ballot, String> {
    let value: Value = said.read().map_err(|error| error.to_string())?;
    if let Ok(content) = serde_json::from_value::<Content>(value.clone()) {
        return Ok(Ballot::of(content));
    }
    serde_json::from_value(value).map_err(|error| format!("what it says is no ballot: {error}"))
}

/// The proposal of a task's vote, under its name; else why it is none.
pub(crate) fn proposal(vote: &VoteId, title: &str, spec: &TaskVote) -> Result<Proposal, String> {
    let mut written: Value = spec.proposal.read().map_err(|error| error.to_string())?;
    let Value::Object(fields) = &mut written else {
        return Err("the proposal is no JSON object".to_owned());
    };
    fields.insert("id".to_owned(), json!(vote.as_str()));
    fields.entry("proposer").or_insert_with(|| json!("orkestra"));
    if !title.is_empty() {
        fields.entry("title").or_insert_with(|| json!(title));
    }
    let mut proposal: Proposal =
        serde_json::from_value(written).map_err(|error| format!("its proposal: {error}"))?;
    for voter in &spec.voters {
        let name = called(&voter.task)?;
        proposal.electorate.entry(name).or_default();
    }
    Ok(proposal)
}

pub(crate) fn called(task: &TaskId) -> Result<VoterId, String> {
    VoterId::new(task.as_str()).map_err(|error| error.to_string())
}
