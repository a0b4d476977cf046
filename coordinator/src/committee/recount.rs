//! Counting again: from the events of votes alone to the same outcomes, or to the first place where
//! they are not what follows.
//!
//! Every event is decided anew from the state that those before it have left, signatures checked
//! again; what was written must be what is decided. It is not asked whether a deadline had passed, or
//! for how long no ballot had come, when that was written: a vote is closed where it is written, and the time of a record is that of its
//! first event.

use std::collections::{BTreeMap, BTreeSet};

use orkestra_runtime::{
    id::{Number, VoteId, VoteNo},
    machine::ReplyTo,
    time::{Moment, Now, Wall},
};
use serde::{Deserialize, Serialize};

use super::{
    closing::is_counted,
    command::{Casting, CommitteeCommand, Mediation, Officer, Sealing},
    decision::CommitteeDecision,
    digest::Digest,
    event::CommitteeEvent,
    machine::CommitteeMachine,
    outcome::{Aside, Decision, Outcome, RULES, Tallied, Why},
    proposal::Weighting,
    settings::PAIRS_MEMBERS_MAX,
    signed::Signed,
    state::{Phase, Vote},
};

/// Where a record is not what follows from what stands before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Which event.
    pub number: Number,
    /// Why it cannot be.
    pub why: String,
}

/// One round, counted again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recounted {
    /// Its name.
    pub vote: VoteId,
    /// Its number.
    pub number: VoteNo,
    /// What was decided, if it was.
    pub decision: Option<Decision>,
    /// The hash of everything that happened in it.
    pub record: Digest,
}

/// A question that is counted again.
#[derive(Clone, Debug)]
pub struct Recount {
    root: VoteNo,
    machine: CommitteeMachine,
    rounds: BTreeSet<VoteNo>,
    /// What must follow a round that decided nothing.
    next: BTreeMap<VoteNo, CommitteeEvent>,
    /// Whether everything is heard from the first event on.
    is_whole: bool,
    difference: Option<Difference>,
}

impl Recount {
    /// Of all rounds of the question whose first vote has this number; `is_whole` says whether
    /// everything will be heard from the shard's first event on, as it is unless the journal was
    /// compacted.
    pub fn of(root: VoteNo, is_whole: bool) -> Self {
        Self {
            root,
            machine: CommitteeMachine::default(),
            rounds: BTreeSet::from([root]),
            next: BTreeMap::new(),
            is_whole,
            difference: None,
        }
    }

    /// Takes the next event of the shard's votes, in order: all of them, from the first that is still
    /// there, since records of voters come from other votes.
    pub fn hear(&mut self, number: Number, at: Wall, event: &CommitteeEvent) {
        if self.difference.is_some() {
            return;
        }
        if self.is_of_it(number, event)
            && let Err(why) = self.check(number, at, event)
        {
            self.difference = Some(Difference { number, why });
            return;
        }
        // What leaves memory elsewhere stays here until it was counted.
        if let CommitteeEvent::Forgotten { ballots, votes, drafts } = event {
            let others = |votes: &[VoteNo]| {
                votes.iter().filter(|no| !self.rounds.contains(no)).copied().collect()
            };
            let (ballots, votes) = (others(ballots), others(votes));
            let others = CommitteeEvent::Forgotten { ballots, votes, drafts: drafts.clone() };
            self.machine.apply(number, at, &others);
            return;
        }
        self.machine.apply(number, at, event);
    }

    /// What came of it: each round, and the first place where the record is not what follows.
    pub fn finish(self) -> (Vec<Recounted>, Option<Difference>) {
        let found = |no: &VoteNo| {
            let vote = self.machine.durable.votes.get(no)?;
            Some(Recounted {
                vote: vote.proposal.id.clone(),
                number: *no,
                decision: vote.outcome().map(|outcome| outcome.decision.clone()),
                record: vote.chain,
            })
        };
        let rounds: Vec<Recounted> = self.rounds.iter().filter_map(found).collect();
        let missing = rounds.is_empty() && self.difference.is_none();
        let why = "the event that opened it is not in the record any more".to_owned();
        let missing = missing.then_some(Difference { number: Number(self.root.0), why });
        (rounds, self.difference.or(missing))
    }

    /// The minutes of a round, as far as it was heard.
    pub fn minutes(&self, vote: VoteNo) -> Vec<String> {
        self.machine.minutes(vote)
    }

    fn is_of_it(&mut self, number: Number, event: &CommitteeEvent) -> bool {
        if let CommitteeEvent::Opened { climb: Some(climb), .. } = event
            && self.rounds.contains(&climb.from)
        {
            self.rounds.insert(VoteNo(number.0));
        }
        event.vote(number).is_some_and(|vote| self.rounds.contains(&vote))
    }

