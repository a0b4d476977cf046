//! What is done to votes by others than voters: closing, withdrawing, mediating, deciding, judging.

use std::time::Duration;

use orkestra_runtime::{
    id::{OptionId, TaskNo, VoteId, VoteNo, VoterId},
    machine::ReplyTo,
    time::Now,
};

use super::{
    casting::words,
    command::{CommitteeCommand, Mediation, Officer, Ruling, Truth},
    decision::{CommitteeDecision, CommitteeNews, Told},
    event::CommitteeEvent,
    machine::{Asker, CommitteeMachine},
    outcome::{Decision, Why},
    proposal::{BallotFault, Choice, Proposal, ProposalFault, Question, TieWay},
    refusal::CommitteeRefusal,
    reply::CommitteeReply,
    settings::{
        INLINE_MEMBERS_MAX, MEDIATED_MAX, OPTION_BYTES_MAX, TEXT_BYTES_MAX, TITLE_CHARS_MAX,
    },
    state::{Phase, Vote},
    tally::CANDIDATES_MAX,
};

type Answered = Result<CommitteeReply, CommitteeRefusal>;

/// Whether a vote is somebody's to close or to withdraw.
fn may(vote: &Vote, officer: &Officer) -> Result<(), CommitteeRefusal> {
    let proposer = &vote.proposal.proposer;
    if officer.is_keeper || officer.by == proposer.as_str() {
        return Ok(());
    }
    Err(CommitteeRefusal::NotYours { vote: vote.proposal.id.clone(), proposer: proposer.clone() })
}

impl CommitteeMachine {
    pub(super) fn decide_close(
        &self,
        now: Now,
        to: ReplyTo,
        (name, officer): (&VoteId, &Officer),
        out: &mut CommitteeDecision,
    ) {
        let answer = self.active(name).and_then(|(no, vote)| {
            may(vote, officer)?;
            if vote.is_open() {
                let why = Why::Asked { by: words(&officer.by), why: words(&officer.why) };
                Self::close(now, (no, vote), why, out);
            }
            Ok(CommitteeReply::Closed)
        });
        Self::answered(Asker::Reply(to), answer, out);
    }

    pub(super) fn decide_withdraw(
        &self,
        to: ReplyTo,
        (name, officer): (&VoteId, &Officer),
        out: &mut CommitteeDecision,
    ) {
        let answer = self.active(name).and_then(|(no, vote)| {
            may(vote, officer)?;
            if vote.outcome().is_some_and(|outcome| outcome.decision == Decision::Withdrawn) {
                return Ok(CommitteeReply::Withdrawn);
            }
            if vote.outcome().is_some() {
                return Err(Self::not_now(vote));
            }
            Self::withdraw(no, &officer.by, &officer.why, out);
            Ok(CommitteeReply::Withdrawn)
        });
        Self::answered(Asker::Reply(to), answer, out);
    }

    pub(super) fn decide_withdraw_for(&self, task: TaskNo, why: &str, out: &mut CommitteeDecision) {
        if let Some(no) = self.durable.tasks.get(&task) {
            Self::withdraw(*no, &format!("task {task}"), why, out);
        }
    }

    fn withdraw(no: VoteNo, by: &str, why: &str, out: &mut CommitteeDecision) {
        let why = Why::Withdrawn { by: words(by), why: words(why) };
        out.event(CommitteeEvent::Closed { vote: no, why });
        out.then.push(CommitteeCommand::Conclude { vote: no });
    }

    pub(super) fn decide_mediate(
        &self,
        (now, to): (Now, ReplyTo),
        (name, by): (&VoteId, &VoterId),
        mediation: &Mediation,
        out: &mut CommitteeDecision,
    ) {
        let answer = self.mediate(now, (name, by), mediation, out);
        Self::answered(Asker::Reply(to), answer, out);
    }

