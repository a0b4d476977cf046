//! Whether a proposal can be voted on: looked at once, before it is opened.

use std::collections::BTreeSet;

use num_integer::Integer as _;
use num_traits::{Signed as _, Zero as _};
use orkestra_runtime::id::{OptionId, VoteId, VoterId};
use serde::Serialize;

use super::{
    Electorate, Ladder, Member, Proposal, ProposalFault, Question, Rung, TieWay, Weighting,
};
use crate::committee::{
    consensus::{ClassicMethod, ClassicRule},
    motion::MotionRule,
    settings::{self, ROUNDS_MAX},
    signed::VoterKey,
    tally::{CANDIDATES_MAX, Exact, Kind, Method, Weight},
};

type Checked = Result<(), ProposalFault>;

/// The longest name that leaves room for those of later rounds.
const NAME_BYTES_MAX: usize = 120;
/// The common measure of all weights, and each of them in it, is below this.
const WEIGHT_MAX: u64 = 1_000_000_000_000;

/// What a later round of a vote is called.
pub(in crate::committee) fn round_id(root: &VoteId, round: u32) -> Option<VoteId> {
    VoteId::new(format!("{root}.r{round}")).ok()
}

/// Whether a name is one of a later round.
fn is_reserved(id: &VoteId) -> bool {
    let tail = id.as_str().rsplit_once(".r").map(|(_, tail)| tail);
    tail.is_some_and(|tail| !tail.is_empty() && tail.bytes().all(|byte| byte.is_ascii_digit()))
}

/// How many bytes something takes in a record.
pub(in crate::committee) fn bytes_of<T: Serialize>(thing: &T) -> usize {
    // What cannot be written is refused as too large.
    rmp_serde::to_vec_named(thing).map_or(usize::MAX, |bytes| bytes.len())
}

pub(super) fn count(what: &str, is: usize, (min, max): (usize, usize)) -> Checked {
    if (min..=max).contains(&is) {
        return Ok(());
    }
    let [is, min, max] = [is, min, max].map(|number| number as u64);
    Err(ProposalFault::Count { what: what.to_owned(), is, min, max })
}

fn chars(what: &str, text: &str, max: usize) -> Checked {
    // Bytes first: they are known, and no text has more characters.
    if text.len() <= max || text.chars().count() <= max {
        return Ok(());
    }
    Err(ProposalFault::TooLong { what: what.to_owned(), max: max as u64 })
}

fn part(what: &str, part: &Exact, may_be_zero: bool) -> Checked {
    let is_part = !part.0.is_negative() && *part <= Exact::one();
    if is_part && (may_be_zero || !part.0.is_zero()) {
        return Ok(());
    }
    Err(ProposalFault::Part { what: what.to_owned() })
}

/// Whether these can vote on something, whoever is added to them.
pub(in crate::committee) fn sound_members(members: &Electorate) -> Checked {
    for (voter, member) in members {
        if let Some(key) = &member.key
            && key.as_str().parse::<VoterKey>().is_err()
        {
            return Err(ProposalFault::Key { voter: voter.clone() });
        }
        if member.given.is_some() {
            return Err(ProposalFault::Given { voter: voter.clone() });
        }
        if let Some(family) = &member.family {
            chars("a family", family, settings::WORDS_CHARS_MAX)?;
        }
    }
    Ok(())
}

/// Whether all these, named in parts that are each sound, can vote together.
pub(in crate::committee) fn sound_roll<'a>(
    members: impl Iterator<Item = (&'a VoterId, &'a Member)> + Clone,
) -> Checked {
    let mut keys: BTreeSet<&VoterKey> = BTreeSet::new();
    for (voter, member) in members.clone() {
        if let Some(key) = &member.key
            && !keys.insert(key)
        {
            return Err(ProposalFault::KeyTwice { voter: voter.clone() });
        }
    }
    if members.clone().all(|(_, member)| member.weight.parts().0 == 0) {
        return Err(ProposalFault::Weightless);
    }
    sound_weights(members.map(|(_, member)| member.weight))
}

/// Whether weights can be added up without numbers that grow with every voter.
fn sound_weights(weights: impl Iterator<Item = Weight>) -> Checked {
    let mut measure = 1_u64;
    let mut most = 0_u64;
    for weight in weights {
        let (p, q) = weight.parts();
        if q >= WEIGHT_MAX || p >= WEIGHT_MAX {
            return Err(ProposalFault::WeightsTooFine);
        }
        measure = measure.lcm(&q);
        most = most.max(p.div_ceil(q));
        if measure >= WEIGHT_MAX {
            return Err(ProposalFault::WeightsTooFine);
        }
    }
    if most.checked_mul(measure).is_some_and(|most| most < WEIGHT_MAX) {
        Ok(())
    } else {
        Err(ProposalFault::WeightsTooFine)
    }
}

