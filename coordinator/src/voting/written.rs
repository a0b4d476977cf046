//! Proposals as people and programs write them, in TOML or JSON.
//!
//! Everything but a name and voters may be left out; what is not known is refused by its name. Where
//! one word says enough, one word may stand for a table: `motion = "majority"`, `voters = ["ada"]`.

mod questions;
mod words;

use std::{fmt, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{VoteId, VoterId},
};
use serde::{Deserialize, Deserializer, de};

pub use questions::{ClassicWords, ElectionWords, MotionWords};
pub use words::{MemberWords, OptionWords, Voters};

use crate::{
    committee::{
        Choice, Electorate, Ladder, Member, Nature, Proposal, Question, Rung, Then, TieWay,
        Weighting,
        consensus::ClassicMethod,
        tally::{Exact, Kind, Method},
    },
    written::parse_duration,
};

/// For how long a vote is open where nothing is said.
const DEADLINE: Duration = Duration::from_hours(1);

/// A span of time, as `90s` or `2h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl Span {
    fn ms(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as \"90s\" or \"2h\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                parse_duration(text).map(Span).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// A proposal as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenProposal {
    /// What the vote is called; no two votes share a name.
    #[serde(default)]
    pub id: Option<VoteId>,
    /// What people call it.
    #[serde(default)]
    pub title: String,
    /// What is proposed.
    #[serde(default)]
    pub text: String,
    /// Yes or no, and by which rule.
    #[serde(default)]
    pub motion: Option<MotionWords>,
    /// One option, by one of the six classic methods.
    #[serde(default)]
    pub classic: Option<ClassicWords>,
    /// Options, by any method.
    #[serde(default)]
    pub election: Option<ElectionWords>,
    /// What may be chosen.
    #[serde(default)]
    pub options: Vec<OptionWords>,
    /// What is known of the options.
    #[serde(default)]
    pub nature: Nature,
    /// Who may vote.
    #[serde(default)]
    pub voters: Voters,
    /// What it is about.
    #[serde(default)]
    pub domain: Option<String>,
    /// Where weights come from.
    #[serde(default)]
    pub weighting: Weighting,
    /// The largest part of all weight that one family may have.
    #[serde(default)]
    pub family_cap: Option<Exact>,
    /// Who proposes it.
    #[serde(default)]
    pub proposer: Option<VoterId>,
    /// For how long it is open: an hour if nothing is said.
    #[serde(default)]
    pub deadline: Option<Span>,
    /// Whether it is closed as soon as nothing can change it: yes, if nothing is said.
    #[serde(default)]
    pub early: Option<bool>,
    /// Whether voters may change what they said.
    #[serde(default)]
    pub changeable: bool,
    /// Ballots are sealed, and for how long they are revealed.
    #[serde(default)]
    pub sealed: Option<Span>,
    /// It is closed when for so long no ballot came.
    #[serde(default)]
    pub stalled_after: Option<Span>,
    /// How ties are broken, in this order.
    #[serde(default)]
    pub ties: Vec<TieWay>,
    /// Whether it binds somebody.
    #[serde(default)]
    pub binding: bool,
    /// Whether it is critical to security.
    #[serde(default)]
    pub security_critical: bool,
    /// What is tried when nothing is decided; what suits the question, if nothing is said.
    #[serde(default)]
    pub ladder: Option<LadderWords>,
    /// By which methods the same ballots are counted besides.
    #[serde(default)]
    pub tallies: Vec<Method>,
    /// What is submitted when it is decided.
    #[serde(default)]
    pub then: Then,
}

/// What is tried when nothing is decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LadderWords {
    /// The rungs; an empty list: nothing is tried.
    #[serde(default)]
    pub rungs: Option<Vec<Rung>>,
    /// How many votes there are at most.
    #[serde(default)]
    pub rounds_max: Option<u32>,
    /// How long each later vote is open.
    #[serde(default)]
    pub round: Option<Span>,
    /// Who mediates.
    #[serde(default)]
    pub mediator: Option<VoterId>,
    /// Who decides in the end.
    #[serde(default)]
    pub person: String,
    /// How long a mediator is waited for, and a person.
    #[serde(default)]
    pub patience: Option<Span>,
}

