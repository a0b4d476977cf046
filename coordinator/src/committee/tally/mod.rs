//! Counting: one set of ballots, and every method over it.
//!
//! Promises:
//!
//! 1. Exact: nothing is rounded but where a method's own rules say so (values in Scottish STV, keep
//!    factors in Meek's), and there it is rounded the same way everywhere.
//! 2. Ties are sets. Methods whose name ends in `_put` answer everybody who wins under some way of
//!    breaking the ties on the way, those ending in `_tb` break them by the election's fixed list.
//!    Breaking a tie of winners is a step of its own: [`tie`].
//! 3. An answer depends on the ballots only: not on their order, not on how equal ones are grouped.
//! 4. A method that would have to look at too many ways says so; nothing is guessed.
//!
//! Not promised: that methods agree. `disagreement.rs` says where they do not.

mod answer;
mod ballots;
mod committees;
mod condorcet;
mod copeland;
mod disagreement;
mod election;
mod elimination;
mod equal_shares;
mod exact;
mod irv;
mod kemeny;
mod method;
mod minimax;
mod one_by_one;
mod pairwise;
mod positional;
mod profile;
mod ranked_pairs;
mod ranking;
mod rounds;
mod schulze;
mod score;
mod stv_meek;
mod stv_scottish;
pub mod tie;

use std::cell::OnceCell;

pub use answer::{Answer, Broken, BrokenBy, Refused, Round};
pub use ballots::{Ballot, CANDIDATES_MAX, Kind, SCORE_MAX, Vote, VoteFault};
pub use disagreement::{Comparison, Outcome};
pub use election::{Election, ElectionFault};
pub use exact::{Exact, NotExact, Weight};
pub use method::{Method, NoMethod};
pub use ranking::Ranking;

use pairwise::{Measure, Pairwise};
use profile::Profile;

/// An election made ready for counting by several methods: what they share is worked out once.
#[derive(Debug)]
pub struct Counting<'a> {
    election: &'a Election,
    profile: Profile,
    pairwise: OnceCell<Pairwise>,
}

impl<'a> Counting<'a> {
    /// Makes an election ready.
    pub fn of(election: &'a Election) -> Self {
        Self { election, profile: Profile::of(election), pairwise: OnceCell::new() }
    }

