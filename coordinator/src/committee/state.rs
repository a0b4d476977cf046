//! What is known of votes. Derived parts are rebuilt from the rest.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use orkestra_runtime::{
    id::{Number, TaskNo, VoteId, VoteNo, VoterId},
    time::Wall,
};
use serde::{Deserialize, Serialize};

use super::{
    ballot::Scope,
    command::Truth,
    digest::Digest,
    event::Climb,
    independence::Together,
    outcome::{Aside, Outcome, Why},
    proposal::{Electorate, Member, Proposal, Rung, Said},
    settings::JUDGED_MAX,
    tally::Weight,
    weights::Judged,
};

/// What a vote does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// Voters vote.
    Voting { until: Wall },
    /// Voters reveal what they sealed.
    Revealing { why: Why, until: Wall },
    /// Somebody is to propose what might help.
    Mediating { until: Wall },
    /// A person is to decide.
    Person { until: Wall },
    /// It is closed, and what it comes to is not known yet.
    Counting { why: Why },
    /// It is over.
    Decided { outcome: Arc<Outcome>, at: Wall },
}

/// A ballot that is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) seq: u64,
    pub(super) hash: Digest,
    /// Of the event in which it came.
    pub(super) number: Number,
    pub(super) at: Wall,
    pub(super) signed: bool,
    pub(super) said: Said,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) confidence: Option<Weight>,
    /// How many it replaced.
    #[serde(default)]
    pub(super) replaced: u32,
    /// What the first of them said, where this is not the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) first: Option<Said>,
}

/// A ballot that is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sealed {
    pub(super) seq: u64,
    pub(super) hash: Digest,
    pub(super) number: Number,
    pub(super) at: Wall,
    pub(super) signed: bool,
}

/// A vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Vote {
    /// Without the voters: those are the roll's.
    pub(super) proposal: Arc<Proposal>,
    pub(super) realm: String,
    pub(super) opened: Wall,
    /// The hash of the proposal as it was sent, by which the same is known again.
    pub(super) sent: Digest,
    /// The vote whose event named the voters.
    pub(super) roll: VoteNo,
    /// The first vote of its question.
    pub(super) root: VoteNo,
    #[serde(default)]
    pub(super) climb: Option<Climb>,
    pub(super) phase: Phase,
    #[serde(default)]
    pub(super) note: String,
    #[serde(default)]
    pub(super) ballots: Arc<BTreeMap<VoterId, Kept>>,
    #[serde(default)]
    pub(super) sealed: BTreeMap<VoterId, Sealed>,
    #[serde(default)]
    pub(super) aside: BTreeMap<VoterId, Aside>,
    #[serde(default)]
    pub(super) malformed: BTreeSet<VoterId>,
    /// Whose ballots came too late.
    #[serde(default)]
    pub(super) late: BTreeSet<VoterId>,
    /// When a ballot last came, or voters were last asked; only where it may stall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) heard: Option<Wall>,
    /// How many bytes the reasons of its ballots take.
    #[serde(default)]
    pub(super) reasons_bytes: u64,
    /// The hash of everything that happened in it.
    pub(super) chain: Digest,
    /// The number of the last event of it.
    pub(super) last: Number,
    #[serde(default)]
    pub(super) truth: Option<Truth>,
    /// Only its outcome is left.
    #[serde(default)]
    pub(super) is_bare: bool,
}

impl Vote {
    pub(super) fn round(&self) -> u32 {
        self.climb.as_ref().map_or(1, |climb| climb.round)
    }

    pub(super) fn rung(&self) -> Option<Rung> {
        self.climb.as_ref().map(|climb| climb.rung)
    }

    pub(super) fn scope(&self, number: VoteNo) -> Scope {
        let (realm, vote) = (self.realm.clone(), self.proposal.id.clone());
        Scope { realm, vote, number, round: self.round() }
    }

    pub(super) const fn is_open(&self) -> bool {
        match self.phase {
            Phase::Voting { .. }
            | Phase::Revealing { .. }
            | Phase::Mediating { .. }
            | Phase::Person { .. } => true,
            Phase::Counting { .. } | Phase::Decided { .. } => false,
        }
    }

    /// Until when it waits for somebody.
    pub(super) const fn until(&self) -> Option<Wall> {
        match self.phase {
            Phase::Voting { until }
            | Phase::Revealing { until, .. }
            | Phase::Mediating { until }
            | Phase::Person { until } => Some(until),
            Phase::Counting { .. } | Phase::Decided { .. } => None,
        }
    }

    /// When it is stalled if no ballot comes before.
    pub(super) fn stalls(&self) -> Option<Wall> {
        let is_voting = matches!(self.phase, Phase::Voting { .. });
        let after = Duration::from_millis(self.proposal.stalled_after_ms?);
        self.heard.filter(|_| is_voting).map(|heard| heard + after)
    }

    /// When it is to be looked at though nothing happens.
    pub(super) fn due(&self) -> Option<Wall> {
        let until = self.until()?;
        Some(self.stalls().map_or(until, |stalls| stalls.min(until)))
    }

    pub(super) const fn outcome(&self) -> Option<&Arc<Outcome>> {
        match &self.phase {
            Phase::Decided { outcome, .. } => Some(outcome),
            Phase::Voting { .. }
            | Phase::Revealing { .. }
            | Phase::Mediating { .. }
            | Phase::Person { .. }
            | Phase::Counting { .. } => None,
        }
    }

    pub(super) fn is_sealed(&self) -> bool {
        self.proposal.sealed_ms.is_some()
    }
}

/// Who may vote, in all rounds of a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Roll {
    pub(super) members: Arc<Electorate>,
    /// What their ballots may take in one round, at worst.
    pub(super) reserved: u64,
}

