//! The committee within the composition.

use orkestra_runtime::{machine::ReplyTo, time::Now};

use super::{
    Step, levels,
    machine::{Command, Effect, Event, ShardMachine},
    ties::votes::of_votes,
};
use crate::{
    committee::{
        CommitteeCommand, CommitteeDecision, CommitteeEvent, CommitteeRefusal, ProposalFault,
    },
    task::fault_of_all,
};

impl ShardMachine {
    pub(super) fn decide_committee(
        &self,
        now: Now,
        command: &CommitteeCommand,
        step: &mut Step<Self>,
    ) {
        // As with locks: what nobody asked for is left for later where not all nodes can read it.
        if command.is_internal() && step.level() < levels::COMMITTEE {
            if !matches!(command, CommitteeCommand::Later) {
                step.then(Command::Committee(CommitteeCommand::Later));
            }
            return;
        }
        let decision = match unfit(command) {
            Some((to, fault)) => {
                CommitteeDecision::refused(step.next_number(), to, CommitteeRefusal::from(fault))
            }
            None => self.committee.decide(now, step.next_number(), command),
        };
        // Nor is what nobody asked for written where not all nodes could read what it says.
        let is_too_new = |event: &CommitteeEvent| levels::of_committee(event) > step.level();
        if command.is_internal() && decision.events.iter().any(is_too_new) {
            step.then(Command::Committee(CommitteeCommand::Later));
            return;
        }
        for event in decision.events {
            step.event(Event::Committee(event));
        }
        for effect in decision.effects {
            step.effect(Effect::Committee(effect));
        }
        for command in decision.then {
            step.then(Command::Committee(command));
        }
        for command in decision.news.into_iter().flat_map(|news| of_votes(news, self.tasks())) {
            step.then(command);
        }
    }
}

/// What is wrong with the tasks that are to follow from a vote, which the committee does not know: they
/// are refused while somebody hears it, and not when they are to be submitted.
fn unfit(command: &CommitteeCommand) -> Option<(ReplyTo, ProposalFault)> {
    let CommitteeCommand::Open { to, proposal } = command else { return None };
    let then = &proposal.then;
    let why = [&then.passed, &then.failed].into_iter().find_map(|tasks| fault_of_all(tasks))?;
    Some((*to, ProposalFault::Then { why }))
}
