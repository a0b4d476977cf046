//! Breaking a tie: a step of its own, after the count, recorded with everything it went by.
//!
//! A lot can be drawn again by anybody: its seed is a hash of the election and all its ballots, so
//! nobody who does not know every ballot can know it, and whoever does comes to the same.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Counting, Election, Exact, profile::Profile};

/// What a seed begins with, so that it is the seed of nothing else.
const LOT: &[u8] = b"orkestra-lot-v1";

/// The seed of a lot, written as hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Seed([u8; 32]);

impl Seed {
    /// The seed of a vote by that name with these ballots, each as bytes that say all of it, in any
    /// order.
    pub fn of<B: AsRef<[u8]>>(vote: &str, ballots: impl IntoIterator<Item = B>) -> Self {
        let mut ballots: Vec<Vec<u8>> =
            ballots.into_iter().map(|ballot| ballot.as_ref().to_vec()).collect();
        ballots.sort_unstable();
        let mut hash = Sha256::new();
        let mut take = |bytes: &[u8]| {
            // The length first: no two lists of parts come to the same bytes.
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        take(LOT);
        take(vote.as_bytes());
        for ballot in &ballots {
            take(ballot);
        }
        Self(hash.finalize().into())
    }

    /// The seed of an election: equal ballots are one with what they weigh together, so that it
    /// does not matter how they were grouped or in what order they came.
    pub fn of_election(election: &Election) -> Self {
        let canonical = election.canonical();
        let mut votes: BTreeMap<Vec<u8>, Exact> = BTreeMap::new();
        for (vote, weighs) in Profile::of(&canonical).weighed() {
            let bytes = vote.iter().flat_map(|mark| mark.to_be_bytes()).collect();
            votes.entry(bytes).or_insert_with(Exact::zero).0 += weighs.0;
        }
        let ballots = votes.into_iter().map(|(mut bytes, weighs)| {
            bytes.extend_from_slice(format!(" {weighs}").as_bytes());
            bytes
        });
        Self::of(election.id(), ballots)
    }

    /// One of so many, each as likely as the others; of none, none.
    fn draw(self, of: usize) -> Option<usize> {
        let of = u64::try_from(of).ok().filter(|of| *of > 0)?;
        // Numbers of the last, incomplete round would be drawn more often than others.
        let fair = u64::MAX - u64::MAX % of;
        let drawn = (0_u64..).map(|turn| {
            let mut hash = Sha256::new();
            hash.update(self.0);
            hash.update(turn.to_be_bytes());
            let bytes: [u8; 32] = hash.finalize().into();
            bytes[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
        });
        let drawn = drawn.take(1_000).find(|number| *number < fair)?;
        usize::try_from(drawn % of).ok()
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed({self})")
    }
}

impl From<Seed> for String {
    fn from(seed: Seed) -> Self {
        seed.to_string()
    }
}

impl TryFrom<String> for Seed {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = "a seed is 64 hexadecimal digits";
        let mut seed = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong);
        }
        for (place, byte) in seed.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).map_err(|_| wrong)?;
        }
        Ok(Self(seed))
    }
}

/// What a voter who may decide a tie stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backing {
    /// The voter.
    pub voter: String,
    /// What the voter weighs in this domain.
    pub weight: Exact,
    /// What the voter is for, if for anything.
    pub option: Option<usize>,
}

/// A way of breaking a tie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TieRule {
    /// By a list, the highest priority first.
    FixedList(Vec<usize>),
    /// By whoever weighs most in the domain, if what those are for is one of the tied.
    Expert(Vec<Backing>),
    /// By whoever proposed it, if they are for one of the tied.
    Proposer {
        /// Who proposed it.
        voter: String,
        /// What they are for, if for anything.
        option: Option<usize>,
    },
    /// By lot.
    Lot(Seed),
}

/// Why a way of breaking a tie decided, or did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TieReason {
    /// It is the first of the tied in the list.
    FirstInList,
    /// None of the tied is in the list.
    NotInList,
    /// This voter weighs most, or all who do are for it.
    BackedBy(Vec<String>),
    /// Those who weigh most are for several, or for none of the tied.
    ExpertsUndecided(Vec<String>),
    /// Its proposer is for it.
    ChosenBy(String),
    /// Its proposer is for none of the tied.
    ProposerUndecided(String),
    /// It was drawn with this seed.
    Drawn(Seed),
}

/// One way that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TieStep {
    /// What it chose, if anything.
    pub chosen: Option<usize>,
    /// Why.
    pub because: TieReason,
}

/// How a tie was broken: every way that was tried, in order; the last decided, if any did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TieBreak {
    /// Who was tied, ascending.
    pub among: Vec<usize>,
    /// What was tried.
    pub steps: Vec<TieStep>,
    /// What was chosen; none when no way decided.
    pub chosen: Option<usize>,
}

/// Tries ways of breaking a tie, one after the other, until one decides.
pub fn break_tie(among: &[usize], rules: &[TieRule]) -> TieBreak {
    let mut among = among.to_vec();
    among.sort_unstable();
    among.dedup();
    let mut steps = Vec::new();
    for rule in rules {
        let step = try_rule(&among, rule);
        let chosen = step.chosen;
        steps.push(step);
        if chosen.is_some() {
            return TieBreak { among, steps, chosen };
        }
    }
    TieBreak { among, steps, chosen: None }
}

