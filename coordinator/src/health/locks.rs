//! What is worth counting of locks.

use std::{collections::BTreeMap, time::Duration};

use orkestra_runtime::{
    id::{Number, WaitNo},
    time::Wall,
};

use super::facts::Fact;
use crate::lock::{LockEvent, Owner, Withdrawal};

/// Something of locks that is worth counting, as it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockFact {
    /// A request came to its end: `granted`, `timed_out`, `cancelled`, `deadlock`.
    Ended {
        /// How.
        outcome: &'static str,
        /// How long it waited, if that is known and it was granted.
        waited: Option<Duration>,
    },
    /// A lock was stolen.
    Stolen,
    /// A session was ended for whoever held locks by it.
    SessionLost {
        /// Why.
        reason: &'static str,
    },
}

/// Since when requests wait.
#[derive(Clone, Debug, Default)]
pub(super) struct LockWaits(BTreeMap<Owner, BTreeMap<WaitNo, Wall>>);

impl LockWaits {
    /// Takes an event, and tells what is worth counting.
    pub(super) fn apply(
        &mut self,
        number: Number,
        at: Wall,
        event: &LockEvent,
        tell: &mut dyn FnMut(Fact),
    ) {
        match event {
            LockEvent::Queued { owner, .. } => {
                self.0.entry(*owner).or_default().insert(WaitNo(number.0), at);
            }
            LockEvent::Granted { owner, wait, .. } => {
                let waited = match wait {
                    None => Some(Duration::ZERO),
                    Some(wait) => self.over(*owner, *wait).map(|since| at.since(since)),
                };
                tell(Fact::Lock(LockFact::Ended { outcome: "granted", waited }));
            }
            LockEvent::Withdrawn { owner, wait, why, .. } => {
                if let Some(wait) = wait {
                    self.over(*owner, *wait);
                }
                let outcome = match why {
                    Withdrawal::Cancelled => "cancelled",
                    Withdrawal::TimedOut { .. } => "timed_out",
                    Withdrawal::Deadlock { .. } => "deadlock",
                };
                tell(Fact::Lock(LockFact::Ended { outcome, waited: None }));
            }
            LockEvent::Ended { owner, reason, .. } => {
                self.0.remove(owner);
                if matches!(owner, Owner::Session(_)) && !reason.is_clean() {
                    tell(Fact::Lock(LockFact::SessionLost { reason: reason.as_str() }));
                }
            }
            LockEvent::Stolen { .. } => tell(Fact::Lock(LockFact::Stolen)),
            LockEvent::Opened { .. } | LockEvent::Released { .. } | LockEvent::Reopened { .. } => {}
        }
    }

    fn over(&mut self, owner: Owner, wait: WaitNo) -> Option<Wall> {
        let waits = self.0.get_mut(&owner)?;
        let since = waits.remove(&wait);
        if waits.is_empty() {
            self.0.remove(&owner);
        }
        since
    }
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::id::{RequestNo, SessionNo};

    use super::*;
    use crate::lock::LockReason;

    #[test]
    fn a_wait_is_measured_from_its_place_in_the_queue_to_its_grant_and_forgotten_with_its_owner() {
        let owner = Owner::Session(SessionNo(1));
        let (request, wants) = (RequestNo(1), std::sync::Arc::from([]));
        let queued = LockEvent::Queued { owner, request, wants, wait_ms: None };
        let granted = |wait| LockEvent::Granted { owner, request, wants: [].into(), wait };
        let (reason, by, why) = (LockReason::Timeout, String::new(), String::new());
        let ended = LockEvent::Ended { owner, reason, by, delay_ms: 0, why };
        let mut kept = LockWaits::default();
        let mut facts = Vec::new();
        let story = [
            (2, 1_000, &queued),
            (3, 4_000, &granted(Some(WaitNo(2)))),
            (4, 4_000, &granted(None)),
            (5, 5_000, &queued),
            (6, 9_000, &ended),
        ];
        for (number, ms, event) in story {
            kept.apply(Number(number), Wall::from_ms(ms), event, &mut |fact| facts.push(fact));
        }
        let granted = |ms| {
            let waited = Some(Duration::from_millis(ms));
            Fact::Lock(LockFact::Ended { outcome: "granted", waited })
        };
        let lost = Fact::Lock(LockFact::SessionLost { reason: "TIMEOUT" });
        assert_eq!(facts, [granted(3_000), granted(0), lost]);
        assert!(kept.0.is_empty());
    }
}
