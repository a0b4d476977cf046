//! Decides what becomes of votes. Pure: see the module's promises.

use std::{collections::BTreeMap, time::Duration};

use orkestra_runtime::{
    id::{Number, TaskNo, VoteId, VoteNo, VoterId},
    machine::ReplyTo,
    time::{Moment, Now, Wall},
};

use super::{
    command::CommitteeCommand,
    decision::{CommitteeDecision, CommitteeEffect, CommitteeNews},
    event::CommitteeEvent,
    outcome::Aside,
    refusal::CommitteeRefusal,
    reply::CommitteeReply,
    settings::CommitteeSettings,
    state::{Durable, Vote},
};

/// How long what is due is left where nothing may be written.
const LATER: Duration = Duration::from_secs(1);
/// After how long ballots that are counted elsewhere are given to be counted again.
const COUNT_AGAIN: Duration = Duration::from_mins(10);

/// What happened since this leader began, for whoever counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) opened: u64,
    pub(super) cast: u64,
    pub(super) equivocated: u64,
    pub(super) concluded: u64,
}

/// What a leader knows and never journals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Live {
    /// Votes whose ballots were given away to be counted, and until when that is waited for.
    pub(super) away: BTreeMap<VoteNo, Moment>,
    /// Nothing is due before this moment.
    later: Option<Moment>,
    pub(super) tally: Tally,
}

/// The committee of one shard.
#[derive(Clone, Debug, Default)]
pub struct CommitteeMachine {
    pub(super) settings: CommitteeSettings,
    pub(super) durable: Durable,
    pub(super) live: Live,
}

/// Who is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// Whoever waits for a reply.
    Reply(ReplyTo),
    /// A task, by what is told to it.
    Task(TaskNo),
}

