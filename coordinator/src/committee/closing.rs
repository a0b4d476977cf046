//! Closing votes, and what follows: a count, an outcome, perhaps another round.
//!
//! A vote is closed where this is written, in the order of everything else, and not by anybody's
//! clock: what comes after counts nowhere. A leader that ends before leaves it to the next.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use orkestra_runtime::{
    id::{VoteNo, VoterId},
    time::Now,
};

use super::{
    casting::is_step,
    command::CommitteeCommand,
    consensus::ClassicOutcome,
    counting::NAMES_MAX,
    deadlock::RoundEnd,
    decision::{CommitteeDecision, CommitteeEffect, CommitteeNews, Told},
    event::CommitteeEvent,
    machine::CommitteeMachine,
    officers::ruled,
    outcome::{Decision, Outcome, RULES, Tallied, Turnout, Verdict, Why},
    poll::Poll,
    proposal::{Question, Rung},
    settings::{INLINE_MEMBERS_MAX, PAIRS_MEMBERS_MAX},
    state::{Phase, Vote},
};

impl CommitteeMachine {
    /// Closes a vote if it can be.
    pub(super) fn decide_look(&self, now: Now, no: VoteNo, out: &mut CommitteeDecision) {
        if let Some(vote) = self.durable.votes.get(&no)
            && let Some(why) = self.closes(now, no, vote)
        {
            Self::close(now, (no, vote), why, out);
        }
    }

    /// Why a vote is closed now, or the part of it that goes on; none while it goes on.
    pub(super) fn closes(&self, now: Now, no: VoteNo, vote: &Vote) -> Option<Why> {
        if vote.until()? <= now.wall {
            return Some(Why::Deadline);
        }
        let members = self.durable.rolls.get(&vote.roll).map_or(0, |roll| roll.members.len());
        match &vote.phase {
            Phase::Voting { .. } if vote.stalls().is_some_and(|at| at <= now.wall) => {
                Some(Why::Stalled)
            }
            Phase::Voting { .. } => {
                let ballots = vote.ballots.len().max(vote.sealed.len());
                if vote.proposal.changeable {
                    None
                } else if ballots + vote.aside.len() >= members {
                    Some(Why::AllIn)
                } else if vote.is_sealed() || members > INLINE_MEMBERS_MAX {
                    None
                } else if Self::is_ahead(vote) {
                    Some(Why::Ahead)
                } else {
                    let looks = vote.proposal.early && is_step(ballots);
                    (looks && self.is_settled(no, vote)).then_some(Why::Settled)
                }
            }
            Phase::Revealing { .. } => {
                let hidden = |voter: &&VoterId| !vote.ballots.contains_key(*voter);
                (!vote.sealed.keys().any(|voter| hidden(&voter))).then_some(Why::AllIn)
            }
            Phase::Mediating { .. }
            | Phase::Person { .. }
            | Phase::Counting { .. }
            | Phase::Decided { .. } => None,
        }
    }

    /// Whether one option is ahead by as much as closes the vote.
    fn is_ahead(vote: &Vote) -> bool {
        let Question::Election { ahead_by: Some(by), .. } = &vote.proposal.question else {
            return false;
        };
        let mut totals = vec![0_u32; vote.proposal.options.len()];
        for kept in vote.ballots.values() {
            if let Some(total) = kept.said.first().and_then(|first| totals.get_mut(first)) {
                *total += 1;
            }
        }
        totals.sort_unstable_by(|a, b| b.cmp(a));
        let lead = |first: &u32| first - totals.get(1).copied().unwrap_or(0);
        totals.first().map(lead) >= Some(*by)
    }

    /// Whether nothing that is missing can change what the vote comes to.
    ///
    /// What fails is settled only where nothing follows from it: between whom a runoff is, the ballots
    /// that are missing would say.
    fn is_settled(&self, no: VoteNo, vote: &Vote) -> bool {
        let poll = self.poll(no, vote).papers();
        let is_end = vote.proposal.ladder.rungs.is_empty();
        let aside = vote.aside.keys().collect();
        let no_quorum = |part, of| is_end && poll.is_out_of_reach((part, of), &aside);
        match &vote.proposal.question {
            Question::Motion { quorum: part, quorum_of, .. } => {
                let Some((motion, cast)) = poll.motion() else { return false };
                let settled = motion.settled_now(&cast);
                let decides = |outcome| match outcome {
                    super::motion::MotionOutcome::Passed | super::motion::MotionOutcome::Vetoed => {
                        true
                    }
                    super::motion::MotionOutcome::Failed
                    | super::motion::MotionOutcome::NoQuorum => is_end,
                };
                settled.is_some_and(decides) || no_quorum(part, *quorum_of)
            }
            Question::Classic(rule) => {
                let Some(classic) = poll.classic() else { return false };
                match classic.settled_now() {
                    Some(ClassicOutcome::Passed { .. } | ClassicOutcome::Vetoed { .. }) => true,
                    Some(ClassicOutcome::Failed | ClassicOutcome::NoQuorum) => is_end,
                    // Whose word breaks the tie may not have voted yet.
                    Some(ClassicOutcome::Tied { .. }) | None => {
                        no_quorum(&rule.quorum, rule.quorum_of)
                    }
                }
            }
            Question::Election {
                kind, method, seats, score_max, quorum: part, quorum_of, ..
            } => {
                let Ok(election) = poll.election((*kind, *score_max, *seats)) else { return false };
                let counting = super::tally::Counting::of(&election);
                let outstanding = poll.outstanding(&aside);
                let winners = counting.settled(*method, &outstanding, vote.proposal.changeable);
                let one = winners.is_some_and(|winners| winners.len() == 1);
                (one && poll.has_quorum(part, *quorum_of)) || no_quorum(part, *quorum_of)
            }
        }
    }

