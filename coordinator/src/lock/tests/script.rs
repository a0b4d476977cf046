//! A little vocabulary: one call a line, exact outcomes on the right.

use std::time::Duration;

use orkestra_runtime::{
    chance::Chance,
    id::{LockKey, Number, RequestNo, SessionId, SessionNo, Token},
    machine::ReplyTo,
    time::{Moment, Now, Wall},
};

use super::referee::Referee;
use crate::{
    lock::{
        Acquire, Grant, LockAnswer, LockCommand, LockEffect, LockEvent, LockMachine, LockQuery,
        LockReason, LockRefusal, LockReply, Mode, Opening, Patience, Release, Theft, Want,
    },
    shard::{
        Mind as _,
        machine::{Answer, Command, Effect, Event, Query, ShardMachine, ShardSettings},
        perform,
    },
};

pub(super) fn key(name: &str) -> LockKey {
    LockKey::new(name).unwrap()
}

pub(super) fn exclusive(name: &str) -> Want {
    Want { key: key(name), mode: Mode::Exclusive }
}

pub(super) fn shared(name: &str) -> Want {
    Want { key: key(name), mode: Mode::Shared }
}

pub(super) fn permits(name: &str, permits: u32, of: u32) -> Want {
    Want { key: key(name), mode: Mode::Permits { permits, of } }
}

pub(super) struct Script {
    pub(super) machine: ShardMachine,
    pub(super) journal: Vec<(Wall, Event)>,
    pub(super) now: Now,
    pub(super) referee: Referee,
    pub(super) effects: Vec<LockEffect>,
    next_asker: u64,
    next_request: u64,
    chance: Chance,
}

impl Script {
    pub(super) fn new() -> Self {
        Self {
            machine: ShardMachine::new(ShardSettings::default()),
            journal: Vec::new(),
            now: Now { moment: Moment::from_ms(5), wall: Wall::from_ms(1_000_000) },
            referee: Referee::default(),
            effects: Vec::new(),
            next_asker: 0,
            next_request: 0,
            chance: Chance::from_seed(7),
        }
    }

    pub(super) fn locks(&self) -> &LockMachine {
        self.machine.locks()
    }

    /// One step and all that is due after it; answers what was replied, and to whom.
    pub(super) fn tell(&mut self, command: LockCommand) -> Vec<(u64, LockReply)> {
        let mut replies = self.step(&Command::Lock(command));
        replies.extend(self.settle());
        replies
    }

    pub(super) fn step(&mut self, command: &Command) -> Vec<(u64, LockReply)> {
        let next = Number(self.journal.len() as u64 + 1);
        let done = perform(&mut self.machine, self.now, &mut self.chance, next, command).unwrap();
        for event in done.events {
            if let Event::Lock(event) = &event {
                self.referee.hear(self.journal.len() as u64 + 1, self.now.moment, event);
            }
            self.journal.push((self.now.wall, event));
        }
        let mut replies = Vec::new();
        for effect in done.effects {
            match effect {
                Effect::Lock(LockEffect::Reply { to, reply }) => replies.push((to.0, reply)),
                Effect::Lock(effect) => self.effects.push(effect),
                Effect::Task(_)
                | Effect::Context(_)
                | Effect::Committee(_)
                | Effect::Council(_) => {}
            }
        }
        replies
    }

    pub(super) fn settle(&mut self) -> Vec<(u64, LockReply)> {
        let mut replies = Vec::new();
        for _ in 0..1_000 {
            let Some(command) = self.machine.due(self.now) else {
                let wakeup = self.machine.wakeup(self.now);
                assert!(wakeup.is_none_or(|at| at > self.now.moment), "due, and nothing to do");
                return replies;
            };
            replies.extend(self.step(&command));
        }
        panic!("what is due stays due");
    }

