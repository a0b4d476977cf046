//! The method of equal shares: every voter has the same part of the seats to spend, and whoever is
//! paid for by those who approve of them is elected.

use std::collections::BTreeSet;

use num_rational::BigRational;
use num_traits::{One as _, Zero as _};

use super::{
    answer::{Answer, Refused},
    method::Method,
    one_by_one::{Bloc, Partial, blocs, every_way, listed, phragmen_step, size, with},
    profile::Profile,
};

/// Seats that nobody can pay for are filled by Phragmén, from what everybody has spent.
pub(super) fn count(profile: &Profile, seats: usize, completed: bool) -> Result<Answer, Refused> {
    let method = if completed { Method::EqualShares } else { Method::EqualSharesWithoutCompletion };
    let blocs = blocs(profile);
    let voters: BigRational = blocs.iter().map(|bloc| bloc.voters.clone()).sum();
    let budget = if voters.is_zero() {
        BigRational::zero()
    } else {
        BigRational::from_integer(seats.into()) / voters
    };
    let begin = (vec![false; profile.candidates()], vec![budget.clone(); blocs.len()]);
    let bought = every_way(method, BTreeSet::from([begin]), |partial| buy(&blocs, seats, partial))?;
    if !completed {
        return Ok(listed(seats, bought));
    }
    let spent = |(is_in, budgets): Partial| {
        let loads = budgets.into_iter().map(|left| &budget - left).collect();
        (is_in, loads)
    };
    let begin = bought.into_iter().map(spent).collect();
    let filled = every_way(method, begin, |partial| phragmen_step(&blocs, seats, partial))?;
    Ok(listed(seats, filled))
}

/// Everybody who can be paid for with the smallest largest payment of a voter, each bought.
fn buy(blocs: &[Bloc], seats: usize, partial: &Partial) -> Vec<Partial> {
    let (is_in, budgets) = partial;
    if size(partial) == seats {
        return Vec::new();
    }
    let left = (0..is_in.len()).filter(|one| !is_in[*one]);
    let offers: Vec<(usize, BigRational)> =
        left.filter_map(|one| Some((one, largest_payment(blocs, budgets, one)?))).collect();
    let Some(least) = offers.iter().map(|(_, payment)| payment).min() else { return Vec::new() };
    let best = offers.iter().filter(|(_, payment)| payment == least);
    best.map(|(one, payment)| {
        let pay = |(bloc, has): (&Bloc, &BigRational)| {
            if bloc.approves[*one] { has - has.min(payment) } else { has.clone() }
        };
        (with(is_in, *one), blocs.iter().zip(budgets).map(pay).collect())
    })
    .collect()
}

/// The smallest amount such that one is paid for when nobody who approves of them pays more; none
/// when they have not enough together.
fn largest_payment(blocs: &[Bloc], budgets: &[BigRational], one: usize) -> Option<BigRational> {
    let mut payers: Vec<(&BigRational, &BigRational)> = blocs
        .iter()
        .zip(budgets)
        .filter(|(bloc, _)| bloc.approves[one])
        .map(|(bloc, has)| (has, &bloc.voters))
        .collect();
    payers.sort_unstable();
    let mut price = BigRational::one();
    let mut voters: BigRational = payers.iter().map(|(_, voters)| (*voters).clone()).sum();
    for (has, of) in payers {
        if voters.is_zero() {
            return None;
        }
        let each = &price / &voters;
        if each <= *has {
            return Some(each);
        }
        // They give all that they have, and the others share the rest.
        price -= has * of;
        voters -= of;
    }
    None
}