    /// Ends the part of a vote that goes on.
    pub(super) fn close(
        now: Now,
        (no, vote): (VoteNo, &Vote),
        why: Why,
        out: &mut CommitteeDecision,
    ) {
        let why = match (&vote.phase, why) {
            (Phase::Voting { .. }, why) if !vote.sealed.is_empty() => {
                let ms = vote.proposal.sealed_ms.unwrap_or_default();
                let until = now.wall + Duration::from_millis(ms);
                out.event(CommitteeEvent::Unsealing { vote: no, why, until });
                out.tell((&vote.proposal.id, no), Told::Reveal);
                return;
            }
            // That all is revealed, or that it was time, is not why no more ballots came.
            (Phase::Revealing { why, .. }, Why::AllIn | Why::Deadline) => why.clone(),
            (_, why) => why,
        };
        out.event(CommitteeEvent::Closed { vote: no, why });
        out.then.push(CommitteeCommand::Conclude { vote: no });
    }

    /// Counts a vote that is closed: here where that takes no time, elsewhere where it may.
    pub(super) fn decide_conclude(&self, now: Now, no: VoteNo, out: &mut CommitteeDecision) {
        let Some(vote) = self.durable.votes.get(&no) else { return };
        if !self.durable.counting.contains(&no) {
            return;
        }
        if !is_counted(vote) {
            self.conclude(now, (no, vote), Tallied::nothing(), out);
            return;
        }
        let poll = self.poll(no, vote);
        if poll.is_small() {
            self.conclude(now, (no, vote), poll.count(), out);
        } else {
            out.effects.push(CommitteeEffect::Count { vote: no, poll: Arc::new(poll) });
        }
    }

    /// Says what a vote came to, and opens what follows.
    pub(super) fn conclude(
        &self,
        now: Now,
        (no, vote): (VoteNo, &Vote),
        tallied: Tallied,
        out: &mut CommitteeDecision,
    ) {
        let Phase::Counting { why } = &vote.phase else { return };
        let (decision, next) = self.decision(now, (no, vote), &tallied);
        let outcome = self.outcome((no, vote), (decision, why.clone()), tallied);
        self.decided((no, vote), outcome, out);
        if let Some(event) = next {
            Self::climbed((no, vote), event, out);
        }
    }

    /// What a count decides, and the event that opens what follows where it decides nothing.
    pub(super) fn decision(
        &self,
        now: Now,
        (no, vote): (VoteNo, &Vote),
        tallied: &Tallied,
    ) -> (Decision, Option<CommitteeEvent>) {
        if let Phase::Counting { why: Why::Withdrawn { .. } } = &vote.phase {
            return (Decision::Withdrawn, None);
        }
        if let Phase::Counting { why: Why::Person { ruling, .. } } = &vote.phase {
            // It was looked at before it was written.
            return (ruled(&vote.proposal, ruling).unwrap_or(Decision::Unresolved), None);
        }
        let stays = match &tallied.verdict {
            Verdict::Passed => return (Decision::Passed, None),
            Verdict::Vetoed(by) => return (Decision::Vetoed { by: by.clone() }, None),
            Verdict::Chosen(places) => {
                let named = places.iter().filter_map(|place| vote.proposal.option(*place));
                return (Decision::Chosen(named.cloned().collect()), None);
            }
            Verdict::Failed => Decision::Failed,
            Verdict::Undecided => Decision::Unresolved,
        };
        match self.next_rung(now, (no, vote), tallied) {
            Some((id, rung, event)) => (Decision::Next { vote: id, rung }, Some(event)),
            None => (stays, None),
        }
    }

    pub(super) fn outcome(
        &self,
        (no, vote): (VoteNo, &Vote),
        (decision, why): (Decision, Why),
        tallied: Tallied,
    ) -> Outcome {
        let mut rounds = self.rounds_before(vote);
        rounds.extend(tallied.round.clone());
        Outcome {
            vote: vote.proposal.id.clone(),
            number: no,
            round: vote.round(),
            decision,
            why,
            turnout: self.turnout(vote),
            tallied,
            rounds,
            rules: RULES,
            record: vote.chain,
        }
    }

