//! Ballots laid out to be counted.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use num_rational::BigRational;
use num_traits::Zero as _;
use orkestra_runtime::id::{VoteNo, VoterId};

use super::{
    consensus::{ClassicRule, ClassicVote},
    counting::half,
    deadlock::{Deadlock, RoundEnd},
    digest::{Canon, Digest},
    independence::Together,
    motion::{Base, Cast, Motion, MotionCount, MotionRule, QuorumOf},
    proposal::{Electorate, Member, Proposal, Question, Said},
    tally::{Ballot, Election, ElectionFault, Exact, Kind, Vote, Weight, tie::Seed},
};

/// What the bytes begin with by which rounds are compared.
const ROUND: &str = "orkestra-round-v1";
/// The ballots of a vote, laid out to be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Papers {
    /// Which vote.
    pub(super) number: VoteNo,
    /// What was proposed, without the voters.
    pub(super) proposal: Arc<Proposal>,
    /// Who might vote.
    pub(super) members: Arc<Electorate>,
    /// What they said: who is not here is absent.
    pub(super) said: BTreeMap<VoterId, Said>,
    /// What those said first who said something else here later.
    pub(super) changed: BTreeMap<VoterId, Said>,
    /// What each was for first of all, in the first round; by place here, others after those.
    pub(super) first: BTreeMap<VoterId, usize>,
    /// The place of each option in the first round; new ones after those.
    pub(super) places: Vec<usize>,
    /// How the rounds before ended.
    pub(super) rounds: Vec<RoundEnd>,
    /// Who errs together with whom; only of those who voted.
    pub(super) pairs: BTreeMap<(VoterId, VoterId), Together>,
    /// How many have neither voted nor count as absent.
    pub(super) reachable: usize,
    /// Whether it was closed since no ballots came any more.
    pub(super) is_stalled: bool,
}

impl Papers {
    /// Voters with what they said and what they are, by name.
    pub(super) fn cast(&self) -> impl Iterator<Item = (&VoterId, &Said, &Member)> {
        let found = |(voter, said)| Some((voter, said, self.members.get(voter)?));
        self.said.iter().filter_map(found)
    }

    pub(super) fn exact_weights(&self) -> BTreeMap<String, Exact> {
        let weigh = |(voter, member): (&VoterId, &Member)| {
            (voter.as_str().to_owned(), member.weight.exact())
        };
        self.members.iter().map(weigh).collect()
    }

    /// Whether enough took part.
    pub(super) fn has_quorum(&self, quorum: &Exact, of: QuorumOf) -> bool {
        self.is_quorum((quorum, of), |voter| self.said.contains_key(voter))
    }

    /// Whether those who have voted and those who still may are fewer than must.
    pub(super) fn is_out_of_reach(
        &self,
        quorum: (&Exact, QuorumOf),
        aside: &BTreeSet<&VoterId>,
    ) -> bool {
        let may = |voter: &VoterId| self.said.contains_key(voter) || !aside.contains(voter);
        !self.is_quorum(quorum, may)
    }

    fn is_quorum(
        &self,
        (quorum, of): (&Exact, QuorumOf),
        counts: impl Fn(&VoterId) -> bool,
    ) -> bool {
        let (mut present, mut all) = (BigRational::zero(), BigRational::zero());
        for (voter, member) in self.members.iter() {
            let counted = match of {
                QuorumOf::Members => Exact::one().0,
                QuorumOf::Weight => member.weight.exact().0,
            };
            if counts(voter) {
                present += &counted;
            }
            all += counted;
        }
        present >= &quorum.0 * all
    }

    /// What the voters weigh together who may yet vote.
    pub(super) fn outstanding(&self, aside: &BTreeSet<&VoterId>) -> Exact {
        let missing = self
            .members
            .iter()
            .filter(|(voter, _)| !self.said.contains_key(*voter) && !aside.contains(*voter));
        Exact(missing.fold(BigRational::zero(), |sum, (_, member)| sum + member.weight.exact().0))
    }

