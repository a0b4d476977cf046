//! Asking for locks: what is given at once, what waits and what is refused.

use std::{collections::BTreeSet, sync::Arc};

use orkestra_runtime::{
    id::{LockKey, RequestNo, Token, WaitNo},
    machine::ReplyTo,
};

use crate::lock::{
    command::{Acquire, LockCommand, LockReply},
    decision::LockDecision,
    event::LockEvent,
    machine::LockMachine,
    mode::{Mode, Patience, Want},
    owner::{Owner, Who},
    refusal::{Bound, LockRefusal},
    settings::{
        DEPTH_MAX, HOLDS_MAX, LOCKS_MAX, PERMITS_MAX, REQUEST_LOCKS_MAX, WAITERS_MAX, WAITS_MAX,
    },
    state::{Grant, Lock, Outcome, Session},
};

/// How many of those who hold a lock are named.
const NAMED_MAX: usize = 3;

/// What is to be done with a request that is in order.
pub(super) enum Verdict {
    Grant,
    /// For so many milliseconds, or without end.
    Wait(Option<u64>),
}

impl LockMachine {
    pub(super) fn decide_acquire(&self, to: ReplyTo, ask: &Acquire, out: &mut LockDecision) {
        let Some(session) = self.session(ask.session, to, out) else { return };
        if self.answer_again(to, (session, ask), out) {
            return;
        }
        let (owner, request) = (Owner::Session(ask.session), ask.request);
        match self.judge(owner, &ask.locks, ask.wait) {
            Ok(Verdict::Grant) => {
                let locks = self.grant((owner, request), &ask.locks.as_slice().into(), None, out);
                out.reply(to, LockReply::Granted { locks });
            }
            Ok(Verdict::Wait(wait_ms)) => {
                let wants = ask.locks.as_slice().into();
                let number = out.event(LockEvent::Queued { owner, request, wants, wait_ms });
                out.then.push(LockCommand::Await { to, wait: WaitNo(number.0) });
            }
            Err(refusal) => {
                let session = ask.session;
                let recall = LockCommand::Recall { session, request, refusal: refusal.clone() };
                out.then.push(recall);
                out.refuse(to, refusal);
            }
        }
    }

    /// Answers a request that was there before as it was answered then.
    fn answer_again(
        &self,
        to: ReplyTo,
        (session, ask): (&Session, &Acquire),
        out: &mut LockDecision,
    ) -> bool {
        let request = ask.request;
        let conflict = LockRefusal::RequestConflict { request };
        match session.requests.get(&request) {
            Some(Outcome::Waits(wait)) => {
                let waiting = self.durable.waits.get(wait);
                if waiting.is_some_and(|waiting| *waiting.wants == *ask.locks) {
                    out.then.push(LockCommand::Await { to, wait: *wait });
                } else {
                    out.refuse(to, conflict);
                }
            }
            Some(Outcome::Granted(grants)) => {
                if grants.iter().map(|grant| &grant.key).eq(ask.locks.iter().map(|want| &want.key))
                {
                    out.reply(to, LockReply::Granted { locks: grants.to_vec() });
                } else {
                    out.refuse(to, conflict);
                }
            }
            Some(Outcome::Withdrawn(why)) => out.refuse(to, why.into()),
            Some(Outcome::Released) => out.refuse(to, conflict),
            None => {
                let refused = self.live.refused.get(&ask.session);
                if let Some(refusal) = refused.and_then(|refused| refused.get(&request)) {
                    out.refuse(to, refusal.clone());
                } else if request <= session.forgotten {
                    let forgotten = session.forgotten;
                    out.refuse(to, LockRefusal::RequestForgotten { request, forgotten });
                } else {
                    return false;
                }
            }
        }
        true
    }

    /// What becomes of a request that was not there before.
    pub(super) fn judge(
        &self,
        owner: Owner,
        wants: &[Want],
        wait: Patience,
    ) -> Result<Verdict, LockRefusal> {
        check_wants(wants)?;
        self.check_held(owner, wants)?;
        let blocked = wants.iter().find(|want| !self.is_free_for(owner, want));
        let Some(blocked) = blocked else { return Ok(Verdict::Grant) };
        let wait_ms = match wait {
            Patience::Try | Patience::For { ms: 0 } => return Err(self.busy(&blocked.key)),
            Patience::For { ms } => Some(ms),
            Patience::Endless => None,
        };
        let so_many = self.durable.owned.get(&owner).map_or(0, |owned| owned.waits.len());
        if so_many >= WAITS_MAX {
            return Err(Bound::Waits.refused());
        }
        let is_long =
            |want: &Want| self.lock(want).is_some_and(|lock| lock.queue.len() >= WAITERS_MAX);
        if wants.iter().any(is_long) {
            return Err(Bound::Waiters.refused());
        }
        self.cycle_of(owner, wants)
            .map_or(Ok(Verdict::Wait(wait_ms)), |cycle| Err(LockRefusal::Deadlock { cycle }))
    }

