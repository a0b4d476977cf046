//! Giving locks back, wanting them no more, and taking them away; and which tokens are good.

use orkestra_runtime::{
    id::{LockKey, RequestNo, SessionNo, Token, WaitNo},
    machine::ReplyTo,
};

use crate::lock::{
    command::{LockReply, Release, Theft},
    decision::{LockDecision, LockEffect, LockNews},
    event::{LockEvent, Withdrawal},
    machine::LockMachine,
    owner::{Owner, Who},
    reason::LockReason,
    refusal::{Bound, LockRefusal},
    sessions::check_text,
    settings::REQUEST_LOCKS_MAX,
    state::{Grant, Outcome},
};

/// How many of those from whom a lock was stolen stand in the event.
const ROBBED_MAX: usize = 10;

impl LockMachine {
    pub(super) fn decide_release(&self, to: ReplyTo, release: &Release, out: &mut LockDecision) {
        let Release { session: no, request, locks, reason } = release;
        let (request, reason) = (*request, *reason);
        let Some(session) = self.session(*no, to, out) else { return };
        match session.requests.get(&request) {
            Some(Outcome::Released) => return out.reply(to, LockReply::Released),
            Some(Outcome::Waits(_) | Outcome::Granted(_) | Outcome::Withdrawn(_)) => {
                return out.refuse(to, LockRefusal::RequestConflict { request });
            }
            None if request <= session.forgotten => {
                let forgotten = session.forgotten;
                return out.refuse(to, LockRefusal::RequestForgotten { request, forgotten });
            }
            None => {}
        }
        if !reason.is_of_holder() {
            return out.refuse(to, LockRefusal::ReasonNotYours { reason });
        }
        let owner = Owner::Session(*no);
        if let Err(refusal) = self.check_release(owner, locks) {
            return out.refuse(to, refusal);
        }
        let keys = locks.iter().map(|held| held.key.clone()).collect();
        out.event(LockEvent::Released { owner, request, keys, reason });
        out.reply(to, LockReply::Released);
        // Where nobody waits nobody is next.
        if locks.iter().any(|held| self.is_awaited(&held.key)) {
            Self::then_grant(out);
        }
    }

    fn check_release(&self, owner: Owner, locks: &[Grant]) -> Result<(), LockRefusal> {
        if locks.is_empty() {
            return Err(LockRefusal::NothingAsked);
        }
        if locks.len() > REQUEST_LOCKS_MAX {
            return Err(Bound::RequestLocks.refused());
        }
        for (place, Grant { key, token }) in locks.iter().enumerate() {
            if locks.iter().take(place).any(|before| before.key == *key) {
                return Err(LockRefusal::NamedTwice { key: key.clone() });
            }
            match self.durable.hold(owner, key) {
                Some(hold) if hold.token == *token => {}
                // Whoever shows the token of somebody else's hold never had it.
                None if self.check(key, *token).is_ok() || *token > self.newest(key) => {
                    let held_by = self.holders_of(key);
                    return Err(LockRefusal::NotHeld { key: key.clone(), held_by });
                }
                Some(_) | None => return Err(self.stale(key, *token)),
            }
        }
        Ok(())
    }

    /// Whether a token is good: whether the lock is held with it now. For whoever writes under a
    /// lock, in the same step as the write.
    pub fn check(&self, key: &LockKey, token: Token) -> Result<(), LockRefusal> {
        let lock = self.durable.locks.get(key);
        let is_good = lock.is_some_and(|lock| lock.tokens.contains(&token));
        if is_good { Ok(()) } else { Err(self.stale(key, token)) }
    }

    fn stale(&self, key: &LockKey, token: Token) -> LockRefusal {
        LockRefusal::StaleToken { key: key.clone(), token, newest: self.newest(key) }
    }

    /// No token of this lock was ever greater than this; it is exact for a lock that is in use.
    pub fn newest(&self, key: &LockKey) -> Token {
        let lock = self.durable.locks.get(key).map(|lock| lock.newest);
        lock.filter(|newest| newest.0 > 0).unwrap_or(self.durable.floor)
    }

