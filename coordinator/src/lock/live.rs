//! What a leader knows and never journals: when leases, waits and delays run out, and who asks.
//!
//! After a take-over it is rebuilt with fresh terms: late is safe, early is not.

use std::collections::{BTreeMap, BTreeSet};

use orkestra_runtime::{
    id::{LockKey, RequestNo, SessionNo, Token, WaitNo},
    machine::ReplyTo,
    time::Moment,
};

use crate::lock::{
    owner::{Owner, Party},
    reason::LockReason,
    refusal::LockRefusal,
    settings::{ASKERS_MAX, REFUSALS_KEPT},
};

/// Moments at which something runs out, by what it is and in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Terms<K> {
    until: BTreeMap<K, Moment>,
    order: BTreeSet<(Moment, K)>,
}

impl<K> Default for Terms<K> {
    fn default() -> Self {
        Self { until: BTreeMap::new(), order: BTreeSet::new() }
    }
}

impl<K: Ord + Clone> Terms<K> {
    pub(super) fn set(&mut self, key: K, until: Moment) {
        self.remove(&key);
        self.order.insert((until, key.clone()));
        self.until.insert(key, until);
    }

    pub(super) fn remove(&mut self, key: &K) {
        if let Some(until) = self.until.remove(key) {
            self.order.remove(&(until, key.clone()));
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<Moment> {
        self.until.get(key).copied()
    }

    /// The first that runs out.
    pub(super) fn first(&self) -> Option<Moment> {
        self.order.first().map(|(until, _)| *until)
    }

    /// All, in the order in which they run out.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Moment, &K)> {
        self.order.iter().map(|(until, key)| (*until, key))
    }
}

/// What happened since this leader began, for whoever counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) granted: u64,
    pub(super) timed_out: u64,
    pub(super) deadlocks: u64,
    pub(super) stolen: u64,
    pub(super) expired: u64,
}

/// Everything volatile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Live {
    /// Until when sessions live.
    pub(super) leases: Terms<SessionNo>,
    /// Until when requests wait, where they do not wait without end.
    pub(super) deadlines: Terms<WaitNo>,
    /// Until when what was lost is kept back.
    pub(super) delays: Terms<(LockKey, Token)>,
    pub(super) askers: BTreeMap<WaitNo, Vec<ReplyTo>>,
    /// What requests were refused lately, so that the same request is told the same.
    pub(super) refused: BTreeMap<SessionNo, BTreeMap<RequestNo, LockRefusal>>,
    /// Who waits for whom beside locks.
    pub(super) ties: BTreeMap<Party, BTreeSet<Party>>,
    /// For whom somebody waits beside locks, and how many do.
    pub(super) tied: BTreeMap<Party, u64>,
    /// Locks whose first waiter may have them now.
    pub(super) open: BTreeSet<LockKey>,
    /// Requests that may have become possible by what their owner was given.
    pub(super) kin: BTreeSet<WaitNo>,
    /// Requests that may be in a circle by what their owner let go.
    pub(super) bare: BTreeSet<WaitNo>,
    /// Who is next, as the command that runs will find.
    pub(super) turn: Option<WaitNo>,
    /// Attempts that are over, and whose end is not recorded yet: why, and whether that is sure.
    pub(super) over: BTreeMap<Owner, (LockReason, bool)>,
    /// Nothing is due before this moment.
    pub(super) later: Option<Moment>,
    pub(super) tally: Tally,
}

impl Live {
    pub(super) fn hear_await(&mut self, to: ReplyTo, wait: WaitNo) {
        let askers = self.askers.entry(wait).or_default();
        if !askers.contains(&to) {
            askers.push(to);
        }
        // Who asks again has mostly given up asking before: the oldest has.
        if askers.len() > ASKERS_MAX {
            askers.remove(0);
        }
    }

    pub(super) fn hear_refusal(
        &mut self,
        session: SessionNo,
        request: RequestNo,
        refusal: &LockRefusal,
    ) {
        if matches!(refusal, LockRefusal::Deadlock { .. }) {
            self.tally.deadlocks += 1;
        }
        let refused = self.refused.entry(session).or_default();
        refused.insert(request, refusal.clone());
        if refused.len() > REFUSALS_KEPT {
            refused.pop_first();
        }
    }

    pub(super) fn hear_ties(&mut self, who: &Party, whom: &[Party]) {
        for before in self.ties.remove(who).into_iter().flatten() {
            if let Some(count) = self.tied.get_mut(&before) {
                *count -= 1;
                if *count == 0 {
                    self.tied.remove(&before);
                }
            }
        }
        let whom: BTreeSet<Party> = whom.iter().cloned().collect();
        for party in &whom {
            *self.tied.entry(party.clone()).or_default() += 1;
        }
        if !whom.is_empty() {
            self.ties.insert(who.clone(), whom);
        }
    }
}
