//! Sessions: how they come, how they go, and how the locks of those that are gone are cleaned up.

use std::collections::BTreeSet;

use orkestra_runtime::{
    id::{LockKey, SessionNo, Token, WaitNo},
    machine::ReplyTo,
    time::Now,
};

use crate::lock::{
    command::{LockReply, Opening},
    decision::{LockDecision, LockEffect},
    event::{LockEvent, Withdrawal},
    machine::LockMachine,
    owner::Owner,
    reason::LockReason,
    refusal::{Bound, LockRefusal},
    settings::{SESSIONS_MAX, TEXT_CHARS_MAX, ms},
    state::Session,
};

/// How much of each kind one sweep does, so that a step stays small.
pub(super) const SWEEP_MAX: usize = 200;

/// How a session is ended.
#[derive(Clone, Copy)]
pub(super) struct End<'a> {
    pub(super) reason: LockReason,
    /// By whom, where it was not its owner or the time.
    pub(super) by: &'a str,
    /// Why, in words.
    pub(super) why: &'a str,
    /// For how long what it held is kept back; none: as configured.
    pub(super) delay_ms: Option<u64>,
}

impl End<'_> {
    /// Nobody else had a hand in it.
    const fn by_itself(reason: LockReason) -> Self {
        End { reason, by: "", why: "", delay_ms: None }
    }
}

impl LockMachine {
    /// A session that is there; whoever asks is told if it is not.
    pub(super) fn session(
        &self,
        no: SessionNo,
        to: ReplyTo,
        out: &mut LockDecision,
    ) -> Option<&Session> {
        let found = self.durable.sessions.get(&no);
        if found.is_none() {
            out.refuse(to, LockRefusal::SessionGone { session: no });
        }
        found
    }

    pub(super) fn decide_open(&self, to: ReplyTo, opening: &Opening, out: &mut LockDecision) {
        let Opening { session: name, nonce, lease_ms, by } = opening;
        if let Some((no, found)) = self.durable.session_named(name) {
            if found.nonce != *nonce {
                let (session, by) = (name.clone(), found.by.clone());
                return out.refuse(to, LockRefusal::SessionTaken { session, by });
            }
            let lease_ms = found.lease_ms;
            return out.reply(to, LockReply::Opened { session: no, lease_ms, existed: true });
        }
        let lease_ms = lease_ms.unwrap_or_else(|| ms(self.settings.lease));
        let (min_ms, max_ms) = (ms(self.settings.lease_min), ms(self.settings.lease_max));
        if !(min_ms..=max_ms).contains(&lease_ms) {
            return out.refuse(to, LockRefusal::LeaseOutOfBounds { lease_ms, min_ms, max_ms });
        }
        if let Err(refusal) = check_text(by) {
            return out.refuse(to, refusal);
        }
        if self.durable.sessions.len() >= SESSIONS_MAX {
            return out.refuse(to, Bound::Sessions.refused());
        }
        let (session, nonce, by) = (name.clone(), *nonce, by.clone());
        let number = out.event(LockEvent::Opened { session, nonce, lease_ms, by });
        let session = SessionNo(number.0);
        out.reply(to, LockReply::Opened { session, lease_ms, existed: false });
    }

    pub(super) fn decide_close(&self, to: ReplyTo, no: SessionNo, out: &mut LockDecision) {
        if self.durable.sessions.contains_key(&no) {
            self.end_session(
                no,
                End { delay_ms: Some(0), ..End::by_itself(LockReason::Complete) },
                out,
            );
            Self::then_grant(out);
        }
        out.reply(to, LockReply::Closed);
    }

    pub(super) fn decide_end(
        &self,
        to: ReplyTo,
        no: SessionNo,
        end: End<'_>,
        out: &mut LockDecision,
    ) {
        let reason = end.reason;
        if reason.is_of_holder() && reason != LockReason::Manual {
            return out.refuse(to, LockRefusal::ReasonNotYours { reason });
        }
        if let Err(refusal) = check_text(end.by).and_then(|()| check_text(end.why)) {
            return out.refuse(to, refusal);
        }
        if self.durable.sessions.contains_key(&no) {
            self.end_session(no, end, out);
            Self::then_grant(out);
        }
        out.reply(to, LockReply::Closed);
    }

    /// Sessions whose lease has run out: at its very end it still holds.
    fn overdue(&self, now: Now) -> impl Iterator<Item = SessionNo> {
        let leases = self.live.leases.iter();
        leases.take_while(move |(until, _)| *until < now.moment).map(|(_, no)| *no).take(SWEEP_MAX)
    }

    pub(super) fn end_session(&self, no: SessionNo, end: End<'_>, out: &mut LockDecision) {
        let End { reason, by, why, delay_ms } = end;
        // Who ends it by hand may be wrong about whether it still works.
        let is_clean = reason == LockReason::TaskCompleted;
        let delay_ms =
            delay_ms.unwrap_or_else(|| if is_clean { 0 } else { self.settings.delay_ms() });
        let owner = Owner::Session(no);
        let found = self.durable.owned.get(&owner);
        for wait in found.into_iter().flat_map(|found| &found.waits) {
            self.tell_askers(*wait, &LockRefusal::SessionGone { session: no }, out);
        }
        let (by, why) = (by.to_owned(), why.to_owned());
        out.event(LockEvent::Ended { owner, reason, by, delay_ms, why });
        out.effects.push(LockEffect::Ended { session: no, reason });
    }

    pub(super) fn tell_askers(&self, wait: WaitNo, refusal: &LockRefusal, out: &mut LockDecision) {
        for to in self.live.askers.get(&wait).into_iter().flatten() {
            out.refuse(*to, refusal.clone());
        }
    }

    /// Does at a pace what time has made due.
    pub(super) fn decide_sweep(&self, now: Now, out: &mut LockDecision) {
        let mut ended = BTreeSet::new();
        for no in self.overdue(now) {
            ended.insert(Owner::Session(no));
            self.end_session(no, End::by_itself(LockReason::Timeout), out);
        }
        let late = self.live.deadlines.iter().take_while(|(until, _)| *until <= now.moment);
        for (_, no) in late.take(SWEEP_MAX) {
            let Some(waiting) = self.durable.waits.get(no) else { continue };
            if !ended.contains(&waiting.owner) {
                let why = Withdrawal::TimedOut { ms: waiting.wait_ms.unwrap_or_default() };
                self.withdraw(*no, why, out);
            }
        }
        let over = self.live.delays.iter().take_while(|(until, _)| *until <= now.moment);
        let lost: Vec<(LockKey, Token)> =
            over.take(SWEEP_MAX).map(|(_, lost)| lost.clone()).collect();
        if !lost.is_empty() {
            out.event(LockEvent::Reopened { lost });
        }
        Self::then_grant(out);
    }
}

/// Refuses a text that is too long.
pub(super) fn check_text(text: &str) -> Result<(), LockRefusal> {
    let chars = text.chars().count();
    if chars <= TEXT_CHARS_MAX {
        Ok(())
    } else {
        Err(LockRefusal::TextTooLong { chars: chars as u64 })
    }
}
