//! Locks within the composition.

use orkestra_runtime::time::Now;

use super::{
    Step, levels,
    machine::{Command, Effect, Event, ShardMachine},
    ties,
};
use crate::lock::LockCommand;

/// More than one grant of locks, or the ends of as many attempts as one command ends, can take: as many
/// locks as one request may name, with names as long as they may be.
const GRANT_ROOM_BYTES: usize = 64 * 1024;

impl ShardMachine {
    pub(super) fn decide_lock(&self, now: Now, command: &LockCommand, step: &mut Step<Self>) {
        // What nobody asked for is not refused where not all nodes can read it: it is left for later.
        if command.is_internal() && step.level() < levels::LOCKS {
            if let Some(word) = ties::put_off(command, "not all nodes can read what locks write") {
                step.then(Command::Task(word));
            } else if !matches!(command, LockCommand::Later) {
                step.then(Command::Lock(LockCommand::Later));
            }
            return;
        }
        // What does not fit this step stays due, and is done in one of its own.
        let is_put_off = match command {
            LockCommand::Grant { .. }
            | LockCommand::EndAttempts(_)
            | LockCommand::AcquireFor { .. } => step.room_bytes() < GRANT_ROOM_BYTES,
            _ => false,
        };
        if is_put_off {
            let word = ties::put_off(command, "much happened at the same time");
            return word.into_iter().for_each(|word| step.then(Command::Task(word)));
        }
        let decision = self.locks().decide(now, step.next_number(), command);
        for event in decision.events {
            step.event(Event::Lock(event));
        }
        for effect in decision.effects {
            step.effect(Effect::Lock(effect));
        }
        for command in decision.then {
            step.then(Command::Lock(command));
        }
        for word in ties::of_locks(decision.news) {
            step.then(Command::Task(word));
        }
    }
}
