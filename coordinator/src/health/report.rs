//! The health of agents and of the system at one time.

use std::collections::BTreeMap;

use orkestra_runtime::id::AgentId;
use serde::Serialize;

use super::{
    facts::AgentVitals,
    incidents::{Incident, IncidentKind, Tally},
    milestones::RunProgress,
    outcomes::{Health, percent},
    tending::Tending,
    vitals::Vitals,
};

/// Whether an agent can work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nothing says that it cannot.
    Able,
    /// It says that it cannot.
    Unavailable,
    /// Somebody wants it to be given nothing more.
    Drained,
    /// Its supervisor tries it no more.
    Parked,
}

impl Standing {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Able => "able",
            Self::Unavailable => "unavailable",
            Self::Drained => "drained",
            Self::Parked => "parked",
        }
    }
}

/// How well an agent does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgentHealth {
    /// Who.
    pub agent: AgentId,
    /// By the rate of its failures.
    pub health: Health,
    /// Whether it can work; one that cannot is not active, however well it did.
    pub standing: Standing,
    /// Why it cannot.
    pub reason: Option<String>,
    /// How many of its latest outcomes are failures, in percent.
    pub error_percent: f64,
    /// 100 less that.
    pub availability_percent: f64,
    /// How many failures came last without a result between them.
    pub consecutive_failures: u64,
    /// How many outcomes the rates are of; at most [`WINDOW`](super::WINDOW).
    pub outcomes: u64,
    /// How many of them are failures.
    pub failures: u64,
    /// Attempts that ended with a result, over its whole life.
    pub completed: u64,
    /// Attempts that failed, over its whole life.
    pub failed: u64,
    /// Attempts that it holds.
    pub running: u64,
}

impl AgentHealth {
    fn of(agent: &AgentId, vitals: &AgentVitals, tending: &Tending) -> Self {
        let outcomes = vitals.outcomes;
        let (failed, ended) = (outcomes.failed(), outcomes.ended());
        let (standing, reason) = match (tending.parked(agent.as_str()), &vitals.unavailable) {
            (Some(why), _) => (Standing::Parked, Some(why.to_owned())),
            (None, Some(why)) => (Standing::Unavailable, Some(why.clone())),
            (None, None) if vitals.drained.is_some() => (Standing::Drained, vitals.drained.clone()),
            (None, None) => (Standing::Able, None),
        };
        Self {
            agent: agent.clone(),
            health: outcomes.health(),
            standing,
            reason,
            error_percent: percent(failed, ended),
            availability_percent: 100.0 - percent(failed, ended),
            consecutive_failures: outcomes.consecutive_failures(),
            outcomes: ended,
            failures: failed,
            completed: vitals.completed,
            failed: vitals.failed,
            running: vitals.running,
        }
    }

    /// Whether it is healthy or degraded, and can work.
    pub fn is_active(&self) -> bool {
        self.health.is_active() && self.standing == Standing::Able
    }
}

/// How well the system does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SystemHealth {
    /// By the thresholds.
    pub health: Health,
    /// Which thresholds made it so, in sentences; empty when it is healthy.
    pub because: Vec<String>,
    /// How many agents are active.
    pub active: u64,
    /// Of how many.
    pub agents: u64,
    /// How many of all agents' latest outcomes are failures, in percent.
    pub error_percent: f64,
    /// 100 less that.
    pub availability_percent: f64,
    /// Attempts that ended with a result, over the life of the folder.
    pub completed: u64,
    /// Attempts that failed, over the life of the folder.
    pub failed: u64,
    /// How long the node was up, over all its starts, in milliseconds.
    pub uptime_ms: u64,
    /// Results an hour of uptime; none before it was up for a moment.
    pub throughput_per_hour: Option<f64>,
    /// How often the node was started.
    pub starts: u32,
    /// How often something was started again by its supervisor.
    pub restarts: u64,
}

