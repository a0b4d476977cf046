//! Tries out who would come to an end, if all went on that can: where it takes a number of permits to
//! go on, a circle of waits alone does not tell.

use std::collections::{BTreeMap, BTreeSet};

use orkestra_runtime::id::WaitNo;

use crate::lock::{
    deadlock::Request,
    machine::LockMachine,
    mode::Mode,
    owner::{Owner, Party},
};

/// What would be, if all went on that can.
pub(super) struct Trial<'a> {
    machine: &'a LockMachine,
    granted: BTreeSet<WaitNo>,
    pub(super) finished: BTreeSet<Party>,
}

impl<'a> Trial<'a> {
    pub(super) const fn of(machine: &'a LockMachine) -> Self {
        Self { machine, granted: BTreeSet::new(), finished: BTreeSet::new() }
    }

    pub(super) fn grant(&mut self, wait: WaitNo) -> bool {
        let request = self.machine.request(wait);
        let is_new = !self.granted.contains(&wait);
        let moved = is_new && request.is_some_and(|request| self.would_have(request));
        if moved {
            self.granted.insert(wait);
        }
        moved
    }

    pub(super) fn finish(&mut self, party: &Party, goal: &Party, new: Option<Request<'_>>) -> bool {
        if self.finished.contains(party) {
            return false;
        }
        let is_last = party == goal;
        let ties = self.machine.live.ties.get(party).into_iter().flatten();
        let can = self.machine.waits_of(party).iter().all(|wait| self.granted.contains(wait))
            && ties.into_iter().all(|whom| self.finished.contains(whom))
            && (!is_last || new.is_none_or(|new| self.would_have(new)));
        if can {
            self.finished.insert(party.clone());
        }
        can
    }

    /// Whether a request would be given its locks, with all gone who have come to their end.
    fn would_have(&self, request: Request<'_>) -> bool {
        request.wants.iter().all(|want| {
            let Some(lock) = self.machine.durable.locks.get(&want.key) else { return true };
            if lock.holders.contains_key(&request.owner) {
                return true;
            }
            if let Some(own) = self.machine.own_before(request, &want.key) {
                return self.granted.contains(&own);
            }
            let end = request.place.unwrap_or(WaitNo(u64::MAX));
            let mut left: BTreeMap<Owner, Mode> = BTreeMap::new();
            let held = lock.holders.iter().map(|(owner, hold)| (*owner, hold.mode));
            left.extend(held.filter(|(owner, _)| !self.finished.contains(&owner.party())));
            for wait in lock.queue.range(..end) {
                if !self.granted.contains(wait) {
                    return false;
                }
                let Some(before) = self.machine.durable.waits.get(wait) else { continue };
                if !self.finished.contains(&before.owner.party())
                    && let Some(has) = before.wants.iter().find(|has| has.key == want.key)
                {
                    left.entry(before.owner).or_insert(has.mode);
                }
            }
            goes_with(want.mode, left.values())
        })
    }
}

/// Whether a lock may be held so beside these.
fn goes_with<'a>(mode: Mode, mut others: impl Iterator<Item = &'a Mode>) -> bool {
    match mode {
        Mode::Exclusive => others.next().is_none(),
        Mode::Shared => others.all(|other| !other.is_exclusive()),
        Mode::Permits { permits, of } => {
            let taken: u64 = others.map(|other| u64::from(other.permits())).sum();
            taken + u64::from(permits) <= u64::from(of)
        }
    }
}
