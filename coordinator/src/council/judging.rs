//! A committee of judges: which ballots they cast, and what their vote came to.

use orkestra_runtime::{
    id::{OptionId, TaskId},
    protocol::{
        payload::Json,
        vote::{BALLOT_AT, TaskVote, TaskVoter},
    },
};
use serde::Deserialize;
use serde_json::json;

use super::{
    event::{Ranked, Step, StepRole},
    reading::Sight,
    view::Phase,
};
use crate::committee::{
    Choice, Question,
    tally::{Kind, Method},
};

/// What ballots of judges are that a method counts: rankings of some, or of all; none if it counts no
/// rankings, or elects several.
pub(super) fn kind_of(method: Method) -> Option<Kind> {
    let kinds = [Kind::RankedTruncated, Kind::Ranked];
    let fits = kinds.into_iter().find(|kind| method.counts(*kind));
    fits.filter(|_| !method.is_for_seats())
}

/// What ballots call a proposal.
pub(super) fn option(seat: u32) -> String {
    format!("p{}", seat + 1)
}

/// Which proposals judges choose from: those that passed everything, or all where none did. Nothing
/// is judged where there is no choice.
pub(super) fn options(ranking: &[Ranked]) -> Vec<u32> {
    let seats = |passed: bool| -> Vec<u32> {
        let wanted = ranking.iter().filter(|one| !passed || one.marks.all_passed());
        wanted.map(|one| one.seat).collect()
    };
    let passed = seats(true);
    let mut options = if passed.is_empty() { seats(false) } else { passed };
    options.sort_unstable();
    if options.len() < 2 { Vec::new() } else { options }
}

/// The vote that counts what judges say.
pub(super) fn vote(
    method: Method,
    options: &[u32],
    judges: &[TaskId],
    deadline_ms: u64,
) -> Option<Box<TaskVote>> {
    let kind = kind_of(method)?;
    let choice = |seat: &u32| {
        let id = OptionId::new(option(*seat)).ok()?;
        Some(Choice { id, title: format!("proposal {}", seat + 1), text: String::new() })
    };
    let choices: Vec<Choice> = options.iter().filter_map(choice).collect();
    let question = Question::election(kind, method);
    let proposal = json!({
        "question": question, "options": choices, "deadline_ms": deadline_ms,
    });
    let proposal = Json::of(&proposal).ok()?;
    let voter = |task: &TaskId| TaskVoter { task: task.clone(), pointer: BALLOT_AT.to_owned() };
    let voters = judges.iter().map(voter).collect();
    Some(Box::new(TaskVote { proposal, voters }))
}

/// What a task that is a vote answers, as far as it matters here.
#[derive(Deserialize)]
struct Verdict {
    #[serde(default)]
    chosen: Vec<String>,
    #[serde(default)]
    decision: String,
    #[serde(default)]
    minutes: Vec<String>,
}

/// What a committee came to.
pub(super) struct Chosen {
    /// Whom, by their places; several where it was a tie.
    pub(super) seats: Vec<u32>,
    /// In words.
    pub(super) decision: String,
    /// What happened in its vote.
    pub(super) minutes: Vec<String>,
}

impl Sight<'_> {
    pub(super) fn judging_steps(&self) -> impl Iterator<Item = &Step> {
        let stages = self.found.stages.iter().filter(|stage| stage.phase == Phase::Judging);
        stages.flat_map(|stage| &stage.steps)
    }

    /// What a committee came to; none where there was none, or it goes on.
    pub(super) fn verdict(&self) -> Option<Chosen> {
        let step = self.judging_steps().find(|step| step.role == StepRole::Verdict)?;
        let said: Verdict = self.answer(&step.task)?.read().ok()?;
        let seats = step.of.iter().copied().filter(|seat| said.chosen.contains(&option(*seat)));
        let seats = seats.collect();
        Some(Chosen { seats, decision: said.decision, minutes: said.minutes })
    }
}