impl CommitteeMachine {
    /// An empty machine.
    pub fn new(settings: CommitteeSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// How it behaves.
    pub const fn settings(&self) -> &CommitteeSettings {
        &self.settings
    }

    /// Makes it behave otherwise from now on; what was decided stands.
    pub fn configure(&mut self, settings: CommitteeSettings) {
        self.settings = settings;
    }

    /// Decides one command; its first event will have the number `next`.
    pub fn decide(&self, now: Now, next: Number, command: &CommitteeCommand) -> CommitteeDecision {
        let mut decision = CommitteeDecision::new(next);
        let out = &mut decision;
        match command {
            CommitteeCommand::Enrol { to, vote, members } => {
                self.decide_enrol(*to, vote, members, out);
            }
            CommitteeCommand::Open { to, proposal } => {
                self.decide_open(now, Asker::Reply(*to), proposal, out);
            }
            CommitteeCommand::OpenFor { task, proposal } => {
                self.decide_open(now, Asker::Task(*task), proposal, out);
            }
            CommitteeCommand::Cast { to, casting } => {
                self.decide_cast(Asker::Reply(*to), casting, None, out);
            }
            CommitteeCommand::Reveal { to, casting, nonce } => {
                self.decide_cast(Asker::Reply(*to), casting, Some(nonce), out);
            }
            CommitteeCommand::CastFor { task, casting } => {
                self.decide_cast(Asker::Task(*task), casting, None, out);
            }
            CommitteeCommand::Commit { to, sealing } => self.decide_commit(*to, sealing, out),
            CommitteeCommand::Malformed { to, vote, voter, why } => {
                self.decide_malformed(Asker::Reply(*to), (vote, voter), why, out);
            }
            CommitteeCommand::MalformedFor { task, vote, voter, why } => {
                self.decide_malformed(Asker::Task(*task), (vote, voter), why, out);
            }
            CommitteeCommand::Absent { to, vote, voter, officer } => {
                self.decide_absent(*to, (vote, voter), officer, out);
            }
            // Where it cannot be absent any more, nothing is left to be done.
            CommitteeCommand::AbsentFor { vote, voter, why, .. } => {
                let _ = self.is_absent((vote, voter), why, out);
            }
            CommitteeCommand::Stand { vote, voter } => self.decide_stand(*vote, voter, out),
            CommitteeCommand::Close { to, vote, officer } => {
                self.decide_close(now, *to, (vote, officer), out);
            }
            CommitteeCommand::Withdraw { to, vote, officer } => {
                self.decide_withdraw(*to, (vote, officer), out);
            }
            CommitteeCommand::WithdrawFor { task, why } => {
                self.decide_withdraw_for(*task, why, out);
            }
            CommitteeCommand::Mediate { to, vote, by, mediation } => {
                self.decide_mediate((now, *to), (vote, by), mediation, out);
            }
            CommitteeCommand::Decide { to, vote, ruling, officer } => {
                self.decide_ruling(*to, (vote, ruling), officer, out);
            }
            CommitteeCommand::Judge { to, vote, truth, officer } => {
                self.decide_judge(*to, (vote, truth), officer, out);
            }
            CommitteeCommand::Look { vote } => self.decide_look(now, *vote, out),
            CommitteeCommand::Conclude { vote } => self.decide_conclude(now, *vote, out),
            CommitteeCommand::Settle { vote, tallied } => {
                if let Some(found) = self.durable.votes.get(vote)
                    && self.durable.counting.contains(vote)
                {
                    self.conclude(now, (*vote, found), (**tallied).clone(), out);
                }
            }
            CommitteeCommand::Sweep => self.decide_sweep(now, out),
            CommitteeCommand::Later => {}
        }
        decision
    }

    /// A vote by its name, or whoever asks is told that there is none.
    pub(super) fn named(&self, vote: &VoteId) -> Result<(VoteNo, &Vote), CommitteeRefusal> {
        self.durable.named(vote).ok_or_else(|| CommitteeRefusal::NoVote { vote: vote.clone() })
    }

    /// The round of a question that goes on, by the name of any of its rounds; the last one where
    /// none does.
    pub(super) fn active(&self, vote: &VoteId) -> Result<(VoteNo, &Vote), CommitteeRefusal> {
        let (no, found) = self.named(vote)?;
        let last = self.durable.rounds.get(&found.root).and_then(|rounds| rounds.last());
        let last = last.and_then(|last| Some((*last, self.durable.votes.get(last)?)));
        Ok(last.unwrap_or((no, found)))
    }

    /// Answers whoever asked about a vote as such.
    pub(super) fn answered(
        asker: Asker,
        answer: Result<CommitteeReply, CommitteeRefusal>,
        out: &mut CommitteeDecision,
    ) {
        match asker {
            Asker::Reply(to) => {
                let reply = answer.unwrap_or_else(CommitteeReply::Refused);
                out.effects.push(CommitteeEffect::Reply { to, reply });
            }
            Asker::Task(task) => {
                if let Err(refusal) = answer {
                    out.news.push(CommitteeNews::Refused { task, voter: None, refusal });
                }
            }
        }
    }

    /// Answers whoever asked about a voter's ballot.
    pub(super) fn answered_of(
        asker: Asker,
        voter: &VoterId,
        answer: Result<CommitteeReply, CommitteeRefusal>,
        out: &mut CommitteeDecision,
    ) {
        match (asker, answer) {
            (Asker::Task(task), Err(refusal)) => {
                let voter = Some(voter.clone());
                out.news.push(CommitteeNews::Refused { task, voter, refusal });
            }
            (asker, answer) => Self::answered(asker, answer, out),
        }
    }

    /// Volatile changes that a command brings before it is decided.
    pub fn hear(&mut self, now: Now, command: &CommitteeCommand) {
        match command {
            CommitteeCommand::Conclude { vote } => {
                if self.durable.counting.contains(vote) {
                    self.live.away.insert(*vote, now.moment + COUNT_AGAIN);
                }
            }
            CommitteeCommand::Later => self.live.later = Some(now.moment + LATER),
            CommitteeCommand::Enrol { .. }
            | CommitteeCommand::Open { .. }
            | CommitteeCommand::OpenFor { .. }
            | CommitteeCommand::Cast { .. }
            | CommitteeCommand::CastFor { .. }
            | CommitteeCommand::Commit { .. }
            | CommitteeCommand::Reveal { .. }
            | CommitteeCommand::Malformed { .. }
            | CommitteeCommand::MalformedFor { .. }
            | CommitteeCommand::Absent { .. }
            | CommitteeCommand::AbsentFor { .. }
            | CommitteeCommand::Stand { .. }
            | CommitteeCommand::Close { .. }
            | CommitteeCommand::Withdraw { .. }
            | CommitteeCommand::WithdrawFor { .. }
            | CommitteeCommand::Mediate { .. }
            | CommitteeCommand::Decide { .. }
            | CommitteeCommand::Judge { .. }
            | CommitteeCommand::Look { .. }
            | CommitteeCommand::Settle { .. }
            | CommitteeCommand::Sweep => {}
        }
    }

    /// Keeps in mind what follows from an applied event.
    pub fn lead(&mut self, event: &CommitteeEvent) {
        let live = &mut self.live;
        match event {
            CommitteeEvent::Opened { .. } => live.tally.opened += 1,
            CommitteeEvent::Cast { .. } => live.tally.cast += 1,
            CommitteeEvent::Equivocated { .. } => live.tally.equivocated += 1,
            CommitteeEvent::Decided { vote, .. } => {
                live.tally.concluded += 1;
                live.away.remove(vote);
            }
            CommitteeEvent::SetAside { why, .. } => match why {
                Aside::Equivocated | Aside::Malformed | Aside::Absent { .. } => {}
            },
            CommitteeEvent::Enrolled { .. }
            | CommitteeEvent::Committed { .. }
            | CommitteeEvent::Late { .. }
            | CommitteeEvent::Malformed { .. }
            | CommitteeEvent::Unsealing { .. }
            | CommitteeEvent::Mediated { .. }
            | CommitteeEvent::Closed { .. }
            | CommitteeEvent::Judged { .. }
            | CommitteeEvent::Forgotten { .. } => {}
        }
    }

    /// Forgets what is volatile: what was being counted is counted again.
    pub fn promote(&mut self) {
        self.live = Live::default();
    }

    /// When it next has something to do by itself.
    pub fn wakeup(&self, now: Now) -> Option<Moment> {
        let in_time = |wall: Wall| now.moment + wall.since(now.wall);
        let deadline = self.durable.deadlines.first().map(|(until, _)| in_time(*until));
        let forgets = self.next_forgetting().map(in_time);
        let counts = self.next_count().map(|(at, _)| at);
        let at = [deadline, forgets, counts].into_iter().flatten().min()?;
        Some(self.live.later.map_or(at, |later| at.max(later)))
    }

    /// The vote that is to be counted next, and when.
    fn next_count(&self) -> Option<(Moment, VoteNo)> {
        let when = |no: &VoteNo| self.live.away.get(no).copied().unwrap_or(Moment::START);
        self.durable.counting.iter().map(|no| (when(no), *no)).min()
    }

    /// The internal command that does what is due.
    pub fn due(&self, now: Now) -> Option<CommitteeCommand> {
        if self.live.later.is_some_and(|later| now.moment < later) {
            return None;
        }
        if let Some((at, vote)) = self.next_count()
            && at <= now.moment
        {
            return Some(CommitteeCommand::Conclude { vote });
        }
        if let Some((until, vote)) = self.durable.deadlines.first()
            && *until <= now.wall
        {
            return Some(CommitteeCommand::Look { vote: *vote });
        }
        let forgets = self.next_forgetting().is_some_and(|at| at <= now.wall);
        forgets.then_some(CommitteeCommand::Sweep)
    }
}