    fn check(&mut self, number: Number, at: Wall, event: &CommitteeEvent) -> Result<(), String> {
        let now = Now { moment: Moment::START, wall: at };
        if let CommitteeEvent::Opened { proposal, realm, sent, climb, enrolled, .. } = event {
            if let Some(climb) = climb {
                return follows(self.next.remove(&climb.from), event);
            }
            self.machine.settings.realm.clone_from(realm);
            let is_known = proposal.weighting == Weighting::Given
                || (self.is_whole && proposal.weighting == Weighting::Expertise);
            if !self.is_whole
                && enrolled.is_some()
                && matches!(proposal.weighting, Weighting::Record(_))
            {
                let why = "what its voters weigh comes from votes that the journal no longer has";
                return Err(why.to_owned());
            }
            let proposal = Box::new((**proposal).clone());
            let command = match proposal.for_task {
                Some(task) => CommitteeCommand::OpenFor { task, proposal },
                None => CommitteeCommand::Open { to: ReplyTo(0), proposal },
            };
            let mut found = first(self.machine.decide(now, number, &command), event)?;
            if let CommitteeEvent::Opened { sent: found, .. } = &mut found
                && !is_known
            {
                *found = *sent;
            }
            return is_same(&found, event);
        }
        let no = event.vote(number).ok_or("it is of no vote")?;
        let vote = self.machine.durable.votes.get(&no).ok_or("its vote was never opened")?;
        match event {
            CommitteeEvent::Closed { why, .. } => self.check_closed(now, (no, vote), why),
            CommitteeEvent::Decided { outcome, .. } => {
                let next = self.check_outcome(now, (no, vote), outcome)?;
                self.next.extend(next.map(|event| (no, event)));
                Ok(())
            }
            // What came too late stands in the record by its hash alone.
            CommitteeEvent::Late { .. } if vote.is_open() => Err("it was not late".to_owned()),
            CommitteeEvent::Late { .. } => Ok(()),
            CommitteeEvent::Unsealing { why, .. } => {
                let is_time =
                    matches!(why, Why::Deadline | Why::Asked { .. }) || may_stall(vote, why);
                let is_it = is_time || self.machine.closes(now, no, vote).as_ref() == Some(why);
                let is_voting =
                    matches!(vote.phase, Phase::Voting { .. }) && !vote.sealed.is_empty();
                let not_yet = || format!("ballots were not to be revealed yet, though {why}");
                if is_it && is_voting { Ok(()) } else { Err(not_yet()) }
            }
            CommitteeEvent::Enrolled { .. }
            | CommitteeEvent::Opened { .. }
            | CommitteeEvent::Cast { .. }
            | CommitteeEvent::Committed { .. }
            | CommitteeEvent::Equivocated { .. }
            | CommitteeEvent::Malformed { .. }
            | CommitteeEvent::SetAside { .. }
            | CommitteeEvent::Mediated { .. }
            | CommitteeEvent::Judged { .. }
            | CommitteeEvent::Forgotten { .. } => {
                let command = again(vote, event).ok_or("nothing leads to it")?;
                let found = first(self.machine.decide(now, number, &command), event)?;
                is_same(&found, event)
            }
        }
    }

    /// Whether a vote could be closed, and for this reason.
    fn check_closed(&self, now: Now, (no, vote): (VoteNo, &Vote), why: &Why) -> Result<(), String> {
        let is_open = vote.is_open();
        let is_it = match (why, &vote.phase) {
            (Why::Withdrawn { .. }, phase) => !matches!(phase, Phase::Decided { .. }),
            (Why::Person { .. }, phase) => matches!(phase, Phase::Person { .. }),
            (Why::Deadline | Why::Asked { .. }, _) => is_open,
            (
                Why::AllIn | Why::Settled | Why::Ahead | Why::Stalled,
                Phase::Revealing { why: before, .. },
            ) => before == why,
            (Why::Stalled, _) => may_stall(vote, why),
            (Why::AllIn | Why::Settled | Why::Ahead, _) => {
                self.machine.closes(now, no, vote).as_ref() == Some(why)
            }
        };
        if is_it { Ok(()) } else { Err(format!("it was not to be closed yet, though {why}")) }
    }

    /// Whether a vote comes to this; answers what must follow.
    fn check_outcome(
        &self,
        now: Now,
        (no, vote): (VoteNo, &Vote),
        outcome: &Outcome,
    ) -> Result<Option<CommitteeEvent>, String> {
        if outcome.rules != RULES {
            return Err(format!(
                "it was counted by rules {}, and this program goes by {RULES}: use the program that \
                 counted it",
                outcome.rules
            ));
        }
        let Phase::Counting { why } = &vote.phase else {
            return Err("it was decided before it was closed".to_owned());
        };
        let mut tallied =
            if is_counted(vote) { self.machine.poll(no, vote).count() } else { Tallied::nothing() };
        if !self.is_whole {
            // How voters err together is known from votes that may be forgotten.
            tallied.effective.clone_from(&outcome.tallied.effective);
        }
        if vote.ballots.len() > PAIRS_MEMBERS_MAX && outcome.tallied.effective.is_none() {
            // Programs before this one did not work it out for so many.
            tallied.effective = None;
        }
        let (decision, next) = self.machine.decision(now, (no, vote), &tallied);
        let found = self.machine.outcome((no, vote), (decision, why.clone()), tallied);
        if found == *outcome {
            return Ok(next);
        }
        Err(if found.record == outcome.record {
            format!("it comes to \"{}\", and \"{}\" was written", found.decision, outcome.decision)
        } else {
            "what happened before it is not what it was decided by".to_owned()
        })
    }
}

