//! What a vote asks, as it is written.

use std::{marker::PhantomData, str::FromStr};

use orkestra_runtime::{Error, ErrorKind};
use serde::{Deserialize, Deserializer, de};

use super::{
    classic_of,
    words::{WordOrTable, Worded, parsed},
};
use crate::committee::{
    Question,
    consensus::{ClassicMethod, ClassicRule},
    motion::{Base, MotionRule, QuorumOf},
    tally::{Exact, Kind, Method},
};

type Read = orkestra_runtime::Result<Question>;

macro_rules! worded {
    ($type:ident, $table:ident) => {
        impl From<$table> for $type {
            fn from(table: $table) -> Self {
                Self(table)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(WordOrTable(PhantomData))
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                Self::of_word(word)
            }
        }
    };
}

fn half() -> Exact {
    Exact::ratio(1, 2).unwrap_or_else(Exact::one)
}

/// A motion as it is written: the name of its rule, or a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MotionWords(MotionTable);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rule {
    Majority,
    Supermajority,
    Unanimity,
    Consent,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MotionTable {
    #[serde(default = "majority")]
    rule: Rule,
    #[serde(default)]
    fraction: Option<Exact>,
    #[serde(default = "of_cast")]
    base: Base,
    #[serde(default = "half")]
    quorum: Exact,
    #[serde(default)]
    quorum_of: QuorumOf,
    #[serde(default)]
    delegations_max: Option<usize>,
}

const fn majority() -> Rule {
    Rule::Majority
}

const fn of_cast() -> Base {
    Base::Cast
}

worded!(MotionWords, MotionTable);

impl Worded for MotionWords {
    const WHAT: &'static str = "a rule (majority, supermajority, unanimity or consent), or a table";
    type Table = MotionTable;

    fn of_word(word: &str) -> Result<Self, String> {
        let rule = match word {
            "majority" => Rule::Majority,
            "supermajority" => Rule::Supermajority,
            "unanimity" => Rule::Unanimity,
            "consent" => Rule::Consent,
            _ => return Err(format!("{word:?} is no rule of motions: {}", Self::WHAT)),
        };
        let (base, quorum) = (Base::Cast, half());
        let quorum_of = QuorumOf::default();
        Ok(Self(MotionTable {
            rule,
            fraction: None,
            base,
            quorum,
            quorum_of,
            delegations_max: None,
        }))
    }
}

impl MotionWords {
    /// The same with another quorum.
    #[must_use]
    pub fn with_quorum(mut self, quorum: Exact) -> Self {
        self.0.quorum = quorum;
        self
    }

    pub(super) fn read(&self) -> Read {
        let MotionTable { rule, fraction, base, quorum, quorum_of, delegations_max } = &self.0;
        let rule = match (rule, fraction) {
            (Rule::Supermajority, fraction) => {
                let two_thirds = || Exact::ratio(2, 3).unwrap_or_else(Exact::one);
                MotionRule::Supermajority { fraction: fraction.clone().unwrap_or_else(two_thirds) }
            }
            (Rule::Majority | Rule::Unanimity | Rule::Consent, Some(_)) => {
                let why = "only a supermajority has a `fraction`: say `rule = \"supermajority\"`";
                return Err(Error::new(ErrorKind::Invalid, why));
            }
            (Rule::Majority, None) => MotionRule::Majority,
            (Rule::Unanimity, None) => MotionRule::Unanimity,
            (Rule::Consent, None) => MotionRule::Consent,
        };
        let Question::Motion { delegations_max: usual, .. } = Question::motion() else {
            return Err(Error::new(ErrorKind::Fault, "a motion is none"));
        };
        Ok(Question::Motion {
            rule,
            base: *base,
            quorum: quorum.clone(),
            quorum_of: *quorum_of,
            delegations_max: delegations_max.unwrap_or(usual),
        })
    }
}

/// A classic vote as it is written: the name of its method, or a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicWords(ClassicTable);

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClassicTable {
    method: ClassicName,
    #[serde(default)]
    share: Option<Exact>,
    #[serde(default)]
    threshold: Option<Exact>,
    #[serde(default)]
    quorum: Option<Exact>,
    #[serde(default)]
    quorum_of: Option<QuorumOf>,
    #[serde(default)]
    by_expertise: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClassicName(ClassicMethod);

impl FromStr for ClassicName {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        classic_of(word)
            .map(Self)
            .ok_or_else(|| format!("{word:?} is no classic method: {}", ClassicWords::WHAT))
    }
}

