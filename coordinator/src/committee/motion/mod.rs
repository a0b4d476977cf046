//! Motions: questions answered with yes or no.
//!
//! Promises:
//!
//! 1. A direct ballot beats a delegation. Delegations chain and are followed when the votes are
//!    counted, so what is changed late counts; a chain that ends nowhere, runs in a circle or is
//!    longer than its bound is an absence. A delegated veto is a no.
//! 2. A veto of a holder blocks, quorum or not. A veto of anybody else is a no.
//! 3. The quorum counts who is present, abstentions included, by weight or by heads.
//! 4. A majority is strictly more than half; every other share is reached when it is met. A tie
//!    fails. Silence consents.
//! 5. [`Motion::settled_now`] is right in both directions: it answers an outcome exactly when every
//!    way in which the missing ballots could still come in leads to it.

mod delegation;
mod outcome;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::tally::Exact;

pub use outcome::{MotionCount, MotionOutcome};

/// What a voter says to a motion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MotionBallot {
    /// For it.
    Yes,
    /// Against it.
    No,
    /// Present, and neither.
    Abstain,
    /// It shall not be, whatever the others say.
    Veto,
}

/// When a motion is passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum MotionRule {
    /// Yes is strictly more than half of the base.
    Majority,
    /// Yes is at least this part of the base, and above zero.
    Supermajority {
        /// The part, above 0 and up to 1.
        fraction: Exact,
    },
    /// Yes is the whole base, and above zero.
    Unanimity,
    /// Nobody says no.
    Consent,
}

/// What the share of yes is a share of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// Yes and no.
    Cast,
    /// Yes, no and abstentions.
    Present,
    /// All weight.
    Electorate,
}

/// What a quorum is a part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuorumOf {
    /// All weight.
    #[default]
    Weight,
    /// All voters, whatever they weigh.
    Members,
}

/// A motion as it was opened: none of this changes while it is voted on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Motion {
    /// Who may vote, and what each weighs; never below zero.
    pub voters: BTreeMap<String, Exact>,
    /// When it is passed.
    #[serde(flatten)]
    pub rule: MotionRule,
    /// What the share of yes is a share of.
    pub base: Base,
    /// Which part must be present.
    pub quorum: Exact,
    /// Of what that is a part.
    #[serde(default)]
    pub quorum_of: QuorumOf,
    /// Who may veto.
    #[serde(default)]
    pub veto_holders: BTreeSet<String>,
    /// How many delegations may lie between a voter and a ballot; any number when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegations_max: Option<usize>,
}

/// What came in on a motion: of each voter at most one ballot and one delegation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cast {
    /// What voters say themselves.
    pub ballots: BTreeMap<String, MotionBallot>,
    /// Who says it for those who do not.
    #[serde(default)]
    pub delegations: BTreeMap<String, String>,
}

impl Motion {
    /// The ballot that counts for each voter; none for who is absent.
    pub fn effective(&self, cast: &Cast) -> BTreeMap<String, Option<MotionBallot>> {
        let bound = self.delegations_max.unwrap_or(usize::MAX);
        let followed = delegation::followed(self.voters.keys(), cast, bound);
        let counts = |(voter, found): (&String, Option<delegation::Found>)| {
            // What remains a veto is a voter's own; whether it blocks depends on who that is.
            let ballot = found.map(|found| match found.ballot {
                MotionBallot::Veto if !found.is_direct => MotionBallot::No,
                ballot => ballot,
            });
            (voter.clone(), ballot)
        };
        self.voters.keys().zip(followed).map(counts).collect()
    }

    /// What the motion comes to when nothing more comes in.
    pub fn at_deadline(&self, cast: &Cast) -> MotionCount {
        outcome::count(self, &self.effective(cast))
    }

    /// The outcome that nothing which may still come in can change; none while it is open.
    ///
    /// Ballots that are in are taken as final. Three ways in which the rest could come in stand for
    /// all of them: nobody else votes, which leaves as few present as there can be; everybody else
    /// votes yes, after which yes has as large a share of any base as it can have; everybody else
    /// votes no, after which it has as small a one. Whatever outcome can still be is that of one of
    /// them; a veto is besides, as long as a holder has not voted.
    pub fn settled_now(&self, cast: &Cast) -> Option<MotionOutcome> {
        let now = self.at_deadline(cast).outcome;
        let missing = || self.voters.keys().filter(|voter| !cast.ballots.contains_key(*voter));
        if now == MotionOutcome::Vetoed {
            return Some(now);
        }
        let is_stable = missing().all(|voter| !self.veto_holders.contains(voter))
            && [MotionBallot::Yes, MotionBallot::No].into_iter().all(|ballot| {
                let mut all = cast.clone();
                all.ballots.extend(missing().map(|voter| (voter.clone(), ballot)));
                self.at_deadline(&all).outcome == now
            });
        is_stable.then_some(now)
    }
}
