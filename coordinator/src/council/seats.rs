//! Who of the team takes which seat, and how seats stand.

use std::collections::BTreeMap;

use orkestra_runtime::id::{AgentId, Capability};

use super::{
    event::Seat,
    refusal::CouncilRefusal,
    settings::{SEATS_DEFAULT, SEATS_MAX},
    state::Seated,
    view::{SeatStatus, SeatView},
    words::NewCouncil,
};
use crate::task::{PERSON, Phase, Task, TaskMachine, view::AgentView};

/// What an agent must have among its capabilities to take a seat of any council.
const ANY_COUNCIL: &str = "council";

/// The team as it is now, by name.
pub(super) struct Team(BTreeMap<AgentId, AgentView>);

impl Team {
    pub(super) fn of(tasks: &TaskMachine) -> Self {
        Self(tasks.agent_views().into_iter().map(|agent| (agent.id.clone(), agent)).collect())
    }

    /// How a seat stands whose work this agent does; where it is offline, why.
    pub(super) fn status(&self, worker: &AgentId) -> (SeatStatus, Option<String>) {
        let Some(agent) = self.0.get(worker) else {
            let why = format!("no agent {worker} has ever joined the team");
            return (SeatStatus::Offline, Some(why));
        };
        let state: &str = &agent.state;
        match state {
            "available" if agent.outstanding >= agent.capacity => (SeatStatus::Busy, None),
            "person" | "available" => (SeatStatus::Ready, None),
            "away" => (SeatStatus::Offline, Some("its worker is not there".to_owned())),
            state => {
                let why = agent.reason.as_deref().unwrap_or("it takes no work");
                (SeatStatus::Offline, Some(format!("{state}: {why}")))
            }
        }
    }

    pub(super) fn view(&self, Seated { seat, at }: &Seated) -> SeatView {
        let (status, reason) = self.status(&seat.worker);
        let of_agent = self.0.get(&seat.worker).map(|agent| agent.capabilities.clone());
        let registered = &seat.capabilities;
        SeatView {
            id: seat.id.clone(),
            worker: seat.worker.clone(),
            status,
            reason,
            capabilities: of_agent.unwrap_or_else(|| registered.supported_tasks.clone()),
            registered: registered.clone(),
            endpoint: seat.endpoint.clone(),
            metadata: seat.metadata.clone(),
            registered_at_ms: at.as_ms(),
        }
    }

    /// Those who can do the work of a role, by name.
    fn able(&self, key: &str) -> Vec<AgentId> {
        let can = |agent: &&AgentView| {
            let mut capabilities = agent.capabilities.iter();
            let fits = capabilities
                .any(|one| one.eq_ignore_ascii_case(key) || one.eq_ignore_ascii_case(ANY_COUNCIL));
            fits && agent.state != PERSON
        };
        self.0.values().filter(can).map(|agent| agent.id.clone()).collect()
    }

    /// The seats of a new council, in turn among those who can do the work.
    pub(super) fn seats(
        &self,
        key: &str,
        council: &NewCouncil,
    ) -> Result<Vec<Seat>, CouncilRefusal> {
        let role = &council.role;
        let no_agents = |why| CouncilRefusal::NoAgents { role: role.clone(), why };
        let workers =
            if council.agents.is_empty() { self.able(key) } else { council.agents.clone() };
        if workers.is_empty() {
            return Err(no_agents(format!(
                "no agent of this team has capability {key:?} or {ANY_COUNCIL:?}; add one, or name \
                 agents"
            )));
        }
        if let Some(unknown) = workers.iter().find(|worker| !self.0.contains_key(*worker)) {
            return Err(no_agents(format!(
                "no agent {unknown} is, or was, in this team; look at `orkestra agents`, or register \
                 it with the council before it comes"
            )));
        }
        let named = u32::try_from(council.agents.len()).unwrap_or(u32::MAX);
        let count = match (council.num_agents, named) {
            (0, 0) => SEATS_DEFAULT,
            (0, named) => named,
            (count, _) => count,
        };
        if count as usize > SEATS_MAX {
            return Err(CouncilRefusal::bound("seats in a council", SEATS_MAX));
        }
        let mut seats = Vec::new();
        for (place, worker) in (1..=count).zip(workers.iter().cycle()) {
            // A role is a token, so its seats have names.
            let Ok(id) = AgentId::new(format!("agent-{key}-{place:03}")) else { continue };
            seats.push(Seat {
                id,
                worker: worker.clone(),
                capabilities: super::words::Capabilities::default(),
                endpoint: String::new(),
                metadata: BTreeMap::new(),
            });
        }
        Ok(seats)
    }

    /// Whether somebody is known who says that it can do this.
    pub(super) fn knows_capability(&self, capability: &str) -> bool {
        self.0.values().any(|agent| agent.capabilities.iter().any(|one| one == capability))
    }

    pub(super) fn knows(&self, agent: &AgentId) -> bool {
        self.0.contains_key(agent)
    }

    /// Whether a task waits for agents of which none is there.
    pub(super) fn is_nobody_there_for(&self, task: &Task) -> bool {
        let waits = matches!(task.phase, Phase::Ready { .. } | Phase::Retrying { .. });
        let spec = &task.spec;
        let can = |agent: &AgentView| {
            let has = |one: &Capability| agent.capabilities.iter().any(|has| has == one.as_str());
            (spec.agents.is_empty() || spec.agents.contains(&agent.id))
                && spec.requires.iter().all(has)
        };
        let is_there = |agent: &AgentView| self.status(&agent.id).0 != SeatStatus::Offline;
        waits && !self.0.values().any(|agent| can(agent) && is_there(agent))
    }

    /// Whether an agent is a person, who is asked.
    pub(super) fn is_person(&self, agent: &AgentId) -> bool {
        self.0.get(agent).is_some_and(|agent| agent.state == PERSON)
    }
}
