//! Folds events into state: structural consequences only, nothing is chosen here.

use std::sync::Arc;

use orkestra_runtime::{
    id::{LockKey, Number, RequestNo, SessionNo, Token, WaitNo},
    time::Wall,
};

use crate::lock::{
    event::LockEvent,
    machine::LockMachine,
    mode::Want,
    owner::Owner,
    state::{Ghost, Grant, Hold, Lock, Outcome, Owned, Session, Waiting},
};

/// What the event that was applied last did: for whoever leads, who must know before the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trace {
    /// Locks that others wait for, and that they may have now.
    pub(super) open: Vec<LockKey>,
    /// Requests of whoever was given something that they may want too.
    pub(super) kin: Vec<WaitNo>,
    /// Requests of whoever no longer has, or will have, what they counted on.
    pub(super) bare: Vec<WaitNo>,
    /// Requests that wait no more.
    pub(super) over: Vec<WaitNo>,
    /// What was lost, and for how many milliseconds it is kept back.
    pub(super) lost: Vec<(LockKey, Token, u64)>,
    /// What is kept back no more.
    pub(super) back: Vec<(LockKey, Token)>,
}

impl LockMachine {
    /// Changes durable state.
    pub fn apply(&mut self, number: Number, at: Wall, event: &LockEvent) {
        self.trace = Trace::default();
        match event {
            LockEvent::Opened { session, nonce, lease_ms, by } => {
                let no = SessionNo(number.0);
                let (name, nonce, by) = (session.clone(), *nonce, by.clone());
                self.durable.names.insert(name.clone(), no);
                let opened = Session {
                    name,
                    nonce,
                    by,
                    lease_ms: *lease_ms,
                    since: at,
                    requests: std::collections::BTreeMap::new(),
                    forgotten: RequestNo(0),
                    losses: 0,
                };
                self.durable.sessions.insert(no, opened);
            }
            LockEvent::Ended { owner, delay_ms, .. } => self.end(*owner, *delay_ms),
            LockEvent::Queued { owner, request, wants, wait_ms } => {
                let no = WaitNo(number.0);
                let (wants, wait_ms) = (Arc::clone(wants), *wait_ms);
                for want in wants.iter() {
                    self.lock_of(want).queue.insert(no);
                }
                let waiting =
                    Waiting { owner: *owner, request: *request, wants, wait_ms, since: at };
                self.durable.waits.insert(no, waiting);
                self.durable.owned.entry(*owner).or_default().waits.insert(no);
                self.remember(*owner, *request, Outcome::Waits(no));
            }
            LockEvent::Granted { owner, request, wants, wait } => {
                let grants = wants.iter().map(|want| self.give(*owner, want, (number, at)));
                let grants: Arc<[Grant]> = grants.collect();
                if let Some(wait) = wait {
                    self.leave_queues(*wait);
                    let owned = self.durable.owned.get(owner).into_iter();
                    self.trace.kin = owned.flat_map(|owned| &owned.waits).copied().collect();
                }
                self.remember(*owner, *request, Outcome::Granted(grants));
            }
            LockEvent::Withdrawn { owner, request, wait, why } => {
                let waiting = wait.and_then(|wait| self.durable.waits.get(&wait));
                let wants = waiting.map(|waiting| Arc::clone(&waiting.wants));
                if let Some(wait) = wait {
                    self.leave_queues(*wait);
                }
                for want in wants.iter().flat_map(|wants| wants.iter()) {
                    self.lay_bare(*owner, &want.key);
                }
                self.remember(*owner, *request, Outcome::Withdrawn(why.clone()));
                self.forget_owner_of_nothing(*owner);
            }
            LockEvent::Released { owner, request, keys, .. } => {
                for key in keys {
                    self.take_once(*owner, key);
                }
                self.remember(*owner, *request, Outcome::Released);
                self.forget_owner_of_nothing(*owner);
            }
            LockEvent::Stolen { key, delay_ms, .. } => self.steal(key, Token(number.0), *delay_ms),
            LockEvent::Reopened { lost } => {
                for (key, token) in lost {
                    self.lay(key, *token);
                    self.settle(key);
                }
            }
        }
    }

    /// A lock as it is, or one that is as new; then of the kind that is wanted.
    fn lock_of(&mut self, want: &Want) -> &mut Lock {
        let new = || Lock::new(want.mode.kind());
        self.durable.locks.entry(want.key.clone()).or_insert_with(new)
    }

    fn remember(&mut self, owner: Owner, request: RequestNo, outcome: Outcome) {
        if let Owner::Session(no) = owner
            && let Some(session) = self.durable.sessions.get_mut(&no)
        {
            session.remember(request, outcome);
        }
    }

    fn give(&mut self, owner: Owner, want: &Want, (number, at): (Number, Wall)) -> Grant {
        let lock = self.lock_of(want);
        let token = if let Some(hold) = lock.holders.get_mut(&owner) {
            hold.depth += 1;
            hold.token
        } else {
            let token = Token(number.0);
            let hold = Hold { mode: want.mode, token, depth: 1, since: at };
            lock.holders.insert(owner, hold);
            lock.tokens.insert(token);
            lock.taken += want.mode.permits();
            lock.newest = token;
            self.durable.owned.entry(owner).or_default().held.insert(want.key.clone());
            token
        };
        Grant { key: want.key.clone(), token }
    }