fn try_rule(among: &[usize], rule: &TieRule) -> TieStep {
    let is_tied = |option: &usize| among.contains(option);
    match rule {
        TieRule::FixedList(list) => {
            let chosen = list.iter().copied().find(is_tied);
            let because =
                if chosen.is_some() { TieReason::FirstInList } else { TieReason::NotInList };
            TieStep { chosen, because }
        }
        TieRule::Expert(backings) => {
            let most = backings.iter().map(|backing| &backing.weight).max();
            let experts: Vec<&Backing> =
                backings.iter().filter(|backing| Some(&backing.weight) == most).collect();
            let voters = experts.iter().map(|expert| expert.voter.clone()).collect();
            let first = experts.first().and_then(|expert| expert.option);
            let chosen = first
                .filter(|option| experts.iter().all(|expert| expert.option == Some(*option)))
                .filter(is_tied);
            let because = if chosen.is_some() {
                TieReason::BackedBy(voters)
            } else {
                TieReason::ExpertsUndecided(voters)
            };
            TieStep { chosen, because }
        }
        TieRule::Proposer { voter, option } => {
            let chosen = option.filter(is_tied);
            let because = if chosen.is_some() {
                TieReason::ChosenBy(voter.clone())
            } else {
                TieReason::ProposerUndecided(voter.clone())
            };
            TieStep { chosen, because }
        }
        TieRule::Lot(seed) => {
            let chosen = seed.draw(among.len()).map(|place| among[place]);
            TieStep { chosen, because: TieReason::Drawn(*seed) }
        }
    }
}

impl Counting<'_> {
    /// The seed by which a tie in this election is drawn.
    pub fn lot(&self) -> Seed {
        Seed::of_election(self.election)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::committee::tally::{Ballot, Kind, Ranking, Vote};

    fn ranked(orders: &[[u16; 3]]) -> Election {
        let ballot = |order: &[u16; 3]| Ballot::one(Vote::Ranking(Ranking::strict(*order)));
        Election::new("e", (Kind::Ranked, 3), orders.iter().map(ballot).collect()).unwrap()
    }

    #[test]
    fn a_lot_goes_by_the_ballots_and_not_by_their_order_or_their_groups() {
        let one = Seed::of_election(&ranked(&[[0, 1, 2], [2, 1, 0], [0, 1, 2]]));
        assert_eq!(one, Seed::of_election(&ranked(&[[2, 1, 0], [0, 1, 2], [0, 1, 2]])));
        assert_ne!(one, Seed::of_election(&ranked(&[[2, 1, 0], [2, 1, 0], [0, 1, 2]])));
        let vote = Vote::Ranking(Ranking::strict([0, 1, 2]));
        let two = Ballot { count: 2, ..Ballot::one(vote) };
        let other = Ballot::one(Vote::Ranking(Ranking::strict([2, 1, 0])));
        let grouped = Election::new("e", (Kind::Ranked, 3), vec![other, two]).unwrap();
        assert_eq!(one, Seed::of_election(&grouped));
        let again: Seed = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        assert_eq!(again, one);
    }

    #[test]
    fn a_lot_is_fair_to_all_and_the_same_for_ever() {
        let mut drawn = [0; 3];
        for vote in 0..3_000 {
            let seed = Seed::of(&format!("v{vote}"), [b"a"]);
            drawn[seed.draw(3).unwrap()] += 1;
        }
        assert!(drawn.iter().all(|times| (900..1_100).contains(times)), "{drawn:?}");
        assert_eq!(Seed::of("v", [b"a"]).draw(0), None);
        let seed = Seed::of("release", [b"yes".as_slice(), b"no"]);
        let kept = "2374ffab24ecaec9";
        assert_eq!(&seed.to_string()[..16], kept);
    }

    #[test]
    fn who_weighs_most_decides_if_those_agree_on_one_of_the_tied() {
        let backing = |voter: &str, weight: i64, option| Backing {
            voter: voter.to_owned(),
            weight: Exact::whole(weight),
            option,
        };
        let lot = TieRule::Lot(Seed::of("v", [b"a"]));
        let experts = vec![backing("a", 2, Some(1)), backing("b", 1, Some(0))];
        let broken = break_tie(&[0, 1], &[TieRule::Expert(experts), lot.clone()]);
        assert_eq!(broken.chosen, Some(1));
        assert_eq!(broken.steps.len(), 1);
        let divided = vec![backing("a", 2, Some(1)), backing("b", 2, Some(0))];
        let proposer = TieRule::Proposer { voter: "p".to_owned(), option: Some(2) };
        let broken = break_tie(&[1, 0], &[TieRule::Expert(divided), proposer, lot]);
        let because: Vec<_> = broken.steps.iter().map(|step| &step.because).collect();
        assert!(matches!(because[0], TieReason::ExpertsUndecided(who) if who == &["a", "b"]));
        assert_eq!(because[1], &TieReason::ProposerUndecided("p".to_owned()));
        assert!(matches!(because[2], TieReason::Drawn(_)));
        assert!(broken.chosen.is_some());
    }

    #[test]
    fn a_tie_that_no_way_decides_stays_one() {
        let broken = break_tie(&[2, 0], &[TieRule::FixedList(vec![1])]);
        assert_eq!((broken.among, broken.chosen), (vec![0, 2], None));
    }
}
