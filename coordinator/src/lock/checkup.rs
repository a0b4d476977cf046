//! What is remarkable of locks in a record, for whoever looks after it.

use orkestra_runtime::{id::LockKey, time::Wall};

use crate::lock::{
    machine::LockMachine,
    owner::{Cycle, Owner, Who},
    state::Owned,
};

/// How many of those who hold a lock are named.
const NAMED_MAX: usize = 3;
/// From how many requests circles are looked for: each look may touch all others.
const LOOKS_MAX: usize = 1_000;

/// One who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Who.
    pub who: Who,
    /// Which.
    pub key: LockKey,
    /// Since when.
    pub since: Wall,
}

/// One who waits for locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// Who.
    pub who: Who,
    /// For which, all at once.
    pub keys: Vec<LockKey>,
    /// Who holds them, the first three.
    pub held_by: Vec<Who>,
    /// Since when.
    pub since: Wall,
}

impl LockMachine {
    /// Who holds what, the longest first: so many at most, and how many there are.
    pub fn holdings(&self, max: usize) -> (Vec<Holding>, u64) {
        let locks = self.durable.locks.iter();
        let holds = locks.flat_map(|(key, lock)| {
            lock.holders.iter().map(move |(owner, hold)| (hold.since, key, *owner))
        });
        let mut holds: Vec<(Wall, &LockKey, Owner)> = holds.collect();
        holds.sort_unstable();
        let count = holds.len() as u64;
        let first = holds.into_iter().take(max).map(|(since, key, owner)| Holding {
            who: self.durable.who(owner),
            key: key.clone(),
            since,
        });
        (first.collect(), count)
    }

    /// Who waits since that moment or longer, the longest first: so many at most, and how many there
    /// are.
    pub fn waiters_since(&self, at: Wall, max: usize) -> (Vec<Waiter>, u64) {
        let long = || self.durable.waits.values().filter(|waiting| waiting.since <= at);
        let shown = long().take(max).map(|waiting| {
            let keys: Vec<LockKey> = waiting.wants.iter().map(|want| want.key.clone()).collect();
            let held_by = keys.iter().flat_map(|key| self.holders_of(key));
            Waiter {
                who: self.durable.who(waiting.owner),
                held_by: held_by.take(NAMED_MAX).collect(),
                keys,
                since: waiting.since,
            }
        });
        (shown.collect(), long().count() as u64)
    }

    /// Circles of waits, of which there should be none: so many at most.
    ///
    /// In each of them somebody waits who holds something, or waits with two requests: whoever only
    /// waits, once, waits for none who asked later.
    pub fn circles(&self, max: usize) -> Vec<Cycle> {
        let owners = self.durable.owned.values();
        let may_be = owners.filter(|Owned { held, waits }| !held.is_empty() || waits.len() > 1);
        let waits = may_be.flat_map(|owned| &owned.waits).take(LOOKS_MAX);
        let (mut circles, mut seen) = (Vec::<Cycle>::new(), Vec::new());
        for wait in waits {
            let who = self.durable.waits.get(wait).map(|waiting| self.durable.who(waiting.owner));
            if circles.len() >= max || seen.contains(&who) {
                continue;
            }
            if let Some(circle) = self.circle_of(*wait) {
                seen.extend(circle.links.iter().map(|link| Some(link.who.clone())));
                circles.push(circle);
            }
        }
        circles
    }
}
