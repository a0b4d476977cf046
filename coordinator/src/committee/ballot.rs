//! Ballots: what a voter says, by the names of options, and the bytes that stand for it.

use std::collections::{BTreeMap, BTreeSet};

use orkestra_runtime::id::{OptionId, VoteId, VoteNo, VoterId};
use serde::{Deserialize, Serialize};

use super::{
    digest::{Canon, Digest},
    tally::Weight,
};

/// What the bytes of a ballot begin with.
const BALLOT: &str = "orkestra-ballot-v1";
/// What the bytes of a sealed ballot begin with, before they are hashed.
const SEALED: &str = "orkestra-sealed-v1";
/// What is signed of a sealed ballot.
const COMMIT: &str = "orkestra-commit-v1";

/// What a voter says. Options are named by their ids and by nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// For the motion.
    Yes,
    /// Against the motion.
    No,
    /// Present, and nothing else.
    Abstain,
    /// It shall not be, whatever the others say: of motions, and of votes of the six classic methods.
    Veto,
    /// On a motion: whatever this voter says.
    Delegate(VoterId),
    /// For one option.
    Choice(OptionId),
    /// Best first, equals together; who is not named is below all who are.
    Ranking(Vec<Vec<OptionId>>),
    /// Those that the voter can live with.
    Approved(BTreeSet<OptionId>),
    /// A score for every option.
    Scores(BTreeMap<OptionId, u16>),
    /// Points dealt out; none for who is not named.
    Points(BTreeMap<OptionId, u16>),
}

impl Content {
    /// What kind of thing it says, in one word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Abstain => "abstain",
            Self::Veto => "veto",
            Self::Delegate(_) => "delegate",
            Self::Choice(_) => "choice",
            Self::Ranking(_) => "ranking",
            Self::Approved(_) => "approved",
            Self::Scores(_) => "scores",
            Self::Points(_) => "points",
        }
    }

    pub(super) fn write(&self, canon: Canon) -> Canon {
        let canon = canon.text(self.kind());
        match self {
            Self::Yes | Self::No | Self::Abstain | Self::Veto => canon,
            Self::Delegate(voter) => canon.text(voter.as_str()),
            Self::Choice(option) => canon.text(option.as_str()),
            Self::Ranking(groups) => {
                let canon = canon.number(groups.len() as u64);
                groups.iter().fold(canon, |canon, group| {
                    // Equals have no order.
                    let group: BTreeSet<&OptionId> = group.iter().collect();
                    let canon = canon.number(group.len() as u64);
                    group.into_iter().fold(canon, |canon, one| canon.text(one.as_str()))
                })
            }
            Self::Approved(options) => {
                let canon = canon.number(options.len() as u64);
                options.iter().fold(canon, |canon, one| canon.text(one.as_str()))
            }
            Self::Scores(given) | Self::Points(given) => {
                let canon = canon.number(given.len() as u64);
                given.iter().fold(canon, |canon, (option, number)| {
                    canon.text(option.as_str()).number(u64::from(*number))
                })
            }
        }
    }
}

/// One ballot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    /// The voter's number for it, from 1 and rising: the same again is the same ballot.
    #[serde(default = "first")]
    pub seq: u64,
    /// What it says.
    pub content: Content,
    /// Why, in words; it counts for nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// How sure the voter is to be right, from 0 to 1; it counts for nothing in this vote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Weight>,
}

const fn first() -> u64 {
    1
}

impl Ballot {
    /// The first ballot of a voter, without a reason.
    pub const fn of(content: Content) -> Self {
        Self { seq: 1, content, reason: String::new(), confidence: None }
    }

    /// The same with a reason.
    #[must_use]
    pub fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..self }
    }

    fn write(&self, canon: Canon) -> Canon {
        let canon = self.content.write(canon.number(self.seq)).text(&self.reason);
        let sure = self.confidence.map(|sure| sure.to_string()).unwrap_or_default();
        canon.text(&sure)
    }
}

/// What a ballot is for: a signature in one scope is none in any other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Where the vote is held.
    pub realm: String,
    /// What it is called.
    pub vote: VoteId,
    /// Which it is: no other vote ever has the number.
    pub number: VoteNo,
    /// Which round of its question, from 1.
    pub round: u32,
}

impl Scope {
    fn canon(&self, tag: &str, voter: &VoterId) -> Canon {
        Canon::of(tag)
            .text(&self.realm)
            .text(self.vote.as_str())
            .number(self.number.0)
            .number(u64::from(self.round))
            .text(voter.as_str())
    }

    /// The bytes that stand for a ballot: these are signed, and their SHA-256 is its hash.
    ///
    /// Parts, each after its length as 8 bytes, big end first: `orkestra-ballot-v1`, realm, vote,
    /// number (8 bytes), round (8 bytes), voter, seq (8 bytes), content, reason, confidence (`p/q`, or
    /// empty). Content is its kind in one word and what it names, lists after their length.
    pub fn bytes(&self, voter: &VoterId, ballot: &Ballot) -> Vec<u8> {
        ballot.write(self.canon(BALLOT, voter)).done()
    }

    /// The hash of a ballot.
    pub fn hash(&self, voter: &VoterId, ballot: &Ballot) -> Digest {
        Digest::of(&self.bytes(voter, ballot))
    }

    /// What a voter commits to who seals a ballot with a nonce that nobody else knows.
    pub fn seal(&self, voter: &VoterId, nonce: &Digest, ballot: &Ballot) -> Digest {
        let canon = self.canon(SEALED, voter).bytes(&nonce.0);
        canon.bytes(&self.bytes(voter, ballot)).digest()
    }

    /// The bytes of a sealed ballot that are signed.
    pub fn sealed_bytes(&self, voter: &VoterId, seq: u64, sealed: &Digest) -> Vec<u8> {
        self.canon(COMMIT, voter).number(seq).bytes(&sealed.0).done()
    }
}
