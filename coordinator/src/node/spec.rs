//! What a node of a cluster is made of.

use std::{path::PathBuf, sync::Arc, time::Duration};

use orkestra_runtime::{
    Result,
    fabric::Fabric,
    id::NodeId,
    leadership::LeaseSettings,
    presence::PresenceSettings,
    protocol::node::{Hosts, Reads, Roles},
    record::RECORD_VERSION,
    supervise::SupervisionLog,
    time::{Clock, SystemClock},
};

use crate::{
    planning::PlanningSpec,
    shard::{
        Mind as _,
        actor::Settings as ShardPace,
        machine::{ShardMachine, ShardSettings},
    },
    system::Member,
    team,
    tree::Tolerance,
};

/// How many shards a cluster has unless it says otherwise when it is made.
pub const SHARDS: u16 = 16;
/// The most shards that a cluster has.
pub const SHARDS_MAX: u16 = 1_024;

/// What a node of a cluster is made of.
#[derive(Clone, Debug)]
pub struct NodeSpec {
    /// What the node is called: the same in each of its lives.
    pub name: NodeId,
    /// What it does.
    pub roles: Roles,
    /// How many shards the cluster has: fixed by whoever makes it.
    pub shards: u16,
    /// What it talks and remembers with.
    pub fabric: Arc<dyn Fabric>,
    /// Whether the fabric is closed with the node; otherwise whoever brought it closes it.
    pub owns_fabric: bool,
    /// The folder below which attempts get theirs, and where the supervision log is.
    pub folder: PathBuf,
    /// How agents of others are treated that this node hosts.
    pub team: team::Shared,
    /// The agents of its own configuration.
    pub members: Vec<Member>,
    /// How sub-machines behave.
    pub settings: ShardSettings,
    /// How often snapshots are made.
    pub pace: ShardPace,
    /// How many restarts are borne.
    pub tolerance: Tolerance,
    /// How long agents may go on once a stop was asked for.
    pub drain_within: Duration,
    /// How leases are held.
    pub lease: LeaseSettings,
    /// What it says that it reads: all that this program does, unless others are to write less for it.
    pub reads: Reads,
    /// How nodes hear of each other.
    pub presence: PresenceSettings,
    /// How long a node must have been there before shards are handed to it.
    pub stable_after: Duration,
    /// Whether and how it reads what planning says on NATS, where it may lead shards.
    pub planning: Option<PlanningSpec>,
    /// Where starts and ends are told.
    pub log: SupervisionLog,
    /// Where clients come in over gRPC; only at a coordinator.
    pub grpc: Option<Arc<crate::grpc::Door>>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where chance comes from.
    pub seed: u64,
}

impl NodeSpec {
    /// A node over a fabric that is there for good, with both roles, without agents yet, and with
    /// defaults for the rest.
    pub fn new(name: NodeId, fabric: Arc<dyn Fabric>, folder: PathBuf) -> Result<Self> {
        let clock = SystemClock::start();
        let seed = clock.now().wall.as_ms();
        Ok(Self {
            name,
            roles: Roles { coordinator: true, agents: true, hosts: Hosts::Functions },
            shards: SHARDS,
            fabric,
            owns_fabric: false,
            folder,
            team: team::Shared::default(),
            members: Vec::new(),
            settings: ShardSettings::default(),
            pace: ShardPace::default(),
            tolerance: Tolerance::default(),
            drain_within: Duration::from_secs(30),
            lease: LeaseSettings::default(),
            reads: Reads { record: RECORD_VERSION.into(), events: ShardMachine::EVENT_LEVEL },
            presence: PresenceSettings::default(),
            stable_after: orkestra_runtime::leadership::placement::STABLE_AFTER,
            planning: None,
            log: SupervisionLog::unkept(),
            grpc: None,
            clock,
            seed,
        })
    }
}
