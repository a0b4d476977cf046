//! What is stale: sessions that nobody renews, found by the leader's own monotonic clock, and what
//! attempts of tasks hold that are over, as the composition knows them.
//!
//! The leader ends by itself whatever outlives its lease. Whoever cleans ends before that what was
//! silent for longer than it was told, and sees who that is.

use std::time::Duration;

use orkestra_runtime::{
    id::{LockKey, SessionNo},
    machine::ReplyTo,
    time::{Moment, Now},
};

use crate::lock::{
    command::{Ending, LockReply},
    decision::LockDecision,
    machine::LockMachine,
    owner::Owner,
    reason::LockReason,
    sessions::{End, SWEEP_MAX, check_text},
    settings::ms,
    view::{Page, StaleView},
};

/// How many locks of one who is stale are named.
const KEYS_MAX: usize = 10;

impl LockMachine {
    /// Sessions that are stale, each with its silence. Of what no leader keeps nothing is known: there
    /// nobody is.
    fn stale_sessions(
        &self,
        now: Now,
        silent_ms: Option<u64>,
    ) -> impl Iterator<Item = (SessionNo, Duration)> {
        let silent = silent_ms.map_or(Duration::MAX, Duration::from_millis);
        self.live.leases.iter().filter_map(move |(until, no)| {
            let lease = Duration::from_millis(self.durable.sessions.get(no)?.lease_ms);
            let silence = silence(now, until, lease);
            (silence > silent.min(lease)).then_some((*no, silence))
        })
    }

    pub(super) fn decide_clean(
        &self,
        now: Now,
        to: ReplyTo,
        (by, silent_ms): (&str, Option<u64>),
        out: &mut LockDecision,
    ) {
        if let Err(refusal) = check_text(by) {
            return out.refuse(to, refusal);
        }
        let mut stale = self.stale_sessions(now, silent_ms);
        let mut gone = Vec::new();
        for (no, silence) in stale.by_ref().take(SWEEP_MAX) {
            gone.push(self.show_stale(no, silence));
            let end = End { reason: LockReason::Stale, by, why: "", delay_ms: None };
            self.end_session(no, end, out);
        }
        if !gone.is_empty() {
            Self::then_grant(out);
        }
        let (sessions, locks) = (gone.len() as u64, gone.iter().map(|gone| gone.holds).sum());
        let more = stale.next().is_some();
        out.reply(to, LockReply::Cleaned { sessions, locks, gone, more });
    }

    /// Who would go now.
    pub(super) fn page_of_stale(&self, now: Now, silent_ms: Option<u64>) -> Page<StaleView> {
        let mut stale = self.stale_sessions(now, silent_ms);
        let first = stale.by_ref().take(SWEEP_MAX);
        let rows = first.map(|(no, silence)| self.show_stale(no, silence)).collect();
        Page { rows, more: stale.next().is_some() }
    }

    fn show_stale(&self, no: SessionNo, silence: Duration) -> StaleView {
        let by = self.durable.sessions.get(&no).map(|session| session.by.clone());
        StaleView {
            by: by.unwrap_or_default(),
            silent_ms: Some(ms(silence)),
            ..self.show_owner(Owner::Session(no), LockReason::Stale)
        }
    }

    /// What an attempt holds that is over.
    pub(crate) fn show_ending(&self, ending: &Ending) -> StaleView {
        let owner = Owner::Attempt { task: ending.task, attempt: ending.attempt };
        self.show_owner(owner, ending.reason)
    }

    fn show_owner(&self, owner: Owner, reason: LockReason) -> StaleView {
        let held = self.durable.owned.get(&owner).map(|owned| &owned.held);
        let keys: Vec<LockKey> = held.into_iter().flatten().take(KEYS_MAX).cloned().collect();
        let holds = held.map_or(0, |held| held.len() as u64);
        let (who, by) = (self.durable.who(owner), String::new());
        StaleView { who, reason, by, silent_ms: None, holds, keys }
    }
}

/// For how long nobody renewed what lives until a moment.
fn silence(now: Now, until: Moment, lease: Duration) -> Duration {
    (lease + now.moment.since(until)).saturating_sub(until.since(now.moment))
}