    pub(super) fn decide_cancel(
        &self,
        to: ReplyTo,
        no: SessionNo,
        request: RequestNo,
        out: &mut LockDecision,
    ) {
        let Some(session) = self.session(no, to, out) else { return };
        let owner = Owner::Session(no);
        match session.requests.get(&request) {
            Some(Outcome::Waits(wait)) => {
                self.withdraw(*wait, Withdrawal::Cancelled, out);
                Self::then_grant(out);
            }
            Some(Outcome::Granted(grants)) => {
                let is_held = |grant: &&Grant| {
                    let hold = self.durable.hold(owner, &grant.key);
                    hold.is_some_and(|hold| hold.token == grant.token)
                };
                let keys = grants.iter().filter(is_held).map(|grant| grant.key.clone()).collect();
                let reason = LockReason::Manual;
                out.event(LockEvent::Released { owner, request, keys, reason });
                Self::then_grant(out);
            }
            // It may come yet, and must find that it is no longer wanted.
            None if request > session.forgotten => {
                let why = Withdrawal::Cancelled;
                out.event(LockEvent::Withdrawn { owner, request, wait: None, why });
            }
            Some(Outcome::Withdrawn(_) | Outcome::Released) | None => {}
        }
        out.reply(to, LockReply::Cancelled);
    }

    /// Takes a request out of the queues, and tells whoever asked.
    pub(super) fn withdraw(&self, wait: WaitNo, why: Withdrawal, out: &mut LockDecision) {
        let Some(waiting) = self.durable.waits.get(&wait) else { return };
        let (owner, request) = (waiting.owner, waiting.request);
        let refusal = LockRefusal::from(&why);
        self.tell_askers(wait, &refusal, out);
        if let Owner::Attempt { task, attempt } = owner {
            out.news.push(LockNews::Refused { task, attempt, refusal });
        }
        out.event(LockEvent::Withdrawn { owner, request, wait: Some(wait), why });
    }

    pub(super) fn decide_steal(&self, to: ReplyTo, theft: &Theft, out: &mut LockDecision) {
        let Theft { key, token, by, why, delay_ms } = theft;
        if let Err(refusal) = check_text(by).and_then(|()| check_text(why)) {
            return out.refuse(to, refusal);
        }
        let lock = self.durable.locks.get(key);
        if let Some((was, now)) = lock.and_then(|lock| lock.stolen)
            && was == *token
        {
            return out.reply(to, LockReply::Stolen { token: now });
        }
        let Some(lock) = lock.filter(|lock| lock.newest == *token) else {
            return out.refuse(to, self.stale(key, *token));
        };
        if lock.holders.is_empty() && (lock.ghosts.is_empty() || *delay_ms != Some(0)) {
            let held_by = self.holders_of(key);
            return out.refuse(to, LockRefusal::NotHeld { key: key.clone(), held_by });
        }
        let told = format!("{by} took it: {why}");
        for (owner, hold) in &lock.holders {
            let lost = Grant { key: key.clone(), token: hold.token };
            match *owner {
                Owner::Session(session) => {
                    out.effects.push(LockEffect::Lost { session, lost, why: told.clone() });
                }
                Owner::Attempt { task, attempt } => {
                    let why = told.clone();
                    out.news.push(LockNews::Lost { task, attempt, lost, why });
                }
            }
        }
        let from = lock.holders.keys().map(|owner| self.durable.who(*owner));
        let from: Vec<Who> = from.take(ROBBED_MAX).collect();
        let (by, why) = (by.clone(), why.clone());
        let delay_ms = delay_ms.unwrap_or_else(|| self.settings.delay_ms());
        let event = LockEvent::Stolen { key: key.clone(), token: *token, by, why, from, delay_ms };
        let number = out.event(event);
        out.reply(to, LockReply::Stolen { token: Token(number.0) });
        Self::then_grant(out);
    }
}