impl LadderWords {
    fn read(self, question: &Question) -> Ladder {
        let ladder = Ladder::of(question);
        Ladder {
            rungs: self.rungs.unwrap_or(ladder.rungs),
            rounds_max: self.rounds_max.unwrap_or(ladder.rounds_max),
            round_ms: self.round.map(Span::ms),
            mediator: self.mediator,
            person: self.person,
            patience_ms: self.patience.map(Span::ms),
        }
    }
}

fn wrong(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, what.into())
}

impl WrittenProposal {
    /// The proposal; `proposer` is whoever proposes it where nobody is named. What is left to be
    /// wrong with it is told when it is to be opened.
    pub fn read(self, proposer: impl FnOnce() -> Result<VoterId>) -> Result<Proposal> {
        let question = self.question()?;
        let Some(id) = self.id else {
            return Err(wrong(
                "the vote has no name: say `id = \"NAME\"`, by which it is found again",
            ));
        };
        if self.voters.0.is_empty() {
            return Err(wrong("nobody may vote: name them in `voters`"));
        }
        let proposer = self.proposer.map_or_else(proposer, Ok)?;
        let deadline_ms = self.deadline.unwrap_or(Span(DEADLINE)).ms();
        let plain = Proposal::new(id, proposer, question, deadline_ms);
        Ok(Proposal {
            title: self.title,
            text: self.text,
            ladder: self.ladder.unwrap_or_default().read(&plain.question),
            options: self.options.into_iter().map(Choice::from).collect(),
            nature: self.nature,
            electorate: self.voters.into(),
            domain: self.domain.unwrap_or_else(|| plain.domain.clone()),
            weighting: self.weighting,
            family_cap: self.family_cap,
            early: self.early.unwrap_or(true),
            changeable: self.changeable,
            sealed_ms: self.sealed.map(Span::ms),
            stalled_after_ms: self.stalled_after.map(Span::ms),
            ties: self.ties,
            binding: self.binding,
            security_critical: self.security_critical,
            tallies: self.tallies,
            then: self.then,
            ..plain
        })
    }

    fn question(&self) -> Result<Question> {
        match (&self.motion, &self.classic, &self.election) {
            (Some(motion), None, None) => motion.read(),
            (None, Some(classic), None) => classic.read(),
            (None, None, Some(election)) => election.read(),
            (None, None, None) if self.options.is_empty() => Ok(Question::motion()),
            (None, None, None) => Ok(Question::election(Kind::Ranked, Method::Schulze)),
            (Some(_), Some(_), _) | (Some(_), None, Some(_)) | (None, Some(_), Some(_)) => {
                Err(wrong("a vote asks one thing: keep one of `motion`, `classic` and `election`"))
            }
        }
    }
}

impl From<OptionWords> for Choice {
    fn from(words: OptionWords) -> Self {
        Self { id: words.id, title: words.title, text: words.text }
    }
}

impl From<Voters> for Electorate {
    fn from(voters: Voters) -> Self {
        let member = |(voter, MemberWords { weight, key, family, veto })| {
            (voter, Member { weight, key, family, veto, given: None })
        };
        voters.0.into_iter().map(member).collect()
    }
}

/// The classic method of a name, as it is where nothing else is said.
fn classic_of(name: &str) -> Option<ClassicMethod> {
    Some(match name {
        "unanimous" => ClassicMethod::Unanimous,
        "supermajority" => ClassicMethod::supermajority(),
        "majority" => ClassicMethod::Majority,
        "plurality" => ClassicMethod::Plurality,
        "ranked_choice" => ClassicMethod::RankedChoice,
        "weighted" => ClassicMethod::weighted(),
        _ => return None,
    })
}