    /// Time passes, and what becomes due on the way is done when it is due.
    pub(super) fn wait(&mut self, by: Duration) -> Vec<(u64, LockReply)> {
        let mut replies = Vec::new();
        let end = self.now.moment + by;
        while self.now.moment < end {
            let wakeup = self.machine.wakeup(self.now);
            let next = wakeup.map_or(end, |at| at.min(end));
            let step = next.since(self.now.moment);
            self.now = Now { moment: self.now.moment + step, wall: self.now.wall + step };
            replies.extend(self.settle());
        }
        replies
    }

    pub(super) fn wait_ms(&mut self, ms: u64) -> Vec<(u64, LockReply)> {
        self.wait(Duration::from_millis(ms))
    }

    /// A new token for who asks.
    pub(super) fn asker(&mut self) -> ReplyTo {
        self.next_asker += 1;
        ReplyTo(self.next_asker)
    }

    pub(super) fn request(&mut self) -> RequestNo {
        self.next_request += 1;
        RequestNo(self.next_request)
    }

    /// A session with a lease of ten seconds.
    pub(super) fn open(&mut self, name: &str) -> SessionNo {
        self.open_for(name, 10_000)
    }

    pub(super) fn open_for(&mut self, name: &str, lease_ms: u64) -> SessionNo {
        let told = self.try_open(name, 1, Some(lease_ms));
        let LockReply::Opened { session, .. } = told else { panic!("{told:?}") };
        session
    }

    pub(super) fn try_open(&mut self, name: &str, nonce: u64, lease_ms: Option<u64>) -> LockReply {
        let (session, by) = (SessionId::new(name).unwrap(), format!("{name} of the team"));
        let opening = Opening { session, nonce, lease_ms, by };
        let to = self.asker();
        self.only(to, LockCommand::Open { to, opening })
    }

    /// The one reply that a command has, to whoever asked.
    pub(super) fn only(&mut self, to: ReplyTo, command: LockCommand) -> LockReply {
        let mut replies = self.tell(command);
        assert_eq!(replies.len(), 1, "{replies:?}");
        let (asker, reply) = replies.remove(0);
        assert_eq!(asker, to.0);
        reply
    }

    pub(super) fn renew(&mut self, session: SessionNo) -> LockReply {
        let to = self.asker();
        self.referee.renewed(session, self.now.moment);
        self.only(to, LockCommand::Renew { to, session })
    }

    pub(super) fn close(&mut self, session: SessionNo) -> Vec<(u64, LockReply)> {
        let to = self.asker();
        self.tell(LockCommand::Close { to, session })
    }

    /// Asks with a new request; answers who asked, by which request, and what was replied at once.
    pub(super) fn ask(
        &mut self,
        session: SessionNo,
        locks: &[Want],
        wait: Patience,
    ) -> (u64, RequestNo, Vec<(u64, LockReply)>) {
        let request = self.request();
        let (to, replies) = self.ask_as(session, request, locks, wait);
        (to, request, replies)
    }

    pub(super) fn ask_as(
        &mut self,
        session: SessionNo,
        request: RequestNo,
        locks: &[Want],
        wait: Patience,
    ) -> (u64, Vec<(u64, LockReply)>) {
        let to = self.asker();
        let ask = Acquire { session, request, locks: locks.to_vec(), wait };
        (to.0, self.tell(LockCommand::Acquire { to, ask }))
    }

    /// Has locks at once, or fails; answers their tokens.
    pub(super) fn have(&mut self, session: SessionNo, locks: &[Want]) -> Vec<Token> {
        let (to, _, replies) = self.ask(session, locks, Patience::Try);
        match &replies[..] {
            [(asker, LockReply::Granted { locks })] if *asker == to => {
                locks.iter().map(|grant| grant.token).collect()
            }
            _ => panic!("{replies:?}"),
        }
    }

    /// Is refused at once, for this reason.
    pub(super) fn refused(
        &mut self,
        session: SessionNo,
        locks: &[Want],
        wait: Patience,
    ) -> LockRefusal {
        let (_, _, mut replies) = self.ask(session, locks, wait);
        match replies.pop() {
            Some((_, LockReply::Refused(refusal))) => refusal,
            other => panic!("{other:?}"),
        }
    }

