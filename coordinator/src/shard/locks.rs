//! Locks within the composition.

use orkestra_runtime::time::Now;

use super::{
    Step, levels,
    machine::{Command, Effect, Event, ShardMachine},
    ties,
};
use crate::lock::{
    LockAnswer, LockCommand, LockDecision, LockEffect, LockQuery, LockReply, view::StaleView,
};

/// More than one grant of locks, or the ends of as many attempts as one command ends, can take: as many
/// locks as one request may name, with names as long as they may be.
const GRANT_ROOM_BYTES: usize = 64 * 1024;

/// How many attempts that are over are shown.
const SHOWN_MAX: usize = 200;

impl ShardMachine {
    /// Answers a question about locks, with what only tasks know of them.
    pub fn answer_locks(&self, now: Now, query: &LockQuery) -> LockAnswer {
        let mut answer = self.locks().answer(now, query);
        if let LockAnswer::Stale(page) = &mut answer {
            let over = self.over_attempts();
            page.more |= over.len() > SHOWN_MAX;
            page.rows.extend(over.into_iter().take(SHOWN_MAX));
        }
        answer
    }

    /// What attempts hold, or wait for, that are over. Whoever leads ends them by itself, so there are
    /// none for long.
    pub fn over_attempts(&self) -> Vec<StaleView> {
        let over = ties::left_over(self.tasks(), self.locks());
        over.iter().map(|ending| self.locks().show_ending(ending)).collect()
    }

    /// Attempts that are over go with what is cleaned.
    fn clean_attempts(&self, decision: &mut LockDecision) {
        let over = ties::left_over(self.tasks(), self.locks());
        for effect in &mut decision.effects {
            if let LockEffect::Reply { reply: LockReply::Cleaned { locks, gone, .. }, .. } = effect
            {
                let shown = over.iter().take(SHOWN_MAX);
                let shown: Vec<_> = shown.map(|ending| self.locks().show_ending(ending)).collect();
                *locks += shown.iter().map(|view| view.holds).sum::<u64>();
                gone.extend(shown);
            }
        }
        if !over.is_empty() {
            decision.then.push(LockCommand::EndAttempts(over));
        }
    }

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
        let mut decision = self.locks().decide(now, step.next_number(), command);
        if matches!(command, LockCommand::Clean { .. }) {
            self.clean_attempts(&mut decision);
        }
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
