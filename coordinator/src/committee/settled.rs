//! Closing an election early: when every way in which the missing ballots may come in elects the
//! same.
//!
//! | method | settled when |
//! | --- | --- |
//! | plurality, approval, Borda, sums | the leader's least is above every rival's most |
//! | absolute majority and all that stop at one | a first choice of more than half of everybody |
//! | whatever elects a Condorcet winner | somebody beats each other with more than half of everybody |
//! | several seats, and the rest | never before all ballots are in |
//!
//! "Everybody" is who voted and who may yet. It is sound where ballots are final, and never sound
//! where they may be changed: then nothing is settled.

use num_rational::BigRational;
use num_traits::Zero as _;

use super::tally::{Counting, Exact, Method};

impl Counting<'_> {
    /// Who wins whatever comes in from voters who weigh so much together; none while that is open,
    /// and where ballots may be changed.
    pub fn settled(
        &self,
        method: Method,
        outstanding: &Exact,
        changeable: bool,
    ) -> Option<Vec<usize>> {
        if changeable {
            return None;
        }
        let answer = self.answer(method).ok()?;
        if outstanding.is_zero() {
            return answer.winners;
        }
        if method.is_for_seats() {
            return None;
        }
        let all = self.election().candidates();
        if all == 1 && method.elects() {
            return answer.winners;
        }
        match self.most_of_one_ballot(method) {
            Some(most) => ahead(answer.scores.as_ref()?, &(&outstanding.0 * most)),
            None => self.locked(method, outstanding),
        }
        .map(|winner| vec![winner])
    }

    /// How much further one ballot can bring one candidate than another, for methods that add up
    /// scores.
    fn most_of_one_ballot(&self, method: Method) -> Option<BigRational> {
        let election = self.election();
        let most = match method {
            Method::Plurality | Method::Approval => 1,
            Method::Borda => election.candidates() - 1,
            // The best of a ballot gains as many as there are others, the last loses as many.
            Method::BordaSymmetric => 2 * (election.candidates() - 1),
            Method::ScoreSum => usize::from(election.score_max()),
            _ => return None,
        };
        Some(BigRational::from_integer(most.into()))
    }

    fn locked(&self, method: Method, outstanding: &Exact) -> Option<usize> {
        let everybody = self.total().0 + &outstanding.0;
        let is_most = |weight: &Exact| &weight.0 + &weight.0 > everybody;
        let all = self.election().candidates();
        let by_first_places = || {
            let firsts = self.answer(Method::Plurality).ok()?.scores?;
            (0..all).find(|one| is_most(&firsts[*one]))
        };
        let by_pairs = || {
            let table = self.table()?;
            let is_over = |a: usize| (0..all).all(|b| a == b || is_most(&table[a][b]));
            (0..all).find(|one| is_over(*one))
        };
        match method {
            Method::AbsoluteMajority
            | Method::TopTwoRunoffPut
            | Method::IrvSimultaneous
            | Method::IrvTruncated
            | Method::IrvPut
            | Method::IrvTb
            | Method::CoombsPut
            | Method::Bucklin => by_first_places(),
            _ if elects_condorcet_winner(method) => by_pairs(),
            _ => None,
        }
    }
}

/// Whether a method elects nobody but the Condorcet winner where there is one.
pub const fn elects_condorcet_winner(method: Method) -> bool {
    matches!(
        method,
        Method::CondorcetWinner
            | Method::WeakCondorcetWinners
            | Method::SmithSet
            | Method::SchwartzSet
            | Method::UncoveredSetGillies
            | Method::Copeland
            | Method::Llull
            | Method::Minimax
            | Method::MinimaxMargins
            | Method::MinimaxWinningVotes
            | Method::Schulze
            | Method::SchulzeMargins
            | Method::SchulzeWinningVotes
            | Method::SplitCycle
            | Method::RankedPairsTb
            | Method::RankedPairsTbMargins
            | Method::RankedPairsTbWinningVotes
            | Method::RankedPairsPut
            | Method::Kemeny
            | Method::BaldwinPut
            | Method::NansonStrict
            | Method::BenhamPut
            | Method::SmithIrvPut
            | Method::Black
    )
}

/// Who is ahead of every other by more than can still be made up.
fn ahead(scores: &[Exact], within_reach: &BigRational) -> Option<usize> {
    let is_ahead = |a: usize| {
        let others = scores.iter().enumerate().filter(|(b, _)| *b != a);
        others.map(|(_, score)| &scores[a].0 - &score.0).all(|lead| lead > *within_reach)
    };
    (0..scores.len()).find(|one| is_ahead(*one))
}

/// What may still come in: what voters weigh together who have not voted.
pub fn outstanding<'a>(weights: impl IntoIterator<Item = &'a Exact>) -> Exact {
    Exact(weights.into_iter().fold(BigRational::zero(), |sum, weight| sum + &weight.0))
}
