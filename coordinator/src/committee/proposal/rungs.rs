//! The ladder: what is tried, in order, when a vote decides nothing.

use orkestra_runtime::id::VoterId;
use serde::{Deserialize, Serialize};

use super::Question;

/// What is tried when a vote decides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// The same again, now that the reasons of all are known.
    Reask,
    /// Between those that lead.
    Runoff,
    /// Everybody names all that they can live with.
    Approval,
    /// Between what the ballots themselves propose, and a new option made of the two that lead.
    Compromise,
    /// A neutral one says what might help, and all vote again.
    Mediator,
    /// A person decides.
    Person,
}

/// What is tried, in order, each once, when a vote decides nothing. Every rung is a vote of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {
    /// The rungs.
    #[serde(default)]
    pub rungs: Vec<Rung>,
    /// How many votes there are at most, the first included; a person decides besides.
    #[serde(default = "three")]
    pub rounds_max: u32,
    /// How long each later vote is open, in milliseconds; none: as long as the first.
    #[serde(default)]
    pub round_ms: Option<u64>,
    /// Who mediates.
    #[serde(default)]
    pub mediator: Option<VoterId>,
    /// Who decides in the end, in words.
    #[serde(default)]
    pub person: String,
    /// How long a mediator is waited for, and a person, in milliseconds; none: a day, and a week.
    #[serde(default)]
    pub patience_ms: Option<u64>,
}

const fn three() -> u32 {
    3
}

impl Default for Ladder {
    fn default() -> Self {
        Self {
            rungs: Vec::new(),
            rounds_max: three(),
            round_ms: None,
            mediator: None,
            person: String::new(),
            patience_ms: None,
        }
    }
}

impl Ladder {
    /// The rungs that suit a question, where nothing is said: a classic vote has a runoff, a motion
    /// none, and an election among several is asked again.
    pub fn of(question: &Question) -> Self {
        let rungs = match question {
            Question::Motion { .. } => vec![],
            Question::Classic(_) => vec![Rung::Runoff],
            Question::Election { .. } => vec![Rung::Reask, Rung::Runoff, Rung::Approval],
        };
        Self { rungs, ..Self::default() }
    }

    /// All rungs, with a person at the end.
    pub fn full(mediator: Option<VoterId>, person: impl Into<String>) -> Self {
        let mut rungs = vec![Rung::Reask, Rung::Runoff, Rung::Approval, Rung::Compromise];
        rungs.extend(mediator.is_some().then_some(Rung::Mediator));
        rungs.push(Rung::Person);
        Self { rungs, rounds_max: 5, mediator, person: person.into(), ..Self::default() }
    }
}