    pub(super) fn lock(&self, want: &Want) -> Option<&Lock> {
        self.durable.locks.get(&want.key)
    }

    /// Refuses what does not go with how the locks are held, by whoever asks or by others.
    fn check_held(&self, owner: Owner, wants: &[Want]) -> Result<(), LockRefusal> {
        let found = self.durable.owned.get(&owner);
        let mut more = 0;
        for Want { key, mode } in wants {
            let Some(lock) = self.durable.locks.get(key) else {
                more += 1;
                continue;
            };
            if lock.kind != mode.kind() {
                return Err(LockRefusal::KindMismatch { key: key.clone(), is: lock.kind });
            }
            let waited = found.into_iter().flat_map(|found| &found.waits);
            let waited = waited.filter_map(|wait| self.durable.waits.get(wait));
            let waited = waited.flat_map(|waiting| waiting.wants.iter());
            let waited = waited.filter(|want| want.key == *key).map(|want| want.mode);
            let held = lock.holders.get(&owner);
            if let Some(less) = held
                .map(|hold| hold.mode)
                .into_iter()
                .chain(waited)
                .find(|have| !have.covers(*mode))
            {
                let key = key.clone();
                return Err(LockRefusal::Upgrade { key, held: less, wanted: *mode });
            }
            if held.is_some_and(|hold| hold.depth >= DEPTH_MAX) {
                return Err(Bound::Depth.refused());
            }
        }
        if self.durable.locks.len() + more > LOCKS_MAX {
            return Err(Bound::Locks.refused());
        }
        let held = found.map_or(0, |found| found.held.len());
        if held + wants.len() > HOLDS_MAX { Err(Bound::Holds.refused()) } else { Ok(()) }
    }

    /// Whether it can be given at once: to who has it already, or where nobody waits and there is
    /// room.
    fn is_free_for(&self, owner: Owner, want: &Want) -> bool {
        self.lock(want).is_none_or(|lock| {
            lock.holders.contains_key(&owner)
                || (lock.queue.is_empty() && lock.has_room_for(want.mode))
        })
    }

    /// Gives locks that are free; answers them with their tokens.
    pub(super) fn grant(
        &self,
        (owner, request): (Owner, RequestNo),
        wants: &Arc<[Want]>,
        wait: Option<WaitNo>,
        out: &mut LockDecision,
    ) -> Vec<Grant> {
        let number =
            out.event(LockEvent::Granted { owner, request, wants: Arc::clone(wants), wait });
        let grants = wants.iter().map(|want| {
            let hold = self.durable.hold(owner, &want.key);
            let token = hold.map_or(Token(number.0), |hold| hold.token);
            Grant { key: want.key.clone(), token }
        });
        grants.collect()
    }

    fn busy(&self, key: &LockKey) -> LockRefusal {
        let lock = self.durable.locks.get(key);
        let waiting = lock.map_or(0, |lock| lock.queue.len() as u64);
        LockRefusal::Busy { key: key.clone(), held_by: self.holders_of(key), waiting }
    }

    /// Who holds a lock, or is treated as if, the first three.
    pub(super) fn holders_of(&self, key: &LockKey) -> Vec<Who> {
        let Some(lock) = self.durable.locks.get(key) else { return Vec::new() };
        let held = lock.holders.keys().map(|owner| self.durable.who(*owner));
        held.chain(lock.ghosts.values().map(|ghost| ghost.who.clone())).take(NAMED_MAX).collect()
    }
}

/// Refuses what cannot be meant, whatever the state is.
pub(crate) fn check_wants(wants: &[Want]) -> Result<(), LockRefusal> {
    if wants.is_empty() {
        return Err(LockRefusal::NothingAsked);
    }
    if wants.len() > REQUEST_LOCKS_MAX {
        return Err(Bound::RequestLocks.refused());
    }
    let mut named = BTreeSet::new();
    for Want { key, mode } in wants {
        if !named.insert(key) {
            return Err(LockRefusal::NamedTwice { key: key.clone() });
        }
        if let Mode::Permits { permits, of } = *mode
            && (permits == 0 || permits > of || of > PERMITS_MAX)
        {
            return Err(LockRefusal::PermitsOutOfBounds { key: key.clone(), permits, of });
        }
    }
    Ok(())
}
