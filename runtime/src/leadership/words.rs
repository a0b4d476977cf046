//! What can happen to a candidate, and what it asks of the world.

use std::time::Duration;

use super::lease::{Held, LEASE_MS_MAX, Revision, Seen, Standing};
use crate::{
    id::{Epoch, NodeId},
    time::Moment,
};

/// How long leases last and how soon what is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseSettings {
    /// How long a holder that does not renew holds the register.
    pub lease: Duration,
    /// How often a holder renews.
    pub renew_every: Duration,
    /// How much later each next candidate claims, so that they do not collide.
    pub stagger: Duration,
    /// How long the others leave a vacancy to its heir.
    pub heir_wait: Duration,
}

impl Default for LeaseSettings {
    fn default() -> Self {
        Self::of(Duration::from_millis(1_200))
    }
}

impl LeaseSettings {
    /// What goes with a lease of this length.
    pub fn of(lease: Duration) -> Self {
        let renew_every = lease / 4;
        Self { lease, renew_every, stagger: lease / 30, heir_wait: renew_every }
    }

    /// How long a register must stand still before it is taken from a holder with this lease: a
    /// twentieth longer, for clocks that run unlike.
    pub fn stillness(lease: Duration) -> Duration {
        lease + lease / 20
    }

    pub(super) fn lease_ms(&self) -> u64 {
        u64::try_from(self.lease.as_millis()).unwrap_or(LEASE_MS_MAX).min(LEASE_MS_MAX)
    }
}

/// Why a register was not set, or perhaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetFault {
    /// It holds something else, none when it is absent.
    Conflict(Option<Seen>),
    /// There is no room.
    Full,
    /// It may have been set, and may be later still.
    Unknown,
}

/// What can happen to a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The register was seen, now or a while ago; none when it is absent.
    Seen(Option<Seen>),
    /// A look was asked for and this is what came of it: what the register held, if it could be read.
    Looked(Result<Option<Seen>, ()>),
    /// A write was asked for and this is what came of it.
    SetDone(Result<Revision, SetFault>),
    /// How many others should rather lead; none when this node should not lead at all.
    Rank(Option<u32>),
    /// A reign has begun.
    Reign(Epoch),
    /// Hand over in order, to this one if it is there.
    HandOver {
        /// Who should take it.
        heir: Option<NodeId>,
    },
    /// The reign is closed: everything is durable, nobody is answered any more. Give the register
    /// back, to the heir that was named, or to this one.
    Closed {
        /// Who should take it where no other was named.
        heir: Option<NodeId>,
    },
}

/// What a candidate asks of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Set the register if it is at this revision, or absent; comes back as [`Event::SetDone`].
    Set {
        /// At which revision; none: if it is absent.
        at: Option<Revision>,
        /// What it is to say.
        standing: Standing,
    },
    /// Look at the register; comes back as [`Event::Looked`].
    Look,
    /// This node leads. What no append proves may be said until then.
    Lead {
        /// By this node's own clock; it may have passed.
        until: Moment,
        /// By which write.
        revision: Revision,
    },
    /// It leads on.
    Renewed {
        /// By this node's own clock.
        until: Moment,
    },
    /// Close the reign in order, and say [`Event::Closed`].
    Close,
    /// The register was given back in order.
    Released,
    /// Somebody else holds it, or nobody: end the reign at once.
    Lost,
    /// The register has another holder than before.
    Holder(Option<Held>),
}
