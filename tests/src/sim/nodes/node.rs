//! One simulated node: its clock, its machines, and what it waits for.

use std::time::Duration;

use orkestra_coordinator::shard::{Fold, Pool, sequencer::Sequencer, toy::Toy};
use orkestra_runtime::{
    fabric::Sequence,
    id::{Incarnation, NodeId},
    leadership::{LeaseMachine, LeaseSettings, Revision},
    machine::Machine,
    presence::{PresenceMachine, PresenceSettings},
    protocol::node::{NodeBeat, Reads, Roles, Staying},
    time::{Moment, Now, Wall},
};

/// How long leases last in the simulated world.
pub(super) const LEASE: Duration = Duration::from_millis(1_200);

/// A clock that runs at its own rate from its own beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalClock {
    pub(super) base: u64,
    /// Millionths of the true rate.
    pub(super) rate: u64,
    /// How much true time it has slept through.
    pub(super) slept: u64,
}

impl LocalClock {
    pub(super) fn at(&self, truth: u64) -> Now {
        let passed = u128::from(truth - self.slept) * u128::from(self.rate) / 1_000_000;
        let nanos = self.base + u64::try_from(passed).unwrap_or(u64::MAX);
        let wall = Wall::from_ms(1_700_000_000_000 + nanos / 1_000_000);
        Now { moment: Moment::from_nanos(nanos), wall }
    }

    /// The true time at which it shows at least this moment.
    pub(super) fn truth_of(&self, moment: Moment) -> u64 {
        let passed = u128::from(moment.as_nanos().saturating_sub(self.base)) * 1_000_000;
        let truth = passed.div_ceil(u128::from(self.rate));
        u64::try_from(truth).unwrap_or(u64::MAX).saturating_add(self.slept)
    }
}

/// A reign and what it waits for.
#[derive(Debug)]
pub(super) struct Reign {
    /// Which one of all that ever began.
    pub(super) id: u64,
    pub(super) sequencer: Sequencer<Toy>,
    /// Where the log ends for the append that is away.
    pub(super) away: Option<Sequence>,
    pub(super) permits: [i64; Pool::ALL.len()],
}

/// A process.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) boot: Incarnation,
    pub(super) lease: LeaseMachine,
    pub(super) presence: PresenceMachine,
    pub(super) beats: u64,
    /// The register call that is away, by its number, and whether it is a look.
    pub(super) calling: Option<(u64, bool)>,
    /// The tenure under which a reign may begin or goes on.
    pub(super) tenure: Option<Revision>,
    /// Until when it believes in its term.
    pub(super) term: Moment,
    pub(super) is_closing: bool,
    pub(super) reign: Option<Reign>,
    pub(super) warm: Option<Fold<Toy>>,
    pub(super) since: Wall,
    /// For each other node, since when the life of it that is shown runs.
    pub(super) shown: std::collections::BTreeMap<NodeId, Wall>,
}

/// A machine on which one life follows another.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) clock: LocalClock,
    pub(super) life: Option<Life>,
    /// It does nothing until then.
    pub(super) paused_until: u64,
    pub(super) resumed_at: u64,
    /// Nothing reaches it or leaves it until then.
    pub(super) cut_until: u64,
    /// No register reaches it until then.
    pub(super) deaf_until: u64,
    /// How much of its clock a pause takes, where that is planted.
    pub(super) stops: u64,
    /// When it is woken next.
    pub(super) wakes_at: u64,
}

impl Life {
    pub(super) fn new(id: &NodeId, boot: Incarnation, now: Now) -> Self {
        Self {
            boot,
            lease: LeaseMachine::new(id.clone(), boot, LeaseSettings::of(LEASE)),
            presence: PresenceMachine::new(PresenceSettings::default()),
            beats: 0,
            calling: None,
            tenure: None,
            term: Moment::START,
            is_closing: false,
            reign: None,
            warm: None,
            since: now.wall,
            shown: std::collections::BTreeMap::new(),
        }
    }

    pub(super) fn wakeup(&self) -> Option<Moment> {
        let reign = self.reign.as_ref().and_then(|reign| reign.sequencer.wakeup());
        [self.lease.wakeup(), self.presence.wakeup(), reign].into_iter().flatten().min()
    }

    pub(super) fn beat(&mut self, id: &NodeId) -> NodeBeat {
        self.beats += 1;
        NodeBeat {
            node: id.clone(),
            boot: self.boot,
            number: self.beats,
            roles: Roles { coordinator: true, ..Roles::default() },
            since: self.since,
            capacity: 0,
            running: 0,
            led: u16::from(self.reign.is_some()),
            version: "simulated".into(),
            reads: Reads::default(),
            staying: Staying::Stays,
        }
    }
}

impl Node {
    pub(super) fn new(id: NodeId, clock: LocalClock) -> Self {
        let (paused_until, resumed_at, cut_until, deaf_until, stops, wakes_at) =
            (0, 0, 0, 0, 0, u64::MAX);
        let life = None;
        Self { id, clock, life, paused_until, resumed_at, cut_until, deaf_until, stops, wakes_at }
    }
}
