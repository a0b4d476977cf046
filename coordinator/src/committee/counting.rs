//! Counting a vote that is closed: from its ballots to what they decide, or why they do not.

use std::collections::BTreeMap;

use num_rational::BigRational;
use num_traits::{Signed as _, Zero as _};
use orkestra_runtime::id::VoterId;

use super::{
    compromise::{self, Leading},
    consensus::{self, ClassicMethod, ClassicOutcome, ConsensusLevel},
    deadlock::{self, Deadlock, Patience, RoundEnd},
    independence::{Known, Switched, effective_number_of_families},
    motion::MotionOutcome,
    outcome::{Count, Tallied, Verdict},
    papers::{Papers, missed},
    proposal::{Question, Said},
    tally::{Answer, Counting, Exact, Kind, Method, tie::TieBreak},
};

/// How many voters are named who did the same.
pub(super) const NAMES_MAX: usize = 100;
/// Into how many parts what can be shared is shared where nothing is decided.
const PARTS: usize = 2;

/// What two of one family are taken to err together, of whom nothing else is known: over 350 models,
/// two that both erred agreed in three of five cases (Kim and others 2025, arXiv 2506.07962).
fn of_one_family() -> Exact {
    Exact::ratio(3, 5).unwrap_or_else(Exact::zero)
}

/// What one count comes to.
struct Counted {
    verdict: Verdict,
    count: Count,
    tie: Option<TieBreak>,
    stuck: Vec<Deadlock>,
    runoff: Option<Vec<usize>>,
    /// What each option has, for telling which lead; yes and no of a motion.
    totals: Vec<Exact>,
    others: Option<crate::committee::tally::Comparison>,
    compromises: Vec<compromise::Proposal>,
    level: ConsensusLevel,
}

impl Counted {
    fn nothing(count: Count, stuck: Vec<Deadlock>) -> Self {
        Self {
            verdict: Verdict::Undecided,
            count,
            tie: None,
            stuck,
            runoff: None,
            totals: Vec::new(),
            others: None,
            compromises: Vec::new(),
            level: ConsensusLevel::None,
        }
    }
}

impl Papers {
    /// Counts.
    pub(super) fn count(&self) -> Tallied {
        let counted = self.counted();
        let decides = counted.verdict != Verdict::Undecided;
        let leading = leading(&counted.totals);
        let round = RoundEnd {
            leading: (self.place_of(leading.0), self.place_of(leading.1)),
            ballots: self.hash().0,
        };
        let mut deadlocks = counted.stuck;
        let is_over =
            matches!(&counted.verdict, Verdict::Passed | Verdict::Chosen(_) | Verdict::Vetoed(_));
        if self.is_stalled && !is_over {
            deadlocks.push(Deadlock::Stalled);
        }
        if !decides {
            let mut rounds = self.rounds.clone();
            rounds.push(round.clone());
            let rounds_max = self.proposal.ladder.rounds_max as usize;
            deadlocks
                .extend(deadlock::of_rounds(&rounds, &Patience { repeats_max: 2, rounds_max }));
        }
        let template =
            (!decides && counted.totals.len() > 1 && !self.proposal.question.is_motion())
                .then(|| self.template(&counted.totals, leading))
                .flatten();
        Tallied {
            verdict: counted.verdict,
            count: counted.count,
            others: counted.others,
            tie: counted.tie,
            deadlocks,
            compromises: if decides { Vec::new() } else { counted.compromises },
            template,
            runoff: if decides { None } else { counted.runoff },
            level: counted.level,
            effective: Some(self.effective()),
            switched: self.switched(),
            first: self.by_first_ballots(),
            round: Some(round),
        }
        .fitted()
    }