impl Proposal {
    /// Whether it can be voted on by those it names and `enrolled` others.
    pub(in crate::committee) fn check(&self, enrolled: usize) -> Checked {
        if is_reserved(&self.id) {
            return Err(ProposalFault::Reserved);
        }
        if self.id.as_str().len() > NAME_BYTES_MAX {
            return Err(ProposalFault::NameTooLong);
        }
        if enrolled as u64 != self.enrolled {
            let (is, says) = (enrolled as u64, self.enrolled);
            return Err(ProposalFault::Enrolled { is, says });
        }
        let members = self.electorate.len() + enrolled;
        count("voters", members, (1, settings::MEMBERS_MAX))?;
        self.check_texts()?;
        sound_members(&self.electorate)?;
        let (min, max) = (settings::DEADLINE_MS_MIN, settings::DEADLINE_MS_MAX);
        let Ladder { round_ms, patience_ms, .. } = self.ladder;
        for ms in
            [Some(self.deadline_ms), self.sealed_ms, self.stalled_after_ms, round_ms, patience_ms]
        {
            let is = ms.unwrap_or(min);
            if !(min..=max).contains(&is) {
                let what = "milliseconds of time".to_owned();
                return Err(ProposalFault::Count { what, is, min, max });
            }
        }
        self.check_weighting(enrolled)?;
        self.check_question(members)?;
        self.check_ties()?;
        Self::check_ladder(&self.ladder)?;
        count("methods besides", self.tallies.len(), (0, settings::TALLIES_MAX))?;
        count("tasks to follow", self.then.passed.len(), (0, settings::THEN_MAX))?;
        count("tasks to follow", self.then.failed.len(), (0, settings::THEN_MAX))?;
        let (bytes, most) = (bytes_of(self), settings::PROPOSAL_BYTES_MAX);
        if bytes > most {
            return Err(ProposalFault::TooLarge { bytes: bytes as u64, max: most as u64 });
        }
        Ok(())
    }

    fn check_texts(&self) -> Checked {
        chars("its title", &self.title, settings::TITLE_CHARS_MAX)?;
        chars("its domain", &self.domain, settings::WORDS_CHARS_MAX)?;
        chars("the name of who decides", &self.ladder.person, settings::WORDS_CHARS_MAX)?;
        if self.text.len() > settings::TEXT_BYTES_MAX {
            let (what, max) = ("its text".to_owned(), settings::TEXT_BYTES_MAX as u64);
            return Err(ProposalFault::TooLong { what, max });
        }
        let mut ids: BTreeSet<&OptionId> = BTreeSet::new();
        for choice in &self.options {
            chars("the title of an option", &choice.title, settings::TITLE_CHARS_MAX)?;
            if choice.text.len() > settings::OPTION_BYTES_MAX {
                let (what, max) =
                    ("the text of an option".to_owned(), settings::OPTION_BYTES_MAX as u64);
                return Err(ProposalFault::TooLong { what, max });
            }
            if !ids.insert(&choice.id) {
                return Err(ProposalFault::OptionTwice { option: choice.id.clone() });
            }
        }
        Ok(())
    }

    fn check_weighting(&self, enrolled: usize) -> Checked {
        if let Some(cap) = &self.family_cap {
            part("the part that a family may have", cap, false)?;
        }
        match self.weighting {
            Weighting::Given | Weighting::Record(_) => Ok(()),
            Weighting::Expertise if enrolled == 0 => Ok(()),
            Weighting::Expertise => Err(ProposalFault::WeightsElsewhere { max: 0 }),
        }
    }

    fn check_question(&self, members: usize) -> Checked {
        match &self.question {
            Question::Motion { rule, quorum, delegations_max, .. } => {
                if !self.options.is_empty() {
                    return Err(ProposalFault::MotionWithOptions);
                }
                if !self.tallies.is_empty() {
                    let what = "counting a motion by other methods".to_owned();
                    return Err(ProposalFault::Count { what, is: 1, min: 0, max: 0 });
                }
                if let MotionRule::Supermajority { fraction } = rule {
                    part("a supermajority", fraction, false)?;
                }
                if *rule == MotionRule::Consent && self.stalled_after_ms.is_some() {
                    return Err(ProposalFault::SilenceStalls);
                }
                count("delegations", *delegations_max, (0, settings::DELEGATIONS_MAX))?;
                part("a quorum", quorum, true)
            }
            Question::Classic(rule) => self.check_classic(rule),
            Question::Election { kind, method, seats, quorum, .. } => {
                count("options", self.options.len(), (1, CANDIDATES_MAX))?;
                part("a quorum", quorum, true)?;
                self.check_method((*kind, *method), (*seats, members))
            }
        }
    }

