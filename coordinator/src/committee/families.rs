//! Families of voters, such as models of one maker: none weighs more than its share of all.
//!
//! Voters of one family err together, so ten of them are no ten. What a family weighs above its share
//! is taken from its members in proportion, exactly and no more than must be; voters of no family keep
//! what they have. The shares are of what all weigh afterwards, so there is one solution.

use std::{cmp::Reverse, collections::BTreeMap};

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One as _, Signed as _, Zero as _};

use super::{
    proposal::{Electorate, ProposalFault},
    tally::{Exact, Weight},
};

/// What a family weighed, and weighs.
type Held<'a> = BTreeMap<&'a str, (BigRational, BigRational)>;

/// Holds every family to its share of what all weigh. It cannot be where all voters are of families
/// that are fewer than would fill the whole.
pub(super) fn hold(members: &mut Electorate, cap: &Exact) -> Result<(), ProposalFault> {
    let (totals, free) = totals(members);
    let mut largest: Vec<(&str, BigRational)> =
        totals.into_iter().filter(|(_, total)| total.is_positive()).collect();
    largest.sort_by_key(|(_, total)| Reverse(total.clone()));
    let count = BigRational::from_integer(largest.len().into());
    let few = || few(largest.len(), cap);
    if free.is_zero() && count * &cap.0 < BigRational::one() {
        return Err(few());
    }
    let mut rest: BigRational = largest.iter().map(|(_, total)| total).sum();
    rest += free;
    let (mut factors, mut left) = (BTreeMap::new(), BigRational::one());
    let mut most = &cap.0 * &rest;
    for (family, total) in &largest {
        if *total <= most {
            break;
        }
        // The held have their shares; what the others weigh is the rest of the whole.
        left -= &cap.0;
        rest -= total;
        if !left.is_positive() {
            return Err(few());
        }
        most = &cap.0 * &rest / &left;
        factors.insert((*family).to_owned(), total.clone());
    }
    for factor in factors.values_mut() {
        *factor = &most / &*factor;
    }
    scale(members, &factors)
}

fn few(families: usize, cap: &Exact) -> ProposalFault {
    let needed = cap.0.recip().ceil().to_integer();
    let needed = u64::try_from(needed).unwrap_or(u64::MAX);
    ProposalFault::FewFamilies { families: families as u64, cap: cap.clone(), needed }
}

/// What each family weighs, and all who are of none.
fn totals(members: &Electorate) -> (BTreeMap<&str, BigRational>, BigRational) {
    // Many weigh the same: fractions are added once for all of those.
    let mut alike: BTreeMap<(Option<&str>, (u64, u64)), u64> = BTreeMap::new();
    for member in members.values() {
        *alike.entry((member.family.as_deref(), member.weight.parts())).or_default() += 1;
    }
    let (mut totals, mut free) = (BTreeMap::new(), BigRational::zero());
    for ((family, (p, q)), many) in alike {
        let together = BigRational::new(BigInt::from(p) * many, q.into());
        match family {
            Some(family) => {
                *totals.entry(family).or_insert_with(BigRational::zero) += together;
            }
            None => free += together,
        }
    }
    (totals, free)
}

fn scale(
    members: &mut Electorate,
    factors: &BTreeMap<String, BigRational>,
) -> Result<(), ProposalFault> {
    for member in members.values_mut() {
        let Some(factor) = member.family.as_ref().and_then(|family| factors.get(family)) else {
            continue;
        };
        let given = member.weight;
        let scaled = Weight::of(&Exact(given.exact().0 * factor));
        member.weight = scaled.ok_or(ProposalFault::WeightsTooFine)?;
        member.given = Some(given);
    }
    Ok(())
}

/// What the families that are held to their share weighed, and weigh, in words.
pub(super) fn told(members: &Electorate, cap: &Exact, most: usize) -> String {
    let mut held: Held<'_> = BTreeMap::new();
    for member in members.values() {
        if let (Some(family), Some(given)) = (&member.family, member.given) {
            let (before, now) = held.entry(family).or_default();
            *before += given.exact().0;
            *now += member.weight.exact().0;
        }
    }
    let rule = format!("no family weighs more than {cap} of all");
    if held.is_empty() {
        return rule;
    }
    let line = |(family, (before, now)): (&&str, &(BigRational, BigRational))| {
        format!("{family} weighs {} instead of {}", Exact(now.clone()), Exact(before.clone()))
    };
    let told: Vec<String> = held.iter().take(most).map(line).collect();
    format!("{rule}: {}", told.join(", "))
}