    fn counted(&self) -> Counted {
        match &self.proposal.question {
            Question::Motion { .. } => self.count_motion(),
            Question::Classic(_) => self.count_classic(),
            Question::Election { kind, method, seats, score_max, quorum, quorum_of, .. } => {
                if self.has_quorum(quorum, *quorum_of) {
                    self.count_election(*method, (*kind, *score_max, *seats))
                } else {
                    Counted::nothing(Count::Nothing, vec![self.no_quorum(quorum)])
                }
            }
        }
    }

    /// What the first ballots of all would have come to, where somebody changed one.
    fn by_first_ballots(&self) -> Option<Verdict> {
        if self.changed.is_empty() {
            return None;
        }
        let mut first = Self { changed: BTreeMap::new(), ..self.clone() };
        first.said.extend(self.changed.iter().map(|(voter, said)| (voter.clone(), said.clone())));
        Some(first.counted().verdict)
    }

    fn no_quorum(&self, quorum: &Exact) -> Deadlock {
        let all = BigRational::from_integer(self.members.len().into());
        let needed = (&quorum.0 * all).ceil().to_integer();
        let needed = usize::try_from(needed).unwrap_or(usize::MAX);
        let present = self.said.len();
        let is_unreachable = present + self.reachable < needed;
        Deadlock::NoQuorum { present, needed, is_unreachable }
    }

    fn count_motion(&self) -> Counted {
        let Some((motion, cast)) = self.motion() else {
            return Counted::nothing(Count::Nothing, Vec::new());
        };
        let counted = motion.at_deadline(&cast);
        let totals = vec![counted.yes.clone(), counted.no.clone()];
        let mut stuck = Vec::new();
        let verdict = match counted.outcome {
            MotionOutcome::Passed => Verdict::Passed,
            MotionOutcome::Failed => {
                stuck.push(missed(&motion.rule, motion.base, &counted));
                Verdict::Failed
            }
            MotionOutcome::NoQuorum => {
                stuck.push(self.no_quorum(&motion.quorum));
                Verdict::Undecided
            }
            MotionOutcome::Vetoed => {
                let vetoed = |(voter, said): (&VoterId, &Said)| {
                    let is_veto = *said == Said::Motion(super::motion::MotionBallot::Veto);
                    (is_veto && motion.veto_holders.contains(voter.as_str())).then(|| voter.clone())
                };
                let by = self.said.iter().filter_map(vetoed).take(NAMES_MAX);
                let by: Vec<VoterId> = by.collect();
                stuck.push(veto(&by));
                Verdict::Vetoed(by)
            }
        };
        let level = level_of(&totals);
        Counted {
            verdict,
            totals,
            level,
            ..Counted::nothing(Count::Motion(Box::new(counted)), stuck)
        }
    }

    fn count_classic(&self) -> Counted {
        let Some(vote) = self.classic() else {
            return Counted::nothing(Count::Nothing, Vec::new());
        };
        let count = vote.count();
        let (mut stuck, mut tie) = (Vec::new(), None);
        let mut runoff = vote.runoff(&count);
        let verdict = match &count.outcome {
            ClassicOutcome::Passed { winner } => Verdict::Chosen(vec![*winner]),
            ClassicOutcome::Tied { among } => {
                let broken = self.break_tie(among);
                let chosen = broken.chosen;
                if chosen.is_none() {
                    stuck.push(Deadlock::TopTie { among: among.clone() });
                    runoff = (among.len() < vote.options).then(|| among.clone());
                }
                tie = Some(broken);
                chosen.map_or(Verdict::Undecided, |winner| Verdict::Chosen(vec![winner]))
            }
            ClassicOutcome::Failed => {
                let needed = match &vote.rule.method {
                    ClassicMethod::Unanimous => Exact::one(),
                    ClassicMethod::Supermajority { share } => share.clone(),
                    ClassicMethod::Weighted { threshold } => threshold.clone(),
                    ClassicMethod::Majority
                    | ClassicMethod::Plurality
                    | ClassicMethod::RankedChoice => half(),
                };
                stuck.push(Deadlock::ThresholdMissed { best: count.share.clone(), needed });
                Verdict::Undecided
            }
            ClassicOutcome::NoQuorum => {
                stuck.push(self.no_quorum(&vote.rule.quorum));
                Verdict::Undecided
            }
            ClassicOutcome::Vetoed { by } => {
                let by = by.iter().take(NAMES_MAX).filter_map(|voter| VoterId::new(voter).ok());
                let by: Vec<VoterId> = by.collect();
                stuck.push(veto(&by));
                Verdict::Vetoed(by)
            }
        };
        let (totals, level) = (count.totals.clone(), count.level);
        let count = Count::Classic(Box::new(count));
        Counted { verdict, tie, runoff, totals, level, ..Counted::nothing(count, stuck) }
    }