/// Whether a vote could be stalled: for how long no ballot had come is taken as written, as it is taken
/// that a deadline had passed.
fn may_stall(vote: &Vote, why: &Why) -> bool {
    *why == Why::Stalled && vote.stalls().is_some()
}

/// The command that leads to an event; none where none does.
fn again(vote: &Vote, event: &CommitteeEvent) -> Option<CommitteeCommand> {
    let (to, name) = (ReplyTo(0), vote.proposal.id.clone());
    let officer = || Officer { by: String::new(), is_keeper: true, why: String::new() };
    let casting = |voter: &_, ballot: &_, signature: &Option<_>| {
        Box::new(Casting {
            vote: name.clone(),
            voter: Clone::clone(voter),
            ballot: Clone::clone(ballot),
            signed: signature.map(Signed::unchecked),
        })
    };
    let sealing = |voter: &_, seq: u64, sealed: Digest, signature: Option<_>| Sealing {
        vote: name.clone(),
        voter: Clone::clone(voter),
        seq,
        sealed,
        signed: signature.map(Signed::unchecked),
    };
    Some(match event {
        CommitteeEvent::Cast { voter, ballot, signature, nonce: None, .. } => {
            CommitteeCommand::Cast { to, casting: casting(voter, ballot, signature) }
        }
        CommitteeEvent::Cast { voter, ballot, signature, nonce: Some(nonce), .. } => {
            let casting = casting(voter, ballot, signature);
            CommitteeCommand::Reveal { to, casting, nonce: *nonce }
        }
        CommitteeEvent::Committed { voter, seq, sealed, signature, .. } => {
            let sealing = sealing(voter, *seq, *sealed, *signature);
            CommitteeCommand::Commit { to, sealing }
        }
        CommitteeEvent::Equivocated { voter, ballot: Some(ballot), signature, .. } => {
            let casting = casting(voter, ballot, &Some(*signature));
            CommitteeCommand::Cast { to, casting }
        }
        CommitteeEvent::Equivocated { voter, ballot: None, seq, hash, signature, .. } => {
            let sealing = sealing(voter, *seq, *hash, Some(*signature));
            CommitteeCommand::Commit { to, sealing }
        }
        CommitteeEvent::Malformed { voter, why, .. } => {
            let (voter, why) = (voter.clone(), why.clone());
            CommitteeCommand::Malformed { to, vote: name, voter, why }
        }
        CommitteeEvent::SetAside { voter, why: Aside::Malformed, .. } => {
            let (voter, why) = (voter.clone(), String::new());
            CommitteeCommand::Malformed { to, vote: name, voter, why }
        }
        CommitteeEvent::SetAside { voter, why: Aside::Absent { why }, .. } => {
            let (voter, why) = (voter.clone(), why.clone());
            let officer = Officer { why, ..officer() };
            CommitteeCommand::Absent { to, vote: name, voter, officer }
        }
        CommitteeEvent::Mediated { by, note, options, .. } => {
            let (note, options) = (note.clone(), options.clone());
            let mediation = Box::new(Mediation { note, options });
            CommitteeCommand::Mediate { to, vote: name, by: by.clone(), mediation }
        }
        CommitteeEvent::Judged { truth, by, why, .. } => {
            let officer = Officer { by: by.clone(), is_keeper: true, why: why.clone() };
            CommitteeCommand::Judge { to, vote: name, truth: truth.clone(), officer }
        }
        CommitteeEvent::Late { .. }
        | CommitteeEvent::Unsealing { .. }
        | CommitteeEvent::SetAside { why: Aside::Equivocated, .. }
        | CommitteeEvent::Opened { .. }
        | CommitteeEvent::Closed { .. }
        | CommitteeEvent::Decided { .. }
        | CommitteeEvent::Enrolled { .. }
        | CommitteeEvent::Forgotten { .. } => return None,
    })
}

/// The first event of a decision; where there is none, why it was refused.
fn first(decision: CommitteeDecision, event: &CommitteeEvent) -> Result<CommitteeEvent, String> {
    let refusal = decision.refusal();
    let found = decision.events.into_iter().next();
    found
        .map(|found| found.at_the_time_of(event))
        .ok_or_else(|| refusal.unwrap_or_else(|| "nothing leads to it".to_owned()))
}

fn follows(next: Option<CommitteeEvent>, event: &CommitteeEvent) -> Result<(), String> {
    let next = next.ok_or("nothing was to follow")?;
    is_same(&next.at_the_time_of(event), event)
}

fn is_same(found: &CommitteeEvent, event: &CommitteeEvent) -> Result<(), String> {
    if found == event {
        return Ok(());
    }
    Err("it says something else than what follows from what stands before it".to_owned())
}