    /// The motion and what came in on it; none if it is no motion.
    pub(super) fn motion(&self) -> Option<(Motion, Cast)> {
        let Question::Motion { rule, base, quorum, quorum_of, delegations_max } =
            &self.proposal.question
        else {
            return None;
        };
        let holders = self.members.iter().filter(|(_, member)| member.veto);
        let motion = Motion {
            voters: self.exact_weights(),
            rule: rule.clone(),
            base: *base,
            quorum: quorum.clone(),
            quorum_of: *quorum_of,
            veto_holders: holders.map(|(voter, _)| voter.as_str().to_owned()).collect(),
            delegations_max: Some(*delegations_max),
        };
        let mut cast = Cast::default();
        for (voter, said) in &self.said {
            let voter = voter.as_str().to_owned();
            match said {
                Said::Motion(ballot) => drop(cast.ballots.insert(voter, *ballot)),
                Said::Delegate(to) => {
                    cast.delegations.insert(voter, to.as_str().to_owned());
                }
                Said::Classic(_) | Said::Election(_) => {}
            }
        }
        Some((motion, cast))
    }

    /// The classic vote with what came in on it; none if it is none.
    pub(super) fn classic(&self) -> Option<ClassicVote> {
        let Question::Classic(rule) = &self.proposal.question else { return None };
        let security_critical = rule.security_critical || self.proposal.security_critical;
        let ballot = |(voter, said): (&VoterId, &Said)| match said {
            Said::Classic(ballot) => Some((voter.as_str().to_owned(), ballot.clone())),
            Said::Motion(_) | Said::Delegate(_) | Said::Election(_) => None,
        };
        Some(ClassicVote {
            rule: ClassicRule { security_critical, ..rule.clone() },
            options: self.proposal.options.len(),
            voters: self.exact_weights(),
            ballots: self.said.iter().filter_map(ballot).collect(),
        })
    }

    /// An election by the ballots that are for something.
    pub(super) fn election(
        &self,
        (kind, score_max, seats): (Kind, u16, Option<usize>),
    ) -> Result<Election, ElectionFault> {
        let ballot = |(_, said, member): (&VoterId, &Said, &Member)| match said {
            Said::Election(Some(vote)) => Some((vote.clone(), member.weight)),
            Said::Election(None) | Said::Motion(_) | Said::Delegate(_) | Said::Classic(_) => None,
        };
        let cast = self.cast().filter_map(ballot);
        self.election_of(cast, (kind, score_max, seats))
    }

    pub(super) fn election_of(
        &self,
        cast: impl Iterator<Item = (Vote, Weight)>,
        (kind, score_max, seats): (Kind, u16, Option<usize>),
    ) -> Result<Election, ElectionFault> {
        let ballots = cast.map(|(vote, weight)| Ballot { count: 1, weight, vote }).collect();
        let all = self.proposal.options.len();
        let mut election = Election::scored(self.name(), (kind, all, score_max), ballots)?;
        if let Some(seats) = seats {
            election = election.with_seats(seats)?;
        }
        if let Some(list) = self.proposal.tie_list() {
            let places = list.iter().filter_map(|option| self.proposal.place(option));
            election = election.with_tie_break(places.collect())?;
        }
        Ok(election)
    }

    /// What no other vote is called.
    fn name(&self) -> String {
        format!("{}#{}", self.proposal.id, self.number)
    }

    /// What each said, as bytes that are the same for the same.
    fn words(&self) -> impl Iterator<Item = Vec<u8>> {
        self.said.iter().map(|(voter, said)| {
            let content = self.proposal.content(said);
            content.write(Canon::of(ROUND).text(voter.as_str())).done()
        })
    }

    /// The seed of a lot: it goes by what was said and by nothing that a voter could try out, such
    /// as words of a reason.
    pub(super) fn seed(&self) -> Seed {
        Seed::of(&self.name(), self.words())
    }

    /// The hash of who said what.
    pub(super) fn hash(&self) -> Digest {
        self.words().fold(Canon::of(ROUND), |canon, one| canon.bytes(&one)).digest()
    }
}

/// Which part of what a motion goes by said yes, and which had to.
pub(super) fn missed(rule: &MotionRule, base: Base, count: &MotionCount) -> Deadlock {
    let of = match base {
        Base::Cast => &count.yes.0 + &count.no.0,
        Base::Present => count.present.0.clone(),
        Base::Electorate => count.electorate.0.clone(),
    };
    let best = if of.is_zero() { BigRational::zero() } else { &count.yes.0 / of };
    let needed = match rule {
        MotionRule::Majority => half(),
        MotionRule::Supermajority { fraction } => fraction.clone(),
        MotionRule::Unanimity | MotionRule::Consent => Exact::one(),
    };
    Deadlock::ThresholdMissed { best: Exact(best), needed }
}
