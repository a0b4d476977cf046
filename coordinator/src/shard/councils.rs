//! Councils within the composition.

use orkestra_runtime::time::Now;

use super::{
    Step, levels,
    machine::{Command, Effect, Event, ShardMachine},
    ties::councils::of_councils,
};
use crate::council::CouncilCommand;

impl ShardMachine {
    pub(super) fn decide_council(&self, now: Now, command: &CouncilCommand, step: &mut Step<Self>) {
        // As with votes: what nobody asked for is left for later where not all nodes can read it.
        if command.is_internal() && step.level() < levels::COUNCIL {
            if !matches!(command, CouncilCommand::Later) {
                step.then(Command::Council(CouncilCommand::Later));
            }
            return;
        }
        let decision = self.councils.decide(now, command, &self.tasks);
        for event in decision.events {
            step.event(Event::Council(event));
        }
        for effect in decision.effects {
            step.effect(Effect::Council(effect));
        }
        for command in decision.tasks {
            step.then(Command::Task(command));
        }
        for command in decision.news.into_iter().map(of_councils) {
            step.then(Command::Task(command));
        }
    }
}
