//! What goes wrong, and when, drawn from a seed.

use std::time::Duration;

use orkestra_runtime::chance::Chance;

/// What goes wrong with one node or one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A node is killed and started again a while later.
    Kill,
    /// A node stands still past every lease, and goes on.
    Pause,
    /// Nothing goes through between a node and the servers; connections stay.
    CutBoth,
    /// Nothing that a node says arrives.
    CutOut,
    /// Nothing arrives that a node is told.
    CutIn,
    /// A node's connections are reset, and it connects again.
    Reset,
    /// A node's connections are reset, and it is not let in for a while.
    Refuse,
    /// A node is stopped in order and started again.
    Restart,
    /// All coordinators are stopped in order and started again, one after another.
    Rolling,
    /// A server is killed and started again.
    ServerKill,
    /// A server stands still, and goes on.
    ServerPause,
    /// A server is stopped in order and started again.
    ServerRestart,
}

impl Fault {
    /// Every kind, by how often it comes.
    pub const ALL: [(Self, u64); 12] = [
        (Self::Kill, 40),
        (Self::Pause, 12),
        (Self::CutBoth, 6),
        (Self::CutOut, 5),
        (Self::CutIn, 5),
        (Self::Reset, 6),
        (Self::Refuse, 5),
        (Self::Restart, 8),
        (Self::Rolling, 2),
        (Self::ServerKill, 4),
        (Self::ServerPause, 3),
        (Self::ServerRestart, 4),
    ];

    /// Whether it hits a way, which only some nodes have.
    pub const fn is_of_ways(self) -> bool {
        matches!(self, Self::CutBoth | Self::CutOut | Self::CutIn | Self::Reset | Self::Refuse)
    }

    /// Whether it hits a server.
    pub const fn is_of_servers(self) -> bool {
        matches!(self, Self::ServerKill | Self::ServerPause | Self::ServerRestart)
    }
}

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// How long after the one before.
    pub after: Duration,
    /// What.
    pub fault: Fault,
    /// Which of those that it can hit: a number to be taken modulo how many there are.
    pub target: u64,
    /// How long it lasts.
    pub lasts: Duration,
}

/// The next thing that goes wrong, of these kinds, at most `apart` after the one before.
pub fn draw(chance: &mut Chance, kinds: &[(Fault, u64)], apart: Duration) -> Step {
    let all: u64 = kinds.iter().map(|(_, weight)| weight).sum();
    let mut at = chance.below(all);
    let mut fault = kinds[0].0;
    for (kind, weight) in kinds {
        if at < *weight {
            fault = *kind;
            break;
        }
        at -= weight;
    }
    let span = |chance: &mut Chance, from: u64, to: u64| {
        Duration::from_millis(from + chance.below(to - from))
    };
    let lasts = match fault {
        Fault::Kill => span(chance, 0, 2_500),
        // Longer than a lease and than what presence bears.
        Fault::Pause | Fault::CutBoth | Fault::CutOut | Fault::CutIn => span(chance, 1_500, 4_500),
        Fault::Reset | Fault::Restart | Fault::Rolling => Duration::ZERO,
        Fault::Refuse => span(chance, 500, 3_000),
        Fault::ServerKill | Fault::ServerPause | Fault::ServerRestart => span(chance, 100, 2_000),
    };
    let apart = u64::try_from(apart.as_millis()).unwrap_or(u64::MAX);
    let after = span(chance, apart / 12, apart.max(1));
    Step { after, fault, target: chance.below(u64::MAX), lasts }
}
