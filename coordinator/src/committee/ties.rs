//! Breaking a tie as the proposal says, by those who voted.

use orkestra_runtime::id::VoterId;

use super::{
    papers::Papers,
    proposal::{Said, TieWay},
    tally::tie::{Backing, TieBreak, TieRule, break_tie},
};

/// With more who weigh most it is not told who they are, and they decide no tie.
const EXPERTS_MAX: usize = 32;
impl Papers {
    fn tie_rules(&self) -> Vec<TieRule> {
        let rule = |way: &TieWay| match way {
            TieWay::Expert => Some(TieRule::Expert(self.experts())),
            TieWay::Proposer => {
                let voter = &self.proposal.proposer;
                let option = self.said.get(voter).and_then(Said::first);
                Some(TieRule::Proposer { voter: voter.as_str().to_owned(), option })
            }
            TieWay::List(list) => {
                let places = list.iter().filter_map(|option| self.proposal.place(option));
                Some(TieRule::FixedList(places.collect()))
            }
            TieWay::Lot => self.proposal.allows_lot().then(|| TieRule::Lot(self.seed())),
        };
        self.proposal.ties.iter().filter_map(rule).collect()
    }

    /// Those who weigh most of all who voted, and what they are for; nobody where they are many.
    fn experts(&self) -> Vec<Backing> {
        let Some(most) = self.cast().map(|(_, _, member)| member.weight.exact()).max() else {
            return Vec::new();
        };
        let experts = self.cast().filter(|(_, _, member)| member.weight.exact() == most);
        let backing = |(voter, said, _): (&VoterId, &Said, _)| Backing {
            voter: voter.as_str().to_owned(),
            weight: most.clone(),
            option: said.first(),
        };
        let experts: Vec<Backing> = experts.take(EXPERTS_MAX + 1).map(backing).collect();
        if experts.len() > EXPERTS_MAX { Vec::new() } else { experts }
    }

    pub(super) fn break_tie(&self, among: &[usize]) -> TieBreak {
        break_tie(among, &self.tie_rules())
    }

    /// Of whole committees only a list and a lot choose: by the list that comes first whose best is
    /// better, then whose second best, and so on.
    pub(super) fn break_tie_of_sets(&self, sets: &[Vec<usize>]) -> TieBreak {
        let all: Vec<usize> = (0..sets.len()).collect();
        let rule = |rule: TieRule| match rule {
            TieRule::FixedList(list) => {
                let place = |one: &usize| list.iter().position(|other| other == one);
                let mut order = all.clone();
                order.sort_by_key(|set| {
                    let mut places: Vec<Option<usize>> = sets[*set].iter().map(place).collect();
                    places.sort_unstable();
                    places
                });
                Some(TieRule::FixedList(order))
            }
            TieRule::Lot(seed) => Some(TieRule::Lot(seed)),
            TieRule::Expert(_) | TieRule::Proposer { .. } => None,
        };
        let rules: Vec<TieRule> = self.tie_rules().into_iter().filter_map(rule).collect();
        break_tie(&all, &rules)
    }
}