    /// The election.
    pub const fn election(&self) -> &'a Election {
        self.election
    }

    /// What all ballots weigh together, abstentions included.
    pub fn total(&self) -> Exact {
        self.profile.exact(self.profile.total())
    }

    /// What is for each candidate (row) over each other one (column), of rankings and scores; none
    /// for other ballots.
    pub fn table(&self) -> Option<Vec<Vec<Exact>>> {
        let kind = self.election.kind();
        if !kind.is_ranked() && kind != Kind::Score {
            return None;
        }
        let (pairwise, all) = (self.pairwise(), self.election.candidates());
        let row = |a: usize| (0..all).map(|b| self.profile.exact(pairwise.support(a, b))).collect();
        Some((0..all).map(row).collect())
    }

    /// The smallest set of candidates that beats all others; none where ballots rank nobody.
    pub fn smith_set(&self) -> Option<Vec<usize>> {
        self.table().map(|_| condorcet::smith_set(self.pairwise()))
    }

    /// For each distinct vote how many candidates are strictly above each, and what it weighs; of
    /// rankings, scores and approvals, nothing of other ballots.
    pub fn ranks(&self) -> Vec<(Vec<usize>, Exact)> {
        let all = self.election.candidates();
        let kind = self.election.kind();
        let rank = |vote: &[u16]| match kind {
            Kind::Ranked | Kind::RankedTruncated | Kind::RankedWeak => ranking::ranks(vote, all),
            Kind::Score => {
                let above = |score: &u16| vote.iter().filter(|other| *other > score).count();
                vote.iter().map(above).collect()
            }
            Kind::Approval => {
                let is_in = |one: &usize| vote.iter().any(|other| usize::from(*other) == *one);
                (0..all).map(|one| if is_in(&one) { 0 } else { vote.len() }).collect()
            }
            Kind::Single | Kind::Cumulative => Vec::new(),
        };
        let ranked = self.profile.weighed().map(|(vote, weighs)| (rank(vote), weighs));
        ranked.filter(|(ranks, _)| !ranks.is_empty()).collect()
    }

    /// What a method says.
    pub fn answer(&self, method: Method) -> Result<Answer, Refused> {
        let kind = self.election.kind();
        if !method.counts(kind) {
            return Err(Refused::NotDefined { method, kind });
        }
        if method.is_for_seats() { self.for_seats(method) } else { self.for_one(method) }
    }

    fn pairwise(&self) -> &Pairwise {
        self.pairwise.get_or_init(|| {
            if self.election.kind() == Kind::Score {
                Pairwise::of_scores(&self.profile)
            } else {
                Pairwise::of_rankings(&self.profile)
            }
        })
    }

    fn for_one(&self, method: Method) -> Result<Answer, Refused> {
        let profile = &self.profile;
        Ok(match method {
            Method::Plurality => positional::plurality(profile),
            Method::AbsoluteMajority => positional::absolute_majority(profile),
            Method::Antiplurality => positional::antiplurality(profile),
            Method::Borda => positional::borda(profile, self.pairwise()),
            Method::BordaSymmetric => positional::borda_symmetric(profile, self.pairwise()),
            Method::Bucklin => positional::bucklin(profile),
            Method::Black => positional::black(profile, self.pairwise()),
            Method::TopTwoRunoffPut => irv::top_two_put(profile, self.pairwise()),
            Method::IrvSimultaneous | Method::IrvTruncated => irv::simultaneous(profile),
            Method::IrvPut => irv::put(profile)?,
            Method::IrvTb => irv::by_list(profile, &self.election.places(method)?),
            Method::BenhamPut => irv::benham_put(profile, self.pairwise())?,
            Method::SmithIrvPut => irv::smith_put(profile, self.pairwise())?,
            Method::CoombsPut => elimination::coombs_put(profile)?,
            Method::BaldwinPut => elimination::baldwin_put(self.pairwise())?,
            Method::NansonStrict => elimination::nanson(self.pairwise()),
            Method::Approval => committees::approval(profile),
            Method::ScoreSum | Method::CumulativeSum => score::sum(profile),
            Method::ScoreMedian => score::median(profile, self.election.score_max()),
            Method::Star => score::star(profile),
            Method::MajorityGauge => score::majority_gauge(profile, self.election.score_max()),
            Method::MajorityJudgement => {
                score::majority_judgement(profile, self.election.score_max())?
            }
            // All others go by pairs; a test asks for every method.
            _ => self.by_pairs(method)?,
        })
    }

    fn by_pairs(&self, method: Method) -> Result<Answer, Refused> {
        let (profile, pairwise) = (&self.profile, self.pairwise());
        Ok(match method {
            Method::CondorcetWinner => condorcet::winner(pairwise),
            Method::CondorcetLoser => condorcet::loser(pairwise),
            Method::WeakCondorcetWinners => condorcet::weak_winners(pairwise),
            Method::SmithSet => Answer::winners(condorcet::smith_set(pairwise)),
            Method::SchwartzSet => Answer::winners(condorcet::schwartz_set(pairwise)),
            Method::UncoveredSetGillies => Answer::winners(condorcet::uncovered_set(pairwise)),
            Method::Copeland => copeland::count(pairwise, (2, 1)),
            Method::Llull => copeland::count(pairwise, (1, 1)),
            Method::Minimax | Method::MinimaxMargins => {
                minimax::count(profile, pairwise, Measure::Margins)
            }
            Method::MinimaxWinningVotes => minimax::count(profile, pairwise, Measure::WinningVotes),
            Method::Schulze | Method::SchulzeMargins => {
                schulze::schulze(pairwise, Measure::Margins)
            }
            Method::SchulzeWinningVotes => schulze::schulze(pairwise, Measure::WinningVotes),
            Method::SplitCycle => schulze::split_cycle(pairwise),
            Method::RankedPairsTb | Method::RankedPairsTbMargins => {
                let places = self.election.places(method)?;
                ranked_pairs::by_list(pairwise, Measure::Margins, &places)
            }
            Method::RankedPairsTbWinningVotes => {
                let places = self.election.places(method)?;
                ranked_pairs::by_list(pairwise, Measure::WinningVotes, &places)
            }
            Method::RankedPairsPut => ranked_pairs::every_way(pairwise)?,
            Method::Kemeny => kemeny::count(profile, pairwise)?,
            _ => return Err(Refused::NotDefined { method, kind: self.election.kind() }),
        })
    }

    fn for_seats(&self, method: Method) -> Result<Answer, Refused> {
        let profile = &self.profile;
        let seats = self.election.seats().ok_or(Refused::NoSeats { method })?;
        match method {
            Method::StvScottish => {
                Ok(stv_scottish::count(profile, seats, self.election.places_or_order()))
            }
            Method::StvMeek => {
                Ok(stv_meek::count(profile, seats, &self.election.places_or_order()))
            }
            Method::Av => committees::av(profile, seats),
            Method::Sav => committees::sav(profile, seats),
            Method::Pav => committees::pav(profile, seats),
            Method::Cc => committees::cc(profile, seats),
            Method::MinimaxAv => committees::minimax_av(profile, seats),
            Method::SeqPav => one_by_one::seq_pav(profile, seats),
            Method::SeqCc => one_by_one::seq_cc(profile, seats),
            Method::SeqPhragmen => one_by_one::seq_phragmen(profile, seats),
            Method::EqualShares => equal_shares::count(profile, seats, true),
            Method::EqualSharesWithoutCompletion => equal_shares::count(profile, seats, false),
            _ => Err(Refused::NotDefined { method, kind: self.election.kind() }),
        }
    }
}
