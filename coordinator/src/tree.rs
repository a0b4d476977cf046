//! The whole supervision tree, as data, on one screen.
//!
//! ```text
//! node                 rest_for_one: only the loss of the fabric restarts the rest
//! ├─ fabric            the embedded store; ends when the node does
//! └─ house             one_for_one: its parts find each other through directories
//!    ├─ shards         one_for_one, one child per shard that this node leads
//!    │  └─ shard-0     rest_for_one
//!    │     ├─ reigns   leadership, journal and sequencer: one reign after another
//!    │     ├─ porter   carries what workers say to the sequencer
//!    │     ├─ teller   counts votes that are too large for the sequencer
//!    │     └─ locks    tells sessions what was taken from them
//!    ├─ doors          one_for_one with backoff: ways in from outside, and who looks on
//!    │  ├─ control     the socket in the data directory; only where there is one
//!    │  ├─ monitor     follows what is durable, for health; only if asked for
//!    │  ├─ metrics     answers Prometheus; only if asked for
//!    │  └─ grpc        lets clients in that speak gRPC; only if asked for
//!    └─ agents         one_for_one with backoff, one child per agent
//! ```
//!
//! Stopping goes the other way: agents drain first, while the doors are open still, so that what
//! hangs can be cancelled; then the doors are shut, then the teller and the porter end, then the shard closes with
//! everything durable, then the fabric.

use std::time::Duration;

use orkestra_runtime::supervise::{ChildSpec, Strategy, SupervisorSpec};

/// How many restarts within which period a supervisor of this node bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// How many.
    pub restarts: u32,
    /// Within which time.
    pub period: Duration,
}

impl Default for Tolerance {
    /// Ten in ten seconds.
    fn default() -> Self {
        Self { restarts: 10, period: Duration::from_secs(10) }
    }
}

/// The parts of a node, each ready to be started.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) fabric: ChildSpec,
    pub(crate) reigns: ChildSpec,
    pub(crate) porter: ChildSpec,
    pub(crate) teller: ChildSpec,
    pub(crate) locks: ChildSpec,
    pub(crate) doors: Vec<ChildSpec>,
    pub(crate) agents: Vec<ChildSpec>,
}

/// The tree of a node.
pub(crate) fn node(parts: Parts, tolerance: Tolerance) -> SupervisorSpec {
    let Parts { fabric, reigns, porter, teller, locks, doors, agents } = parts;
    let Tolerance { restarts, period } = tolerance;
    let supervisor = |name: &str| SupervisorSpec::new(name).intensity(restarts, period);
    let shard = supervisor("shard-0").strategy(Strategy::RestForOne);
    let shard = shard.child(reigns).child(porter).child(teller).child(locks);
    let shards = supervisor("shards").supervisor(shard);
    let doors = doors.into_iter().fold(supervisor("doors"), SupervisorSpec::child);
    let agents = agents.into_iter().fold(supervisor("agents"), SupervisorSpec::child);
    let house = supervisor("house").supervisor(shards).supervisor(doors).supervisor(agents);
    supervisor("node").strategy(Strategy::RestForOne).child(fabric).supervisor(house)
}