    pub(super) fn decided(
        &self,
        (no, vote): (VoteNo, &Vote),
        outcome: Outcome,
        out: &mut CommitteeDecision,
    ) {
        let outcome = Arc::new(outcome);
        out.event(CommitteeEvent::Decided { vote: no, outcome: Arc::clone(&outcome) });
        out.tell((&vote.proposal.id, no), Told::Decided(Arc::clone(&outcome)));
        if outcome.decision.is_final() {
            let then = &vote.proposal.then;
            let submit = match &outcome.decision {
                Decision::Passed | Decision::Chosen(_) => then.passed.clone(),
                Decision::Failed | Decision::Vetoed { .. } | Decision::Unresolved => {
                    then.failed.clone()
                }
                Decision::Withdrawn | Decision::Next { .. } => Vec::new(),
            };
            let root = self.durable.votes.get(&vote.root).unwrap_or(vote).proposal.id.clone();
            let (task, namespace) = (vote.proposal.for_task, then.namespace.clone());
            out.news.push(CommitteeNews::Decided { task, root, outcome, submit, namespace });
        }
    }

    /// The ballots of a vote, as they are to be counted.
    pub(super) fn poll(&self, no: VoteNo, vote: &Vote) -> Poll {
        let members = self.durable.members(vote);
        let accounted = vote.ballots.len().max(vote.sealed.len()) + vote.aside.len();
        let root = self.durable.votes.get(&vote.root).unwrap_or(vote);
        Poll {
            number: no,
            proposal: Arc::clone(&vote.proposal),
            ballots: Arc::clone(&vote.ballots),
            root: (Arc::clone(&root.proposal), Arc::clone(&root.ballots)),
            rounds: self.rounds_before(vote),
            pairs: self.pairs_of(vote),
            reachable: members.len().saturating_sub(accounted),
            is_stalled: matches!(&vote.phase, Phase::Counting { why: Why::Stalled }),
            members,
        }
    }

    /// How the rounds before this one ended.
    fn rounds_before(&self, vote: &Vote) -> Vec<RoundEnd> {
        let before = vote.climb.as_ref().and_then(|climb| self.durable.votes.get(&climb.from));
        before.and_then(Vote::outcome).map(|outcome| outcome.rounds.clone()).unwrap_or_default()
    }

    /// How those who voted err together, as far as it is known: looked up by voters where those are few,
    /// among what is known where they are many.
    fn pairs_of(&self, vote: &Vote) -> BTreeMap<(VoterId, VoterId), super::independence::Together> {
        let (pairs, ballots) = (&self.durable.pairs, &vote.ballots);
        if ballots.len() > PAIRS_MEMBERS_MAX {
            let voted = |(one, other): &(VoterId, VoterId)| {
                ballots.contains_key(one) && ballots.contains_key(other)
            };
            let known = pairs.iter().filter(|(pair, _)| voted(pair));
            return known.map(|(pair, together)| (pair.clone(), *together)).collect();
        }
        let voters: Vec<&VoterId> = ballots.keys().collect();
        let both = voters.iter().enumerate().flat_map(|(at, one)| {
            voters[at + 1..].iter().map(move |other| ((*one).clone(), (*other).clone()))
        });
        let known = |pair: (VoterId, VoterId)| {
            let together = *pairs.get(&pair)?;
            Some((pair, together))
        };
        both.filter_map(known).collect()
    }

    fn turnout(&self, vote: &Vote) -> Turnout {
        let hidden = vote.sealed.keys().filter(|voter| !vote.ballots.contains_key(*voter));
        let unrevealed_by: Vec<VoterId> = hidden.clone().take(NAMES_MAX).cloned().collect();
        let aside = vote.aside.iter().take(NAMES_MAX);
        Turnout {
            eligible: self.durable.rolls.get(&vote.roll).map_or(0, |roll| roll.members.len())
                as u64,
            cast: vote.ballots.len() as u64,
            abstained: vote.ballots.values().filter(|kept| kept.said.is_abstention()).count()
                as u64,
            unrevealed: hidden.count() as u64,
            unrevealed_by,
            aside: aside.map(|(voter, why)| (voter.clone(), why.clone())).collect(),
            late: vote.late.len() as u64,
        }
    }
}

/// Whether it goes by the ballots: not where a person decided or was to, nor where it was withdrawn,
/// nor where voters were never asked since a mediator said nothing.
pub(super) fn is_counted(vote: &Vote) -> bool {
    if matches!(vote.phase, Phase::Counting { why: Why::Withdrawn { .. } | Why::Person { .. } }) {
        return false;
    }
    match vote.rung() {
        Some(Rung::Person) => false,
        Some(Rung::Mediator) => !vote.note.is_empty(),
        Some(Rung::Reask | Rung::Runoff | Rung::Approval | Rung::Compromise) | None => true,
    }
}
