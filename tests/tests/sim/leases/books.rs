//! What the journal of the model says, kept apart from the machine.

use std::collections::BTreeSet;

use orkestra_coordinator::lock::{LockEvent, Owner};
use orkestra_runtime::id::SessionNo;

/// What can be seen of a world, once it has been so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Seen {
    /// A token was given that is not greater than the one before.
    Fell,
    /// The lock was given while somebody held it.
    Twice,
    /// A write was accepted of one who does not hold the lock.
    Stale,
    /// A write was accepted after one with a greater token.
    Back,
    /// A write was refused.
    Refused,
    /// A leader found that another wrote after it.
    Deposed,
    /// The lock was taken from one who was silent.
    Lapsed,
    /// The second leader gave on what was taken from one who was silent.
    Followed,
}

/// What the journal says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Books {
    pub(super) holder: Option<(SessionNo, u64)>,
    pub(super) newest: u64,
    pub(super) written: u64,
    seen: BTreeSet<Seen>,
}

impl Books {
    pub(super) fn saw(&mut self, what: Seen, is_so: bool) {
        if is_so {
            self.seen.insert(what);
        }
    }

    pub(crate) fn has_seen(&self, what: Seen) -> bool {
        self.seen.contains(&what)
    }

    pub(super) fn hear(&mut self, number: u64, event: &LockEvent, reign: usize) {
        match event {
            LockEvent::Granted { owner: Owner::Session(no), .. } => {
                self.saw(Seen::Fell, number <= self.newest);
                self.saw(Seen::Twice, self.holder.is_some());
                self.saw(Seen::Followed, reign > 0 && self.has_seen(Seen::Lapsed));
                (self.holder, self.newest) = (Some((*no, number)), number);
            }
            LockEvent::Released { owner: Owner::Session(no), .. } => {
                self.holder = self.holder.filter(|(holder, _)| holder != no);
            }
            LockEvent::Ended { owner: Owner::Session(no), .. } => {
                self.saw(Seen::Lapsed, self.holder.is_some_and(|(holder, _)| holder == *no));
                self.holder = self.holder.filter(|(holder, _)| holder != no);
            }
            _ => {}
        }
    }
}