    fn mediate(
        &self,
        now: Now,
        (name, by): (&VoteId, &VoterId),
        mediation: &Mediation,
        out: &mut CommitteeDecision,
    ) -> Answered {
        let (no, vote) = self.active(name)?;
        let proposal = &vote.proposal;
        if let Some(mediator) = proposal.ladder.mediator.as_ref().filter(|mediator| *mediator != by)
        {
            return Err(CommitteeRefusal::NotMediator { mediator: mediator.clone() });
        }
        if !matches!(vote.phase, Phase::Mediating { .. }) {
            return Err(Self::not_now(vote));
        }
        check_mediation(proposal, mediation)?;
        let ms = proposal.deadline_ms;
        let until = now.wall + Duration::from_millis(ms);
        out.event(CommitteeEvent::Mediated {
            vote: no,
            by: by.clone(),
            note: mediation.note.clone(),
            options: mediation.options.clone(),
            until,
        });
        out.tell((&proposal.id, no), Told::Opened);
        if let Some(task) = proposal.for_task {
            let (vote, number) = (proposal.id.clone(), no);
            out.news.push(CommitteeNews::Climbed { task, vote, number });
        }
        Ok(CommitteeReply::Mediated { until })
    }

    pub(super) fn decide_ruling(
        &self,
        to: ReplyTo,
        (name, ruling): (&VoteId, &Ruling),
        officer: &Officer,
        out: &mut CommitteeDecision,
    ) {
        let answer = self.ruling((name, ruling), officer, out);
        Self::answered(Asker::Reply(to), answer, out);
    }

    fn ruling(
        &self,
        (name, ruling): (&VoteId, &Ruling),
        officer: &Officer,
        out: &mut CommitteeDecision,
    ) -> Answered {
        let (no, vote) = self.active(name)?;
        let person = &vote.proposal.ladder.person;
        if !officer.is_keeper && (person.is_empty() || officer.by != *person) {
            let (vote, proposer) = (vote.proposal.id.clone(), vote.proposal.proposer.clone());
            return Err(CommitteeRefusal::NotYours { vote, proposer });
        }
        if !matches!(vote.phase, Phase::Person { .. }) {
            return Err(Self::not_now(vote));
        }
        let decision = ruled(&vote.proposal, ruling)?;
        let (by, why) = (words(&officer.by), words(&officer.why));
        let why = Why::Person { ruling: ruling.clone(), by, why };
        out.event(CommitteeEvent::Closed { vote: no, why });
        out.then.push(CommitteeCommand::Conclude { vote: no });
        Ok(CommitteeReply::Decided { vote: vote.proposal.id.clone(), decision })
    }

    pub(super) fn decide_judge(
        &self,
        to: ReplyTo,
        (name, truth): (&VoteId, &Truth),
        officer: &Officer,
        out: &mut CommitteeDecision,
    ) {
        let answer = self.judge((name, truth), officer, out);
        Self::answered(Asker::Reply(to), answer, out);
    }

    fn judge(
        &self,
        (name, truth): (&VoteId, &Truth),
        officer: &Officer,
        out: &mut CommitteeDecision,
    ) -> Answered {
        let (no, vote) = self.named(name)?;
        may(vote, officer)?;
        let voters = vote.ballots.len() as u64;
        match &vote.truth {
            Some(known) if known == truth => return Ok(CommitteeReply::Judged { voters }),
            Some(_) => return Err(CommitteeRefusal::JudgedOtherwise { vote: name.clone() }),
            None => {}
        }
        if vote.outcome().is_none() {
            return Err(Self::not_now(vote));
        }
        if vote.is_bare {
            return Err(CommitteeRefusal::BallotsForgotten { vote: name.clone() });
        }
        check_truth(&vote.proposal, truth)?;
        let (by, why, truth) = (words(&officer.by), words(&officer.why), truth.clone());
        let many = vote.ballots.len() > INLINE_MEMBERS_MAX;
        out.event(CommitteeEvent::Judged { vote: no, truth, by, why, many });
        Ok(CommitteeReply::Judged { voters })
    }
}

fn bad(why: &str) -> CommitteeRefusal {
    CommitteeRefusal::BadRuling { why: why.to_owned() }
}

