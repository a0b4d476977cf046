//! Proposals: everything about a vote that is frozen when it is opened.

mod check;
mod fault;
mod read;
mod rungs;

use std::collections::BTreeMap;

use orkestra_runtime::{
    id::{OptionId, TaskNo, VoteId, VoterId},
    protocol::task::TaskSpec,
};
use serde::{Deserialize, Serialize};

use super::{
    consensus::{ClassicMethod, ClassicRule},
    motion::{Base, MotionRule, QuorumOf},
    signed::VoterKey,
    tally::{Exact, Kind, Method, SCORE_MAX, Weight},
    weights::RecordRule,
};

pub use fault::{BallotFault, ProposalFault};
pub use read::Said;
pub use rungs::{Ladder, Rung};

pub(super) use check::{bytes_of, round_id, sound_members, sound_roll};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Yes or no.
    Motion {
        /// When it is passed.
        rule: MotionRule,
        /// What the share of yes is a share of.
        #[serde(default = "of_cast")]
        base: Base,
        /// Which part must be present.
        #[serde(default = "half")]
        quorum: Exact,
        /// Of what that is a part.
        #[serde(default)]
        quorum_of: QuorumOf,
        /// How many delegations may lie between a voter and a ballot.
        #[serde(default = "some_delegations")]
        delegations_max: usize,
    },
    /// One of the options, by one of the six classic methods.
    Classic(ClassicRule),
    /// Some of the options, by any method.
    Election {
        /// What ballots are.
        kind: Kind,
        /// How they are counted.
        method: Method,
        /// How many are elected; for methods of several winners.
        #[serde(default)]
        seats: Option<usize>,
        /// The best score; where points are dealt out, how many each voter has at most.
        #[serde(default = "best_score")]
        score_max: u16,
        /// Which part must take part.
        #[serde(default = "Exact::zero")]
        quorum: Exact,
        /// Of what that is a part.
        #[serde(default)]
        quorum_of: QuorumOf,
        /// Closed as soon as one option is ahead of all others by so many voters, where each is for
        /// one option.
        #[serde(default)]
        ahead_by: Option<u32>,
    },
}

const fn of_cast() -> Base {
    Base::Cast
}

fn half() -> Exact {
    Exact::ratio(1, 2).unwrap_or_else(Exact::one)
}

const fn some_delegations() -> usize {
    8
}

const fn best_score() -> u16 {
    SCORE_MAX
}

impl Question {
    /// A motion as it is where nothing else is said: a majority of votes cast, half present.
    pub fn motion() -> Self {
        Self::Motion {
            rule: MotionRule::Majority,
            base: of_cast(),
            quorum: half(),
            quorum_of: QuorumOf::Weight,
            delegations_max: some_delegations(),
        }
    }

    /// A classic vote as it is where nothing else is said.
    pub fn classic(method: ClassicMethod) -> Self {
        Self::Classic(ClassicRule::of(method))
    }

    /// An election of one, without a quorum.
    pub fn election(kind: Kind, method: Method) -> Self {
        Self::Election {
            kind,
            method,
            seats: None,
            score_max: best_score(),
            quorum: Exact::zero(),
            quorum_of: QuorumOf::Members,
            ahead_by: None,
        }
    }

    /// Whether it is answered with yes or no.
    pub const fn is_motion(&self) -> bool {
        matches!(self, Self::Motion { .. })
    }
}

/// What may be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What ballots call it.
    pub id: OptionId,
    /// What people call it; 300 characters at most.
    #[serde(default)]
    pub title: String,
    /// What it is; 8 KiB at most. It is data, whatever it says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// Who may vote, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// What the voter weighs.
    #[serde(default)]
    pub weight: Weight,
    /// By which key ballots are signed; without one they are taken unsigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<VoterKey>,
    /// Of which kind the voter is, such as the family of a model: those of one err together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Whether the voter's veto blocks a motion.
    #[serde(default, skip_serializing_if = "is_false")]
    pub veto: bool,
    /// What the voter weighed before its family was held to its share; only the committee says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Weight>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Who may vote.
pub type Electorate = BTreeMap<VoterId, Member>;

/// Where weights come from. They are worked out when the vote is opened, and stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weighting {
    /// They stand in the electorate.
    #[default]
    Given,
    /// From the table of the classic agents, by the domain.
    Expertise,
    /// From what was found out of earlier votes in the domain.
    Record(RecordRule),
}

/// A way of breaking a tie, tried in the order in which they are listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TieWay {
    /// What whoever weighs most is for.
    Expert,
    /// What the proposer is for.
    Proposer,
    /// The first of these.
    List(Vec<OptionId>),
    /// A lot that anybody can draw again. Not where a vote is binding or critical to security.
    Lot,
}

/// What is known of the options, for making a new one of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nature {
    /// They touch different things.
    #[serde(default)]
    pub is_disjoint: bool,
    /// Doing one keeps the others from being done.
    #[serde(default)]
    pub is_exclusive: bool,
    /// Any can be undone, and it can be measured which does best.
    #[serde(default)]
    pub is_measurable: bool,
}

