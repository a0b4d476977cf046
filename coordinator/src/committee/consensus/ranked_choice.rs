//! Ranked choice among the six: instant runoff that always drops exactly one.

use num_rational::BigRational;
use num_traits::Zero as _;

use super::{ClassicBallot, ClassicVote};
use crate::committee::tally::{Exact, Round};

pub(super) struct Ran {
    pub(super) winner: Option<usize>,
    pub(super) rounds: Vec<Round>,
}

/// Whoever has more than half of the ballots that still rank somebody wins; else who has fewest is
/// out. Of several with fewest it is who had fewest first places at the beginning, then who has the
/// least weight of voters behind them, then the last by number. Ballots that rank nobody who is
/// left count no more.
pub(super) fn run(vote: &ClassicVote, votes: &[(Vec<usize>, BigRational)]) -> Ran {
    let mut left: Vec<usize> = (0..vote.options).collect();
    let has = |one: usize, left: &[usize]| -> BigRational {
        let tops = votes.iter().filter(|(ranking, _)| {
            ranking.iter().find(|option| left.contains(option)) == Some(&one)
        });
        tops.map(|(_, counts)| counts).sum()
    };
    let all = left.clone();
    let mut rounds = Vec::new();
    loop {
        let totals: Vec<BigRational> = left.iter().map(|one| has(*one, &left)).collect();
        let going_on: BigRational = totals.iter().sum();
        let told = left.iter().copied().zip(totals.iter().cloned().map(Exact)).collect();
        let mut round = Round { votes: told, elected: Vec::new(), out: Vec::new() };
        if going_on.is_zero() {
            rounds.push(round);
            return Ran { winner: None, rounds };
        }
        let winner = left.iter().zip(&totals).find(|(_, has)| *has + *has > going_on);
        if let Some((winner, _)) = winner {
            round.elected.push(*winner);
            rounds.push(round);
            return Ran { winner: Some(*winner), rounds };
        }
        let key = |(one, total): (&usize, &BigRational)| {
            let behind = expertise(vote, *one);
            (total.clone(), has(*one, &all), behind, std::cmp::Reverse(*one))
        };
        let out = left.iter().zip(&totals).map(key).min().map(|(_, _, _, one)| one.0);
        round.out.extend(out);
        rounds.push(round);
        left.retain(|one| Some(*one) != out);
    }
}

/// What those weigh in the domain whose first choice it is.
fn expertise(vote: &ClassicVote, option: usize) -> BigRational {
    let is_for = |ballot: &ClassicBallot| ballot.ranking().first() == Some(&option);
    vote.ballots
        .iter()
        .filter(|(_, ballot)| is_for(ballot))
        .filter_map(|(voter, _)| vote.voters.get(voter))
        .map(|weight| &weight.0)
        .sum()
}
