//! Ways out, found in the ballots themselves.
//!
//! What comes out are proposals to be voted on, never outcomes. [`from_ballots`] names options that
//! are nobody's worst, or that most could live with; [`Template`] names the shape of a new option
//! that people or agents then fill.

use num_bigint::BigInt;
use num_rational::BigRational;
use serde::{Deserialize, Serialize};

use super::tally::{Ballot, Counting, Election, Exact, Kind, Method, Vote, Weight};

/// A proposal that the ballots make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Proposal {
    /// Those whose worst place on any ballot is the best.
    LeastBad {
        /// The options.
        options: Vec<usize>,
        /// How many are above them there, at most.
        above_at_most: usize,
    },
    /// Those in the middle: the Condorcet winner; else, of the smallest set that beats all others,
    /// who has the best median place.
    Middle {
        /// The options.
        options: Vec<usize>,
    },
    /// Those that most can live with: that more options are below than above.
    MostAcceptable {
        /// The options.
        options: Vec<usize>,
        /// Which part of all can.
        share: Exact,
    },
    /// Several, so that each side has its part: by equal shares of so many parts.
    Shared {
        /// Every such set of options.
        sets: Vec<Vec<usize>>,
    },
}

/// How many can live with an option for it to be proposed as most acceptable.
fn raised_threshold() -> BigRational {
    BigRational::new(2.into(), 3.into())
}

/// What the ballots propose, for `parts` parts where something can be shared. Nothing for ballots
/// that rank nobody.
pub fn from_ballots(counting: &Counting<'_>, parts: usize) -> Vec<Proposal> {
    let ranks: Vec<(Vec<usize>, Exact)> =
        counting.ranks().into_iter().filter(|(ranks, _)| ranks.iter().any(|r| *r > 0)).collect();
    if ranks.is_empty() {
        return Vec::new();
    }
    let all = counting.election().candidates();
    let mut proposals = vec![least_bad(&ranks, all)];
    proposals.extend(middle(counting, &ranks));
    let accepted: Vec<(Vec<bool>, &Exact)> =
        ranks.iter().map(|(ranks, weighs)| (acceptable(ranks), weighs)).collect();
    proposals.extend(most_acceptable(&accepted, all));
    proposals.extend(shared(&accepted, (all, parts)));
    proposals
}

fn least_bad(ranks: &[(Vec<usize>, Exact)], all: usize) -> Proposal {
    let worst = |one: usize| ranks.iter().map(|(ranks, _)| ranks[one]).max().unwrap_or(0);
    let worst: Vec<usize> = (0..all).map(worst).collect();
    let above_at_most = worst.iter().copied().min().unwrap_or(0);
    let options = (0..all).filter(|one| worst[*one] == above_at_most).collect();
    Proposal::LeastBad { options, above_at_most }
}

fn middle(counting: &Counting<'_>, ranks: &[(Vec<usize>, Exact)]) -> Option<Proposal> {
    let smith = counting.smith_set()?;
    let half: BigRational =
        ranks.iter().map(|(_, weighs)| &weighs.0).sum::<BigRational>() / BigInt::from(2);
    let median = |one: usize| {
        let mut places: Vec<(usize, &Exact)> =
            ranks.iter().map(|(ranks, weighs)| (ranks[one], weighs)).collect();
        places.sort_unstable();
        let mut up_to = BigRational::from_integer(0.into());
        let found = places.iter().find(|(_, weighs)| {
            up_to += &weighs.0;
            up_to >= half
        });
        found.map_or(usize::MAX, |(place, _)| *place)
    };
    let medians: Vec<(usize, usize)> = smith.into_iter().map(|one| (median(one), one)).collect();
    let best = medians.iter().map(|(median, _)| *median).min()?;
    let options = medians.into_iter().filter(|(median, _)| *median == best).map(|(_, one)| one);
    Some(Proposal::Middle { options: options.collect() })
}

/// Which options a ballot can live with: those that more are below than above.
fn acceptable(ranks: &[usize]) -> Vec<bool> {
    let is_acceptable = |rank: &usize| {
        let below = ranks.iter().filter(|other| *other > rank).count();
        let above = ranks.iter().filter(|other| *other < rank).count();
        below > above
    };
    ranks.iter().map(is_acceptable).collect()
}

fn most_acceptable(accepted: &[(Vec<bool>, &Exact)], all: usize) -> Option<Proposal> {
    let total: BigRational = accepted.iter().map(|(_, weighs)| &weighs.0).sum();
    let has = |one: usize| -> BigRational {
        let who = accepted.iter().filter(|(accepted, _)| accepted[one]);
        who.map(|(_, weighs)| &weighs.0).sum()
    };
    let has: Vec<BigRational> = (0..all).map(has).collect();
    let most = has.iter().max()?;
    if *most < raised_threshold() * &total {
        return None;
    }
    let options = (0..all).filter(|one| has[*one] == *most).collect();
    Some(Proposal::MostAcceptable { options, share: Exact(most / total) })
}

fn shared(accepted: &[(Vec<bool>, &Exact)], (all, parts): (usize, usize)) -> Option<Proposal> {
    let ballot = |(accepted, weighs): &(Vec<bool>, &Exact)| {
        let approved = (0..all).filter(|one| accepted[*one]);
        let approved = approved.filter_map(|one| u16::try_from(one).ok()).collect();
        let weight = Weight::of(weighs)?;
        Some(Ballot { count: 1, weight, vote: Vote::Approved(approved) })
    };
    let ballots = accepted.iter().map(ballot).collect::<Option<Vec<_>>>()?;
    let election = Election::new("shared", (Kind::Approval, all), ballots).ok()?;
    let election = election.with_seats(parts.min(all)).ok()?;
    let answer = Counting::of(&election).answer(Method::EqualShares).ok()?;
    let sets = answer.committees?;
    let is_shared = sets.iter().all(|set| set.len() > 1 && set.len() < all);
    is_shared.then_some(Proposal::Shared { sets })
}

/// The shape of a new option made of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// Each part by one of them.
    Split,
    /// Both together.
    Hybrid,
    /// The leading one, and the other should it fail.
    Sequential,
    /// Both beside each other, and what measures better stays.
    SideBySide,
}

/// What is known of the two leading options.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leading {
    /// Which part of all is for the first and for the second.
    pub shares: (Exact, Exact),
    /// They touch different things.
    #[serde(default)]
    pub is_disjoint: bool,
    /// Doing one keeps the other from being done.
    #[serde(default)]
    pub is_exclusive: bool,
    /// Either can be undone, and it can be measured which does better.
    #[serde(default)]
    pub is_measurable: bool,
}

impl Leading {
    /// The shape that fits; none when none does, and a person is to decide.
    pub fn template(&self) -> Option<Template> {
        let (first, second) = (&self.shares.0.0, &self.shares.1.0);
        let percent = |percent: i64| BigRational::new(percent.into(), 100.into());
        let has_both = *first >= percent(30) && *second >= percent(30);
        if self.is_disjoint {
            Some(Template::Split)
        } else if has_both && !self.is_exclusive {
            Some(Template::Hybrid)
        } else if first - second < percent(15) && *second >= percent(25) {
            Some(Template::Sequential)
        } else if self.is_measurable {
            Some(Template::SideBySide)
        } else {
            None
        }
    }
}
