//! Figures of councils, as programs and people read them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{view::CouncilStatus, words::Kind};

/// Figures of councils and what they deliberated about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CouncilMetricsView {
    /// How many deliberations have ended that were asked for all proposals.
    pub total_deliberations: u64,
    /// How many have ended that were asked for the one that wins.
    pub total_orchestrations: u64,
    /// How long the first took, on average.
    pub avg_deliberation_ms: f64,
    /// How long the second took.
    pub avg_orchestration_ms: f64,
    /// How long half of both took at most; at most 1/16 more than it was.
    pub p50_ms: u64,
    /// The same of 95 in a hundred.
    pub p95_ms: u64,
    /// The same of 99 in a hundred.
    pub p99_ms: u64,
    /// How many go on.
    pub open: u64,
    /// How many had a winner.
    pub completed: u64,
    /// How many had none, or were cancelled.
    pub failed: u64,
    /// How many did not end in time.
    pub timed_out: u64,
    /// How many have ended, by role.
    pub role_counts: BTreeMap<String, u64>,
    /// How many councils there are.
    pub councils_total: u64,
    /// How many of them are active or busy.
    pub active_councils: u64,
    /// How many seats there are.
    pub agents_total: u64,
    /// How many of them are not offline.
    pub agents_active: u64,
    /// How many there are, by role.
    pub agents_per_role: BTreeMap<String, u64>,
    /// How long a step took from when it was asked to when it was answered, on average.
    pub avg_response_ms: f64,
    /// Each council.
    pub health: Vec<CouncilHealth>,
}

/// How a council does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CouncilHealth {
    /// Which.
    pub council_id: String,
    /// Whose.
    pub namespace: String,
    /// Of which role.
    pub role: String,
    /// How it stands.
    pub status: CouncilStatus,
    /// How many seats are ready.
    pub available_agents: u64,
    /// How many are busy.
    pub busy_agents: u64,
    /// Which part of what has ended has a winner; 1 while nothing has.
    pub success_rate: f64,
}

/// Figures for whoever counts: a fixed number, whatever there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouncilGauges {
    /// How many councils there are.
    pub councils: u64,
    /// How many seats.
    pub seats: u64,
    /// How many deliberations go on, by what they are at.
    pub open: BTreeMap<String, u64>,
    /// How many have ended, by kind and status.
    pub ended: Vec<(Kind, String, u64)>,
    /// How long they took: 50, 95 and 99 in a hundred at most so many milliseconds.
    pub quantiles_ms: [u64; 3],
    /// How many milliseconds all took together.
    pub sum_ms: u64,
}
