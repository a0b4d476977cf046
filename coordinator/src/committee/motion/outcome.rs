//! What ballots on a motion add up to.

use std::{collections::BTreeMap, fmt};

use num_rational::BigRational;
use num_traits::{Signed as _, Zero as _};
use serde::{Deserialize, Serialize};

use super::{Base, Motion, MotionBallot, MotionRule, QuorumOf};
use crate::committee::tally::Exact;

/// How a motion ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MotionOutcome {
    /// It is passed.
    Passed,
    /// It is not.
    Failed,
    /// Too few were present.
    NoQuorum,
    /// A holder of a veto used it.
    Vetoed,
}

impl fmt::Display for MotionOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NoQuorum => "no quorum",
            Self::Vetoed => "vetoed",
        })
    }
}

/// What was said, by weight, and what it comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MotionCount {
    /// For it.
    pub yes: Exact,
    /// Against it, vetoes included.
    pub no: Exact,
    /// Neither.
    pub abstain: Exact,
    /// All three together.
    pub present: Exact,
    /// All weight.
    pub electorate: Exact,
    /// What it comes to.
    pub outcome: MotionOutcome,
}

pub(super) fn count(
    motion: &Motion,
    effective: &BTreeMap<String, Option<MotionBallot>>,
) -> MotionCount {
    let zero = BigRational::zero;
    let (mut yes, mut no, mut abstain, mut electorate) = (zero(), zero(), zero(), zero());
    let (mut is_vetoed, mut heads) = (false, 0_usize);
    for (voter, weight) in &motion.voters {
        electorate += &weight.0;
        let ballot = effective.get(voter).copied().flatten();
        heads += usize::from(ballot.is_some());
        match ballot {
            Some(MotionBallot::Yes) => yes += &weight.0,
            Some(MotionBallot::No) => no += &weight.0,
            Some(MotionBallot::Veto) => {
                is_vetoed |= motion.veto_holders.contains(voter);
                no += &weight.0;
            }
            Some(MotionBallot::Abstain) => abstain += &weight.0,
            None => {}
        }
    }
    let present = &yes + &no + &abstain;
    let has_quorum = match motion.quorum_of {
        QuorumOf::Weight => present >= &motion.quorum.0 * &electorate,
        QuorumOf::Members => {
            let of = |heads: usize| BigRational::from_integer(heads.into());
            of(heads) >= &motion.quorum.0 * of(motion.voters.len())
        }
    };
    let base = match motion.base {
        Base::Cast => &yes + &no,
        Base::Present => present.clone(),
        Base::Electorate => electorate.clone(),
    };
    let is_passed = match &motion.rule {
        MotionRule::Majority => &yes + &yes > base,
        MotionRule::Supermajority { fraction } => yes.is_positive() && yes >= &fraction.0 * &base,
        MotionRule::Unanimity => yes.is_positive() && yes == base,
        MotionRule::Consent => no.is_zero(),
    };
    let outcome = match (is_vetoed, has_quorum, is_passed) {
        (true, _, _) => MotionOutcome::Vetoed,
        (false, false, _) => MotionOutcome::NoQuorum,
        (false, true, true) => MotionOutcome::Passed,
        (false, true, false) => MotionOutcome::Failed,
    };
    let [yes, no, abstain, present, electorate] =
        [yes, no, abstain, present, electorate].map(Exact);
    MotionCount { yes, no, abstain, present, electorate, outcome }
}
