//! Counting by itself: a million ballots over ten candidates, by every method for one winner whose work
//! does not grow exponentially.
//!
//! The baseline is who is above whom on every ballot, added up in plain integers, with nothing around
//! it: no method that compares pairs can do without that.

use std::time::Duration;

use orkestra_runtime::{Error, ErrorKind, Result, chance::Chance, time::Moment};

use super::{
    Figure, Place,
    figure::{ms, number},
};
use crate::committee::tally::{Ballot, Counting, Election, Kind, Method, Ranking, SCORE_MAX, Vote};

const BALLOTS: usize = 1_000_000;
const CANDIDATES: usize = 10;
const SEED: u64 = 7;

/// All candidates in some order.
type Order = [u16; CANDIDATES];

pub(super) fn measure(place: &Place) -> Result<Vec<Figure>> {
    let since = |from: Moment| place.clock.now().moment.since(from);
    let now = || place.clock.now().moment;
    let mut chance = Chance::from_seed(SEED);
    let orders: Vec<Order> = (0..BALLOTS).map(|_| order(&mut chance)).collect();

    let from = now();
    let above = pairs(&orders);
    let bare = Figure::new("bare pairs", ms(since(from)), "ms");
    // What nobody reads the compiler would leave out.
    if above[0][1] + above[1][0] != BALLOTS as u64 {
        return Err(Error::new(ErrorKind::Fault, "ballots were lost while they were counted"));
    }

    let ranked = election(Kind::Ranked, &orders)?;
    let from = now();
    count(&Counting::of(&ranked), Method::Schulze)?;
    let schulze = Figure::new("tally.schulze", ms(since(from)), "ms").beside(&bare);
    drop(ranked);

    let (mut all, mut methods) = (Duration::ZERO, 0);
    for kind in [Kind::Ranked, Kind::Score, Kind::Approval] {
        let election = election(kind, &orders)?;
        let from = now();
        let counting = Counting::of(&election);
        for method in Method::of(kind).filter(|method| is_polynomial(*method)) {
            count(&counting, method)?;
            methods += 1;
        }
        all += since(from);
    }
    let all = Figure::new("tally.all", ms(all), "ms").beside(&bare);
    Ok(vec![schulze, all, Figure::new("tally.methods", number(methods), "methods")])
}

/// Whether a method has one winner and does not look at all ways in which something may go.
fn is_polynomial(method: Method) -> bool {
    !method.is_for_seats() && !matches!(method, Method::Kemeny | Method::RankedPairsPut)
}

fn count(counting: &Counting<'_>, method: Method) -> Result<()> {
    let refused = |error| Error::new(ErrorKind::Fault, format!("{method} refused: {error:?}"));
    counting.answer(method).map(drop).map_err(refused)
}

fn order(chance: &mut Chance) -> Order {
    let mut order = [0; CANDIDATES];
    for (mark, candidate) in order.iter_mut().zip(0..) {
        *mark = candidate;
    }
    for place in (1..CANDIDATES).rev() {
        let other = usize::try_from(chance.below(place as u64 + 1)).unwrap_or_default();
        order.swap(place, other);
    }
    order
}

/// How many ballots have each candidate (row) above each other one (column).
fn pairs(orders: &[Order]) -> [[u64; CANDIDATES]; CANDIDATES] {
    let mut above = [[0; CANDIDATES]; CANDIDATES];
    for order in orders {
        for (place, one) in order.iter().enumerate() {
            for other in &order[place + 1..] {
                above[usize::from(*one)][usize::from(*other)] += 1;
            }
        }
    }
    above
}

/// An election in which each voter has such an order in mind.
fn election(kind: Kind, orders: &[Order]) -> Result<Election> {
    let ballots = orders.iter().map(|order| Ballot::one(vote(kind, order))).collect();
    Election::new(kind.as_str(), (kind, CANDIDATES), ballots)
        .and_then(|election| election.with_tie_break((0..CANDIDATES).collect()))
        .map_err(|fault| Error::new(ErrorKind::Fault, format!("{fault:?}")))
}

/// What a voter says with such an order in mind: whom it ranks how, scores how high, or approves,
/// which are as many as the first stands for.
fn vote(kind: Kind, order: &Order) -> Vote {
    if kind == Kind::Score {
        return Vote::Scores(order.iter().map(|mark| mark % (SCORE_MAX + 1)).collect());
    }
    if kind == Kind::Approval {
        let mut approved = order[..=usize::from(order[0])].to_vec();
        approved.sort_unstable();
        return Vote::Approved(approved.into());
    }
    Vote::Ranking(Ranking::strict(order.iter().copied()))
}
