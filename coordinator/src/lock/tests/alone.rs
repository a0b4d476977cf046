//! The lock machine alone, without the tasks that its shard tells what becomes of their locks.

use std::{collections::VecDeque, time::Duration};

use orkestra_runtime::{
    id::{Number, RequestNo, SessionId, SessionNo},
    machine::ReplyTo,
    time::{Moment, Now, Wall},
};

use crate::lock::{
    Acquire, LockCommand, LockEffect, LockEvent, LockMachine, LockNews, LockReply, LockSettings,
    Opening, Patience, Want,
};

/// What one command came to, with all that followed from it.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) news: Vec<LockNews>,
    pub(super) replies: Vec<LockReply>,
}

pub(super) struct Alone {
    pub(super) machine: LockMachine,
    pub(super) journal: Vec<(Wall, LockEvent)>,
    now: Now,
}

impl Alone {
    pub(super) fn new() -> Self {
        let now = Now { moment: Moment::from_ms(5), wall: Wall::from_ms(1_000_000) };
        Self { machine: LockMachine::default(), journal: Vec::new(), now }
    }

    /// One command, what follows from it, and all that is due then.
    pub(super) fn tell(&mut self, command: LockCommand) -> Told {
        let mut told = Told::default();
        let mut next = VecDeque::from([command]);
        while let Some(command) = next.pop_front().or_else(|| self.machine.due(self.now)) {
            self.machine.hear(self.now, &command);
            let number = Number(self.journal.len() as u64 + 1);
            let decision = self.machine.decide(self.now, number, &command);
            for event in decision.events {
                let number = Number(self.journal.len() as u64 + 1);
                self.machine.apply(number, self.now.wall, &event);
                self.machine.lead(self.now, number, &event);
                self.journal.push((self.now.wall, event));
            }
            told.news.extend(decision.news);
            told.replies.extend(decision.effects.into_iter().filter_map(|effect| match effect {
                LockEffect::Reply { reply, .. } => Some(reply),
                LockEffect::Lost { .. } | LockEffect::Ended { .. } => None,
            }));
            next.extend(decision.then);
        }
        told
    }

    /// Time passes; answers what was replied at its end.
    pub(super) fn wait_ms(&mut self, ms: u64) -> Vec<LockReply> {
        let by = Duration::from_millis(ms);
        self.now = Now { moment: self.now.moment + by, wall: self.now.wall + by };
        let due = self.machine.due(self.now);
        due.map(|command| self.tell(command).replies).unwrap_or_default()
    }

    /// A session that waits without end.
    pub(super) fn queue(&mut self, name: &str, locks: &[Want]) {
        let (session, by) = (SessionId::new(name).unwrap(), String::new());
        let opening = Opening { session, nonce: 1, lease_ms: Some(60_000), by };
        let session = SessionNo(self.journal.len() as u64 + 1);
        self.tell(LockCommand::Open { to: ReplyTo(1), opening });
        let (request, locks, wait) = (RequestNo(1), locks.to_vec(), Patience::Endless);
        let ask = Acquire { session, request, locks, wait };
        assert_eq!(self.tell(LockCommand::Acquire { to: ReplyTo(1), ask }).replies, []);
    }

    /// Another leader begins where this one was.
    pub(super) fn take_over(&mut self) {
        let bytes = self.machine.snapshot();
        self.machine = LockMachine::restore(LockSettings::default(), &bytes).unwrap();
        self.machine.promote(self.now);
    }

    pub(super) fn check_replay(&self) {
        let mut replayed = LockMachine::default();
        for (number, (at, event)) in (1..).zip(&self.journal) {
            replayed.apply(Number(number), *at, event);
        }
        assert_eq!(replayed.snapshot(), self.machine.snapshot());
    }
}
