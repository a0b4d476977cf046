//! Single transferable vote as in Scottish councils: weighted inclusive Gregory, values cut to five
//! decimals.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero as _;

use super::{
    answer::{Answer, Broken, BrokenBy, Round},
    exact::Exact,
    profile::Profile,
    ranking::candidate,
};

/// One vote is worth this much: five decimals.
const WHOLE: i64 = 100_000;

/// Equal ballots on their way.
struct Paper<'a> {
    vote: &'a [u16],
    /// Which of its candidates holds it; its length when nobody does.
    at: usize,
    /// How many voters it stands for.
    voters: BigRational,
    /// What one of them is worth now, of [`WHOLE`].
    value: BigInt,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Hopeful,
    /// Elected, and what is over the quota is yet to be handed on.
    Elected,
    /// Elected and handed on, or out.
    Done,
}

struct Count<'a> {
    papers: Vec<Paper<'a>>,
    standing: Vec<Standing>,
    /// What each had at the end of each stage, of [`WHOLE`].
    stages: Vec<Vec<BigRational>>,
    places: Vec<usize>,
    elected: Vec<usize>,
    rounds: Vec<Round>,
    ties: Vec<Broken>,
}

pub(super) fn count(profile: &Profile, seats: usize, places: Vec<usize>) -> Answer {
    let papers: Vec<Paper<'_>> = profile
        .weighed()
        .filter(|(vote, _)| !vote.is_empty())
        .map(|(vote, voters)| Paper { vote, at: 0, voters: voters.0, value: WHOLE.into() })
        .collect();
    let votes: BigRational = papers.iter().map(|paper| paper.voters.clone()).sum();
    let seats_and_one = BigRational::from_integer((seats + 1).into());
    let quota = ((votes / seats_and_one).floor() + BigInt::from(1)) * BigInt::from(WHOLE);
    let mut count = Count {
        papers,
        standing: vec![Standing::Hopeful; profile.candidates()],
        stages: Vec::new(),
        places,
        elected: Vec::new(),
        rounds: Vec::new(),
        ties: Vec::new(),
    };
    count.run(seats, &quota);
    let mut elected = count.elected;
    elected.sort_unstable();
    Answer {
        seats: Some(seats),
        elected: Some(elected),
        rounds: Some(count.rounds),
        ties: (!count.ties.is_empty()).then_some(count.ties),
        ..Answer::default()
    }
}

impl Count<'_> {
    fn run(&mut self, seats: usize, quota: &BigRational) {
        loop {
            let held = self.held();
            self.stages.push(held.clone());
            let mut reached: Vec<usize> =
                self.hopefuls().filter(|one| held[*one] >= *quota).collect();
            reached.sort_by(|a, b| {
                held[*b].cmp(&held[*a]).then(self.places[*a].cmp(&self.places[*b]))
            });
            reached.truncate(seats - self.elected.len());
            self.tell(&held, &reached);
            self.elect(&reached);
            let hopefuls: Vec<usize> = self.hopefuls().collect();
            if self.elected.len() + hopefuls.len() <= seats {
                if let Some(round) = self.rounds.last_mut() {
                    round.elected.extend(&hopefuls);
                }
                self.elect(&hopefuls);
            }
            if self.elected.len() == seats {
                return;
            }
            let surplus = |one: usize| &held[one] - quota;
            let over: Vec<usize> = (0..held.len())
                .filter(|one| self.standing[*one] == Standing::Elected)
                .filter(|one| surplus(*one) > BigRational::zero())
                .collect();
            if over.is_empty() {
                let out = self.choose(&hopefuls, false);
                if let Some(round) = self.rounds.last_mut() {
                    round.out.push(out);
                }
                self.hand_on(out, None);
            } else {
                let first = self.choose(&over, true);
                self.hand_on(first, Some((&surplus(first), &held[first])));
            }
        }
    }

    fn hopefuls(&self) -> impl Iterator<Item = usize> {
        let all = self.standing.iter().enumerate();
        all.filter(|(_, standing)| **standing == Standing::Hopeful).map(|(one, _)| one)
    }

    fn elect(&mut self, reached: &[usize]) {
        for one in reached {
            self.standing[*one] = Standing::Elected;
            self.elected.push(*one);
        }
    }

    /// What each holds, of [`WHOLE`]; what was handed on is held no more.
    fn held(&self) -> Vec<BigRational> {
        let mut held = vec![BigRational::zero(); self.standing.len()];
        for paper in &self.papers {
            if let Some(mark) = paper.vote.get(paper.at) {
                held[candidate(*mark)] += &paper.voters * &paper.value;
            }
        }
        held
    }

    fn tell(&mut self, held: &[BigRational], reached: &[usize]) {
        let votes = (0..held.len()).filter(|one| self.standing[*one] != Standing::Done);
        let votes = votes.map(|one| (one, Exact(&held[one] / BigInt::from(WHOLE)))).collect();
        self.rounds.push(Round { votes, elected: reached.to_vec(), out: Vec::new() });
    }

    /// Who of these has most, or least; ties by the latest earlier stage in which they were not
    /// equal, then by the fixed list.
    fn choose(&mut self, among: &[usize], most: bool) -> usize {
        let mut tied = among.to_vec();
        let mut decided_by = None;
        for (back, held) in self.stages.iter().rev().enumerate() {
            let has = tied.iter().map(|one| &held[*one]);
            let Some(best) = (if most { has.max() } else { has.min() }) else { break };
            let left: Vec<usize> = tied.iter().copied().filter(|one| held[*one] == *best).collect();
            if back > 0 && left.len() < tied.len() {
                decided_by = Some((tied.clone(), BrokenBy::EarlierStage));
            }
            tied = left;
            if tied.len() == 1 {
                break;
            }
        }
        let by_place = |one: &&usize| self.places[**one];
        let chosen =
            if most { tied.iter().min_by_key(by_place) } else { tied.iter().max_by_key(by_place) };
        let chosen = chosen.copied().unwrap_or_default();
        if tied.len() > 1 {
            decided_by = Some((tied, BrokenBy::FixedList));
        }
        if let Some((among, by)) = decided_by {
            self.ties.push(Broken { among, chosen, by });
        }
        chosen
    }

    /// Hands on what a candidate holds: all of it, or what is over the quota.
    fn hand_on(&mut self, from: usize, surplus: Option<(&BigRational, &BigRational)>) {
        self.standing[from] = Standing::Done;
        for paper in &mut self.papers {
            if paper.vote.get(paper.at).is_none_or(|mark| candidate(*mark) != from) {
                continue;
            }
            if let Some((surplus, held)) = surplus {
                paper.value = (surplus / held * &paper.value).floor().to_integer();
            }
            let is_hopeful = |mark: &u16| self.standing[candidate(*mark)] == Standing::Hopeful;
            let rest = &paper.vote[paper.at..];
            paper.at += rest.iter().position(is_hopeful).unwrap_or(rest.len());
        }
    }
}