fn check_truth(proposal: &Proposal, truth: &Truth) -> Result<(), CommitteeRefusal> {
    match truth {
        Truth::Motion(_) if proposal.question.is_motion() => Ok(()),
        Truth::Motion(_) => Err(bad("it has options: say which were right")),
        Truth::Options(_) if proposal.question.is_motion() => {
            Err(bad("it is a motion: say whether it was right to pass it"))
        }
        Truth::Options(options) => check_options(proposal, options),
    }
}

fn check_options(proposal: &Proposal, options: &[OptionId]) -> Result<(), CommitteeRefusal> {
    if options.is_empty() {
        return Err(bad("name an option at least"));
    }
    for (place, option) in options.iter().enumerate() {
        if proposal.place(option).is_none() {
            return Err(BallotFault::NoOption { option: option.clone() }.into());
        }
        if options[..place].contains(option) {
            return Err(BallotFault::Twice { option: option.clone() }.into());
        }
    }
    Ok(())
}

/// What a person's word decides, if it answers the question.
pub(super) fn ruled(proposal: &Proposal, ruling: &Ruling) -> Answer {
    let seats = match &proposal.question {
        Question::Motion { .. } => None,
        Question::Classic(_) => Some(1),
        Question::Election { seats, .. } => Some(seats.unwrap_or(1)),
    };
    match (ruling, seats) {
        (Ruling::Pass, None) => Ok(Decision::Passed),
        (Ruling::Fail, None) => Ok(Decision::Failed),
        (Ruling::Pass | Ruling::Fail, Some(_)) => Err(bad("it has options: choose of them")),
        (Ruling::Choose(_), None) => Err(bad("it is a motion: pass it or not")),
        (Ruling::Choose(options), Some(seats)) => {
            check_options(proposal, options)?;
            if options.len() != seats {
                return Err(bad(&format!("choose {seats}, and no other number")));
            }
            Ok(Decision::Chosen(options.clone()))
        }
        (Ruling::Leave, _) => Ok(Decision::Unresolved),
    }
}

type Answer = Result<Decision, CommitteeRefusal>;

fn check_mediation(proposal: &Proposal, mediation: &Mediation) -> Result<(), CommitteeRefusal> {
    let Mediation { note, options } = mediation;
    if note.is_empty() {
        return Err(bad("say something to all, in the note"));
    }
    if note.len() > TEXT_BYTES_MAX {
        return Err(CommitteeRefusal::TextTooLong { max: TEXT_BYTES_MAX as u64 });
    }
    if !options.is_empty() && proposal.question.is_motion() {
        return Err(ProposalFault::MotionWithOptions.into());
    }
    let max = MEDIATED_MAX.min(CANDIDATES_MAX.saturating_sub(proposal.options.len()));
    if options.len() > max {
        let what = "options to be added".to_owned();
        let (is, max) = (options.len() as u64, max as u64);
        return Err(ProposalFault::Count { what, is, min: 0, max }.into());
    }
    for (place, choice) in options.iter().enumerate() {
        let is_known = |other: &Choice| other.id == choice.id;
        if proposal.options.iter().any(is_known) || options[..place].iter().any(is_known) {
            return Err(ProposalFault::OptionTwice { option: choice.id.clone() }.into());
        }
        if choice.title.chars().count() > TITLE_CHARS_MAX {
            return Err(CommitteeRefusal::TextTooLong { max: TITLE_CHARS_MAX as u64 });
        }
        if choice.text.len() > OPTION_BYTES_MAX {
            return Err(CommitteeRefusal::TextTooLong { max: OPTION_BYTES_MAX as u64 });
        }
    }
    Ok(())
}

/// The same proposal with options that a mediator added: in lists for breaking ties they come last.
pub(super) fn mediated(proposal: &Proposal, options: &[Choice]) -> Proposal {
    let mut proposal = proposal.clone();
    proposal.options.extend(options.iter().cloned());
    for way in &mut proposal.ties {
        if let TieWay::List(list) = way {
            list.extend(options.iter().map(|choice| choice.id.clone()));
        }
    }
    proposal
}