/// What is submitted when a vote is decided: a run of its own, which bears the name of the vote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Then {
    /// When a motion is passed, or an option chosen.
    #[serde(default)]
    pub passed: Vec<TaskSpec>,
    /// When it is not.
    #[serde(default)]
    pub failed: Vec<TaskSpec>,
    /// Whose run it is; the default namespace when empty. Whoever keeps the votes of a namespace
    /// says so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

impl Then {
    fn is_nothing(&self) -> bool {
        self.passed.is_empty() && self.failed.is_empty()
    }
}

/// Everything about a vote that is said before it begins, and that nothing changes after.
#[expect(clippy::struct_excessive_bools, reason = "each is a rule of its own that a vote may have")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// What it is called; unique among the votes that the shard remembers.
    pub id: VoteId,
    /// What people call it; 300 characters at most.
    #[serde(default)]
    pub title: String,
    /// What is proposed; 64 KiB at most. It is data, whatever it says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What is asked.
    pub question: Question,
    /// What may be chosen; nothing for a motion.
    #[serde(default)]
    pub options: Vec<Choice>,
    /// What is known of the options.
    #[serde(default)]
    pub nature: Nature,
    /// Who may vote, beside those that were enrolled for it before.
    #[serde(default)]
    pub electorate: Electorate,
    /// How many voters were enrolled for it before: exactly so many, or somebody else enrolled some.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub enrolled: u64,
    /// What it is about: experts and records go by it.
    #[serde(default = "general")]
    pub domain: String,
    /// Where weights come from.
    #[serde(default)]
    pub weighting: Weighting,
    /// The largest part of all weight that voters of one family may have together; what they weigh
    /// above it is taken from them. None: there is no such part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_cap: Option<Exact>,
    /// Who proposes it.
    pub proposer: VoterId,
    /// For how long it is open, in milliseconds.
    pub deadline_ms: u64,
    /// Whether it is closed as soon as nothing that is missing can change what it comes to. It is
    /// when all have voted, in any case.
    #[serde(default = "yes")]
    pub early: bool,
    /// Whether voters may change what they said until it is closed; then nothing closes it early.
    #[serde(default)]
    pub changeable: bool,
    /// For how long, in milliseconds, ballots are revealed after all are in; none: they are open.
    #[serde(default)]
    pub sealed_ms: Option<u64>,
    /// It is stalled, and closed, when for so long, in milliseconds, no ballot came; none: it never is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled_after_ms: Option<u64>,
    /// How ties are broken, in this order.
    #[serde(default)]
    pub ties: Vec<TieWay>,
    /// Whether it binds somebody: then no lot decides.
    #[serde(default)]
    pub binding: bool,
    /// Whether it is critical to security: then no lot decides, and any voter's veto blocks it.
    #[serde(default)]
    pub security_critical: bool,
    /// What is tried when nothing is decided.
    #[serde(default)]
    pub ladder: Ladder,
    /// By which methods the same ballots are counted besides.
    #[serde(default)]
    pub tallies: Vec<Method>,
    /// What is submitted when it is decided.
    #[serde(default, skip_serializing_if = "Then::is_nothing")]
    pub then: Then,
    /// Which task waits for it; only the shard itself says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_task: Option<TaskNo>,
}

fn general() -> String {
    "general".to_owned()
}

const fn yes() -> bool {
    true
}

impl Proposal {
    /// A proposal with all else as it is where nothing is said.
    pub fn new(id: VoteId, proposer: VoterId, question: Question, deadline_ms: u64) -> Self {
        Self {
            id,
            title: String::new(),
            text: String::new(),
            ladder: Ladder::default(),
            question,
            options: Vec::new(),
            nature: Nature::default(),
            electorate: Electorate::new(),
            enrolled: 0,
            domain: general(),
            weighting: Weighting::Given,
            family_cap: None,
            proposer,
            deadline_ms,
            early: true,
            changeable: false,
            sealed_ms: None,
            stalled_after_ms: None,
            ties: Vec::new(),
            binding: false,
            security_critical: false,
            tallies: Vec::new(),
            then: Then::default(),
            for_task: None,
        }
    }

    /// Why it cannot be voted on by those it names, if it cannot.
    pub fn fault(&self) -> Option<ProposalFault> {
        self.check(0).err()
    }

    /// Whether a lot may break a tie.
    pub const fn allows_lot(&self) -> bool {
        !self.binding && !self.security_critical
    }

    /// The place of an option.
    pub fn place(&self, option: &OptionId) -> Option<usize> {
        self.options.iter().position(|choice| choice.id == *option)
    }

    /// The option at a place.
    pub fn option(&self, place: usize) -> Option<&OptionId> {
        self.options.get(place).map(|choice| &choice.id)
    }
}