    /// Waits without end; answers who asked.
    pub(super) fn queue(&mut self, session: SessionNo, locks: &[Want]) -> u64 {
        let (to, _, replies) = self.ask(session, locks, Patience::Endless);
        assert_eq!(replies, []);
        to
    }

    /// Gives a lock back; answers who asked, and all that was replied.
    pub(super) fn release(
        &mut self,
        session: SessionNo,
        name: &str,
        token: Token,
    ) -> Vec<(u64, LockReply)> {
        let locks = vec![Grant { key: key(name), token }];
        let (request, reason, to) = (self.request(), LockReason::Complete, self.asker());
        let release = Release { session, request, locks, reason };
        self.tell(LockCommand::Release { to, release })
    }

    /// Gives a lock back; answers who was given what then.
    pub(super) fn hand_over(
        &mut self,
        session: SessionNo,
        name: &str,
        token: Token,
    ) -> Vec<(u64, Vec<Token>)> {
        let mut replies = self.release(session, name, token);
        assert_eq!(replies.remove(0).1, LockReply::Released);
        given(replies)
    }

    pub(super) fn steal(&mut self, name: &str, delay_ms: Option<u64>) -> Vec<(u64, LockReply)> {
        let token = self.locks().newest(&key(name));
        let (by, why) = ("eve".to_owned(), "it hangs".to_owned());
        let theft = Theft { key: key(name), token, by, why, delay_ms };
        let to = self.asker();
        self.tell(LockCommand::Steal { to, theft })
    }

    pub(super) fn query(&self, query: &LockQuery) -> LockAnswer {
        match self.machine.answer(self.now, &Query::Lock(query.clone())) {
            Answer::Lock(answer) => answer,
            Answer::Task(_) | Answer::Context(_) | Answer::Committee(_) | Answer::Council(_) => {
                panic!("another question was answered")
            }
        }
    }

    pub(super) fn events(&self) -> impl DoubleEndedIterator<Item = &LockEvent> {
        self.journal.iter().filter_map(|(_, event)| match event {
            Event::Lock(event) => Some(event),
            Event::Task(_) | Event::Context(_) | Event::Committee(_) | Event::Council(_) => None,
        })
    }

    /// What a replay of the journal comes to, and a restored snapshot: the same, with all that is
    /// known from it.
    pub(super) fn check_replay(&self) {
        let mut replayed = ShardMachine::new(ShardSettings::default());
        for (number, (at, event)) in (1..).zip(&self.journal) {
            replayed.apply(Number(number), *at, event);
        }
        let bytes = self.machine.snapshot();
        assert_eq!(replayed.snapshot(), bytes, "the state is not the fold of its journal");
        let restored = ShardMachine::restore(&bytes).unwrap();
        assert_eq!(restored.snapshot(), bytes);
        assert_eq!(replayed.locks().durable, self.locks().durable);
        assert_eq!(restored.locks().durable, self.locks().durable);
    }

    /// Another leader begins where this one was, with a clock of its own.
    pub(super) fn take_over(&mut self) -> Vec<(u64, LockReply)> {
        let genesis = ShardMachine::new(ShardSettings::default());
        self.machine = genesis.restored(&self.machine.snapshot()).unwrap();
        self.machine.promote(self.now);
        self.referee.promoted(self.now.moment);
        self.settle()
    }
}

/// Who was given locks, and their tokens; nothing else was replied.
pub(super) fn given(replies: Vec<(u64, LockReply)>) -> Vec<(u64, Vec<Token>)> {
    let tokens = |reply| match reply {
        LockReply::Granted { locks } => locks.iter().map(|grant: &Grant| grant.token).collect(),
        other => panic!("{other:?}"),
    };
    replies.into_iter().map(|(to, reply)| (to, tokens(reply))).collect()
}
