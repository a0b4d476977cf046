//! What a vote comes to.

use std::{collections::BTreeMap, fmt};

use orkestra_runtime::id::{OptionId, VoteId, VoteNo, VoterId};
use serde::{Deserialize, Serialize};

use super::{
    command::Ruling,
    compromise::{self, Template},
    consensus::{ClassicCount, ConsensusLevel},
    deadlock::{Deadlock, RoundEnd},
    digest::Digest,
    independence::Switched,
    motion::MotionCount,
    proposal::Rung,
    tally::{Answer, Comparison, Exact, Method, Refused, tie::TieBreak},
};

/// The rules of counting that this program goes by: a recount by other rules says so.
pub const RULES: u32 = 1;

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The motion is passed.
    Passed,
    /// The motion is not passed.
    Failed,
    /// These are chosen: one, or as many as there are seats.
    Chosen(Vec<OptionId>),
    /// A veto blocks it. It can be proposed anew, under another name.
    Vetoed {
        /// Whose.
        by: Vec<VoterId>,
    },
    /// Nothing was decided, and it is tried in another way.
    Next {
        /// By which vote.
        vote: VoteId,
        /// How.
        rung: Rung,
    },
    /// Nothing was decided, and nothing is left to be tried.
    Unresolved,
    /// It was withdrawn.
    Withdrawn,
}

impl Decision {
    /// Whether it is the last word of its question.
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::Next { .. })
    }

    /// Whether what was proposed is to be done: a motion passed, or something chosen.
    pub const fn is_for(&self) -> bool {
        matches!(self, Self::Passed | Self::Chosen(_))
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Failed => f.write_str("failed"),
            Self::Chosen(options) => {
                f.write_str("chosen:")?;
                options.iter().try_for_each(|option| write!(f, " {option}"))
            }
            Self::Vetoed { by } => {
                f.write_str("vetoed by")?;
                by.iter().try_for_each(|voter| write!(f, " {voter}"))
            }
            Self::Next { vote, rung } => write!(f, "undecided, goes on as {vote} ({rung})"),
            Self::Unresolved => f.write_str("unresolved"),
            Self::Withdrawn => f.write_str("withdrawn"),
        }
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reask => "asked again",
            Self::Runoff => "runoff",
            Self::Approval => "approval",
            Self::Compromise => "compromise",
            Self::Mediator => "mediation",
            Self::Person => "a person decides",
        })
    }
}

/// Why a vote was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Its time was over.
    Deadline,
    /// Nobody was left who could still vote.
    AllIn,
    /// Nothing that was missing could change what it comes to.
    Settled,
    /// One option was ahead by as much as was asked for.
    Ahead,
    /// No ballot had come for as long as is waited for one.
    Stalled,
    /// Whoever proposed it, or keeps the votes, closed it.
    Asked {
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
    /// It was withdrawn.
    Withdrawn {
        /// By whom.
        by: String,
        /// Why.
        why: String,
    },
    /// A person decided.
    Person {
        /// What.
        ruling: Ruling,
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline => f.write_str("its time was over"),
            Self::AllIn => f.write_str("everybody had voted"),
            Self::Settled => f.write_str("nothing that was missing could change it"),
            Self::Ahead => f.write_str("one was ahead by as much as was asked for"),
            Self::Stalled => f.write_str("no ballot had come for as long as was waited"),
            Self::Asked { by, why } => write!(f, "{by} closed it: {why}"),
            Self::Withdrawn { by, why } => write!(f, "{by} withdrew it: {why}"),
            Self::Person { by, why, .. } => write!(f, "{by} decided: {why}"),
        }
    }
}

/// Who took part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turnout {
    /// How many might vote.
    pub eligible: u64,
    /// How many did, and counted.
    pub cast: u64,
    /// How many of them abstained.
    pub abstained: u64,
    /// How many sealed a ballot and did not reveal it; the first 100 by name.
    #[serde(default)]
    pub unrevealed: u64,
    /// Who did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unrevealed_by: Vec<VoterId>,
    /// Who was set aside, and why; the first 100.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aside: BTreeMap<VoterId, Aside>,
    /// How many ballots came too late.
    #[serde(default)]
    pub late: u64,
}