/// Voters who are named for a vote that is not open yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Draft {
    pub(super) members: Arc<Electorate>,
    pub(super) since: Wall,
    /// The hash of all that named them.
    pub(super) chain: Digest,
}

/// How often a voter was right in a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The oldest first.
    pub(super) judged: Vec<Judged>,
    /// The vote that was judged last.
    pub(super) last: Number,
}

impl Record {
    pub(super) fn remember(&mut self, judged: Judged, number: Number) {
        self.judged.push(judged);
        self.last = number;
        if self.judged.len() > JUDGED_MAX {
            self.judged.remove(0);
        }
    }
}

/// Everything durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Durable {
    pub(super) votes: BTreeMap<VoteNo, Vote>,
    /// By the first vote of a question.
    pub(super) rolls: BTreeMap<VoteNo, Roll>,
    pub(super) drafts: BTreeMap<VoteId, Draft>,
    /// By domain and voter.
    pub(super) records: BTreeMap<(String, VoterId), Record>,
    /// Who errs together with whom, whatever the domain; the lesser name first.
    pub(super) pairs: BTreeMap<(VoterId, VoterId), Together>,
    /// Votes by name. Known from the votes, as is all that follows.
    pub(super) names: BTreeMap<VoteId, VoteNo>,
    /// Votes that wait for somebody, by when that ends, or is looked at.
    pub(super) deadlines: BTreeSet<(Wall, VoteNo)>,
    /// Votes that are closed and not decided.
    pub(super) counting: BTreeSet<VoteNo>,
    /// Votes that are not over, by the task that waits for them.
    pub(super) tasks: BTreeMap<TaskNo, VoteNo>,
    /// All rounds of a question.
    pub(super) rounds: BTreeMap<VoteNo, BTreeSet<VoteNo>>,
    /// Questions that are over, by when the last round was.
    pub(super) ended: BTreeSet<(Wall, VoteNo)>,
    /// Those of them that have their ballots still.
    pub(super) full: BTreeSet<(Wall, VoteNo)>,
    /// How many votes are decided.
    pub(super) decided: u64,
    /// How many bytes ballots may come to take, at worst.
    pub(super) reserved: u64,
    /// How many ballots there are.
    pub(super) ballots: u64,
}

impl Durable {
    pub(super) fn named(&self, vote: &VoteId) -> Option<(VoteNo, &Vote)> {
        let no = *self.names.get(vote)?;
        Some((no, self.votes.get(&no)?))
    }

    pub(super) fn member(&self, vote: &Vote, voter: &VoterId) -> Option<&Member> {
        self.rolls.get(&vote.roll)?.members.get(voter)
    }

    pub(super) fn members(&self, vote: &Vote) -> Arc<Electorate> {
        self.rolls.get(&vote.roll).map(|roll| Arc::clone(&roll.members)).unwrap_or_default()
    }

    /// Works out what is known from the rest.
    pub(super) fn derive(&mut self) {
        let votes: Vec<VoteNo> = self.votes.keys().copied().collect();
        for no in votes {
            self.note(no);
        }
    }

    /// Takes a vote, as it now is, into what is known from votes.
    pub(super) fn note(&mut self, no: VoteNo) {
        let Some(vote) = self.votes.get(&no) else { return };
        self.names.insert(vote.proposal.id.clone(), no);
        self.rounds.entry(vote.root).or_default().insert(no);
        if let Some(due) = vote.due() {
            self.deadlines.insert((due, no));
        }
        if !vote.is_bare {
            self.reserved += self.rolls.get(&vote.roll).map_or(0, |roll| roll.reserved);
        }
        self.ballots += (vote.ballots.len() + vote.sealed.len()) as u64;
        match &vote.phase {
            Phase::Counting { .. } => drop(self.counting.insert(no)),
            Phase::Decided { outcome, at } => {
                self.decided += 1;
                if outcome.decision.is_final() {
                    self.ended.insert((*at, vote.root));
                    if !vote.is_bare {
                        self.full.insert((*at, vote.root));
                    }
                }
            }
            Phase::Voting { .. }
            | Phase::Revealing { .. }
            | Phase::Mediating { .. }
            | Phase::Person { .. } => {}
        }
        let is_over = vote.outcome().is_some();
        if let Some(task) = vote.proposal.for_task.filter(|_| !is_over) {
            self.tasks.insert(task, no);
        }
    }

    /// Takes a vote, as it was, out of what is known from votes.
    pub(super) fn unnote(&mut self, no: VoteNo) {
        let Some(vote) = self.votes.get(&no) else { return };
        if let Some(due) = vote.due() {
            self.deadlines.remove(&(due, no));
        }
        self.counting.remove(&no);
        if !vote.is_bare {
            let reserved = self.rolls.get(&vote.roll).map_or(0, |roll| roll.reserved);
            self.reserved = self.reserved.saturating_sub(reserved);
        }
        let ballots = (vote.ballots.len() + vote.sealed.len()) as u64;
        self.ballots = self.ballots.saturating_sub(ballots);
        if let Phase::Decided { outcome, at } = &vote.phase {
            self.decided = self.decided.saturating_sub(1);
            if outcome.decision.is_final() {
                self.ended.remove(&(*at, vote.root));
                self.full.remove(&(*at, vote.root));
            }
        }
        if let Some(task) = vote.proposal.for_task
            && self.tasks.get(&task) == Some(&no)
        {
            self.tasks.remove(&task);
        }
        if let Some(rounds) = self.rounds.get_mut(&vote.root) {
            rounds.remove(&no);
            if rounds.is_empty() {
                self.rounds.remove(&vote.root);
            }
        }
        self.names.remove(&vote.proposal.id);
    }
}