impl SystemHealth {
    fn of(agents: &[AgentHealth], tending: &Tending) -> Self {
        let sum = |of: fn(&AgentHealth) -> u64| agents.iter().map(of).sum::<u64>();
        let (failures, outcomes) = (sum(|one| one.failures), sum(|one| one.outcomes));
        let active = sum(|one| u64::from(one.is_active()));
        let count = agents.len() as u64;
        let health = Health::of_system(failures, outcomes, active, count);
        let uptime_ms = u64::try_from(tending.uptime().as_millis()).unwrap_or(u64::MAX);
        let completed = sum(|one| one.completed);
        Self {
            health,
            because: because(health, (failures, outcomes), (active, count)),
            active,
            agents: count,
            error_percent: percent(failures, outcomes),
            availability_percent: 100.0 - percent(failures, outcomes),
            completed,
            failed: sum(|one| one.failed),
            uptime_ms,
            throughput_per_hour: an_hour(completed, uptime_ms),
            starts: tending.starts(),
            restarts: tending.restarts(),
        }
    }
}

/// Which thresholds were crossed.
fn because(
    health: Health,
    (failures, outcomes): (u64, u64),
    (active, agents): (u64, u64),
) -> Vec<String> {
    let mut told = Vec::new();
    if health == Health::Healthy {
        return told;
    }
    if agents == 0 {
        told.push("there is no agent".to_owned());
    } else if active * 100 < agents * 60 {
        told.push(format!("{active} of {agents} agents are active"));
    }
    if failures * 100 > outcomes * 10 {
        let rate = percent(failures, outcomes);
        told.push(format!("{rate:.0} % of the latest {outcomes} outcomes are failures"));
    }
    told
}

/// So many in so many milliseconds, an hour; to hundredths.
fn an_hour(count: u64, ms: u64) -> Option<f64> {
    let hundredths = (u128::from(count) * 360_000_000).checked_div(u128::from(ms))?;
    // In two parts, each of which a float holds exactly; more than that no journal takes.
    let whole = u32::try_from(hundredths / 100).unwrap_or(u32::MAX);
    let rest = u32::try_from(hundredths % 100).unwrap_or_default();
    Some(f64::from(whole) + f64::from(rest) / 100.0)
}

/// The health of agents and of the system, how far runs are, and what went wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Of the system.
    pub system: SystemHealth,
    /// Of each agent, by name.
    pub agents: Vec<AgentHealth>,
    /// How far each run is that is kept, the latest first.
    pub runs: Vec<RunProgress>,
    /// What went wrong, counted by kind.
    pub incidents_by_type: BTreeMap<IncidentKind, Tally>,
    /// What went wrong, in the order in which it began; the older ones are only counted.
    pub incidents: Vec<Incident>,
}

impl Report {
    /// What the journal and the supervision log say together.
    pub fn of(vitals: &Vitals, tending: &Tending) -> Self {
        let agents = agents(vitals, tending);
        let mut incidents = vitals.incidents().list();
        incidents.extend(tending.incidents().list());
        incidents.sort_by(|a, b| (a.began, a.kind, &a.subject).cmp(&(b.began, b.kind, &b.subject)));
        let mut incidents_by_type = vitals.incidents().tallies();
        incidents_by_type.extend(tending.incidents().tallies());
        Self {
            system: SystemHealth::of(&agents, tending),
            agents,
            runs: vitals.runs().rev().cloned().collect(),
            incidents_by_type,
            incidents,
        }
    }

    /// The health of the system alone.
    pub fn system(vitals: &Vitals, tending: &Tending) -> SystemHealth {
        SystemHealth::of(&agents(vitals, tending), tending)
    }
}

pub(super) fn agents(vitals: &Vitals, tending: &Tending) -> Vec<AgentHealth> {
    let agents = vitals.agents().iter().filter(|(_, vitals)| !vitals.is_person);
    agents.map(|(agent, vitals)| AgentHealth::of(agent, vitals, tending)).collect()
}