/// Why a voter counts as absent though there may be a ballot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aside {
    /// It signed two different ballots under one number.
    Equivocated,
    /// It answered twice with something that is no ballot.
    Malformed,
    /// It will not vote.
    Absent {
        /// Why.
        why: String,
    },
}

impl fmt::Display for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equivocated => f.write_str("it signed two different ballots under one number"),
            Self::Malformed => f.write_str("it answered twice with something that is no ballot"),
            Self::Absent { why } => write!(f, "it will not vote: {why}"),
        }
    }
}

/// The ballots, counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// Of a motion.
    Motion(Box<MotionCount>),
    /// By a classic method.
    Classic(Box<ClassicCount>),
    /// By a method.
    Election {
        /// Which.
        method: Method,
        /// What it says, options by place.
        answer: Box<Answer>,
        /// How much is for each option (row) over each other (column), where that is small.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        table: Option<Vec<Vec<Exact>>>,
        /// Whether part of this was left out, since it was too large to be kept.
        #[serde(default)]
        cut: bool,
    },
    /// The method has no answer.
    Refused(Refused),
    /// Nothing was counted.
    Nothing,
}

/// What counting comes to, before it is known what follows from it. Options are told by their places
/// in the proposal of this vote; in `switched`, options that are no longer in it come after those, and
/// in `round` they have the places of the first round, new ones after those. Of a motion 0 is yes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tallied {
    /// What the ballots decide.
    pub verdict: Verdict,
    /// The count.
    pub count: Count,
    /// What other methods say of the same ballots, and where they disagree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<Comparison>,
    /// How a tie was broken, or was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tie: Option<TieBreak>,
    /// Why nothing was decided, options by place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deadlocks: Vec<Deadlock>,
    /// What the ballots propose where nothing was decided, options by place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compromises: Vec<compromise::Proposal>,
    /// The shape of a new option that may help, made of these two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<(Template, usize, usize)>,
    /// Between which options a runoff would be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runoff: Option<Vec<usize>>,
    /// How far those who are for something agree.
    #[serde(default = "no_level")]
    pub level: ConsensusLevel,
    /// How many independent voters those who voted are worth; none where it is not worked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<Exact>,
    /// Who changed their mind since the first round, or since their first ballot.
    #[serde(default)]
    pub switched: Switched,
    /// What the first ballots of all would have come to, where somebody changed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Verdict>,
    /// The two that lead, and a hash of who said what; by which rounds are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<RoundEnd>,
}

const fn no_level() -> ConsensusLevel {
    ConsensusLevel::None
}

impl Tallied {
    /// That nothing was counted.
    pub(super) fn nothing() -> Self {
        Self {
            verdict: Verdict::Undecided,
            count: Count::Nothing,
            others: None,
            tie: None,
            deadlocks: Vec::new(),
            compromises: Vec::new(),
            template: None,
            runoff: None,
            level: no_level(),
            effective: None,
            switched: Switched::default(),
            first: None,
            round: None,
        }
    }
}

/// What ballots decide, options by place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The motion is passed.
    Passed,
    /// The motion is not passed.
    Failed,
    /// These are chosen.
    Chosen(Vec<usize>),
    /// A veto blocks it.
    Vetoed(Vec<VoterId>),
    /// Nothing.
    Undecided,
}

/// What a vote came to: all that is needed to understand it, and to count it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Which vote.
    pub vote: VoteId,
    /// Its number.
    pub number: VoteNo,
    /// Which round of its question, from 1.
    pub round: u32,
    /// What was decided.
    pub decision: Decision,
    /// Why it was closed.
    pub why: Why,
    /// Who took part.
    pub turnout: Turnout,
    /// The count, and what it says.
    pub tallied: Tallied,
    /// How the rounds so far ended, this one last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rounds: Vec<RoundEnd>,
    /// By which rules it was counted.
    pub rules: u32,
    /// The hash of everything that happened in this vote before this.
    pub record: Digest,
}