    fn count_election(&self, method: Method, how: (Kind, u16, Option<usize>)) -> Counted {
        let election = match self.election(how) {
            Ok(election) if !election.ballots().is_empty() => election,
            // Ballots were looked at when they were cast: here there are none that are for something.
            Ok(_) | Err(_) => {
                return Counted::nothing(Count::Nothing, vec![self.no_quorum(&Exact::one())]);
            }
        };
        let counting = Counting::of(&election);
        let answer = match counting.answer(method) {
            Ok(answer) => answer,
            Err(refused) => return Counted::nothing(Count::Refused(refused), Vec::new()),
        };
        let sets = answer.elected_sets();
        let (mut tie, mut stuck) = (None, Vec::new());
        let chosen = match &sets[..] {
            [] => None,
            [only] => Some(only.clone()),
            [..] if method.is_for_seats() => {
                let broken = self.break_tie_of_sets(&sets);
                let chosen = broken.chosen.and_then(|place| sets.get(place).cloned());
                tie = Some(broken);
                chosen
            }
            [..] => {
                let among: Vec<usize> = sets.iter().flatten().copied().collect();
                let broken = self.break_tie(&among);
                let chosen = broken.chosen.map(|winner| vec![winner]);
                tie = Some(broken);
                chosen
            }
        };
        if chosen.is_none() {
            stuck = deadlock::of_ballots(&counting, &answer, false);
            if stuck.is_empty() {
                let best = share_of_best(&counting);
                stuck.push(Deadlock::ThresholdMissed { best, needed: half() });
            }
        }
        let totals = self.totals(&answer);
        let runoff = chosen.is_none().then(|| runoff(&counting, &sets, &totals)).flatten();
        let compromises =
            if chosen.is_none() { compromise::from_ballots(&counting, PARTS) } else { Vec::new() };
        let methods: Vec<Method> =
            [method].into_iter().chain(self.proposal.tallies.iter().copied()).collect();
        let others = (methods.len() > 1).then(|| counting.compare(&methods));
        let table = (election.candidates() <= TABLE_MAX).then(|| counting.table()).flatten();
        let level = level_of(&self.firsts());
        let count = Count::Election { method, answer: Box::new(answer), table, cut: false };
        let verdict = chosen.map_or(Verdict::Undecided, Verdict::Chosen);
        let rest = Counted::nothing(count, stuck);
        Counted { verdict, tie, runoff, totals, others, compromises, level, ..rest }
    }

    /// What each option has by the method itself, or else as the first of ballots.
    fn totals(&self, answer: &Answer) -> Vec<Exact> {
        answer.scores.clone().unwrap_or_else(|| self.firsts())
    }

    /// How much is for each option before all others.
    fn firsts(&self) -> Vec<Exact> {
        let mut totals = vec![BigRational::zero(); self.proposal.options.len()];
        for (_, said, member) in self.cast() {
            if let Some(total) = said.first().and_then(|first| totals.get_mut(first)) {
                *total += member.weight.exact().0;
            }
        }
        totals.into_iter().map(Exact).collect()
    }