    fn check_classic(&self, rule: &ClassicRule) -> Checked {
        count("options", self.options.len(), (1, CANDIDATES_MAX))?;
        if !self.tallies.is_empty() {
            let what = "other methods for a classic vote".to_owned();
            return Err(ProposalFault::Count { what, is: 1, min: 0, max: 0 });
        }
        self.check_members_of("the veto of a voter's own")?;
        part("a quorum", &rule.quorum, true)?;
        match &rule.method {
            ClassicMethod::Supermajority { share } => part("a supermajority", share, false),
            ClassicMethod::Weighted { threshold } => part("a threshold", threshold, false),
            ClassicMethod::Unanimous
            | ClassicMethod::Majority
            | ClassicMethod::Plurality
            | ClassicMethod::RankedChoice => Ok(()),
        }
    }

    fn check_members_of(&self, what: &str) -> Checked {
        if self.electorate.values().any(|member| member.veto) {
            return Err(ProposalFault::OnlyMotions { what: what.to_owned() });
        }
        Ok(())
    }

    fn check_method(
        &self,
        (kind, method): (Kind, Method),
        (seats, members): (Option<usize>, usize),
    ) -> Checked {
        self.check_members_of("the veto of a voter's own")?;
        for one in self.tallies.iter().chain([&method]) {
            if !one.counts(kind) {
                return Err(ProposalFault::Method { method: *one, kind });
            }
            let is_by_list = one.as_str().contains("_tb");
            if is_by_list && self.tie_list().is_none() {
                return Err(ProposalFault::NoList { method: *one });
            }
        }
        // A candidate who loses to every other is elected by nobody.
        if method == Method::CondorcetLoser {
            return Err(ProposalFault::NoElection { method });
        }
        let max = self.options.len();
        let is_sound =
            seats.map_or_else(|| !method.is_for_seats(), |seats| (1..=max).contains(&seats));
        if !is_sound {
            return Err(ProposalFault::Seats { max: max as u64 });
        }
        if let Question::Election { ahead_by: Some(by), .. } = &self.question
            && (members > settings::INLINE_MEMBERS_MAX
                || kind != Kind::Single
                || *by == 0
                || self.changeable
                || self.sealed_ms.is_some())
        {
            return Err(ProposalFault::AheadBy);
        }
        Ok(())
    }

    /// The list of all options by which ties are broken, if one is given.
    pub(in crate::committee) fn tie_list(&self) -> Option<&[OptionId]> {
        self.ties.iter().find_map(|way| match way {
            TieWay::List(list) => Some(&list[..]),
            TieWay::Expert | TieWay::Proposer | TieWay::Lot => None,
        })
    }

    fn check_ties(&self) -> Checked {
        count("ways to break ties", self.ties.len(), (0, 8))?;
        for way in &self.ties {
            match way {
                TieWay::List(list) => {
                    let named: BTreeSet<&OptionId> = list.iter().collect();
                    let all: BTreeSet<&OptionId> =
                        self.options.iter().map(|choice| &choice.id).collect();
                    if named != all || list.len() != all.len() {
                        return Err(ProposalFault::BadList);
                    }
                }
                TieWay::Lot if !self.allows_lot() => return Err(ProposalFault::Lot),
                TieWay::Lot | TieWay::Expert | TieWay::Proposer => {}
            }
        }
        Ok(())
    }

    fn check_ladder(ladder: &Ladder) -> Checked {
        let rounds = usize::try_from(ladder.rounds_max).unwrap_or(usize::MAX);
        count("rounds at most", rounds, (1, ROUNDS_MAX as usize))?;
        let mut seen = BTreeSet::new();
        for rung in &ladder.rungs {
            if !seen.insert(*rung) {
                return Err(ProposalFault::RungTwice { rung: *rung });
            }
        }
        if seen.contains(&Rung::Mediator) && ladder.mediator.is_none() {
            return Err(ProposalFault::NoMediator);
        }
        Ok(())
    }
}