    fn leave_queues(&mut self, wait: WaitNo) {
        let Some(waiting) = self.durable.waits.remove(&wait) else { return };
        if let Some(owned) = self.durable.owned.get_mut(&waiting.owner) {
            owned.waits.remove(&wait);
        }
        for want in waiting.wants.iter() {
            if let Some(lock) = self.durable.locks.get_mut(&want.key) {
                lock.queue.remove(&wait);
            }
            self.settle(&want.key);
        }
        self.trace.over.push(wait);
    }

    fn take_once(&mut self, owner: Owner, key: &LockKey) {
        let Some(lock) = self.durable.locks.get_mut(key) else { return };
        let Some(hold) = lock.holders.get_mut(&owner) else { return };
        hold.depth = hold.depth.saturating_sub(1);
        if hold.depth > 0 {
            return;
        }
        lock.taken = lock.taken.saturating_sub(hold.mode.permits());
        lock.tokens.remove(&hold.token);
        lock.holders.remove(&owner);
        if let Some(owned) = self.durable.owned.get_mut(&owner) {
            owned.held.remove(key);
        }
        self.lay_bare(owner, key);
        self.settle(key);
    }

    /// Takes a lock from whoever holds it, though nobody said that it is free.
    fn lose(&mut self, owner: Owner, key: &LockKey, delay_ms: u64) {
        let who = self.durable.who(owner);
        let Some(lock) = self.durable.locks.get_mut(key) else { return };
        let Some(hold) = lock.holders.remove(&owner) else { return };
        lock.tokens.remove(&hold.token);
        if delay_ms == 0 {
            lock.taken = lock.taken.saturating_sub(hold.mode.permits());
        } else {
            lock.ghosts.insert(hold.token, Ghost { who, mode: hold.mode, delay_ms });
            self.trace.lost.push((key.clone(), hold.token, delay_ms));
        }
        self.settle(key);
    }

    fn end(&mut self, owner: Owner, delay_ms: u64) {
        let Owned { held, waits } = self.durable.owned.remove(&owner).unwrap_or_default();
        for wait in waits {
            self.leave_queues(wait);
        }
        for key in &held {
            self.lose(owner, key, delay_ms);
        }
        if let Owner::Session(no) = owner
            && let Some(session) = self.durable.sessions.remove(&no)
        {
            self.durable.names.remove(&session.name);
        }
    }

    fn steal(&mut self, key: &LockKey, token: Token, delay_ms: u64) {
        let Some(lock) = self.durable.locks.get_mut(key) else { return };
        lock.stolen = Some((lock.newest, token));
        lock.newest = token;
        let owners: Vec<Owner> = lock.holders.keys().copied().collect();
        let ghosts: Vec<Token> = lock.ghosts.keys().copied().collect();
        // Who steals without a delay knows that nobody does anything under the lock any more.
        for ghost in ghosts.into_iter().filter(|_| delay_ms == 0) {
            self.lay(key, ghost);
        }
        for owner in owners {
            self.lose(owner, key, delay_ms);
            if let Some(owned) = self.durable.owned.get_mut(&owner) {
                owned.held.remove(key);
            }
            self.lay_bare(owner, key);
            if let Owner::Session(no) = owner
                && let Some(session) = self.durable.sessions.get_mut(&no)
            {
                session.losses += 1;
            }
            self.forget_owner_of_nothing(owner);
        }
        self.settle(key);
    }

    /// Notes the requests of an owner that counted on having a lock.
    fn lay_bare(&mut self, owner: Owner, key: &LockKey) {
        let found = self.durable.owned.get(&owner);
        let waits = found.into_iter().flat_map(|found| &found.waits);
        let counted = |wait: &&WaitNo| {
            let waiting = self.durable.waits.get(wait);
            waiting.is_some_and(|waiting| waiting.wants.iter().any(|want| want.key == *key))
        };
        self.trace.bare.extend(waits.filter(counted));
    }

    /// Lets a hold that was lost be over.
    fn lay(&mut self, key: &LockKey, token: Token) {
        if let Some(lock) = self.durable.locks.get_mut(key)
            && let Some(ghost) = lock.ghosts.remove(&token)
        {
            lock.taken = lock.taken.saturating_sub(ghost.mode.permits());
            self.trace.back.push((key.clone(), token));
        }
    }

    /// After something of a lock went: it may be free for others, or be nobody's business any more.
    fn settle(&mut self, key: &LockKey) {
        let Some(lock) = self.durable.locks.get(key) else { return };
        if lock.is_idle() {
            self.durable.floor = self.durable.floor.max(lock.newest);
            self.durable.locks.remove(key);
        } else if !lock.queue.is_empty() {
            self.trace.open.push(key.clone());
        }
    }

    fn forget_owner_of_nothing(&mut self, owner: Owner) {
        let found = self.durable.owned.get(&owner);
        if found.is_some_and(|found| found.held.is_empty() && found.waits.is_empty()) {
            self.durable.owned.remove(&owner);
        }
    }
}