impl<'de> Deserialize<'de> for ClassicName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

worded!(ClassicWords, ClassicTable);

impl Worded for ClassicWords {
    const WHAT: &'static str = "unanimous, supermajority, majority, plurality, ranked_choice or \
                                weighted, or a table with one of them as its method";
    type Table = ClassicTable;

    fn of_word(word: &str) -> Result<Self, String> {
        let (share, threshold, quorum, quorum_of) = (None, None, None, None);
        let method = word.parse()?;
        Ok(Self(ClassicTable { method, share, threshold, quorum, quorum_of, by_expertise: false }))
    }
}

impl ClassicWords {
    /// The same with another quorum.
    #[must_use]
    pub fn with_quorum(mut self, quorum: Exact) -> Self {
        self.0.quorum = Some(quorum);
        self
    }

    pub(super) fn read(&self) -> Read {
        let table = &self.0;
        let method = match (table.method.0.clone(), &table.share, &table.threshold) {
            (ClassicMethod::Supermajority { share }, given, None) => {
                ClassicMethod::Supermajority { share: given.clone().unwrap_or(share) }
            }
            (ClassicMethod::Weighted { threshold }, None, given) => {
                ClassicMethod::Weighted { threshold: given.clone().unwrap_or(threshold) }
            }
            (method, None, None) => method,
            (_, Some(_), _) | (_, _, Some(_)) => {
                let why = "`share` is of a supermajority, and `threshold` of the weighted method: \
                           leave it out, or name that method";
                return Err(Error::new(ErrorKind::Invalid, why));
            }
        };
        let usual = ClassicRule::of(method);
        Ok(Question::Classic(ClassicRule {
            quorum: table.quorum.clone().unwrap_or_else(|| usual.quorum.clone()),
            quorum_of: table.quorum_of.unwrap_or(usual.quorum_of),
            by_expertise: table.by_expertise,
            ..usual
        }))
    }
}

/// An election as it is written: the name of its method, or a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElectionWords(ElectionTable);

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ElectionTable {
    #[serde(default = "schulze")]
    method: Method,
    #[serde(default)]
    kind: Option<Kind>,
    #[serde(default)]
    seats: Option<usize>,
    #[serde(default)]
    score_max: Option<u16>,
    #[serde(default)]
    quorum: Option<Exact>,
    #[serde(default)]
    quorum_of: Option<QuorumOf>,
    #[serde(default)]
    ahead_by: Option<u32>,
}

const fn schulze() -> Method {
    Method::Schulze
}

worded!(ElectionWords, ElectionTable);

impl Worded for ElectionWords {
    const WHAT: &'static str =
        "the name of a method (`orkestra vote tally` knows them), or a table";
    type Table = ElectionTable;

    fn of_word(word: &str) -> Result<Self, String> {
        Ok(Self(ElectionTable {
            method: parsed(word)?,
            kind: None,
            seats: None,
            score_max: None,
            quorum: None,
            quorum_of: None,
            ahead_by: None,
        }))
    }
}

impl ElectionWords {
    /// The same with other ballots, seats or quorum where they are given.
    #[must_use]
    pub fn with(mut self, kind: Option<Kind>, seats: Option<usize>, quorum: Option<Exact>) -> Self {
        self.0.kind = kind.or(self.0.kind);
        self.0.seats = seats.or(self.0.seats);
        self.0.quorum = quorum.or(self.0.quorum);
        self
    }

    pub(super) fn read(&self) -> Read {
        let table = &self.0;
        let kinds = table.method.kinds();
        // Where one option is enough to be said, no more is asked for.
        let single = kinds.iter().find(|kind| **kind == Kind::Single);
        let plain = single.or_else(|| kinds.first()).copied().unwrap_or(Kind::Ranked);
        let usual = Question::election(table.kind.unwrap_or(plain), table.method);
        let Question::Election { kind, method, score_max, quorum, quorum_of, .. } = usual else {
            return Err(Error::new(ErrorKind::Fault, "an election is none"));
        };
        Ok(Question::Election {
            kind,
            method,
            seats: table.seats,
            score_max: table.score_max.unwrap_or(score_max),
            quorum: table.quorum.clone().unwrap_or(quorum),
            quorum_of: table.quorum_of.unwrap_or(quorum_of),
            ahead_by: table.ahead_by,
        })
    }
}
