//! What leaves memory: ballots of votes that are long decided, then their outcomes, and voters who
//! were enrolled for votes that nobody opened. The journal keeps what it has.

use orkestra_runtime::{
    id::{VoteId, VoteNo},
    time::{Now, Wall},
};

use super::{decision::CommitteeDecision, event::CommitteeEvent, machine::CommitteeMachine};

/// How many questions more than are retained are let stand, so that one event forgets many.
const SLACK: usize = 20;
/// How many questions one event forgets.
const FORGET_MAX: usize = 100;

impl CommitteeMachine {
    /// When something must leave memory; the beginning of time if it must now.
    pub(super) fn next_forgetting(&self) -> Option<Wall> {
        let durable = &self.durable;
        let retain = |number: u32| number as usize + SLACK;
        if durable.full.len() > retain(self.settings.retain_ballots)
            || durable.ended.len() > retain(self.settings.retain_votes)
        {
            return Some(Wall::default());
        }
        let old = durable.ended.first().map(|(at, _)| *at + self.settings.retain_for);
        // There are few drafts.
        let drafts = durable.drafts.values().map(|draft| draft.since).min();
        let drafts = drafts.map(|since| since + self.settings.enrol_for);
        [old, drafts].into_iter().flatten().min()
    }

    /// Forgets some of what must leave memory, the oldest first.
    pub(super) fn decide_sweep(&self, now: Now, out: &mut CommitteeDecision) {
        let durable = &self.durable;
        let beyond = |has: usize, retained: u32| has.saturating_sub(retained as usize);
        let too_many = beyond(durable.ended.len(), self.settings.retain_votes);
        let gone = durable.ended.iter().enumerate().take_while(|(place, (at, _))| {
            *place < too_many || *at + self.settings.retain_for <= now.wall
        });
        let gone: Vec<VoteNo> = gone.take(FORGET_MAX).map(|(_, (_, root))| *root).collect();
        let too_many = beyond(durable.full.len(), self.settings.retain_ballots);
        let bare = durable.full.iter().take(too_many.min(FORGET_MAX)).map(|(_, root)| *root);
        let bare: Vec<VoteNo> = bare.filter(|root| !gone.contains(root)).collect();
        let old = |since: Wall| since + self.settings.enrol_for <= now.wall;
        let drafts = durable.drafts.iter().filter(|(_, draft)| old(draft.since));
        let drafts: Vec<VoteId> = drafts.map(|(vote, _)| vote.clone()).collect();
        let (votes, ballots) = (self.rounds_of(&gone), self.rounds_of(&bare));
        if !(votes.is_empty() && ballots.is_empty() && drafts.is_empty()) {
            out.event(CommitteeEvent::Forgotten { ballots, votes, drafts });
        }
    }

    fn rounds_of(&self, roots: &[VoteNo]) -> Vec<VoteNo> {
        let rounds = roots.iter().filter_map(|root| self.durable.rounds.get(root));
        rounds.flatten().copied().collect()
    }
}
