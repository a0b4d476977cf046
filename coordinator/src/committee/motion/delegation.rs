//! Whose ballot counts for whom.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cast, MotionBallot};

/// The ballot at the end of a chain of delegations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) ballot: MotionBallot,
    /// Whether it is the voter's own.
    pub(super) is_direct: bool,
}

/// What each voter's chain comes to, in their order; none when it ends nowhere, runs in a circle or
/// is longer than `most`. Who has no vote cannot be a delegate.
pub(super) fn followed<'a>(
    voters: impl Iterator<Item = &'a String>,
    cast: &Cast,
    most: usize,
) -> Vec<Option<Found>> {
    let voters: Vec<&String> = voters.collect();
    let places: BTreeMap<&String, usize> =
        voters.iter().enumerate().map(|(place, voter)| (*voter, place)).collect();
    // The ballot a chain ends at, and how many steps away it is; each voter is looked at once.
    let mut known: Vec<Option<Option<(MotionBallot, usize)>>> = vec![None; voters.len()];
    for begin in 0..voters.len() {
        let mut chain = Vec::new();
        let mut is_on_chain = BTreeSet::new();
        let mut at = begin;
        let mut end = loop {
            if let Some(known) = known[at] {
                break known;
            }
            if let Some(ballot) = cast.ballots.get(voters[at]) {
                known[at] = Some(Some((*ballot, 0)));
                break Some((*ballot, 0));
            }
            if !is_on_chain.insert(at) {
                break None;
            }
            chain.push(at);
            match cast.delegations.get(voters[at]).and_then(|delegate| places.get(delegate)) {
                Some(next) => at = *next,
                None => break None,
            }
        };
        for voter in chain.into_iter().rev() {
            end = end.map(|(ballot, steps)| (ballot, steps + 1));
            known[voter] = Some(end);
        }
    }
    let found = |known: Option<Option<(MotionBallot, usize)>>| {
        let (ballot, steps) = known.flatten()?;
        (steps <= most).then_some(Found { ballot, is_direct: steps == 0 })
    };
    known.into_iter().map(found).collect()
}