    fn template(
        &self,
        totals: &[Exact],
        (a, b): (usize, usize),
    ) -> Option<(compromise::Template, usize, usize)> {
        let sum: BigRational = totals.iter().map(|total| &total.0).sum();
        if !sum.is_positive() || totals.iter().any(Exact::is_negative) {
            return None;
        }
        let share = |one: usize| Some(Exact(&totals.get(one)?.0 / &sum));
        let nature = self.proposal.nature;
        let leading = Leading {
            shares: (share(a)?, share(b)?),
            is_disjoint: nature.is_disjoint,
            is_exclusive: nature.is_exclusive,
            is_measurable: nature.is_measurable,
        };
        leading.template().map(|template| (template, a, b))
    }

    fn effective(&self) -> Exact {
        let cast: Vec<_> = self.cast().collect();
        let place: BTreeMap<&VoterId, usize> =
            cast.iter().enumerate().map(|(place, (voter, ..))| (*voter, place)).collect();
        let voters: Vec<Known<'_>> = cast
            .iter()
            .map(|(_, _, member)| (member.weight.exact(), member.family.as_deref()))
            .collect();
        let known = self.pairs.iter().filter_map(|((one, other), together)| {
            Some((*place.get(one)?, *place.get(other)?, together.goes_together()?))
        });
        effective_number_of_families(&voters, known, &of_one_family())
    }

    fn switched(&self) -> Switched {
        let name = |voter: &VoterId| voter.as_str().to_owned();
        let first = self.first.iter().map(|(voter, place)| (name(voter), *place)).collect();
        let last = self.said.iter().filter_map(|(voter, said)| Some((name(voter), said.first()?)));
        Switched::between(&first, &last.collect())
    }

    fn place_of(&self, option: usize) -> usize {
        self.places.get(option).copied().unwrap_or(option)
    }
}

/// The largest table that stands in an outcome.
const TABLE_MAX: usize = 20;

pub(super) fn half() -> Exact {
    Exact::ratio(1, 2).unwrap_or_else(Exact::one)
}

fn veto(by: &[VoterId]) -> Deadlock {
    Deadlock::Veto { by: by.iter().map(|voter| voter.as_str().to_owned()).collect() }
}

/// The two that have most; the first of equals first.
fn leading(totals: &[Exact]) -> (usize, usize) {
    let mut order: Vec<usize> = (0..totals.len()).collect();
    order.sort_by(|a, b| totals[*b].cmp(&totals[*a]));
    (order.first().copied().unwrap_or(0), order.get(1).copied().unwrap_or(0))
}

fn level_of(totals: &[Exact]) -> ConsensusLevel {
    let sum: BigRational = totals.iter().map(|total| &total.0).sum();
    let Some(most) = totals.iter().max().filter(|_| sum.is_positive()) else {
        return ConsensusLevel::None;
    };
    let leaders = totals.iter().filter(|total| *total == most).count();
    consensus::level(&(&most.0 / sum), leaders)
}

fn share_of_best(counting: &Counting<'_>) -> Exact {
    let total = counting.total().0;
    let best = counting.answer(Method::Plurality).ok().and_then(|answer| answer.scores);
    let best = best.and_then(|scores| scores.into_iter().max());
    best.filter(|_| total.is_positive()).map_or_else(Exact::zero, |best| Exact(best.0 / total))
}

/// Between whom a runoff would be: those who are tied; else those who beat all others; else the two
/// that lead. None where that is everybody.
fn runoff(counting: &Counting<'_>, sets: &[Vec<usize>], totals: &[Exact]) -> Option<Vec<usize>> {
    let all = counting.election().candidates();
    let is_some = |one: &Vec<usize>| one.len() > 1 && one.len() < all;
    let tied: Vec<usize> = sets.iter().flatten().copied().collect();
    let (a, b) = leading(totals);
    let mut two = vec![a, b];
    two.sort_unstable();
    two.dedup();
    [Some(tied), counting.smith_set(), Some(two)].into_iter().flatten().find(is_some)
}
