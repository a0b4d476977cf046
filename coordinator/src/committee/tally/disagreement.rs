//! Several counts of the same ballots, and where they disagree.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Answer, Counting, Method, Refused};

/// Several counts of the same ballots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// What each method says.
    pub answers: BTreeMap<Method, Answer>,
    /// Methods that have no answer, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<Method, Refused>,
    /// Methods that elect the same, together; those that most methods elect first.
    pub outcomes: Vec<Outcome>,
    /// Whom every method elects in every way it allows.
    pub sure: Vec<usize>,
    /// Whom some method elects and another does not.
    pub contested: Vec<usize>,
}

/// What some methods elect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whoever may be elected together: tied winners and tied committees are one each.
    pub elects: Vec<Vec<usize>>,
    /// The methods.
    pub methods: Vec<Method>,
}

impl Comparison {
    /// Whether all methods that have an answer elect the same.
    pub const fn is_agreed(&self) -> bool {
        self.outcomes.len() <= 1
    }
}

impl Method {
    /// Whether it elects somebody. Others tell something about the candidates, and may name nobody.
    pub const fn elects(self) -> bool {
        !matches!(
            self,
            Self::AbsoluteMajority
                | Self::CondorcetWinner
                | Self::CondorcetLoser
                | Self::WeakCondorcetWinners
                | Self::SmithSet
                | Self::SchwartzSet
                | Self::UncoveredSetGillies
        )
    }
}

impl Counting<'_> {
    /// Counts by each of these methods; only those that elect somebody are compared, and only with
    /// those that elect as many.
    pub fn compare(&self, methods: &[Method]) -> Comparison {
        let (mut answers, mut refused) = (BTreeMap::new(), BTreeMap::new());
        for method in methods {
            match self.answer(*method) {
                Ok(answer) => drop(answers.insert(*method, answer)),
                Err(why) => drop(refused.insert(*method, why)),
            }
        }
        let is_for_seats = methods.iter().all(|method| method.is_for_seats());
        let compared = || {
            let comparable =
                |method: &Method| method.elects() && method.is_for_seats() == is_for_seats;
            answers.iter().filter(move |(method, _)| comparable(method))
        };
        let mut groups: BTreeMap<Vec<Vec<usize>>, Vec<Method>> = BTreeMap::new();
        for (method, answer) in compared() {
            groups.entry(answer.elected_sets()).or_default().push(*method);
        }
        let everybody: BTreeSet<usize> = groups.keys().flatten().flatten().copied().collect();
        let is_sure = |one: &usize| groups.keys().flatten().all(|set| set.contains(one));
        let (sure, contested) = everybody.iter().copied().partition(is_sure);
        let mut outcomes: Vec<Outcome> =
            groups.into_iter().map(|(elects, methods)| Outcome { elects, methods }).collect();
        outcomes.sort_by_key(|outcome| std::cmp::Reverse(outcome.methods.len()));
        Comparison { answers, refused, outcomes, sure, contested }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::committee::tally::{Ballot, Election, Kind, Ranking, Vote};

    fn election(ballots: &[(u64, [u16; 4])]) -> Election {
        let ballot = |(count, order): &(u64, [u16; 4])| {
            let vote = Vote::Ranking(Ranking::strict(*order));
            Ballot { count: *count, ..Ballot::one(vote) }
        };
        Election::new("e", (Kind::Ranked, 4), ballots.iter().map(ballot).collect()).unwrap()
    }

    #[test]
    fn where_methods_disagree_it_is_said_who_elects_whom() {
        // The capital of Tennessee: the largest city, the middle one, and the one that wins by
        // elimination.
        let capital = election(&[
            (42, [0, 1, 2, 3]),
            (26, [1, 2, 3, 0]),
            (15, [2, 3, 1, 0]),
            (17, [3, 2, 1, 0]),
        ]);
        let counting = Counting::of(&capital);
        let methods = [Method::Plurality, Method::Schulze, Method::Borda, Method::IrvPut];
        let compared = counting.compare(&methods);
        assert!(!compared.is_agreed());
        let first = &compared.outcomes[0];
        assert_eq!(first.elects, [[1]]);
        assert_eq!(first.methods, [Method::Borda, Method::Schulze]);
        assert_eq!((compared.sure, compared.contested), (vec![], vec![0, 1, 3]));
    }

    #[test]
    fn where_they_agree_nobody_is_contested() {
        let clear = election(&[(3, [0, 1, 2, 3]), (1, [1, 0, 2, 3])]);
        // Who is last nowhere is two here, and is not asked for.
        let is_asked = |one: &Method| !one.is_for_seats() && *one != Method::Antiplurality;
        let methods: Vec<Method> = Method::of(Kind::Ranked).filter(is_asked).collect();
        let compared = Counting::of(&clear).compare(&methods);
        assert!(compared.is_agreed(), "{:?}", compared.outcomes);
        assert_eq!((compared.sure, compared.contested), (vec![0], vec![]));
        let refused: Vec<&str> = compared.refused.keys().map(|one| one.as_str()).collect();
        assert!(refused.iter().all(|name| name.contains("_tb")), "no list is there: {refused:?}");
        assert_eq!(refused.len(), 4);
    }
}
